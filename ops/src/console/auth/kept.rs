//! What is done through the console is written into the audit: before it is done, and how it ended.

use axum::{
    body::{self, Body},
    extract::Request,
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use base::phone;
use ledger::audit::{self, Act, Ended};
use serde_json::{Map, Value};

use crate::explain;

use super::{
    super::{
        Console, Failed, MAX_FORM,
        fields::fields_of,
        visitor::{Said, Visitor},
    },
    Needed, path_of,
};

/// The act that a request carries out, for those who go on with it after they have answered.
#[derive(Clone, Copy, Debug)]
pub(in crate::console) struct ActId(pub(in crate::console) i64);

/// In a response: the act goes on, and who carries it out will say how it ended.
#[derive(Clone, Copy, Debug)]
pub(in crate::console) struct GoesOn;

/// The fields that name what an act is about. None holds anything about a person.
const TOLD: [&str; 12] =
    ["call", "to", "opportunity", "id", "stage", "code", "all", "since", "until", "url", "kind", "everything"];
/// Fields that hold a phone number.
const MASKED: [&str; 1] = ["number"];

/// What an act is about, from the path and the form.
fn subject(pairs: impl Iterator<Item = (String, String)>) -> Value {
    let mut subject = Map::new();
    for (name, value) in pairs.filter(|(_, value)| !value.is_empty()) {
        let short: String = value.chars().filter(|c| !c.is_control()).take(80).collect();
        if TOLD.contains(&name.as_str()) {
            let value = short.parse::<i64>().map_or_else(|_| short.into(), Value::from);
            subject.insert(name, value);
        } else if name == "key" {
            // Of a conversation it has a number in it.
            let told = short.strip_prefix("messages:").and_then(|rest| rest.split_once(':'));
            let told = told.map(|(number, day)| format!("messages:{}:{day}", phone::masked(number)));
            subject.insert(name, told.unwrap_or(short).into());
        } else if name == "number" && is_call(&short) {
            subject.insert("call".into(), short.trim().parse::<i64>().unwrap_or_default().into());
        } else if MASKED.contains(&name.as_str()) {
            subject.insert(name, phone::masked(&short).into());
        }
    }
    Value::Object(subject)
}

/// Where a number is asked for, the id of a call does as well: digits that begin neither with 0 nor with +.
fn is_call(text: &str) -> bool {
    matches!(explain::asked(text), Ok(explain::Asked::Call(_)))
}

async fn described(request: Request) -> Result<(Request, Value), StatusCode> {
    let (request, path) = path_of(request).await;
    let (parts, body) = request.into_parts();
    let bytes = body::to_bytes(body, MAX_FORM).await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    let form = fields_of(&bytes);
    let subject = subject(form.into_iter().chain(path));
    Ok((Request::from_parts(parts, Body::from(bytes)), subject))
}

fn act<'a>(act: &'a str, visitor: &'a Visitor, subject: Value) -> Act<'a> {
    let person = visitor.person.as_ref();
    Act {
        who: person.map_or("nobody", |person| person.name.as_str()),
        role: person.map_or("none", |person| person.role.as_str()),
        way: if visitor.json { "json" } else { "page" },
        act,
        subject,
    }
}

/// Nothing is done that the audit cannot keep.
pub(super) async fn carried_out(
    console: &Console,
    name: &str,
    visitor: &Visitor,
    request: Request,
    next: Next,
) -> Response {
    let (mut request, subject) = match described(request).await {
        Ok(described) => described,
        Err(status) => return status.into_response(),
    };
    let begun = async {
        let client = console.database.client().await?;
        audit::begin(&client, &act(name, visitor, subject)).await
    };
    let id = match begun.await {
        Ok(id) => id,
        Err(e) => return Failed::from(e).into_response(),
    };
    request.extensions_mut().insert(ActId(id));
    let response = next.run(request).await;
    if response.extensions().get::<GoesOn>().is_none() {
        end(console, id, ended(response.status()), said(&response)).await;
    }
    response
}

/// Somebody wanted to do what their role does not allow.
pub(super) async fn refused(
    console: &Console,
    needed: Needed,
    visitor: &Visitor,
    request: Request,
    refusal: Response,
) -> Response {
    let Needed::Acts(_, name) = needed else { return refusal };
    let Ok((_, subject)) = described(request).await else { return refusal };
    let why = said(&refusal).map(str::to_owned);
    let kept = async {
        let client = console.database.client().await?;
        let id = audit::begin(&client, &act(name, visitor, subject)).await?;
        audit::end(&client, id, Ended::Refused, why.as_deref()).await
    };
    if let Err(e) = kept.await {
        tracing::warn!(error = %e, "A refusal could not be written into the audit.");
    }
    refusal
}

/// Writes down how an act ended.
pub(in crate::console) async fn end(console: &Console, id: i64, ended: Ended, detail: Option<&str>) {
    let written = async { audit::end(&console.database.client().await?, id, ended, detail).await };
    if let Err(e) = written.await {
        tracing::warn!(error = %e, "The end of an act could not be written into the audit.");
    }
}

fn ended(status: StatusCode) -> Ended {
    if status.is_server_error() {
        Ended::Failed
    } else if status.is_client_error() {
        Ended::Refused
    } else {
        Ended::Done
    }
}

fn said(response: &Response) -> Option<&str> {
    response.extensions().get::<Said>().map(|Said(text)| text.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_subject_has_ids_and_no_person() {
        let pairs = [
            ("csrf", "secret"),
            ("call", "3811600001"),
            ("to", "individual:2005"),
            ("by", "Inès"),
            ("number", "+33 6 39 98 41 07"),
            ("password", "hunter2"),
            ("code", "SELLSY\0_PLAN"),
            ("opportunity", ""),
            ("key", "messages:+33639984107:2026-11-30"),
            ("since", "2026-11-01"),
        ];
        let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let expected = json!({ "call": 3_811_600_001_i64, "to": "individual:2005", "code": "SELLSY_PLAN", "number": "+** * ** ** ** 07",
            "key": format!("messages:{}:2026-11-30", phone::masked("+33639984107")), "since": "2026-11-01" });
        assert_eq!(subject(pairs), expected);
    }

    #[test]
    fn an_end_follows_from_the_answer() {
        for (status, expected) in [(303, Ended::Done), (200, Ended::Done), (409, Ended::Refused), (503, Ended::Failed)]
        {
            assert_eq!(ended(StatusCode::from_u16(status).unwrap()), expected);
        }
    }
}

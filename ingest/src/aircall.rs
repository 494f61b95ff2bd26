//! `POST /webhooks/aircall`: what a body means, and who may send it.
//!
//! `judge`, a pure function over the bytes, has four answers: an event of Aircall becomes a fact of the same kind, an event
//! that no worker needs is ignored, a body that cannot be understood is parked, and the rest is refused. The token in the
//! body is the only proof that Aircall sent it; it is compared in constant time with every allowed token. Once the token
//! is right, nothing is refused any more. What cannot be understood is parked, because a shape that we do not know today
//! may carry a call that somebody will ask about.

use std::{borrow::Cow, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
    routing::post,
};
use base::{
    error::{Code, Error},
    ids::CallId,
    settings,
};
use broker::{event::Event, topology};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use subtle::{Choice, ConstantTimeEq};
use vendors::aircall::wire::Envelope;

use crate::door::{self, Answer, Door, Refusal, Verdict};

const SOURCE: &str = "aircall";

struct Aircall {
    rules: Rules,
    door: Door,
}

pub(crate) fn routes(rules: Rules, door: Door) -> Router {
    let not_allowed = || async { door::method_not_allowed("POST") };
    let aircall = Arc::new(Aircall { rules, door });
    Router::new().route("/webhooks/aircall", post(webhook).fallback(not_allowed)).with_state(aircall)
}

async fn webhook(State(aircall): State<Arc<Aircall>>, request: Request) -> Response {
    door::respond(SOURCE, aircall.handle(request).await)
}

impl Aircall {
    async fn handle(&self, request: Request) -> Answer {
        if door::content_type(&request) != "application/json" {
            let message = "send Content-Type: application/json";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "NOT_JSON", message));
        }
        let (body, _share) = self.door.receive(request.into_body()).await?;
        self.door.carry_out(SOURCE, body.len(), judge(&body, &self.rules)).await
    }
}

/// Whose webhooks are accepted, and for which numbers.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    tokens: Vec<SecretString>,
    /// Empty means all.
    number_ids: Vec<i64>,
}

impl Rules {
    pub(crate) fn new(settings: &settings::Aircall) -> Self {
        Self { tokens: settings.webhook_tokens.clone(), number_ids: settings.number_ids.clone() }
    }

    pub(crate) fn for_token(token: &str) -> Self {
        Self { tokens: vec![token.into()], number_ids: Vec::new() }
    }

    /// Compares every token, so that the time it takes does not reveal which one came close.
    fn knows(&self, token: &str) -> bool {
        let matches = self.tokens.iter().map(|known| known.expose_secret().as_bytes().ct_eq(token.as_bytes()));
        matches.fold(Choice::from(0), |any, this| any | this).into()
    }
}

pub(crate) fn judge(body: &[u8], rules: &Rules) -> Verdict {
    match Envelope::parse(body) {
        Ok(envelope) => match &envelope.token {
            Some(token) if rules.knows(token.expose_secret()) => judge_envelope(&envelope, body, rules),
            _ => wrong_token(),
        },
        // It may still be JSON: then the token decides whether an operator should look at it.
        Err(e) => match serde_json::from_slice::<Value>(body) {
            Err(_) => {
                let problem = format!("not JSON: line {}, column {}", e.line(), e.column());
                refuse(StatusCode::BAD_REQUEST, "MALFORMED", problem)
            }
            Ok(value) => match value.get("token").and_then(Value::as_str) {
                Some(token) if rules.knows(token) => park("the envelope is not what is documented", body),
                Some(_) => wrong_token(),
                None => {
                    let message = "not an event: an object with event, token and data is expected";
                    refuse(StatusCode::BAD_REQUEST, "NOT_AN_EVENT", message)
                }
            },
        },
    }
}

fn judge_envelope(envelope: &Envelope<'_>, body: &[u8], rules: &Rules) -> Verdict {
    if !topology::wanted(&envelope.event) {
        return Verdict::Ignore("unneeded_event");
    }
    let Some(call_id) = envelope.call_id() else { return park("the event names no call", body) };
    if let Some(number) = envelope.number_id()
        && !rules.number_ids.is_empty()
        && !rules.number_ids.contains(&number)
    {
        return Verdict::OtherNumber(CallId(call_id));
    }
    let occurred_at = envelope.timestamp.unwrap_or_else(Timestamp::now);
    let event = Event::new(envelope.event.as_ref(), CallId(call_id), occurred_at, envelope.data.to_owned());
    Verdict::Publish(vec![event])
}

fn park(what: &str, body: &[u8]) -> Verdict {
    Verdict::Park { error: Error::park(Code::WebhookPayload, what), body: without_token(body) }
}

fn wrong_token() -> Verdict {
    refuse(StatusCode::UNAUTHORIZED, "WRONG_TOKEN", "the token is not one of AIRCALL_WEBHOOK_TOKENS")
}

fn refuse(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Verdict {
    Verdict::Refuse(Refusal::new(status, code, message))
}

/// Removes the webhook's token from the whole body, because people read dead letters. Bytes that are not UTF-8 may occur
/// in fields that the envelope skips; they are replaced, because JSON is text.
fn without_token(body: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(body);
    match serde_json::from_str(&text) {
        Ok(Value::Object(mut fields)) => {
            let token = fields.remove("token");
            let text = serde_json::to_string(&fields).unwrap_or_default();
            match token.as_ref().and_then(Value::as_str) {
                Some(token) if !token.is_empty() => text.replace(token, "[token]").into_bytes(),
                _ => text.into_bytes(),
            }
        }
        _ => text.into_owned().into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(body: &str, number_ids: &[i64]) -> String {
        let rules = Rules { tokens: vec!["other".into(), "secret".into()], number_ids: number_ids.to_vec() };
        match judge(body.as_bytes(), &rules) {
            Verdict::Publish(events) => format!("publish {} {}", events[0].kind, events[0].call_id),
            Verdict::Ignore(reason) => format!("ignore {reason}"),
            Verdict::OtherNumber(_) => "ignore other_number".into(),
            Verdict::Park { error, body } => {
                assert!(!String::from_utf8_lossy(&body).contains("secret"), "the token is kept");
                format!("park {}", error.message)
            }
            Verdict::Refuse(refusal) => refusal.label().replace('_', " "),
        }
    }

    #[test]
    fn what_is_parked_has_no_token() {
        for (body, expected) in [
            (&br#"{"event":"call.ended","token":"secret","data":{}}"#[..], r#"{"data":{},"event":"call.ended"}"#),
            (
                br#"{"event":"call.ended","token":"secret","data":{"of":"a secret"}}"#,
                r#"{"data":{"of":"a [token]"},"event":"call.ended"}"#,
            ),
            // Found by the fuzzer.
            (
                b"{\"event\":\"call.ended\",\"e\":\"\xcc\",\"token\":\"secret\",\"data\":{}}",
                "{\"data\":{},\"event\":\"call.ended\",\"e\":\"\u{fffd}\"}",
            ),
        ] {
            let Verdict::Park { body, .. } = judge(body, &Rules::for_token("secret")) else {
                unreachable!("{expected}")
            };
            let [parked, expected] =
                [body.as_slice(), expected.as_bytes()].map(|json| serde_json::from_slice::<Value>(json).unwrap());
            assert_eq!(parked, expected);
        }
    }

    #[test]
    fn judges() {
        let call = r#"{"event":"call.ended","token":"secret","timestamp":1764000000,"data":{"id":3811600001,"number":{"id":1001}}}"#;
        for (body, expected) in [
            (call, "publish call.ended 3811600001"),
            (
                r#"{"event":"summary.created","token":"other","data":{"id":"9","call_id":"3811600001"}}"#,
                "publish summary.created 3811600001",
            ),
            // Absent, null and {} all mean none.
            (
                r#"{"event":"call.created","token":"secret","data":{"id":1,"user":{},"number":{},"contact":null}}"#,
                "publish call.created 1",
            ),
            (r#"{"event":"call.created","token":"secret","data":{}}"#, "park the event names no call"),
            (r#"{"event":"call.created","token":"secret","data":null}"#, "park the event names no call"),
            (r#"{"event":"call.created","token":"secret"}"#, "park the envelope is not what is documented"),
            (r#"{"event":7,"token":"secret","data":{}}"#, "park the envelope is not what is documented"),
            (r#"{"event":"call.hungup","token":"secret","data":{"id":1}}"#, "ignore unneeded_event"),
            (r#"{"event":"rocket.launched","token":"secret","data":[]}"#, "ignore unneeded_event"),
            (r#"{"event":"call.ended","token":"wrong","data":{"id":1}}"#, "wrong token"),
            (r#"{"event":"call.ended","token":"","data":{"id":1}}"#, "wrong token"),
            (r#"{"event":"call.ended","data":{"id":1}}"#, "wrong token"),
            (r#"{"token":"secre"}"#, "wrong token"),
            (r#"{"token":"secret"}"#, "park the envelope is not what is documented"),
            ("{}", "not an event"),
            ("[1]", "not an event"),
            ("null", "not an event"),
            ("{\"event\":", "malformed"),
            ("", "malformed"),
        ] {
            assert_eq!(verdict(body, &[]), expected, "{body}");
        }
        assert_eq!(verdict(call, &[1001, 7]), "publish call.ended 3811600001");
        assert_eq!(verdict(call, &[7]), "ignore other_number");
    }
}

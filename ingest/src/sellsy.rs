//! `/webhooks/sellsy/<secret>`: by POST, Sellsy says that a record changed; by GET, it checks that we answer.
//!
//! The secret in the path proves that Sellsy sent it: SELLSY_WEBHOOK_SECRET, or that of a webhook that a command has made. It is
//! compared in constant time. With a wrong secret, the answer is 404. The header `X-Webhook-Signature` is the SHA-1 of `sign_key || body` in hex, with the
//! same secret as `sign_key`; if it is present, it must be right. It proves little: the construction is length-extendable, so
//! anyone who has seen one signed body can sign longer ones. It may be absent, because nobody knows what Sellsy signs in form
//! mode.
//!
//! So a notice is only a hint. It becomes `directory.changed` with a record's kind and id, or `opportunity.changed`; nothing else of
//! it is used, and what it names is fetched again. What cannot be understood is parked, as with Aircall.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, Request, State, rejection::PathRejection},
    http::{HeaderValue, Method, StatusCode},
    response::Response,
    routing::any,
};
use base::{
    error::{Code, Error},
    ids::{CallId, Kind},
};
use broker::event::{DIRECTORY_CHANGED, Event, OPPORTUNITY_CHANGED, OpportunityHint, RecordHint};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::value::to_raw_value;
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use vendors::sellsy::wire::Notice;

use crate::{
    door::{self, Accepted, Answer, Door, Refusal, Verdict},
    keys::Keys,
};

const SOURCE: &str = "sellsy";
const SIGNATURE: &str = "x-webhook-signature";

struct Sellsy {
    keys: Arc<Keys>,
    door: Door,
}

pub(crate) fn routes(keys: Arc<Keys>, door: Door) -> Router {
    Router::new().route("/webhooks/sellsy/{secret}", any(webhook)).with_state(Arc::new(Sellsy { keys, door }))
}

async fn webhook(
    State(sellsy): State<Arc<Sellsy>>,
    secret: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let secret = secret.map(|Path(secret)| secret).unwrap_or_default();
    door::respond(SOURCE, sellsy.handle(&secret, request).await)
}

impl Sellsy {
    async fn handle(&self, secret: &str, request: Request) -> Answer {
        if !self.keys.sellsy().has(secret) {
            self.keys.look_again().await?;
            if !self.keys.sellsy().has(secret) {
                tracing::warn!(
                    source = SOURCE,
                    "A webhook was refused: its path does not end in a secret that counts."
                );
                return Err(door::not_found());
            }
        }
        match *request.method() {
            Method::GET | Method::HEAD => return Ok(Accepted::Ping),
            Method::POST => {}
            _ => return Err(door::method_not_allowed("GET, HEAD, POST")),
        }
        if !matches!(door::content_type(&request).as_str(), "application/json" | "application/x-www-form-urlencoded") {
            let message =
                "send Content-Type: application/json, or application/x-www-form-urlencoded with the field notif";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "NOT_A_NOTICE", message));
        }
        let (head, body) = request.into_parts();
        let (body, _share) = self.door.receive(body).await?;
        let signature = head.headers.get(SIGNATURE).map(HeaderValue::as_bytes);
        self.door.carry_out(SOURCE, body.len(), judge(&body, signature, &secret.into())).await
    }
}

fn equal_in_constant_time(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// What a body means that came with the right secret in its path.
pub(crate) fn judge(body: &[u8], signature: Option<&[u8]>, secret: &SecretString) -> Verdict {
    if signature.is_some_and(|signature| {
        !equal_in_constant_time(&signature.to_ascii_lowercase(), sign(body, secret).as_bytes())
    }) {
        let message = "X-Webhook-Signature is wrong: the webhook's sign_key must be the secret at the end of its path";
        return Verdict::Refuse(Refusal::new(StatusCode::UNAUTHORIZED, "WRONG_SIGNATURE", message));
    }
    let Ok(notice) = Notice::parse(body) else { return park("it is no notice in JSON, and no form with one", body) };
    // Without a related type, the type of the event is that of the record.
    let Some(related) = notice.relatedtype.as_deref().or(notice.event_type.as_deref()) else {
        return park("the notice names no type of record", body);
    };
    let hints = hints(related);
    if hints.is_empty() {
        return Verdict::Ignore("other_record");
    }
    let Some(id) = notice.relatedid else { return park("the notice names no record", body) };
    let occurred_at = notice.timestamp.and_then(|s| Timestamp::from_second(s).ok()).unwrap_or_else(Timestamp::now);
    match hints.iter().map(|hint| hint.event(id, occurred_at)).collect() {
        Ok(events) => Verdict::Publish(events),
        Err(_) => park("its hint could not be written as JSON", body),
    }
}

/// SHA-1 of `secret || body`, 40 digits.
fn sign(body: &[u8], secret: &SecretString) -> String {
    let digest = Sha1::new().chain_update(secret.expose_secret()).chain_update(body).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a notice is about.
#[derive(Clone, Copy)]
enum Hint {
    Record(Kind),
    Opportunity,
}

impl Hint {
    fn event(self, id: i64, occurred_at: Timestamp) -> serde_json::Result<Event> {
        let (fact, payload) = match self {
            Self::Record(kind) => (DIRECTORY_CHANGED, to_raw_value(&RecordHint { kind, id })?),
            Self::Opportunity => (OPPORTUNITY_CHANGED, to_raw_value(&OpportunityHint { id })?),
        };
        Ok(Event::new(fact, CallId::NONE, occurred_at, payload))
    }
}

/// What a `relatedtype` may mean. Sellsy's old API, which still writes the notices, knows clients,
/// prospects and suppliers, but not whether one of them is an individual or a company: so both are fetched, and one is found.
/// (`relatedobject` might say which, but no such notice has been recorded yet.) Estimates, tasks and so on do not concern us.
fn hints(related: &str) -> &'static [Hint] {
    match related.to_ascii_lowercase().as_str() {
        "people" | "contact" => &[Hint::Record(Kind::Contact)],
        "individual" => &[Hint::Record(Kind::Individual)],
        "company" => &[Hint::Record(Kind::Company)],
        "third" | "client" | "prospect" | "supplier" => &[Hint::Record(Kind::Individual), Hint::Record(Kind::Company)],
        "opportunity" => &[Hint::Opportunity],
        _ => &[],
    }
}

fn park(what: &str, body: &[u8]) -> Verdict {
    Verdict::Park { error: Error::park(Code::WebhookPayload, format!("from Sellsy: {what}")), body: body.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a-secret-of-the-path";

    fn verdict(body: &str, signature: Option<&str>) -> String {
        match judge(body.as_bytes(), signature.map(str::as_bytes), &SECRET.into()) {
            Verdict::Publish(events) => events
                .iter()
                .map(|event| {
                    assert_eq!(event.call_id, CallId::NONE);
                    if event.kind == OPPORTUNITY_CHANGED {
                        return format!("opportunity {}", event.payload::<OpportunityHint>().unwrap().id);
                    }
                    assert_eq!(event.kind, DIRECTORY_CHANGED);
                    let hint: RecordHint = serde_json::from_str(event.payload.get()).unwrap();
                    format!("{} {}", hint.kind, hint.id)
                })
                .collect::<Vec<_>>()
                .join(", "),
            Verdict::Ignore(reason) => format!("ignore {reason}"),
            Verdict::OtherNumber(_) => unreachable!("Sellsy has no numbers"),
            Verdict::Park { error, body: kept } => {
                assert_eq!(kept, body.as_bytes());
                error.message.replace("from Sellsy: ", "park ")
            }
            Verdict::Refuse(refusal) => refusal.label().replace('_', " "),
        }
    }

    fn notice(related: &str) -> String {
        format!(
            r#"{{"eventType":"x","event":"updated","timestamp":"1778187955","relatedtype":"{related}","relatedid":"12345"}}"#
        )
    }

    #[test]
    fn judges() {
        for (related, expected) in [
            ("people", "contact 12345"),
            ("contact", "contact 12345"),
            ("People", "contact 12345"),
            ("third", "individual 12345, company 12345"),
            ("client", "individual 12345, company 12345"),
            ("prospect", "individual 12345, company 12345"),
            ("supplier", "individual 12345, company 12345"),
            ("individual", "individual 12345"),
            ("company", "company 12345"),
            ("estimate", "ignore other_record"),
            ("invoice", "ignore other_record"),
            ("item", "ignore other_record"),
            ("task", "ignore other_record"),
            ("opportunity", "opportunity 12345"),
            ("spaceship", "ignore other_record"),
        ] {
            assert_eq!(verdict(&notice(related), None), expected, "{related}");
        }
        for (body, expected) in [
            // As recorded, with fields left out; in JSON mode and in form mode.
            (
                r#"{"eventType":"docslog","event":"step","timestamp":"1778187955","ownerid":"1084","ownertype":"staff","corpid":"929","relatedid":"52437688","relatedtype":"estimate","relatedobject":{"id":52437688,"status":"accepted"}}"#,
                "ignore other_record",
            ),
            (
                "notif=%7B%22event%22%3A+%22updated%22%2C+%22relatedid%22%3A+%2212345%22%2C+%22relatedtype%22%3A+%22client%22%7D",
                "individual 12345, company 12345",
            ),
            (
                r#"{"eventType":"client","event":"created","timestamp":"1778187955","ownerid":"1084"}"#,
                "park the notice names no record",
            ),
            (r#"{"eventType":"people","event":"created","relatedid":7}"#, "contact 7"),
            (r#"{"relatedtype":"third","relatedid":"7","timestamp":"soon"}"#, "individual 7, company 7"),
            (r#"{"relatedtype":"people","relatedid":""}"#, "park the notice names no record"),
            (r#"{"relatedtype":"people","relatedid":"-1"}"#, "park the notice names no record"),
            (r#"{"relatedtype":"invoice"}"#, "ignore other_record"),
            (r#"{"relatedid":"7"}"#, "park the notice names no type of record"),
            ("{}", "park the notice names no type of record"),
            (r#"{"relatedtype":["people"]}"#, "park it is no notice in JSON, and no form with one"),
            (r#"{"relatedtype":"#, "park it is no notice in JSON, and no form with one"),
            ("notif=%7B", "park it is no notice in JSON, and no form with one"),
            ("notice=1", "park it is no notice in JSON, and no form with one"),
            ("[1]", "park it is no notice in JSON, and no form with one"),
            ("", "park it is no notice in JSON, and no form with one"),
        ] {
            assert_eq!(verdict(body, None), expected, "{body}");
        }
    }

    #[test]
    fn judges_a_signature_only_if_there_is_one() {
        let body = notice("people");
        // printf '%s' SECRET BODY | sha1sum
        let right = "6c8e959a666063cfe672a594c19d1d2e02a48653";
        let of_another_body = sign(b"{}", &SECRET.into());
        let with_another_key = sign(body.as_bytes(), &"another".into());
        for (signature, expected) in [
            (Some(right), "contact 12345"),
            (Some(&right.to_ascii_uppercase()), "contact 12345"),
            (None, "contact 12345"),
            (Some(&right[..39]), "wrong signature"),
            (Some(""), "wrong signature"),
            (Some(&of_another_body), "wrong signature"),
            (Some(&with_another_key), "wrong signature"),
        ] {
            assert_eq!(verdict(&body, signature), expected, "{signature:?}");
        }
    }
}

//! `POST /webhooks/aircall`: what a body means, and who may send it.
//!
//! `judge`, a pure function over the bytes, has four answers: an event of Aircall becomes a fact of the same kind, an event
//! that no worker needs is ignored, a body that cannot be understood is parked, and the rest is refused. The token in the
//! body is the only proof that Aircall sent it; it is compared in constant time with every token that counts, and one that nobody
//! knows lets the table of tokens be read again: its webhook may have been made a moment ago. Once the token is right, nothing is refused any more. What cannot be understood is parked, because a shape that we do not know today
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
    settings::Settings,
    text,
};
use broker::{event::Event, topology};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::{Value, value::RawValue};
use vendors::aircall::wire::Envelope;

use crate::{
    door::{self, Answer, Door, Refusal, Verdict},
    keys::Keys,
    redact::Secrets,
    tokens::Tokens,
};

const SOURCE: &str = "aircall";
const WRONG_TOKEN: &str = "WRONG_TOKEN";

struct Aircall {
    rules: Rules,
    keys: Arc<Keys>,
    door: Door,
}

pub(crate) fn routes(rules: Rules, keys: Arc<Keys>, door: Door) -> Router {
    let not_allowed = || async { door::method_not_allowed("POST") };
    let aircall = Arc::new(Aircall { rules, keys, door });
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
        let mut verdict = judge(&body, &self.rules, &self.keys.aircall());
        if is_wrong_token(&verdict) {
            verdict = match self.keys.look_again().await {
                Ok(()) => judge(&body, &self.rules, &self.keys.aircall()),
                Err(refusal) => Verdict::Refuse(refusal),
            };
        }
        self.door.carry_out(SOURCE, body.len(), verdict).await
    }
}

/// For which numbers and events webhooks are accepted.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Empty means all.
    number_ids: Vec<i64>,
    /// Whether text messages are wanted.
    messages: bool,
}

impl Rules {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { number_ids: settings.aircall.number_ids.clone(), messages: settings.rules.messages.is_some() }
    }

    pub(crate) fn of_all() -> Self {
        Self { number_ids: Vec::new(), messages: true }
    }
}

/// What must not be kept of a body that has shown this token.
fn secrets(tokens: &Tokens, shown: &str) -> Secrets {
    Secrets(tokens.set.iter().cloned().chain([shown.into()]).collect())
}

pub(crate) fn judge(body: &[u8], rules: &Rules, tokens: &Tokens) -> Verdict {
    let body = &*text::readable(body);
    match Envelope::parse(body) {
        Ok(envelope) => match &envelope.token {
            Some(token) if tokens.has(token.expose_secret()) => {
                judge_envelope(&envelope, body, rules, &secrets(tokens, token.expose_secret()))
            }
            _ => wrong_token(),
        },
        // It may still be JSON: then the token decides whether an operator should look at it.
        Err(e) => match serde_json::from_slice::<Value>(body) {
            Err(_) => {
                let problem = format!("not JSON: line {}, column {}", e.line(), e.column());
                refuse(StatusCode::BAD_REQUEST, "MALFORMED", problem)
            }
            Ok(value) => match value.get("token").and_then(Value::as_str) {
                Some(token) if tokens.has(token) => {
                    park("the envelope is not what is documented", body, &secrets(tokens, token))
                }
                Some(_) => wrong_token(),
                None => {
                    let message = "not an event: an object with event, token and data is expected";
                    refuse(StatusCode::BAD_REQUEST, "NOT_AN_EVENT", message)
                }
            },
        },
    }
}

fn judge_envelope(envelope: &Envelope<'_>, body: &[u8], rules: &Rules, secrets: &Secrets) -> Verdict {
    // An event's name becomes a routing key, and is logged.
    if !topology::wanted(&envelope.event) || secrets.are_in(&envelope.event) {
        return Verdict::Ignore("unneeded_event");
    }
    let is_of_other_number = || {
        let number = envelope.number_id().filter(|_| !rules.number_ids.is_empty());
        number.is_some_and(|number| !rules.number_ids.contains(&number))
    };
    let about = if envelope.event.starts_with("message.") {
        if !rules.messages {
            return Verdict::Ignore("unneeded_event");
        }
        if is_of_other_number() {
            return Verdict::Ignore("other_number");
        }
        if envelope.message_id().is_none() {
            return park("the event names no message", body, secrets);
        }
        CallId::NONE
    } else {
        let Some(call_id) = envelope.call_id() else { return park("the event names no call", body, secrets) };
        if is_of_other_number() {
            return Verdict::OtherNumber(CallId(call_id));
        }
        CallId(call_id)
    };
    let occurred_at = envelope.timestamp.unwrap_or_else(Timestamp::now);
    let data = match secrets.redact(envelope.data.get()) {
        Cow::Borrowed(_) => envelope.data.to_owned(),
        Cow::Owned(redacted) => match RawValue::from_string(redacted) {
            Ok(redacted) => redacted,
            Err(_) => return park("the data cannot be read", body, secrets),
        },
    };
    let event = Event::new(envelope.event.as_ref(), about, occurred_at, data);
    Verdict::Publish(vec![event])
}

/// People read dead letters: the tokens are taken out first.
fn park(what: &str, body: &[u8], secrets: &Secrets) -> Verdict {
    let body = secrets.keep(&String::from_utf8_lossy(body));
    Verdict::Park { error: Error::park(Code::WebhookPayload, what), body }
}

fn wrong_token() -> Verdict {
    let message = "the token is that of no webhook that `callbridge webhook install` has made, and not one of AIRCALL_WEBHOOK_TOKENS";
    refuse(StatusCode::UNAUTHORIZED, WRONG_TOKEN, message)
}

fn is_wrong_token(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Refuse(refusal) if refusal.has_code(WRONG_TOKEN))
}

fn refuse(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Verdict {
    Verdict::Refuse(Refusal::new(status, code, message))
}

#[cfg(test)]
mod tests {
    use proptest::strategy::Strategy;

    use super::*;

    fn tokens(set: &[&str]) -> Tokens {
        Tokens { set: set.iter().map(|token| (*token).into()).collect(), noted: Vec::new() }
    }

    fn verdict(body: &str, number_ids: &[i64]) -> String {
        let rules = Rules { number_ids: number_ids.to_vec(), messages: true };
        match judge(body.as_bytes(), &rules, &tokens(&["other", "secret"])) {
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
            let Verdict::Park { body, .. } = judge(body, &Rules::of_all(), &tokens(&["secret"])) else {
                unreachable!("{expected}")
            };
            let [parked, expected] =
                [body.as_slice(), expected.as_bytes()].map(|json| serde_json::from_slice::<Value>(json).unwrap());
            assert_eq!(parked, expected);
        }
    }

    #[test]
    fn a_lone_surrogate_is_read_as_a_replacement_character() {
        for name in ["Accueil \\ud83d", "\\udc00 \\ud83d\\ud83d\\ude00"] {
            let body = format!(
                r#"{{"event":"call.ended","token":"secret","data":{{"id":1,"number":{{"id":7,"name":"{name}"}}}}}}"#
            );
            let Verdict::Publish(events) = judge(body.as_bytes(), &Rules::of_all(), &tokens(&["secret"])) else {
                unreachable!("{name} is published")
            };
            assert!(events[0].payload::<Value>().is_ok(), "{name}");
        }
    }

    #[test]
    fn an_event_name_that_no_routing_key_can_hold_is_ignored() {
        let event = |length: usize| format!("custom_summary.{}", "x".repeat(length - 15));
        let body = |length| format!(r#"{{"event":"{}","token":"secret","data":{{"call_id":1}}}}"#, event(length));
        assert_eq!(verdict(&body(255), &[]), format!("publish {} 1", event(255)));
        assert_eq!(verdict(&body(256), &[]), "ignore unneeded_event");
    }

    /// What is stored or sent on for a body.
    fn kept(body: &[u8]) -> Vec<u8> {
        match judge(body, &Rules::of_all(), &tokens(&["other", "secret"])) {
            Verdict::Publish(events) => serde_json::to_vec(&events).unwrap(),
            Verdict::Ignore(reason) => reason.into(),
            Verdict::OtherNumber(call_id) => call_id.to_string().into_bytes(),
            Verdict::Park { error, body } => [error.message.as_bytes(), &body].concat(),
            Verdict::Refuse(refusal) => format!("{refusal:?}").into_bytes(),
        }
    }

    /// Also after its escapes have been read.
    fn has_token(kept: &[u8]) -> bool {
        let text = String::from_utf8_lossy(kept);
        // An escaped backslash begins no escape.
        let read = text.replace(r"\\", "|").replace(r"\u0073", "s").replace(r"\u0065", "e");
        [&*text, &*read].iter().any(|text| text.contains("secret") || text.contains("other"))
    }

    #[test]
    fn nothing_that_is_kept_has_the_token() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for data in [
            // Neither can be parsed: the first is too deep, the second too large, the third is no text.
            format!(r#"{{"a":{deep}}}"#),
            r#"{"a":1e999}"#.to_owned(),
            r#"{"a":"\ud83d"}"#.to_owned(),
            r#"{"id":1,"note":"the secret"}"#.to_owned(),
            r#"{"id":1,"\u0073ecret":"\u0073\u0065cret"}"#.to_owned(),
        ] {
            for body in [
                format!(r#"{{"event":"call.ended","token":"secret","data":{data}}}"#),
                format!(r#"{{"event":"call.ended","token":"\u0073ecret","more":"secret","data":{data}}}"#),
                format!(r#"{{"event":"custom_summary.secret","token":"secret","data":{data}}}"#),
                format!(r#"{{"event":7,"token":"secret","data":{data}}}"#),
            ] {
                let kept = kept(body.as_bytes());
                assert!(!has_token(&kept), "{body}: {}", String::from_utf8_lossy(&kept));
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_with_the_token_it_is_never_kept(
            parts in proptest::collection::vec(proptest::prelude::prop_oneof![
                proptest::sample::select(vec![
                    "secret", "\\u0073ecret", "other", "{", "}", "[", "]", "\"", ":", ",", "\"token\":\"secret\"", "\\", "1e999",
                    "\\ud83d", "\"data\":", "\"event\":\"call.ended\"", "\"id\":1", "\"custom_summary.",
                ]).prop_map(|part| part.as_bytes().to_vec()),
                proptest::collection::vec(proptest::prelude::any::<u8>(), 0..6),
            ], 0..20),
            place in 0_usize..4,
        ) {
            let bytes = parts.concat();
            let text: &[u8] = &bytes;
            let around: [&[&[u8]]; 4] = [
                &[text],
                &[br#"{"event":"call.ended","token":"secret","data":{"id":1,"x":"#, text, b"}}"],
                &[br#"{"event":"call.ended","token":"secret","data":{"x":""#, text, br#""}}"#],
                &[br#"{"event":"summary.created","token":"secret","more":""#, text, br#"","data":{"call_id":"1"}}"#],
            ];
            let body = around[place].concat();
            let kept = kept(&body);
            assert!(!has_token(&kept), "{}: {}", String::from_utf8_lossy(&body), String::from_utf8_lossy(&kept));
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

    #[test]
    fn judges_text_messages() {
        let sms = r#"{"event":"message.received","token":"secret","data":{"id":"01FC","number":{"id":1001}}}"#;
        for (body, number_ids, expected) in [
            (sms, &[][..], "publish message.received 0"),
            (sms, &[1001], "publish message.received 0"),
            (sms, &[7], "ignore other_number"),
            (
                r#"{"event":"message.status_updated","token":"secret","data":{"id":5}}"#,
                &[],
                "publish message.status_updated 0",
            ),
            (r#"{"event":"message.sent","token":"secret","data":{"id":""}}"#, &[], "park the event names no message"),
            (r#"{"event":"group_message.sent","token":"secret","data":{"id":"1"}}"#, &[], "ignore unneeded_event"),
        ] {
            assert_eq!(verdict(body, number_ids), expected, "{body}");
        }
        let without = Rules { messages: false, ..Rules::of_all() };
        assert!(matches!(judge(sms.as_bytes(), &without, &tokens(&["secret"])), Verdict::Ignore("unneeded_event")));
    }
}

//! What a webhook's body is: a fact to publish, something nobody needs, something odd to park, or to be refused.
//!
//! A pure function over the bytes. The token is the only proof that Aircall sent it, and it is compared in constant
//! time with every token that is allowed. Once it fits, nothing is refused any more: what cannot be understood is
//! parked, because a shape that we do not know today may carry a call that somebody will ask about.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use shared::{
    aircall::wire::Envelope,
    error::{Code, Error},
    event::{CallId, Event},
    settings, topology,
};
use subtle::{Choice, ConstantTimeEq};

/// Whose webhooks are taken, and of which numbers.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    tokens: Vec<SecretString>,
    /// Empty means all.
    number_ids: Vec<i64>,
}

#[derive(Debug)]
pub(crate) enum Verdict {
    Publish(Event),
    /// Accepted and not needed; the reason is a metric's label.
    Ignore(&'static str),
    /// From Aircall, but not understood.
    Park(Error),
    Malformed(String),
    NotAnEvent,
    WrongToken,
}

impl Rules {
    pub(crate) fn new(settings: &settings::Aircall) -> Self {
        Self { tokens: settings.webhook_tokens.clone(), number_ids: settings.number_ids.clone() }
    }

    /// Every token is compared, so that the time taken does not tell which one came close.
    fn knows(&self, token: &str) -> bool {
        let matches = self.tokens.iter().map(|known| known.expose_secret().as_bytes().ct_eq(token.as_bytes()));
        matches.fold(Choice::from(0), |any, this| any | this).into()
    }
}

pub(crate) fn judge(body: &[u8], rules: &Rules) -> Verdict {
    match Envelope::parse(body) {
        Ok(envelope) => match &envelope.token {
            Some(token) if rules.knows(token.expose_secret()) => fact(&envelope, rules),
            _ => Verdict::WrongToken,
        },
        // Perhaps JSON all the same: the token decides whether somebody should look at it.
        Err(e) => match serde_json::from_slice::<Value>(body) {
            Err(_) => Verdict::Malformed(format!("not JSON: line {}, column {}", e.line(), e.column())),
            Ok(value) => match value.get("token").and_then(Value::as_str) {
                Some(token) if rules.knows(token) => odd("the envelope is not what is documented"),
                Some(_) => Verdict::WrongToken,
                None => Verdict::NotAnEvent,
            },
        },
    }
}

fn fact(envelope: &Envelope<'_>, rules: &Rules) -> Verdict {
    if !topology::wanted(&envelope.event) {
        return Verdict::Ignore("unneeded_event");
    }
    let Some(call_id) = envelope.call_id() else { return odd("the event names no call") };
    if let Some(number) = envelope.number_id()
        && !rules.number_ids.is_empty()
        && !rules.number_ids.contains(&number)
    {
        return Verdict::Ignore("other_number");
    }
    let occurred_at = envelope.timestamp.unwrap_or_else(Timestamp::now);
    Verdict::Publish(Event::new(envelope.event.as_ref(), CallId(call_id), occurred_at, envelope.data.to_owned()))
}

fn odd(what: &str) -> Verdict {
    Verdict::Park(Error::park(Code::WebhookPayload, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(body: &str, number_ids: &[i64]) -> String {
        let rules = Rules { tokens: vec!["other".into(), "secret".into()], number_ids: number_ids.to_vec() };
        match judge(body.as_bytes(), &rules) {
            Verdict::Publish(event) => format!("publish {} {}", event.kind, event.call_id),
            Verdict::Ignore(reason) => format!("ignore {reason}"),
            Verdict::Park(error) => format!("park {}", error.message),
            Verdict::Malformed(_) => "malformed".into(),
            Verdict::NotAnEvent => "not an event".into(),
            Verdict::WrongToken => "wrong token".into(),
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

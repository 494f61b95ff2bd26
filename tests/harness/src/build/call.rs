//! A call for the sandbox to play: `call("+33 6 39 98 41 07").lasting(125).recorded().after(2, tag("VIP"))`.
//!
//! Defaults are what most tests need: inbound, answered, on the first number, by the first agent. `sandbox/README.md` explains the
//! keys.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// The first number of the sandbox's accounts, and the first agent.
pub const NUMBER: i64 = 1001;
pub const AGENT: i64 = 501;
/// 2026-11-23 10:15:30 in Paris: when calls began whose start is of interest.
pub const STARTED_AT: i64 = 1_795_425_330;

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Call(Map<String, Value>);

/// A call with this number, which may also be `anonymous`.
pub fn call(number: &str) -> Call {
    let call = Call(Map::new()).with("direction", "inbound").with("raw_digits", number);
    call.with("number_id", NUMBER).with("user_id", AGENT)
}

impl Call {
    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    pub fn id(self, id: i64) -> Self {
        self.with("id", id)
    }

    /// Aircall does not say who calls.
    pub fn without_number(self) -> Self {
        self.with("raw_digits", Value::Null)
    }

    pub fn outbound(self) -> Self {
        self.with("direction", "outbound")
    }

    /// On another of our numbers.
    pub fn on(self, number_id: i64) -> Self {
        self.with("number_id", number_id)
    }

    pub fn by(self, agent: i64) -> Self {
        self.with("user_id", agent)
    }

    pub fn by_nobody(self) -> Self {
        self.with("user_id", Value::Null)
    }

    pub fn for_teams(self, teams: &[i64]) -> Self {
        self.with("teams", teams)
    }

    /// Nobody answers.
    pub fn missed(self) -> Self {
        self.with("answered", false)
    }

    /// Nobody answers, and the caller leaves a message.
    pub fn voicemail(self) -> Self {
        self.missed().with("voicemail", true)
    }

    /// Seconds, of which the ringing is a part.
    pub fn lasting(self, seconds: i64) -> Self {
        self.with("duration", seconds)
    }

    pub fn ringing(self, seconds: i64) -> Self {
        self.with("ring_s", seconds)
    }

    pub fn recorded(self) -> Self {
        self.with("recording", true)
    }

    pub fn started_at(self, unix_s: i64) -> Self {
        self.with("started_at", unix_s)
    }

    /// A second of the call takes so many real milliseconds; without this it takes none, and cards come too late.
    pub fn paced(self, ms: u64) -> Self {
        self.with("pace_ms", ms)
    }

    /// It has happened wholly before the first webhook goes out.
    pub fn at_once(self) -> Self {
        self.with("at_once", true)
    }

    /// The webhooks of these events never go out.
    pub fn losing(self, events: &[&str]) -> Self {
        self.with("lost", events)
    }

    /// Something happens so many seconds after the hang-up.
    pub fn after(mut self, at_s: i64, event: Event) -> Self {
        let mut event = event.0;
        event.insert("at_s".to_owned(), json!(at_s));
        let all = self.0.entry("after").or_insert_with(|| json!([]));
        if let Some(all) = all.as_array_mut() {
            all.push(Value::Object(event));
        }
        self
    }
}

/// What an agent or the AI adds to a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Event(Map<String, Value>);

/// One that says no more than its name.
pub fn event(name: &str) -> Event {
    Event(Map::new()).with("event", name)
}

pub fn tag(name: &str) -> Event {
    event("call.tagged").with("tags", json!([name]))
}

pub fn untag(name: &str) -> Event {
    event("call.untagged").with("tags", json!([name]))
}

/// [`Event::by`] names its author.
pub fn note(text: &str) -> Event {
    event("call.commented").with("content", text)
}

/// The recording is there.
pub fn recording() -> Event {
    event("call.comm_assets_generated")
}

pub fn summary(text: &str) -> Event {
    event("summary.created").with("content", text)
}

pub fn topics(topics: &[&str]) -> Event {
    event("topics.created").with("content", topics)
}

/// Of the caller: `POSITIVE`, `NEUTRAL`, `NEGATIVE`.
pub fn sentiment(value: &str) -> Event {
    event("sentiment.created").with("value", value)
}

pub fn action_item(text: &str) -> Event {
    event("action_item.created").with("content", text)
}

/// With one section, about the budget.
pub fn custom_summary(name: &str, budget: &str) -> Event {
    let results = json!([{ "name": "Budget", "content": budget }]);
    event("custom_summary.result_created").with("name", name).with("results", results)
}

impl Event {
    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    pub fn by(self, agent: i64) -> Self {
        self.with("user_id", agent)
    }

    /// The webhook leaves out what it says; only Aircall's API has it.
    pub fn bare(self) -> Self {
        self.with("bare", true)
    }

    /// The same under another name, such as `custom_summary.result_updated`.
    pub fn named(self, event: &str) -> Self {
        self.with("event", event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_what_was_said_of_it() {
        let said =
            call("+33 6 39 98 41 07").by(502).lasting(125).after(2, tag("VIP")).after(9, summary("Un devis.").bare());
        let expected = json!({
            "direction": "inbound", "raw_digits": "+33 6 39 98 41 07", "number_id": 1001, "user_id": 502, "duration": 125,
            "after": [
                { "event": "call.tagged", "at_s": 2, "tags": ["VIP"] },
                { "event": "summary.created", "at_s": 9, "content": "Un devis.", "bare": true },
            ],
        });
        assert_eq!(json!(said), expected);
    }
}

//! Recorded conversations: the events that a real account sent, with everything personal replaced by invented data.
//!
//! The files under `data/conversations` are built into the binary. Playing one shifts all its UNIX times by the same
//! offset, so that it begins now, and gives its calls new ids if theirs are taken already. Where the recording has the id of a
//! user or number of the data file, it gets that one's data, so that the Sellsy account knows its agents too.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::call::call_uuid;
use super::directory::Directory;
use super::state::{State, call_of};

const RECORDED: &[&str] = &[
    include_str!("../../data/conversations/number-calls-number.json"),
    include_str!("../../data/conversations/failed-transfer.json"),
    include_str!("../../data/conversations/callback-request.json"),
];

/// Keys that hold UNIX seconds wherever they occur.
const TIMES: &[&str] =
    &["timestamp", "started_at", "answered_at", "ended_at", "tagged_at", "posted_at", "created_at", "updated_at"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Conversation {
    pub(super) name: String,
    about: String,
    events: Vec<Recorded>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    at_s: u64,
    body: Value,
}

pub(super) fn all() -> Result<Vec<Conversation>, serde_json::Error> {
    RECORDED.iter().map(|text| serde_json::from_str(text)).collect()
}

impl Conversation {
    pub(super) fn describe(&self) -> Value {
        json!({"name": self.name, "about": self.about, "events": self.events.len()})
    }

    /// The envelopes with their offsets, as if the conversation began at `start`, and the ids of its calls.
    pub(super) fn starting_at(&self, start: i64, state: &mut State) -> (Vec<(u64, Value)>, Vec<u64>) {
        let recorded_start = self
            .events
            .first()
            .and_then(|event| Some(event.body.get("timestamp")?.as_i64()? - i64::try_from(event.at_s).ok()?))
            .unwrap_or(start);
        let recorded_ids: BTreeSet<u64> = self.events.iter().filter_map(|event| call_of(&event.body)).collect();
        let ids: BTreeMap<u64, u64> = recorded_ids
            .into_iter()
            .map(|id| if state.knows_call(id) { (id, state.fresh_call_id()) } else { (id, id) })
            .collect();
        let envelopes = self
            .events
            .iter()
            .map(|event| {
                let mut body = event.body.clone();
                shift_times(&mut body, start - recorded_start);
                for (old, new) in ids.iter().filter(|(old, new)| old != new) {
                    replace_id(&mut body, *old, *new);
                }
                replace_people(&mut body, &state.directory);
                (event.at_s, body)
            })
            .collect();
        (envelopes, ids.into_values().collect())
    }
}

fn shift_times(value: &mut Value, by: i64) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                match field.as_i64().filter(|_| TIMES.contains(&key.as_str())) {
                    Some(time) => *field = json!(time + by),
                    None => shift_times(field, by),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| shift_times(item, by)),
        _ => {}
    }
}

fn replace_id(value: &mut Value, old: u64, new: u64) {
    match value {
        Value::Object(fields) => {
            if fields.contains_key("call_uuid") && fields.get("id").and_then(Value::as_u64) == Some(old) {
                fields.insert("call_uuid".into(), json!(call_uuid(new)));
            }
            fields.values_mut().for_each(|field| replace_id(field, old, new));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace_id(item, old, new)),
        Value::Number(number) if number.as_u64() == Some(old) => *value = json!(new),
        Value::String(text) => {
            let old = old.to_string();
            if text.contains(&old) {
                *text = text.replace(&old, &new.to_string());
            }
        }
        _ => {}
    }
}

fn replace_people(value: &mut Value, directory: &Directory) {
    match value {
        Value::Object(fields) => {
            let id = fields.get("id").and_then(Value::as_u64);
            let ours = if fields.contains_key("email") {
                id.and_then(|id| directory.user_in_call(id))
            } else if fields.contains_key("digits") {
                id.and_then(|id| directory.number_in_call(id))
            } else {
                None
            };
            for key in ["name", "email", "digits", "country", "time_zone"] {
                if let (true, Some(known)) = (fields.contains_key(key), ours.as_ref().and_then(|ours| ours.get(key))) {
                    fields.insert(key.to_owned(), known.clone());
                }
            }
            fields.values_mut().for_each(|field| replace_people(field, directory));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace_people(item, directory)),
        _ => {}
    }
}

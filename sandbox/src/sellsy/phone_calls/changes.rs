//! The fields of a write to a phone call, each checked against the documentation and against the account's records.
//!
//! Fields that the documentation does not know are ignored, because its schema is open.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::sellsy::body::{self, NOT_A_CHOICE, Reader, set};
use crate::sellsy::errors::Error;
use crate::sellsy::related;
use crate::sellsy::store::{PhoneCall, Related, Store};

pub(super) const REQUIRED: &[&str] = &["owner_id", "date", "result", "source", "related"];
pub(in crate::sellsy) const RESULTS: [&str; 10] = [
    "noanswer",
    "busy",
    "wrongnumber",
    "msgdirect",
    "msgvocal",
    "connected",
    "transfer",
    "interrupt",
    "scheduled",
    "unknown",
];
pub(super) const SOURCES: [&str; 2] = ["incoming", "outcoming"];
const MOST_RELATED: usize = 3;

#[derive(Debug, Default)]
pub(super) struct Changes {
    owner_id: Option<u64>,
    date: Option<Timestamp>,
    result: Option<String>,
    source: Option<String>,
    related: Option<Vec<Related>>,
    description: Option<Option<String>>,
    duration: Option<u64>,
    topic: Option<u64>,
    priority: Option<u8>,
}

impl Changes {
    pub(super) fn parse(body: &Map<String, Value>, store: &Store, required: &[&str]) -> Result<Changes, Error> {
        let mut read = Reader::new(body, required);
        let changes = Changes {
            owner_id: read.field("owner_id", |value| body::staff(value, store)),
            date: read.field("date", body::date),
            result: read.field("result", |value| choice(value, &RESULTS)),
            source: read.field("source", |value| choice(value, &SOURCES)),
            related: read.field("related", |value| related(value, store)),
            description: read.field("description", body::text_or_null),
            duration: read.field("duration", |value| value.as_u64().ok_or("Cette valeur doit être un entier positif")),
            topic: read.field("topic", |value| {
                let id = body::integer(value)?;
                store.topics.iter().any(|topic| topic.id == id).then_some(id).ok_or("Ce libellé n'existe pas")
            }),
            priority: read.field("priority", body::priority),
        };
        read.into_result()?;
        Ok(changes)
    }

    pub(super) fn apply(self, call: &mut PhoneCall) {
        set(&mut call.owner_id, self.owner_id);
        set(&mut call.date, self.date);
        set(&mut call.result, self.result);
        set(&mut call.source, self.source);
        set(&mut call.related, self.related);
        set(&mut call.description, self.description);
        set(&mut call.duration, self.duration);
        set(&mut call.priority, self.priority);
        call.topic = self.topic.or(call.topic);
        if call.result == "scheduled" {
            call.duration = 0;
        }
    }
}

fn choice(value: &Value, choices: &[&str]) -> Result<String, &'static str> {
    let text = value.as_str().filter(|text| choices.contains(text)).ok_or(NOT_A_CHOICE)?;
    Ok(text.to_owned())
}

fn related(value: &Value, store: &Store) -> Result<Vec<Related>, &'static str> {
    let related = related::read(value, store)?;
    if related.is_empty() || related.len() > MOST_RELATED {
        return Err("Cette liste doit contenir de 1 à 3 éléments");
    }
    if related.iter().enumerate().any(|(n, one)| related[..n].iter().any(|other| other.kind == one.kind)) {
        return Err("Un seul élément de chaque type est possible");
    }
    Ok(related)
}

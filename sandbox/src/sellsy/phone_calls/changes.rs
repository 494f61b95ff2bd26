//! The fields of a write to a phone call, each checked against the documentation and against the account's records.
//!
//! Every field has one reader; a value that it cannot read is a problem under the field's name, and a write with any problem
//! changes nothing. Fields that the documentation does not know are ignored, because its schema is open.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::sellsy::errors::{Error, Problems};
use crate::sellsy::filters::date_time;
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
pub(super) const NOT_A_CHOICE: &str = "Cette valeur ne fait pas partie des choix possibles";
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
        let mut problems = Problems::default();
        required.iter().filter(|field| !body.contains_key(**field)).for_each(|field| problems.missing(field));
        let mut read = Reader { body, problems };
        let changes = Changes {
            owner_id: read.field("owner_id", |value| {
                let id = value.as_u64().ok_or("Cette valeur doit être un entier")?;
                store.staffs.contains_key(&id).then_some(id).ok_or("Ce collaborateur n'existe pas")
            }),
            date: read.field("date", |value| {
                value.as_str().and_then(date_time).ok_or("Cette valeur doit être une date ISO 8601 avec son décalage")
            }),
            result: read.field("result", |value| choice(value, &RESULTS)),
            source: read.field("source", |value| choice(value, &SOURCES)),
            related: read.field("related", |value| related(value, store)),
            description: read.field("description", |value| match value {
                Value::Null => Ok(None),
                Value::String(text) => Ok(Some(text.clone())),
                _ => Err("Cette valeur doit être une chaîne"),
            }),
            duration: read.field("duration", |value| value.as_u64().ok_or("Cette valeur doit être un entier positif")),
            topic: read.field("topic", |value| {
                let id = value.as_u64().ok_or("Cette valeur doit être un entier")?;
                store.topics.iter().any(|topic| topic.id == id).then_some(id).ok_or("Ce libellé n'existe pas")
            }),
            priority: read.field("priority", |value| match value.as_u64() {
                Some(0) => Ok(0),
                Some(1) => Ok(1),
                _ => Err("Cette valeur doit être 0 ou 1"),
            }),
        };
        read.problems.into_result()?;
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

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

#[derive(Debug)]
struct Reader<'a> {
    body: &'a Map<String, Value>,
    problems: Problems,
}

impl Reader<'_> {
    fn field<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Result<T, &'static str>) -> Option<T> {
        match read(self.body.get(name)?) {
            Ok(value) => Some(value),
            Err(why) => {
                self.problems.invalid(name, why);
                None
            }
        }
    }
}

fn choice(value: &Value, choices: &[&str]) -> Result<String, &'static str> {
    let text = value.as_str().filter(|text| choices.contains(text)).ok_or(NOT_A_CHOICE)?;
    Ok(text.to_owned())
}

fn related(value: &Value, store: &Store) -> Result<Vec<Related>, &'static str> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Closed {
        r#type: Value,
        id: Value,
    }
    let closed = Vec::<Closed>::deserialize(value).map_err(|_| "Chaque élément a un type et un id, rien d'autre")?;
    let objects = closed.into_iter().map(|object| serde_json::json!({"type": object.r#type, "id": object.id}));
    let related: Vec<Related> = objects
        .map(serde_json::from_value)
        .collect::<Result<_, _>>()
        .map_err(|_| "Chaque élément a un type possible et un id entier")?;
    if related.is_empty() || related.len() > MOST_RELATED {
        return Err("Cette liste doit contenir de 1 à 3 éléments");
    }
    if related.iter().enumerate().any(|(n, one)| related[..n].iter().any(|other| other.kind == one.kind)) {
        return Err("Un seul élément de chaque type est possible");
    }
    if related.iter().any(|one| !store.knows(*one)) {
        return Err("Un des éléments liés n'existe pas");
    }
    Ok(related)
}

//! The fields in the body of a write: each has one reader, and a value that it cannot read is a problem under the field's name.
//!
//! A write with any problem changes nothing, and its answer names all of them.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::errors::{Error, Problems};
use super::filters::date_time;
use super::store::Store;

pub(super) const NOT_A_CHOICE: &str = "Cette valeur ne fait pas partie des choix possibles";
const NOT_AN_INTEGER: &str = "Cette valeur doit être un entier";

#[derive(Debug)]
pub(super) struct Reader<'a> {
    body: &'a Map<String, Value>,
    problems: Problems,
}

impl<'a> Reader<'a> {
    pub(super) fn new(body: &'a Map<String, Value>, required: &[&str]) -> Reader<'a> {
        let mut problems = Problems::default();
        required.iter().filter(|field| !body.contains_key(**field)).for_each(|field| problems.missing(field));
        Reader { body, problems }
    }

    pub(super) fn field<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Result<T, &'static str>) -> Option<T> {
        match read(self.body.get(name)?) {
            Ok(value) => Some(value),
            Err(why) => {
                self.problems.invalid(name, why);
                None
            }
        }
    }

    /// For a schema that is closed.
    pub(super) fn refuse_unknown(&mut self, known: &[&str]) {
        let body = self.body;
        body.keys().filter(|key| !known.contains(&key.as_str())).for_each(|key| self.problems.unknown(key));
    }

    pub(super) fn into_result(self) -> Result<(), Error> {
        self.problems.into_result()
    }
}

pub(super) fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

pub(super) fn integer(value: &Value) -> Result<u64, &'static str> {
    value.as_u64().ok_or(NOT_AN_INTEGER)
}

pub(super) fn staff(value: &Value, store: &Store) -> Result<u64, &'static str> {
    let id = integer(value)?;
    store.staffs.contains_key(&id).then_some(id).ok_or("Ce collaborateur n'existe pas")
}

pub(super) fn date(value: &Value) -> Result<Timestamp, &'static str> {
    value.as_str().and_then(date_time).ok_or("Cette valeur doit être une date ISO 8601 avec son décalage")
}

pub(super) fn text_or_null(value: &Value) -> Result<Option<String>, &'static str> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err("Cette valeur doit être une chaîne"),
    }
}

pub(super) fn text(value: &Value) -> Result<String, &'static str> {
    value.as_str().map(str::to_owned).ok_or("Cette valeur doit être une chaîne")
}

pub(super) fn flag(value: &Value) -> Result<bool, &'static str> {
    value.as_bool().ok_or("Cette valeur doit être un booléen")
}

/// One of the names of `T`.
pub(super) fn choice<T: DeserializeOwned>(value: &Value) -> Result<T, &'static str> {
    T::deserialize(value).map_err(|_| NOT_A_CHOICE)
}

/// What `read` reads, or null.
pub(super) fn or_null<T>(
    read: impl FnOnce(&Value) -> Result<T, &'static str>,
) -> impl FnOnce(&Value) -> Result<Option<T>, &'static str> {
    move |value: &Value| if value.is_null() { Ok(None) } else { read(value).map(Some) }
}

pub(super) fn priority(value: &Value) -> Result<u8, &'static str> {
    match value.as_u64() {
        Some(0) => Ok(0),
        Some(1) => Ok(1),
        _ => Err("Cette valeur doit être 0 ou 1"),
    }
}

/// A list of objects. Serde alone would read a list in the place of each object too.
pub(super) fn objects<T: DeserializeOwned>(value: &Value) -> Option<Vec<T>> {
    value.as_array().filter(|items| items.iter().all(Value::is_object))?;
    Vec::deserialize(value).ok()
}

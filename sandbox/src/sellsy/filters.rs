//! The body of a search: `{"filters": {…}}` and nothing else, each filter of the documented type.
//!
//! `limit`, `offset`, `order` and `direction` belong in the query and are refused in the body. An unknown filter is refused
//! where the documented schema is closed. Where it is open, the filter is ignored, so that the answer has more than was wanted.

use axum::body::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::errors::{Error, Problems};
use super::request;

const OF_THE_QUERY: [&str; 4] = ["limit", "offset", "order", "direction"];

/// What the documentation says about unknown keys.
#[derive(Debug, Clone, Copy)]
pub(super) enum Schema {
    Closed(&'static [&'static str]),
    /// Closed around the filters, but not within them.
    OpenFilters,
    Open,
}

#[derive(Debug)]
pub(super) struct Filters {
    map: Map<String, Value>,
    pub(super) problems: Problems,
}

impl Filters {
    /// Reads the body of a search. `required`: `filters` must be present.
    pub(super) fn parse(body: &Bytes, schema: Schema, required: bool) -> Result<Filters, Error> {
        let mut body = if body.is_empty() && !required { Map::new() } else { request::object(body)? };
        let mut problems = Problems::default();
        let map = match body.remove("filters") {
            Some(Value::Object(map)) => map,
            // PHP writes an empty map as an empty list, and clients in PHP send that.
            Some(Value::Array(list)) if list.is_empty() => Map::new(),
            Some(_) => {
                problems.invalid("filters", "Cette valeur doit être un objet");
                Map::new()
            }
            None if required => {
                problems.missing("filters");
                Map::new()
            }
            None => Map::new(),
        };
        for key in body.keys() {
            if OF_THE_QUERY.contains(&key.as_str()) || !matches!(schema, Schema::Open) {
                problems.unknown(key);
            }
        }
        if let Schema::Closed(known) = schema {
            map.keys().filter(|key| !known.contains(&key.as_str())).for_each(|key| problems.unknown(key));
        }
        Ok(Filters { map, problems })
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        self.read(key, "Cette valeur doit être une chaîne")
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        self.read(key, "Cette valeur doit être un booléen")
    }

    pub(super) fn number(&mut self, key: &str) -> Option<u64> {
        self.read(key, "Cette valeur doit être un entier")
    }

    pub(super) fn priority(&mut self) -> Option<Priorities> {
        self.read("priority", "Cette valeur doit avoir un minimum et un maximum entre 0 et 1")
    }

    pub(super) fn range(&mut self, key: &str) -> Option<Range> {
        self.read(key, "Cette valeur doit être une période de dates ISO 8601")
    }

    pub(super) fn list<T: DeserializeOwned>(&mut self, key: &str) -> Option<Vec<T>> {
        self.read(key, "Cette valeur doit être une liste de valeurs possibles")
    }

    /// A list where null means the same as absent.
    pub(super) fn nullable_list<T: DeserializeOwned>(&mut self, key: &str) -> Option<Vec<T>> {
        if self.map.get(key).is_some_and(Value::is_null) { None } else { self.list(key) }
    }

    /// A value or a list of values.
    pub(super) fn one_or_more<T: DeserializeOwned>(&mut self, key: &str) -> Option<Vec<T>> {
        if self.map.get(key).is_some_and(Value::is_array) {
            return self.list(key);
        }
        self.read(key, "Cette valeur ne fait pas partie des choix possibles").map(|value| vec![value])
    }

    fn read<T: DeserializeOwned>(&mut self, key: &str, why: &str) -> Option<T> {
        let value = T::deserialize(self.map.get(key)?);
        if value.is_err() {
            self.problems.invalid(key, why);
        }
        value.ok()
    }
}

/// From `min` to `max`, both included. Of the filters' objects, this one alone is documented as closed.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Priorities {
    min: Option<Priority>,
    max: Option<Priority>,
}

impl Priorities {
    pub(super) fn contains(self, priority: u8) -> bool {
        self.min.is_none_or(|min| min.0 <= priority) && self.max.is_none_or(|max| priority <= max.0)
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u8")]
struct Priority(u8);

impl TryFrom<u8> for Priority {
    type Error = &'static str;

    fn try_from(level: u8) -> Result<Priority, Self::Error> {
        if level <= 1 { Ok(Priority(level)) } else { Err("neither 0 nor 1") }
    }
}

/// From `start` to `end`, both included.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Range {
    #[serde(default)]
    start: Option<DateTime>,
    #[serde(default)]
    end: Option<DateTime>,
}

impl Range {
    pub(super) fn contains(self, at: Timestamp) -> bool {
        self.start.is_none_or(|start| start.0 <= at) && self.end.is_none_or(|end| at <= end.0)
    }
}

/// An ISO 8601 date and time with its offset, and no other form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DateTime(pub(super) Timestamp);

impl<'de> Deserialize<'de> for DateTime {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        date_time(&text).map(DateTime).ok_or_else(|| serde::de::Error::custom("not a date-time"))
    }
}

pub(super) fn date_time(text: &str) -> Option<Timestamp> {
    let rfc_3339 = text.as_bytes().get(10) == Some(&b'T') && !text.contains('[');
    rfc_3339.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str, schema: Schema) -> bool {
        let filters = Filters::parse(&Bytes::copy_from_slice(body.as_bytes()), schema, true);
        filters.and_then(|filters| filters.problems.into_result()).is_err()
    }

    #[test]
    fn only_filters_belong_in_the_body() {
        let closed = Schema::Closed(&["name"]);
        let check = |body, schema, refused| assert_eq!(refusal(body, schema), refused, "{body}");
        check(r#"{"filters":{}}"#, closed, false);
        check(r#"{"filters":{"name":"x"}}"#, closed, false);
        check(r#"{"filters":{"phone_number":"x"}}"#, closed, true);
        check(r#"{"filters":{"phone_number":"x"}}"#, Schema::Open, false);
        check(r#"{"filters":{},"limit":5}"#, Schema::Open, true);
        check(r#"{"filters":{},"x":5}"#, Schema::Open, false);
        check(r#"{"filters":{},"x":5}"#, Schema::OpenFilters, true);
        check(r#"{"filters":{"phone_number":"x"}}"#, Schema::OpenFilters, false);
        check(r#"{}"#, Schema::Open, true);
        check(r#"[]"#, Schema::Open, true);
        check("", Schema::Open, true);
    }

    #[test]
    fn dates_need_an_offset() {
        let check = |text, ok: bool| assert_eq!(date_time(text).is_some(), ok, "{text}");
        check("2026-11-23T10:15:30+01:00", true);
        check("2026-11-23T09:15:30Z", true);
        check("2026-11-23T09:15:30.5Z", true);
        check("2026-11-23T10:15:30", false);
        check("2026-11-23 10:15:30+01:00", false);
        check("2026-11-23T10:15:30+01:00[Europe/Paris]", false);
        check("2026-11-23", false);
    }
}

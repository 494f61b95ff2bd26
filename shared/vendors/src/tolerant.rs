//! Reads JSON as the two APIs really send it.
//!
//! Aircall and Sellsy agree on little: a missing object is absent, `null` or `{}`; a missing text is absent, `null` or `""`;
//! an id is a number or a numeric string; a time is UNIX seconds or an ISO string; new enum values appear without notice.
//! The functions here are for `#[serde(deserialize_with = "…")]` on the fields of the wire types. They turn each of these
//! spellings into one Rust value, so that a wire type stays a plain list of fields.
//!
//! They never guess. A list where an object should be is an error, because a parked delivery is noticed, while a field that
//! quietly became `None` is not. Where an error would cost more than the field itself, it is `None` all the same: a time
//! in a form that nobody knows ([`time`]), the fields of a row among many ([`lenient`]), the text of an insight
//! ([`prose`]).

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An index entry of PostgreSQL holds 2,704 bytes, a character has up to four.
const LONGEST_NAME: usize = 250;

/// `None` for absent (with `#[serde(default)]`), `null`, `{}`, `[]` and `""`; otherwise the value, which must then parse.
pub(crate) fn opt<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Object(fields) if fields.is_empty() => Ok(None),
        Value::Array(items) if items.is_empty() => Ok(None),
        Value::String(text) if text.trim().is_empty() => Ok(None),
        // A derived `Deserialize` would also accept an array of the fields.
        Value::Array(_) => Err(D::Error::custom("expected an object or a word, not a list")),
        value => T::deserialize(value).map(Some).map_err(D::Error::custom),
    }
}

/// The items of a list that can be read, and how many others there are.
pub(crate) fn readable<T: DeserializeOwned>(items: Vec<Value>) -> (Vec<T>, u64) {
    let (mut read, mut unreadable) = (Vec::with_capacity(items.len()), 0);
    for item in items {
        match strict(&item).and_then(|()| T::deserialize(item).ok()) {
            Some(item) => read.push(item),
            None => unreadable += 1,
        }
    }
    (read, unreadable)
}

/// A derived `Deserialize` would also accept an array of the fields.
fn strict(item: &Value) -> Option<()> {
    (!item.is_array()).then_some(())
}

/// Fields of one row among many, where an error would fail the whole page: what cannot be read is none.
pub(crate) mod lenient {
    use super::*;

    pub(crate) fn opt<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
        Ok(super::opt(Value::deserialize(deserializer)?).unwrap_or_default())
    }

    pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
        Ok(super::text(Value::deserialize(deserializer)?).unwrap_or_default())
    }

    /// Without the items that cannot be read.
    pub(crate) fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
        let items: Vec<Value> = super::list(Value::deserialize(deserializer)?).unwrap_or_default();
        Ok(readable(items).0)
    }

    pub(crate) fn ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<i64>, D::Error> {
        Ok(super::ids(Value::deserialize(deserializer)?).unwrap_or_default())
    }
}

/// Empty for absent (with `#[serde(default)]`), `null` and `{}`; entries that are `null` or `{}` are skipped.
pub(crate) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let items = match Value::deserialize(deserializer)? {
        Value::Null => return Ok(Vec::new()),
        Value::Object(fields) if fields.is_empty() => return Ok(Vec::new()),
        Value::Array(items) => items,
        _ => return Err(D::Error::custom("expected a list")),
    };
    items
        .into_iter()
        .filter(|item| !item.is_null() && item.as_object().is_none_or(|fields| !fields.is_empty()))
        .map(|item| T::deserialize(item).map_err(D::Error::custom))
        .collect()
}

/// A text, trimmed and without NUL, which PostgreSQL cannot store; `None` if that is empty. Numbers are accepted (`cost`,
/// `code`, label ids).
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Object(fields) if fields.is_empty() => Ok(None),
        Value::String(text) => {
            let text = text.replace('\0', "");
            Ok(Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned))
        }
        Value::Number(number) => Ok(Some(number.to_string())),
        _ => Err(D::Error::custom("expected a text")),
    }
}

/// A name or a number as it was typed, cut after 250 characters: indexes of the database hold it.
pub(crate) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(text(deserializer)?.map(|name| match name.char_indices().nth(LONGEST_NAME) {
        // Trimmed, like a text that comes in, so that it is read again as it is stored.
        Some((end, _)) => name[..end].trim_end().to_owned(),
        None => name,
    }))
}

/// The text of an insight in whatever shape it comes: the texts of a list or an object are its lines.
pub(crate) fn prose<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Some(phrases(deserializer)?.join("\n")).filter(|text| !text.is_empty()))
}

/// All texts and numbers in a value, in its order.
pub(crate) fn phrases<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    fn gather(value: &Value, phrases: &mut Vec<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| gather(item, phrases)),
            Value::Object(fields) => fields.values().for_each(|item| gather(item, phrases)),
            other => phrases.extend(text(other).ok().flatten()),
        }
    }
    let mut phrases = Vec::new();
    gather(&Value::deserialize(deserializer)?, &mut phrases);
    Ok(phrases)
}

/// A list of texts; a single text is a list of one, and empty texts are skipped.
pub(crate) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let items = match Value::deserialize(deserializer)? {
        Value::Null => Vec::new(),
        Value::Object(fields) if fields.is_empty() => Vec::new(),
        Value::Array(items) => items,
        text @ Value::String(_) => vec![text],
        _ => return Err(D::Error::custom("expected a list of texts")),
    };
    let texts = items.into_iter().map(|item| text(item).map_err(D::Error::custom));
    texts.filter_map(Result::transpose).collect()
}

/// A required id: a positive number or its digits as a string.
pub(crate) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    opt_id(deserializer)?.ok_or_else(|| D::Error::custom("expected an id: a positive number or its digits as a string"))
}

/// An id that may be missing. A text that is not a number (the ids of messages and sessions) is also `None`.
pub(crate) fn opt_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(integer(&Value::deserialize(deserializer)?).filter(|id| *id > 0))
}

/// A count or a number of seconds: a number or a numeric string. Fractions are cut off, negative values are `None`.
pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(integer(&Value::deserialize(deserializer)?).and_then(|count| u64::try_from(count).ok()))
}

/// A number that may be negative (the rest of a quota).
pub(crate) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(integer(&Value::deserialize(deserializer)?))
}

/// A list of ids; `null` is an empty list.
pub(crate) fn ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<i64>, D::Error> {
    let items: Vec<Value> = list(deserializer)?;
    Ok(items.iter().filter_map(integer).filter(|id| *id > 0).collect())
}

/// A flag: a boolean, 0 or 1, `"true"`, `"1"`, `"Y"`; everything else is false.
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(flag) => flag,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
        Value::String(text) => matches!(text.as_str(), "true" | "1" | "Y"),
        _ => false,
    })
}

/// For `skip_serializing_if`.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_false(flag: &bool) -> bool {
    !*flag
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| whole_part(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
fn whole_part(number: f64) -> Option<i64> {
    (number.abs() < 9e15).then_some(number as i64)
}

/// A point in time: UNIX seconds (or milliseconds, from 10^11 on), also as a numeric string, or ISO 8601; without an offset
/// it is UTC. Anything else is `None`: Sellsy writes `0000-00-00 00:00:00` and `-0001-11-30` where it has no time, and a time
/// that nobody can read is no reason to lose a call or a record. Serialised as UNIX seconds, as Aircall does, or as ISO if
/// it has a fraction.
pub(crate) mod time {
    use super::*;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let time = match (integer(&value), value) {
            (Some(seconds), _) => from_unix(seconds),
            (None, Value::String(text)) => from_iso(text.trim()),
            (None, _) => None,
        };
        Ok(time.filter(|time| USABLE_S.contains(&time.as_second())))
    }

    /// From 1970 to the end of 2999: the database and every other reader can hold it.
    const USABLE_S: std::ops::Range<i64> = 0..32_503_680_000;

    fn from_iso(text: &str) -> Option<Timestamp> {
        let in_utc = || text.parse::<civil::DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
        text.parse().ok().or_else(|| in_utc().map(|time| time.timestamp()))
    }

    pub(crate) fn serialize<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) if time.subsec_nanosecond() == 0 => serializer.serialize_i64(time.as_second()),
            time => time.serialize(serializer),
        }
    }

    fn from_unix(value: i64) -> Option<Timestamp> {
        let since_epoch = if value.unsigned_abs() >= 100_000_000_000 {
            SignedDuration::from_millis(value)
        } else {
            SignedDuration::from_secs(value)
        };
        Timestamp::from_duration(since_epoch).ok()
    }
}

/// An enum of the words that an API uses, with `Other` for words added later. `Other` keeps the word, so that reading and
/// writing a value does not change it.
macro_rules! open_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$word_meta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$word_meta])* $variant,)+
            /// A word that is not in this list.
            Other(String),
        }

        impl $name {
            /// The word on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                match word.as_str() {
                    $($word => Self::$variant,)+
                    _ => Self::Other(word),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::from)
            }
        }
    };
}

/// `Debug` for a type with personal data: prints only the named fields, which hold none, and `..` for the rest.
macro_rules! discreet_debug {
    ($($name:ident { $($field:ident),* })+) => {
        $(impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))$(.field(stringify!($field), &self.$field))*.finish_non_exhaustive()
            }
        })+
    };
}

pub(crate) use {discreet_debug, open_enum};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_no_character_that_postgresql_cannot_store() {
        for (json, expected) in
            [(r#"" a\u0000b ""#, Some("ab")), (r#""\u0000""#, None), ("7", Some("7")), ("{}", None), ("null", None)]
        {
            let read = text(&mut serde_json::Deserializer::from_str(json)).unwrap();
            assert_eq!(read.as_deref(), expected, "{json}");
        }
    }
}

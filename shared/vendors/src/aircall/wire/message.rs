//! The Message object of webhooks: an SMS, MMS or WhatsApp message between one of the company's numbers and the outside.
//!
//! It has no call and, in all samples that are known, no agent. Samples lack nearly every field in turn, so only the id is needed.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Direction, Number};
use crate::tolerant::{self, discreet_debug};

#[derive(Clone, Default, PartialEq, Deserialize)]
pub struct Message {
    /// A text, not a number.
    #[serde(default, deserialize_with = "tolerant::text")]
    pub id: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    pub direction: Option<Direction>,
    /// The other party's.
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub external_number: Option<String>,
    /// The same, perhaps.
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub raw_digits: Option<String>,
    #[serde(default, deserialize_with = "tolerant::prose")]
    pub body: Option<String>,
    /// `received`, `sent`, `delivered`, `failed` and others.
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub status: Option<String>,
    /// `whatsapp`; none for SMS and MMS.
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub channel: Option<String>,
    #[serde(default, with = "tolerant::time")]
    pub created_at: Option<Timestamp>,
    #[serde(default, with = "tolerant::time")]
    pub sent_at: Option<Timestamp>,
    #[serde(default, with = "tolerant::time")]
    pub updated_at: Option<Timestamp>,
    #[serde(default, rename = "media_details", deserialize_with = "attachments")]
    pub media: Vec<Attachment>,
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    pub number: Option<Number>,
}

/// A file that came with it. How one looks is not documented: what is known is how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// The first address of a page or file in it.
    pub link: Option<String>,
}

discreet_debug! {
    Message { id, direction, created_at }
}

impl Message {
    /// When it was sent.
    pub fn at(&self) -> Option<Timestamp> {
        self.sent_at.or(self.created_at)
    }

    pub fn line_country(&self) -> Option<&str> {
        self.number.as_ref()?.country.as_deref()
    }

    /// As it is spelled.
    pub fn other_party(&self) -> Option<&str> {
        self.external_number.as_deref().or(self.raw_digits.as_deref())
    }
}

fn attachments<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Attachment>, D::Error> {
    let items = match Value::deserialize(deserializer)? {
        Value::Array(items) => items,
        // A list with numbered keys, as PHP writes some.
        Value::Object(fields) if !fields.is_empty() && fields.values().all(Value::is_object) => {
            fields.into_iter().map(|(_, item)| item).collect()
        }
        _ => Vec::new(),
    };
    Ok(items.iter().map(|item| Attachment { link: link(item) }).collect())
}

fn link(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim())
            .filter(|text| text.starts_with("https://") && !text.contains(char::is_whitespace))
            .map(str::to_owned),
        Value::Array(items) => items.iter().find_map(link),
        Value::Object(fields) => fields.values().find_map(link),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(data: Value) -> Message {
        serde_json::from_value(data).unwrap()
    }

    #[test]
    fn what_is_known_of_messages_is_read() {
        let read = message(json!({
            "id": "01FC", "direction": "inbound", "external_number": "+33 6 39 98 00 11", "body": "Bonjour\u{0}",
            "status": "received", "channel": null, "raw_digits": "+33 6 39 98 00 11", "created_at": "2026-05-28T20:26:40.000Z",
            "sent_at": null, "updated_at": 1_780_000_000_000_i64, "number": { "id": 1001, "name": "Accueil", "country": "FR" },
            "media_details": [
                { "file_name": "plan.pdf", "url": "https://assets.example/plan.pdf" }, "https://assets.example/a.jpg",
                { "id": 5, "file": { "presigned_url": "https://assets.example/b" } }, { "name": "c.png" }, { "url": "javascript:1" },
            ],
        }));
        assert_eq!((read.id.as_deref(), read.body.as_deref()), (Some("01FC"), Some("Bonjour")));
        assert_eq!((read.at(), read.updated_at), (read.created_at, read.created_at));
        let links: Vec<_> = read.media.iter().map(|media| media.link.as_deref()).collect();
        let expected = ["https://assets.example/plan.pdf", "https://assets.example/a.jpg", "https://assets.example/b"];
        assert_eq!(links, [&expected.map(Some)[..], &[None, None]].concat());
    }

    #[test]
    fn a_message_that_lacks_something_is_still_one() {
        for data in [
            json!({ "id": "1779973182949pqni", "body": null, "created_at": null, "external_number": null, "status": "received" }),
            json!({ "id": 77, "direction": {}, "external_number": ["+33"], "media_details": "x", "number": [], "created_at": "soon" }),
        ] {
            let read = message(data.clone());
            assert!(read.id.is_some() && read.at().is_none() && read.other_party().is_none(), "{data}");
            assert!(read.media.is_empty() && read.direction.is_none(), "{data}");
        }
        assert_eq!(message(json!({ "id": "1", "raw_digits": "0639980011" })).other_party(), Some("0639980011"));
        let map = json!({ "id": "1", "media_details": { "0": { "url": "https://assets.example/a" }, "1": {} } });
        assert_eq!(message(map).media.len(), 2);
        assert_eq!(message(json!({ "id": "1", "body": ["a", "b"] })).body.as_deref(), Some("a\nb"));
        assert!(message(json!({})).id.is_none());
    }
}

//! A webhook delivery: its token, its event, and the resource at that time, not yet parsed.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Call, Message};
use crate::tolerant;

/// `{"resource":"call","event":"call.ended","timestamp":1646389786,"token":"…","data":{…}}`, borrowed from the body.
///
/// Only `event` and `data` are required. Route on `event`: which `resource` newer kinds of events carry is not documented.
#[derive(Deserialize)]
pub struct Envelope<'a> {
    /// `call`, `conversation_intelligence`, `user` …; empty when missing.
    #[serde(borrow, default)]
    pub resource: Cow<'a, str>,
    /// `call.ended`, `summary.created` …
    #[serde(borrow)]
    pub event: Cow<'a, str>,
    /// When Aircall built the payload. Two events can share one second.
    #[serde(default, with = "tolerant::time")]
    pub timestamp: Option<Timestamp>,
    /// The webhook's shared secret, the only authentication of a delivery.
    #[serde(default, deserialize_with = "secret")]
    pub token: Option<SecretString>,
    /// The resource, exactly as it was sent.
    #[serde(borrow)]
    pub data: &'a RawValue,
}

impl<'a> Envelope<'a> {
    /// Reads the delivery without parsing its data.
    pub fn parse(body: &'a [u8]) -> serde_json::Result<Self> {
        // A derived `Deserialize` would also accept an array of the fields.
        if body.trim_ascii_start().starts_with(b"[") {
            return Err(serde_json::Error::custom("expected an object"));
        }
        serde_json::from_slice(body)
    }

    /// Parses the data, for example `envelope.data_as::<Summary>()`.
    pub fn data_as<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(self.data.get())
    }

    /// The data of a `call.*` event: always the whole call, never only the change.
    pub fn call(&self) -> serde_json::Result<Call> {
        self.data_as()
    }

    /// The id of the call that the event is about: the id of a call itself, else the `call_id` of other resources.
    pub fn call_id(&self) -> Option<i64> {
        let pointers: Pointers = self.data_as().ok()?;
        if self.event.starts_with("call.") {
            return pointers.id;
        }
        pointers.call_id.or_else(|| pointers.call?.id)
    }

    /// The id of the message that a `message.*` event is about.
    pub fn message_id(&self) -> Option<String> {
        let message: Message = self.data_as().ok()?;
        message.id
    }

    /// The id of the Aircall number that the event is about, if the data has it.
    pub fn number_id(&self) -> Option<i64> {
        let pointers: Pointers = self.data_as().ok()?;
        pointers.number_id.or_else(|| pointers.number?.id).or_else(|| pointers.call?.number_id)
    }
}

/// The body is personal data and the token is a secret: neither is printed.
impl fmt::Debug for Envelope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("resource", &self.resource)
            .field("event", &self.event)
            .field("timestamp", &self.timestamp)
            .field("data_bytes", &self.data.get().len())
            .finish_non_exhaustive()
    }
}

/// The ids of call and number, in all the places where events have them.
#[derive(Deserialize)]
struct Pointers {
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    id: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    call_id: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    number_id: Option<i64>,
    /// Only real-time transcription nests its call.
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    call: Option<Pointed>,
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    number: Option<Pointed>,
}

/// A nested call or number.
#[derive(Clone, Copy, Deserialize)]
struct Pointed {
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    id: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    number_id: Option<i64>,
}

/// `None` if the secret is empty or missing.
pub(super) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Ok(tolerant::text(deserializer)?.map(SecretString::from))
}

//! The phone call: Sellsy's own object for a telephone conversation with a client.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{comment::Comment, record::Related};
use crate::tolerant::{self, discreet_debug, open_enum};

open_enum! {
    /// How a call went.
    CallResult {
        Connected = "connected",
        NoAnswer = "noanswer",
        /// A voicemail was left.
        VoiceMessage = "msgvocal",
        DirectMessage = "msgdirect",
        Busy = "busy",
        WrongNumber = "wrongnumber",
        Transfer = "transfer",
        Interrupt = "interrupt",
        Scheduled = "scheduled",
        Unknown = "unknown",
    }
}

open_enum! {
    /// Who called whom.
    CallSource {
        Incoming = "incoming",
        /// Sellsy's spelling.
        Outgoing = "outcoming",
    }
}

/// A phone call as Sellsy returns it.
#[derive(Clone, Default, PartialEq, Deserialize)]
pub struct PhoneCall {
    #[serde(deserialize_with = "tolerant::id")]
    pub id: i64,
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    pub owner: Option<Related>,
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    pub source: Option<CallSource>,
    #[serde(default, deserialize_with = "tolerant::text")]
    pub description: Option<String>,
    #[serde(default, with = "tolerant::time")]
    pub created: Option<Timestamp>,
    #[serde(default, with = "tolerant::time")]
    pub updated: Option<Timestamp>,
    /// When the call took place.
    #[serde(default, with = "tolerant::time")]
    pub date: Option<Timestamp>,
    /// Seconds.
    #[serde(default, deserialize_with = "tolerant::count")]
    pub duration: Option<u64>,
    #[serde(default, deserialize_with = "topic")]
    pub topic: Option<Topic>,
    /// Requests write a word, answers have `{"id": word, "name": label}`; both are read.
    #[serde(default, deserialize_with = "result")]
    pub result: Option<CallResult>,
    #[serde(default, deserialize_with = "tolerant::lenient::list")]
    pub related: Vec<Related>,
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    pub company_id: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    pub individual_id: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    pub contact_id: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::count")]
    pub priority: Option<u64>,
}

/// A label that the account has defined.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    pub id: i64,
    pub name: Option<String>,
}

/// `GET /activities/crm/metas`, as far as it is about phone calls.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Metas {
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    pub phonecall: Option<PhoneCallMetas>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct PhoneCallMetas {
    #[serde(default, deserialize_with = "tolerant::lenient::list")]
    pub labels: Vec<TopicLabel>,
}

/// A topic that the account has defined.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct TopicLabel {
    #[serde(deserialize_with = "tolerant::id")]
    pub id: i64,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub label: Option<String>,
    /// Phone calls without a topic of their own get it.
    #[serde(default, deserialize_with = "tolerant::flag")]
    pub is_default: bool,
}

/// The body of `POST /phone-calls` and `PUT /phone-calls/{id}`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PhoneCallCreate {
    /// The staff who made or took the call.
    #[serde(deserialize_with = "tolerant::id")]
    pub owner_id: i64,
    /// ISO 8601 with offset: `2026-11-23T10:15:30+01:00`.
    pub date: String,
    pub result: CallResult,
    pub source: CallSource,
    /// One to three, at most one of each kind: individual, company, contact, opportunity.
    pub related: Vec<Related>,
    #[serde(default)]
    pub description: String,
    /// Seconds.
    #[serde(default)]
    pub duration: u64,
    /// The id of one of the account's labels; left out, it stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<i64>,
}

/// The body of `PUT /phone-calls/{id}`: what is left out stays as it is in Sellsy.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PhoneCallUpdate {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<CallResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<CallSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related: Option<Vec<Related>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<i64>,
    /// A person's: it is sent only where a field that is left out is emptied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u64>,
}

impl PhoneCallUpdate {
    /// With all that it leaves out as it stands.
    #[must_use]
    pub fn completed(self, stands: &PhoneCall) -> Self {
        let related = Some(stands.related.clone()).filter(|related| !related.is_empty());
        Self {
            owner_id: self.owner_id.or(stands.owner.as_ref().map(|owner| owner.id)),
            date: self.date.or_else(|| stands.date.map(|date| date.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string())),
            result: self.result.or_else(|| stands.result.clone()),
            source: self.source.or_else(|| stands.source.clone()),
            related: self.related.or(related),
            description: self.description.or_else(|| stands.description.clone()),
            duration: self.duration.or(stands.duration),
            topic: self.topic.or(stands.topic.as_ref().map(|topic| topic.id)),
            priority: self.priority.or(stands.priority),
        }
    }
}

impl From<PhoneCallCreate> for PhoneCallUpdate {
    fn from(call: PhoneCallCreate) -> Self {
        Self {
            owner_id: Some(call.owner_id),
            date: Some(call.date),
            result: Some(call.result),
            source: Some(call.source),
            related: Some(call.related),
            description: Some(call.description),
            duration: Some(call.duration),
            topic: call.topic,
            priority: None,
        }
    }
}

/// A comment as far as it is like a phone call.
impl From<Comment> for PhoneCall {
    fn from(comment: Comment) -> Self {
        let Comment { id, description, created, updated } = comment;
        Self { id, description, created, updated, ..Self::default() }
    }
}

fn result<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<CallResult>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(word) if !word.is_empty() => Some(word.into()),
        Value::Object(fields) => fields.get("id").and_then(Value::as_str).map(|word| word.to_owned().into()),
        _ => None,
    })
}

fn topic<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Topic>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Object(fields) => fields
            .get("id")
            .and_then(Value::as_i64)
            .map(|id| Topic { id, name: fields.get("name").and_then(Value::as_str).map(str::to_owned) }),
        id => id.as_i64().map(|id| Topic { id, name: None }),
    })
}

discreet_debug! {
    PhoneCall { id, date, result, related }
    PhoneCallCreate { owner_id, date, result, source, related, duration }
    PhoneCallUpdate { owner_id, date, result, source, related, duration }
}

//! A fact that happened, as it travels over the exchange `callbridge.events`.
//!
//! The routing key is the fact's kind: Aircall's own event names are kept, ours are `call.resolved`,
//! `call.insights` and `directory.changed`. The body is `{id, kind, call_id, occurred_at, payload}`; the payload stays raw JSON, so that
//! a stage which only passes it on never parses it. Attempt counts and the trace travel as AMQP headers and not
//! in the body: they belong to a delivery, not to the fact.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base::{
    error::{Error, Result},
    ids::{CallId, Kind},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use uuid::Uuid;

/// Kinds of our own facts; Aircall's kinds are listed in [`crate::topology`] beside the queues that want them.
pub const CALL_RESOLVED: &str = "call.resolved";
pub const CALL_INSIGHTS: &str = "call.insights";
/// A record in Sellsy may have changed, see [`RecordHint`]. Its `call_id` is [`CallId::NONE`], or the call whose log was
/// refused because of that record and which is to be resolved again.
pub const DIRECTORY_CHANGED: &str = "directory.changed";

/// The payload of `directory.changed`: which record, never what it holds. It is fetched again, not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordHint {
    pub kind: Kind,
    pub id: i64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Event {
    /// Identity of this fact (UUID v7, so that facts sort by the moment they were written down).
    pub id: Uuid,
    pub kind: String,
    pub call_id: CallId,
    /// When it happened according to its source, e.g. the webhook's `timestamp`.
    pub occurred_at: Timestamp,
    pub payload: Box<RawValue>,
    /// No webhook brought it: the payload is the call as Aircall's list showed it at `occurred_at`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reconciled: bool,
}

impl Event {
    pub fn new(kind: impl Into<String>, call_id: CallId, occurred_at: Timestamp, payload: Box<RawValue>) -> Self {
        Self { id: Uuid::now_v7(), kind: kind.into(), call_id, occurred_at, payload, reconciled: false }
    }

    /// Since it was written down; its id says when.
    pub fn age(&self) -> Duration {
        let written = self
            .id
            .get_timestamp()
            .map(|at| Duration::from_millis(at.to_unix().0 * 1000 + u64::from(at.to_unix().1) / 1_000_000));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.saturating_sub(written.unwrap_or(now))
    }

    /// What the call in the payload was seen by, for its place among other views of the call: the event's kind, or no
    /// event at all.
    pub fn view(&self) -> &str {
        if self.reconciled { "reconciled" } else { &self.kind }
    }

    /// The payload as a type of the kind's own.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(self.payload.get())
            .map_err(|e| Error::malformed(&format!("the payload of {}", self.kind), &e))
    }

    /// A fact of our own, with its payload written as JSON.
    pub fn of<T: Serialize>(kind: &str, call_id: CallId, payload: &T) -> Result<Self> {
        let payload = serde_json::value::to_raw_value(payload);
        let payload = payload.map_err(|e| Error::malformed(&format!("the payload of {kind}"), &e))?;
        Ok(Self::new(kind, call_id, Timestamp::now(), payload))
    }
}

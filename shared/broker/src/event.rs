//! A fact on the exchange `callbridge.events`: something that happened.
//!
//! The routing key is the fact's kind: Aircall's own event names are kept, ours are `call.resolved`, `call.insights`,
//! `directory.changed` and `opportunity.changed`. The body is `{id, kind, call_id, occurred_at, payload}`; the payload stays raw JSON, so that a stage
//! that only passes it on never parses it. Attempt counts and the trace are AMQP headers and not in the body: they belong to
//! a delivery, not to the fact.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base::{
    error::{Error, Result},
    ids::{CallId, Kind},
};
use jiff::{SignedDuration, Timestamp};
use ledger::resolution::Resolution;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use uuid::Uuid;

/// Kinds of our own facts. Aircall's kinds are in [`crate::topology`], with the queues that bind them.
pub const CALL_RESOLVED: &str = "call.resolved";
pub const CALL_INSIGHTS: &str = "call.insights";
/// A record in Sellsy may have changed, see [`RecordHint`]. The fact's `call_id` is [`CallId::NONE`], or a call that must be
/// resolved again because Sellsy refused its log on that record.
pub const DIRECTORY_CHANGED: &str = "directory.changed";

/// The payload of `directory.changed`: only which record, never its content, which must be fetched from Sellsy.
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordHint {
    pub kind: Kind,
    pub id: i64,
}

/// An opportunity in Sellsy may have changed, see [`OpportunityHint`]. The fact's `call_id` is [`CallId::NONE`].
pub const OPPORTUNITY_CHANGED: &str = "opportunity.changed";

/// The payload of `opportunity.changed`.
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpportunityHint {
    pub id: i64,
}

/// The payload of `call.resolved`.
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    pub record: Option<RecordHint>,
    pub opportunity: Option<i64>,
    /// This follows the call's first decision, made moments after its end: the call cannot have a log yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub first: bool,
}

impl Resolved {
    pub fn of(resolution: &Resolution, first: bool) -> Self {
        let record = resolution.record.as_ref().map(|record| RecordHint { kind: record.kind, id: record.id });
        Self { record, opportunity: resolution.opportunity.as_ref().map(|o| o.id), first }
    }
}

/// A restore, and what brings an event again after it, take longer.
const MOMENTS: SignedDuration = SignedDuration::from_mins(5);

#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
#[derive(Debug, Serialize, Deserialize)]
pub struct Event {
    /// The fact's own id (UUID v7, so that facts sort by the time at which they were created). The same if one publication was repeated.
    pub id: Uuid,
    pub kind: String,
    pub call_id: CallId,
    /// When it happened, according to its source, e.g. the webhook's `timestamp`.
    pub occurred_at: Timestamp,
    #[cfg_attr(feature = "contract", schemars(with = "serde_json::Value"))]
    pub payload: Box<RawValue>,
    /// It comes from reconciliation, not from a webhook: the payload is the call in Aircall's list at `occurred_at`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reconciled: bool,
}

impl Event {
    pub fn new(kind: impl Into<String>, call_id: CallId, occurred_at: Timestamp, payload: Box<RawValue>) -> Self {
        Self { id: Uuid::now_v7(), kind: kind.into(), call_id, occurred_at, payload, reconciled: false }
    }

    /// The time since the fact was created, according to its id.
    pub fn age(&self) -> Duration {
        let created = self
            .id
            .get_timestamp()
            .map(|at| Duration::from_millis(at.to_unix().0 * 1000 + u64::from(at.to_unix().1) / 1_000_000));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.saturating_sub(created.unwrap_or(now))
    }

    /// A first decision that follows from it is not doubted: a ledger that has lost the decision since, and perhaps the log that followed
    /// from it, would get the event again later than this.
    pub fn is_recent(&self) -> bool {
        Timestamp::now().duration_since(self.occurred_at) < MOMENTS
    }

    /// The ledger has handed it on: what it carried is lost.
    pub fn is_empty(&self) -> bool {
        self.payload.get() == "{}"
    }

    /// The source of the view of the call in the payload, which orders it among other views: the event's kind, or
    /// reconciliation.
    pub fn view(&self) -> &str {
        if self.reconciled { "reconciled" } else { &self.kind }
    }

    /// Parses the payload as the type that belongs to the fact's kind.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(self.payload.get())
            .map_err(|e| Error::malformed(&format!("the payload of {}", self.kind), &e))
    }

    /// A fact that happened now, with its payload serialised as JSON.
    pub fn with_payload<T: Serialize>(kind: &str, call_id: CallId, payload: &T) -> Result<Self> {
        let payload = serde_json::value::to_raw_value(payload);
        let payload = payload.map_err(|e| Error::malformed(&format!("the payload of {kind}"), &e))?;
        Ok(Self::new(kind, call_id, Timestamp::now(), payload))
    }
}

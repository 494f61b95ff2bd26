//! A log as Callbridge left it: what stands in Sellsy and differs from that, a person has changed.

use base::{db::Client, error::Result, ids::CallId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::types::Json;
use vendors::sellsy::wire::{CallResult, CallSource, PhoneCallUpdate, Related};

use crate::form::LogForm;

/// What Sellsy answered when the log was written last, so that a text or a date that Sellsy gives back otherwise than it was sent
/// is not taken for a person's change. A field is `None` if the answer did not have it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AsLeft {
    /// The digest of that write. If the row has another one, a worker of an older version, which does not know of this, has written since.
    #[serde(default)]
    pub digest: String,
    /// When Sellsy made the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    pub owner_id: Option<i64>,
    pub date: Option<Timestamp>,
    pub result: Option<CallResult>,
    pub source: Option<CallSource>,
    pub related: Vec<Related>,
    pub duration: Option<u64>,
    pub topic: Option<i64>,
    /// Our block of the text; `None` if a person has removed it.
    pub block: Option<String>,
    /// The text came back as it was sent.
    pub as_sent: bool,
    /// A digest of what people have written around our block.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub around: String,
    /// What a person has changed, so that it is the person's from then on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub theirs: Vec<Part>,
    /// What was sent since, and nobody knows whether it was carried out: the fields that were to become other ones, never the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<PhoneCallUpdate>,
}

/// A part of a log that a person can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Owner,
    Date,
    Direction,
    Result,
    Duration,
    Topic,
    /// The record, its company and the opportunity.
    Links,
    Text,
}

pub async fn as_left(client: &Client, call_id: CallId) -> Result<Option<AsLeft>> {
    let row = client.prepared_query_opt("select log from logs_as_left where call_id = $1", &[&call_id.0]).await?;
    Ok(row.map(|row| {
        let Json(left) = row.get(0);
        left
    }))
}

/// Logs of this form that are to be changed now, or within this many seconds: the id of each in Sellsy, and when Sellsy made it. They are few:
/// [`super::put_off`] lets changes wait for each other, and they are among the open calls.
pub async fn to_change(client: &Client, form: LogForm, within_s: f64, at_most: i64) -> Result<Vec<(i64, Timestamp)>> {
    let sql = "select sellsy_id, l.created_at from calls_open join calls using (call_id) join logs_as_left l using (call_id)
                where calls_open.hand_on_at is not null and due_at <= now() + make_interval(secs => $2) and sellsy_id is not null and l.created_at is not null
                  and coalesce(log_form, 'phone_call') = $1 and gone_at is null
                order by l.created_at limit $3";
    let rows = client.prepared_query(sql, &[&form.as_str(), &within_s, &at_most]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

//! Calls for which something is left to do, although no message may say so any more.
//!
//! What has to happen for a call follows from its row; a message only makes it happen sooner. Each statement that leaves
//! something to do sets `hand_on_at`, and the one that finishes it removes it. If the message is lost, with its queue or
//! because it was never published, that time passes, and the call is handed on again.

use base::{db::Client, error::Result, ids::CallId};
use jiff::Timestamp;

use super::row::{self, CallRow, ROW};

/// When a call is handed on that some message should be carrying: longer than the longest delay between two attempts
/// (1 h), so that a message that waits for its next attempt is not overtaken.
pub(super) const LATER: &str = "now() + interval '75 minutes'";
/// The same after the time at which a change is due, when its message should have come.
pub(super) const SOON_AFTER: &str = "interval '1 minute'";

/// A call for which something was left to do for too long.
#[derive(Debug)]
pub struct Overdue {
    pub row: CallRow,
    /// The time of its view.
    pub seen_at: Option<Timestamp>,
    /// Kinds of insight events that came and were not handled.
    pub insights_awaited: Vec<String>,
    /// Its message may be a dead letter, which is an operator's business.
    pub parked: bool,
}

/// Whether any call is overdue; asked often, and an empty index answers.
pub async fn any_overdue(client: &Client) -> Result<bool> {
    let sql = "select exists (select from calls where hand_on_at <= now())";
    Ok(client.prepared_query_one(sql, &[]).await?.get(0))
}

/// The most overdue calls.
pub async fn overdue(client: &Client, at_most: i64) -> Result<Vec<Overdue>> {
    let sql = format!(
        "select {ROW}, snapshot_at, insights_awaited, parked > 0 as parked
           from calls where hand_on_at <= now() order by hand_on_at limit $1"
    );
    let rows = client.prepared_query(&sql, &[&at_most]).await?;
    let overdue = |row: &tokio_postgres::Row| Overdue {
        row: row::read(row, false),
        seen_at: row.get("snapshot_at"),
        insights_awaited: row.get::<_, Option<_>>("insights_awaited").unwrap_or_default(),
        parked: row.get("parked"),
    };
    Ok(rows.iter().map(overdue).collect())
}

/// Their messages are on the way again, unless they were settled meanwhile.
pub async fn handed_on(client: &Client, calls: &[CallId]) -> Result<()> {
    let sql = format!("update calls set hand_on_at = {LATER} where call_id = any($1) and hand_on_at <= now()");
    let ids: Vec<i64> = calls.iter().map(|call| call.0).collect();
    client.prepared_execute(&sql, &[&ids]).await?;
    Ok(())
}

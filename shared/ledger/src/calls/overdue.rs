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
const SOON_AFTER: &str = "interval '1 minute'";

/// When a call that nobody works on is handed on: never, if nothing is left to do. The conditions: it has changed meanwhile,
/// insights are awaited, nothing was sent for the intent. `due` is the time at which a change is due.
pub(super) fn left_to_do(changed: &str, awaited: &str, unsent: &str, due: &str) -> String {
    let undecided = "resolved_at is null and snapshot->>'ended_at' is not null";
    let unlogged = "resolved_at is not null and sellsy_id is null and resolution->'record'->'id' is not null";
    // Adopted and not written since, or a request may still be carried out.
    let unsettled = format!("sellsy_id is not null and (digest = '' or intent_at is not null and not {unsent})");
    format!(
        "case when {changed} or reopened_at > looked_up_at or {awaited} then {LATER}
              when erased_at is not null or gone_at is not null then null
              when ({undecided}) or ({unlogged}) or ({unsettled}) then {LATER}
              when {due} is not null then greatest({due}, now()) + {SOON_AFTER} end"
    )
}

/// The same after the log was written: only links or insights may be missing.
pub(super) fn left_when_written(changed: &str) -> String {
    format!("case when {changed} or reopened_at > looked_up_at or insights_awaited is not null then {LATER} end")
}

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
    /// It was handed on this often, and no worker has finished its work on it since: perhaps it kills them.
    pub hand_ons: i16,
}

/// Whether any call may be overdue; asked often, and a small table answers.
pub async fn any_overdue(client: &Client) -> Result<bool> {
    let sql = "select exists (select from calls_open where (hand_on_at <= now()) is not false)";
    Ok(client.prepared_query_one(sql, &[]).await?.get(0))
}

/// The most overdue calls. One replica at a time may ask.
pub async fn overdue(client: &Client, at_most: i64) -> Result<Vec<Overdue>> {
    set_right(client).await?;
    let sql = format!(
        "select {ROW}, snapshot_at, insights_awaited, parked > 0 as parked, hand_ons
           from calls where hand_on_at <= now()
                        and call_id = any(array(select call_id from calls_open where (hand_on_at <= now()) is not false order by hand_on_at limit $1))
          order by hand_on_at"
    );
    let rows = client.prepared_query(&sql, &[&at_most]).await?;
    let overdue = |row: &tokio_postgres::Row| Overdue {
        row: row::read(row, false),
        seen_at: row.get("snapshot_at"),
        insights_awaited: row.get::<_, Option<_>>("insights_awaited").unwrap_or_default(),
        parked: row.get("parked"),
        hand_ons: row.get("hand_ons"),
    };
    Ok(rows.iter().map(overdue).collect())
}

/// The table of open calls has a time that is not later than that of the call's row, so that a step which only moves that time on need not
/// write it. A time that has passed is set right, and so is none, which an older version has left for a call that went on for long. The calls' rows are locked, so that nobody sets an earlier time meanwhile.
async fn set_right(client: &Client) -> Result<()> {
    let sql = "with passed as (select call_id, hand_on_at from calls
                               where call_id = any(array(select call_id from calls_open where (hand_on_at <= now()) is not false))
                                 and (hand_on_at <= now()) is not true
                               order by call_id for no key update)
               update calls_open o set hand_on_at = coalesce(passed.hand_on_at, now() + interval '75 minutes')
                 from passed where o.call_id = passed.call_id";
    client.prepared_execute(sql, &[]).await?;
    Ok(())
}

/// The broker has no dead letters any more, so none keeps the call back.
pub async fn has_no_dead_letters(client: &Client, call_id: CallId) -> Result<()> {
    client.prepared_execute("update calls set parked = 0 where call_id = $1", &[&call_id.0]).await?;
    Ok(())
}

/// It was handed on so often, and is handed on again later, unless it was settled meanwhile, or if that was the `last` time.
pub async fn handed_on(client: &Client, call_id: CallId, hand_ons: i16, last: bool) -> Result<()> {
    let sql = format!(
        "update calls set hand_on_at = case when not $3 then {LATER} end, hand_ons = $2
          where call_id = $1 and hand_on_at <= now()"
    );
    client.prepared_execute(&sql, &[&call_id.0, &hand_ons, &last]).await?;
    Ok(())
}

//! Deleting what is kept about people: calls that are too old (`RETENTION_DAYS`), or those of one person.
//!
//! An erased call keeps its row, but nothing in it except its id, the id of its log in Sellsy and when it was erased. The row
//! is what makes a late event, a replayed dead letter or a backfill find the call erased instead of new: nothing is taken in
//! any more (`calls::apply` and the others look for `erased_at`), and it is never logged a second time. It holds nothing
//! about anybody and stays.

use std::time::Duration;

use tokio_postgres::Client;

use crate::error::Result;

/// What was removed in one go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    pub calls: u64,
    pub timeline: u64,
}

/// Everything of these calls but the proof that they were there. Those that are erased already are left alone.
pub async fn calls(client: &Client, ids: &[i64]) -> Result<Erased> {
    // All columns that are not named here are set when the row is made: the id, and counters that say nothing.
    let calls = "update calls
                    set erased_at = now(), snapshot = null, snapshot_at = null, snapshot_rank = null, card_at = null,
                        resolution = null, looked_up_at = null, resolved_at = null, insights = '{}', digest = null,
                        intent_at = null, unmatched_number = null, reopened_at = null, due_at = null,
                        links_refused_at = null, forwarded_to = null, forwarded_at = null,
                        reconciled_at = null, reconciled_view = null
                  where call_id = any($1) and erased_at is null";
    let calls = client.execute(calls, &[&ids]).await?;
    let timeline = client.execute("delete from timeline where call_id = any($1)", &[&ids]).await?;
    Ok(Erased { calls, timeline })
}

/// The oldest calls that we heard of longer ago than `age`, at most so many.
pub async fn old_calls(client: &Client, age: Duration, at_most: i64) -> Result<Vec<i64>> {
    let sql = "select call_id from calls
                where erased_at is null and created_at < now() - make_interval(secs => $1)
                order by created_at limit $2";
    let rows = client.query(sql, &[&age.as_secs_f64(), &at_most]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Lines of the timeline that are older than `age`: of calls that go on being changed, and of erased ones that an event
/// came for. Lines are numbered in the order in which they were written, so the oldest are the first.
pub async fn old_lines(client: &Client, age: Duration, at_most: i64) -> Result<u64> {
    let sql = "delete from timeline where id in (
                   select id from (select id, at from timeline order by id limit $2) oldest
                    where at < now() - make_interval(secs => $1))";
    Ok(client.execute(sql, &[&age.as_secs_f64(), &at_most]).await?)
}

/// Messages that have waited for the broker for longer than `age`, and remembered misses that have run out.
pub async fn leftovers(client: &Client, age: Duration) -> Result<u64> {
    let inbox = "delete from inbox where received_at < now() - make_interval(secs => $1)";
    let removed = client.execute(inbox, &[&age.as_secs_f64()]).await?;
    Ok(removed + client.execute("delete from directory_misses where until < now()", &[]).await?)
}

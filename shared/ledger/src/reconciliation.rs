//! What reconciliation with Aircall's list of calls stores: its progress, and which calls it has brought in.
//!
//! Progress is stored only when everything before it has been dealt with. So a process that continues after a crash may
//! look at some calls twice, but leaves none out. That a call was brought in is stored after its message is durable.

use std::collections::HashMap;

use base::{
    db::{self, Client},
    error::Result,
};
use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::Row;
use vendors::aircall::wire::Call;

use crate::calls::left_out::BY_END;

/// The progress of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The turn covers the calls that started from here on.
    pub since: Timestamp,
    pub until: Timestamp,
    /// All calls that started before this have been looked at.
    pub reached: Timestamp,
    pub begun_at: Timestamp,
    /// Where the next turn begins; set when this turn has ended.
    pub next_since: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub webhook_active: Option<bool>,
}

/// What the ledger knows of a call.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub snapshot: Option<Call>,
    pub snapshot_at: Option<Timestamp>,
    /// `call.ended` has been handled.
    pub resolved: bool,
    /// It has a record to be logged on, and no log; or a rule has left it out for its end, and may not any more.
    pub unlogged: bool,
    /// What the list showed when the call was brought in from it, and when that was.
    pub reconciled_view: Option<String>,
    pub reconciled_at: Option<Timestamp>,
    /// It has a dead letter, which is for an operator to handle.
    pub parked: bool,
    /// Its data were deleted; it is not brought in again.
    pub erased: bool,
}

/// The name of the turns over the last hours, which ingest makes all the time.
pub const RECENT: &str = "recent";

/// Of these turns.
pub async fn recent(client: &Client) -> Result<Option<Progress>> {
    progress(client, RECENT).await
}

pub async fn progress(client: &Client, name: &str) -> Result<Option<Progress>> {
    let sql = "select since, until, reached, begun_at, next_since, ended_at, webhook_active from reconciliations where name = $1";
    let row = client.query_opt(sql, &[&name]).await?;
    Ok(row.map(|r| Progress {
        since: r.get(0),
        until: r.get(1),
        reached: r.get(2),
        begun_at: r.get(3),
        next_since: r.get(4),
        ended_at: r.get(5),
        webhook_active: r.get(6),
    }))
}

/// Begins a turn over calls that started between `since` and `until`, at `reached`.
pub async fn begin(client: &Client, name: &str, since: Timestamp, until: Timestamp, reached: Timestamp) -> Result<()> {
    let sql = "insert into reconciliations (name, since, until, reached) values ($1, $2, $3, $4)
               on conflict (name) do update set since = $2, until = $3, reached = $4, begun_at = now(), ended_at = null, next_since = null";
    client.execute(sql, &[&name, &since, &until, &reached]).await?;
    Ok(())
}

pub async fn reach(client: &Client, name: &str, reached: Timestamp) -> Result<()> {
    let sql = "update reconciliations set reached = greatest(reached, $2) where name = $1";
    client.execute(sql, &[&name, &reached]).await?;
    Ok(())
}

pub async fn end(client: &Client, name: &str, next_since: Timestamp) -> Result<()> {
    let sql = "update reconciliations set reached = until, next_since = $2, ended_at = now() where name = $1";
    client.execute(sql, &[&name, &next_since]).await?;
    Ok(())
}

/// Stores whether Aircall has an active webhook for us. True when a warning is due because all is not `well`: once an
/// hour.
pub async fn note_webhook(client: &Client, name: &str, active: bool, well: bool) -> Result<bool> {
    let sql = "with told as (select coalesce(webhook_told_at < now() - interval '1 hour', true) and not $3 as due
                               from reconciliations where name = $1)
               update reconciliations
                  set webhook_active = $2,
                      webhook_told_at = case when $3 then null when told.due then now() else webhook_told_at end
                 from told where name = $1
            returning told.due";
    Ok(client.query_opt(sql, &[&name, &active, &well]).await?.is_some_and(|row| row.get(0)))
}

/// A turn that a person has asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub progress: Progress,
    pub by: Option<String>,
    /// What it has found, in the words of whoever carries it out.
    pub tally: Option<Value>,
    pub stop_asked: bool,
    /// Why it ended before its end.
    pub problem: Option<String>,
}

/// Begins a turn as [`begin`] does, for somebody.
pub async fn begin_for(
    client: &Client,
    name: &str,
    (since, until): (Timestamp, Timestamp),
    reached: Timestamp,
    by: &str,
) -> Result<()> {
    begin(client, name, since, until, reached).await?;
    let sql =
        "update reconciliations set asked_by = $2, tally = null, stop_asked_at = null, problem = null where name = $1";
    client.execute(sql, &[&name, &by]).await?;
    Ok(())
}

pub async fn asked(client: &Client, name: &str) -> Result<Option<Asked>> {
    let Some(progress) = progress(client, name).await? else { return Ok(None) };
    let sql = "select asked_by, tally, stop_asked_at is not null, problem from reconciliations where name = $1";
    let row = client.query_opt(sql, &[&name]).await?;
    Ok(row.map(|row| Asked {
        progress,
        by: row.get(0),
        tally: row.get(1),
        stop_asked: row.get(2),
        problem: row.get(3),
    }))
}

/// Whether somebody holds the lock of this name ([`base::db::Database::lock`]): the turn goes on.
pub async fn goes_on(client: &Client, lock: &str) -> Result<bool> {
    let sql = "select exists (select from pg_locks
                               where locktype = 'advisory' and granted and objsubid = 1
                                 and database = (select oid from pg_database where datname = current_database())
                                 and (classid::bigint << 32) | objid::bigint = hashtext('callbridge ' || $1::text)::bigint)";
    Ok(client.query_one(sql, &[&lock]).await?.get(0))
}

/// It is there, and has found this. True if somebody wants it to stop.
pub async fn keep_tally(client: &Client, name: &str, reached: Timestamp, tally: &Value) -> Result<bool> {
    let sql = "update reconciliations set reached = greatest(reached, $2), tally = $3 where name = $1 returning stop_asked_at is not null";
    Ok(client.query_opt(sql, &[&name, &reached, &tally]).await?.is_some_and(|row| row.get(0)))
}

pub async fn ask_to_stop(client: &Client, name: &str) -> Result<()> {
    let sql = "update reconciliations set stop_asked_at = now() where name = $1 and ended_at is null";
    client.execute(sql, &[&name]).await?;
    Ok(())
}

/// It has ended before its end, for this reason.
pub async fn failed(client: &Client, name: &str, problem: &str) -> Result<()> {
    client.execute("update reconciliations set problem = $2 where name = $1", &[&name, &problem]).await?;
    Ok(())
}

/// What is known of these calls, by id; unknown calls are left out.
pub async fn known(client: &Client, ids: &[i64]) -> Result<HashMap<i64, Known>> {
    let sql = format!(
        "select call_id, snapshot, snapshot_at, resolved_at is not null, reconciled_view,
                (resolution->>'record' is not null or resolution->'rule_key'->>'key' in {BY_END}) and sellsy_id is null and gone_at is null,
                erased_at is not null, reconciled_at, parked > 0
           from calls where call_id = any($1)"
    );
    let of = |r: &Row| {
        let known = Known {
            snapshot: db::readable(r, 1),
            snapshot_at: r.get(2),
            resolved: r.get(3),
            reconciled_view: r.get(4),
            unlogged: r.get::<_, Option<bool>>(5).unwrap_or_default(),
            erased: r.get(6),
            reconciled_at: r.get(7),
            parked: r.get(8),
        };
        (r.get(0), known)
    };
    Ok(client.query(&sql, &[&ids]).await?.iter().map(of).collect())
}

/// Calls that ended after this, but began so long before that a list of the calls since then does not have them; a few, of the last day.
pub async fn long_calls(client: &Client, since: Timestamp, ended_after: Timestamp) -> Result<Vec<i64>> {
    let sql = "select call_id from calls_searched s join calls c using (call_id)
                where s.started_at >= $1::timestamptz - interval '1 day' and s.started_at < $1 and call_id > 0 and c.erased_at is null
                  and case when jsonb_typeof(c.snapshot->'ended_at') = 'number' then (c.snapshot->>'ended_at')::float8 end
                      > extract(epoch from $2::timestamptz)
                order by s.started_at desc limit 50";
    let rows = client.query(sql, &[&since, &ended_after]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Stores that the calls were brought in as the list showed them.
pub async fn note_brought(client: &Client, ids: &[i64], views: &[String]) -> Result<()> {
    let sql = "insert into calls (call_id, reconciled_at, reconciled_view)
               select id, now(), view from unnest($1::bigint[], $2::text[]) as brought (id, view) order by id
               on conflict (call_id) do update
                  set reconciled_at = excluded.reconciled_at, reconciled_view = excluded.reconciled_view
                where calls.erased_at is null";
    client.execute(sql, &[&ids, &views]).await?;
    Ok(())
}

/// How many calls were brought in recently and are neither logged nor known to be unmatched.
pub async fn unsettled(client: &Client) -> Result<i64> {
    let sql = "select count(*) from calls
                where reconciled_at > now() - interval '10 minutes' and sellsy_id is null and gone_at is null
                  and (resolved_at is null or resolution->>'record' is not null)";
    Ok(client.query_one(sql, &[]).await?.get(0))
}

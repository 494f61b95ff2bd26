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

/// Removes a turn that need not be continued.
pub async fn forget(client: &Client, name: &str) -> Result<()> {
    client.execute("delete from reconciliations where name = $1", &[&name]).await?;
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

//! The row of a call: Aircall's newest snapshot, the resolution, the insights, the log in Sellsy, and who writes it.
//!
//! Nothing here is a change applied to what was there before. A snapshot counts when it is newer than the stored
//! one, an insight when it is newer than the stored one of its key; so duplicates and reordered deliveries leave the
//! row as it is.

use jiff::Timestamp;
use tokio_postgres::{Client, Row, types::Json};
use uuid::Uuid;

use super::{
    insight::{Insight, Insights},
    resolution::Resolution,
};
use crate::{aircall::wire::Call, error::Result, event::CallId, phone::E164, topology::Stage};

pub use super::snapshot::Snapshot;

/// How long a writer may take before another one assumes that it died. Longer than a handler may run at all
/// (90 s in the consumer loop), so that nobody who still has work in flight ever outlives its lease.
const LEASE_S: f64 = 120.0;

/// Stores the snapshot if it is the newest; a duplicate or an older one changes nothing. The timeline notes the event.
pub async fn apply(client: &Client, stage: Stage, call_id: CallId, snapshot: &Snapshot<'_>) -> Result<()> {
    let sql = "with noted as (insert into timeline (call_id, stage, what, detail)
                              values ($1, $5, $6, jsonb_build_object('occurred_at', $3::timestamptz)))
               insert into calls (call_id, snapshot, snapshot_at, snapshot_rank) values ($1, $2, $3, $4)
               on conflict (call_id) do update
                  set snapshot = excluded.snapshot, snapshot_at = excluded.snapshot_at, snapshot_rank = excluded.snapshot_rank
                where calls.snapshot_at is null
                   or (excluded.snapshot_at, excluded.snapshot_rank) > (calls.snapshot_at, calls.snapshot_rank)";
    let (at, rank) = snapshot.place();
    client.execute(sql, &[&call_id.0, &Json(snapshot.call), &at, &rank, &stage.as_str(), &snapshot.kind]).await?;
    Ok(())
}

/// Claims the one card that a call may ever have. False when it was claimed before or the call has ended.
pub async fn claim_card(client: &Client, call_id: CallId) -> Result<bool> {
    let sql = "update calls set card_at = now()
                where call_id = $1 and card_at is null and resolved_at is null and snapshot->>'ended_at' is null";
    Ok(client.execute(sql, &[&call_id.0]).await? == 1)
}

/// What the ledger knows of who called.
#[derive(Clone, Debug)]
pub struct Known {
    pub resolution: Resolution,
    pub looked_up_at: Timestamp,
    /// The resolution is the one by which the call is logged.
    pub is_final: bool,
    pub card_shown: bool,
}

pub async fn known(client: &Client, call_id: CallId) -> Result<Option<Known>> {
    let sql = "select resolution, looked_up_at, resolved_at is not null, card_at is not null
                 from calls where call_id = $1 and resolution is not null";
    let row = client.query_opt(sql, &[&call_id.0]).await?;
    Ok(row.map(|r| {
        let Json(resolution) = r.get(0);
        Known { resolution, looked_up_at: r.get(1), is_final: r.get(2), card_shown: r.get(3) }
    }))
}

/// Keeps a look-up made for the card; a final decision is left alone.
pub async fn keep_look_up(client: &Client, call_id: CallId, resolution: &Resolution) -> Result<()> {
    let sql = "update calls set resolution = $2, looked_up_at = now() where call_id = $1 and resolved_at is null";
    client.execute(sql, &[&call_id.0, &Json(resolution)]).await?;
    Ok(())
}

/// Makes this the resolution by which the call is logged; without a record the call waits under its number for one.
/// False when another one had been made final before.
pub async fn decide(
    client: &Client,
    call_id: CallId,
    resolution: &Resolution,
    looked_up_at: Timestamp,
    number: Option<&E164>,
) -> Result<bool> {
    let sql = "update calls set resolution = $2, looked_up_at = $3, resolved_at = now(), unmatched_number = $4
                where call_id = $1 and resolved_at is null";
    let number = number.filter(|_| resolution.record.is_none()).map(E164::as_str);
    Ok(client.execute(sql, &[&call_id.0, &Json(resolution), &looked_up_at, &number]).await? == 1)
}

/// Another decision for a call that nobody was found for, or whose record Sellsy did not take; never for one that has a
/// log or may have one. False when there is nothing to decide again.
pub async fn decide_again(
    client: &Client,
    call_id: CallId,
    resolution: &Resolution,
    number: Option<&E164>,
) -> Result<bool> {
    let sql = "update calls set resolution = $2, looked_up_at = now(), resolved_at = now(), unmatched_number = $3
                where call_id = $1 and sellsy_id is null and intent_at is null
                  and (unmatched_number is not null or reopened_at > looked_up_at)";
    let number = number.filter(|_| resolution.record.is_none()).map(E164::as_str);
    Ok(client.execute(sql, &[&call_id.0, &Json(resolution), &number]).await? == 1)
}

/// Sellsy does not take a log on the record that was found: the call waits for another decision. Once; false after that.
pub async fn reopen(client: &Client, call_id: CallId) -> Result<bool> {
    let sql = "update calls set reopened_at = now()
                where call_id = $1 and reopened_at is null and sellsy_id is null and intent_at is null";
    Ok(client.execute(sql, &[&call_id.0]).await? == 1)
}

pub async fn snapshot(client: &Client, call_id: CallId) -> Result<Option<Call>> {
    let sql = "select snapshot from calls where call_id = $1";
    let row = client.query_opt(sql, &[&call_id.0]).await?;
    Ok(row.and_then(|r| r.get::<_, Option<Json<Call>>>(0)).map(|Json(call)| call))
}

/// Stores the insight unless a newer one of its key is there. Of two that were told in the same second, the greater one
/// by PostgreSQL's order of JSON stands: an order that means nothing, but the same whichever came first.
pub async fn add_insight(client: &Client, call_id: CallId, insight: &Insight) -> Result<()> {
    let sql = "insert into calls (call_id, insights) values ($1, jsonb_build_object($2::text, $3::jsonb))
               on conflict (call_id) do update set insights = calls.insights || excluded.insights
                where calls.insights->$2::text is null
                   or (($3->>'at')::timestamptz, $3) > ((calls.insights->$2::text->>'at')::timestamptz, calls.insights->$2::text)";
    client.execute(sql, &[&call_id.0, &insight.content.key(), &Json(insight)]).await?;
    Ok(())
}

/// Everything that the log of a call is made of, and what was written of it.
#[derive(Clone, Debug)]
pub struct Loggable {
    pub call_id: CallId,
    pub snapshot: Option<Call>,
    /// The final resolution; `None` as long as the call has not been resolved.
    pub resolution: Option<Resolution>,
    pub insights: Insights,
    pub sellsy_id: Option<i64>,
    pub digest: Option<String>,
    /// A creation began and its end is not known.
    pub intent_at: Option<Timestamp>,
    /// A person has deleted the log in Sellsy.
    pub gone: bool,
    /// The caller is being looked up again, because Sellsy took no log on the record that was found.
    pub reopened: bool,
    wanted: i64,
}

impl Loggable {
    /// A row that is not from the ledger: a call with its final resolution, not logged yet.
    pub fn of(call_id: CallId, snapshot: Call, resolution: Resolution, insights: Insights) -> Self {
        Self {
            call_id,
            snapshot: Some(snapshot),
            resolution: Some(resolution),
            insights,
            sellsy_id: None,
            digest: None,
            intent_at: None,
            gone: false,
            reopened: false,
            wanted: 0,
        }
    }
}

/// The right to write a call's log, until it is released or runs out.
#[derive(Clone, Copy, Debug)]
pub struct Lease(Uuid);

/// Notes that the call may have changed and takes the lease if nobody holds it. `None`: somebody does, and will
/// see the change when it releases; or there is no such call.
pub async fn claim(client: &Client, call_id: CallId) -> Result<Option<(Lease, Loggable)>> {
    let lease = Uuid::now_v7();
    let sql = "update calls set wanted = wanted + 1,
                      lease = case when lease_until > now() then lease else $2 end,
                      lease_until = case when lease_until > now() then lease_until else now() + make_interval(secs => $3) end
                where call_id = $1
            returning *, lease = $2 as mine";
    let row = client.query_opt(sql, &[&call_id.0, &lease, &LEASE_S]).await?;
    Ok(row.filter(|r| r.get("mine")).map(|r| (Lease(lease), loggable(&r))))
}

/// Gives the lease back, unless the call has changed since `seen` was read: then it is kept and the row read again.
pub async fn release(client: &Client, lease: Lease, seen: &Loggable) -> Result<Option<Loggable>> {
    let sql =
        "update calls set lease_until = case when wanted = $3 then null else now() + make_interval(secs => $4) end
                where call_id = $1 and lease = $2
            returning *";
    let row = client.query_opt(sql, &[&seen.call_id.0, &lease.0, &seen.wanted, &LEASE_S]).await?;
    Ok(row.map(|r| loggable(&r)).filter(|now| now.wanted != seen.wanted))
}

/// Gives the lease back after a failure, so that the next attempt need not wait until it runs out.
pub async fn abandon(client: &Client, lease: Lease, call_id: CallId) -> Result<()> {
    let sql = "update calls set lease_until = null where call_id = $1 and lease = $2";
    client.execute(sql, &[&call_id.0, &lease.0]).await?;
    Ok(())
}

/// Written down before each POST: should we die before its answer, the next try looks for what it may have made, and
/// not before this POST has surely ended.
pub async fn record_intent(client: &Client, lease: Lease, call_id: CallId) -> Result<bool> {
    let sql = "update calls set intent_at = now() where call_id = $1 and lease = $2 and lease_until > now()";
    Ok(client.execute(sql, &[&call_id.0, &lease.0]).await? == 1)
}

/// The POST surely made nothing.
pub async fn withdraw_intent(client: &Client, call_id: CallId) -> Result<()> {
    let sql = "update calls set intent_at = null where call_id = $1 and sellsy_id is null";
    client.execute(sql, &[&call_id.0]).await?;
    Ok(())
}

/// What stands in Sellsy now. Not bound to the lease: it is true whoever writes it down.
pub async fn record_written(client: &Client, call_id: CallId, sellsy_id: i64, digest: &str) -> Result<()> {
    let sql = "update calls set sellsy_id = $2, digest = $3, written_at = now(), intent_at = null where call_id = $1";
    client.execute(sql, &[&call_id.0, &sellsy_id, &digest]).await?;
    Ok(())
}

/// A person deleted the log in Sellsy; it is left deleted.
pub async fn record_gone(client: &Client, call_id: CallId) -> Result<()> {
    client.execute("update calls set gone_at = now() where call_id = $1", &[&call_id.0]).await?;
    Ok(())
}

fn loggable(row: &Row) -> Loggable {
    let is_final = row.get::<_, Option<Timestamp>>("resolved_at").is_some();
    let resolution = row.get::<_, Option<Json<Resolution>>>("resolution").filter(|_| is_final);
    let Json(insights) = row.get("insights");
    Loggable {
        call_id: CallId(row.get("call_id")),
        snapshot: row.get::<_, Option<Json<Call>>>("snapshot").map(|Json(call)| call),
        resolution: resolution.map(|Json(r)| r),
        insights,
        sellsy_id: row.get("sellsy_id"),
        digest: row.get("digest"),
        intent_at: row.get("intent_at"),
        gone: row.get::<_, Option<Timestamp>>("gone_at").is_some(),
        reopened: row.get::<_, Option<Timestamp>>("reopened_at") > row.get::<_, Option<Timestamp>>("looked_up_at"),
        wanted: row.get("wanted"),
    }
}

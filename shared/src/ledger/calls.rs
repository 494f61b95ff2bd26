//! The row of a call: Aircall's newest snapshot, the resolution, the insights, the log in Sellsy, and who writes it.
//!
//! Nothing here is a change applied to what was there before. A snapshot counts when it is newer than the stored
//! one, an insight when it is newer than the stored one of its key; so duplicates and reordered deliveries leave the
//! row as it is.

use std::{sync::LazyLock, time::Duration};

use jiff::Timestamp;
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};
use uuid::Uuid;

use super::{
    form::LogForm,
    insight::{Insight, Insights},
    resolution::Resolution,
    timeline::{Entry, Lines, WRITE},
};
use crate::{
    aircall::wire::Call,
    db::{Client, Prepared as _},
    error::Result,
    event::CallId,
    phone::E164,
    topology::Stage,
};

pub use super::snapshot::Snapshot;

/// How long a writer may take before another one assumes that it died. Longer than a handler may run at all
/// (90 s in the consumer loop), so that nobody who still has work in flight ever outlives its lease.
const LEASE_S: f64 = 120.0;

/// Why nothing is done about a call whose data were deleted ([`super::erase`]).
pub const ERASED: &str = "its data were deleted: it is older than RETENTION_DAYS, or somebody asked for it";

/// The view at hand is newer than the stored one.
const NEWER: &str = "(calls.snapshot_at is null
                      or (excluded.snapshot_at, excluded.snapshot_rank) > (calls.snapshot_at, calls.snapshot_rank))";
/// The call can be decided by the look-up that was made for the card.
const DECIDABLE: &str =
    "(calls.resolved_at is null and calls.looked_up_at > now() - make_interval(secs => $7::float8))";

/// Stores a view if it is the newest, with its line, and returns what is known of the caller then. `$7` and `$8` are for [`end`];
/// without them nothing is decided.
static TAKE_IN: LazyLock<String> = LazyLock::new(|| {
    format!(
        "with kept as (select not exists (select from calls where call_id = $1 and erased_at is not null) as so),
              noted as (insert into timeline (call_id, stage, what, detail)
                        select $1, $5::text, $6::text, jsonb_build_object('occurred_at', $3::timestamptz) from kept where so),
              taken as (insert into calls (call_id, snapshot, snapshot_at, snapshot_rank, reconciled_at)
                        select $1, $2::jsonb, $3::timestamptz, $4::bigint, case when $6::text = 'reconciled' then now() end
                          from kept where so
                        on conflict (call_id) do update
                           set snapshot = case when {NEWER} then excluded.snapshot else calls.snapshot end,
                               snapshot_at = case when {NEWER} then excluded.snapshot_at else calls.snapshot_at end,
                               snapshot_rank = case when {NEWER} then excluded.snapshot_rank else calls.snapshot_rank end,
                               reconciled_at = case when {NEWER} then coalesce(excluded.reconciled_at, calls.reconciled_at)
                                                    else calls.reconciled_at end,
                               resolved_at = case when {DECIDABLE} then now() else calls.resolved_at end,
                               unmatched_number = case when {DECIDABLE} and calls.resolution->>'record' is null then $8::text
                                                       else calls.unmatched_number end
                         where calls.erased_at is null and ({NEWER} or {DECIDABLE})
                     returning resolution, looked_up_at, resolved_at, card_at)
         select so, coalesce(taken.resolution, calls.resolution), coalesce(taken.looked_up_at, calls.looked_up_at),
                coalesce(taken.resolved_at, calls.resolved_at) is not null, coalesce(taken.card_at, calls.card_at) is not null,
                coalesce(taken.resolved_at = now(), false)
           from kept left join taken on true left join calls on calls.call_id = $1"
    )
});

/// Stores the snapshot if it is the newest; a duplicate or an older one changes nothing. The timeline notes the event.
/// That Aircall's list brought it is noted as well, before anybody writes the log. False when the data of this call were
/// deleted: then nothing is taken in.
pub async fn apply(client: &Client, stage: Stage, call_id: CallId, snapshot: &Snapshot<'_>) -> Result<bool> {
    Ok(take_in(client, stage, call_id, snapshot, None).await?.get(0))
}

/// What became of a view.
#[derive(Clone, Debug)]
pub enum Taken {
    /// With what the ledger knows of who called.
    In(Option<Box<Known>>),
    /// The data of this call were deleted.
    Erased,
}

/// [`apply`], and what is known of the caller.
pub async fn begin(client: &Client, stage: Stage, call_id: CallId, snapshot: &Snapshot<'_>) -> Result<Taken> {
    take_in(client, stage, call_id, snapshot, None).await.map(|row| taken(&row))
}

/// [`begin`] for a call that has ended: if it was looked up within the last `fresh`, that is its final resolution. Nothing
/// else need be asked then, and so it is one statement.
pub async fn end(
    client: &Client,
    stage: Stage,
    call_id: CallId,
    snapshot: &Snapshot<'_>,
    fresh: Duration,
    number: Option<&E164>,
) -> Result<Taken> {
    take_in(client, stage, call_id, snapshot, Some((fresh, number))).await.map(|row| taken(&row))
}

async fn take_in(
    client: &Client,
    stage: Stage,
    call_id: CallId,
    snapshot: &Snapshot<'_>,
    decide: Option<(Duration, Option<&E164>)>,
) -> Result<Row> {
    let (at, rank) = snapshot.place();
    let (call, stage) = (Json(snapshot.call), stage.as_str());
    let (fresh_s, number) = (decide.map(|(fresh, _)| fresh.as_secs_f64()), decide.and_then(|(_, number)| number));
    let number = number.map(E164::as_str);
    let row =
        client.query_one(&TAKE_IN, &[&call_id.0, &call, &at, &rank, &stage, &snapshot.kind, &fresh_s, &number]).await?;
    if let Some(number) = snapshot.call.external_transferred_to.as_ref().filter(|_| row.get(0)) {
        keep_forwarded(client, call_id, number, at).await?;
    }
    Ok(row)
}

fn taken(row: &Row) -> Taken {
    if !row.get::<_, bool>(0) {
        return Taken::Erased;
    }
    let known = |Json(resolution)| {
        Box::new(Known {
            resolution,
            looked_up_at: row.get(2),
            is_final: row.get(3),
            card_shown: row.get(4),
            just_decided: row.get(5),
        })
    };
    Taken::In(row.get::<_, Option<_>>(1).map(known))
}

/// Whether the data of this call were deleted.
pub async fn is_erased(client: &Client, call_id: CallId) -> Result<bool> {
    let sql = "select exists (select from calls where call_id = $1 and erased_at is not null)";
    Ok(client.query_one(sql, &[&call_id.0]).await?.get(0))
}

/// Only the event of the transfer tells whom the call went to, so that outlives newer views. Of several the last.
async fn keep_forwarded(client: &Client, call_id: CallId, number: &str, at: Timestamp) -> Result<()> {
    let sql = "update calls set forwarded_to = $2, forwarded_at = $3
                where call_id = $1 and erased_at is null and (forwarded_at is null or (forwarded_at, forwarded_to) < ($3, $2))";
    client.execute(sql, &[&call_id.0, &number, &at]).await?;
    Ok(())
}

/// Claims the one card that a call may ever have. False when it was claimed before or the call has ended.
pub async fn claim_card(client: &Client, call_id: CallId) -> Result<bool> {
    let sql = "update calls set card_at = now()
                where call_id = $1 and card_at is null and resolved_at is null and erased_at is null and snapshot->>'ended_at' is null";
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
    /// It became final just now, by [`end`].
    pub just_decided: bool,
}

pub async fn known(client: &Client, call_id: CallId) -> Result<Option<Known>> {
    let sql = "select resolution, looked_up_at, resolved_at is not null, card_at is not null
                 from calls where call_id = $1 and resolution is not null";
    let row = client.query_opt(sql, &[&call_id.0]).await?;
    Ok(row.map(|r| {
        let Json(resolution) = r.get(0);
        Known { resolution, looked_up_at: r.get(1), is_final: r.get(2), card_shown: r.get(3), just_decided: false }
    }))
}

/// Keeps a look-up made for the card, with its line; a final decision is left alone. With `claim` the call's one card is
/// claimed as well, as by [`claim_card`]: whether it was is returned.
pub async fn keep_look_up(
    client: &Client,
    call_id: CallId,
    resolution: &Resolution,
    claim: bool,
    line: Entry,
) -> Result<bool> {
    // Whether the card is free is read under the row's lock: two replicas may be here at once.
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "with told as ({WRITE}),
                  old as (select card_at is null and snapshot->>'ended_at' is null as free
                            from calls where call_id = $1 and resolved_at is null and erased_at is null for update)
             update calls set resolution = $6, looked_up_at = now(), card_at = case when $7 and free then now() else card_at end
               from old where call_id = $1
          returning $7 and free"
        )
    });
    let lines = Lines::of([line]);
    let (stages, whats, details, ages) = lines.values();
    let values: [&(dyn ToSql + Sync); 7] = [&call_id.0, &stages, &whats, &details, &ages, &Json(resolution), &claim];
    let kept = client.query_opt(&SQL, &values).await;
    Ok(lines.after(kept)?.is_some_and(|row| row.get(0)))
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
                where call_id = $1 and resolved_at is null and erased_at is null";
    let number = number.filter(|_| resolution.record.is_none()).map(E164::as_str);
    Ok(client.execute(sql, &[&call_id.0, &Json(resolution), &looked_up_at, &number]).await? == 1)
}

/// Another decision for a call that nobody was found for, or whose record Sellsy did not take; a log that is there keeps
/// its record if nobody is found now. Returns what is decided then; `None` when there was nothing to decide again.
pub async fn decide_again(
    client: &Client,
    call_id: CallId,
    resolution: &Resolution,
    number: Option<&E164>,
) -> Result<Option<Resolution>> {
    let sql = "update calls set resolution = case when sellsy_id is null or $4 then $2 else resolution end,
                      unmatched_number = case when sellsy_id is null then $3 end,
                      looked_up_at = now(), resolved_at = now()
                where call_id = $1 and erased_at is null and (unmatched_number is not null or reopened_at > looked_up_at)
            returning resolution";
    let found = resolution.record.is_some();
    let number = number.filter(|_| !found).map(E164::as_str);
    let row = client.query_opt(sql, &[&call_id.0, &Json(resolution), &number, &found]).await?;
    Ok(row.map(|r| r.get::<_, Json<Resolution>>(0).0))
}

/// Sellsy does not take the record or the opportunity that was found: the call waits for another decision. Once; false
/// after that. An intent stays: what it may have made is looked for on the next record too, where a merge would have
/// brought it.
pub async fn reopen(client: &Client, call_id: CallId) -> Result<bool> {
    // Nobody carries a change over the decision: it is written when that has come.
    let sql = "update calls set reopened_at = now(), due_at = null where call_id = $1 and reopened_at is null";
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
                where calls.erased_at is null
                  and (calls.insights->$2::text is null
                       or (($3->>'at')::timestamptz, $3) > ((calls.insights->$2::text->>'at')::timestamptz, calls.insights->$2::text))";
    client.execute(sql, &[&call_id.0, &insight.content.key(), &Json(insight)]).await?;
    Ok(())
}

/// So many messages about the call were parked, or taken out by an operator if it is negative. Those that the broker
/// parked by itself were not counted.
pub async fn count_parked(client: &Client, call_id: CallId, messages: i32) -> Result<()> {
    if messages == 0 {
        return Ok(());
    }
    let sql = "update calls set parked = greatest(parked + $2, 0) where call_id = $1";
    client.execute(sql, &[&call_id.0, &messages]).await?;
    Ok(())
}

/// The row as it is, for people who look at it.
pub async fn look(client: &Client, call_id: CallId) -> Result<Option<Loggable>> {
    let row = client.query_opt(&format!("select {ROW} from calls where call_id = $1"), &[&call_id.0]).await?;
    Ok(row.map(|row| loggable(&row)))
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
    /// What was written, or what was about to be written when the intent was recorded.
    pub form: Option<LogForm>,
    pub digest: Option<String>,
    /// How often the log was written, and how long ago the last time was.
    pub writes: i32,
    pub written_age: Duration,
    /// Changes since the last write are gathered for so long; nothing is left when it is time to write them.
    pub due_in: Option<Duration>,
    /// A creation began so long ago and its end is not known.
    pub intent_age: Option<Duration>,
    /// An intent was written down with the claim. Nothing has been sent for it yet.
    pub intended: bool,
    /// Aircall's list brought the call in: a ledger that is gone, or was restored, may have logged it before.
    pub listed: bool,
    /// A person has deleted the log in Sellsy.
    pub gone: bool,
    /// The caller is being looked up again, because Sellsy took no log on the record that was found.
    pub reopened: bool,
    /// Likewise, or because Sellsy does not take the links of the log that is there.
    pub undecided: bool,
    /// Sellsy does not take the links of the log, old or new; they are left as they are there.
    pub links_refused: bool,
    /// Its data were deleted.
    pub erased: bool,
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
            form: None,
            digest: None,
            writes: 0,
            written_age: Duration::ZERO,
            due_in: None,
            intent_age: None,
            intended: false,
            listed: false,
            gone: false,
            reopened: false,
            undecided: false,
            links_refused: false,
            erased: false,
            wanted: 0,
        }
    }
}

/// Spans are reckoned by the database's clock alone.
const ROW: &str =
    "call_id, snapshot, forwarded_to, resolution, looked_up_at, resolved_at, reopened_at, reconciled_at, insights,
                   sellsy_id, log_form, digest, writes, gone_at, links_refused_at, erased_at, wanted,
                   extract(epoch from now() - intent_at)::float8 as intent_age,
                   extract(epoch from now() - written_at)::float8 as written_age,
                   extract(epoch from due_at - now())::float8 as due_in";

/// The right to write a call's log, until it is released or runs out.
#[derive(Clone, Copy, Debug)]
pub struct Lease(Uuid);

impl Lease {
    /// One that nobody has yet.
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }
}

/// Nothing speaks against the first POST of a call's log, for all that the row tells; the writer looks closer.
const CREATABLE: &str =
    "((intent_at is null and log_form is null or $6 and lease = any($4)) and sellsy_id is null and gone_at is null and erased_at is null
                      and snapshot is not null and resolved_at is not null and resolution->'record'->'id' is not null
                      and reconciled_at is null and (reopened_at > looked_up_at) is not true)";

/// Notes that the call may have changed and takes the lease if nobody holds it, or if it is one of `ours`. `None`:
/// somebody else does, and will see the change when it releases; or there is no such call. If the log is to be created, in
/// the form given, the intent is written down at once: see [`record_intent`]. An intent of `ours` for which nothing was sent
/// (`unsent`) is as good as none.
pub async fn claim(
    client: &Client,
    call_id: CallId,
    lease: Lease,
    ours: &[Lease],
    unsent: bool,
    form: Option<LogForm>,
) -> Result<Option<Loggable>> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let held = "(lease_until > now() and lease <> all($4)) is true";
        let creates = format!("not ({held}) and $5::text is not null and {CREATABLE}");
        format!(
            "update calls set wanted = wanted + 1,
                    lease = case when {held} then lease else $2 end,
                    lease_until = case when {held} then lease_until else now() + make_interval(secs => $3) end,
                    intent_at = case when {creates} then now() else intent_at end,
                    log_form = case when {creates} then $5 else log_form end
              where call_id = $1
          returning {ROW}, lease = $2 as mine, coalesce(intent_at = now(), false) as intended"
        )
    });
    let (ours, form): (Vec<Uuid>, _) = (ours.iter().map(|lease| lease.0).collect(), form.map(LogForm::as_str));
    let row = client.query_opt(&SQL, &[&call_id.0, &lease.0, &LEASE_S, &ours, &form, &unsent]).await?;
    let claimed = |row: Row| {
        let (intended, row) = (row.get("intended"), loggable(&row));
        Loggable { intended, intent_age: row.intent_age.filter(|_| !intended), ..row }
    };
    Ok(row.filter(|r| r.get("mine")).map(claimed))
}

/// What becomes of a lease that is given back: kept if the call has changed since.
fn given_back(wanted: &str) -> String {
    format!("case when wanted = {wanted} then null else now() + make_interval(secs => {LEASE_S}) end")
}

/// Gives the lease back, unless the call has changed since `seen` was read: then it is kept and the row read again.
pub async fn release(client: &Client, lease: Lease, seen: &Loggable) -> Result<Option<Loggable>> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let given_back = given_back("$3");
        format!("update calls set lease_until = {given_back} where call_id = $1 and lease = $2 returning wanted <> $3")
    });
    let row = client.query_opt(&SQL, &[&seen.call_id.0, &lease.0, &seen.wanted]).await?;
    changed(client, seen, row.is_some_and(|row| row.get(0))).await
}

/// The row anew, if it has changed.
async fn changed(client: &Client, seen: &Loggable, has: bool) -> Result<Option<Loggable>> {
    if has { look(client, seen.call_id).await } else { Ok(None) }
}

/// Gives the lease back after a failure, so that the next attempt need not wait until it runs out. With `unsent`, the intent
/// is withdrawn: nothing has been sent for it.
pub async fn abandon(client: &Client, lease: Lease, call_id: CallId, unsent: bool) -> Result<()> {
    let sql = "update calls set lease_until = null, intent_at = case when not $3 then intent_at end,
                      log_form = case when not $3 or sellsy_id is not null then log_form end
                where call_id = $1 and lease = $2";
    client.execute(sql, &[&call_id.0, &lease.0, &unsent]).await?;
    Ok(())
}

/// Changes of a log that is there wait so long, for others to go along with them.
pub async fn put_off(client: &Client, lease: Lease, call_id: CallId, wait: Duration) -> Result<()> {
    let sql = "update calls set due_at = now() + make_interval(secs => $3) where call_id = $1 and lease = $2";
    client.execute(sql, &[&call_id.0, &lease.0, &wait.as_secs_f64()]).await?;
    Ok(())
}

/// The changes that were put off have come to nothing.
pub async fn nothing_due(client: &Client, lease: Lease, call_id: CallId) -> Result<()> {
    client.execute("update calls set due_at = null where call_id = $1 and lease = $2", &[&call_id.0, &lease.0]).await?;
    Ok(())
}

/// Written down before each POST: should we die before its answer, the next try looks for what it may have made, and
/// not before this POST has surely ended.
pub async fn record_intent(client: &Client, lease: Lease, call_id: CallId, form: LogForm) -> Result<bool> {
    let sql = "update calls set intent_at = now(), log_form = $3
                where call_id = $1 and lease = $2 and lease_until > now()";
    Ok(client.execute(sql, &[&call_id.0, &lease.0, &form.as_str()]).await? == 1)
}

/// The POST ended unclear just now; it may have been sent long after the intent, when the quota was used up.
pub async fn renew_intent(client: &Client, call_id: CallId) -> Result<()> {
    let sql = "update calls set intent_at = now() where call_id = $1 and intent_at is not null";
    client.execute(sql, &[&call_id.0]).await?;
    Ok(())
}

/// The POST surely made nothing.
pub async fn withdraw_intent(client: &Client, call_id: CallId) -> Result<()> {
    let sql = "update calls set intent_at = null, log_form = null where call_id = $1 and sellsy_id is null";
    client.execute(sql, &[&call_id.0]).await?;
    Ok(())
}

/// What stands in Sellsy now.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    pub form: LogForm,
    pub sellsy_id: i64,
    pub digest: &'a str,
}

/// Notes what stands in Sellsy now, with its line. Not bound to the lease: it is true whoever writes it down. The lease, if it
/// is given, is released as by [`release`].
pub async fn record_written(
    client: &Client,
    seen: &Loggable,
    written: Written<'_>,
    line: Entry,
    release: Option<Lease>,
) -> Result<Option<Loggable>> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let given_back = given_back("$10");
        format!(
            "with told as ({WRITE})
             update calls set sellsy_id = $6, log_form = $7, digest = $8, written_at = now(), writes = writes + 1,
                    intent_at = null, due_at = null,
                    lease_until = case when lease = $9 then {given_back} else lease_until end
              where call_id = $1
          returning coalesce(lease = $9 and wanted <> $10, false)"
        )
    });
    let lines = Lines::of([line]);
    let (stages, whats, details, ages) = lines.values();
    let Written { form, sellsy_id, digest } = written;
    let (form, lease) = (form.as_str(), release.map(|lease| lease.0));
    let call_id = seen.call_id.0;
    let values: [&(dyn ToSql + Sync); 10] =
        [&call_id, &stages, &whats, &details, &ages, &sellsy_id, &form, &digest, &lease, &seen.wanted];
    let written = client.query_opt(&SQL, &values).await;
    changed(client, seen, lines.after(written)?.is_some_and(|row| row.get(0))).await
}

/// From now on updates leave the log's owner and links alone.
pub async fn record_links_refused(client: &Client, call_id: CallId) -> Result<()> {
    client.execute("update calls set links_refused_at = now() where call_id = $1", &[&call_id.0]).await?;
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
    let span = |name: &str| row.get::<_, Option<f64>>(name).map(|s| Duration::from_secs_f64(s.max(0.0)));
    let sellsy_id: Option<i64> = row.get("sellsy_id");
    let undecided = row.get::<_, Option<Timestamp>>("reopened_at") > row.get::<_, Option<Timestamp>>("looked_up_at");
    let mut snapshot = row.get::<_, Option<Json<Call>>>("snapshot").map(|Json(call)| call);
    if let Some(call) = &mut snapshot {
        call.external_transferred_to = row.get::<_, Option<String>>("forwarded_to");
    }
    Loggable {
        call_id: CallId(row.get("call_id")),
        snapshot,
        resolution: resolution.map(|Json(r)| r),
        insights,
        sellsy_id,
        form: row.get::<_, Option<&str>>("log_form").map(LogForm::parse),
        digest: row.get("digest"),
        writes: row.get("writes"),
        written_age: span("written_age").unwrap_or_default(),
        due_in: span("due_in"),
        intent_age: span("intent_age"),
        intended: false,
        listed: row.get::<_, Option<Timestamp>>("reconciled_at").is_some(),
        gone: row.get::<_, Option<Timestamp>>("gone_at").is_some(),
        reopened: undecided && sellsy_id.is_none(),
        undecided,
        links_refused: row.get::<_, Option<Timestamp>>("links_refused_at").is_some(),
        erased: row.get::<_, Option<Timestamp>>("erased_at").is_some(),
        wanted: row.get("wanted"),
    }
}

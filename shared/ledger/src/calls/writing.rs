//! One writer at a time, and what it has written: the lease, the intent, the log in Sellsy (docs/decisions/0004).

use std::{sync::LazyLock, time::Duration};

use base::{
    db::{Client, Failure},
    error::Result,
    ids::CallId,
};
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};
use uuid::Uuid;

use super::{
    TOOK_OVER,
    as_left::AsLeft,
    overdue::{LATER, left_to_do, left_when_written},
    row::{self, CallRow, ROW},
};
use crate::{
    form::LogForm,
    timeline::{Entry, Lines, ManyLines, OwnLines, WRITE, write_many},
    together::{Locked, Texts, Together, Values},
};

/// How long a writer may take before another one assumes that it died. Longer than a handler may run at all (90 s in
/// the consumer loop), so no writer still has work in flight when its lease runs out.
const LEASE_S: f64 = 120.0;

/// Reads the row without claiming it, for people who look at it.
pub async fn look(client: &Client, call_id: CallId) -> Result<Option<CallRow>> {
    let row = client.prepared_query_opt(&format!("select {ROW} from calls where call_id = $1"), &[&call_id.0]).await?;
    Ok(row.map(|row| row::read(&row, false)))
}

/// The right to write a call's log, until it is released or runs out.
#[derive(Clone, Copy, Debug)]
pub struct Lease(pub(super) Uuid);

impl Lease {
    /// A new lease, which nobody holds yet.
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }
}

/// What the ledger has to learn about the request for which an intent was recorded.
#[derive(Clone, Copy, Debug, Default)]
pub enum Sent {
    /// Nothing new.
    #[default]
    AsRecorded,
    /// Nothing was sent: the intent is withdrawn.
    Nothing,
    /// A request ended unclear this long ago: the intent counts from then.
    Unclear(Duration),
}

impl Sent {
    pub(super) fn is_nothing(self) -> bool {
        matches!(self, Sent::Nothing)
    }

    pub(super) fn unclear_s(self) -> Option<f64> {
        match self {
            Sent::Unclear(age) => Some(age.as_secs_f64()),
            Sent::AsRecorded | Sent::Nothing => None,
        }
    }
}

/// What became of a claim.
#[derive(Debug)]
pub enum Claimed {
    Ours(Box<CallRow>),
    /// Another writer holds the lease, since this time. It will see the change when it releases the lease, unless it has died.
    Held {
        age: Duration,
    },
    NoCall,
}

/// For this long after a decision, only its own message creates the log, without a search. After that every message may, and
/// looks for a log first. If both could happen at once, a ledger that is set back in between would lead to two logs.
pub const FIRST_WITHIN: Duration = Duration::from_secs(300);

/// The decision was made a moment ago.
pub(super) fn decided_lately() -> String {
    format!("coalesce(resolved_at > now() - make_interval(secs => {}), false)", FIRST_WITHIN.as_secs())
}

/// Somebody was found, and is not being looked for again.
pub(super) const FOUND: &str = "resolution->'record'->>'id' is not null and (reopened_at > looked_up_at) is not true";

/// A change of the log waits for its time, and a message carries it. Nothing else has happened to the log.
pub(super) const WAITS: &str =
    "coalesce(calls.due_at > now() + interval '1 second' and calls.sellsy_id is not null and calls.digest <> '' and calls.intent_at is null
              and calls.reopened_at is null and (calls.relinked_at > calls.written_at) is not true and (calls.asked_at > calls.written_at) is not true
              and calls.gone_at is null and calls.erased_at is null, false)";

/// A request for the lease of a call's log.
#[derive(Clone, Copy, Debug)]
pub struct Claiming<'a> {
    /// A new one.
    pub lease: Lease,
    /// What earlier work in this process has left unreleased.
    pub ours: &'a [Lease],
    /// What became of the intent that was recorded with the last of `ours`.
    pub sent: Sent,
    /// If the log is to be created in this form, or changed, the intent is recorded at once: see [`record_intent`].
    pub form: Option<LogForm>,
    /// Whether a change that waits for its time is left to the message that carries it, which is another one.
    pub leaves: bool,
}

impl Claiming<'_> {
    pub(super) fn ours(&self) -> Vec<Uuid> {
        self.ours.iter().map(|lease| lease.0).collect()
    }
}

/// The parameters of a statement that takes the lease, as it names them.
pub(super) struct ClaimSql {
    pub(super) lease: &'static str,
    pub(super) form: &'static str,
    pub(super) unsent: &'static str,
    pub(super) unclear: &'static str,
}

impl ClaimSql {
    /// As far as the row says, nothing prevents the first POST of a call's log, if it was [`decided_lately`]; the writer
    /// checks more. `own`: the lease in the row is one of ours. `decided`: [`FOUND`], or what else makes that true.
    pub(super) fn creatable(&self, own: &str, decided: &str) -> String {
        let Self { form, unsent, .. } = self;
        format!(
            "({form} is not null and (intent_at is null and log_form is null or {unsent} and {own}) and sellsy_id is null
              and gone_at is null and erased_at is null and reconciled_at is null and {decided}
              and not exists ({TOOK_OVER}))"
        )
    }

    /// It is time to write the changes of a log.
    pub(super) fn changeable(&self, own: &str) -> String {
        format!(
            "((intent_at is null or {} and {own}) and sellsy_id is not null and coalesce(due_at <= now(), false) and gone_at is null and erased_at is null)",
            self.unsent
        )
    }

    /// What it changes in the row, `c`, unless `held`.
    pub(super) fn sets(&self, held: &str, own: &str, creates: &str, changes: &str) -> String {
        let Self { lease, form, unsent, unclear } = self;
        format!(
            "lease = case when {held} then c.lease else {lease} end,
             lease_until = case when {held} then c.lease_until else now() + make_interval(secs => {LEASE_S}) end,
             intent_at = case when {held} then c.intent_at
                              when {own} and {unclear} is not null then now() - make_interval(secs => {unclear})
                              when {creates} or {changes} then now()
                              when {own} and {unsent} then null
                              else c.intent_at end,
             log_form = case when {held} then c.log_form
                             when {creates} then {form}
                             when {own} and {unsent} and c.sellsy_id is null then null
                             else c.log_form end"
        )
    }

    /// The columns that [`claimed`] needs beside the row's.
    pub(super) fn gives(&self) -> String {
        let lease = self.lease;
        format!(
            "lease = {lease} as mine, coalesce(intent_at = now(), false) as intended,
             case when intent_at = now() and sellsy_id is not null then (select log from logs_as_left l where l.call_id = c.call_id) end as left_so,
             {LEASE_S} - extract(epoch from lease_until - now())::float8 as lease_age"
        )
    }
}

/// Notes that the call may have changed, and takes the lease if nobody holds it or if it is one of ours.
pub async fn claim(client: &Client, call_id: CallId, claiming: &Claiming<'_>) -> Result<Claimed> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let claiming = ClaimSql { lease: "$2::uuid", form: "$4::text", unsent: "$5::bool", unclear: "$6::float8" };
        let (held, own) =
            ("(lease_until > now() and lease <> all($3)) is true", "coalesce(lease = any($3::uuid[]), false)");
        let creates = format!("({} and snapshot is not null and {})", decided_lately(), claiming.creatable(own, FOUND));
        let (sets, gives) = (claiming.sets(held, own, &creates, &claiming.changeable(own)), claiming.gives());
        format!(
            "update calls c set wanted = wanted + 1, hand_on_at = {LATER}, {sets} where call_id = $1 returning {ROW}, {gives}"
        )
    });
    let (ours, form) = (claiming.ours(), claiming.form.map(LogForm::as_str));
    let (unsent, unclear) = (claiming.sent.is_nothing(), claiming.sent.unclear_s());
    let values: [&(dyn ToSql + Sync); 6] = [&call_id.0, &claiming.lease.0, &ours, &form, &unsent, &unclear];
    let row = client.prepared_query_opt(&SQL, &values).await?;
    Ok(row.map_or(Claimed::NoCall, |row| claimed(&row)))
}

pub(super) fn claimed(row: &Row) -> Claimed {
    if row.get("mine") {
        return Claimed::Ours(Box::new(row::read(row, row.get("intended"))));
    }
    Claimed::Held { age: Duration::from_secs_f64(row.get::<_, f64>("lease_age").max(0.0)) }
}

/// Whether nobody holds the lease of the call's log.
pub async fn is_free(client: &Client, call_id: CallId) -> Result<bool> {
    let sql = "select from calls where call_id = $1 and lease_until > now()";
    Ok(client.prepared_query_opt(sql, &[&call_id.0]).await?.is_none())
}

/// The new value of a lease that is released: it is kept if the call has changed since.
fn given_back(wanted: &str) -> String {
    format!("case when wanted = {wanted} then null else now() + make_interval(secs => {LEASE_S}) end")
}

/// The intent and the form after `Sent::Nothing`, which is the condition.
fn withdrawn(unsent: &str) -> String {
    format!(
        "intent_at = case when not {unsent} then intent_at end,
         log_form = case when not {unsent} or sellsy_id is not null then log_form end"
    )
}

/// Releases the lease, unless the call has changed since `seen` was read: then it is kept and the row read again. The
/// intent is withdrawn if nothing was sent for it.
pub async fn release(client: &Client, lease: Lease, seen: &CallRow, sent: Sent) -> Result<Option<CallRow>> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let (given_back, left) =
            (given_back("$3"), left_to_do("wanted <> $3", "insights_awaited is not null", "$4", "due_at"));
        format!(
            "update calls set lease_until = {given_back}, hand_on_at = {left}, hand_ons = 0, {}
              where call_id = $1 and lease = $2 returning wanted <> $3",
            withdrawn("$4")
        )
    });
    let row = client.prepared_query_opt(&SQL, &[&seen.call_id.0, &lease.0, &seen.wanted, &sent.is_nothing()]).await?;
    changed(client, seen, row.is_some_and(|row| row.get(0))).await
}

/// The row, read again if it has changed.
async fn changed(client: &Client, seen: &CallRow, has: bool) -> Result<Option<CallRow>> {
    if has { look(client, seen.call_id).await } else { Ok(None) }
}

/// Releases the lease after a failure, so that the next attempt need not wait until it runs out, and settles the intent in
/// the same statement.
pub async fn abandon(client: &Client, lease: Lease, call_id: CallId, sent: Sent) -> Result<()> {
    let sql = "update calls set lease_until = null,
                      intent_at = case when $3 then null
                                       when $4::float8 is not null then now() - make_interval(secs => $4)
                                       else intent_at end,
                      log_form = case when not $3 or sellsy_id is not null then log_form end
                where call_id = $1 and lease = $2";
    client.prepared_execute(sql, &[&call_id.0, &lease.0, &sent.is_nothing(), &sent.unclear_s()]).await?;
    Ok(())
}

/// Delays changes of an existing log by `wait`, so that others can be written along with them, and then until the next time at
/// which logs are changed: these times are at least `every` apart, for all logs together. Notes that on the timeline, and releases the
/// lease as [`release`] does. Returns the whole delay, and the row if it has changed.
pub async fn put_off(
    client: &Client,
    lease: Lease,
    seen: &CallRow,
    sent: Sent,
    wait: Duration,
    every: Duration,
) -> Result<(Duration, Option<CallRow>)> {
    // While changes wait for a later time, the times are a grid that starts with the first of them. Otherwise this change sets the first.
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let (given_back, withdrawn, write) = (given_back("$9"), withdrawn("$10"), &*WRITE);
        let left = left_to_do("wanted <> $9", "insights_awaited is not null", "$10", "turn.at");
        format!(
            "with held as (select first_at, last_at from log_updates for update),
                  turn as (select last_at > now() as running,
                                  case when $8::float8 = 0 then now() + make_interval(secs => $7::float8)
                                       when last_at > now()
                                       then first_at + make_interval(secs => $8 * greatest(0, ceil(
                                                extract(epoch from now() + make_interval(secs => $7) - first_at)::float8 / nullif($8, 0))))
                                       when last_at > '-infinity'
                                       then greatest(now() + make_interval(secs => $7), last_at + make_interval(secs => $8))
                                       else now() + make_interval(secs => $7) end as at from held),
                  next as (update log_updates set first_at = case when running then first_at else at end,
                                                  last_at = greatest(last_at, at) from turn where $8 > 0 and (not running or last_at < at)),
                  noted as ({write}),
                  put_off as (insert into timeline (call_id, stage, what, detail, at)
                              select $1, 'logger', 'put_off', jsonb_build_object('in_s', round({IN_S})::bigint), clock_timestamp() from turn)
             update calls set due_at = turn.at, lease_until = {given_back}, hand_on_at = {left}, hand_ons = 0, {withdrawn}
               from turn where call_id = $1 and lease = $6
          returning {IN_S}, wanted <> $9"
        )
    });
    let lines = Lines::of([]);
    let (stages, whats, details, ages) = lines.values();
    let (call_id, wait_s, every_s, unsent) =
        (seen.call_id.0, wait.as_secs_f64(), every.as_secs_f64(), sent.is_nothing());
    let values: [&(dyn ToSql + Sync); 10] =
        [&call_id, &stages, &whats, &details, &ages, &lease.0, &wait_s, &every_s, &seen.wanted, &unsent];
    let put_off = client.prepared_query_opt(&SQL, &values).await;
    // Without a row the lease has run out, and another writer has seen the change.
    let Some(row) = lines.after(put_off)? else { return Ok((wait, None)) };
    let wait = Duration::from_secs_f64(row.get::<_, f64>(0).max(0.0));
    Ok((wait, changed(client, seen, row.get(1)).await?))
}

/// For how many seconds changes are put off.
const IN_S: &str = "greatest(extract(epoch from turn.at - now())::float8, 0)";

/// The delayed changes need no write after all.
pub async fn nothing_due(client: &Client, lease: Lease, call_id: CallId) -> Result<()> {
    client
        .prepared_execute("update calls set due_at = null where call_id = $1 and lease = $2", &[&call_id.0, &lease.0])
        .await?;
    Ok(())
}

/// Recorded before each request that writes a log, unless the claim has done it a moment ago: if this process dies before
/// the answer, the next attempt knows that the request may have been carried out. Also renews the lease, so that it
/// outlasts the request. False if the lease has run out: then nothing may be sent.
pub async fn record_intent(client: &Client, lease: Lease, call_id: CallId, form: LogForm) -> Result<bool> {
    let sql = "update calls set intent_at = now(), log_form = $3, lease_until = now() + make_interval(secs => $4)
                where call_id = $1 and lease = $2 and lease_until > now()";
    Ok(client.prepared_execute(sql, &[&call_id.0, &lease.0, &form.as_str(), &LEASE_S]).await? == 1)
}

/// Notes what is about to be sent, so that what then stands there is not taken for a person's change if the answer never comes. False if the
/// lease ran out.
pub async fn note_sent(client: &Client, lease: Lease, call_id: CallId, left: &AsLeft) -> Result<bool> {
    let sql = "update logs_as_left set log = $3
                where call_id = $1 and exists (select from calls where call_id = $1 and lease = $2 and lease_until > now())";
    Ok(client.prepared_execute(sql, &[&call_id.0, &lease.0, &Json(left)]).await? == 1)
}

/// What is in Sellsy now.
#[derive(Clone, Debug)]
pub struct Written {
    pub form: LogForm,
    pub sellsy_id: i64,
    pub digest: String,
    /// `None` if that is not known: the log was adopted, and not written since.
    pub left: Option<AsLeft>,
}

/// The values of [`record_written`]'s statement.
pub struct Record {
    call_id: CallId,
    lines: OwnLines,
    written: Written,
    lease: Lease,
    wanted: i64,
    release: bool,
}

/// Records what is in Sellsy now, with its timeline lines. If a person has moved the call meanwhile, the log counts as not written, so that the move
/// still comes before what was done in Sellsy. That the log exists is true no matter who records it. What it
/// says is known only to the holder of the lease: after that, another writer may have changed it. With `release`, the
/// lease is released as [`release`] does.
pub async fn record_written(
    records: &Together<Record>,
    seen: &CallRow,
    written: Written,
    lines: impl IntoIterator<Item = Entry>,
    lease: Lease,
    release: bool,
) -> Result<Option<CallRow>> {
    let lines = Lines::of(lines);
    let (call_id, wanted) = (seen.call_id, seen.wanted);
    let record = Record { call_id, lines: lines.owned(), written, lease, wanted, release };
    let row = lines.after(records.row(record).await)?;
    if row.is_some_and(|row| row.get("changed")) {
        look(&records.database().client().await?, call_id).await
    } else {
        Ok(None)
    }
}

impl Values for Record {
    fn key(&self) -> i64 {
        self.call_id.0
    }

    async fn run(client: &Client, all: &[Self], locked: Locked) -> Result<Vec<Row>, Failure> {
        static SQL: Texts = Texts::new(|| Locked::BOTH.map(Record::sql));
        let ids: Vec<i64> = all.iter().map(|record| record.call_id.0).collect();
        let lines = ManyLines::of(all.iter().map(|record| (record.call_id, &record.lines)));
        let sellsy_ids: Vec<i64> = all.iter().map(|record| record.written.sellsy_id).collect();
        let forms: Vec<&str> = all.iter().map(|record| record.written.form.as_str()).collect();
        let digests: Vec<&str> = all.iter().map(|record| &*record.written.digest).collect();
        let leases: Vec<Uuid> = all.iter().map(|record| record.lease.0).collect();
        let wanted: Vec<i64> = all.iter().map(|record| record.wanted).collect();
        let release: Vec<bool> = all.iter().map(|record| record.release).collect();
        let (created, left): (Vec<_>, Vec<_>) = all
            .iter()
            .map(|record| record.written.left.as_ref().map(|left| (left.created, Json(left))).unzip())
            .map(|(created, left)| (created.flatten(), left))
            .unzip();
        let mine: [&(dyn ToSql + Sync); 8] =
            [&sellsy_ids, &forms, &digests, &leases, &wanted, &release, &created, &left];
        let values = [&[&ids as &(dyn ToSql + Sync)][..], &lines.values(), &mine].concat();
        client.prepared_query(&SQL[locked as usize], &values).await
    }
}

impl Record {
    fn sql(locked: Locked) -> String {
        let (given_back, left) = (given_back("w.seen"), left_when_written("wanted <> w.seen"));
        let mine = "coalesce(c.lease = w.by, false)";
        let (free, is_free) = match locked {
            Locked::Wait => ("", "true"),
            Locked::Skip => (
                "free as materialized (select call_id as id from calls where call_id = any($1) for no key update skip locked),",
                "id = any(array(select id from free))",
            ),
        };
        let noted = write_many(is_free);
        format!(
            "with {free}
                  w as (select * from unnest($1::bigint[], $7::bigint[], $8::text[], $9::text[], $10::uuid[], $11::bigint[], $12::bool[],
                                             $13::timestamptz[], $14::jsonb[])
                                   as t (id, log_id, form, hash, by, seen, releases, made_at, log_left)
                         where {is_free}),
                  noted as ({noted}),
                  left_so as (insert into logs_as_left (call_id, created_at, log)
                              select id, made_at, log_left from w
                               where log_left is not null and exists (select from calls where call_id = any($1) and call_id = id and erased_at is null)
                              on conflict (call_id) do update
                                 set created_at = coalesce(excluded.created_at, logs_as_left.created_at), log = excluded.log)
             update calls c set sellsy_id = w.log_id, log_form = w.form, written_at = now(), writes = writes + 1,
                    digest = case when {mine} and not (wanted <> w.seen and relinked_at is not null) then w.hash else '' end,
                    intent_at = case when not {mine} then intent_at end,
                    due_at = case when not {mine} then due_at end,
                    lease_until = case when {mine} and w.releases then {given_back} else lease_until end,
                    hand_on_at = case when {mine} and w.releases then {left} else hand_on_at end, hand_ons = 0
               from w where c.call_id = w.id and c.call_id = any($1)
          returning c.call_id as of_key, {mine} and w.releases and wanted <> w.seen as changed"
        )
    }
}

/// From now on updates leave the log's owner and links alone.
pub async fn record_links_refused(client: &Client, call_id: CallId) -> Result<()> {
    client.prepared_execute("update calls set links_refused_at = now() where call_id = $1", &[&call_id.0]).await?;
    Ok(())
}

/// A person deleted the log in Sellsy; it stays deleted.
pub async fn record_gone(client: &Client, call_id: CallId) -> Result<()> {
    let sql = "update calls set gone_at = now(), due_at = null where call_id = $1";
    client.prepared_execute(sql, &[&call_id.0]).await?;
    Ok(())
}

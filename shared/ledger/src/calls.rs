//! The row of a call: Aircall's newest snapshot, the resolution, the insights. How the logger reads the row is in
//! `calls/row.rs`; the lease and what was written to Sellsy are in `calls/writing.rs`.
//!
//! What a function here stores does not depend on the order of deliveries, nor on how often they come: of views what all of
//! them together say counts ([`Snapshot`]), an insight when it is newer than the stored one of its key.

use std::sync::LazyLock;

use base::{db::Client, error::Result, ids::CallId, phone::E164};
use jiff::Timestamp;
use tokio_postgres::types::{Json, ToSql};
use vendors::aircall::wire::Call;

use super::{
    insight::Insight,
    resolution::Resolution,
    timeline::{Entry, Lines, WRITE},
};

mod absent;
mod as_left;
mod by_hand;
mod deciding;
mod entering;
mod first;
pub(crate) mod left_out;
mod merging;
mod overdue;
mod pairs;
mod past;
mod row;
mod taking;
mod walk;
mod writing;

pub use super::snapshot::Snapshot;
pub use absent::{LineInsights, insights_by_line, may_have_lost_insights, note_absent_insights};
pub use as_left::{AsLeft, Part, as_left, to_change};
pub use by_hand::{NotAsked, NotMoved, hurry, relink, write_again};
pub use deciding::{Decide, decide_and_claim};
pub use entering::{all_entered, any_to_enter, enter};
pub use first::{First, FirstSeen, first_seen};
pub use left_out::undecide;
use overdue::{LATER, left_to_do};
pub use overdue::{Overdue, any_overdue, handed_on, has_no_dead_letters, overdue};
pub use pairs::{any_unpaired, pair};
pub(crate) use past::with_number;
pub use past::{Past, PastCall, keep_staffs, past};
pub use row::{CallRow, Change, Decision, Links, Log, Stored};
pub use taking::{CARD_DECIDES_FOR, JustDecided, Take, Taken, TakenAndClaimed, apply, begin, end, take_in_and_claim};
pub use walk::{lines_since, since};
use writing::WAITS;
pub use writing::{
    Claimed, Claiming, FIRST_WITHIN, Lease, Record, Sent, Written, abandon, claim, is_free, look, note_sent,
    nothing_due, put_off, record_gone, record_intent, record_links_refused, record_written, release,
};

/// Whether the data of this call were deleted.
pub async fn is_erased(client: &Client, call_id: CallId) -> Result<bool> {
    let sql = "select exists (select from calls where call_id = $1 and erased_at is not null)";
    Ok(client.prepared_query_one(sql, &[&call_id.0]).await?.get(0))
}

/// Only the transfer event says where the call was forwarded to, so the number outlives newer views. Of several
/// transfers the last one counts.
async fn keep_forwarded(client: &Client, call_id: CallId, number: &str, at: Timestamp) -> Result<()> {
    let sql = "update calls set forwarded_to = $2, forwarded_at = $3
                where call_id = $1 and erased_at is null and (forwarded_at is null or (forwarded_at, forwarded_to) < ($3, $2))";
    client.prepared_execute(sql, &[&call_id.0, &number, &at]).await?;
    Ok(())
}

/// The ledger has just taken over from one of which it may lack the last seconds (decision 32).
const TOOK_OVER: &str = "select from ledger_is where since > now() - interval '10 minutes'";

/// The phone rang (`at`) before the ledger took over from another one: it may lack that the card was shown, and there is at most one.
fn may_be_shown(at: &str) -> String {
    format!("exists ({TOOK_OVER} and since > {at})")
}

/// Claims the one card that a call may ever have. False when it was claimed before, or may have been, or the call has ended.
pub async fn claim_card(client: &Client, call_id: CallId) -> Result<bool> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "update calls set card_at = now()
              where call_id = $1 and card_at is null and resolved_at is null and erased_at is null and snapshot->>'ended_at' is null and not {}",
            may_be_shown("snapshot_at")
        )
    });
    Ok(client.prepared_execute(&SQL, &[&call_id.0]).await? == 1)
}

/// What the ledger knows of the caller.
#[derive(Clone, Debug)]
pub struct Known {
    pub resolution: Resolution,
    pub looked_up_at: Timestamp,
    /// The resolution is the one by which the call is logged.
    pub is_final: bool,
    pub card_shown: bool,
    /// [`end`] has just made it final.
    pub just_decided: bool,
}

pub async fn known(client: &Client, call_id: CallId) -> Result<Option<Known>> {
    let sql = "select resolution, looked_up_at, resolved_at is not null, card_at is not null
                 from calls where call_id = $1 and resolution is not null";
    let row = client.prepared_query_opt(sql, &[&call_id.0]).await?;
    Ok(row.map(|r| {
        let Json(resolution) = r.get(0);
        Known { resolution, looked_up_at: r.get(1), is_final: r.get(2), card_shown: r.get(3), just_decided: false }
    }))
}

/// When a look-up for the card was made; long ago if it cannot decide the call. A worker of an earlier version goes by its age alone.
fn looked_up_at(resolution: &str) -> String {
    format!(
        "case when ({resolution}->>'holds_until')::timestamptz <= now() then now() - interval '1 day' else now() end"
    )
}

/// Stores a look-up made for the card, with its timeline line; a final decision is left alone. With `claim` it also
/// claims the call's one card, as [`claim_card`] does, and returns whether it got it.
pub async fn keep_look_up(
    client: &Client,
    call_id: CallId,
    resolution: &Resolution,
    claim: bool,
    line: Entry,
) -> Result<bool> {
    // Whether the card is still unclaimed is read under the row's lock: two replicas may run this at the same time.
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "with noted as ({}),
                  old as (select card_at is null and snapshot->>'ended_at' is null and not {} as free
                            from calls where call_id = $1 and resolved_at is null and erased_at is null for update)
             update calls set resolution = $6, looked_up_at = {}, card_at = case when $7 and free then now() else card_at end
               from old where call_id = $1
          returning $7 and free",
            *WRITE,
            may_be_shown("snapshot_at"),
            looked_up_at("$6::jsonb")
        )
    });
    let lines = Lines::of([line]);
    let (stages, whats, details, ages) = lines.values();
    let values: [&(dyn ToSql + Sync); 7] = [&call_id.0, &stages, &whats, &details, &ages, &Json(resolution), &claim];
    let kept = client.prepared_query_opt(&SQL, &values).await;
    Ok(lines.after(kept)?.is_some_and(|row| row.get(0)))
}

/// Makes this the resolution by which the call is logged. Without a record the call waits, under its number, for one to
/// appear. False when another resolution was already final.
pub async fn decide(client: &Client, call_id: CallId, resolution: &Resolution, number: Option<&E164>) -> Result<bool> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "update calls set resolution = $2, looked_up_at = now(), resolved_at = now(), unmatched_number = $3,
                    hand_on_at = case when $4 then {LATER} end
              where call_id = $1 and resolved_at is null and erased_at is null"
        )
    });
    let found = resolution.record.is_some();
    let number = number.filter(|_| !found).map(E164::as_str);
    Ok(client.prepared_execute(&SQL, &[&call_id.0, &Json(resolution), &number, &found]).await? == 1)
}

/// Decides again for a call without a match, or one whose record Sellsy refused. If nobody is found this time, a log
/// that exists keeps its record. Returns the decision that holds then; `None` when there was nothing to decide again.
pub async fn decide_again(
    client: &Client,
    call_id: CallId,
    resolution: &Resolution,
    number: Option<&E164>,
) -> Result<Option<Resolution>> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "update calls set resolution = case when sellsy_id is null or $4 then $2 else resolution end,
                    unmatched_number = case when sellsy_id is null then $3 end,
                    looked_up_at = now(), resolved_at = now(),
                    hand_on_at = case when sellsy_id is not null or $4 then {LATER} end
              where call_id = $1 and erased_at is null and relinked_at is null
                and (unmatched_number is not null or reopened_at > looked_up_at)
          returning resolution"
        )
    });
    let found = resolution.record.is_some();
    let number = number.filter(|_| !found).map(E164::as_str);
    let row = client.prepared_query_opt(&SQL, &[&call_id.0, &Json(resolution), &number, &found]).await?;
    Ok(row.map(|r| r.get::<_, Json<Resolution>>(0).0))
}

/// Sellsy refused the record or the opportunity that was found: the call waits for another decision. This happens once
/// per call; false after that. An intent is kept: the log that it may have created is looked for on the next record
/// too, where a merge of the two records would have moved it.
pub async fn reopen(client: &Client, call_id: CallId) -> Result<bool> {
    // No delayed change waits across the decision: it is written once the decision is made.
    let sql = "update calls set reopened_at = now(), due_at = null
                where call_id = $1 and reopened_at is null and relinked_at is null";
    Ok(client.prepared_execute(sql, &[&call_id.0]).await? == 1)
}

pub async fn snapshot(client: &Client, call_id: CallId) -> Result<Option<Call>> {
    let sql = "select snapshot from calls where call_id = $1";
    let row = client.prepared_query_opt(sql, &[&call_id.0]).await?;
    Ok(row.and_then(|r| r.get::<_, Option<Json<Call>>>(0)).map(|Json(call)| call))
}

/// Stores the insight unless a newer one of its key is stored. Of two that Aircall sent in the same second, the greater
/// one by PostgreSQL's order of JSON is kept: that order means nothing, but gives the same result whichever came first.
/// True if a change of the log [waits](writing::WAITS) for its time, and will have this in it.
pub async fn add_insight(client: &Client, call_id: CallId, insight: &Insight) -> Result<bool> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "insert into calls (call_id, insights, hand_on_at) values ($1, jsonb_build_object($2::text, $3::jsonb), {LATER})
             on conflict (call_id) do update
                set insights = calls.insights || excluded.insights, wanted = calls.wanted + ({WAITS})::int,
                    hand_on_at = case when {WAITS} then calls.hand_on_at else excluded.hand_on_at end
              where calls.erased_at is null
                and (calls.insights->$2::text is null
                     or (($3->>'at')::timestamptz, $3) > ((calls.insights->$2::text->>'at')::timestamptz, calls.insights->$2::text))
          returning {WAITS}"
        )
    });
    let row = client.prepared_query_opt(&SQL, &[&call_id.0, &insight.content.key(), &Json(insight)]).await?;
    Ok(row.is_some_and(|row| row.get(0)))
}

/// Notes that an insight event of this kind came and could not be handled yet, so that it is not forgotten with its message.
pub async fn await_insight(client: &Client, call_id: CallId, kind: &str) -> Result<()> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "insert into calls (call_id, insights_awaited, hand_on_at) values ($1, array[$2::text], {LATER})
             on conflict (call_id) do update
                set insights_awaited = array_remove(coalesce(calls.insights_awaited, '{{}}'), $2) || $2::text,
                    hand_on_at = coalesce(calls.hand_on_at, excluded.hand_on_at)
              where calls.erased_at is null"
        )
    });
    client.prepared_execute(&SQL, &[&call_id.0, &kind]).await?;
    Ok(())
}

/// The event was handled after all. If nobody works on the call and nothing else is left to do, it is not handed on.
pub async fn insight_handled(client: &Client, call_id: CallId, kind: &str) -> Result<()> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let (others, left) =
            ("nullif(array_remove(insights_awaited, $2), '{}')", left_to_do("false", "false", "false", "due_at"));
        format!(
            "update calls set insights_awaited = {others},
                    hand_on_at = case when {others} is not null or lease_until > now() then hand_on_at else {left} end
              where call_id = $1 and insights_awaited is not null"
        )
    });
    client.prepared_execute(&SQL, &[&call_id.0, &kind]).await?;
    Ok(())
}

/// Unmatched calls of the last days whose number is one of these.
pub async fn waiting_for(client: &Client, numbers: &[&str], days: f64) -> Result<Vec<CallId>> {
    let sql = "select call_id from calls
                where unmatched_number = any($1) and created_at > now() - make_interval(secs => $2::float8 * 86400)
                order by call_id";
    let rows = client.prepared_query(sql, &[&numbers, &days]).await?;
    Ok(rows.iter().map(|row| CallId(row.get(0))).collect())
}

/// Until when this unmatched call is found by [`waiting_for`]; `None` if it does not wait for a record.
pub async fn waits_until(client: &Client, call_id: CallId, days: f64) -> Result<Option<Timestamp>> {
    let sql = "select created_at + make_interval(secs => $2::float8 * 86400) from calls
                where call_id = $1 and unmatched_number is not null";
    let row = client.prepared_query_opt(sql, &[&call_id.0, &days]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Adds to the number of parked messages of the call; negative when an operator took some out. Messages that the broker
/// parked on its own were not counted. If one was dropped, the ledger does not hand its work on either.
pub async fn count_parked(client: &Client, call_id: CallId, messages: i32, dropped: bool) -> Result<()> {
    if messages == 0 {
        return Ok(());
    }
    let sql = "update calls set parked = greatest(parked + $2, 0),
                      hand_on_at = case when not $3 or due_at is not null or insights_awaited is not null
                                           or relinked_at > coalesce(written_at, '-infinity') then hand_on_at end
                where call_id = $1";
    client.prepared_execute(sql, &[&call_id.0, &messages, &dropped]).await?;
    Ok(())
}

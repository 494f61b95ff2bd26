//! The row of a call: Aircall's newest snapshot, the resolution, the insights. How the logger reads the row is in
//! `calls/row.rs`; the lease and what was written to Sellsy are in `calls/writing.rs`.
//!
//! What a function here stores does not depend on the order of deliveries, nor on how often they come: of views what all of
//! them together say counts ([`Snapshot`]), an insight when it is newer than the stored one of its key.

use std::{sync::LazyLock, time::Duration};

use base::{
    db::Client,
    error::Result,
    ids::{CallId, Stage},
    phone::E164,
};
use jiff::Timestamp;
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};
use vendors::aircall::wire::Call;

use super::{
    insight::Insight,
    resolution::Resolution,
    snapshot::{
        PHASE_SHIFT, Place,
        merge::{FREE, Joined},
    },
    timeline::{Entry, Lines, WRITE},
};

mod absent;
mod as_left;
mod by_hand;
mod entering;
pub(crate) mod left_out;
mod merging;
mod overdue;
mod pairs;
mod past;
mod row;
mod walk;
mod writing;

pub use super::snapshot::Snapshot;
pub use absent::{LineInsights, insights_by_line, note_absent_insights};
pub use as_left::{AsLeft, Part, as_left, to_change};
pub use by_hand::{NotMoved, relink};
pub use entering::{all_entered, any_to_enter, enter};
pub use left_out::undecide;
use overdue::{LATER, left_to_do};
pub use overdue::{Overdue, any_overdue, handed_on, has_no_dead_letters, overdue};
pub use pairs::{any_unpaired, pair};
pub use past::{PastCall, keep_staffs, past};
pub use row::{CallRow, Change, Decision, Links, Log, Stored};
pub use walk::{lines_since, since};
pub use writing::{
    Claimed, FIRST_WITHIN, Lease, Sent, Written, abandon, claim, is_free, look, nothing_due, put_off, record_gone,
    record_intent, record_links_refused, record_written, release, still_waits,
};

/// The look-up that was made for the card is good enough to decide the call: not too old, and its opportunity holds. An older version did
/// not say for how long it does. The directory may know by now that it is over, because Sellsy has reported that or it was read for another call.
const DECIDABLE: &str = "(calls.resolved_at is null and calls.looked_up_at > now() - make_interval(secs => $7::float8)
                          and coalesce((calls.resolution->>'holds_until')::timestamptz > now(), calls.resolution->'opportunity'->>'id' is null)
                          and (calls.resolution->'opportunity'->>'id' is null
                               or exists (select from directory_opportunities o
                                           where o.id = (calls.resolution->'opportunity'->>'id')::bigint)))";

/// Whether one view has something that the other lacks and that a call never loses ([`Snapshot`]).
fn has_more(one: &str, other: &str) -> String {
    let free = FREE.join(",");
    let items = |list: &str| {
        let of = |view: &str| format!("select jsonb_array_elements({view}->'{list}')");
        format!("exists ({} except {})", of(one), of(other))
    };
    let (notes, tags) = (items("comments"), items("tags"));
    let fields =
        format!("select jsonb_object_keys({one} - '{{{free}}}'::text[]) except select jsonb_object_keys({other})");
    format!("(exists ({fields}) or {notes} or {tags})")
}

/// Stores a view if it replaces the stored one, writes its timeline line unless that was done (`$9`), and returns what is
/// known of the caller then. `$7` and `$8` are for [`end`]; without them nothing is decided. `$10` are the parts of a view
/// that stands alone.
///
/// A view replaces the stored one if it is newer and has all that the other has: then it is what [`merging::merge`] would
/// make of both. If it is older and has nothing more, nothing changes. All else has to be merged, and the last column says
/// so. A merged row (`snapshot_parts`) always has to.
static TAKE_IN: LazyLock<String> = LazyLock::new(|| {
    let (loses, adds) = (has_more("snapshot", "$2::jsonb"), has_more("$2::jsonb", "snapshot"));
    // The phase and the time must both say so.
    let is = |phase: &str, time: &str| {
        format!(
            "$4::bigint >> {PHASE_SHIFT} {phase} snapshot_rank >> {PHASE_SHIFT} and ($3::timestamptz, $4) {time} (snapshot_at, snapshot_rank)"
        )
    };
    let (newer, older) = (is(">=", ">"), is("<=", "<="));
    let fits = "(select fits from kept)";
    format!(
        "with old as (select erased_at is not null as erased, snapshot is null as without,
                             snapshot_parts is null and $10::jsonb is null as plain,
                             {newer} and not {loses} as replaced, {older} and not {adds} as known
                        from calls where call_id = $1 for no key update),
              kept as (select not coalesce((select erased from old), false) as so,
                              coalesce((select without or plain and replaced from old), false) as fits,
                              coalesce((select plain and known from old), false) as known),
              noted as (insert into timeline (call_id, stage, what, detail)
                        select $1, $5::text, $6::text, jsonb_build_object('occurred_at', $3::timestamptz) from kept
                         where so and not $9::bool),
              taken as (insert into calls (call_id, snapshot, snapshot_at, snapshot_rank, snapshot_parts, reconciled_at, hand_on_at)
                        select $1, $2::jsonb, $3::timestamptz, $4::bigint, $10::jsonb, case when $6::text = 'reconciled' then now() end,
                               case when $2::jsonb->>'ended_at' is not null then {LATER} end
                          from kept where so
                        on conflict (call_id) do update
                           set snapshot = case when {fits} then excluded.snapshot else calls.snapshot end,
                               snapshot_at = case when {fits} then excluded.snapshot_at else calls.snapshot_at end,
                               snapshot_rank = case when {fits} then excluded.snapshot_rank else calls.snapshot_rank end,
                               snapshot_parts = case when {fits} then excluded.snapshot_parts else calls.snapshot_parts end,
                               reconciled_at = case when {fits} then coalesce(excluded.reconciled_at, calls.reconciled_at)
                                                    else calls.reconciled_at end,
                               reconciled_view = case when not {fits} or $6 = 'reconciled' then calls.reconciled_view end,
                               resolved_at = case when {DECIDABLE} then now() else calls.resolved_at end,
                               unmatched_number = case when {DECIDABLE} and calls.resolution->>'record' is null then $8::text
                                                       else calls.unmatched_number end,
                               hand_on_at = case when {DECIDABLE} and calls.resolution->>'record' is null then null
                                                 when excluded.hand_on_at is not null then excluded.hand_on_at
                                                 else calls.hand_on_at end
                         where calls.erased_at is null and ({fits} or {DECIDABLE})
                     returning resolution, looked_up_at, resolved_at, card_at, (snapshot_at, snapshot_rank) = ($3, $4) as stored)
         select so, coalesce(taken.resolution, calls.resolution), coalesce(taken.looked_up_at, calls.looked_up_at),
                coalesce(taken.resolved_at, calls.resolved_at) is not null, coalesce(taken.card_at, calls.card_at) is not null,
                coalesce(taken.resolved_at = now(), false),
                so and not known and not coalesce(taken.stored, false) as to_merge
           from kept left join taken on true left join calls on calls.call_id = $1"
    )
});

/// Stores what the view adds to the earlier ones; a duplicate changes nothing. Writes the event to the timeline. Also notes that Aircall's list brought the call in, before anybody writes the log. False when the data of
/// this call were deleted: then nothing is stored.
pub async fn apply(client: &Client, stage: Stage, call_id: CallId, snapshot: &Snapshot<'_>) -> Result<bool> {
    Ok(take_in(client, stage, call_id, snapshot, None).await?.get(0))
}

/// The outcome of storing a view.
#[derive(Clone, Debug)]
pub enum Taken {
    /// Stored, or older than the stored one; with what the ledger knows of the caller.
    In(Option<Box<Known>>),
    /// The data of this call were deleted.
    Erased,
}

/// Like [`apply`], and returns what is known of the caller.
pub async fn begin(client: &Client, stage: Stage, call_id: CallId, snapshot: &Snapshot<'_>) -> Result<Taken> {
    take_in(client, stage, call_id, snapshot, None).await.map(|row| taken(&row))
}

/// Like [`begin`], for a call that has ended: if it was looked up within the last `fresh`, that look-up becomes its
/// final resolution. No other query is needed then, which is why this is one statement.
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
    let Place { at, rank } = snapshot.place();
    let parts = Joined::of(snapshot).parts().map(Json);
    let (call, stage) = (Json(snapshot.call), stage.as_str());
    let (fresh_s, number) = (decide.map(|(fresh, _)| fresh.as_secs_f64()), decide.and_then(|(_, number)| number));
    let number = number.map(E164::as_str);
    let values: [&(dyn ToSql + Sync); 10] =
        [&call_id.0, &call, &at, &rank, &stage, &snapshot.kind, &fresh_s, &number, &snapshot.noted, &parts];
    let row = client.prepared_query_one(&TAKE_IN, &values).await?;
    if row.get("to_merge") {
        merging::merge(client, call_id, snapshot).await?;
    }
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

/// Claims the one card that a call may ever have. False when it was claimed before or the call has ended.
pub async fn claim_card(client: &Client, call_id: CallId) -> Result<bool> {
    let sql = "update calls set card_at = now()
                where call_id = $1 and card_at is null and resolved_at is null and erased_at is null and snapshot->>'ended_at' is null";
    Ok(client.prepared_execute(sql, &[&call_id.0]).await? == 1)
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
            "with noted as ({WRITE}),
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
pub async fn add_insight(client: &Client, call_id: CallId, insight: &Insight) -> Result<()> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "insert into calls (call_id, insights, hand_on_at) values ($1, jsonb_build_object($2::text, $3::jsonb), {LATER})
             on conflict (call_id) do update set insights = calls.insights || excluded.insights, hand_on_at = excluded.hand_on_at
              where calls.erased_at is null
                and (calls.insights->$2::text is null
                     or (($3->>'at')::timestamptz, $3) > ((calls.insights->$2::text->>'at')::timestamptz, calls.insights->$2::text))"
        )
    });
    client.prepared_execute(&SQL, &[&call_id.0, &insight.content.key(), &Json(insight)]).await?;
    Ok(())
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

//! Takes a view of a call in, and with it what follows at once, in one statement: the decision by the card's look-up, and the lease of the log.

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

use super::{
    Known, keep_forwarded, merging,
    overdue::LATER,
    row::ROW,
    writing::{ClaimSql, Claimed, Claiming, FOUND, WAITS, claimed, decided_lately},
};
use crate::{
    form::LogForm,
    resolution::Resolution,
    snapshot::{
        PHASE_SHIFT, Place, Snapshot,
        merge::{FREE, Joined},
    },
};

/// The look-up that was made for the card is good enough to decide the call: not too old, and its opportunity holds. An older version did
/// not say for how long it does. The directory may know by now that it is over, because Sellsy has reported that or it was read for another call.
const DECIDABLE: &str = "(resolved_at is null and looked_up_at > now() - make_interval(secs => $7::float8)
                          and coalesce((resolution->>'holds_until')::timestamptz > now(), resolution->'opportunity'->>'id' is null)
                          and (resolution->'opportunity'->>'id' is null
                               or exists (select from directory_opportunities o where o.id = (resolution->'opportunity'->>'id')::bigint)))";

/// Whether one view has something that the other lacks and that a call never loses ([`Snapshot`]).
fn has_more(one: &str, other: &str) -> String {
    let free = FREE.join(",");
    // A note or a tag that the other has with more fields is there.
    let has_all = |list: &str| format!("coalesce({other}->'{list}', '[]') @> coalesce({one}->'{list}', '[]')");
    let (notes, tags) = (has_all("comments"), has_all("tags"));
    format!("(not ({other} ?& array(select jsonb_object_keys({one} - '{{{free}}}'::text[])) and {notes} and {tags}))")
}

/// Stores a view if it replaces the stored one, and writes its timeline line unless that was done (`$9`). `$10` are the parts of a view that
/// stands alone.
///
/// A view replaces the stored one if it is newer and has all that the other has: then it is what [`merging::merge`] would
/// make of both (`fits`). If it is older and has nothing more, nothing changes (`known`). All else has to be merged, and the column `to_merge`
/// says so. A merged row (`snapshot_parts`) always has to.
struct TakeIn<'a> {
    /// More columns of `old`, the row as it was, which this statement has locked.
    seen: &'a str,
    /// More columns of `kept`, which says what is done. `fit` has what is known of the view.
    does: &'a str,
    /// What else is changed, if `when`. Here and below, `c` is the row and `k` is `kept`.
    sets: &'a str,
    when: &'a str,
    /// Columns of `taken`, the row as it is then, if it was changed.
    gives: &'a str,
    answers: &'a str,
}

impl TakeIn<'_> {
    fn sql(&self) -> String {
        let Self { seen, does, sets, when, gives, answers } = self;
        let (loses, adds) = (has_more("snapshot", "$2::jsonb"), has_more("$2::jsonb", "snapshot"));
        // The phase and the time must both say so.
        let is = |phase: &str, time: &str| {
            format!(
                "$4::bigint >> {PHASE_SHIFT} {phase} snapshot_rank >> {PHASE_SHIFT} and ($3::timestamptz, $4) {time} (snapshot_at, snapshot_rank)"
            )
        };
        let (newer, older) = (is(">=", ">"), is("<=", "<="));
        format!(
            "with view as (select $2::jsonb as call, $3::timestamptz as seen_at, $4::bigint as place, $10::jsonb as parts,
                                  case when $6::text = 'reconciled' then now() end as listed_at,
                                  case when $2::jsonb->>'ended_at' is not null then {LATER} end as left_at),
                  old as (select erased_at is not null as erased, snapshot is null as without,
                                 snapshot_parts is null and $10::jsonb is null as plain,
                                 {newer} and not {loses} as replaced, {older} and not {adds} as known, {seen}
                            from calls where call_id = $1 for no key update),
                  fit as (select not coalesce(bool_or(erased), false) as so,
                                 coalesce(bool_or(without or plain and replaced), false) as fits,
                                 coalesce(bool_or(plain and known), false) as known, count(*) > 0 as stands from old),
                  kept as (select fit.*, {does} from fit left join old on true),
                  noted as (insert into timeline (call_id, stage, what, detail)
                            select $1, $5::text, $6::text, jsonb_build_object('occurred_at', $3::timestamptz) from kept
                             where so and not $9::bool),
                  made as (insert into calls (call_id, snapshot, snapshot_at, snapshot_rank, snapshot_parts, reconciled_at, hand_on_at)
                           select $1, view.* from kept, view where not stands
                           on conflict (call_id) do nothing
                        returning true as stored),
                  taken as (update calls c
                               set snapshot = case when k.fits then view.call else c.snapshot end,
                                   snapshot_at = case when k.fits then view.seen_at else c.snapshot_at end,
                                   snapshot_rank = case when k.fits then view.place else c.snapshot_rank end,
                                   snapshot_parts = case when k.fits then view.parts else c.snapshot_parts end,
                                   reconciled_at = case when k.fits then coalesce(view.listed_at, c.reconciled_at) else c.reconciled_at end,
                                   reconciled_view = case when not k.fits or $6 = 'reconciled' then c.reconciled_view end,
                                   {sets}
                              from kept k, view
                             where c.call_id = $1 and k.so and (k.fits or {when})
                         returning {gives}, (c.snapshot_at, c.snapshot_rank) = ($3, $4) as stored)
             select k.so, k.so and not k.known and not coalesce(taken.stored, made.stored, false) as to_merge, {answers}
               from kept k left join taken on true left join made on true left join calls on calls.call_id = $1"
        )
    }
}

/// Returns what is known of the caller then. `$7` and `$8` are for [`end`]; without them nothing is decided.
static TAKE_IN: LazyLock<String> = LazyLock::new(|| {
    let by_nobody = "k.decides and c.resolution->>'record' is null";
    TakeIn {
        seen: &format!("{DECIDABLE} as decides"),
        does: "coalesce(old.decides, false) as decides",
        sets: &format!(
            "resolved_at = case when k.decides then now() else c.resolved_at end,
             unmatched_number = case when {by_nobody} then $8::text else c.unmatched_number end,
             hand_on_at = case when {by_nobody} then null else coalesce(view.left_at, c.hand_on_at) end"
        ),
        when: "k.decides",
        gives: "c.resolution, c.looked_up_at, c.resolved_at, c.card_at",
        answers: "coalesce(taken.resolution, calls.resolution) as resolution, coalesce(taken.looked_up_at, calls.looked_up_at) as looked_up_at,
                  coalesce(taken.resolved_at, calls.resolved_at) is not null as is_final,
                  coalesce(taken.card_at, calls.card_at) is not null as card_shown, k.decides as just_decided",
    }
    .sql()
});

/// Also takes the lease of the call's log, as [`super::claim`] does, if the call is decided. If `$7` is given, only if this decides it: by the
/// card's look-up, which has found somebody. A view that has to be merged does neither.
static TAKE_IN_AND_CLAIM: LazyLock<String> = LazyLock::new(|| {
    let own = "coalesce(lease = any($8::uuid[]), false)";
    let claiming = ClaimSql { lease: "$11::uuid", form: "$12::text", unsent: "$13::bool", unclear: "$14::float8" };
    let (creatable, changeable) = (claiming.creatable(own, FOUND), claiming.changeable(own));
    TakeIn {
        seen: &format!(
            "{DECIDABLE} and resolution->'record'->>'id' is not null as decides, resolved_at is not null as decided,
             (lease_until > now() and lease <> all($8)) is true as held, {own} as own, {WAITS} and $15::bool as waits,
             {creatable} as creatable, {} as lately, {changeable} as changes",
            decided_lately()
        ),
        does: "coalesce(old.decides and (fit.fits or fit.known), false) as decides,
               coalesce(case when $7 is null then old.decided and not old.waits else old.decides end and (fit.fits or fit.known), false) as claims,
               coalesce(old.waits and (fit.fits or fit.known), false) as waits,
               old.held, old.own, old.creatable and (old.decides or old.lately) as creates, old.changes",
        sets: &format!(
            "resolved_at = case when k.decides then now() else c.resolved_at end,
             hand_on_at = case when k.claims then {LATER} when k.waits then c.hand_on_at else coalesce(view.left_at, c.hand_on_at) end,
             wanted = c.wanted + (k.claims or k.waits)::int, {}",
            claiming.sets("not k.claims or k.held", "k.own", "k.creates", "k.changes")
        ),
        when: "k.claims",
        gives: &format!("{ROW}, c.card_at is not null as card_shown, {}", claiming.gives()),
        answers: "k.claims, k.waits, k.decides as just_decided, taken.*",
    }
    .sql()
});

/// Stores what the view adds to the earlier ones; a duplicate changes nothing. Writes the event to the timeline. Also notes that Aircall's list
/// brought the call in, before anybody writes the log. False when the data of this call were deleted: then nothing is stored.
pub async fn apply(client: &Client, stage: Stage, call_id: CallId, view: &Snapshot<'_>) -> Result<bool> {
    Ok(store(client, stage, call_id, view, None).await?.get("so"))
}

/// The greatest age at which the card's look-up may still decide the call: few records change during a phone call.
pub const CARD_DECIDES_FOR: Duration = Duration::from_secs(30 * 60);

/// The outcome of storing a view.
#[derive(Clone, Debug)]
pub enum Taken {
    /// Stored, or older than the stored one; with what the ledger knows of the caller.
    In(Option<Box<Known>>),
    /// The data of this call were deleted.
    Erased,
}

/// Like [`apply`], and returns what is known of the caller.
pub async fn begin(client: &Client, stage: Stage, call_id: CallId, view: &Snapshot<'_>) -> Result<Taken> {
    store(client, stage, call_id, view, None).await.map(|row| taken(&row))
}

/// Like [`begin`], for a call that has ended: if it was looked up within the last `fresh`, that look-up becomes its
/// final resolution. No other query is needed then, which is why this is one statement.
pub async fn end(
    client: &Client,
    stage: Stage,
    call_id: CallId,
    view: &Snapshot<'_>,
    fresh: Duration,
    number: Option<&E164>,
) -> Result<Taken> {
    store(client, stage, call_id, view, Some((fresh, number))).await.map(|row| taken(&row))
}

async fn store(
    client: &Client,
    stage: Stage,
    call_id: CallId,
    view: &Snapshot<'_>,
    decide: Option<(Duration, Option<&E164>)>,
) -> Result<Row> {
    let number = decide.and_then(|(_, number)| number).map(E164::as_str);
    let fresh = decide.map(|(fresh, _)| fresh);
    run(client, &TAKE_IN, stage, call_id, view, fresh, &number, &[]).await
}

fn taken(row: &Row) -> Taken {
    if !row.get::<_, bool>("so") {
        return Taken::Erased;
    }
    let known = |Json(resolution)| {
        Box::new(Known {
            resolution,
            looked_up_at: row.get("looked_up_at"),
            is_final: row.get("is_final"),
            card_shown: row.get("card_shown"),
            just_decided: row.get("just_decided"),
        })
    };
    Taken::In(row.get::<_, Option<_>>("resolution").map(known))
}

/// The outcome of [`take_in_and_claim`].
#[derive(Debug)]
pub enum TakenAndClaimed {
    /// The data of this call were deleted.
    Erased,
    /// The call is not decided yet, or it was `fresh` and is not decided by this. The lease was not asked for.
    Undecided,
    /// A change of the log waits for its time already, and will have this in it: see [`WAITS`]. The lease was not asked for.
    Waits,
    /// The view had to be merged with the others, and the lease is still to be asked for.
    Merged,
    Claimed {
        claimed: Claimed,
        /// This has decided the call.
        decided: Option<Box<JustDecided>>,
    },
}

/// The look-up that has decided a call: when it was made, and whether its card was shown.
#[derive(Clone, Debug)]
pub struct JustDecided {
    pub resolution: Resolution,
    pub looked_up_at: Timestamp,
    pub card_shown: bool,
}

/// Like [`apply`], and asks for the lease of the call's log as [`super::claim`] does. With `fresh`, for a call that has ended: if it was looked up
/// for the card within that time, and somebody was found, that becomes its final resolution; otherwise the lease is not asked for.
pub async fn take_in_and_claim(
    client: &Client,
    stage: Stage,
    call_id: CallId,
    view: &Snapshot<'_>,
    fresh: Option<Duration>,
    claiming: &Claiming<'_>,
) -> Result<TakenAndClaimed> {
    let (ours, form) = (claiming.ours(), claiming.form.map(LogForm::as_str));
    let (lease, unsent, unclear) = (claiming.lease.0, claiming.sent.is_nothing(), claiming.sent.unclear_s());
    let more: [&(dyn ToSql + Sync); 5] = [&lease, &form, &unsent, &unclear, &claiming.leaves];
    let row = run(client, &TAKE_IN_AND_CLAIM, stage, call_id, view, fresh, &ours, &more).await?;
    if !row.get::<_, bool>("so") {
        return Ok(TakenAndClaimed::Erased);
    }
    // The row that this statement has returned may be older than the merged one.
    if row.get("to_merge") {
        return Ok(TakenAndClaimed::Merged);
    }
    if row.get("waits") {
        return Ok(TakenAndClaimed::Waits);
    }
    if !row.get::<_, bool>("claims") {
        return Ok(TakenAndClaimed::Undecided);
    }
    let decided = row.get::<_, bool>("just_decided").then(|| {
        let Json(resolution) = row.get("resolution");
        Box::new(JustDecided { resolution, looked_up_at: row.get("looked_up_at"), card_shown: row.get("card_shown") })
    });
    Ok(TakenAndClaimed::Claimed { claimed: claimed(&row), decided })
}

/// Makes this the resolution by which the call is logged, and asks for the lease of its log, as [`take_in_and_claim`] does for the card's look-up.
/// `None` if it was decided before, or its data were deleted.
pub async fn decide_and_claim(
    client: &Client,
    call_id: CallId,
    resolution: Resolution,
    claiming: &Claiming<'_>,
) -> Result<Option<(Claimed, Box<JustDecided>)>> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let claiming = ClaimSql { lease: "$3::uuid", form: "$5::text", unsent: "$6::bool", unclear: "$7::float8" };
        let (held, own) =
            ("(lease_until > now() and lease <> all($4)) is true", "coalesce(lease = any($4::uuid[]), false)");
        // The conditions about the decision are true of this one.
        let creates = claiming.creatable(own, "snapshot is not null");
        format!(
            "update calls c set resolution = $2, looked_up_at = now(), resolved_at = now(), wanted = wanted + 1, hand_on_at = {LATER}, {}
              where call_id = $1 and resolved_at is null and erased_at is null
          returning {ROW}, card_at is not null as card_shown, {}",
            claiming.sets(held, own, &creates, "false"),
            claiming.gives()
        )
    });
    let (ours, form) = (claiming.ours(), claiming.form.map(LogForm::as_str));
    let (unsent, unclear) = (claiming.sent.is_nothing(), claiming.sent.unclear_s());
    let found = Json(&resolution);
    let values: [&(dyn ToSql + Sync); 7] = [&call_id.0, &found, &claiming.lease.0, &ours, &form, &unsent, &unclear];
    let Some(row) = client.prepared_query_opt(&SQL, &values).await? else { return Ok(None) };
    let by = JustDecided { resolution, looked_up_at: row.get("looked_up_at"), card_shown: row.get("card_shown") };
    Ok(Some((claimed(&row), Box::new(by))))
}

/// The parameters of the two statements differ in the eighth, and after the tenth.
#[expect(clippy::too_many_arguments, reason = "they are the parameters of a statement")]
async fn run(
    client: &Client,
    sql: &str,
    stage: Stage,
    call_id: CallId,
    view: &Snapshot<'_>,
    fresh: Option<Duration>,
    eighth: &(dyn ToSql + Sync),
    more: &[&(dyn ToSql + Sync)],
) -> Result<Row> {
    let Place { at, rank } = view.place();
    let parts = Joined::of(view).parts().map(Json);
    let (call, stage, fresh_s) = (Json(view.call), stage.as_str(), fresh.map(|fresh| fresh.as_secs_f64()));
    let mut values: Vec<&(dyn ToSql + Sync)> =
        vec![&call_id.0, &call, &at, &rank, &stage, &view.kind, &fresh_s, eighth, &view.noted, &parts];
    values.extend(more);
    let row = client.prepared_query_one(sql, &values).await?;
    if row.get("to_merge") {
        merging::merge(client, call_id, view).await?;
    }
    if let Some(number) = view.call.external_transferred_to.as_ref().filter(|_| row.get("so")) {
        keep_forwarded(client, call_id, number, at).await?;
    }
    Ok(row)
}

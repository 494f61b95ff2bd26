//! Takes a view of a call in, and with it what follows at once, in one statement: the decision by the card's look-up, and the lease of the log.

use std::{sync::LazyLock, time::Duration};

use base::{
    db::{Client, Failure},
    error::{Code, Error, Result},
    ids::{CallId, Stage},
    phone::E164,
};
use jiff::Timestamp;
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};
use uuid::Uuid;
use vendors::aircall::wire::Call;

use super::{
    Known, keep_forwarded, merging,
    overdue::LATER,
    row::ROW,
    writing::{ClaimSql, Claimed, Claiming, FOUND, Lease, Sent, WAITS, claimed, decided_lately},
};
use crate::{
    form::LogForm,
    resolution::Resolution,
    snapshot::{
        PHASE_SHIFT, Place, Snapshot,
        merge::{FREE, Joined, Parts},
    },
    together::{Locked, Texts, Together, Values},
};

/// The look-up that was made for the card is good enough to decide the call: not too old, and its opportunity holds. An older version did
/// not say for how long it does. The directory may know by now that it is over, because Sellsy has reported that or it was read for another call.
const DECIDABLE: &str = "(resolved_at is null and looked_up_at > now() - make_interval(secs => v.fresh)
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

/// Stores views if they replace the stored ones, and writes their timeline lines unless that was done. Of each call there is one view.
///
/// A view replaces the stored one if it is newer and has all that the other has: then it is what [`merging::merge`] would
/// make of both (`fits`). If it is older and has nothing more, nothing changes (`known`). All else has to be merged, and the column `to_merge`
/// says so. A merged row (`snapshot_parts`) always has to.
struct TakeIn<'a> {
    /// More columns of the view, `v`, with their arrays.
    brings: &'a [(&'a str, &'a str)],
    /// More columns of `old`, the row as it was, which this statement has locked.
    seen: &'a str,
    /// More columns of `kept`, which says what is done. `fit` has what is known of the view.
    does: &'a str,
    /// What else is changed, if `when`. Here and below, `c` is the row, `k` is `kept` and `v` the view.
    sets: &'a str,
    when: &'a str,
    /// Columns of `taken`, the row as it is then, if it was changed.
    gives: &'a str,
    answers: &'a str,
}

impl TakeIn<'_> {
    fn sql(&self, locked: Locked) -> String {
        let Self { brings, seen, does, sets, when, gives, answers } = self;
        let (loses, adds) = (has_more("snapshot", "v.call"), has_more("v.call", "snapshot"));
        // The phase and the time must both say so.
        let is = |phase: &str, time: &str| {
            format!(
                "v.place >> {PHASE_SHIFT} {phase} snapshot_rank >> {PHASE_SHIFT} and (v.seen_at, v.place) {time} (snapshot_at, snapshot_rank)"
            )
        };
        let (newer, older) = (is(">=", ">"), is("<=", "<="));
        let (arrays, names): (String, String) =
            brings.iter().map(|(name, array)| (format!(", {array}"), format!(", {name}"))).unzip();
        let (skip, is_free) = match locked {
            Locked::Wait => ("", "true"),
            Locked::Skip => (
                "skip locked",
                "(old.id is not null or not exists (select from calls where call_id = any($1) and call_id = v.id))",
            ),
        };
        format!(
            "with v as (select t.*, case when kind = 'reconciled' then now() end as listed_at,
                               case when call->>'ended_at' is not null then {LATER} end as left_at
                          from unnest($1::bigint[], $2::jsonb[], $3::timestamptz[], $4::bigint[], $5::text[], $6::text[], $7::float8[],
                                      $8::bool[], $9::jsonb[]{arrays})
                                 as t (id, call, seen_at, place, stage, kind, fresh, noted, parts{names})),
                  old as (select o.* from v cross join lateral (
                          select v.id, erased_at is not null as erased, snapshot is null as without,
                                 snapshot_parts is null and v.parts is null as plain,
                                 {newer} and not {loses} as replaced, {older} and not {adds} as known, {seen}
                            from calls where call_id = v.id for no key update {skip}) o),
                  fit as (select v.id, old.erased is not true as so, coalesce(old.without or old.plain and old.replaced, false) as fits,
                                 coalesce(old.plain and old.known, false) as known, old.id is not null as stands
                            from v left join old on old.id = v.id where {is_free}),
                  kept as (select fit.*, {does} from fit join v on v.id = fit.id left join old on old.id = fit.id),
                  noted as (insert into timeline (call_id, stage, what, detail)
                            select v.id, v.stage, v.kind, jsonb_build_object('occurred_at', v.seen_at) from kept k join v on v.id = k.id
                             where k.so and not v.noted),
                  made as (insert into calls (call_id, snapshot, snapshot_at, snapshot_rank, snapshot_parts, reconciled_at, hand_on_at)
                           select v.id, v.call, v.seen_at, v.place, v.parts, v.listed_at, v.left_at from kept k join v on v.id = k.id
                            where not k.stands order by v.id
                           on conflict (call_id) do nothing
                        returning call_id as id, true as stored),
                  taken as (update calls c
                               set snapshot = case when k.fits then v.call else c.snapshot end,
                                   snapshot_at = case when k.fits then v.seen_at else c.snapshot_at end,
                                   snapshot_rank = case when k.fits then v.place else c.snapshot_rank end,
                                   snapshot_parts = case when k.fits then v.parts else c.snapshot_parts end,
                                   reconciled_at = case when k.fits then coalesce(v.listed_at, c.reconciled_at) else c.reconciled_at end,
                                   reconciled_view = case when not k.fits or v.kind = 'reconciled' then c.reconciled_view end,
                                   {sets}
                              from kept k join v on v.id = k.id
                             where c.call_id = any($1) and c.call_id = k.id and k.so and (k.fits or {when})
                         returning {gives}, (c.snapshot_at, c.snapshot_rank) = (v.seen_at, v.place) as stored)
             select k.id as of_key, k.so, k.so and not k.known and not coalesce(taken.stored, made.stored, false) as to_merge, {answers}
               from kept k left join taken on taken.call_id = k.id left join made on made.id = k.id
                    left join lateral (select resolution, looked_up_at, resolved_at, card_at from calls where call_id = any($1) and call_id = k.id) calls on true"
        )
    }
}

/// Returns what is known of the caller then. `number` is for [`end`]; without that nothing is decided.
static TAKE_IN: LazyLock<String> = LazyLock::new(|| {
    let by_nobody = "k.decides and c.resolution->>'record' is null";
    TakeIn {
        brings: &[("number", "$10::text[]")],
        seen: &format!("{DECIDABLE} as decides"),
        does: "coalesce(old.decides, false) as decides",
        sets: &format!(
            "resolved_at = case when k.decides then now() else c.resolved_at end,
             unmatched_number = case when {by_nobody} then v.number else c.unmatched_number end,
             hand_on_at = case when {by_nobody} then null else coalesce(v.left_at, c.hand_on_at) end"
        ),
        when: "k.decides",
        gives: "c.call_id, c.resolution, c.looked_up_at, c.resolved_at, c.card_at",
        answers: "coalesce(taken.resolution, calls.resolution) as resolution, coalesce(taken.looked_up_at, calls.looked_up_at) as looked_up_at,
                  coalesce(taken.resolved_at, calls.resolved_at) is not null as is_final,
                  coalesce(taken.card_at, calls.card_at) is not null as card_shown, k.decides as just_decided",
    }
    .sql(Locked::Wait)
});

/// Also takes the lease of the call's log, as [`super::claim`] does, if the call is decided. If `fresh` is given, only if this decides it: by the
/// card's look-up, which has found somebody. A view that has to be merged does neither. `$10` are the leases of earlier work.
fn take_in_and_claim_sql(locked: Locked) -> String {
    let own = "coalesce(lease = any($10::uuid[]), false)";
    let claiming = ClaimSql { lease: "v.by", form: "v.log_as", unsent: "v.unsent", unclear: "v.unclear" };
    let (creatable, changeable) = (claiming.creatable(own, FOUND), claiming.changeable(own));
    TakeIn {
        brings: &[
            ("by", "$11::uuid[]"),
            ("log_as", "$12::text[]"),
            ("unsent", "$13::bool[]"),
            ("unclear", "$14::float8[]"),
            ("leaves", "$15::bool[]"),
        ],
        seen: &format!(
            "{DECIDABLE} and resolution->'record'->>'id' is not null as decides, resolved_at is not null as decided,
             (lease_until > now() and lease <> all($10)) is true as held, {own} as own, {WAITS} and v.leaves as waits,
             {creatable} as creatable, {} as lately, {changeable} as changes",
            decided_lately()
        ),
        does: "coalesce(old.decides and (fit.fits or fit.known), false) as decides,
               coalesce(case when v.fresh is null then old.decided and not old.waits else old.decides end and (fit.fits or fit.known), false) as claims,
               coalesce(old.waits and (fit.fits or fit.known), false) as waits,
               old.held, old.own, old.creatable and (old.decides or old.lately) as creates, old.changes",
        sets: &format!(
            "resolved_at = case when k.decides then now() else c.resolved_at end,
             hand_on_at = case when k.claims then {LATER} when k.waits then c.hand_on_at else coalesce(v.left_at, c.hand_on_at) end,
             wanted = c.wanted + (k.claims or k.waits)::int, {}",
            claiming.sets("not k.claims or k.held", "k.own", "k.creates", "k.changes")
        ),
        when: "k.claims",
        gives: &format!("{ROW}, c.card_at is not null as card_shown, {}", claiming.gives()),
        answers: "k.claims, k.waits, k.decides as just_decided, taken.*",
    }
    .sql(locked)
}

/// A view with its call, as values of a statement.
#[derive(Debug)]
struct View {
    call_id: CallId,
    call: Call,
    place: Place,
    stage: Stage,
    kind: String,
    fresh: Option<Duration>,
    noted: bool,
    parts: Option<Parts>,
}

impl View {
    fn new(stage: Stage, call_id: CallId, view: &Snapshot<'_>, fresh: Option<Duration>) -> Self {
        let (call, kind, parts) = (view.call.clone(), view.kind.to_owned(), Joined::of(view).parts());
        Self { call_id, call, place: view.place(), stage, kind, fresh, noted: view.noted, parts }
    }
}

/// The first nine parameters.
struct Columns<'a> {
    ids: Vec<i64>,
    calls: Vec<Json<&'a Call>>,
    at: Vec<Timestamp>,
    ranks: Vec<i64>,
    stages: Vec<&'a str>,
    kinds: Vec<&'a str>,
    fresh: Vec<Option<f64>>,
    noted: Vec<bool>,
    parts: Vec<Option<Json<&'a Parts>>>,
}

impl<'a> Columns<'a> {
    fn of(views: &(impl Iterator<Item = &'a View> + Clone)) -> Self {
        fn all<'a, T>(views: &(impl Iterator<Item = &'a View> + Clone), one: impl Fn(&'a View) -> T) -> Vec<T> {
            views.clone().map(one).collect()
        }
        Self {
            ids: all(views, |view| view.call_id.0),
            calls: all(views, |view| Json(&view.call)),
            at: all(views, |view| view.place.at),
            ranks: all(views, |view| view.place.rank),
            stages: all(views, |view| view.stage.as_str()),
            kinds: all(views, |view| &*view.kind),
            fresh: all(views, |view| view.fresh.map(|fresh| fresh.as_secs_f64())),
            noted: all(views, |view| view.noted),
            parts: all(views, |view| view.parts.as_ref().map(Json)),
        }
    }

    fn values(&self) -> [&(dyn ToSql + Sync); 9] {
        let Self { ids, calls, at, ranks, stages, kinds, fresh, noted, parts } = self;
        [ids, calls, at, ranks, stages, kinds, fresh, noted, parts]
    }
}

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
    let numbers = [decide.and_then(|(_, number)| number).map(E164::as_str)];
    let of = View::new(stage, call_id, view, decide.map(|(fresh, _)| fresh));
    let columns = Columns::of(&std::iter::once(&of));
    let mut values = columns.values().to_vec();
    let number: &(dyn ToSql + Sync) = &&numbers[..];
    values.push(number);
    let row = client.prepared_query_one(&TAKE_IN, &values).await?;
    follow(client, call_id, view, &row).await?;
    Ok(row)
}

/// What a view brings that the statement has not stored.
async fn follow(client: &Client, call_id: CallId, view: &Snapshot<'_>, row: &Row) -> Result<()> {
    if row.get("to_merge") {
        merging::merge(client, call_id, view).await?;
    }
    if let Some(number) = view.call.external_transferred_to.as_ref().filter(|_| row.get("so")) {
        keep_forwarded(client, call_id, number, view.place().at).await?;
    }
    Ok(())
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

/// The values of [`take_in_and_claim`]'s statement.
#[derive(Debug)]
pub struct Take {
    view: View,
    lease: Lease,
    ours: Vec<Uuid>,
    sent: Sent,
    form: Option<LogForm>,
    leaves: bool,
}

impl Values for Take {
    fn key(&self) -> i64 {
        self.view.call_id.0
    }

    async fn run(client: &Client, all: &[Self], locked: Locked) -> Result<Vec<Row>, Failure> {
        static SQL: Texts = Texts::new(|| Locked::BOTH.map(take_in_and_claim_sql));
        let columns = Columns::of(&all.iter().map(|take| &take.view));
        // A lease is of one call, so those of all are those of each.
        let ours: Vec<Uuid> = all.iter().flat_map(|take| &take.ours).copied().collect();
        let leases: Vec<Uuid> = all.iter().map(|take| take.lease.0).collect();
        let forms: Vec<_> = all.iter().map(|take| take.form.map(LogForm::as_str)).collect();
        let unsent: Vec<bool> = all.iter().map(|take| take.sent.is_nothing()).collect();
        let unclear: Vec<_> = all.iter().map(|take| take.sent.unclear_s()).collect();
        let leaves: Vec<bool> = all.iter().map(|take| take.leaves).collect();
        let more: [&(dyn ToSql + Sync); 6] = [&ours, &leases, &forms, &unsent, &unclear, &leaves];
        let values = [&columns.values()[..], &more].concat();
        client.prepared_query(&SQL[locked as usize], &values).await
    }
}

/// Like [`apply`], and asks for the lease of the call's log as [`super::claim`] does. With `fresh`, for a call that has ended: if it was looked up
/// for the card within that time, and somebody was found, that becomes its final resolution; otherwise the lease is not asked for.
pub async fn take_in_and_claim(
    takes: &Together<Take>,
    stage: Stage,
    call_id: CallId,
    view: &Snapshot<'_>,
    fresh: Option<Duration>,
    claiming: &Claiming<'_>,
) -> Result<TakenAndClaimed> {
    let Claiming { lease, sent, form, leaves, .. } = *claiming;
    let (of, ours) = (View::new(stage, call_id, view, fresh), claiming.ours());
    let row = takes.row(Take { view: of, lease, ours, sent, form, leaves }).await?;
    let row = row.ok_or_else(|| Error::retry(Code::DatabaseRejected, "a view was not stored"))?;
    let so: bool = row.get("so");
    if row.get("to_merge") || so && view.call.external_transferred_to.is_some() {
        follow(&takes.database().client().await?, call_id, view, &row).await?;
    }
    if !so {
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

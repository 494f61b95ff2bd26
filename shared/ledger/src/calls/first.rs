//! The first that the ledger hears of a call whose caller is known already: one statement for all that the card needs.

use std::sync::LazyLock;

use base::{
    db::{Client, Failure},
    error::Result,
    ids::CallId,
    phone::E164,
};
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};
use vendors::aircall::wire::Call;

use super::{
    looked_up_at, may_be_shown,
    past::{self, Past},
};
use crate::{
    resolution::Resolution,
    snapshot::{
        Place, Snapshot,
        merge::{Joined, Parts},
    },
    timeline::{Entry, Lines, ManyLines, OwnLines, write_many},
    together::{Locked, Together, Values},
};

/// What becomes of it.
#[derive(Debug)]
pub struct First {
    /// The call's one card is this caller's to show.
    pub claimed: bool,
    pub past: Past,
}

/// The values of [`first_seen`]'s statement.
#[derive(Debug)]
pub struct FirstSeen {
    call_id: CallId,
    call: Call,
    place: Place,
    parts: Option<Parts>,
    look_up: Resolution,
    number: Option<E164>,
    staff: Option<i64>,
    lines: OwnLines,
}

/// Stores the view of a call that goes on, and the look-up of its caller, with their lines; if somebody was found it claims the call's one card.
/// Returns also what is known of earlier calls with this number, and of this staff of Sellsy. `None` if the ledger knew the call: then
/// nothing is stored.
pub async fn first_seen(
    all: &Together<FirstSeen>,
    call_id: CallId,
    view: &Snapshot<'_>,
    resolution: &Resolution,
    (number, staff): (Option<E164>, Option<i64>),
    lines: impl IntoIterator<Item = Entry>,
) -> Result<Option<First>> {
    let lines = Lines::of(lines);
    let first = FirstSeen {
        call_id,
        call: view.call.clone(),
        place: view.place(),
        parts: Joined::of(view).parts(),
        look_up: resolution.clone(),
        number,
        staff,
        lines: lines.owned(),
    };
    let rows = all.rows(first).await;
    let claimed = rows.as_ref().ok().and_then(|rows| rows.first()?.get("claimed"));
    if rows.is_ok() && claimed.is_none() {
        lines.unwritten();
        return Ok(None);
    }
    let rows = lines.after(rows)?;
    Ok(claimed.map(|claimed: bool| First { claimed, past: past::read(&rows) }))
}

impl Values for FirstSeen {
    fn key(&self) -> i64 {
        self.call_id.0
    }

    async fn run(client: &Client, all: &[Self], _: Locked) -> Result<Vec<Row>, Failure> {
        static SQL: LazyLock<String> = LazyLock::new(|| {
            let past = past::select("i.id", "i.digits", "i.staff");
            format!(
                "with i as (select * from unnest($1::bigint[], $7::jsonb[], $8::timestamptz[], $9::bigint[], $10::jsonb[], $11::jsonb[], $12::bool[],
                                                 $13::text[], $14::bigint[])
                                       as t (id, call, seen_at, place, parts, look_up, found, digits, staff)),
                      made as (insert into calls (call_id, snapshot, snapshot_at, snapshot_rank, snapshot_parts, resolution, looked_up_at, card_at)
                               select id, call, seen_at, place, parts, look_up, {}, case when found and not {} then now() end from i order by id
                               on conflict (call_id) do nothing
                            returning call_id as id, card_at is not null as claimed),
                      noted as ({})
                 select i.id as of_key, made.claimed, p.* from i left join made on made.id = i.id left join lateral ({past}) p on true",
                looked_up_at("look_up"),
                may_be_shown("seen_at"),
                write_many("id in (select id from made)")
            )
        });
        let lines = ManyLines::of(all.iter().map(|first| (first.call_id, &first.lines)));
        let ids: Vec<i64> = all.iter().map(|first| first.call_id.0).collect();
        let calls: Vec<_> = all.iter().map(|first| Json(&first.call)).collect();
        let (at, ranks): (Vec<_>, Vec<_>) = all.iter().map(|first| (first.place.at, first.place.rank)).unzip();
        let parts: Vec<_> = all.iter().map(|first| first.parts.as_ref().map(Json)).collect();
        let look_ups: Vec<_> = all.iter().map(|first| Json(&first.look_up)).collect();
        let found: Vec<bool> = all.iter().map(|first| first.look_up.record.is_some()).collect();
        let digits: Vec<_> = all.iter().map(|first| first.number.as_ref().map(E164::last_digits)).collect();
        let staffs: Vec<_> = all.iter().map(|first| first.staff).collect();
        let mine: [&(dyn ToSql + Sync); 8] = [&calls, &at, &ranks, &parts, &look_ups, &found, &digits, &staffs];
        let values = [&[&ids as &(dyn ToSql + Sync)][..], &lines.values(), &mine].concat();
        client.prepared_query(&SQL, &values).await
    }
}

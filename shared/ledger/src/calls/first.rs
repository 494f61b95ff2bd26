//! The first that the ledger hears of a call whose caller is known already: one statement for all that the card needs.

use std::sync::LazyLock;

use base::{db::Client, error::Result, ids::CallId, phone::E164};
use tokio_postgres::types::{Json, ToSql};

use super::past::{self, Past};
use crate::{
    resolution::Resolution,
    snapshot::{Place, Snapshot, merge::Joined},
    timeline::{Entry, LINES, Lines},
};

/// What becomes of it.
#[derive(Debug)]
pub struct First {
    /// The call's one card is this caller's to show.
    pub claimed: bool,
    pub past: Past,
}

/// Stores the view of a call that goes on, and the look-up of its caller, with their lines; if somebody was found it claims the call's one card.
/// Returns also what is known of earlier calls with this number, and of this staff of Sellsy. `None` if the ledger knew the call: then
/// nothing is stored.
pub async fn first_seen(
    client: &Client,
    call_id: CallId,
    view: &Snapshot<'_>,
    resolution: &Resolution,
    (number, staff): (Option<&E164>, Option<i64>),
    lines: impl IntoIterator<Item = Entry>,
) -> Result<Option<First>> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let past = past::select("$12", "$13", "(select claimed from made) as claimed");
        format!(
            "with made as (insert into calls (call_id, snapshot, snapshot_at, snapshot_rank, snapshot_parts, resolution, looked_up_at, card_at)
                           values ($1, $6, $7, $8, $9, $10, now(), case when $11::bool then now() end)
                           on conflict (call_id) do nothing
                        returning card_at is not null as claimed),
                  noted as (insert into timeline (call_id, stage, what, detail, at) select {LINES}, made order by n)
             {past}"
        )
    });
    let Place { at, rank } = view.place();
    let (call, parts, look_up) = (Json(view.call), Joined::of(view).parts().map(Json), Json(resolution));
    let (digits, found) = (number.map(E164::last_digits), resolution.record.is_some());
    let lines = Lines::of(lines);
    let (stages, whats, details, ages) = lines.values();
    let values: [&(dyn ToSql + Sync); 13] =
        [&call_id.0, &stages, &whats, &details, &ages, &call, &at, &rank, &parts, &look_up, &found, &digits, &staff];
    let rows = client.prepared_query(&SQL, &values).await;
    let claimed = rows.as_ref().ok().and_then(|rows| rows.first()?.get("claimed"));
    if rows.is_ok() && claimed.is_none() {
        lines.unwritten();
        return Ok(None);
    }
    let rows = lines.after(rows)?;
    Ok(claimed.map(|claimed: bool| First { claimed, past: past::read(&rows) }))
}

//! Stores a view that neither replaces the stored one as a whole nor adds nothing to it: it is joined with it, in Rust.
//!
//! That is rare (a view that lacks a note, a removed tag, events out of order), so it may cost statements. The row is read
//! without a lock and written only if it is still the same.

use std::sync::LazyLock;

use base::{
    db::Client,
    error::{Code, Error, Result},
    ids::CallId,
};
use serde_json::Value;
use tokio_postgres::types::Json;

use super::overdue::LATER;
use crate::snapshot::{
    Place, Snapshot,
    merge::{Joined, Parts},
};

/// How often the row may change between reading and writing it; only other messages of the same call change it.
const ATTEMPTS: usize = 10;

pub(super) async fn merge(client: &Client, call_id: CallId, view: &Snapshot<'_>) -> Result<()> {
    let read = "select snapshot, snapshot_at, snapshot_rank, snapshot_parts, xmin::text from calls
                 where call_id = $1 and erased_at is null";
    // `xmin` is another one after each change of the row. A webhook that brought something allows reconciliation to bring in
    // again what the list has shown before.
    static WRITE: LazyLock<String> = LazyLock::new(|| {
        format!(
            "update calls set snapshot = $2, snapshot_at = $3, snapshot_rank = $4, snapshot_parts = $5,
                    reconciled_at = case when $6 then now() else reconciled_at end,
                    reconciled_view = case when $6 then reconciled_view end,
                    hand_on_at = case when $2::jsonb->>'ended_at' is not null then {LATER} else hand_on_at end
              where call_id = $1 and erased_at is null and xmin::text = $7"
        )
    });
    let reconciled = view.kind == "reconciled";
    for _ in 0..ATTEMPTS {
        let Some(row) = client.prepared_query_opt(read, &[&call_id.0]).await? else { return Ok(()) };
        let one = Joined::of(view);
        let joined = match (row.get::<_, Option<Json<Value>>>(0), row.get(1), row.get(2)) {
            (Some(Json(call)), Some(at), Some(rank)) => {
                let parts = row.get::<_, Option<Json<Parts>>>(3).map(|Json(parts)| parts).unwrap_or_default();
                let (place, stored) = (Place { at, rank }, (call.clone(), parts.clone()));
                let joined = Joined::stored(call, place, parts).join(one);
                if joined.base == place && stored == (joined.call(), joined.parts().unwrap_or_default()) {
                    return Ok(());
                }
                joined
            }
            _ => one,
        };
        let (call, Place { at, rank }, parts) = (Json(joined.call()), joined.base, joined.parts().map(Json));
        let xmin: String = row.get(4);
        if client.prepared_execute(&WRITE, &[&call_id.0, &call, &at, &rank, &parts, &reconciled, &xmin]).await? == 1 {
            return Ok(());
        }
    }
    Err(Error::retry(Code::CallBusy, "the call kept changing while a view of it was stored"))
}

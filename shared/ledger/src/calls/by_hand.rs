//! A person moves a call to another record. It stays there, whatever comes.

use base::{db::Client, error::Result, ids::CallId};
use tokio_postgres::types::Json;

use crate::{
    resolution::{RecordRef, Resolution},
    timeline::{self, Entry, What},
};

/// Why a call cannot be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotMoved {
    Unknown,
    /// Its data were deleted.
    Erased,
    NotEnded,
    /// Its log was deleted in Sellsy, and is not made again.
    LogDeleted,
    /// A request to create its log may still be carried out: moved now, that log would not be found on the other record.
    BeingWritten,
    /// Its log is a comment, which Sellsy does not let us move.
    Comment,
}

/// Makes this the resolution of the call for good. The logger is asked at once, by the ledger itself: see [`super::overdue`]. A writer that holds
/// the call's lease at this moment finds it changed (`wanted`), and does not take that note away with its own end.
pub async fn relink(
    client: &Client,
    call_id: CallId,
    resolution: &Resolution,
    by: &str,
) -> Result<Result<(), NotMoved>> {
    let sql = "update calls set resolution = $2, looked_up_at = now(), resolved_at = coalesce(resolved_at, now()), relinked_at = now(),
                      unmatched_number = null, links_refused_at = null, hand_on_at = now(), hand_ons = 0, wanted = wanted + 1
                where call_id = $1 and erased_at is null and gone_at is null and snapshot->>'ended_at' is not null
                  and (sellsy_id is not null or intent_at is null) and (sellsy_id is null or log_form is distinct from 'comment')";
    if client.prepared_execute(sql, &[&call_id.0, &Json(resolution)]).await? == 0 {
        return Ok(Err(why_not(client, call_id).await?));
    }
    let what = What::Relinked {
        record: resolution.record.as_ref().map(RecordRef::from),
        opportunity: resolution.opportunity.as_ref().map(|opportunity| opportunity.id),
        by: by.to_owned(),
    };
    timeline::add(client, call_id, [Entry::new("operator", what)]).await?;
    Ok(Ok(()))
}

async fn why_not(client: &Client, call_id: CallId) -> Result<NotMoved> {
    let sql = "select erased_at is not null, gone_at is not null, coalesce(snapshot->>'ended_at', '') <> '',
                      sellsy_id is null and intent_at is not null from calls where call_id = $1";
    let row = client.prepared_query_opt(sql, &[&call_id.0]).await?;
    Ok(match row.map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))) {
        None => NotMoved::Unknown,
        Some((true, ..)) => NotMoved::Erased,
        Some((_, true, ..)) => NotMoved::LogDeleted,
        Some((_, _, false, _)) => NotMoved::NotEnded,
        Some((.., true)) => NotMoved::BeingWritten,
        Some(_) => NotMoved::Comment,
    })
}

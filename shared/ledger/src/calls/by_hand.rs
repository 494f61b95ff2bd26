//! What a person decides about a call: that it belongs to another record, where it stays, whatever comes; or that its log is to be written again.

use base::{db::Client, error::Result, ids::CallId};
use tokio_postgres::types::Json;

use super::writing::FOUND;
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

/// Why the log of a call cannot be written again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAsked {
    Unknown,
    /// Its data were deleted.
    Erased,
    NotEnded,
    /// The caller is to be looked up, or is being looked up again.
    Undecided,
    /// There is no record on which it could be logged.
    NoRecord,
    /// Its log was deleted in Sellsy, and is not made again.
    LogDeleted,
    /// One of its messages is a dead letter: replayed, it writes the log.
    Parked,
    /// A request to create its log may still be carried out.
    BeingWritten,
}

/// Lets the log be read in Sellsy and brought up to date, or created, whatever the ledger believes that it says; what people wrote in it stays. The logger
/// is asked at once, as by [`relink`].
pub async fn write_again(client: &Client, call_id: CallId, by: &str) -> Result<Result<(), NotAsked>> {
    let sql = format!(
        "update calls set asked_at = now(), links_refused_at = null, hand_on_at = now(), hand_ons = 0, wanted = wanted + 1
          where call_id = $1 and erased_at is null and gone_at is null and snapshot->>'ended_at' is not null and resolved_at is not null
            and {FOUND} and (sellsy_id is not null or intent_at is null) and parked = 0"
    );
    if client.prepared_execute(&sql, &[&call_id.0]).await? == 0 {
        return Ok(Err(why_not_asked(client, call_id).await?));
    }
    timeline::add(client, call_id, [Entry::new("operator", What::AskedFor { by: by.to_owned() })]).await?;
    Ok(Ok(()))
}

async fn why_not_asked(client: &Client, call_id: CallId) -> Result<NotAsked> {
    let sql = "select case when erased_at is not null then 'erased' when gone_at is not null then 'deleted'
                           when coalesce(snapshot->>'ended_at', '') = '' then 'goes_on'
                           when resolved_at is null or reopened_at > looked_up_at then 'undecided'
                           when resolution->'record'->>'id' is null then 'no_record'
                           when parked > 0 then 'parked' else 'being_written' end from calls where call_id = $1";
    let why = client.prepared_query_opt(sql, &[&call_id.0]).await?;
    Ok(match why.as_ref().map(|row| row.get::<_, &str>(0)) {
        None => NotAsked::Unknown,
        Some("erased") => NotAsked::Erased,
        Some("deleted") => NotAsked::LogDeleted,
        Some("goes_on") => NotAsked::NotEnded,
        Some("undecided") => NotAsked::Undecided,
        Some("no_record") => NotAsked::NoRecord,
        Some("parked") => NotAsked::Parked,
        Some(_) => NotAsked::BeingWritten,
    })
}

/// Has what is left to do for the call handed on at once: somebody waits for it.
pub async fn hurry(client: &Client, call_id: CallId) -> Result<()> {
    let sql = "update calls set asked_at = now(), hand_on_at = now(), hand_ons = 0
                where call_id = $1 and erased_at is null and hand_on_at is not null";
    client.prepared_execute(sql, &[&call_id.0]).await?;
    Ok(())
}

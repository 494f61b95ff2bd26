//! Pins: which record a number means, because a person has said so. They come before the match rules.

use base::{db::Client, error::Result, ids::Kind, phone::E164};
use jiff::Timestamp;
use ledger::{messages, resolution::RecordRef};
use serde::Serialize;
use tokio_postgres::Transaction;

/// A conversation that waits goes with its messages.
const EVER_DAYS: f64 = 36_500.0;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pin {
    pub number: String,
    pub record: RecordRef,
    pub by: String,
    pub at: Timestamp,
    /// The record is archived, or the directory has not got it (any more).
    pub is_gone: bool,
}

/// What a number means, and who said so.
#[derive(Clone, Debug)]
pub(crate) struct Pinned {
    pub(crate) record: RecordRef,
    pub(crate) by: String,
    pub(crate) at: Timestamp,
}

const SELECT: &str = "select number, pins.kind, pins.id, pinned_by, pinned_at, coalesce(archived, true)
                       from pins left join directory_records r on (r.kind, r.id) = (pins.kind, pins.id)";

/// `None` for a kind of a later version.
fn read(row: &tokio_postgres::Row) -> Option<Pin> {
    let kind = Kind::parse(row.get(1))?;
    Some(Pin {
        number: row.get(0),
        record: RecordRef { kind, id: row.get(2) },
        by: row.get(3),
        at: row.get(4),
        is_gone: row.get(5),
    })
}

/// Whether the number is pinned: 1 or 0.
pub async fn count(client: &Client, number: &E164) -> Result<i64> {
    let sql = "select count(*) from pins where number = $1";
    Ok(client.prepared_query_one(sql, &[&number.as_str()]).await?.get(0))
}

pub async fn all(client: &Client) -> Result<Vec<Pin>> {
    let rows = client.prepared_query(&format!("{SELECT} order by number"), &[]).await?;
    Ok(rows.iter().filter_map(read).collect())
}

/// From now on the number means this record.
pub async fn pin(client: &Client, number: &E164, record: RecordRef, by: &str) -> Result<()> {
    let sql = "insert into pins (number, kind, id, pinned_by) values ($1, $2, $3, $4)
               on conflict (number) do update
                  set kind = excluded.kind, id = excluded.id, pinned_by = excluded.pinned_by, pinned_at = now()";
    client.prepared_execute(sql, &[&number.as_str(), &record.kind.to_string(), &record.id, &by]).await?;
    // Calls that wait are moved by hand; a conversation has no such command.
    messages::waiting_for(client, &[number.as_str()], EVER_DAYS).await
}

pub async fn forget(transaction: &Transaction<'_>, number: &E164) -> Result<()> {
    transaction.execute("delete from pins where number = $1", &[&number.as_str()]).await?;
    Ok(())
}

/// False if the number was not pinned.
pub async fn unpin(client: &Client, number: &E164) -> Result<bool> {
    Ok(client.prepared_execute("delete from pins where number = $1", &[&number.as_str()]).await? == 1)
}

//! Records that Sellsy has reported as changed, until they are read.

use base::{db::Client, error::Result, ids::Kind};
use broker::event::RecordHint;
use jiff::Timestamp;

/// A record that Sellsy has reported as changed.
pub(crate) struct Noted {
    pub(crate) hint: RecordHint,
    at: Timestamp,
}

pub(crate) async fn note_hint(client: &Client, hint: &RecordHint) -> Result<()> {
    let sql = "insert into directory_hints (kind, id) values ($1, $2)
               on conflict (kind, id) do update set noted_at = greatest(now(), directory_hints.noted_at)";
    client.prepared_execute(sql, &[&hint.kind.to_string(), &hint.id]).await?;
    Ok(())
}

/// The first of the records that are noted.
pub(crate) async fn hints(client: &Client, at_most: usize) -> Result<Vec<Noted>> {
    let sql = "select kind, id, noted_at from directory_hints order by noted_at limit $1";
    let rows = client.prepared_query(sql, &[&i64::try_from(at_most).unwrap_or(i64::MAX)]).await?;
    let noted = |row: &tokio_postgres::Row| {
        Some(Noted { hint: RecordHint { kind: Kind::parse(row.get(0))?, id: row.get(1) }, at: row.get(2) })
    };
    Ok(rows.iter().filter_map(noted).collect())
}

/// The record was read, unless it was reported again meanwhile.
pub(crate) async fn hint_followed(client: &Client, noted: &Noted) -> Result<()> {
    let sql = "delete from directory_hints where kind = $1 and id = $2 and noted_at = $3";
    client.prepared_execute(sql, &[&noted.hint.kind.to_string(), &noted.hint.id, &noted.at]).await?;
    Ok(())
}

/// Requests a turn and forgets all that is noted, in one statement: what is noted meanwhile is kept. Returns how many there were.
/// Not more than once a minute, because each turn reads again what the last one may have missed.
pub(crate) async fn request_instead_of_hints(client: &Client) -> Result<i64> {
    let sql = "with turn as (update directory_sync set requested_at = now(), problem = null
                              where coalesce(requested_at, '-infinity') < now() - interval '1 min' returning 1),
                    gone as (delete from directory_hints where exists (select from turn) returning 1)
               select count(*) from gone";
    Ok(client.prepared_query_one(sql, &[]).await?.get(0))
}

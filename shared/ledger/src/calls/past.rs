//! What is known of earlier calls with a number, for the card.

use base::{db::Client, error::Result, ids::CallId, phone::E164};
use jiff::Timestamp;

/// Far more than a card shows: others may have the same last digits.
const MOST: i64 = 30;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastCall {
    pub started_at: Timestamp,
    pub inbound: bool,
    pub answered: bool,
    pub agent: Option<String>,
    /// As Aircall wrote it, and the country of the line: the number may be another one with the same last digits.
    pub raw_digits: Option<String>,
    pub line_country: Option<String>,
}

/// The last calls with the number that are over, newest first, without this one; and the name of this staff of Sellsy.
pub async fn past(
    client: &Client,
    call_id: CallId,
    number: &E164,
    staff: Option<i64>,
) -> Result<(Vec<PastCall>, Option<String>)> {
    // The index of the console's search finds numbers by their last digits, backwards. As a range, because a prepared `like` may not use it;
    // the colon follows the nine.
    let sql = "select s.name, c.* from (select) one left join staffs s on s.id = $3
                 left join lateral (
                     select s.started_at, snapshot->>'direction' = 'inbound', jsonb_typeof(snapshot->'answered_at') is not null,
                            snapshot->'user'->>'name', snapshot->>'raw_digits', snapshot->'number'->>'country'
                       from (select call_id, started_at from console_calls
                              where caller_backwards ~>=~ reverse($2) and caller_backwards ~<~ (reverse($2) || ':')
                                and started_at > now() - interval '90 days') s
                       join calls using (call_id)
                      where call_id <> $1 and snapshot->'ended_at' is not null
                      order by s.started_at desc limit $4) c on true";
    let rows = client.prepared_query(sql, &[&call_id.0, &number.last_digits(), &staff, &MOST]).await?;
    let name = rows.first().and_then(|row| row.get(0));
    let call = |row: &tokio_postgres::Row| {
        Some(PastCall {
            started_at: row.get::<_, Option<_>>(1)?,
            inbound: row.get::<_, Option<_>>(2).unwrap_or(true),
            answered: row.get(3),
            agent: row.get(4),
            raw_digits: row.get(5),
            line_country: row.get(6),
        })
    };
    Ok((rows.iter().filter_map(call).collect(), name))
}

/// The staffs of Sellsy as they are now: their ids and names.
pub async fn keep_staffs(client: &Client, staffs: &[(i64, String)]) -> Result<()> {
    let (ids, names): (Vec<i64>, Vec<&str>) = staffs.iter().map(|(id, name)| (*id, name.as_str())).unzip();
    let sql = "with gone as (delete from staffs where id <> all($1))
               insert into staffs (id, name) select * from unnest($1::bigint[], $2::text[])
               on conflict (id) do update set name = excluded.name where staffs.name <> excluded.name";
    client.prepared_execute(sql, &[&ids, &names]).await?;
    Ok(())
}

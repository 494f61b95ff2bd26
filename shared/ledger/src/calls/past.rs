//! What is known of earlier calls with a number, for the card.

use std::sync::LazyLock;

use base::{db::Client, error::Result, ids::CallId, phone::E164};
use jiff::Timestamp;
use tokio_postgres::Row;

/// Far more than a card shows: others may have the same last digits, and some may go on.
const MOST: i64 = 12;

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

/// Earlier calls with a number that are over, newest first, and the name of a staff of Sellsy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    pub calls: Vec<PastCall>,
    pub staff: Option<String>,
}

/// Without this call.
pub async fn past(client: &Client, call_id: CallId, number: &E164, staff: Option<i64>) -> Result<Past> {
    static SQL: LazyLock<String> = LazyLock::new(|| select("$1", "$2", "$3"));
    Ok(read(&client.prepared_query(&SQL, &[&call_id.0, &number.last_digits(), &staff]).await?))
}

/// The statement for [`read`]. Parameters: the call, the number's last digits, the staff.
pub(super) fn select(call: &str, digits: &str, staff: &str) -> String {
    let (searched, open) = (is_theirs("d", digits), is_theirs("o", digits));
    format!(
        "select s.name as staff, c.* from (select) one left join staffs s on s.id = {staff}
           left join lateral (
               select found.at as started_at, snapshot->>'direction' = 'inbound' as inbound, jsonb_typeof(snapshot->'answered_at') is not null as answered,
                      snapshot->'user'->>'name' as agent, snapshot->>'raw_digits' as raw_digits, snapshot->'number'->>'country' as country
                 from (select d.call_id, d.started_at as at from calls_searched d
                        where {searched} and d.started_at > now() - interval '90 days'
                        union all
                       select o.call_id, {OPEN_STARTED_AT} from calls_open o join calls using (call_id)
                        where {open} and not exists (select from calls_searched d where d.call_id = o.call_id)
                        order by at desc limit {MOST}) found
                 join calls using (call_id)
                where call_id <> {call} and snapshot->'ended_at' is not null) c on true"
    )
}

/// When a call began that is not among the searched ones yet.
const OPEN_STARTED_AT: &str = "case when jsonb_typeof(snapshot->'started_at') = 'number' then to_timestamp((snapshot->>'started_at')::float8) else created_at end";

/// The index of the console's search finds numbers by their last digits, backwards. As a range, because a prepared `like` may not use it;
/// the colon follows the nine. The view that the console reads would do, but is far more than is needed here.
fn is_theirs(of: &str, digits: &str) -> String {
    format!("{of}.caller_backwards ~>=~ reverse({digits}) and {of}.caller_backwards ~<~ (reverse({digits}) || ':')")
}

/// The ids of all calls with such a number, and when they began.
pub(crate) fn with_number(digits: &str) -> String {
    let (searched, open) = (is_theirs("d", digits), is_theirs("o", digits));
    format!(
        "select call_id from (select d.call_id, d.started_at from calls_searched d where {searched}
                              union all
                              select o.call_id, {OPEN_STARTED_AT} from calls_open o join calls using (call_id)
                               where {open} and not exists (select from calls_searched d where d.call_id = o.call_id)) found
          where true"
    )
}

pub(super) fn read(rows: &[Row]) -> Past {
    let call = |row: &Row| {
        Some(PastCall {
            started_at: row.get::<_, Option<_>>("started_at")?,
            inbound: row.get::<_, Option<_>>("inbound").unwrap_or(true),
            answered: row.get("answered"),
            agent: row.get("agent"),
            raw_digits: row.get("raw_digits"),
            line_country: row.get("country"),
        })
    };
    // A join with other calls may give the rows in any order.
    let mut calls: Vec<_> = rows.iter().filter_map(call).collect();
    calls.sort_by_key(|call| std::cmp::Reverse(call.started_at));
    Past { calls, staff: rows.first().and_then(|row| row.get("staff")) }
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

//! What the directory holds, for people: how much of each kind, and the fields in which no number was found.

use base::{db::Client, error::Result, phone::Problem};
use serde::Serialize;
use serde_json::Value;

/// How much of one kind is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Size {
    pub kind: String,
    pub records: i64,
    /// Those that are not archived.
    pub usable: i64,
    pub numbers: i64,
    /// Fields of usable records that have digits and no number.
    pub unread: i64,
}

pub async fn sizes(client: &Client) -> Result<Vec<Size>> {
    let sql = "select r.kind, count(*), count(*) filter (where not archived),
                      (select count(*) from directory_numbers n where n.kind = r.kind),
                      (select count(*) from directory_unread u join directory_records of using (kind, id)
                        where u.kind = r.kind and not of.archived)
                 from directory_records r group by r.kind
                order by array_position(array['individual', 'company', 'contact'], r.kind)";
    let rows = client.prepared_query(sql, &[]).await?;
    let size = |r: &tokio_postgres::Row| Size {
        kind: r.get(0),
        records: r.get(1),
        usable: r.get(2),
        numbers: r.get(3),
        unread: r.get(4),
    };
    Ok(rows.iter().map(size).collect())
}

/// A field with digits in which no number was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnreadField {
    pub kind: String,
    pub id: i64,
    pub problem: Problem,
    /// Masked.
    pub typed: String,
}

/// Those of records that are in use.
pub async fn unread(client: &Client) -> Result<Vec<UnreadField>> {
    let sql =
        "select u.kind, u.id, u.problem, u.typed from directory_unread u join directory_records r using (kind, id)
                where not r.archived
                order by array_position(array['individual', 'company', 'contact'], u.kind), u.id, u.typed";
    let rows = client.prepared_query(sql, &[]).await?;
    let field = |row: &tokio_postgres::Row| {
        // A newer resolver may know more problems.
        let problem = serde_json::from_value(Value::String(row.get(2))).unwrap_or(Problem::Length);
        UnreadField { kind: row.get(0), id: row.get(1), problem, typed: row.get(3) }
    };
    Ok(rows.iter().map(field).collect())
}

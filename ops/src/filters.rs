//! Filters of calls that people have saved at the console: a name for an address of the list.

use base::{db::Client, error::Result, phone::E164};

/// So many has a person at most.
pub(crate) const MOST: i64 = 30;

pub(crate) struct Saved {
    pub(crate) name: String,
    /// Of the list, with its query.
    pub(crate) address: String,
}

pub(crate) async fn of(client: &Client, who: &str) -> Result<Vec<Saved>> {
    let sql = "select name, address from console_filters where who = $1 order by lower(name)";
    let rows = client.query(sql, &[&who]).await?;
    Ok(rows.iter().map(|row| Saved { name: row.get(0), address: row.get(1) }).collect())
}

/// Keeps it in place of another one of that name. `typed` is what is searched for. False if they have [`MOST`].
pub(crate) async fn save(client: &Client, who: &str, saved: &Saved, typed: &str) -> Result<bool> {
    let sql = "insert into console_filters (who, name, address, typed)
               select $1, $2, $3, $4 where (select count(*) from console_filters where who = $1 and name <> $2) < $5
               on conflict (who, name) do update set address = excluded.address, typed = excluded.typed";
    Ok(client.execute(sql, &[&who, &saved.name, &saved.address, &typed, &MOST]).await? == 1)
}

pub(crate) async fn remove(client: &Client, who: &str, name: &str) -> Result<()> {
    client.execute("delete from console_filters where who = $1 and name = $2", &[&who, &name]).await?;
    Ok(())
}

/// The filter has this number in it, however it is written.
const MENTIONS: &str = "regexp_replace(typed, '\\D', '', 'g') like '%' || $1";

pub(crate) async fn count(client: &Client, number: &E164) -> Result<i64> {
    let sql = format!("select count(*) from console_filters where {MENTIONS}");
    Ok(client.query_one(&sql, &[&number.last_digits()]).await?.get(0))
}

pub(crate) async fn forget(client: &tokio_postgres::Client, number: &E164) -> Result<()> {
    client.execute(&format!("delete from console_filters where {MENTIONS}"), &[&number.last_digits()]).await?;
    Ok(())
}

//! The inbox: messages that ingest accepted while the broker was unavailable, to be relayed in order of arrival.

use std::time::Duration;

use base::{db::Client, error::Result};
use tokio_postgres::{GenericClient, Transaction};

/// A message in the inbox: a fact, or a dead letter if `dead` is set.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    /// The kind of a fact; `None` for a dead letter.
    pub(crate) kind: Option<String>,
    pub(crate) trace: String,
    /// Why it is a dead letter: error code and message.
    pub(crate) dead: Option<(String, String)>,
    pub(crate) body: Vec<u8>,
}

pub(crate) async fn put(client: &Client, message: &Waiting) -> Result<()> {
    let (code, error) = message.dead.clone().unzip();
    let sql = "insert into inbox (kind, trace, error_code, error, body) values ($1, $2, $3, $4, $5)";
    client.execute(sql, &[&message.kind, &message.trace, &code, &error, &message.body]).await?;
    Ok(())
}

/// The oldest messages after the one with the id `after`, locked until the transaction ends, so that none is published after
/// it was erased. `None` while another replica relays.
pub(crate) async fn lock_oldest(
    transaction: &Transaction<'_>,
    after: i64,
    at_most: i64,
) -> Result<Option<Vec<(i64, Waiting)>>> {
    let only_one = "select pg_try_advisory_xact_lock(hashtext('callbridge inbox'))";
    if !transaction.query_one(only_one, &[]).await?.get::<_, bool>(0) {
        return Ok(None);
    }
    let sql = "select id, kind, trace, error_code, error, body from inbox where id > $1 order by id limit $2
                  for update skip locked";
    let rows = transaction.query(sql, &[&after, &at_most]).await?;
    let waiting = rows.iter().map(|r| {
        let dead = r.get::<_, Option<String>>(3).zip(r.get::<_, Option<String>>(4));
        (r.get(0), Waiting { kind: r.get(1), trace: r.get(2), dead, body: r.get(5) })
    });
    Ok(Some(waiting.collect()))
}

/// Every message in the inbox: its id and its body.
pub async fn all(client: &Client) -> Result<Vec<(i64, Vec<u8>)>> {
    let rows = client.query("select id, body from inbox order by id", &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

pub async fn remove(client: &impl GenericClient, ids: &[i64]) -> Result<()> {
    client.execute("delete from inbox where id = any($1)", &[&ids]).await?;
    Ok(())
}

/// Deletes the messages that have waited for the broker for longer than `age`, and returns their number.
pub(crate) async fn expire(client: &Client, age: Duration) -> Result<u64> {
    let sql = "delete from inbox where received_at < now() - make_interval(secs => $1)";
    Ok(client.execute(sql, &[&age.as_secs_f64()]).await?)
}

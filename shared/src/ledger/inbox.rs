//! The inbox: facts that ingest accepted while the broker was away, to be relayed in order of arrival.

use tokio_postgres::{Client, Transaction};

use crate::error::Result;

/// A message as it waits here; `dead` tells that it goes to ingest's dead letters and why.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// A kind for the exchange of facts; `None` for dead letters.
    pub kind: Option<String>,
    pub trace: String,
    /// Code and message, for dead letters.
    pub dead: Option<(String, String)>,
    pub body: Vec<u8>,
}

pub async fn put(client: &Client, message: &Waiting) -> Result<()> {
    let (code, error) = message.dead.clone().unzip();
    let sql = "insert into inbox (kind, trace, error_code, error, body) values ($1, $2, $3, $4, $5)";
    client.execute(sql, &[&message.kind, &message.trace, &code, &error, &message.body]).await?;
    Ok(())
}

/// The oldest messages, removed when the transaction commits. One relay at a time: `None` while another one works.
pub async fn take(transaction: &Transaction<'_>, at_most: i64) -> Result<Option<Vec<Waiting>>> {
    let only_one = "select pg_try_advisory_xact_lock(hashtext('callbridge inbox'))";
    if !transaction.query_one(only_one, &[]).await?.get::<_, bool>(0) {
        return Ok(None);
    }
    let sql = "with oldest as (select id from inbox order by id limit $1),
                    gone as (delete from inbox using oldest where inbox.id = oldest.id returning inbox.*)
               select kind, trace, error_code, error, body from gone order by id";
    let rows = transaction.query(sql, &[&at_most]).await?;
    let waiting = rows.iter().map(|r| {
        let dead = r.get::<_, Option<String>>(2).zip(r.get::<_, Option<String>>(3));
        Waiting { kind: r.get(0), trace: r.get(1), dead, body: r.get(4) }
    });
    Ok(Some(waiting.collect()))
}

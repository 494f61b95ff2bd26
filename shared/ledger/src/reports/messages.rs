//! The weekly message: who has got it, and who is sending it. Sent once by all replicas together, as alerts are.

use base::{db::Client, error::Result};
use jiff::civil::Date;

/// Whether a receiver has got the message of a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    Yes,
    /// Somebody is sending it, or has failed a moment ago.
    Trying,
    No,
}

pub async fn was_sent(client: &Client, receiver: &str, week: Date) -> Result<Sent> {
    let sql = "select sent_at is not null, coalesce(trying_until > now(), false) from report_messages where receiver = $1 and week = $2";
    let row = client.query_opt(sql, &[&receiver, &week]).await?;
    Ok(row.map_or(Sent::No, |row| match (row.get(0), row.get(1)) {
        (true, _) => Sent::Yes,
        (false, true) => Sent::Trying,
        (false, false) => Sent::No,
    }))
}

/// True if the caller is the one who sends it: for a minute, or until it says what became of it.
pub async fn claim(client: &Client, receiver: &str, week: Date) -> Result<bool> {
    let sql =
        "insert into report_messages as m (receiver, week, trying_until) values ($1, $2, now() + interval '1 min')
               on conflict (receiver, week) do update set trying_until = excluded.trying_until
                where m.sent_at is null and (m.trying_until is null or m.trying_until <= now())";
    Ok(client.execute(sql, &[&receiver, &week]).await? == 1)
}

pub async fn sent(client: &Client, receiver: &str, week: Date) -> Result<()> {
    let sql = "update report_messages set sent_at = now(), trying_until = null where receiver = $1 and week = $2";
    client.execute(sql, &[&receiver, &week]).await?;
    Ok(())
}

/// Returns in how many seconds the next attempt is: in 5 s, 20 s, and so on up to a quarter of an hour.
pub async fn failed(client: &Client, receiver: &str, week: Date) -> Result<f64> {
    let sql = "update report_messages set failures = failures + 1, trying_until = now() + make_interval(secs => least(5 * 4 ^ least(failures, 5), 900))
                where receiver = $1 and week = $2 returning extract(epoch from trying_until - now())::float8";
    Ok(client.query_one(sql, &[&receiver, &week]).await?.get(0))
}

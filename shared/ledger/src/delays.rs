//! Messages that are sent through the delay queues only to see whether they come back.
//!
//! All replicas of ingest share this: one of them sends, and any takes what comes back.

use std::time::Duration;

use base::{db::Client, error::Result};
use jiff::Timestamp;

/// The next one is sent so long after the last one, if that is back.
const EVERY_S: f64 = 60.0;
/// Or so long after the last one should have come back: then it may be lost.
const AGAIN_AFTER_S: f64 = 60.0;
/// What comes back this much later is held: it is looked for every quarter of a minute.
pub const HELD_FROM: Duration = Duration::from_secs(60);

/// What is known of a delay queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Delay {
    pub delay: String,
    /// For how long the one that is under way has been held past its time.
    pub held: Duration,
    /// One should be back by now.
    pub is_due_back: bool,
    pub is_to_be_sent: bool,
}

impl Delay {
    pub fn is_held(&self) -> bool {
        self.held > HELD_FROM
    }
}

/// Those of these delays, each with its time, and of which something is known.
pub async fn all(client: &Client, delays: &[(&str, Duration)]) -> Result<Vec<Delay>> {
    let sql = "select d.delay, coalesce(greatest(extract(epoch from now() - waits_since)::float8 - d.ttl_s, 0), 0),
                      coalesce(waits_since < now() - make_interval(secs => d.ttl_s), false),
                      coalesce(made_at < now() - make_interval(secs => case when waits_since is null then $3 else d.ttl_s + $4 end), true)
                 from unnest($1::text[], $2::float8[]) with ordinality as d (delay, ttl_s, n) left join delay_checks c on c.delay = d.delay
                order by n";
    let (names, times) = columns(delays);
    let rows = client.prepared_query(sql, &[&names, &times, &EVERY_S, &AGAIN_AFTER_S]).await?;
    let delay = |row: &tokio_postgres::Row| Delay {
        delay: row.get(0),
        held: Duration::from_secs_f64(row.get(1)),
        is_due_back: row.get(2),
        is_to_be_sent: row.get(3),
    };
    Ok(rows.iter().map(delay).collect())
}

/// Makes one for the delay, unless another replica has made it a moment ago: returns when, which its message says.
pub async fn make(client: &Client, (delay, time): (&str, Duration)) -> Result<Option<Timestamp>> {
    let sql = "insert into delay_checks as old (delay, ttl_s, made_at) values ($1, $2, now())
               on conflict (delay) do update set ttl_s = excluded.ttl_s, made_at = now() where old.made_at < now() - interval '10 seconds'
               returning made_at";
    let row = client.prepared_query_opt(sql, &[&delay, &time.as_secs_f64()]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// The broker has it, and it may even be back. One that the broker has not, nobody waits for.
pub async fn sent(client: &Client, delay: &str, made_at: Timestamp) -> Result<()> {
    let sql = "update delay_checks set sent_at = $2, waits_since = case when back_of >= $2 then waits_since else coalesce(waits_since, $2) end
                where delay = $1 and made_at = $2";
    client.prepared_execute(sql, &[&delay, &made_at]).await?;
    Ok(())
}

/// It has come back, and so have all that were sent before: a queue keeps the order, or has lost them.
pub async fn came_back(client: &Client, delay: &str, made_at: Timestamp) -> Result<()> {
    let sql = "update delay_checks set waits_since = case when sent_at > $2 then sent_at end, back_of = greatest(back_of, $2) where delay = $1";
    client.prepared_execute(sql, &[&delay, &made_at]).await?;
    Ok(())
}

fn columns<'a>(delays: &[(&'a str, Duration)]) -> (Vec<&'a str>, Vec<f64>) {
    delays.iter().map(|(delay, time)| (*delay, time.as_secs_f64())).unzip()
}

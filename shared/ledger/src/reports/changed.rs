//! Which days have to be computed again: something of their calls has changed late, or was erased.
//!
//! Whatever changes a call writes a line on its timeline, so the new lines say which calls those are. No trigger does, and no call is written twice.

use base::{db::Client, error::Result};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::Part;

/// Lines that are looked at in one statement.
const LINES: i64 = 100_000;

/// From which line on the timeline is to be searched, and up to which. A line may become visible after one with a higher number, and before what it
/// reports: so each turn also looks at the lines of the one before.
pub async fn search_begun(client: &Client) -> Result<(i64, i64)> {
    let sql = "select coalesce((select before from report_turns), last), last from (select coalesce(max(id), 0) as last from timeline) l";
    let row = client.query_one(sql, &[]).await?;
    let (before, last): (i64, i64) = (row.get(0), row.get(1));
    // Of a timeline that was lost, all is new.
    Ok((if before > last { 0 } else { before }, last))
}

/// When the calls began that changed between two lines, if that was before a time.
pub async fn calls_changed(client: &Client, (from, to): (i64, i64), before: Timestamp) -> Result<Vec<Timestamp>> {
    let sql = "select distinct s.started_at from (select distinct call_id from timeline where id > $1 and id <= $2) t
                 join calls_searched s on s.call_id = t.call_id where s.started_at < $3";
    let (mut all, mut from) = (Vec::new(), from);
    while from < to {
        let next = to.min(from + LINES);
        all.extend(client.query(sql, &[&from, &next, &before]).await?.iter().map(|row| row.get::<_, Timestamp>(0)));
        from = next;
    }
    Ok(all)
}

/// The search has come as far as this line.
pub async fn noted(client: &Client, last: i64) -> Result<()> {
    let sql = "insert into report_turns as t (before, last) values ($1, $1)
               on conflict (only_row) do update set before = least(t.last, excluded.last), last = excluded.last";
    client.execute(sql, &[&last]).await?;
    Ok(())
}

/// These days are to be computed again.
pub async fn mark(client: &tokio_postgres::Client, days: &[Date], zone: &str) -> Result<()> {
    let sql = "insert into report_days as d (day, zone, changes) select day, $2, 1 from unnest($1::date[]) n(day) order by day
               on conflict (day) do update set changes = d.changes + 1";
    client.execute(sql, &[&days, &zone]).await?;
    Ok(())
}

/// Before calls are erased, in the same transaction: of their days, what could lead to a person is deleted, and the rest is computed again without them.
pub async fn forget_details(client: &tokio_postgres::Client, calls: &[i64], zone: &TimeZone) -> Result<()> {
    let began = client.query("select started_at from console_calls where call_id = any($1)", &[&calls]).await?;
    let mut days: Vec<Date> =
        began.iter().map(|row| row.get::<_, Timestamp>(0).to_zoned(zone.clone()).date()).collect();
    days.sort_unstable();
    days.dedup();
    mark(client, &days, zone.iana_name().unwrap_or("UTC")).await?;
    let parts = Part::kept_as_calls();
    client.execute("delete from report_figures where part = any($1) and day = any($2)", &[&parts, &days]).await?;
    // Who adds them up at this moment began before, and is waited for; who begins now waits, and finds what is deleted here no more.
    client.batch_execute("lock table report_tops in exclusive mode; delete from report_tops").await?;
    forget_names(client).await
}

/// Names whose key stands nowhere any more.
pub(super) async fn forget_names(client: &tokio_postgres::Client) -> Result<()> {
    let sql = "delete from report_names n where not exists (select from report_figures f where f.part = n.part and f.key = n.key)";
    client.execute(sql, &[]).await?;
    Ok(())
}

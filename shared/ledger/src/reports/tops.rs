//! The customers and topics with the most calls of the last 30, 90 and 365 days. There are as many rows as there are customers on each day, some hundred
//! thousand for a year: to add them up takes longer than anybody should wait for a page. So it is done once an hour.

use base::{db::Client, error::Result};

use super::{By, Part, Sums};

/// Of how many days. Shorter periods, and months, are added up when they are asked for.
pub const TOP_DAYS: [i32; 3] = [30, 90, 365];
/// More than a page shows.
const MOST: i64 = 100;

/// Adds up what is older than an hour, if so. `today` by the zone of the figures.
pub async fn refresh_tops(client: &Client, today: jiff::civil::Date) -> Result<()> {
    let old = "select not exists (select from report_tops where computed_at > now() - interval '1 hour')";
    if !client.query_one(old, &[]).await?.get::<_, bool>(0) {
        return Ok(());
    }
    let sql = "with top as (select key, sum(inbound)::int as inbound, sum(missed)::int as missed, sum(outbound)::int as outbound, sum(talked_s)::int as talked_s
                              from report_figures where part = $1 and day > $3::date - $2::int and day <= $3 group by key
                             order by sum(inbound) + sum(outbound) desc, sum(talked_s) desc, key limit $4)
               insert into report_tops (part, days, key, inbound, missed, outbound, talked_s, computed_at)
               select $1, $2, key, inbound, missed, outbound, talked_s, now() from top
               on conflict (part, days, key) do update set inbound = excluded.inbound, missed = excluded.missed, outbound = excluded.outbound,
                      talked_s = excluded.talked_s, computed_at = excluded.computed_at";
    // Those that are not among them any more.
    let others = "delete from report_tops where part = $1 and days = $2
                     and computed_at < (select max(computed_at) from report_tops where part = $1 and days = $2)";
    for part in Part::kept_as_calls() {
        for days in TOP_DAYS {
            client.execute(sql, &[&part, &days, &today, &MOST]).await?;
            client.execute(others, &[&part, &days]).await?;
        }
    }
    Ok(())
}

/// Those with at least so many calls, the most first; empty if nothing is added up yet. Of the sums, there are the calls by direction, the missed
/// ones, and the talk time.
pub async fn top(client: &Client, part: Part, days: i32, least: i64, most: i64) -> Result<Vec<By>> {
    let sql = "select key, inbound::bigint, missed::bigint, outbound::bigint, talked_s::bigint from report_tops
                where part = $1 and days = $2 and inbound + outbound >= $3::bigint order by inbound + outbound desc, talked_s desc, key limit $4";
    let rows = client.query(sql, &[&part.as_str(), &days, &least, &most]).await?;
    let by = |row: &tokio_postgres::Row| By {
        key: row.get(0),
        sums: Sums {
            inbound: row.get(1),
            missed: row.get(2),
            outbound: row.get(3),
            talked_s: row.get(4),
            ..Sums::default()
        },
    };
    Ok(rows.iter().map(by).collect())
}

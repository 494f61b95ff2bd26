//! The budget's rows: functions of the database (migrations V4 and V8) and what people want to see of them.

use std::time::Duration;

use base::{db::Client, error::Result, ids::Vendor};
use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::{Row, types::Json};
use uuid::Uuid;

use super::{
    lane::Lane,
    plan::{Keep, Span, Window},
};

/// What a process got.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Lease {
    Granted(u32),
    /// Nothing; ask again after this time.
    Wait {
        after: Duration,
        why: String,
    },
    /// Nobody has written this API's windows down yet.
    Undeclared,
}

/// One statement, whatever number of processes asks; prepared once on each connection, because every request waits for it.
pub(super) async fn take(client: &Client, api: Vendor, lane: Lane, want: u32) -> Result<Lease> {
    let want = i32::try_from(want).unwrap_or(i32::MAX);
    let sql = "select granted, wait_s, why from budget_take($1, $2, $3)";
    Ok(lease(&client.prepared_query_one(sql, &[&api.as_str(), &lane.index(), &want]).await?))
}

/// One request, although everybody is paused because of `why`.
pub(super) async fn probe(client: &Client, api: Vendor, why: &str) -> Result<Lease> {
    let sql = "select granted, wait_s, why from budget_probe($1, $2)";
    Ok(lease(&client.query_one(sql, &[&api.as_str(), &why]).await?))
}

fn lease(row: &Row) -> Lease {
    match row.get::<_, Option<i32>>(0) {
        None => Lease::Undeclared,
        Some(granted) if granted > 0 => Lease::Granted(granted.unsigned_abs()),
        Some(_) => {
            let after = Duration::try_from_secs_f64(row.get::<_, Option<f64>>(1).unwrap_or_default());
            Lease::Wait { after: after.unwrap_or_default(), why: row.get::<_, Option<String>>(2).unwrap_or_default() }
        }
    }
}

/// Writes the windows down as they should be; what has been used of them stays.
pub(super) async fn declare(client: &mut Client, api: Vendor, windows: &[Window]) -> Result<()> {
    let transaction = client.transaction().await?;
    let name = api.as_str();
    transaction.execute("insert into budgets (api) values ($1) on conflict do nothing", &[&name]).await?;
    // The lock keeps a declaration and a lease apart.
    transaction.query("select from budgets where api = $1 for update", &[&name]).await?;
    let spans: Vec<&str> = windows.iter().map(|window| window.span.as_str()).collect();
    transaction.execute("delete from budget_windows where api = $1 and span <> all($2)", &[&name, &spans]).await?;
    for Window { span, max_requests, keep } in windows {
        let (every_s, burst, cap) = match keep {
            Keep::Paced { every_s, burst } => (Some(*every_s), Some(burst.as_slice()), None),
            Keep::Counted { cap } => (None, None, Some(cap.as_slice())),
        };
        let sql = "insert into budget_windows (api, span, length_s, max_requests, every_s, burst, cap)
                   values ($1, $2, $3, $4, $5, $6, $7)
                   on conflict (api, span) do update
                      set max_requests = excluded.max_requests, every_s = excluded.every_s, burst = excluded.burst,
                          cap = excluded.cap";
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
            [&name, &span.as_str(), &span.length_s(), max_requests, &every_s, &burst, &cap];
        transaction.execute(sql, &values).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// The API refused a request: nobody sends for a while, or until the API itself said.
pub(super) async fn pause(client: &Client, api: Vendor, after: Option<Duration>, why: &str) -> Result<()> {
    let after = after.map(|after| after.as_secs_f64());
    client.execute("select budget_pause($1, $2, $3)", &[&api.as_str(), &after, &why]).await?;
    Ok(())
}

/// The API answers nobody: nobody sends for a while.
pub(super) async fn away(client: &Client, api: Vendor, after: Duration, why: &str) -> Result<()> {
    client.execute("select budget_away($1, $2, $3)", &[&api.as_str(), &after.as_secs_f64(), &why]).await?;
    Ok(())
}

/// What a pause was for is over.
pub(super) async fn end_pause(client: &Client, api: Vendor, why: &str) -> Result<()> {
    let sql = "update budgets set paused_until = now() where api = $1 and paused_why = $2 and paused_until > now()";
    client.execute(sql, &[&api.as_str(), &why]).await?;
    Ok(())
}

/// The API said how little is left in a window, less than `floor`.
pub(super) async fn told(client: &Client, api: Vendor, span: Span, remaining: i64, floor: i64) -> Result<()> {
    let [remaining, floor] = [remaining, floor].map(|n| i32::try_from(n).unwrap_or(i32::MIN));
    let sql = "select budget_told($1, $2, $3, $4)";
    client.execute(sql, &[&api.as_str(), &span.as_str(), &remaining, &floor]).await?;
    Ok(())
}

/// The limits that the API told of itself, by span.
pub(super) async fn told_limits(client: &Client, api: Vendor) -> Result<Vec<(Span, u32)>> {
    let row = client.query_opt("select told from budgets where api = $1", &[&api.as_str()]).await?;
    let Some(Json(told)) = row.map(|row| row.get::<_, Json<serde_json::Value>>(0)) else { return Ok(Vec::new()) };
    let limit = |span: Span| Some((span, u32::try_from(told[span.as_str()].as_u64()?).ok()?));
    Ok(Span::ALL.into_iter().filter_map(limit).collect())
}

pub(super) async fn keep_told_limits(client: &Client, api: Vendor, limits: &[(Span, u32)]) -> Result<()> {
    let told: serde_json::Map<_, _> =
        limits.iter().map(|(span, limit)| (span.as_str().to_owned(), (*limit).into())).collect();
    client.execute("update budgets set told = $2 where api = $1", &[&api.as_str(), &Json(told)]).await?;
    Ok(())
}

/// Whether it falls to us to ask the API for its limits: once in a while one process does.
pub(super) async fn claim_asking(client: &Client, api: Vendor, every: Duration) -> Result<bool> {
    let sql = "insert into budgets (api, told_at) values ($1, now())
               on conflict (api) do update set told_at = now()
                where budgets.told_at is null or budgets.told_at < now() - make_interval(secs => $2)";
    Ok(client.execute(sql, &[&api.as_str(), &every.as_secs_f64()]).await? == 1)
}

/// How many requests wait in this process; old rows of processes that have ended go.
pub(super) async fn note_waiting(
    client: &Client,
    process: Uuid,
    worker: &str,
    api: Vendor,
    waiting: [i32; Lane::COUNT],
) -> Result<()> {
    let sql = "with old as (delete from budget_waiting where seen_at < now() - interval '1 min'),
                    spent as (delete from budget_spent where at < now() - case span when 'second' then interval '3 min'
                                                                                    else interval '26 hours' end)
               insert into budget_waiting (process, worker, api, lane, waiting)
               select $1, $2, $3, (lane - 1)::int, waiting from unnest($4::int[]) with ordinality as w(waiting, lane)
               on conflict (process, api, lane) do update set waiting = excluded.waiting, seen_at = now()";
    client.execute(sql, &[&process, &worker, &api.as_str(), &waiting.as_slice()]).await?;
    Ok(())
}

/// APIs of whose requests of the day none is left for logs and insights.
pub async fn used_up(client: &Client) -> Result<Vec<String>> {
    let sql = "select w.api from budget_windows w
                where w.cap[2] <= (select coalesce(sum(n), 0) from budget_spent s
                                    where s.api = w.api and s.span = 'hour' and s.at > now() - interval '25 hours')
                order by 1";
    Ok(client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

/// APIs for which cards, logs or insights are waiting right now; the directory always waits for others.
pub async fn waiting(client: &Client) -> Result<Vec<String>> {
    let sql = "select distinct api from budget_waiting
                where waiting > 0 and lane < 2 and seen_at > now() - interval '5 s' order by 1";
    Ok(client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

/// A window as people see it.
#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    pub api: String,
    pub span: String,
    pub limit: i32,
    /// In the last second, minute or day, by lane.
    pub used: Vec<i64>,
    pub waiting: Vec<i64>,
    pub paused_until: Option<Timestamp>,
    pub held_until: Option<Timestamp>,
    pub why: Option<String>,
}

/// All windows; the three lanes in each.
pub async fn seen(client: &Client) -> Result<Vec<Seen>> {
    let sql = "select w.api, w.span, w.max_requests,
                      array(select coalesce(sum(n), 0) from generate_series(0, 2) l
                              left join budget_spent s on s.lane = l and s.api = w.api
                               and s.span = case when w.cap is null then 'second' else 'hour' end
                               and s.at > now() - make_interval(secs => w.length_s)
                             group by l order by l)::bigint[],
                      array(select coalesce(sum(waiting), 0) from generate_series(0, 2) l
                              left join budget_waiting q on q.lane = l and q.api = w.api and q.seen_at > now() - interval '5 s'
                             group by l order by l)::bigint[],
                      case when paused_until > now() then paused_until end,
                      case when held_until > now() then held_until end,
                      case when paused_until > now() then paused_why when held_until > now() then held_why end
                 from budget_windows w join budgets using (api) order by w.api, w.length_s";
    let rows = client.query(sql, &[]).await?;
    let seen = |r: &Row| Seen {
        api: r.get(0),
        span: r.get(1),
        limit: r.get(2),
        used: r.get(3),
        waiting: r.get(4),
        paused_until: r.get(5),
        held_until: r.get(6),
        why: r.get(7),
    };
    Ok(rows.iter().map(seen).collect())
}

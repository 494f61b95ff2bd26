//! The budget's tables: calls of its SQL functions (migrations V4, V8 and V20), and queries for alerts, console and metrics.

use std::time::Duration;

use base::{db::Client, error::Result, ids::Vendor};
use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::{Row, types::Json};
use uuid::Uuid;

use super::{
    lane::Lane,
    plan::{Policy, Span, Window},
};

/// The answer of the budget to a process.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Grant {
    /// So many requests may be sent.
    Requests(u32),
    /// None; try again after this time.
    Wait { after: Duration, why: String },
    /// The windows of this API are not stored yet.
    Undeclared,
}

/// Takes up to `want` requests. One statement, so any number of processes may call it at the same time; prepared once on each
/// connection, because every request waits for it.
pub(super) async fn take_slice(client: &Client, api: Vendor, lane: Lane, want: u32) -> Result<Grant> {
    let want = i32::try_from(want).unwrap_or(i32::MAX);
    let sql = "select granted, wait_s, why from budget_take($1, $2, $3)";
    Ok(grant_from_row(&client.prepared_query_one(sql, &[&api.as_str(), &lane.index(), &want]).await?))
}

/// Takes one request, although all processes are paused because of `why`.
pub(super) async fn take_probe(client: &Client, api: Vendor, why: &str) -> Result<Grant> {
    let sql = "select granted, wait_s, why from budget_probe($1, $2)";
    Ok(grant_from_row(&client.query_one(sql, &[&api.as_str(), &why]).await?))
}

fn grant_from_row(row: &Row) -> Grant {
    match row.get::<_, Option<i32>>(0) {
        None => Grant::Undeclared,
        Some(granted) if granted > 0 => Grant::Requests(granted.unsigned_abs()),
        Some(_) => {
            let after = Duration::try_from_secs_f64(row.get::<_, Option<f64>>(1).unwrap_or_default());
            Grant::Wait { after: after.unwrap_or_default(), why: row.get::<_, Option<String>>(2).unwrap_or_default() }
        }
    }
}

/// Stores the windows; the requests that were already taken from them still count.
pub(super) async fn declare(client: &mut Client, api: Vendor, windows: &[Window]) -> Result<()> {
    let transaction = client.transaction().await?;
    let name = api.as_str();
    transaction.execute("insert into budgets (api) values ($1) on conflict do nothing", &[&name]).await?;
    // The lock excludes a process that is taking requests.
    transaction.query("select from budgets where api = $1 for update", &[&name]).await?;
    let spans: Vec<&str> = windows.iter().map(|window| window.span.as_str()).collect();
    transaction.execute("delete from budget_windows where api = $1 and span <> all($2)", &[&name, &spans]).await?;
    for Window { span, max_requests, policy } in windows {
        let (every_s, burst, cap) = match policy {
            Policy::Paced { every_s, burst } => (Some(*every_s), Some(burst.as_slice()), None),
            Policy::Counted { cap } => (None, None, Some(cap.as_slice())),
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

/// The API refused a request (429): pauses all processes for `after`, or for a growing time if the API gave none.
pub(super) async fn pause_rate_limited(client: &Client, api: Vendor, after: Option<Duration>, why: &str) -> Result<()> {
    let after = after.map(|after| after.as_secs_f64());
    client.execute("select budget_pause($1, $2, $3)", &[&api.as_str(), &after, &why]).await?;
    Ok(())
}

/// The API is unavailable: pauses all processes for `after`.
pub(super) async fn pause_unavailable(client: &Client, api: Vendor, after: Duration, why: &str) -> Result<()> {
    client.execute("select budget_away($1, $2, $3)", &[&api.as_str(), &after.as_secs_f64(), &why]).await?;
    Ok(())
}

/// Whether all processes are paused for this reason.
pub(super) async fn is_paused(client: &Client, api: Vendor, why: &str) -> Result<bool> {
    let sql = "select exists (select from budgets where api = $1 and paused_why = $2 and paused_until > now())";
    Ok(client.prepared_query_one(sql, &[&api.as_str(), &why]).await?.get(0))
}

/// Ends the pause that has this reason.
pub(super) async fn end_pause(client: &Client, api: Vendor, why: &str) -> Result<()> {
    let sql = "update budgets set paused_until = now() where api = $1 and paused_why = $2 and paused_until > now()";
    client.execute(sql, &[&api.as_str(), &why]).await?;
    Ok(())
}

/// The API reports that fewer than `floor` requests remain in a window.
pub(super) async fn report_remaining(
    client: &Client,
    api: Vendor,
    span: Span,
    remaining: i64,
    floor: i64,
) -> Result<()> {
    let [remaining, floor] = [remaining, floor].map(|n| i32::try_from(n).unwrap_or(i32::MIN));
    let sql = "select budget_told($1, $2, $3, $4)";
    client.execute(sql, &[&api.as_str(), &span.as_str(), &remaining, &floor]).await?;
    Ok(())
}

/// The API's own limits by span, as last read from the API.
pub(super) async fn api_limits(client: &Client, api: Vendor) -> Result<Vec<(Span, u32)>> {
    let row = client.query_opt("select told from budgets where api = $1", &[&api.as_str()]).await?;
    let Some(Json(stored)) = row.map(|row| row.get::<_, Json<serde_json::Value>>(0)) else { return Ok(Vec::new()) };
    let limit = |span: Span| Some((span, u32::try_from(stored[span.as_str()].as_u64()?).ok()?));
    Ok(Span::ALL.into_iter().filter_map(limit).collect())
}

pub(super) async fn store_api_limits(client: &Client, api: Vendor, limits: &[(Span, u32)]) -> Result<()> {
    let by_span: serde_json::Map<_, _> =
        limits.iter().map(|(span, limit)| (span.as_str().to_owned(), (*limit).into())).collect();
    client.execute("update budgets set told = $2 where api = $1", &[&api.as_str(), &Json(by_span)]).await?;
    Ok(())
}

/// Whether the caller should read the API's limits now: true for one process in each period of `every`.
pub(super) async fn claim_reading_limits(client: &Client, api: Vendor, every: Duration) -> Result<bool> {
    let sql = "insert into budgets (api, told_at) values ($1, now())
               on conflict (api) do update set told_at = now()
                where budgets.told_at is null or budgets.told_at < now() - make_interval(secs => $2)";
    Ok(client.execute(sql, &[&api.as_str(), &every.as_secs_f64()]).await? == 1)
}

/// Stores how many requests wait in this process by lane, and deletes the rows of processes that have ended.
pub(super) async fn store_waiting(
    client: &Client,
    process: Uuid,
    worker: &str,
    api: Vendor,
    waiting: [i32; Lane::COUNT],
) -> Result<()> {
    let sql = "with old as (delete from budget_waiting where seen_at < now() - interval '1 min'),
                    spent as (delete from budget_spent where at < now() - case span when 'second' then interval '3 min'
                                                                                    when 'day' then interval '32 days'
                                                                                    else interval '26 hours' end)
               insert into budget_waiting (process, worker, api, lane, waiting)
               select $1, $2, $3, (lane - 1)::int, waiting from unnest($4::int[]) with ordinality as w(waiting, lane)
               on conflict (process, api, lane) do update set waiting = excluded.waiting, seen_at = now()";
    client.execute(sql, &[&process, &worker, &api.as_str(), &waiting.as_slice()]).await?;
    Ok(())
}

/// Requests for logs and insights wait for their turn.
pub(super) async fn note_contested(client: &Client, api: Vendor) -> Result<()> {
    client.execute("update budgets set contested_at = now() where api = $1", &[&api.as_str()]).await?;
    Ok(())
}

/// The APIs whose requests of the day or the month are used up for logs and insights.
pub async fn exhausted_apis(client: &Client) -> Result<Vec<String>> {
    let sql = "select distinct w.api from budget_windows w
                where w.cap is not null and w.cap[2] <= budget_used(w.api, w.span, now()) order by 1";
    Ok(client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

/// The APIs for which cards, logs or insights are waiting right now. The directory does not count: it always waits for others.
pub async fn waiting_apis(client: &Client) -> Result<Vec<String>> {
    let sql = "select distinct api from budget_waiting
                where waiting > 0 and lane < 2 and seen_at > now() - interval '5 s' order by 1";
    Ok(client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

/// A window's limit and use, for the console, `callbridge budget` and metrics.
#[derive(Clone, Debug, Serialize)]
pub struct WindowStatus {
    pub api: String,
    pub span: String,
    pub limit: i32,
    /// Requests in the last second, minute or day, by lane.
    pub used: Vec<i64>,
    /// Requests that wait for the API, by lane.
    pub waiting: Vec<i64>,
    pub paused_until: Option<Timestamp>,
    pub held_until: Option<Timestamp>,
    pub why: Option<String>,
    /// Requests for logs and insights have waited for their turn within the last minute.
    pub contested: bool,
}

/// All windows of all APIs.
pub async fn window_status(client: &Client) -> Result<Vec<WindowStatus>> {
    let sql = "select w.api, w.span, w.max_requests,
                      array(select coalesce(sum(n), 0) from generate_series(0, 2) l
                              left join budget_spent s on s.lane = l and s.api = w.api
                               and s.span = case when w.cap is null then 'second'
                                             when w.span = 'month' then 'day' else 'hour' end
                               and s.at > now() - make_interval(secs => w.length_s)
                             group by l order by l)::bigint[],
                      array(select coalesce(sum(waiting), 0) from generate_series(0, 2) l
                              left join budget_waiting q on q.lane = l and q.api = w.api and q.seen_at > now() - interval '5 s'
                             group by l order by l)::bigint[],
                      case when paused_until > now() then paused_until end,
                      case when held_until > now() then held_until end,
                      case when paused_until > now() then paused_why when held_until > now() then held_why end,
                      coalesce(contested_at > now() - interval '1 min', false)
                 from budget_windows w join budgets using (api) order by w.api, w.length_s";
    let rows = client.query(sql, &[]).await?;
    let from_row = |r: &Row| WindowStatus {
        api: r.get(0),
        span: r.get(1),
        limit: r.get(2),
        used: r.get(3),
        waiting: r.get(4),
        paused_until: r.get(5),
        held_until: r.get(6),
        why: r.get(7),
        contested: r.get(8),
    };
    Ok(rows.iter().map(from_row).collect())
}

//! A phone directory of 100,000 records: how fast it loads, and how long a look-up takes then.
//!
//! The load is compared with fetching the same pages from the sandbox and throwing them away, the look-up with `select 1`
//! on the same connection. Half of the numbers looked up are known.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use base::{
    db::Client,
    phone::{self, E164},
};
use harness::{NO_QUOTAS, Stack};
use resolver::directory::store;
use serde_json::{Value, json};

use crate::{
    people::{self, HUNDRED_THOUSAND as RECORDS, national},
    report::{Figure, Reach, quantile_ms},
};

const LOOK_UPS: usize = 20_000;
/// The pages come one after the other; this is for a machine that is much slower than ours.
const LOADED_WITHIN: Duration = Duration::from_secs(600);

pub(crate) async fn measure() -> Result<Vec<Figure>> {
    let mut stack = Stack::with_accounts("bench", &people::account(&RECORDS)?, &NO_QUOTAS).await?;
    stack.environment.insert("SELLSY_REQUESTS_PER_SECOND".into(), "10000".into());
    stack.environment.insert("SELLSY_REQUESTS_PER_MINUTE".into(), "600000".into());

    let bare = fetch_pages(&stack).await?;
    let began = Instant::now();
    let resolver = stack.start("resolver").await?;
    stack.directory_loaded(LOADED_WITHIN).await?;
    let loading = began.elapsed();
    let records = stack.ledger().await?.directory_size().await?;
    let per_second = |took: Duration| records as f64 / took.as_secs_f64();

    let (mut known, mut bare_query) = look_up(&stack.connection().await?).await?;
    let figures = vec![
        Figure::ratio(
            "directory_load_ratio",
            format!("directory: load of {records} records, first to last"),
            per_second(loading),
            "records/s",
        )
        .beside("records/s: the same pages fetched and dropped", per_second(bare))
        .reach(Reach::RatioAtLeast(0.1)),
        Figure::new("directory_look_up_p50_ms", "directory: look-up, median", quantile_ms(&mut known, 0.5), "ms")
            .beside("ms: select 1", quantile_ms(&mut bare_query, 0.5)),
        Figure::new("directory_look_up_p99_ms", "directory: look-up, p99", quantile_ms(&mut known, 0.99), "ms")
            .beside("ms: select 1", quantile_ms(&mut bare_query, 0.99))
            .reach(Reach::RatioAtMost(5.0)),
    ];
    drop(resolver);
    stack.down().await?;
    Ok(figures)
}

/// The same requests as the load's, without anything done with the answers.
async fn fetch_pages(stack: &Stack) -> Result<Duration> {
    let http = reqwest::Client::new();
    let (id, secret) = ("sandbox-sellsy-client", "sandbox-sellsy-secret");
    let credentials = json!({ "grant_type": "client_credentials", "client_id": id, "client_secret": secret });
    let token = http.post(&stack.environment["SELLSY_AUTH_URL"]).json(&credentials).send().await?;
    let token: Value = token.error_for_status()?.json().await?;
    let token = token["access_token"].as_str().context("a token")?.to_owned();
    let began = Instant::now();
    for (kind, _) in RECORDS {
        let mut offset: Option<String> = None;
        loop {
            let url = format!("{}/{kind}/search", stack.environment["SELLSY_API_URL"]);
            let mut query = vec![("limit", "100".to_owned()), ("order", "id".into()), ("direction", "asc".into())];
            query.extend(offset.take().map(|offset| ("offset", offset)));
            let request = http.post(url).bearer_auth(&token).query(&query).json(&json!({ "filters": {} }));
            let page: Value = request.send().await?.error_for_status()?.json().await?;
            let rows = page["data"].as_array().map_or(0, Vec::len);
            offset = page["pagination"]["offset"].as_str().map(ToOwned::to_owned).filter(|_| rows == 100);
            if offset.is_none() {
                break;
            }
        }
    }
    Ok(began.elapsed())
}

async fn look_up(database: &Client) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let all = people::count(&RECORDS);
    // Every other number belongs to nobody; the steps scatter them over the index.
    let number = |n: usize| {
        let nth = n * 7919 % all + if n.is_multiple_of(2) { 0 } else { 10_000_000 };
        phone::parse(&format!("+33{}", national(nth)), "FR".parse().ok()?)
    };
    let numbers: Vec<E164> = (0..LOOK_UPS).filter_map(number).collect();
    let (mut known, mut bare, mut found) = (Vec::new(), Vec::new(), 0);
    for number in &numbers {
        let began = Instant::now();
        found += store::find(database, number).await?.len();
        known.push(began.elapsed());
        let began = Instant::now();
        database.query("select 1", &[]).await?;
        bare.push(began.elapsed());
    }
    anyhow::ensure!(found == LOOK_UPS / 2, "half of the numbers are known, {found} were found");
    Ok((known, bare))
}

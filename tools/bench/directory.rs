//! A phone directory of 100,000 records: how fast it loads, how long a look-up takes then, and what reading a number costs.
//!
//! The load is compared with fetching the same pages from the sandbox and discarding them, the look-up with `select 1` on a
//! connection of the same pool. Half of the numbers looked up are known.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use base::{
    db::Database,
    phone::{self, E164, Region},
    settings::Matching,
};
use harness::{NO_QUOTAS, Stack};
use resolver::directory::known::Numbers;
use serde_json::{Value, json};

use crate::{
    people::{self, HUNDRED_THOUSAND as RECORDS, national},
    report::{Figure, Reach, quantile_ms},
};

const LOOK_UPS: usize = 20_000;
const READINGS: u32 = 20_000;
/// As people type one number, and as they type two or a remark.
const ONE: [&str; 8] = [
    "06 39 98 12 34",
    "+33 6 39 98 12 34",
    "0199001234",
    "+33199001234",
    "01.99.00.12.34",
    "0033 6 39 98 12 34",
    "+32 470 12 34 56",
    "01 99 00 12 34 poste 12",
];
const SEVERAL: [&str; 3] =
    ["01 99 00 12 34 - 06 39 98 12 34", "01 99 00 12 34 / 06 39 98 12 34", "06 39 98 12 34 (2ème ligne)"];
/// The pages are fetched one after the other; this limit allows for a machine that is much slower than ours.
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

    let (mut known, mut bare_query) = look_up(&Database::unsupervised(&stack.database_url.as_str().into(), 2)?).await?;
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
        Figure::new("number_read_us", "numbers: a field with one is read", reading_us(&ONE), "µs"),
        Figure::new("numbers_read_us", "numbers: a field with more, or with a remark", reading_us(&SEVERAL), "µs"),
    ];
    drop(resolver);
    stack.down().await?;
    Ok(figures)
}

/// The mean of a field, once the library's tables are loaded.
fn reading_us(fields: &[&str]) -> f64 {
    let read_all = || fields.iter().filter(|field| phone::read(field, Region::default()).is_ok()).count();
    let mut read = read_all();
    let began = Instant::now();
    for _ in 0..READINGS {
        read += std::hint::black_box(read_all());
    }
    debug_assert_eq!(read, fields.len() * (READINGS as usize + 1));
    began.elapsed().as_secs_f64() * 1e6 / (f64::from(READINGS) * fields.len() as f64)
}

/// The same requests as the load's, with the answers discarded.
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

async fn look_up(database: &Database) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let records = people::count(&RECORDS);
    // Every other number is unknown; the steps scatter them over the index.
    let number = |n: usize| {
        let nth = n * 7919 % records + if n.is_multiple_of(2) { 0 } else { 10_000_000 };
        phone::parse(&format!("+33{}", national(nth)), "FR".parse().ok()?)
    };
    let numbers: Vec<E164> = (0..LOOK_UPS).filter_map(number).collect();
    let (all, client) = (Numbers::of(database.clone()), database.client().await?);
    let (mut looked_up, mut bare, mut found) = (Vec::new(), Vec::new(), 0);
    for number in &numbers {
        let began = Instant::now();
        found += all.known(number, Region::default(), Matching::default()).await?.records.len();
        looked_up.push(began.elapsed());
        let began = Instant::now();
        client.query("select 1", &[]).await?;
        bare.push(began.elapsed());
    }
    anyhow::ensure!(found == LOOK_UPS / 2, "half of the numbers are known, {found} were found");
    Ok((looked_up, bare))
}

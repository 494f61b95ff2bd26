//! The budget with four replicas each of resolver and logger, and more work than the quota allows.
//!
//! A backlog of ended calls waits when the workers start; in addition a call rings every three seconds. The sandbox refuses
//! requests over the quota and records when each request arrived. The bench counts them again, in every one-minute window that
//! begins with a request. Then another program takes half of the quota for a minute.

pub(crate) mod step;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use harness::{Process, Stack, build::call, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::report::{Figure, Reach, quantile_ms};

pub(crate) use step::CHILD;

const PER_MINUTE: usize = 600;
const PER_SECOND: usize = 25;
const REPLICAS: usize = 4;
const CLIENT: &str = "+33 6 39 98 41 07";
/// One look-up and one log per call: more than two minutes' worth, and enough for the minutes after that.
const BACKLOG: usize = 1_800;
const SATURATED: Duration = Duration::from_secs(125);
const MINUTE: Duration = Duration::from_secs(60);
const RING_EVERY: Duration = Duration::from_secs(3);
/// A card that was not handled for this long has expired.
const CARDS_EXPIRE: Duration = Duration::from_secs(31);

/// A request to Sellsy as the sandbox received it.
struct Arrived {
    at_ms: i64,
    status: u64,
    theirs: bool,
}

pub(crate) async fn measure() -> Result<Vec<Figure>> {
    let (second, minute) = (PER_SECOND.to_string(), PER_MINUTE.to_string());
    let quotas = ["--sellsy-per-second", &second, "--sellsy-per-minute", &minute, "--aircall-per-minute", "0"];
    let mut stack = Stack::with_sandbox("bench", &quotas).await?;
    stack.environment.insert("SELLSY_REQUESTS_PER_SECOND".into(), second.clone());
    stack.environment.insert("SELLSY_REQUESTS_PER_MINUTE".into(), minute.clone());
    let ingest = backlog(&mut stack).await?;

    let mut workers = Vec::new();
    for worker in ["resolver", "logger"] {
        for _ in 0..REPLICAS {
            workers.push(stack.start(worker).await?);
        }
    }
    let cards = saturate(&stack).await?;
    let others_began = Instant::now();
    let others_from = jiff::Timestamp::now().as_millisecond();
    another_program(&stack).await?;
    // Includes the pause after a refusal, if there was one, and its effect on the next requests.
    tokio::time::sleep(MINUTE.saturating_sub(others_began.elapsed()) + Duration::from_secs(30)).await;
    let figures = figures(&stack, cards, others_from).await?;
    drop((ingest, workers));
    stack.down().await?;
    Ok(figures.into_iter().chain(step::measure().await?).collect())
}

/// Calls that ended while only ingest was running; the directory is loaded.
async fn backlog(stack: &mut Stack) -> Result<Process> {
    let ingest = stack.start("ingest").await?;
    let mut resolver = stack.start("resolver").await?;
    ingest.until_ready(MINUTE).await?;
    resolver.until_ready(MINUTE).await?;
    stack.directory_loaded(MINUTE).await?;
    resolver.terminate(MINUTE).await?;
    stack.sandbox.deliver_to(&ingest.url).await?;
    let call = call(CLIENT).lasting(90);
    for _ in 0..BACKLOG {
        stack.sandbox.play(&call).await?;
    }
    stack.sandbox.delivered(MINUTE).await?;
    tokio::time::sleep(CARDS_EXPIRE).await;
    stack.sandbox.control(Method::DELETE, "/requests", None).await?;
    Ok(ingest)
}

/// Lets the workers run while a call rings now and then; returns how long each card took from its call.
async fn saturate(stack: &Stack) -> Result<Vec<Duration>> {
    let began = Instant::now();
    let mut rung = BTreeMap::new();
    let ring = call(CLIENT).lasting(90).paced(100);
    while began.elapsed() < SATURATED {
        let at = jiff::Timestamp::now().as_millisecond();
        rung.insert(stack.sandbox.play(&ring).await?, at);
        tokio::time::sleep(RING_EVERY).await;
    }
    let shown = || async {
        let requests = requests(stack, "aircall").await.ok()?;
        let card = |request: &Value| {
            let path = request["path"].as_str()?.strip_suffix("/insight_cards")?;
            let call: i64 = path.rsplit('/').next()?.parse().ok()?;
            let took = request["at_ms"].as_i64()? - rung.get(&call)?;
            Some(Duration::from_millis(u64::try_from(took).ok()?))
        };
        let cards: Vec<_> = requests.iter().filter_map(card).collect();
        (cards.len() == rung.len()).then_some(cards)
    };
    eventually(Duration::from_secs(10), shown).await.context("every ringing call got its card")
}

/// Takes half of the quota for a minute, evenly spaced.
async fn another_program(stack: &Stack) -> Result<()> {
    let http = reqwest::Client::new();
    let (id, secret) = ("sandbox-sellsy-client", "sandbox-sellsy-secret");
    let credentials = json!({ "grant_type": "client_credentials", "client_id": id, "client_secret": secret });
    let token: Value = http.post(&stack.environment["SELLSY_AUTH_URL"]).json(&credentials).send().await?.json().await?;
    let token = token["access_token"].as_str().context("a token")?.to_owned();
    let every = MINUTE * 2 / u32::try_from(PER_MINUTE)?;
    let mut tick = tokio::time::interval(every);
    for _ in 0..PER_MINUTE / 2 {
        tick.tick().await;
        let url = format!("{}/staffs/101", stack.environment["SELLSY_API_URL"]);
        http.get(url).bearer_auth(&token).send().await?;
    }
    Ok(())
}

async fn requests(stack: &Stack, api: &str) -> Result<Vec<Value>> {
    let answer = stack.sandbox.get(&format!("/requests?api={api}")).await?;
    let all = answer.as_array().or_else(|| answer["requests"].as_array()).context("requests")?;
    Ok(all.iter().filter(|request| request["api"] == api).cloned().collect())
}

async fn figures(stack: &Stack, mut cards: Vec<Duration>, others_from: i64) -> Result<Vec<Figure>> {
    let arrived = |request: &Value| {
        let theirs = request["path"].as_str()?.ends_with("/staffs/101");
        Some(Arrived { at_ms: request["at_ms"].as_i64()?, status: request["status"].as_u64().unwrap_or(0), theirs })
    };
    let all: Vec<Arrived> = requests(stack, "sellsy").await?.iter().filter_map(arrived).collect();
    let alone: Vec<&Arrived> = all.iter().filter(|request| request.at_ms < others_from).collect();
    let first = alone.first().context("a request")?.at_ms;
    // The start is not the steady state: replicas become ready one after the other.
    let steady = |request: &&&Arrived| (first + 5_000..first + 125_000).contains(&request.at_ms);
    let used = alone.iter().filter(steady).count() as f64 / (2 * PER_MINUTE) as f64;
    let refused = |requests: &[&Arrived]| requests.iter().filter(|request| request.status == 429).count() as f64;
    let with_others: Vec<&Arrived> = all.iter().filter(|r| r.at_ms >= others_from && !r.theirs).collect();
    let name = |what: &str| format!("budget, {REPLICAS}+{REPLICAS} replicas, {PER_MINUTE}/min: {what}");
    Ok(vec![
        Figure::new(
            "budget_most_per_minute",
            name("most requests in any minute"),
            most_within_a_minute(&alone) as f64,
            "",
        )
        .reach(Reach::AtMost(PER_MINUTE as f64)),
        Figure::new("budget_over_limit", name("refused"), refused(&alone), "").reach(Reach::AtMost(0.0)),
        Figure::new("budget_used", name("used of the quota"), used * 100.0, "%").reach(Reach::AtLeast(97.0)),
        Figure::new("card_p95_ms_under_load", name("a card leaves after, p95"), quantile_ms(&mut cards, 0.95), "ms")
            .reach(Reach::AtMost(1000.0)),
        Figure::new(
            "foreign_use_429_share",
            name("refused while others use half"),
            refused(&with_others) * 100.0 / with_others.len() as f64,
            "%",
        )
        .beside("requests of ours in that time", with_others.len() as f64)
        .reach(Reach::AtMost(1.0)),
    ])
}

fn most_within_a_minute(requests: &[&Arrived]) -> usize {
    let mut first = 0;
    let within = requests.iter().enumerate().map(|(n, request)| {
        while requests[first].at_ms <= request.at_ms - 60_000 {
            first += 1;
        }
        n + 1 - first
    });
    within.max().unwrap_or(0)
}

//! One budget for all replicas: our own speed causes no refusal, and a refusal that happens anyway pauses every replica.

use std::time::Duration;

use anyhow::{Context, Result};
use harness::{
    Process, Stack,
    build::{call, note, sellsy, tag},
    eventually, says,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{CLIENT, SOON};

/// The vendors' real limits, and two of each worker that sends requests to Sellsy.
async fn strict(what: &str, per_second: u32, per_minute: u32) -> Result<(Stack, Vec<Process>)> {
    let (second, minute) = (per_second.to_string(), per_minute.to_string());
    let quotas = ["--sellsy-per-second", &second, "--sellsy-per-minute", &minute, "--aircall-per-minute", "120"];
    let mut stack = Stack::with_sandbox(what, &quotas).await?;
    for (name, value) in [
        ("SELLSY_REQUESTS_PER_SECOND", second.as_str()),
        ("SELLSY_REQUESTS_PER_MINUTE", minute.as_str()),
        ("AIRCALL_REQUESTS_PER_MINUTE", "120"),
    ] {
        stack.environment.insert(name.into(), value.into());
    }
    let mut workers = stack.start_all().await?;
    for worker in ["resolver", "logger"] {
        let another = stack.start(worker).await?;
        another.until_ready(SOON).await?;
        workers.push(another);
    }
    Ok((stack, workers))
}

async fn all_logged(stack: &Stack, calls: usize, within: Duration) -> Result<()> {
    let logged = || async { (stack.sandbox.phone_calls().await.ok()?.len() >= calls).then_some(()) };
    eventually(within, logged).await.context("every call is logged")?;
    assert_eq!(stack.sandbox.phone_calls().await?.len(), calls);
    Ok(())
}

#[tokio::test]
async fn replicas_together_stay_within_the_quota_and_lose_nothing() -> Result<()> {
    let (stack, workers) = strict("budget", 12, 300).await?;
    for _ in 0..70 {
        stack.sandbox.play(&call(CLIENT)).await?;
    }
    // One look-up and one log per call, at five requests a second.
    all_logged(&stack, 70, Duration::from_secs(90)).await?;
    let refused = (stack.sandbox.answers("sellsy", 429).await?, stack.sandbox.answers("aircall", 429).await?);
    assert_eq!(refused, (0, 0));
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_refusal_stops_every_replica_and_work_goes_on_by_itself() -> Result<()> {
    let (mut stack, workers) = strict("refused", 50, 1000).await?;
    let refuse = sellsy("POST /phone-calls").answers(429).header("retry-after", "10").once();
    stack.sandbox.set_faults([refuse]).await?;
    for _ in 0..20 {
        stack.sandbox.play(&call(CLIENT)).await?;
    }
    let paused = || async { (stack.sandbox.answers("sellsy", 429).await.ok()? == 1).then_some(()) };
    eventually(SOON, paused).await.context("one request is refused")?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = stack.sandbox.requests("sellsy").await?;
    let table = stack.callbridge(&["budget"]).await?.0;
    assert!(table.contains("paused for") && table.contains("429"), "{table}");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(stack.sandbox.requests("sellsy").await?, before, "nobody asks while the API wants to be left alone");
    all_logged(&stack, 20, Duration::from_secs(60)).await?;
    assert_eq!(stack.sandbox.answers("sellsy", 429).await?, 1);
    let table = stack.callbridge(&["budget"]).await?.0;
    assert!(table.contains("open"), "{table}");
    assert_eq!(stack.dead_letters().await?, []);
    // A command runs with its own settings; the workers' budget does not change because of them.
    stack.environment.insert("SELLSY_REQUESTS_PER_MINUTE".into(), "10".into());
    let (explained, good) = stack.callbridge(&["explain", CLIENT]).await?;
    assert!(good, "{explained}");
    let ledger = stack.ledger().await?;
    assert_eq!(ledger.sellsy_minute().await?, 1000);
    stack.environment.insert("SELLSY_REQUESTS_PER_MINUTE".into(), "1000".into());
    // The account's own limit applies where it is lower: a worker that starts after an hour reads it.
    stack.sandbox.control(Method::PUT, "/sellsy/quotas", Some(&json!({ "second": 50, "minute": 700 }))).await?;
    ledger.quotas_age().await?;
    let late = stack.start("logger").await?;
    let lowered = || async { (ledger.sellsy_minute().await.ok()? == 700).then_some(()) };
    eventually(SOON, lowered).await.context("the account's own limit is kept")?;
    drop((workers, late));
    stack.down().await
}

/// Three times as many calls as the quota allows requests: what is added to a call in its first minute is in its log from the beginning, and
/// what comes later is gathered. Afterwards all is as before.
#[tokio::test]
#[ignore = "nightly"]
async fn a_contested_quota_writes_a_log_once_with_its_first_minute() -> Result<()> {
    let (stack, workers) = strict("contested", 5, 60).await?;
    let table = stack.callbridge(&["budget"]).await?.0;
    assert!(!table.contains("gathered"), "{table}");
    let busy = || async { stack.callbridge(&["budget"]).await.ok().filter(|(table, _)| table.contains("gathered")) };
    let mut calls = 0;
    let contested = async {
        loop {
            stack.sandbox.play(&call(CLIENT)).await?;
            calls += 1;
            tokio::time::sleep(Duration::from_millis(500)).await;
            if calls % 10 == 0 && busy().await.is_some() {
                return anyhow::Ok(());
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(120), contested).await.context("callbridge budget says so")??;
    // A second of the call takes 50 ms: the tag and the note come 1 s and 20 s after its end.
    let talk = call(CLIENT).lasting(40).paced(50).after(20, tag("VIP")).after(400, note("Rappeler lundi."));
    let id = stack.sandbox.play(&talk).await?;
    calls += 1;
    let log = stack.sandbox.logged(id, Duration::from_secs(240)).await.with_context(|| format!("{:?}", stack.logs))?;
    assert!(says(&["VIP", "Rappeler lundi."])(&log), "{log}");
    all_logged(&stack, calls, Duration::from_secs(240)).await?;
    assert_eq!(stack.sandbox.count("sellsy", "PUT /phone-calls/{id}").await?, 0);
    assert_eq!(stack.sandbox.count("sellsy", "POST /phone-calls").await?, u64::try_from(calls)?);
    assert_eq!(stack.sandbox.count("sellsy", "POST /phone-calls/search").await?, 0, "no log had to be looked for");
    // Nothing has waited for a minute.
    tokio::time::sleep(Duration::from_secs(65)).await;
    let table = stack.callbridge(&["budget"]).await?.0;
    assert!(!table.contains("gathered"), "{table}");
    let id = stack.sandbox.play(&call(CLIENT).after(1, tag("VIP"))).await?;
    stack.sandbox.logged(id, Duration::from_secs(10)).await?;
    stack.sandbox.log_of(id, crate::GATHERED, says(&["VIP"])).await?;
    assert_eq!(stack.sandbox.answers("sellsy", 429).await?, 0);
    drop(workers);
    stack.down().await
}

/// The requests that the sandbox received, and those taken from the budget.
async fn seen_and_taken(stack: &Stack) -> Result<(i64, i64)> {
    let by_status = stack.sandbox.get("/counts").await?["sellsy"]["by_status"].clone();
    let seen = by_status.as_object().context("counts")?.values().filter_map(Value::as_i64).sum();
    Ok((seen, stack.ledger().await?.sellsy_spent().await?))
}

#[tokio::test]
async fn every_request_is_counted_probes_of_an_outage_too() -> Result<()> {
    // At this rate no request is taken in advance, so none is lost.
    let (stack, workers) = strict("counted", 12, 300).await?;
    stack.sandbox.set_faults([sellsy("*").answers(503)]).await?;
    for _ in 0..6 {
        stack.sandbox.play(&call(CLIENT)).await?;
    }
    tokio::time::sleep(Duration::from_secs(12)).await;
    stack.sandbox.set_faults([]).await?;
    all_logged(&stack, 6, SOON).await?;
    // A last probe of the outage may still be running.
    let equal = || async { seen_and_taken(&stack).await.ok().filter(|(seen, taken)| seen == taken) };
    eventually(SOON, equal).await.context("what Sellsy has seen is not what was taken from the budget")?;
    assert_eq!(stack.sandbox.answers("sellsy", 429).await?, 0);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_limit_that_only_the_account_knows_is_respected_when_others_have_used_it_up() -> Result<()> {
    for (span, limits) in [("day", json!({ "day": 1000 })), ("month", json!({ "month": 1000 }))] {
        let mut stack = Stack::new("told").await?;
        stack.sandbox.control(Method::PUT, "/sellsy/quotas", Some(&limits)).await?;
        let workers = stack.start_all().await?;
        let learned = || async { (stack.sandbox.count("sellsy", "GET /quotas").await.ok()? > 0).then_some(()) };
        eventually(SOON, learned).await.context("the account's limits are read")?;
        let first = stack.sandbox.play(&call(CLIENT)).await?;
        stack.sandbox.logged(first, SOON).await?;
        assert_eq!(stack.ledger().await?.sellsy_held().await?, "", "{span}");
        // As if other programs had used the rest.
        let used = stack.sandbox.requests("sellsy").await?;
        let nearly = json!({ span: used + 8 });
        stack.sandbox.control(Method::PUT, "/sellsy/quotas", Some(&nearly)).await?;
        for _ in 0..3 {
            stack.sandbox.play(&call(CLIENT)).await?;
        }
        let held = || async {
            let why = stack.ledger().await.ok()?.sellsy_held().await.ok()?;
            why.contains(&format!("this {span}'s requests")).then_some(())
        };
        eventually(SOON, held).await.with_context(|| format!("the {span}'s rest is left to ringing calls"))?;
        drop(workers);
        stack.down().await?;
    }
    Ok(())
}

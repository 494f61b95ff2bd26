//! Sellsy or Aircall is away for everybody: work waits, no message loses an attempt, and it goes on by itself.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::{Process, Relay, Stack, authority, eventually};

use crate::{CLIENT, SOON};

/// From the return of an API on.
const RESUMED: Duration = Duration::from_secs(15);
const OUTAGE: Duration = Duration::from_secs(7);
const CALLS: usize = 6;

async fn play(stack: &Stack, after: &Value) -> Result<i64> {
    let call = json!({ "direction": "inbound", "raw_digits": CLIENT, "number_id": 1001, "user_id": 501, "answered": true, "duration": 90, "after": after });
    stack.sandbox.play(&call).await
}

/// The worker says that it waits for this API.
async fn waits(worker: &Process, api: &str) -> Result<()> {
    let waits = || async {
        let (ready, reasons) = worker.readiness().await.ok()?;
        (!ready && reasons["missing"][api].as_str()?.contains("does not answer")).then_some(())
    };
    eventually(SOON, waits).await.with_context(|| format!("{} waits for {api}", worker.name))
}

/// Attempts that were counted on the timelines of all calls, by any stage.
async fn attempts(stack: &Stack) -> Result<i64> {
    let sql = "select count(*) from timeline where what in ('retried', 'parked')";
    Ok(stack.database().await?.query_one(sql, &[]).await?.get(0))
}

#[tokio::test]
async fn sellsy_away_in_every_way_costs_no_attempt() -> Result<()> {
    let (stack, workers) = Stack::running("sellsy_away").await?;
    let mut calls = 0;
    for fault in [
        json!({ "kind": "status", "status": 500 }),
        json!({ "kind": "status", "status": 502 }),
        json!({ "kind": "status", "status": 503, "headers": { "retry-after": "1" } }),
        json!({ "kind": "cut", "when": "before" }),
        json!({ "kind": "status", "status": 200, "body": "<html>", "headers": { "content-type": "text/html" } }),
        json!({ "kind": "status", "status": 200, "body": "{\"data\": [", "headers": { "content-type": "application/json" } }),
    ] {
        stack.sandbox.set_faults(&json!([{ "api": "sellsy", "path": "*", "do": fault }])).await?;
        for _ in 0..CALLS {
            play(&stack, &json!([])).await?;
        }
        calls += CALLS;
        waits(&workers[1], "Sellsy").await.with_context(|| fault.to_string())?;
        tokio::time::sleep(OUTAGE).await;
        let before = stack.sandbox.phone_calls().await?.len();
        assert_eq!(before, calls - CALLS, "{fault}");
        stack.sandbox.set_faults(&json!([])).await?;
        let logged = || async { (stack.sandbox.phone_calls().await.ok()?.len() == calls).then_some(()) };
        eventually(RESUMED, logged).await.with_context(|| format!("work goes on after {fault}"))?;
        assert_eq!(attempts(&stack).await?, 0, "{fault}");
    }
    let ready = || async { workers[1].readiness().await.ok().filter(|(ready, _)| *ready) };
    eventually(SOON, ready).await.context("the resolver is ready again")?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn an_unreachable_sellsy_is_waited_for_by_all_replicas() -> Result<()> {
    let mut stack = Stack::new("unreachable").await?;
    let relay = Relay::to(&authority(stack.sandbox.url())?).await?;
    let direct = stack.environment["SELLSY_API_URL"].clone();
    stack.environment.insert("SELLSY_API_URL".into(), relay.instead_of(&direct)?);
    let mut workers = stack.start_all().await?;
    workers.push(stack.start("logger").await?);
    // The token is there already; its endpoint is not behind the relay.
    relay.cut();
    for _ in 0..CALLS {
        play(&stack, &json!([])).await?;
    }
    waits(&workers[1], "Sellsy").await?;
    tokio::time::sleep(OUTAGE).await;
    relay.restore();
    let logged = || async { (stack.sandbox.phone_calls().await.ok()?.len() == CALLS).then_some(()) };
    eventually(RESUMED, logged).await.context("work goes on by itself")?;
    assert_eq!(attempts(&stack).await?, 0);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn one_request_that_always_fails_is_not_taken_for_an_outage() -> Result<()> {
    let (stack, workers) = Stack::running("poison").await?;
    let first = play(&stack, &json!([])).await?;
    stack.sandbox.log_of(first, SOON, |_| true).await?;
    let poison = json!([{ "api": "sellsy", "method": "POST", "path": "/phone-calls", "times": 1, "do": { "kind": "status", "status": 500 } }]);
    stack.sandbox.set_faults(&poison).await?;
    play(&stack, &json!([])).await?;
    let counted = || async { (attempts(&stack).await.ok()? == 1).then_some(()) };
    eventually(SOON, counted).await.context("its attempt is counted")?;
    let next = play(&stack, &json!([])).await?;
    stack.sandbox.log_of(next, SOON, |_| true).await?;
    assert!(!workers[2].output().contains("The API is unavailable"), "{}", workers[2].output());
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn aircall_away_is_waited_for_as_well() -> Result<()> {
    let (stack, workers) = Stack::running("aircall_away").await?;
    let away = json!([{ "api": "aircall", "path": "*", "do": { "kind": "status", "status": 503 } }]);
    stack.sandbox.set_faults(&away).await?;
    let call =
        play(&stack, &json!([{ "event": "summary.created", "at_s": 100, "content": "Un devis.", "bare": true }]))
            .await?;
    waits(&workers[3], "Aircall").await?;
    // Logs do not need Aircall.
    stack.sandbox.log_of(call, SOON, |_| true).await?;
    stack.sandbox.set_faults(&json!([])).await?;
    let says = |log: &Value| log["description"].as_str().is_some_and(|text| text.contains("Un devis."));
    stack.sandbox.log_of(call, 2 * RESUMED, says).await?;
    drop(workers);
    stack.down().await
}

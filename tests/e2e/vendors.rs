//! Sellsy or Aircall is unavailable for all: work waits, no message loses an attempt, and it resumes on its own.

use std::time::Duration;

use anyhow::{Context, Result};
use harness::{
    Line, Process, Relay, Stack, authority,
    build::{Before, aircall, call, sellsy, summary, tag},
    eventually, says,
};

use crate::{CLIENT, SOON};

/// Measured from the return of an API.
pub(crate) const RESUMED: Duration = Duration::from_secs(15);
pub(crate) const OUTAGE: Duration = Duration::from_secs(7);
const CALLS: usize = 6;

/// The worker reports that it waits for this API.
pub(crate) async fn waits(worker: &Process, api: &str) -> Result<()> {
    let waits = || async {
        let (ready, reasons) = worker.readiness().await.ok()?;
        (!ready && reasons["missing"][api].as_str()?.contains("does not answer")).then_some(())
    };
    eventually(SOON, waits).await.with_context(|| format!("{} waits for {api}", worker.name))
}

/// Attempts counted on the timelines of all calls, for any stage.
pub(crate) async fn attempts(stack: &Stack) -> Result<usize> {
    stack.ledger().await?.lines(Line::is_attempt).await
}

#[tokio::test]
async fn sellsy_unavailable_in_every_way_costs_no_attempt() -> Result<()> {
    let (stack, workers) = Stack::running_with("sellsy_down", &[crate::ASKING]).await?;
    let mut calls = 0;
    for fault in [
        sellsy("*").answers(500),
        sellsy("*").answers(502),
        sellsy("*").answers(503).header("retry-after", "1"),
        sellsy("*").breaks(Before),
        sellsy("*").answers_with(200, "<html>").header("content-type", "text/html"),
        sellsy("*").answers_with(200, "{\"data\": [").header("content-type", "application/json"),
    ] {
        stack.sandbox.set_faults([fault.clone()]).await?;
        for _ in 0..CALLS {
            stack.sandbox.play(&call(CLIENT)).await?;
        }
        calls += CALLS;
        waits(&workers[1], "Sellsy").await.with_context(|| format!("{fault:?}"))?;
        tokio::time::sleep(OUTAGE).await;
        let before = stack.sandbox.phone_calls().await?.len();
        assert_eq!(before, calls - CALLS, "{fault:?}");
        stack.sandbox.set_faults([]).await?;
        let logged = || async { (stack.sandbox.phone_calls().await.ok()?.len() == calls).then_some(()) };
        eventually(RESUMED, logged).await.with_context(|| format!("work goes on after {fault:?}"))?;
        assert_eq!(attempts(&stack).await?, 0, "{fault:?}");
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
    stack.environment.insert(crate::ASKING.0.into(), crate::ASKING.1.into());
    let mut workers = stack.start_all().await?;
    workers.push(stack.start("logger").await?);
    // The worker already has its token; the token endpoint is not behind the relay.
    relay.cut();
    for _ in 0..CALLS {
        stack.sandbox.play(&call(CLIENT)).await?;
    }
    waits(&workers[1], "Sellsy").await?;
    tokio::time::sleep(OUTAGE).await;
    relay.restore();
    let logged = || async { (stack.sandbox.phone_calls().await.ok()?.len() == CALLS).then_some(()) };
    eventually(RESUMED, logged).await.context("work goes on automatically")?;
    assert_eq!(attempts(&stack).await?, 0);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn one_request_that_always_fails_is_not_taken_for_an_outage() -> Result<()> {
    let (stack, workers) = Stack::running("poison").await?;
    let first = stack.sandbox.play(&call(CLIENT)).await?;
    stack.sandbox.logged(first, SOON).await?;
    stack.sandbox.set_faults([sellsy("POST /phone-calls").answers(500).once()]).await?;
    stack.sandbox.play(&call(CLIENT)).await?;
    let counted = || async { (attempts(&stack).await.ok()? == 1).then_some(()) };
    eventually(SOON, counted).await.context("its attempt is counted")?;
    let next = stack.sandbox.play(&call(CLIENT)).await?;
    stack.sandbox.logged(next, SOON).await?;
    assert!(!workers[2].output().contains("The API is unavailable"), "{}", workers[2].output());
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn an_unavailable_aircall_is_waited_for_as_well() -> Result<()> {
    let (stack, workers) = Stack::running("aircall_down").await?;
    stack.sandbox.set_faults([aircall("*").answers(503)]).await?;
    let call = stack.sandbox.play(&call(CLIENT).lasting(90).after(100, summary("Un devis.").bare())).await?;
    waits(&workers[3], "Aircall").await?;
    // Logs do not need Aircall.
    stack.sandbox.logged(call, SOON).await?;
    stack.sandbox.set_faults([]).await?;
    stack.sandbox.log_of(call, 2 * RESUMED, says(&["Un devis."])).await?;
    drop(workers);
    stack.down().await
}

/// Lines that say that this event came.
async fn arrivals(stack: &Stack, call: i64, event: &str) -> Result<usize> {
    let timeline = stack.ledger().await?.timeline(call).await?;
    Ok(timeline.iter().filter(|line| line.is(event)).count())
}

#[tokio::test]
async fn a_message_that_waits_for_an_api_is_handled_again_only_when_the_api_is_back() -> Result<()> {
    let (stack, workers) = Stack::running_with("held", &[crate::ASKING]).await?;
    let ledger = stack.ledger().await?;
    // Only the logger needs this.
    stack.sandbox.set_faults([sellsy("/staffs").answers(503)]).await?;
    let unlogged = stack.sandbox.play(&call(CLIENT).after(2, tag("VIP"))).await?;
    waits(&workers[2], "Sellsy").await?;
    tokio::time::sleep(2 * OUTAGE).await;
    // Two messages, `call.tagged` and `call.resolved`. The second one asks once more for a lease that the first one holds.
    let claims = ledger.claims(unlogged).await?;
    assert!(claims <= 3, "{claims} claims in {:?}", 2 * OUTAGE);
    stack.sandbox.set_faults([]).await?;
    stack.sandbox.log_of(unlogged, RESUMED, says(&["VIP"])).await?;
    assert_eq!(arrivals(&stack, unlogged, "call.tagged").await?, 1);

    stack.sandbox.set_faults([sellsy("*").answers(503)]).await?;
    let undecided = stack.sandbox.play(&call(CLIENT)).await?;
    waits(&workers[1], "Sellsy").await?;
    tokio::time::sleep(2 * OUTAGE).await;
    assert_eq!(arrivals(&stack, undecided, "call.ended").await?, 1, "one line while it waits");
    stack.sandbox.set_faults([]).await?;
    stack.sandbox.logged(undecided, RESUMED).await?;
    assert_eq!(arrivals(&stack, undecided, "call.ended").await?, 1, "and no more afterwards");
    assert_eq!(attempts(&stack).await?, 0);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_webhook_has_one_line_however_often_it_is_retried() -> Result<()> {
    let (stack, workers) = Stack::running_with("retried", &[crate::ASKING]).await?;
    // Neither the list can be read nor the answer for one customer.
    let nonsense = || sellsy("POST /opportunities/search").answers_nonsense().once();
    stack.sandbox.set_faults([nonsense(), nonsense()]).await?;
    // Without a card, which would meet the fault first.
    let call = stack.sandbox.play(&call(CLIENT).losing(&["call.created"])).await?;
    stack.sandbox.logged(call, 2 * RESUMED).await?;
    assert_eq!(attempts(&stack).await?, 1);
    assert_eq!(arrivals(&stack, call, "call.ended").await?, 1);
    drop(workers);
    stack.down().await
}

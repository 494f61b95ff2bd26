//! Odd answers of an API, or of what stands between: each is taken for what it is, and costs itself only.

use std::time::Duration;

use anyhow::{Context, Result};
use harness::{
    Line, Process, SKIPPED, Stack,
    build::{aircall, call, sellsy, summary, tag},
    eventually, says,
};

use crate::{
    CLIENT, GATHERED, SOON,
    vendors::{OUTAGE, RESUMED, attempts, waits},
};

const CARD: &str = "POST /v1/calls/{id}/insight_cards";
const CALLS: usize = 20;
/// The timeline's label.
const CARD_SHOWN: &str = "card_shown";
/// A gateway's answers, none of them the vendor's.
const GATEWAY: [&str; 4] = ["maintenance", "firewall", "page_not_found", "route_not_found"];

#[tokio::test]
async fn a_gateway_in_front_of_sellsy_is_an_outage_and_costs_no_attempt() -> Result<()> {
    let (stack, workers) = Stack::running_with("gateway", &[crate::ASKING]).await?;
    for (calls, name) in GATEWAY.into_iter().enumerate() {
        stack.sandbox.set_faults([sellsy("*").answers_as(name)]).await?;
        let call = stack.sandbox.play(&call(CLIENT)).await?;
        waits(&workers[1], "Sellsy").await.context(name)?;
        tokio::time::sleep(OUTAGE).await;
        assert_eq!(stack.sandbox.phone_calls().await?.len(), calls, "{name}");
        stack.sandbox.set_faults([]).await?;
        stack.sandbox.logged(call, RESUMED).await.with_context(|| format!("work goes on after {name}"))?;
        assert_eq!(attempts(&stack).await?, 0, "{name}");
    }
    assert_eq!(stack.dead_letters().await?, []);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_gateway_in_front_of_aircall_does_not_say_that_there_is_no_insight() -> Result<()> {
    let (stack, workers) = Stack::running("gateway_aircall").await?;
    for name in ["firewall", "page_not_found", "maintenance"] {
        stack.sandbox.set_faults([aircall("*").answers_as(name)]).await?;
        let call = stack.sandbox.play(&call(CLIENT).lasting(90).after(100, summary("Un devis.").bare())).await?;
        waits(&workers[3], "Aircall").await.context(name)?;
        stack.sandbox.set_faults([]).await?;
        stack.sandbox.log_of(call, GATHERED, says(&["Un devis."])).await.context(name)?;
        // An insight may come before the end of its call.
        let of_aircall = |line: &Line| line.is_attempt() && line.code().starts_with("AIRCALL");
        assert_eq!(stack.ledger().await?.lines(of_aircall).await?, 0, "{name}");
    }
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_404_that_is_not_sellsys_own_neither_ends_a_log_nor_removes_a_record() -> Result<()> {
    let (stack, workers) = Stack::running("not_found").await?;
    let call = stack.sandbox.play(&call(CLIENT)).await?;
    stack.sandbox.logged(call, SOON).await?;
    let mut played = serde_json::Value::Null;
    let put = || sellsy("PUT /phone-calls/{id}");
    stack.sandbox.set_faults([put().answers_as("route_not_found").once()]).await?;
    stack.sandbox.tag(call, &mut played, "VIP").await?;
    stack.sandbox.log_of(call, GATHERED, says(&["VIP"])).await?;
    assert_eq!(stack.sandbox.logs_of(call).await?.len(), 1);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_token_that_cannot_be_fetched_is_an_outage_too() -> Result<()> {
    let (stack, workers) = Stack::running_with("login_down", &[crate::ASKING]).await?;
    let login = || sellsy("POST /oauth2/access-tokens");
    stack.sandbox.control(reqwest::Method::POST, "/sellsy/expire-tokens", None).await?;
    stack.sandbox.set_faults([login().answers(503)]).await?;
    let first = stack.sandbox.play(&call(CLIENT)).await?;
    waits(&workers[1], "Sellsy").await?;
    tokio::time::sleep(OUTAGE).await;
    stack.sandbox.set_faults([]).await?;
    stack.sandbox.logged(first, RESUMED).await?;
    stack.sandbox.control(reqwest::Method::POST, "/sellsy/expire-tokens", None).await?;
    stack.sandbox.set_faults([login().answers_as("firewall")]).await?;
    let second = stack.sandbox.play(&call(CLIENT).after(2, tag("VIP"))).await?;
    waits(&workers[1], "Sellsy").await?;
    tokio::time::sleep(OUTAGE).await;
    stack.sandbox.set_faults([]).await?;
    stack.sandbox.log_of(second, RESUMED, says(&["VIP"])).await?;
    assert_eq!(attempts(&stack).await?, 0);
    drop(workers);
    stack.down().await
}

/// The resolver's line about a call's card.
async fn card_line(stack: &Stack, call: i64) -> Result<Line> {
    let about = |line: &Line| line.is(CARD_SHOWN) || line.stage == "cards" && line.is(SKIPPED);
    stack.ledger().await?.line_that(call, SOON, about).await
}

#[tokio::test]
async fn the_answer_to_a_card_is_taken_for_what_it_is() -> Result<()> {
    let (stack, workers) = Stack::running("card_answers").await?;
    for (name, expected) in [("empty", ""), ("rejected", "did not accept the card"), ("page_not_found", "UNAVAILABLE")]
    {
        stack.sandbox.set_faults([aircall(CARD).answers_as(name)]).await?;
        let call = stack.sandbox.play(&call(CLIENT).paced(50)).await?;
        let line = card_line(&stack, call).await.context(name)?;
        assert_eq!(line.is(CARD_SHOWN), expected.is_empty(), "{name}: {line:?}");
        assert!(line.reason().contains(expected), "{name}: {line:?}");
        stack.sandbox.set_faults([]).await?;
        stack.sandbox.logged(call, SOON).await?;
    }
    drop(workers);
    stack.down().await
}

async fn refused(stack: &Stack, times: u64) -> Result<()> {
    let refused = || async { (stack.sandbox.answers("sellsy", 429).await.ok()? >= times).then_some(()) };
    eventually(SOON, refused).await.context("requests are refused")
}

#[tokio::test]
#[ignore = "nightly: a minute and a half"]
async fn a_429_without_a_usable_wait_pauses_longer_each_time() -> Result<()> {
    for name in ["retry_after_zero", "limited"] {
        let (stack, workers) = Stack::running("odd_wait").await?;
        stack.sandbox.set_faults([sellsy("*").answers_as(name)]).await?;
        for _ in 0..CALLS {
            stack.sandbox.play(&call(CLIENT)).await?;
        }
        refused(&stack, 1).await?;
        // Twice as long each time: 2 s, then 4 s.
        for longer_than in [0.5, 2.0] {
            let paused = || async {
                let pause_s = stack.ledger().await.ok()?.sellsy_pause_s().await.ok()?;
                (pause_s > longer_than).then_some(())
            };
            // All that waited for the same answer come back after 30 s, and only then may somebody ask again.
            eventually(2 * SOON, paused).await.with_context(|| format!("{name}: nobody asks for {longer_than} s"))?;
        }
        stack.sandbox.set_faults([]).await?;
        let logged = || async { (stack.sandbox.phone_calls().await.ok()?.len() == CALLS).then_some(()) };
        eventually(2 * SOON, logged).await.context(name)?;
        assert_eq!(attempts(&stack).await?, 0);
        drop(workers);
        stack.down().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_wait_of_thousands_of_years_ends_within_the_hour() -> Result<()> {
    let (stack, workers): (Stack, Vec<Process>) = Stack::running("huge_wait").await?;
    stack.sandbox.set_faults([sellsy("*").answers_as("retry_after_huge")]).await?;
    stack.sandbox.play(&call(CLIENT)).await?;
    refused(&stack, 1).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let pause_s = stack.ledger().await?.sellsy_pause_s().await?;
    assert!((3000.0..=3600.0).contains(&pause_s), "{pause_s} s");
    drop(workers);
    stack.down().await
}

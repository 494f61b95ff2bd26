//! Writes to Sellsy whose end is unclear: carried out late, answered by something in front of Sellsy, or sent by a process that
//! slept. In the end there is exactly one log, in the call's final state.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use base::ids::Stage;
use harness::{
    Ledger, Line, Process, Relay, Stack, authority,
    build::{Fault, call, sellsy, tag, webhook},
    eventually, says,
};
use serde_json::Value;

use crate::{CLIENT, SOON};

/// Everything but a logger, which is started through these two relays to the broker and the database.
async fn with_relayed_logger(what: &str) -> Result<(Stack, Vec<Process>, Relay, Relay)> {
    let (mut stack, mut workers) = Stack::running(what).await?;
    workers.remove(2).terminate(SOON).await?;
    let broker = Relay::to(&authority(&stack.amqp_url)?).await?;
    let database = Relay::to(&authority(&stack.database_url)?).await?;
    let amqp_url = stack.environment.insert("AMQP_URL".into(), broker.instead_of(&stack.amqp_url)?);
    let database_url = stack.environment.insert("DATABASE_URL".into(), database.instead_of(&stack.database_url)?);
    let logger = stack.start("logger").await?;
    logger.until_ready(SOON).await?;
    workers.insert(2, logger);
    for (name, direct) in [("AMQP_URL", amqp_url), ("DATABASE_URL", database_url)] {
        stack.environment.insert(name.into(), direct.context(name)?);
    }
    Ok((stack, workers, broker, database))
}

/// Changes of a log that wait for others become due again and again, until `done`.
async fn hurried<T>(ledger: &Ledger, within: Duration, done: impl Future<Output = Result<T>>) -> Result<T> {
    let hurry = async {
        loop {
            ledger.gathering_ends().await?;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::select! {
        done = done => done,
        failed = hurry => failed,
        () = tokio::time::sleep(within) => anyhow::bail!("not within {within:?}"),
    }
}

async fn nothing_is_parked(stack: &Stack) -> Result<()> {
    let letters = stack.dead_letters().await?;
    anyhow::ensure!(letters.is_empty(), "dead letters: {letters:?}; {:?}", stack.logs);
    Ok(())
}

/// The logger waits 6 s for the list of staffs, so the creation is sent long after the claim. It is carried out 24 s after it
/// was sent, 4 s after the logger gave up waiting, and just then the database is unavailable.
#[tokio::test]
#[ignore = "nightly"]
async fn a_creation_is_not_repeated_while_it_may_still_be_carried_out() -> Result<()> {
    let (stack, workers, _broker, database) = with_relayed_logger("late_post").await?;
    let late = sellsy("POST /phone-calls").hangs_and_is_late(Duration::from_secs(24)).once();
    stack.sandbox.set_faults([sellsy("GET /staffs").takes(Duration::from_secs(6)).once(), late]).await?;
    let id = stack.sandbox.play(&call(CLIENT)).await?;
    stack.sandbox.struck(SOON).await?;
    tokio::time::sleep(Duration::from_secs(19)).await;
    database.cut();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    database.restore();
    let ledger = stack.ledger().await?;
    let settled = ledger.call_that(id, 3 * SOON, |row| row.written && !row.leased).await;
    settled.with_context(|| format!("{:?}", stack.logs))?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(stack.sandbox.logs_of(id).await?.len(), 1, "{:?}", stack.logs);
    assert_eq!(stack.sandbox.count("sellsy", "POST /phone-calls").await?, 1);
    nothing_is_parked(&stack).await?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_slow_update_does_not_overtake_a_newer_one() -> Result<()> {
    const LATE: Duration = Duration::from_secs(10);
    let (stack, workers) = Stack::running("late_put").await?;
    let ledger = stack.ledger().await?;
    let id = stack.sandbox.play(&call(CLIENT)).await?;
    ledger.call_that(id, SOON, |row| row.written && !row.leased).await?;
    stack.sandbox.set_faults([sellsy("PUT /phone-calls/{id}").breaks_and_is_late(LATE).once()]).await?;
    let mut played = Value::Null;
    stack.sandbox.tag(id, &mut played, "one.").await?;
    hurried(&ledger, SOON, stack.sandbox.struck(SOON)).await?;
    let struck = Instant::now();
    stack.sandbox.tag(id, &mut played, "two.").await?;
    let says_both = async {
        let is = says(&["Tags : one., two."]);
        let last = || async {
            let log = stack.sandbox.logs_of(id).await.ok()?.into_iter().next()?;
            (struck.elapsed() > LATE + Duration::from_secs(2) && is(&log)).then_some(())
        };
        eventually(3 * SOON, last).await.context("the newer text stays")
    };
    hurried(&ledger, 3 * SOON, says_both).await.with_context(|| format!("{:?}", stack.logs))?;
    ledger.call_that(id, SOON, |row| row.written && !row.due && row.intent.is_none()).await?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_log_that_the_ledger_does_not_know_is_adopted() -> Result<()> {
    let (stack, workers) = Stack::running("older_ledger").await?;
    let ledger = stack.ledger().await?;
    let id = stack.sandbox.play(&call(CLIENT).after(5, tag("VIP."))).await?;
    let log = stack.sandbox.log_of(id, SOON, says(&["VIP."])).await?;
    let mut played = stack.sandbox.call(id).await?;
    let adopted = async |times| {
        let found = || async { (ledger.lines(Line::is_adoption).await.ok()? == times).then_some(()) };
        eventually(SOON, found).await.with_context(|| format!("adopted {times} times"))?;
        ledger.call_that(id, SOON, |row| row.written && !row.leased && row.log == log["id"].as_i64()).await?;
        assert_eq!(stack.sandbox.logs_of(id).await?.len(), 1);
        anyhow::Ok(())
    };
    ledger.call_that(id, SOON, |row| row.written && !row.leased && !row.due).await?;
    ledger.forget_log(id).await?;
    stack.sandbox.tag(id, &mut played, "late.").await?;
    adopted(1).await.context("after a tag")?;
    stack.sandbox.log_of(id, SOON, says(&["late."])).await?;
    ledger.forget_log(id).await?;
    let ended = webhook("call.ended", played.clone()).at(played["ended_at"].as_i64().context("ended_at")?);
    stack.sandbox.send([ended]).await?;
    adopted(2).await.context("after the end of the call has come once more")?;
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 1);
    drop(workers);
    stack.down().await
}

/// An answer by a gateway says nothing about what Sellsy has done.
fn gateway(requests: &str, status: u16) -> Fault {
    let page = "<html><body>The request could not be completed.</body></html>";
    sellsy(requests).answers_with(status, page).header("content-type", "text/html").once()
}

#[tokio::test]
async fn only_an_answer_of_sellsys_own_says_that_nothing_was_created() -> Result<()> {
    let (stack, workers) = Stack::running("gateway_post").await?;
    let ledger = stack.ledger().await?;
    let statuses = [408, 400, 403, 404, 413];
    stack.sandbox.set_faults(statuses.map(|status| gateway("POST /phone-calls", status).although_done())).await?;
    let mut calls = Vec::new();
    for n in 0..statuses.len() {
        calls.push(stack.sandbox.play(&call(CLIENT).lasting(60 + i64::try_from(n)?)).await?);
    }
    stack.sandbox.struck(SOON).await?;
    let all_adopted = || async {
        ledger.pauses_end().await.ok()?;
        stack.delays_end().await.ok()?;
        (ledger.lines(Line::is_adoption).await.ok()? == statuses.len()).then_some(())
    };
    eventually(SOON, all_adopted).await.with_context(|| format!("{:?}", stack.logs))?;
    for call in calls {
        assert_eq!(stack.sandbox.logs_of(call).await?.len(), 1, "call {call}: {:?}", stack.logs);
    }
    assert_eq!(stack.sandbox.phone_calls().await?.len(), statuses.len());
    nothing_is_parked(&stack).await?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_gateway_does_not_delete_a_log() -> Result<()> {
    let (stack, workers) = Stack::running("gateway_put").await?;
    let ledger = stack.ledger().await?;
    let id = stack.sandbox.play(&call(CLIENT)).await?;
    ledger.call_that(id, SOON, |row| row.written && !row.leased).await?;
    let missing = || gateway("PUT /phone-calls/{id}", 404);
    stack.sandbox.set_faults([missing(), missing()]).await?;
    stack.sandbox.tag(id, &mut Value::Null, "late.").await?;
    let written = || async {
        ledger.pauses_end().await.ok()?;
        stack.delays_end().await.ok()?;
        says(&["late."])(stack.sandbox.logs_of(id).await.ok()?.first()?).then_some(())
    };
    eventually(SOON, written).await.with_context(|| format!("{:?}", stack.logs))?;
    stack.sandbox.struck(SOON).await?;
    let row = ledger.call(id).await?.context("the call")?;
    assert!(!row.gone, "nobody has deleted the log");
    drop(workers);
    stack.down().await
}

/// The logger claims the call and waits for its turn at the budget. There it sleeps until its lease has run out and another
/// logger has written the log.
#[tokio::test]
async fn a_logger_that_slept_creates_nothing_when_it_wakes() -> Result<()> {
    let (mut stack, workers, broker, _database) = with_relayed_logger("asleep").await?;
    let ledger = stack.ledger().await?;
    // The list of staffs and a token are fetched with the first call.
    let first = stack.sandbox.play(&call(CLIENT)).await?;
    ledger.call_that(first, SOON, |row| row.written && !row.leased).await?;
    workers[2].signal("-STOP").await?;
    let id = stack.sandbox.play(&call(CLIENT).lasting(77)).await?;
    ledger.call_that(id, SOON, |row| !row.resolution.is_null()).await?;
    stack.sandbox.delivered(SOON).await?;
    let queues = [Stage::Ended, Stage::Logger].map(|stage| stack.names.work(stage));
    // What the budget has granted for a moment is no longer valid.
    tokio::time::sleep(Duration::from_secs(2)).await;
    ledger.pause_sellsy(12.0).await?;
    workers[2].signal("-CONT").await?;
    ledger.call_that(id, SOON, |row| row.leased).await.context("the logger waits for its turn")?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    workers[2].signal("-STOP").await?;
    // The broker gives its message to another logger.
    broker.cut();
    ledger.time_passes().await?;
    ledger.pause_sellsy(0.0).await?;
    let second = stack.start("logger").await?;
    ledger
        .call_that(id, SOON, |row| row.written && !row.leased)
        .await
        .context("the second logger has written the log")?;
    broker.restore();
    workers[2].signal("-CONT").await?;
    workers[2].until_ready(SOON).await?;
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(stack.sandbox.logs_of(id).await?.len(), 1, "{:?}", stack.logs);
    for queue in &queues {
        let at_rest = || async { (stack.depth(queue).await.ok()? == 0).then_some(()) };
        eventually(SOON, at_rest).await.context("the queue is empty")?;
    }
    nothing_is_parked(&stack).await?;
    drop((workers, second));
    stack.down().await
}

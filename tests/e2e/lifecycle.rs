//! How workers start and stop: alone, in any order, without broker or database, and within 10 s of SIGTERM.

use std::time::Duration;

use anyhow::{Context, Result};
use harness::{
    Stack, WORKERS,
    build::{aircall, call, sellsy},
    eventually,
};

use crate::{CLIENT, SOON};

/// No process listens there.
const NOBODY: &str = "127.0.0.1:9";

#[tokio::test]
async fn a_worker_without_broker_and_database_waits_and_says_so() -> Result<()> {
    let mut stack = Stack::new("alone").await?;
    stack.environment.insert("AMQP_URL".into(), format!("amqp://guest:guest@{NOBODY}/%2f"));
    stack.environment.insert("DATABASE_URL".into(), format!("postgres://postgres@{NOBODY}/nothing"));
    for worker in WORKERS {
        let mut process = stack.start(worker).await?;
        let reported = || async {
            let output = process.output();
            (output.contains("The broker is unavailable; waiting")
                && output.contains("The database is unavailable; waiting"))
            .then_some(())
        };
        eventually(SOON, reported).await.with_context(|| format!("{worker} says nothing:\n{}", process.output()))?;
        let (ready, reasons) = process.readiness().await?;
        assert!(!ready, "{worker} is ready without broker and database");
        assert!(
            reasons["missing"]["broker"].is_string() && reasons["missing"]["database"].is_string(),
            "{worker}: {reasons}"
        );
        assert!(reqwest::get(format!("{}/healthz", process.url)).await?.status().is_success(), "{worker} is alive");
        let ended = process.terminate(Duration::from_secs(10)).await?;
        assert!(ended.success(), "{worker}: {ended}");
    }
    stack.down().await
}

#[tokio::test]
async fn workers_become_ready_in_any_order() -> Result<()> {
    let mut stack = Stack::new("order").await?;
    // All at once, the last first: the first to connect declares the topology and applies the migrations.
    let mut workers = Vec::new();
    for worker in WORKERS.iter().rev() {
        workers.push(stack.start(worker).await?);
    }
    for worker in &workers {
        worker.until_ready(SOON).await?;
    }
    for worker in &mut workers {
        assert!(worker.terminate(Duration::from_secs(10)).await?.success());
    }
    stack.down().await
}

#[tokio::test]
async fn a_worker_starts_on_the_tables_of_a_newer_version() -> Result<()> {
    let mut stack = Stack::new("newer").await?;
    let mut first = stack.start("resolver").await?;
    first.until_ready(SOON).await?;
    first.terminate(Duration::from_secs(10)).await?;
    stack.ledger().await?.migrate_further().await?;
    stack.start("resolver").await?.until_ready(SOON).await.context("as in a rolling upgrade")?;
    stack.down().await
}

#[tokio::test]
async fn wrong_settings_stop_a_worker_at_once_with_every_problem_named() -> Result<()> {
    let stack = Stack::new("settings").await?;
    let environment =
        [("AMQP_URL", "http://hunter2@nowhere"), ("TIME_ZONE", "Mars/Olympus")].map(|(n, v)| (n.into(), v.into()));
    let mut process = stack.spawn("logger", &[], &environment.into(), "wrong").await?;
    let ended = process.wait(SOON).await?;
    assert_eq!(ended.code(), Some(2));
    let output = process.output();
    for name in ["AMQP_URL", "TIME_ZONE", "SELLSY_CLIENT_ID", "SELLSY_CLIENT_SECRET"] {
        assert!(output.contains(name), "{name} is not named:\n{output}");
    }
    assert!(!output.contains("hunter2"), "{output}");
    stack.down().await
}

#[tokio::test]
async fn stopping_under_load_loses_no_message() -> Result<()> {
    let (mut stack, mut workers) = Stack::running("stopping").await?;
    // Sellsy is slow, so that messages are in flight when the workers are told to stop.
    stack.sandbox.set_faults([sellsy("*").takes(Duration::from_secs(1))]).await?;
    let mut calls = Vec::new();
    for n in 0..40 {
        calls.push(stack.sandbox.play(&call(CLIENT).lasting(90 + n)).await?);
    }
    stack.sandbox.delivered(SOON).await?;
    for worker in workers.iter_mut().skip(1) {
        let ended = worker.terminate(Duration::from_secs(10)).await?;
        assert!(ended.success(), "{}: {ended}", worker.name);
    }
    let before = stack.sandbox.phone_calls().await?.len();
    assert!(before < calls.len(), "all was done before the workers were told to stop: the test shows nothing");
    stack.sandbox.set_faults([]).await?;
    let mut again = Vec::new();
    for worker in &WORKERS[1..] {
        again.push(stack.start(worker).await?);
    }
    for call in &calls {
        stack.sandbox.logged(*call, Duration::from_secs(200)).await?;
    }
    for call in calls {
        assert_eq!(stack.sandbox.logs_of(call).await?.len(), 1, "call {call}");
    }
    drop((workers, again));
    stack.down().await
}

#[tokio::test]
async fn a_worker_that_ends_writes_the_lines_that_it_has_gathered() -> Result<()> {
    let (stack, mut workers) = Stack::running("last_lines").await?;
    stack
        .sandbox
        .set_faults([aircall("POST /v1/calls/{id}/insight_cards").takes(Duration::from_millis(700)).once()])
        .await?;
    let id = stack.sandbox.play(&call(CLIENT).lasting(120).paced(20)).await?;
    stack.sandbox.struck(SOON).await?;
    // The card is being shown. The worker ends right after its answer.
    workers[1].terminate(Duration::from_secs(10)).await?;
    let lines = stack.ledger().await?.timeline(id).await?;
    assert!(lines.iter().any(|line| line.is("card_shown")), "{lines:?}");
    drop(workers);
    stack.down().await
}

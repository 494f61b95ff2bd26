//! What an operator may change on a live broker, by policies: limits and times. Nothing is lost by it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base::ids::Stage;
use harness::{Stack, build::call, eventually};
use tokio::time::sleep;

use crate::{CLIENT, SOON, alarm::services};

const SOONER: Duration = Duration::from_secs(5);

/// A policy of RabbitMQ on the queues that match.
async fn policy(name: &str, pattern: &str, definition: &str) -> Result<()> {
    services(&["rabbitmqctl", "set_policy", "--apply-to", "queues", name, pattern, definition]).await.map(drop)
}

#[tokio::test]
#[ignore = "nightly: it needs RabbitMQ's own tool"]
async fn limits_and_times_can_be_changed_by_policies() -> Result<()> {
    let (mut stack, mut workers) = Stack::running("policies").await?;
    workers[2].terminate(SOON).await?;
    let ended = stack.names.work(Stage::Ended);
    let (short, sooner) = (format!("{ended} short"), format!("{ended} sooner"));
    policy(&short, &format!("^{}$", ended.replace('.', "\\.")), r#"{"max-length":1}"#).await?;

    // The queue takes no more than a few, so the others wait in ingest's inbox.
    let mut calls = Vec::new();
    for n in 0..8 {
        calls.push(stack.sandbox.play(&call(CLIENT).lasting(80 + n)).await?);
    }
    stack.sandbox.delivered(SOON).await?;
    let database = stack.connection().await?;
    let in_inbox: i64 = database.query_one("select count(*) from inbox", &[]).await?.get(0);
    ensure!(in_inbox > 0, "the queue has no limit");
    let (said, _) = stack.callbridge(&["check"]).await?;
    ensure!(!said.contains("with other arguments"), "{said}");
    workers[2] = stack.start("logger").await?;
    for call in &calls {
        stack.sandbox.logged(*call, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
    }
    for call in &calls {
        ensure!(stack.sandbox.logs_of(*call).await?.len() == 1, "call {call}");
    }
    ensure!(stack.dead_letters().await?.iter().all(|(_, letters)| *letters == 0), "something is parked");

    services(&["rabbitmqctl", "clear_policy", &short]).await?;

    // Of two times the broker takes the shorter one: cards that nobody shows are dropped after a second.
    workers[1].terminate(SOON).await?;
    let cards = stack.names.work(Stage::Cards);
    policy(&sooner, &format!("^{}$", cards.replace('.', "\\.")), r#"{"message-ttl":1000}"#).await?;
    stack.sandbox.play(&call(CLIENT).lasting(100)).await?;
    stack.sandbox.delivered(SOON).await?;
    let dropped = || async { (stack.depth(&cards).await.ok()? == 0).then_some(()) };
    eventually(SOONER, dropped).await.context("half a minute is still half a minute")?;
    services(&["rabbitmqctl", "clear_policy", &sooner]).await?;
    stack.sandbox.play(&call(CLIENT).lasting(101)).await?;
    stack.sandbox.delivered(SOON).await?;
    sleep(SOONER).await;
    ensure!(stack.depth(&cards).await? == 1, "without the policy it is there");
    drop(workers);
    stack.down().await
}

//! `callbridge dead`: dead letters are listed, replayed and dropped, and none is lost.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result, ensure};
use base::{
    error::{Code, Error},
    health::Readiness,
    ids::Stage,
    trace::Traceparent,
};
use broker::amqp::{Destination, Link, Outgoing, Publisher};
use futures_util::future::try_join_all;
use harness::{
    DROPPED, Line, Process, REPLAYED, Stack,
    build::{call, sellsy, webhook},
    eventually,
};
use lapin::{options::BasicConsumeOptions, types::FieldTable};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{CLIENT, SOON};

/// A stack with this many calls that Sellsy did not let us log. Its logger has been ended.
async fn parked(what: &str, calls: u32) -> Result<(Stack, Vec<Process>, Vec<i64>)> {
    let (stack, mut workers) = Stack::running(what).await?;
    stack.sandbox.set_faults([sellsy("POST /phone-calls").answers(403)]).await?;
    let mut played = Vec::new();
    for _ in 0..calls {
        played.push(stack.sandbox.play(&call(CLIENT)).await?);
    }
    stack.parked(Stage::Logger, calls, 2 * SOON).await?;
    workers.remove(2).terminate(SOON).await?;
    stack.sandbox.set_faults([]).await?;
    Ok((stack, workers, played))
}

async fn letters(stack: &Stack) -> Result<u32> {
    stack.depth(&stack.names.dead(Stage::Logger)).await
}

async fn waiting(stack: &Stack) -> Result<u32> {
    stack.depth(&stack.names.work(Stage::Logger)).await
}

/// Unacknowledged dead letters count again as soon as the broker has requeued those of the ended consumer.
async fn back(stack: &Stack, all: u32) -> Result<()> {
    stack.parked(Stage::Logger, all, SOON).await.context("the letters are back")?;
    ensure!(waiting(stack).await? == 0, "something was replayed");
    Ok(())
}

async fn list(stack: &Stack) -> Result<Value> {
    let (list, fine) = stack.callbridge(&["dead", "list", "--json"]).await?;
    ensure!(fine, "{list}");
    serde_json::from_str(&list).context(list)
}

/// The output of a command that has to fail, and its exit code.
async fn refused(stack: &Stack, arguments: &[&str]) -> Result<(String, Option<i32>)> {
    let mut process = stack.begin(arguments).await?;
    let ended = process.wait(SOON).await?;
    Ok((process.output(), ended.code()))
}

async fn logged_once(stack: &mut Stack, calls: &[i64]) -> Result<()> {
    let logger = stack.start("logger").await?;
    for call in calls {
        stack.sandbox.logged(*call, 2 * SOON).await?;
    }
    let idle = || async { (waiting(stack).await.ok()? == 0).then_some(()) };
    eventually(SOON, idle).await.context("the queue is empty")?;
    assert_eq!(stack.sandbox.phone_calls().await?.len(), calls.len());
    assert_eq!(letters(stack).await?, 0);
    drop(logger);
    Ok(())
}

#[tokio::test]
async fn parked_calls_are_listed_and_replayed_and_logged_once() -> Result<()> {
    let (mut stack, workers, calls) = parked("dead", 12).await?;
    let groups = list(&stack).await?;
    let seen = (&groups[0]["stage"], &groups[0]["code"], &groups[0]["count"]);
    assert_eq!(seen, (&json!("logger"), &json!("SELLSY_FORBIDDEN"), &json!(12)), "{groups}");
    assert_eq!(groups.as_array().map(Vec::len), Some(1));
    let example = &groups[0]["example"];
    for name in ["id", "call_id", "trace_id", "error", "first_failure", "last_failure"] {
        assert!(!example[name].is_null(), "{name}: {example}");
    }
    let id = example["id"].as_str().context("id")?;

    let (shown, fine) = stack.callbridge(&["dead", "show", id]).await?;
    assert!(fine && shown.contains("SELLSY_FORBIDDEN") && shown.contains("call.resolved"), "{shown}");
    assert!(!shown.contains("payload") && !shown.contains("occurred_at"), "the body only when asked for: {shown}");
    let (shown, _) = stack.callbridge(&["dead", "show", id, "--payload"]).await?;
    assert!(shown.contains("occurred_at"), "{shown}");
    assert_eq!(refused(&stack, &["dead", "show", "nobody"]).await?.1, Some(1));

    let (said, fine) = stack.callbridge(&["dead", "replay", "--all", "--dry-run"]).await?;
    assert!(fine && said.contains("Would replay 12 dead letters."), "{said}");
    back(&stack, 12).await.context("a dry run changes nothing")?;
    assert_eq!(refused(&stack, &["dead", "replay", "--code", "SELLSY_PLAN"]).await?.1, Some(1), "nothing matches");
    for wrong in [
        &["dead", "replay"][..],
        &["dead", "replay", "--code", "NONSENSE"],
        &["dead", "replay", "--stage", "nonsense"],
        &["dead", "replay", "--all", "--stage", "logger"],
        &["dead", "replay", id, "--all"],
    ] {
        assert_eq!(refused(&stack, wrong).await?.1, Some(2), "{wrong:?}");
    }

    let (said, fine) = stack.callbridge(&["dead", "replay", id]).await?;
    assert!(fine && said.contains("1 dead letter replayed."), "{said}");
    let group = ["dead", "replay", "--stage", "logger", "--code", "sellsy_forbidden"];
    let (said, fine) = stack.callbridge(&group).await?;
    assert!(fine && said.contains("11 dead letters replayed."), "{said}");
    assert_eq!((letters(&stack).await?, waiting(&stack).await?), (0, 12));
    logged_once(&mut stack, &calls).await?;
    let replayed = |line: &Line| line.is(REPLAYED) && line.code() == "SELLSY_FORBIDDEN" && line.detail["attempts"] == 1;
    assert_eq!(stack.ledger().await?.lines(replayed).await?, 12);
    assert_eq!(list(&stack).await?, json!([]));
    drop(workers);
    stack.down().await
}

/// More often than RabbitMQ 4 would allow without a limit of our own.
#[tokio::test]
async fn looking_removes_nothing() -> Result<()> {
    let (stack, workers, _) = parked("looking", 1).await?;
    for look in 0..24 {
        assert_eq!(list(&stack).await?[0]["count"], 1, "look {look}");
    }
    // Of several commands at once, each waits until those before it have requeued the dead letters.
    for round in 0..3 {
        let all = try_join_all((0..3).map(|_| list(&stack))).await?;
        assert!(all.iter().all(|groups| groups[0]["count"] == 1), "round {round}: {all:?}");
    }
    // A command that takes longer is not waited for, and neither is a foreign consumer.
    let lock = stack.ledger().await?;
    lock.lock_dead_letters().await?;
    let (said, code) = refused(&stack, &["dead", "list"]).await?;
    assert!(code == Some(1) && said.contains("another command or page is reading the dead letters"), "{said}");
    drop(lock);
    let connection = stack.broker().await?;
    let channel = connection.create_channel().await?;
    let queue = stack.names.dead(Stage::Logger);
    let consumed = channel
        .basic_consume(queue.as_str().into(), "".into(), BasicConsumeOptions::default(), FieldTable::default())
        .await?;
    let (said, code) = refused(&stack, &["dead", "list"]).await?;
    assert!(code == Some(1) && said.contains(&format!("another consumer reads {queue}")), "{said}");
    drop(consumed);
    connection.close(200, "done".into()).await?;
    assert_eq!(list(&stack).await?[0]["count"], 1);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_replay_that_is_stopped_loses_nothing() -> Result<()> {
    let (mut stack, workers, calls) = parked("stopped", 40).await?;
    // A program gets every one of them.
    let groups = list(&stack).await?;
    let letters_of = |group: &Value| group["letters"].as_array().cloned().unwrap_or_default();
    let all: Vec<Value> = groups.as_array().into_iter().flatten().flat_map(letters_of).collect();
    let of_calls: BTreeSet<_> = all.iter().filter_map(|letter| letter["call_id"].as_i64()).collect();
    assert!(all.len() == 40 && of_calls == calls.iter().copied().collect(), "{groups:#}");
    for field in ["id", "kind", "attempts", "first_failure", "last_failure"] {
        assert!(all.iter().all(|letter| !letter[field].is_null()), "{field} in {groups:#}");
    }
    let (table, _) = stack.callbridge(&["dead", "list"]).await?;
    assert!(table.contains("and 37 more"), "{table}");
    // The replay waits while writing its line on the timeline.
    let lock = stack.ledger().await?;
    lock.lock_timeline().await?;
    let mut replay = stack.begin(&["dead", "replay", "--all"]).await?;
    stack.ledger().await?.holds_somebody_up(SOON).await.context("the replay is under way")?;
    replay.signal("-INT").await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    lock.unlock().await?;
    let ended = replay.wait(SOON).await?;
    let said = replay.output();
    assert!(ended.code() == Some(1) && said.contains("the others are still parked"), "{ended} {said}");
    let whole = || async {
        let (letters, waiting) = (letters(&stack).await.ok()?, waiting(&stack).await.ok()?);
        (letters + waiting == 40 && letters > 0 && waiting > 0).then_some(())
    };
    eventually(SOON, whole).await.with_context(|| format!("some are replayed, all are there: {said}"))?;
    let (said, fine) = stack.callbridge(&["dead", "replay", "--all"]).await?;
    assert!(fine, "{said}");
    logged_once(&mut stack, &calls).await?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_replay_that_is_killed_loses_nothing() -> Result<()> {
    let (mut stack, workers, calls) = parked("killed", 60).await?;
    let ledger = stack.ledger().await?;
    for least in [5, 25] {
        let mut replay = stack.begin(&["dead", "replay", "--all"]).await?;
        let some = || async { (ledger.lines(|line| line.is(REPLAYED)).await.ok()? >= least).then_some(()) };
        eventually(SOON, some).await.context("the replay is under way")?;
        replay.kill().await?;
    }
    let all: BTreeSet<_> = calls.iter().copied().collect();
    let whole = || async { (letters(&stack).await.ok()? + waiting(&stack).await.ok()? >= 60).then_some(()) };
    eventually(SOON, whole).await.context("a letter is lost")?;
    // A killed replay may have left no dead letters, if it was quick.
    stack.callbridge(&["dead", "replay", "--all"]).await?;
    assert_eq!(letters(&stack).await?, 0);
    logged_once(&mut stack, &all.into_iter().collect::<Vec<_>>()).await?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn dropping_asks_and_what_ingest_parked_is_not_replayed() -> Result<()> {
    let (stack, workers, _) = parked("drop", 3).await?;
    stack.sandbox.send([webhook("call.ended", json!({}))]).await?;
    stack.parked(Stage::Ingest, 1, SOON).await.context("an odd webhook is parked")?;

    let (said, code) = refused(&stack, &["dead", "replay", "--stage", "ingest"]).await?;
    assert!(code == Some(1) && said.contains("cannot be replayed") && said.contains("--payload"), "{said}");
    assert_eq!(list(&stack).await?[0]["code"], "WEBHOOK_PAYLOAD");

    let (said, code) = refused(&stack, &["dead", "drop", "--all"]).await?;
    assert!(code == Some(2) && said.contains("--yes"), "nobody can be asked: {said}");
    back(&stack, 3).await?;
    stack.parked(Stage::Ingest, 1, SOON).await.context("the odd webhook is still parked")?;
    let (said, fine) = stack.callbridge(&["dead", "drop", "--stage", "logger", "--yes"]).await?;
    assert!(fine && said.contains("3 dead letters dropped."), "{said}");
    assert_eq!((stack.dead_letters().await?, waiting(&stack).await?), (vec![(Stage::Ingest, 1)], 0));
    assert_eq!(stack.ledger().await?.lines(|line| line.is(DROPPED)).await?, 3);
    drop(workers);
    stack.down().await
}

/// A queue that has not been looked at for a long time, with more messages than RabbitMQ delivers at once on its own.
#[tokio::test]
async fn thousands_of_letters_are_listed_replayed_and_dropped() -> Result<()> {
    const LETTERS: u32 = 10_000;
    let stack = Stack::new("thousands").await?;
    let down = CancellationToken::new();
    let condition = Readiness::default().condition("broker");
    let link = Link::start(&stack.amqp_url.clone().into(), "letters".into(), condition, down.clone());
    link.connected().await.context("the broker")?;
    let publisher = Publisher::new(link, stack.names.clone(), SOON);
    publisher.prepare().await?;
    let mut publishing = tokio::task::JoinSet::new();
    for n in 0..LETTERS {
        let publisher = publisher.clone();
        let code = if n % 10 == 0 { Code::SellsyPlan } else { Code::SellsyForbidden };
        publishing.spawn(async move {
            let error = Error::park(code, "invented");
            let letter = Outgoing::dead(Stage::Logger, vec![b' '; 4000], &error, Traceparent::start());
            publisher.publish(Destination::Dead(Stage::Logger), &letter).await
        });
        if publishing.len() >= 64 {
            publishing.join_next().await.context("a publish")???;
        }
    }
    while let Some(published) = publishing.join_next().await {
        published??;
    }
    let began = std::time::Instant::now();
    let mut timed = Vec::new();
    for (arguments, says) in [
        (&["dead", "list"][..], "9000"),
        (&["dead", "replay", "--code", "SELLSY_PLAN"], "1000 dead letters replayed."),
        (&["dead", "drop", "--all", "--yes"], "9000 dead letters dropped."),
    ] {
        let (said, fine) = stack.callbridge(arguments).await?;
        assert!(fine && said.contains(says), "{arguments:?}: {said}");
        timed.push(began.elapsed().as_secs_f64());
    }
    println!("list, replay and drop ended after {timed:.1?} s");
    assert_eq!((letters(&stack).await?, waiting(&stack).await?), (0, LETTERS / 10));
    down.cancel();
    stack.down().await
}

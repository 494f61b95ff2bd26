//! A message that kills its worker every time: the broker finally parks it, and its neighbours are handled.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result, ensure};
use base::ids::Stage;
use harness::{
    Process, SKIPPED, Stack,
    build::{Before, aircall, call, webhook},
    eventually,
};
use serde_json::{Value, json};

use crate::{CLIENT, SOON};

/// The number of messages that a worker holds at a time.
const MESSAGES: usize = 8;

/// A call, and an AI insight of it whose content has to be fetched from Aircall.
async fn calls(stack: &Stack) -> Result<Vec<i64>> {
    let mut calls = Vec::new();
    for _ in 0..MESSAGES {
        calls.push(stack.sandbox.play(&call(CLIENT).lasting(90)).await?);
    }
    for call in &calls {
        stack.sandbox.logged(*call, SOON).await?;
    }
    let empty = |call: &i64| json!({ "id": "81330225", "call_id": call.to_string(), "content": "" });
    stack.sandbox.send(calls.iter().map(|call| webhook("summary.created", empty(call)))).await?;
    Ok(calls)
}

async fn fired(stack: &Stack) -> Option<u64> {
    stack.sandbox.get("/faults").await.ok()?["faults"][1]["fired"].as_u64()
}

async fn parked(stack: &Stack) -> Option<u32> {
    stack.depth(&stack.names.dead(Stage::Insights)).await.ok()
}

/// Kills the worker as soon as it holds the poison message; false once that message is parked.
async fn dies(stack: &Stack, worker: &mut Process, before: u64) -> Result<bool> {
    let poisoned = || async {
        let poisoned = fired(stack).await? > before;
        (poisoned || parked(stack).await? > 0).then_some(poisoned)
    };
    let poisoned = eventually(SOON, poisoned).await.context("the poison is handled or parked")?;
    worker.kill().await?;
    Ok(poisoned)
}

/// Waits until the insights of this many calls have been handled.
async fn handled(stack: &Stack, calls: usize) -> Result<()> {
    let ledger = stack.ledger().await?;
    let skipped = || async {
        let lines = ledger.whole_timeline().await.ok()?;
        let skips = lines.iter().filter(|line| line.stage == "insights" && line.is(SKIPPED));
        (skips.map(|line| line.call).collect::<BTreeSet<_>>().len() == calls).then_some(())
    };
    eventually(SOON, skipped).await.with_context(|| format!("{calls} calls"))
}

#[tokio::test]
async fn a_message_that_kills_its_worker_is_parked_alone() -> Result<()> {
    let (mut stack, mut workers) = Stack::running("poison").await?;
    workers.remove(3).terminate(SOON).await?;
    let calls = calls(&stack).await?;
    let waiting = || async {
        let waiting = stack.depth(&stack.names.work(Stage::Insights)).await.ok()?;
        (usize::try_from(waiting) == Ok(MESSAGES)).then_some(())
    };
    eventually(SOON, waiting).await.context("all insights wait")?;
    // The first in the queue; the others take long enough to be in flight when the worker dies.
    let poison = aircall(&format!("/v1/calls/{}/summary", calls[0])).hangs(Before);
    stack.sandbox.set_faults([aircall("*").takes(Duration::from_millis(300)), poison]).await?;
    let mut deaths = 0;
    loop {
        let before = fired(&stack).await.context("faults")?;
        let mut worker = stack.start("insights").await?;
        if !dies(&stack, &mut worker, before).await? {
            break;
        }
        deaths += 1;
        ensure!(deaths < 30, "it is not parked: {:?}", stack.logs);
    }
    assert!((20..=22).contains(&deaths), "{deaths}");
    let worker = stack.start("insights").await?;
    handled(&stack, MESSAGES - 1).await.context("the neighbours are handled")?;
    assert_eq!(parked(&stack).await, Some(1));
    let (list, _) = stack.callbridge(&["dead", "list", "--json"]).await?;
    let list: Value = serde_json::from_str(&list)?;
    let seen = (&list[0]["stage"], &list[0]["code"], &list[0]["count"], &list[0]["example"]["call_id"]);
    assert_eq!(seen, (&json!("insights"), &json!("DELIVERY_LIMIT"), &json!(1), &json!(calls[0])), "{list}");
    assert!(list[0]["newest"].is_string() && list[0]["example"]["trace_id"].is_string(), "{list}");

    // The cause is fixed, and the dead letter is handled like the others.
    stack.sandbox.set_faults([]).await?;
    let (said, replayed) = stack.callbridge(&["dead", "replay", "--code", "DELIVERY_LIMIT"]).await?;
    assert!(replayed && said.contains("1 dead letter replayed."), "{said}");
    handled(&stack, MESSAGES).await.context("the replayed message is handled")?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(parked(&stack).await, Some(0));
    drop((worker, workers));
    stack.down().await
}

//! What is searched or looked for is beside a call's row, so that the steps of a call leave the indexes of its row alone.

use anyhow::{Context, Result};
use base::ids::Stage;
use harness::{
    Process, Stack,
    build::{Call, call, tag},
    eventually,
};
use serde_json::Value;

use crate::{CLIENT, SOON};

const STRANGER: &str = "+33 6 39 98 77 05";

#[tokio::test]
async fn the_steps_of_a_call_leave_the_indexes_of_its_row_alone() -> Result<()> {
    let (stack, workers) = Stack::running("searched_hot").await?;
    let ledger = stack.ledger().await?;
    ledger.with_room_for_versions().await?;
    let before = ledger.cost().await?;
    // Two at a time: real calls take minutes, so few are written at the same moment.
    for wave in 0..10 {
        let mut calls = Vec::new();
        for n in 0..2 {
            let plain = call(CLIENT).lasting(60 + n);
            calls.push(stack.sandbox.play(&if wave >= 8 { plain.after(3, tag("VIP")) } else { plain }).await?);
        }
        for id in calls {
            ledger.call_that(id, SOON, |row| row.written && !row.due && !row.leased).await?;
        }
    }
    let after = ledger.cost().await?;
    let (updates, hot) = (after.updates - before.updates, after.hot_updates - before.hot_updates);
    assert!(updates >= 40, "{updates}");
    // With room on its page, a version is beside its index only where a step changes what an index is on: of the steps of these calls none does, but reconciliation
    // may look at one of them meanwhile. How many have that room without our help is for `make bench what=ledger` to say.
    assert!(hot * 10 >= updates * 9, "{hot} of {updates} changes of calls leave the indexes alone");
    assert_eq!(ledger.entered().await?, (20, 0, false), "nothing is left to do for any of them");
    drop(workers);
    stack.down().await
}

/// Plays a call that the resolver decides while there is no logger, if it has to [ask](crate::ASKING). In `workers` is the logger then, ended.
pub(crate) async fn decided_and_not_logged(stack: &mut Stack, workers: &mut [Process], call: Call) -> Result<i64> {
    workers[1].terminate(SOON).await?;
    let id = stack.sandbox.play(&call.losing(&["call.created"])).await?;
    let passed_on = || async { (stack.depth(&stack.names.work(Stage::Resolver)).await.ok()? == 1).then_some(()) };
    eventually(SOON, passed_on).await.context("the logger passes the call on")?;
    workers[2].terminate(SOON).await?;
    workers[1] = stack.start("resolver").await?;
    stack.ledger().await?.call_that(id, SOON, |row| row.resolved).await?;
    Ok(id)
}

#[tokio::test]
async fn calls_from_before_are_found_and_entered() -> Result<()> {
    let (mut stack, mut workers) = Stack::running_with("searched_before", &[crate::ASKING]).await?;
    let ledger = stack.ledger().await?;
    let logged = stack.sandbox.play(&call(CLIENT)).await?;
    let unmatched = stack.sandbox.play(&call(STRANGER)).await?;
    ledger.call_that(logged, SOON, |row| row.written && !row.leased).await?;
    ledger.call_that(unmatched, SOON, |row| row.unmatched && !row.leased).await?;
    let unlogged = decided_and_not_logged(&mut stack, &mut workers, call(CLIENT)).await?;
    stack.sandbox.delivered(SOON).await?;
    workers[1].terminate(SOON).await?;
    let found = ledger.searched().await?;
    assert_eq!((found.len(), ledger.entered().await?), (3, (2, 1, false)), "{found:#?}");

    ledger.not_entered_yet().await?;
    assert_eq!(ledger.entered().await?, (0, 0, true));
    assert_eq!(ledger.searched().await?, found, "they are found by the columns from before");
    // One that changes is entered by that.
    stack.sandbox.tag(unmatched, &mut Value::Null, "VIP").await?;
    workers[2] = stack.start("logger").await?;
    ledger.call_that(unlogged, SOON, |row| row.written && !row.leased).await?;
    let two = || async { (ledger.entered().await.ok()? == (2, 0, true)).then_some(()) };
    eventually(SOON, two).await.with_context(|| format!("two calls are entered: {:?}", stack.logs))?;
    let found = ledger.searched().await?;
    assert_eq!(found.len(), 3, "none is found twice: {found:#?}");

    workers[1] = stack.start("resolver").await?;
    let all = || async { (ledger.entered().await.ok()? == (3, 0, false)).then_some(()) };
    eventually(SOON, all).await.context("the resolver enters the rest")?;
    assert_eq!(ledger.searched().await?, found);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn an_open_call_is_looked_at_and_handed_on_only_when_that_is_due() -> Result<()> {
    let (mut stack, mut workers) = Stack::running_with("searched_open", &[crate::ASKING]).await?;
    let ledger = stack.ledger().await?;
    let open = decided_and_not_logged(&mut stack, &mut workers, call(CLIENT)).await?;
    stack.purge(&stack.names.work(Stage::Logger)).await?;
    assert!(ledger.no_call_is_forgotten().await?);
    workers[2] = stack.start("logger").await?;
    ledger.open_calls_are_looked_at().await?;
    let set_right = || async { (!ledger.any_is_looked_at().await.ok()?).then_some(()) };
    eventually(SOON, set_right).await.context("the time is set right")?;
    assert!(ledger.no_call_is_forgotten().await?);
    assert_eq!(ledger.lines(|line| line.is("handed_on")).await?, 0);
    ledger.messages_are_overdue().await?;
    ledger.call_that(open, SOON, |row| row.written && !row.leased).await.context("it is handed on")?;
    assert_eq!(ledger.entered().await?, (1, 0, false));
    drop(workers);
    stack.down().await
}

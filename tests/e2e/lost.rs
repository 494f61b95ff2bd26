//! Queues are emptied behind the workers' back: what has to happen for a call follows from the ledger, so it only takes longer.

use anyhow::{Context, Result};
use base::ids::Stage;
use broker::topology::DELAYS;
use harness::{
    Line, Stack,
    build::{STARTED_AT, call, sellsy, summary, tag, webhook},
    eventually, says,
};
use serde_json::{Value, json};

use crate::{CLIENT, SOON};

/// All messages that wait in delay queues are lost.
async fn delays_are_lost(stack: &Stack) -> Result<()> {
    for (rung, _) in DELAYS {
        stack.purge(&stack.names.delay(rung)).await?;
    }
    Ok(())
}

async fn handed_on(stack: &Stack, call: i64) -> Result<()> {
    let is_handed_on = |line: &Line| line.is("handed_on");
    stack.ledger().await?.line_that(call, SOON, is_handed_on).await.context("a line says so").map(drop)
}

#[tokio::test]
async fn a_change_is_written_although_its_message_is_lost() -> Result<()> {
    let (stack, workers) = Stack::running("lost_change").await?;
    let ledger = stack.ledger().await?;
    let id = stack.sandbox.play(&call(CLIENT)).await?;
    ledger.call_that(id, SOON, |row| row.written && !row.leased).await?;
    stack.sandbox.tag(id, &mut Value::Null, "PATIENT").await?;
    ledger.call_that(id, SOON, |row| row.due && !row.leased).await.context("the change is put off")?;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    delays_are_lost(&stack).await?;
    ledger.messages_are_overdue().await?;
    stack.sandbox.log_of(id, SOON, says(&["PATIENT"])).await.with_context(|| format!("{:?}", stack.logs))?;
    handed_on(&stack, id).await?;
    ledger.call_that(id, SOON, |row| row.written && !row.due).await?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn calls_are_decided_and_logged_although_their_messages_are_lost() -> Result<()> {
    let (mut stack, mut workers) = Stack::running_with("lost_calls", &[crate::ASKING]).await?;
    let ledger = stack.ledger().await?;
    let decided = crate::searched::decided_and_not_logged(&mut stack, &mut workers, call(CLIENT)).await?;
    stack.purge(&stack.names.work(Stage::Logger)).await?;
    // The end of the next one is lost before the logger has it; a tag tells it that the call has ended.
    let ended = stack.sandbox.play(&call(CLIENT).lasting(77).after(3, tag("VIP"))).await?;
    let waits = || async { (stack.depth(&stack.names.work(Stage::Ended)).await.ok()? == 1).then_some(()) };
    eventually(SOON, waits).await.context("the end waits for a logger")?;
    stack.sandbox.delivered(SOON).await?;
    stack.purge(&stack.names.work(Stage::Ended)).await?;
    workers[2] = stack.start("logger").await?;
    let seen = |row: &harness::CallRow| !row.snapshot["ended_at"].is_null() && !row.leased;
    ledger.call_that(ended, SOON, seen).await.context("the logger has seen the end")?;
    assert!(stack.sandbox.phone_calls().await?.is_empty());
    ledger.messages_are_overdue().await?;
    for call in [decided, ended] {
        stack.sandbox.logged(call, SOON).await.with_context(|| format!("call {call}: {:?}", stack.logs))?;
        handed_on(&stack, call).await?;
        assert_eq!(stack.sandbox.logs_of(call).await?.len(), 1);
    }
    ledger.call_that(decided, SOON, |row| row.written && !row.leased).await?;
    ledger.call_that(ended, SOON, |row| row.written && !row.leased).await?;
    assert_eq!(ledger.left_to_do().await?, 0, "nothing is handed on for ever");
    drop(workers);
    stack.down().await
}

/// A tag is handled in the moment in which the decision comes, and its handler does not create the log.
#[tokio::test]
async fn a_decision_is_not_left_to_a_handler_that_leaves_the_log_to_it() -> Result<()> {
    let (stack, workers) = Stack::running("left_to_each_other").await?;
    let ledger = stack.ledger().await?;
    // Decided long after its end, so that even the first decision's message looks for a log.
    let id = stack.sandbox.play(&call(CLIENT).started_at(STARTED_AT).losing(&["call.ended"])).await?;
    ledger.call_that(id, SOON, |row| !row.snapshot.is_null()).await?;
    ledger.lease(id, SOON / 6).await?;
    let ended = stack.sandbox.call(id).await?;
    let at = ended["ended_at"].as_i64().context("ended_at")?;
    stack.sandbox.send([webhook("call.ended", ended).at(at)]).await?;
    stack.sandbox.logged(id, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_call_is_logged_although_its_dead_letter_is_lost() -> Result<()> {
    let (stack, workers) = Stack::running_with("lost_letter", &[crate::ASKING]).await?;
    let ledger = stack.ledger().await?;
    // Neither the list is answered nor the question for one customer.
    let refused = || sellsy("POST /opportunities/search").answers(400).once();
    stack.sandbox.set_faults([refused(), refused()]).await?;
    // Without a card, which would meet the fault first.
    let id = stack.sandbox.play(&call(CLIENT).losing(&["call.created"])).await?;
    stack.parked(Stage::Resolver, 1, SOON).await?;
    ledger.call_that(id, SOON, |row| row.parked == 1).await?;
    ledger.messages_are_overdue().await?;
    tokio::time::sleep(std::time::Duration::from_secs(7)).await;
    assert!(stack.sandbox.logs_of(id).await?.is_empty(), "a dead letter is an operator's business");
    stack.purge(&stack.names.dead(Stage::Resolver)).await?;
    ledger.messages_are_overdue().await?;
    stack.sandbox.logged(id, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
    handed_on(&stack, id).await?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn an_insight_is_found_although_its_message_is_lost() -> Result<()> {
    const CALL: i64 = 3_811_699_999;
    let (stack, workers) = Stack::running("lost_insight").await?;
    let ledger = stack.ledger().await?;
    let data = json!({ "id": "81330225", "call_id": CALL.to_string(), "content": "Le client veut un devis." });
    stack.sandbox.send([webhook("summary.created", data).at(STARTED_AT + 170)]).await?;
    let waits = |line: &Line| line.stage == "insights" && line.is(harness::RETRIED);
    ledger.line_that(CALL, SOON, waits).await.context("the insight waits for its call")?;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    delays_are_lost(&stack).await?;
    let talk = call(CLIENT).id(CALL).lasting(90).after(100, summary("Le client veut un devis."));
    stack.sandbox.play(&talk.losing(&["summary.created"])).await?;
    ledger.call_that(CALL, SOON, |row| row.written && !row.leased).await?;
    ledger.messages_are_overdue().await?;
    let is_in_the_log = || async {
        ledger.gathering_ends().await.ok()?;
        says(&["un devis"])(stack.sandbox.logs_of(CALL).await.ok()?.first()?).then_some(())
    };
    eventually(2 * SOON, is_in_the_log).await.with_context(|| format!("{:?}", stack.logs))?;
    let nothing_left = || async { (ledger.left_to_do().await.ok()? == 0).then_some(()) };
    eventually(SOON, nothing_left).await.context("nothing is handed on for ever")?;
    drop(workers);
    stack.down().await
}

/// An insight that came before its call is noted. When it turns out that the log needs none, the call is not handed on.
#[tokio::test]
async fn nothing_is_left_to_do_for_an_insight_that_waited_in_vain() -> Result<()> {
    const CALL: i64 = 3_811_699_998;
    let (stack, workers) = Stack::running("vain_insight").await?;
    let ledger = stack.ledger().await?;
    let data = json!({ "id": "81330226", "call_id": CALL.to_string(), "content": "Une minute." });
    stack.sandbox.send([webhook("summary.created", data).at(STARTED_AT + 170)]).await?;
    ledger
        .line_that(CALL, SOON, |line| line.stage == "insights" && line.is(harness::RETRIED))
        .await
        .context("it waits")?;
    // Too short for insights.
    stack.sandbox.play(&call(CLIENT).id(CALL).lasting(60)).await?;
    ledger
        .line_that(CALL, SOON, |line| line.stage == "insights" && line.is(harness::SKIPPED))
        .await
        .context("in vain")?;
    let nothing_left = || async { (ledger.left_to_do().await.ok()? == 0).then_some(()) };
    eventually(SOON, nothing_left).await.context("nothing is handed on")?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn nothing_is_left_to_do_for_a_log_that_a_person_has_deleted() -> Result<()> {
    let (stack, workers) = Stack::running("deleted").await?;
    let ledger = stack.ledger().await?;
    let id = stack.sandbox.play(&call(CLIENT)).await?;
    let row = ledger.call_that(id, SOON, |row| row.written && !row.leased).await?;
    stack.sandbox.delete(&format!("phone-calls/{}", row.log.context("the log")?)).await?;
    stack.sandbox.tag(id, &mut Value::Null, "late.").await?;
    ledger.call_that(id, SOON, |row| row.due && !row.leased).await?;
    let gone = || async {
        ledger.gathering_ends().await.ok()?;
        let row = ledger.call(id).await.ok()??;
        (row.gone && !row.leased).then_some(())
    };
    eventually(SOON, gone).await.context("the deletion is noticed")?;
    assert_eq!(ledger.left_to_do().await?, 0);
    drop(workers);
    stack.down().await
}

//! Sellsy does not let us write phone calls: calls become comments or are parked, and Sellsy is not asked again each time.

use anyhow::{Context, Result};
use base::ids::Stage;
use harness::{
    PARKED, Process, Stack,
    build::{After, STARTED_AT, call, sellsy},
    eventually, says,
};
use serde_json::{Value, json};

use crate::{CLIENT, GATHERED, SOON};

/// A stack whose Sellsy answers this to every POST /phone-calls.
async fn refusing(what: &str, status: u16, fallback: &str) -> Result<(Stack, Vec<Process>)> {
    let mut stack = Stack::new(what).await?;
    stack.environment.insert("LOG_FALLBACK".into(), fallback.into());
    stack.sandbox.set_faults([sellsy("POST /phone-calls").answers(status)]).await?;
    let workers = stack.start_all().await?;
    Ok((stack, workers))
}

/// The only comment of a call, once it contains this text.
async fn comment(stack: &Stack, call: i64, words: &str) -> Result<Value> {
    let there = || async {
        let comments = stack.sandbox.comments_of(call).await.ok()?;
        says(&[words])(comments.first()?).then_some(comments)
    };
    let comments = eventually(GATHERED, there).await.with_context(|| format!("a comment that says {words}"))?;
    assert_eq!(comments.len(), 1);
    Ok(comments[0].clone())
}

/// Two tags: the first is deferred, the second finds that it is due.
async fn tag(stack: &Stack, call: i64, data: &mut Value) -> Result<()> {
    stack.sandbox.tag(call, data, "first").await?;
    let ledger = stack.ledger().await?;
    ledger.call_that(call, SOON, |row| row.due).await.context("the tag is deferred")?;
    ledger.pauses_end().await?;
    stack.sandbox.tag(call, data, "second").await
}

#[tokio::test]
async fn without_the_right_to_phone_calls_a_call_becomes_one_comment() -> Result<()> {
    let (stack, workers) = refusing("comment", 403, "comment").await?;
    let mut calls = Vec::new();
    for _ in 0..4 {
        calls.push(stack.sandbox.play(&call(CLIENT).started_at(STARTED_AT)).await?);
        let comment = comment(&stack, calls[calls.len() - 1], "répondu").await?;
        assert_eq!(comment["related"], json!([{ "type": "individual", "id": 2001 }]));
        assert!(comment["created"].as_str().is_some_and(|at| at.starts_with("2026-11-23T10:15:30")), "{comment}");
    }
    assert_eq!(stack.sandbox.count("sellsy", "POST /phone-calls").await?, 1, "asked once and remembered");
    assert_eq!(stack.sandbox.count("sellsy", "POST /comments").await?, 4);

    // Changes go to the comment, even when phone calls could be written by now.
    stack.sandbox.set_faults([]).await?;
    tag(&stack, calls[0], &mut Value::Null).await?;
    comment(&stack, calls[0], "first, second").await?;
    assert_eq!(stack.sandbox.count("sellsy", "PUT /comments/{id}").await?, 1);

    // A comment that a person deleted stays deleted.
    let deleted = comment(&stack, calls[1], "").await?["id"].clone();
    stack.sandbox.delete(&format!("comments/{deleted}")).await?;
    let mut data = Value::Null;
    tag(&stack, calls[1], &mut data).await?;
    let ledger = stack.ledger().await?;
    ledger.call_that(calls[1], SOON, |row| row.gone).await.context("the deletion is noticed")?;
    stack.sandbox.tag(calls[1], &mut data, "third").await?;

    // A comment whose answer never arrived is adopted.
    let breaks = sellsy("POST /comments").breaks(After).once();
    stack.sandbox.set_faults([sellsy("POST /phone-calls").answers(403), breaks]).await?;
    let unclear = stack.sandbox.play(&call(CLIENT).started_at(STARTED_AT)).await?;
    stack.sandbox.struck(SOON).await?;
    let intended = ledger.call_that(unclear, SOON, |row| !row.leased && row.intent.is_some()).await;
    intended.context("its intent is stored")?;
    ledger.pauses_end().await?;
    stack.sandbox.tag(unclear, &mut Value::Null, "adopted").await?;
    comment(&stack, unclear, "adopted").await?;

    assert!(stack.sandbox.comments_of(calls[1]).await?.is_empty());
    assert!(stack.sandbox.phone_calls().await?.is_empty());
    assert_eq!(stack.sandbox.count("sellsy", "POST /comments").await?, 5);
    assert_eq!(stack.depth(&stack.names.dead(Stage::Logger)).await?, 0);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn without_phone_calls_in_the_plan_a_call_is_parked_and_says_what_to_do() -> Result<()> {
    let (stack, workers) = refusing("plan", 402, "").await?;
    let ledger = stack.ledger().await?;
    for parked in 1..=3 {
        let id = stack.sandbox.play(&call(CLIENT).started_at(STARTED_AT)).await?;
        stack.parked(Stage::Logger, parked, SOON).await?;
        let line = ledger.line_that(id, SOON, |line| line.is(PARKED)).await.context("the timeline says why")?;
        let error = line.error();
        assert_eq!(line.code(), "SELLSY_PLAN");
        assert!(error.contains("plan") && error.contains("LOG_FALLBACK=comment"), "{error}");
        let row = ledger.call(id).await?.context("the call")?;
        assert!(row.intent.is_none(), "nothing was made, so there is nothing to look for");
    }
    assert_eq!(stack.sandbox.count("sellsy", "POST /phone-calls").await?, 1, "asked once and remembered");
    assert_eq!(stack.sandbox.count("sellsy", "POST /comments").await?, 0);
    drop(workers);
    stack.down().await
}

//! Sellsy does not let us write phone calls: calls become comments or are parked, and it is not asked again each time.

use anyhow::{Context, Result};
use base::ids::Stage;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Process, Stack, eventually};

use crate::{CLIENT, GATHERED, SOON};

/// A stack whose Sellsy answers this to every POST /phone-calls.
async fn refusing(what: &str, status: u16, fallback: &str) -> Result<(Stack, Vec<Process>)> {
    let mut stack = Stack::new(what).await?;
    stack.environment.insert("LOG_FALLBACK".into(), fallback.into());
    stack.sandbox.set_faults(&json!([refused(status)])).await?;
    let workers = stack.start_all().await?;
    Ok((stack, workers))
}

fn refused(status: u16) -> Value {
    json!({ "api": "sellsy", "method": "POST", "path": "/phone-calls", "do": { "kind": "status", "status": status } })
}

fn call() -> Value {
    json!({ "direction": "inbound", "raw_digits": CLIENT, "number_id": 1001, "user_id": 501, "answered": true, "started_at": 1_795_425_330 })
}

/// The only comment of a call, once it says this.
async fn comment(stack: &Stack, call: i64, words: &str) -> Result<Value> {
    let there = || async {
        let comments = stack.sandbox.newest_comments(call).await.ok()?;
        comments.first()?["description"].as_str()?.contains(words).then_some(comments)
    };
    let comments = eventually(GATHERED, there).await.with_context(|| format!("a comment that says {words}"))?;
    assert_eq!(comments.len(), 1);
    Ok(comments[0].clone())
}

/// Two tags: the first is put off, the second finds that the time has come.
async fn tag(stack: &Stack, call: i64, data: &mut Value) -> Result<()> {
    stack.sandbox.tag(call, data, "first").await?;
    let database = stack.database().await?;
    let put_off = || async {
        let sql = "select due_at is not null from calls where call_id = $1";
        database.query_one(sql, &[&call]).await.ok()?.get::<_, bool>(0).then_some(())
    };
    eventually(SOON, put_off).await.context("the tag is put off")?;
    stack.pauses_end().await?;
    stack.sandbox.tag(call, data, "second").await
}

#[tokio::test]
async fn without_the_right_to_phone_calls_a_call_becomes_one_comment() -> Result<()> {
    let (stack, workers) = refusing("comment", 403, "comment").await?;
    let mut calls = Vec::new();
    for _ in 0..4 {
        calls.push(stack.sandbox.play(&call()).await?);
        let comment = comment(&stack, calls[calls.len() - 1], "répondu").await?;
        assert_eq!(comment["related"], json!([{ "type": "individual", "id": 2001 }]));
        assert!(comment["created"].as_str().is_some_and(|at| at.starts_with("2026-11-23T10:15:30")), "{comment}");
    }
    assert_eq!(stack.sandbox.count("sellsy", "POST /phone-calls").await?, 1, "asked once and remembered");
    assert_eq!(stack.sandbox.count("sellsy", "POST /comments").await?, 4);

    // Changes go to the comment, even when phone calls could be written by now.
    stack.sandbox.set_faults(&json!([])).await?;
    tag(&stack, calls[0], &mut Value::Null).await?;
    comment(&stack, calls[0], "first, second").await?;
    assert_eq!(stack.sandbox.count("sellsy", "PUT /comments/{id}").await?, 1);

    // A comment that a person deleted stays deleted.
    let deleted = comment(&stack, calls[1], "").await?["id"].clone();
    stack.sandbox.control(Method::DELETE, &format!("/sellsy/comments/{deleted}"), None).await?;
    let mut data = Value::Null;
    tag(&stack, calls[1], &mut data).await?;
    let database = stack.database().await?;
    let noticed = || async {
        let sql = "select gone_at is not null from calls where call_id = $1";
        database.query_one(sql, &[&calls[1]]).await.ok()?.get::<_, bool>(0).then_some(())
    };
    eventually(SOON, noticed).await.context("the deletion is noticed")?;
    stack.sandbox.tag(calls[1], &mut data, "third").await?;

    // A comment whose answer never came is adopted.
    let cut = json!([refused(403), { "api": "sellsy", "method": "POST", "path": "/comments", "times": 1, "do": { "kind": "cut", "when": "after" } }]);
    stack.sandbox.set_faults(&cut).await?;
    let unclear = stack.sandbox.play(&call()).await?;
    stack.sandbox.struck(SOON).await?;
    let intended = || async {
        let sql = "select lease_until is null and intent_at is not null from calls where call_id = $1";
        database.query_one(sql, &[&unclear]).await.ok()?.get::<_, bool>(0).then_some(())
    };
    eventually(SOON, intended).await.context("its intent stands")?;
    stack.pauses_end().await?;
    stack.sandbox.tag(unclear, &mut Value::Null, "adopted").await?;
    comment(&stack, unclear, "adopted").await?;

    assert!(stack.sandbox.newest_comments(calls[1]).await?.is_empty());
    assert!(stack.sandbox.phone_calls().await?.is_empty());
    assert_eq!(stack.sandbox.count("sellsy", "POST /comments").await?, 5);
    assert_eq!(stack.depth(&stack.names.dead(Stage::Logger)).await?, 0);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn without_phone_calls_in_the_plan_a_call_is_parked_and_says_what_to_do() -> Result<()> {
    let (stack, workers) = refusing("plan", 402, "").await?;
    let database = stack.database().await?;
    for parked in 1..=3 {
        let id = stack.sandbox.play(&call()).await?;
        let dead = || async { (stack.depth(&stack.names.dead(Stage::Logger)).await.ok()? == parked).then_some(()) };
        eventually(SOON, dead).await.with_context(|| format!("{parked} calls are parked"))?;
        let reason = || async {
            let sql = "select detail->>'code', detail->>'error' from timeline where call_id = $1 and what = 'parked'";
            let row = database.query_opt(sql, &[&id]).await.ok()??;
            Some((row.get::<_, String>(0), row.get::<_, String>(1)))
        };
        let (code, error) = eventually(SOON, reason).await.context("the timeline says why")?;
        assert_eq!(code, "SELLSY_PLAN");
        assert!(error.contains("plan") && error.contains("LOG_FALLBACK=comment"), "{error}");
        let intent: bool =
            database.query_one("select intent_at is null from calls where call_id = $1", &[&id]).await?.get(0);
        assert!(intent, "nothing was made, so there is nothing to look for");
    }
    assert_eq!(stack.sandbox.count("sellsy", "POST /phone-calls").await?, 1, "asked once and remembered");
    assert_eq!(stack.sandbox.count("sellsy", "POST /comments").await?, 0);
    drop(workers);
    stack.down().await
}

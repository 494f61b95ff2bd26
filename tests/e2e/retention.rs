//! `RETENTION_DAYS`: old calls are deleted with all that is known of them, and never logged a second time.

use std::time::Duration;

use anyhow::{Context, Result};
use harness::{Stack, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{CLIENT, SOON};

/// Nobody in Sellsy has it.
const STRANGER: &str = "+33 6 39 98 77 05";

fn call(digits: &str) -> Value {
    // Long over: reconciliation leaves the last minutes to the webhooks.
    let started = jiff::Timestamp::now().as_second() - 7200;
    json!({ "direction": "inbound", "raw_digits": digits, "number_id": 1001, "user_id": 501, "answered": true, "duration": 90, "started_at": started })
}

/// One of the call's events once more, later than all others.
async fn again(stack: &Stack, call_id: i64, event: &str) -> Result<()> {
    let calls = stack.sandbox.get("/aircall/calls").await?["calls"].clone();
    let data = calls.as_array().context("calls")?.iter().find(|call| call["id"] == call_id).context("the call")?;
    let now = jiff::Timestamp::now().as_second() + 3600;
    let body = json!({ "resource": "call", "event": event, "timestamp": now, "data": data });
    stack
        .sandbox
        .control(Method::POST, "/aircall/events", Some(&json!({ "events": [{ "body": body }] })))
        .await
        .map(drop)
}

async fn count(stack: &Stack, sql: &str) -> Result<i64> {
    Ok(stack.database().await?.query_one(sql, &[]).await?.get(0))
}

#[tokio::test]
async fn old_calls_are_deleted_and_never_logged_again() -> Result<()> {
    let mut stack = Stack::new("retention").await?;
    stack.environment.insert("RETENTION_DAYS".into(), "30".into());
    let mut workers = stack.start_all().await?;
    let old = stack.sandbox.play(&call(CLIENT)).await?;
    let unmatched = stack.sandbox.play(&call(STRANGER)).await?;
    let young = stack.sandbox.play(&call(CLIENT)).await?;
    for logged in [old, young] {
        stack.sandbox.log_of(logged, 2 * SOON, |_| true).await?;
    }
    let waits = async || count(&stack, "select count(*) from calls where unmatched_number is not null").await;
    let waiting = || async { (waits().await.ok()? == 1).then_some(()) };
    eventually(SOON, waiting).await.context("the stranger's call waits for a record")?;

    let ages = format!(
        "update calls set created_at = now() - interval '31 days' where call_id in ({old}, {unmatched});
         update calls set created_at = now() - interval '29 days' where call_id = {young};
         insert into timeline (call_id, at, stage, what) values ({young}, now() - interval '31 days', 'logger', 'long ago');
         insert into directory_misses values ('+33639987705', now() - interval '1 min')
             on conflict (number) do update set until = excluded.until"
    );
    stack.database().await?.batch_execute(&ages).await?;
    // A resolver has its first turn at its start; two of them do no harm to each other.
    workers.remove(1).terminate(SOON).await?;
    let resolvers = [stack.start("resolver").await?, stack.start("resolver").await?];
    let erased = || async {
        (count(&stack, "select count(*) from calls where erased_at is not null").await.ok()? == 2).then_some(())
    };
    eventually(SOON, erased).await.context("two calls are deleted")?;
    let old_line = "select count(*) from timeline where what = 'long ago'";
    let lines_gone = || async { (count(&stack, old_line).await.ok()? == 0).then_some(()) };
    eventually(SOON, lines_gone).await.context("old lines of a call that stays go as well")?;

    let rest = format!("select string_agg(calls::text, ' ') from calls where call_id in ({old}, {unmatched})");
    let rest: String = stack.database().await?.query_one(&rest, &[]).await?.get(0);
    for digits in ["41 07", "4107", "77 05", "7705", "raw_digits", "individual"] {
        assert!(!rest.contains(digits), "{digits} in {rest}");
    }
    let lines = format!("select count(*) from timeline where call_id in ({old}, {unmatched})");
    assert_eq!(count(&stack, &lines).await?, 0);
    let kept = format!(
        "select count(*) from calls where call_id = {young} and snapshot is not null and sellsy_id is not null"
    );
    assert_eq!(count(&stack, &kept).await?, 1);
    // The last that a turn does.
    let misses_gone =
        || async { (count(&stack, "select count(*) from directory_misses").await.ok()? == 0).then_some(()) };
    eventually(SOON, misses_gone).await.context("remembered misses go as well")?;

    // What comes late finds them deleted, whatever it is.
    for resolver in &resolvers {
        resolver.until_ready(SOON).await?;
    }
    again(&stack, old, "call.ended").await?;
    again(&stack, unmatched, "call.ended").await?;
    again(&stack, old, "call.tagged").await?;
    let (said, fine) = stack.callbridge(&["backfill", "--since", "3d", "--again"]).await?;
    assert!(fine, "{said}");
    let skips =
        "select count(*) from timeline where what = 'skipped' and detail->>'reason' like '%its data were deleted%'";
    let skipped = || async { (count(&stack, skips).await.ok()? >= 3).then_some(()) };
    eventually(SOON, skipped).await.context("late events are skipped")?;
    again(&stack, young, "call.tagged").await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        count(&stack, "select count(*) from calls where erased_at is not null and snapshot is not null").await?,
        0
    );
    assert_eq!(stack.sandbox.logs_of(old).await?.len(), 1, "its log stays, and there is no other");
    assert_eq!(stack.sandbox.logs_of(unmatched).await?.len(), 0);
    assert_eq!(stack.sandbox.logs_of(young).await?.len(), 1);
    let sellsy_id = format!("select count(*) from calls where call_id = {old} and sellsy_id is not null");
    assert_eq!(count(&stack, &sellsy_id).await?, 1, "the log can still be found");
    drop((workers, resolvers));
    stack.down().await
}

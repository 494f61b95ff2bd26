//! `RETENTION_DAYS`: old calls are deleted with all their data, and never logged a second time.

use std::time::Duration;

use anyhow::{Context, Result};
use base::db::Client;
use harness::{
    Line, SKIPPED, Stack,
    build::{Call, call, webhook},
    eventually,
};

use ledger::erase;

use crate::{CLIENT, SOON};

/// No record in Sellsy has it.
const STRANGER: &str = "+33 6 39 98 77 05";
/// A line on the timeline of a call that stays.
const LONG_AGO: &str = "long ago";

/// Long over: reconciliation leaves the last minutes to the webhooks.
fn past_call(digits: &str) -> Call {
    call(digits).lasting(90).started_at(jiff::Timestamp::now().as_second() - 7200)
}

/// One of the call's events once more, later than all others.
async fn again(stack: &Stack, call_id: i64, event: &str) -> Result<()> {
    let later = jiff::Timestamp::now().as_second() + 3600;
    stack.sandbox.send([webhook(event, stack.sandbox.call(call_id).await?).at(later)]).await
}

#[tokio::test]
async fn old_calls_are_deleted_and_never_logged_again() -> Result<()> {
    let mut stack = Stack::new("retention").await?;
    stack.environment.insert("RETENTION_DAYS".into(), "30".into());
    let mut workers = stack.start_all().await?;
    let old = stack.sandbox.play(&past_call(CLIENT)).await?;
    let unmatched = stack.sandbox.play(&past_call(STRANGER)).await?;
    let young = stack.sandbox.play(&past_call(CLIENT)).await?;
    for logged in [old, young] {
        stack.sandbox.logged(logged, 2 * SOON).await?;
    }
    let ledger = stack.ledger().await?;
    let waits = ledger.call_that(unmatched, SOON, |row| row.unmatched).await;
    waits.context("the stranger's call waits for a record")?;
    assert!(!ledger.calls().await?.iter().any(|row| row.unmatched && row.id != unmatched));

    for (call, days) in [(old, 31), (unmatched, 31), (young, 29)] {
        ledger.call_ages(call, days).await?;
    }
    ledger.write_line(young, LONG_AGO, 31).await?;
    ledger.add_miss("+33639987705", -1).await?;
    // A resolver has its first turn at its start; two of them do not disturb each other.
    workers.remove(1).terminate(SOON).await?;
    let resolvers = [stack.start("resolver").await?, stack.start("resolver").await?];
    let erased = || async { (ledger.calls().await.ok()?.iter().filter(|row| row.erased).count() == 2).then_some(()) };
    eventually(SOON, erased).await.context("two calls are deleted")?;
    let lines_gone = || async { (ledger.lines(|line| line.is(LONG_AGO)).await.ok()? == 0).then_some(()) };
    eventually(SOON, lines_gone).await.context("old lines of a call that stays go as well")?;

    let rest = [ledger.whole_row(old).await?, ledger.whole_row(unmatched).await?].concat();
    for digits in ["41 07", "4107", "77 05", "7705", "raw_digits", "individual"] {
        assert!(!rest.contains(digits), "{digits} in {rest}");
    }
    assert_eq!(ledger.lines(|line| [old, unmatched].contains(&line.call)).await?, 0);
    let kept = ledger.call(young).await?.context("a young call")?;
    assert!(!kept.snapshot.is_null() && kept.log.is_some(), "{kept:?}");
    // The last step of a turn.
    let misses_gone = || async { (ledger.misses().await.ok()? == 0).then_some(()) };
    eventually(SOON, misses_gone).await.context("remembered misses go as well")?;

    // Late events find the calls deleted, of whatever kind they are.
    for resolver in &resolvers {
        resolver.until_ready(SOON).await?;
    }
    again(&stack, old, "call.ended").await?;
    again(&stack, unmatched, "call.ended").await?;
    again(&stack, old, "call.tagged").await?;
    let (said, fine) = stack.callbridge(&["backfill", "--since", "3d", "--again"]).await?;
    assert!(fine, "{said}");
    let skips = |line: &Line| line.is(SKIPPED) && line.reason().contains("its data were deleted");
    let skipped = || async { (ledger.lines(skips).await.ok()? >= 3).then_some(()) };
    eventually(SOON, skipped).await.context("late events are skipped")?;
    again(&stack, young, "call.tagged").await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let back = ledger.calls().await?.into_iter().filter(|row| row.erased && !row.snapshot.is_null());
    assert_eq!(back.count(), 0);
    assert_eq!(stack.sandbox.logs_of(old).await?.len(), 1, "its log stays, and there is no other");
    assert_eq!(stack.sandbox.logs_of(unmatched).await?.len(), 0);
    assert_eq!(stack.sandbox.logs_of(young).await?.len(), 1);
    let log = ledger.call(old).await?.and_then(|row| row.log);
    assert!(log.is_some(), "the log can still be found");
    drop((workers, resolvers));
    stack.down().await
}

/// How many calls the search for due ones finds, and how many rows it reads for that.
async fn search(client: &Client) -> Result<(usize, i64)> {
    client.batch_execute("begin").await?;
    let due = erase::old_calls(client, Duration::from_secs(30 * 86_400), 500).await?.len();
    let sql = "select (seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint from pg_stat_xact_user_tables where relname = 'calls'";
    let read = client.query_one(sql, &[]).await?.try_get(0)?;
    client.batch_execute("rollback").await?;
    Ok((due, read))
}

#[tokio::test]
async fn retention_costs_what_is_due_and_not_what_was() -> Result<()> {
    let mut stack = Stack::new("erased").await?;
    // It applies the migrations.
    let worker = stack.start("logger").await?;
    worker.until_ready(SOON).await?;
    drop(worker);
    let ledger = stack.ledger().await?;
    ledger.fill_with_erased(300_000, 10).await?;
    // With what the planner knows of an empty table, and of this one.
    let (unknown, client) = (stack.connection().await?, stack.connection().await?);
    let before = search(&unknown).await?;
    ledger.analyze_calls().await?;
    let after = search(&client).await?;
    assert!(before.0 == 10 && after.0 == 10, "{before:?} {after:?}");
    assert!(before.1 <= 100 && after.1 <= 100, "rows read for 10 due calls: {} and {}", before.1, after.1);
    stack.down().await
}

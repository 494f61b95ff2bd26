//! The rehearsal of docs/operating.md: back up, go on, lose the database, restore it into a new one, bring in what is missing.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use harness::{
    Stack,
    build::{call, webhook},
    eventually, says,
};
use serde_json::Value;
use tokio::{io::AsyncWriteExt, process::Command};

use crate::{CLIENT, GATHERED, SOON, alarm};

/// Reads this as its input.
async fn psql(database: &str, input: &str) -> Result<()> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/services.sh");
    let arguments = ["pg", "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database];
    let mut psql = Command::new(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    psql.stdin.take().context("its input")?.write_all(input.as_bytes()).await?;
    ensure!(psql.wait().await?.success(), "psql failed");
    Ok(())
}

#[tokio::test]
#[ignore = "nightly: it needs pg_dump"]
async fn a_restored_ledger_loses_and_doubles_nothing() -> Result<()> {
    let mut stack = Stack::new("restore").await?;
    let mut workers = stack.start_all().await?;
    let now = jiff::Timestamp::now().as_second();
    // Long enough ago for Aircall's list to count, and none of them at the same time.
    let some = async |stack: &Stack, minutes: std::ops::Range<i64>| -> Result<Vec<i64>> {
        let mut ids = Vec::new();
        for ago in minutes {
            ids.push(stack.sandbox.play(&call(CLIENT).started_at(now - ago * 60).at_once()).await?);
        }
        for id in &ids {
            stack.sandbox.logged(*id, SOON).await?;
        }
        Ok(ids)
    };
    let before = some(&stack, 30..36).await?;
    let logged = async |stack: &Stack, count: i64| -> Result<()> {
        let ledger = stack.connection().await?;
        let sql = "select count(*) from calls where sellsy_id is not null and digest <> ''";
        let all = || async { (ledger.query_one(sql, &[]).await.ok()?.get::<_, i64>(0) == count).then_some(()) };
        eventually(2 * GATHERED, all).await.with_context(|| format!("{count} logs are known"))
    };
    logged(&stack, 6).await?;
    let dump = alarm::services(&["pg", "pg_dump", &stack.name]).await?;

    // What happens after the backup.
    stack.sandbox.tag(before[0], &mut Value::Null, "Since").await?;
    stack.sandbox.log_of(before[0], GATHERED, says(&["Since"])).await?;
    let after = some(&stack, 20..26).await?;
    let recent = stack.sandbox.play(&call(CLIENT).paced(5)).await?;
    let log = stack.sandbox.logged(recent, SOON).await?;
    logged(&stack, 13).await?;
    for worker in &mut workers {
        worker.terminate(SOON).await?;
    }
    psql("callbridge", &format!("drop database {0} with (force); create database {0};", stack.name)).await?;
    psql(&stack.name, &dump).await?;

    let workers = stack.start_all().await?;
    logged(&stack, 6).await?;
    let new = "select since > now() - interval '5 minutes' from ledger_is";
    ensure!(
        stack.connection().await?.query_one(new, &[]).await?.get::<_, bool>(0),
        "it does not know that it is another one"
    );
    // An end that comes a second time, and has just been logged.
    let ended = stack.sandbox.call(recent).await?;
    let at = ended["ended_at"].as_i64().context("ended_at")?;
    stack.sandbox.send([webhook("call.ended", ended).at(at)]).await?;
    logged(&stack, 7).await?;
    // Before anybody brings its call in. Webhooks have five minutes for the rest, and then reconciliation brings it in.
    stack.sandbox.tag(after[0], &mut Value::Null, "Later").await?;
    stack.ledger().await?.line_that(after[0], SOON, |line| line.is("call.tagged")).await?;
    let (said, good) = stack.callbridge(&["backfill", "--since", "2h"]).await?;
    ensure!(good && said.contains("2 too recent"), "{said}");
    logged(&stack, 12).await?;
    for id in before.iter().chain(&after).chain([&recent]) {
        ensure!(stack.sandbox.logs_of(*id).await?.len() == 1, "call {id} has another number of logs than one");
    }
    let known = stack.sandbox.log_of(before[0], SOON, says(&["Since"])).await;
    ensure!(known.is_ok(), "the tag since the backup is gone");
    drop((workers, log));
    stack.down().await
}

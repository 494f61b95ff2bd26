//! RabbitMQ stops taking messages because it is short of memory: nothing is lost, nothing piles up in the workers, and they say so.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use harness::{Process, Stack, build::call, eventually};
use tokio::{process::Command, time::sleep};

use crate::{CLIENT, SOON};

/// Twice as long as a request to the broker waits for its answer, and more.
const LASTS: Duration = Duration::from_secs(75);

/// What `scripts/services.sh` prints.
pub(crate) async fn services(arguments: &[&str]) -> Result<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/services.sh");
    let ended = Command::new(script).args(arguments).output().await.context("scripts/services.sh")?;
    ensure!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    Ok(String::from_utf8(ended.stdout)?.trim().to_owned())
}

async fn watermark(of_memory: &str) -> Result<()> {
    services(&["rabbitmqctl", "set_vm_memory_high_watermark", of_memory]).await.map(drop)
}

#[tokio::test]
#[ignore = "nightly: the alarm stops everybody who publishes on this broker"]
async fn an_alarm_of_the_broker_leaves_nothing_behind() -> Result<()> {
    let (stack, workers) = Stack::running("alarm").await?;
    let mut calls = vec![stack.sandbox.play(&call(CLIENT).lasting(80)).await?];
    stack.sandbox.logged(calls[0], SOON).await?;
    watermark("0.0001").await?;
    let during = async {
        for n in 0..10 {
            calls.push(stack.sandbox.play(&call(CLIENT).lasting(90 + n)).await?);
        }
        stack.sandbox.delivered(SOON).await?;
        let says = || async {
            Some(workers[0].readiness().await.ok()?.1.to_string()).filter(|said| said.contains("takes no messages"))
        };
        eventually(SOON, says).await.context("ingest does not say what is wrong")?;
        let before = workers.iter().map(Process::threads).collect::<Result<Vec<_>>>()?;
        // By now it is known that the broker takes nothing, so no webhook waits for it.
        let began = Instant::now();
        calls.push(stack.sandbox.play(&call(CLIENT).lasting(120)).await?);
        stack.sandbox.delivered(SOON).await?;
        ensure!(began.elapsed() < Duration::from_secs(1), "two webhooks took {:?}", began.elapsed());
        sleep(LASTS).await;
        let after = workers.iter().map(Process::threads).collect::<Result<Vec<_>>>()?;
        ensure!(
            before.iter().zip(&after).all(|(before, after)| after <= before),
            "threads before {before:?}, after {after:?}"
        );
        Ok(())
    }
    .await;
    watermark("0.6").await?;
    during?;
    let ended = Instant::now();
    for call in &calls {
        stack.sandbox.logged(*call, SOON).await?;
        ensure!(stack.sandbox.logs_of(*call).await?.len() == 1, "call {call}");
    }
    println!("All are logged {:?} after the alarm.", ended.elapsed());
    for worker in &workers {
        worker.until_ready(SOON).await?;
    }
    ensure!(stack.ledger().await?.lines(|line| line.is("parked")).await? == 0, "something is parked");
    stack.down().await
}

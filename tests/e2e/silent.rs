//! A broker that accepts connections and is silent, as behind a load balancer whose target is gone: it costs the worker nothing.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::{Process, Relay, Stack, State, authority, build::call, eventually};
use tokio::time::sleep;

use crate::{CLIENT, SOON};

const ONE_ATTEMPT: Duration = Duration::from_secs(10);
const SOME_ATTEMPTS: Duration = Duration::from_secs(50);

fn sockets(worker: &Process) -> Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{}/fd", worker.pid().context("a process")?))?.count())
}

#[tokio::test]
#[ignore = "nightly: it waits for attempts that take ten seconds each"]
async fn a_silent_broker_leaves_no_threads_and_no_connections_behind() -> Result<()> {
    let mut stack = Stack::new("silent").await?;
    let relay = Relay::to(&authority(&stack.amqp_url)?).await?;
    stack.environment.insert("AMQP_URL".into(), relay.instead_of(&stack.amqp_url)?);
    let workers = stack.start_all().await?;
    let first = stack.sandbox.play(&call(CLIENT)).await?;
    stack.sandbox.logged(first, SOON).await?;
    relay.set(State::Cut);
    sleep(Duration::from_secs(1)).await;
    relay.set(State::Stalled);
    sleep(ONE_ATTEMPT).await;
    let before = (workers[2].threads()?, sockets(&workers[2])?);
    sleep(SOME_ATTEMPTS).await;
    let after = (workers[2].threads()?, sockets(&workers[2])?);
    // An attempt of each of the two links may be under way, or not.
    ensure!(after.0 <= before.0 + 2.0 && after.1 <= before.1 + 4, "threads and files: {before:?}, then {after:?}");
    relay.restore();
    let ready = || async { workers[2].readiness().await.ok()?.0.then_some(()) };
    eventually(SOON, ready).await.context("not ready again")?;
    let second = stack.sandbox.play(&call(CLIENT).lasting(70)).await?;
    stack.sandbox.logged(second, SOON).await?;
    drop(workers);
    stack.down().await
}

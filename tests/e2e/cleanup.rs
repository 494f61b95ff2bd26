//! A failing test leaves only its logs behind, and nothing on the machine or in its services.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};
use broker::topology::{self, Names};
use harness::{Process, Services, Stack, WORKERS};
use lapin::{
    Connection, ConnectionProperties, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueDeclareOptions},
    types::FieldTable,
};
use tokio::{sync::oneshot, task::JoinHandle};

/// What to look for after a stack is gone.
struct Traces {
    name: String,
    names: Names,
    pids: Vec<u32>,
    logs: PathBuf,
    /// Handles that are still held when the stack is dropped.
    _workers: Vec<Process>,
}

fn runs(pid: u32) -> Result<bool> {
    Ok(Command::new("kill").args(["-0", &pid.to_string()]).output().context("kill")?.status.success())
}

/// The queues and exchanges with these names that exist.
async fn declared(names: &Names) -> Result<Vec<String>> {
    let connection = Connection::connect(&Services::get().await?.amqp_url, ConnectionProperties::default()).await?;
    let mut there = Vec::new();
    for queue in topology::queues(names) {
        // The broker closes the channel when it answers that a queue does not exist.
        let channel = connection.create_channel().await?;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declared = channel.queue_declare(queue.name.as_str().into(), passive, FieldTable::default()).await;
        there.extend(declared.is_ok().then_some(queue.name));
    }
    for exchange in topology::exchanges(names) {
        let channel = connection.create_channel().await?;
        let passive = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
        let name = exchange.name.as_str().into();
        let declared = channel.exchange_declare(name, ExchangeKind::Topic, passive, FieldTable::default()).await;
        there.extend(declared.is_ok().then_some(exchange.name));
    }
    // The channels closed by the broker may make this fail.
    let _ = connection.close(200, "done".into()).await;
    Ok(there)
}

#[tokio::test]
async fn a_test_that_panics_leaves_no_process_no_database_and_no_queue() -> Result<()> {
    let (sender, receiver) = oneshot::channel();
    let test: JoinHandle<Result<()>> = tokio::spawn(async move {
        let (stack, workers) = Stack::running("panics").await?;
        let (name, names, logs) = (stack.name.clone(), stack.names.clone(), stack.logs.clone());
        let traces = Traces { name, names, pids: stack.pids(), logs, _workers: workers };
        // The resources that must be gone afterwards exist now.
        ensure!(traces.pids.len() == WORKERS.len() + 1, "the workers and the sandbox: {:?}", traces.pids);
        for pid in &traces.pids {
            ensure!(runs(*pid)?, "{pid} does not run");
        }
        ensure!(Services::get().await?.databases(&traces.name).await?.len() == 1);
        ensure!(declared(&traces.names).await?.len() == topology_size(&traces.names));
        ensure!(sender.send(traces).is_ok());
        panic!("as a test that fails");
    });
    let Ok(traces) = receiver.await else { return test.await? };
    assert!(test.await.is_err_and(|e| e.is_panic()));
    for pid in &traces.pids {
        assert!(!runs(*pid)?, "{pid} still runs");
    }
    assert!(Services::get().await?.databases(&traces.name).await?.is_empty());
    assert_eq!(declared(&traces.names).await?, Vec::<String>::new());
    // What people need to find the reason of a failure is kept.
    let tables = std::fs::read_to_string(traces.logs.join("tables.txt"))?;
    assert!(tables.contains("== calls\n") && tables.contains("Camille"), "{tables}");
    assert!(std::fs::read_to_string(traces.logs.join("ingest-1.log"))?.contains("Listening for HTTP."));
    Ok(())
}

fn topology_size(names: &Names) -> usize {
    topology::queues(names).len() + topology::exchanges(names).len()
}

#[tokio::test]
async fn a_stack_that_does_not_start_leaves_no_database() -> Result<()> {
    let started = Stack::with_sandbox("halfway", &["--nonsense"]).await.map(|stack| stack.name);
    assert!(started.is_err(), "{started:?}");
    assert!(Services::get().await?.databases("cb_halfway_").await?.is_empty());
    Ok(())
}

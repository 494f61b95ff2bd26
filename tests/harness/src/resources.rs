//! What a stack has taken of machine and services: processes, a database, queues.
//!
//! [`Resources::release`] gives all of it back at the end of a test; otherwise the drop does, after a panic, an error or an aborted
//! task. What people want to read after a failure is kept: the logs, and beside them the tables of the database.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use broker::topology::{self, Names};
use lapin::{
    Connection, ConnectionProperties,
    options::{ExchangeDeleteOptions, QueueDeleteOptions},
};
use tokio::{runtime, time::timeout};

use crate::{Ledger, Process, Services, database, process::Running};

/// Bounds the removal in a drop, which blocks its thread.
const REMOVED_WITHIN: Duration = Duration::from_secs(60);
/// What the database held when a test failed.
const TABLES: &str = "tables.txt";

pub(crate) struct Resources {
    /// Of the database, and the namespace of the queues.
    name: String,
    services: Services,
    logs: PathBuf,
    processes: Mutex<Vec<Weak<Running>>>,
    queues: Mutex<Vec<String>>,
    released: bool,
}

impl Resources {
    /// Creates the database; the workers declare the queues.
    pub(crate) async fn take(name: String, services: &Services, logs: PathBuf) -> Result<Self> {
        database::create(&services.database_url, &name).await?;
        let (processes, queues) = (Mutex::default(), Mutex::default());
        Ok(Self { name, services: services.clone(), logs, processes, queues, released: false })
    }

    /// The process ends with this, if not before.
    pub(crate) fn own_process(&self, process: &Process) {
        let mut processes = locked(&self.processes);
        processes.retain(|process| process.strong_count() > 0);
        processes.push(Arc::downgrade(&process.running));
    }

    /// A queue besides those of the topology, removed like them.
    pub(crate) fn own_queue(&self, queue: String) {
        locked(&self.queues).push(queue);
    }

    /// Of the processes that still run.
    pub(crate) fn pids(&self) -> Vec<u32> {
        locked(&self.processes).iter().filter_map(|process| process.upgrade()?.pid()).collect()
    }

    pub(crate) async fn release(mut self) -> Result<()> {
        self.end_processes()?;
        self.remove().await?;
        self.released = true;
        Ok(())
    }

    fn end_processes(&self) -> Result<()> {
        let running: Vec<_> = locked(&self.processes).drain(..).filter_map(|process| process.upgrade()).collect();
        let killed: Vec<_> = running.iter().map(|process| process.kill()).collect();
        killed.into_iter().collect::<Result<_, _>>().context("a process does not end")
    }

    /// After the processes: a worker whose queue is deleted declares it again.
    async fn remove(&self) -> Result<()> {
        let database = database::remove(&self.services.database_url, &self.name);
        let (queues, database) = tokio::join!(self.remove_queues(), database);
        queues.and(database)
    }

    async fn remove_queues(&self) -> Result<()> {
        let connection = Connection::connect(&self.services.amqp_url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let names = Names::new(self.name.clone());
        let others = locked(&self.queues).clone();
        for queue in topology::queues(&names).into_iter().map(|queue| queue.name).chain(others) {
            channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
        }
        for exchange in topology::exchanges(&names) {
            channel.exchange_delete(exchange.name.into(), ExchangeDeleteOptions::default()).await?;
        }
        Ok(connection.close(200, "done".into()).await?)
    }

    /// The tables are kept beside the logs, if there are any yet.
    async fn remove_after_a_failure(&self) -> Result<()> {
        let ended = self.end_processes();
        if let Ok(ledger) = Ledger::connect(&database::named(&self.services.database_url, &self.name)).await {
            std::fs::write(self.logs.join(TABLES), ledger.dump().await?).context(TABLES)?;
        }
        self.remove().await.and(ended)
    }
}

impl Drop for Resources {
    fn drop(&mut self) {
        if self.released {
            return;
        }
        // On a thread with a runtime of its own: blocking on the current runtime is not possible, and it may be shutting down.
        let removed = std::thread::scope(|scope| {
            let removal = scope.spawn(|| {
                let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(async { timeout(REMOVED_WITHIN, self.remove_after_a_failure()).await })?
            });
            removal.join().unwrap_or_else(|_| Err(anyhow!("a panic")))
        });
        match removed {
            Ok(()) => eprintln!("{} has ended early; logs and {TABLES} are in {}", self.name, self.logs.display()),
            Err(e) => eprintln!("{} has ended early, and something of it is left: {e:#}", self.name),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

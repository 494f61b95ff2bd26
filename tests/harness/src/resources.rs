//! The resources that a stack uses: processes, a database, queues.
//!
//! [`Resources::release`] frees all of them; otherwise the drop does, after a panic, an error or an aborted task. What people
//! need to read after a failure stays: the logs, and next to them a dump of the database.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use broker::topology::{self, Names};
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use tokio::{runtime, time::timeout};

use crate::{Ledger, Process, Services, database, process::Running, stack::queues};

/// The time limit of the removal in a drop, which cannot be awaited.
const REMOVED_WITHIN: Duration = Duration::from_secs(60);
/// The dump of the database when a test failed.
const TABLES: &str = "tables.txt";

pub(crate) struct Resources {
    /// The name of the database and the namespace of the queues.
    name: String,
    services: Services,
    logs: PathBuf,
    processes: Mutex<Vec<Weak<Running>>>,
    queues: Mutex<Vec<String>>,
    released: bool,
}

impl Resources {
    /// Creates the database. The queues are created by the workers that declare them.
    pub(crate) async fn take(name: String, services: &Services, logs: PathBuf) -> Result<Self> {
        database::create(&services.database_url, &name).await?;
        let (processes, queues) = (Mutex::default(), Mutex::default());
        Ok(Self { name, services: services.clone(), logs, processes, queues, released: false })
    }

    /// The process is ended with the stack, unless it ended before.
    pub(crate) fn own_process(&self, process: &Process) {
        let mut processes = locked(&self.processes);
        processes.retain(|process| process.strong_count() > 0);
        processes.push(Arc::downgrade(&process.running));
    }

    /// A queue that is not in the topology but must be removed as well.
    pub(crate) fn own_queue(&self, queue: String) {
        locked(&self.queues).push(queue);
    }

    /// Only of processes that still run.
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

    /// Call this after the processes have ended: a worker whose queue is gone would declare it again.
    async fn remove(&self) -> Result<()> {
        let database = database::remove(&self.services.database_url, &self.name);
        let (queues, database) = tokio::join!(self.remove_queues(), database);
        queues.and(database)
    }

    async fn remove_queues(&self) -> Result<()> {
        let connection = queues::connect(&self.services.amqp_url).await?;
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

    /// Writes the tables next to the logs, if the database has any yet.
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
        // On a thread with its own runtime: the current runtime must not be blocked, and may be about to end.
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

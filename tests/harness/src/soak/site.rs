//! An installation that can be broken: several of each worker, each behind its own links, and a front door that takes
//! Aircall's webhooks and passes them to any running ingest.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex as Cell, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::json;
use tokio::{sync::Mutex, time::sleep};

use super::{
    faults::{self, Planned, Service},
    verdict::Found,
};
use crate::{Process, Relay, Services, Stack, WORKERS, authority, build::Fault};

const SOON: Duration = Duration::from_secs(60);
/// Workers give their handlers 8 s after SIGTERM.
const STOPS_WITHIN: Duration = Duration::from_secs(30);

pub(super) struct Site {
    pub(super) stack: Stack,
    slots: Vec<Slot>,
    front: Relay,
    /// The current faults of the APIs, by the number of the fault.
    api_faults: Mutex<BTreeMap<usize, Fault>>,
}

/// The place of one worker, which successive processes fill.
struct Slot {
    worker: &'static str,
    replica: usize,
    broker: Relay,
    database: Relay,
    environment: BTreeMap<String, String>,
    starts: AtomicUsize,
    process: Mutex<Option<Process>>,
    /// Host and port of the latest process.
    address: Cell<Option<String>>,
}

impl Slot {
    async fn at(stack: &Stack, worker: &'static str, replica: usize) -> Result<Self> {
        let broker = Relay::to(&authority(&stack.amqp_url)?).await?;
        let database = Relay::to(&authority(&stack.database_url)?).await?;
        let mut environment = stack.environment.clone();
        environment.insert("AMQP_URL".into(), broker.instead_of(&stack.amqp_url)?);
        environment.insert("DATABASE_URL".into(), database.instead_of(&stack.database_url)?);
        Ok(Self {
            worker,
            replica,
            broker,
            database,
            environment,
            starts: AtomicUsize::new(0),
            process: Mutex::new(None),
            address: Cell::new(None),
        })
    }

    async fn start(&self, stack: &Stack) -> Result<Process> {
        let start = self.starts.fetch_add(1, Ordering::Relaxed) + 1;
        let log = format!("{}-{}.{start}", self.worker, self.replica);
        let mut process = stack.spawn(self.worker, &[], &self.environment, &log).await?;
        process.listens().await?;
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = Some(authority(&process.url)?);
        Ok(process)
    }
}

impl Site {
    /// Starts this many of each worker, all ready, with Aircall delivering to them.
    pub(super) async fn open(what: &str, replicas: usize, seed: u64) -> Result<Self> {
        let mut stack = Stack::new(what).await?;
        stack.environment.insert("RECONCILE_EVERY".into(), "10s".into());
        let mut slots = Vec::new();
        for replica in 1..=replicas {
            for worker in WORKERS {
                slots.push(Slot::at(&stack, worker, replica).await?);
            }
        }
        let site = Self { stack, slots, front: Relay::to_none().await?, api_faults: Mutex::default() };
        for slot in &site.slots {
            *slot.process.lock().await = Some(slot.start(&site.stack).await?);
        }
        site.all_are_ready().await?;
        site.stack.directory_loaded(SOON).await?;
        site.show_the_way();
        site.stack.sandbox.deliver_to(&format!("http://{}", site.front.address)).await?;
        let delivery =
            json!({ "duplicate": 0.1, "reorder": 0.1, "late": 0.1, "late_ms": 700, "seed": seed, "max_attempts": 500 });
        site.stack.sandbox.control(Method::PUT, "/aircall/delivery", Some(&delivery)).await?;
        Ok(site)
    }

    async fn all_are_ready(&self) -> Result<()> {
        for slot in &self.slots {
            if let Some(process) = slot.process.lock().await.as_ref() {
                process.until_ready(SOON).await?;
            }
        }
        Ok(())
    }

    /// Points the front door to the addresses where ingest listens now.
    fn show_the_way(&self) {
        let ingests = self.slots.iter().filter(|slot| slot.worker == "ingest");
        let addresses = ingests.filter_map(|slot| slot.address.lock().unwrap_or_else(PoisonError::into_inner).clone());
        self.front.lead_to(addresses.collect());
    }

    /// From the beginning of a fault to its end.
    pub(super) async fn inject(&self, number: usize, planned: &Planned) -> Result<()> {
        let services = Services::get().await?;
        match &planned.fault {
            faults::Fault::None => sleep(planned.lasts).await,
            faults::Fault::Killed { worker, replica } => {
                let whose = |slot: &&Slot| slot.worker == *worker && slot.replica == *replica;
                let slot = self.slots.iter().find(whose).context("a worker to kill")?;
                let mut process = slot.process.lock().await;
                if let Some(mut process) = process.take() {
                    process.kill().await?;
                }
                sleep(planned.lasts).await;
                *process = Some(slot.start(&self.stack).await?);
                self.show_the_way();
            }
            faults::Fault::Link { service, of, state } => {
                let concerned = |slot: &&Slot| of.is_none_or(|of| of == (slot.worker, slot.replica));
                let links = self.slots.iter().filter(concerned).map(|slot| match service {
                    Service::Broker => &slot.broker,
                    Service::Database => &slot.database,
                });
                let links: Vec<&Relay> = links.collect();
                links.iter().for_each(|link| link.set(*state));
                sleep(planned.lasts).await;
                links.iter().for_each(|link| link.restore());
            }
            faults::Fault::BrokerStopped => {
                services.order(&["stop-broker"]).await?;
                sleep(planned.lasts).await;
                services.order(&["start-broker"]).await?;
            }
            faults::Fault::Api { .. } => {
                self.set_api_fault(number, planned.fault.at_api()).await?;
                sleep(planned.lasts).await;
                self.set_api_fault(number, None).await?;
            }
            faults::Fault::RollingRestart => {
                for slot in &self.slots {
                    self.restart(slot).await?;
                }
            }
        }
        Ok(())
    }

    async fn set_api_fault(&self, number: usize, fault: Option<Fault>) -> Result<()> {
        let mut api_faults = self.api_faults.lock().await;
        match fault {
            Some(fault) => api_faults.insert(number, fault),
            None => api_faults.remove(&number),
        };
        self.stack.sandbox.set_faults(api_faults.values().cloned()).await
    }

    async fn restart(&self, slot: &Slot) -> Result<()> {
        let mut process = slot.process.lock().await;
        if let Some(mut process) = process.take() {
            process.terminate(STOPS_WITHIN).await?;
        }
        *process = Some(slot.start(&self.stack).await?);
        self.show_the_way();
        Ok(())
    }

    /// Pretends that two minutes have passed for leases and unclear creations, and that everything in the delay queues is due. The
    /// loggers are stopped meanwhile.
    pub(super) async fn time_passes(&self) -> Result<()> {
        let loggers = || self.slots.iter().filter(|slot| slot.worker == "logger");
        let mut stopped = Vec::new();
        for slot in loggers() {
            let mut process = slot.process.lock().await;
            if let Some(mut process) = process.take() {
                process.terminate(STOPS_WITHIN).await?;
            }
            stopped.push(process);
        }
        self.stack.ledger().await?.time_passes().await?;
        self.stack.delays_end().await?;
        for (slot, process) in loggers().zip(&mut stopped) {
            **process = Some(slot.start(&self.stack).await?);
        }
        Ok(())
    }

    pub(super) async fn found(&self) -> Result<Found> {
        Found::at(&self.stack.sandbox).await
    }

    /// Ends the workers and removes database and queues.
    pub(super) async fn close(self) -> Result<()> {
        self.stack.down().await
    }
}

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
use broker::topology::DELAYS;
use reqwest::Method;
use serde_json::json;
use tokio::{
    sync::{Mutex, RwLock},
    time::sleep,
};

use super::{
    clock,
    faults::{self, FOLLOWUPS, Planned, Service},
    follows,
    verdict::Found,
};
use crate::{Process, Relay, Services, Stack, State, WORKERS, authority, build::Fault, eventually};

/// How much a fault that loses things waits for.
const SOME: i64 = 20;
const SOON: Duration = Duration::from_secs(60);
/// Workers give their handlers 8 s after SIGTERM.
const STOPS_WITHIN: Duration = Duration::from_secs(30);

pub(super) struct Site {
    pub(super) stack: Stack,
    slots: Vec<Slot>,
    front: Relay,
    /// Whether what follows from calls is part of it.
    follows: bool,
    /// The current faults of the APIs, by the number of the planned fault.
    api_faults: Mutex<BTreeMap<usize, Vec<Fault>>>,
    /// How Sellsy gives texts back, by the number of the fault; the last one holds.
    texts: Mutex<BTreeMap<usize, &'static str>>,
    /// Held while writes may be carried out late. The ledger is not set back then, nor by an asynchronous standby: that a write is still to be carried out
    /// would be known to nobody, and such a log is created twice (docs/operating.md names the case).
    late: RwLock<()>,
    /// Held while a broker or a database is lost.
    nodes: Mutex<()>,
}

/// The place of one worker, which successive processes fill.
struct Slot {
    worker: &'static str,
    replica: usize,
    broker: Vec<Relay>,
    database: Vec<Relay>,
    environment: BTreeMap<String, String>,
    starts: AtomicUsize,
    process: Mutex<Option<Process>>,
    /// Host and port of the latest process.
    address: Cell<Option<String>>,
}

impl Slot {
    async fn at(stack: &Stack, worker: &'static str, replica: usize) -> Result<Self> {
        let (broker, amqp_url) = Relay::to_each(&stack.amqp_url).await?;
        let (database, database_url) = Relay::to_each(&stack.database_url).await?;
        let mut environment = stack.environment.clone();
        environment.extend([("AMQP_URL".into(), amqp_url), ("DATABASE_URL".into(), database_url)]);
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
        self.start_in(stack, &self.environment).await
    }

    async fn start_in(&self, stack: &Stack, environment: &BTreeMap<String, String>) -> Result<Process> {
        let start = self.starts.fetch_add(1, Ordering::Relaxed) + 1;
        let log = format!("{}-{}.{start}", self.worker, self.replica);
        let mut process = stack.spawn(self.worker, &[], environment, &log).await?;
        process.listens().await?;
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = Some(authority(&process.url)?);
        Ok(process)
    }
}

impl Site {
    /// Starts this many of each worker, all ready, with Aircall delivering to them.
    pub(super) async fn open(what: &str, replicas: usize, seed: u64, follows: bool) -> Result<Self> {
        let mut stack = Stack::new(what).await?;
        stack.environment.insert("RECONCILE_EVERY".into(), "10s".into());
        if follows {
            let file = stack.logs.join("rules.toml");
            std::fs::write(&file, follows::RULES)?;
            stack.environment.insert("RULES".into(), file.display().to_string());
            // For an action item of somebody who has no record, with an agent whom Sellsy does not have.
            stack.environment.insert("SELLSY_DEFAULT_OWNER_ID".into(), "104".into());
        }
        let mut slots = Vec::new();
        for replica in 1..=replicas {
            for worker in WORKERS.into_iter().chain(follows.then_some(FOLLOWUPS)) {
                slots.push(Slot::at(&stack, worker, replica).await?);
            }
        }
        let site = Self {
            stack,
            slots,
            front: Relay::to_none().await?,
            follows,
            api_faults: Mutex::default(),
            texts: Mutex::default(),
            late: RwLock::default(),
            nodes: Mutex::default(),
        };
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
        let lasts = planned.lasts;
        match &planned.fault {
            faults::Fault::None => sleep(lasts).await,
            faults::Fault::Killed { worker, replica } => self.kill(self.slot(worker, *replica)?, lasts).await?,
            faults::Fault::Link { service, of, state } => self.break_links(*service, *of, *state, lasts).await,
            faults::Fault::BrokerStopped => {
                let services = Services::get().await?;
                services.order(&["stop-broker"]).await?;
                sleep(lasts).await;
                services.order(&["start-broker"]).await?;
            }
            faults::Fault::Node(fault) => {
                let _one_at_a_time = self.nodes.lock().await;
                let _none_is_late = if fault.loses_seconds() { Some(self.late.write().await) } else { None };
                fault.inject(lasts).await?;
            }
            faults::Fault::Api { .. } => {
                let is_late = planned.fault.carried_out_after() > Duration::ZERO;
                let _late = if is_late { Some(self.late.read().await) } else { None };
                self.set_api_faults(number, planned.fault.at_api()).await?;
                sleep(lasts).await;
                self.set_api_faults(number, Vec::new()).await?;
                sleep(planned.fault.carried_out_after()).await;
            }
            faults::Fault::RollingRestart => {
                for slot in &self.slots {
                    self.restart(slot).await?;
                }
            }
            faults::Fault::LedgerSetBack { seconds } => self.set_ledger_back(*seconds, lasts).await?,
            faults::Fault::DelaysPurged => self.purge_delays(lasts).await?,
            faults::Fault::Clock { worker, replica, seconds } => {
                let slot = self.slot(worker, *replica)?;
                let mut environment = slot.environment.clone();
                environment.extend(clock::shifted_by(*seconds).await?);
                self.restart_in(slot, &environment).await?;
                sleep(lasts).await;
                self.restart(slot).await?;
            }
            faults::Fault::Texts(texts) => {
                self.set_texts(number, Some(texts)).await?;
                sleep(lasts).await;
                self.set_texts(number, None).await?;
            }
        }
        Ok(())
    }

    async fn kill(&self, slot: &Slot, lasts: Duration) -> Result<()> {
        let mut process = slot.process.lock().await;
        if let Some(mut process) = process.take() {
            process.kill().await?;
        }
        sleep(lasts).await;
        *process = Some(slot.start(&self.stack).await?);
        self.show_the_way();
        Ok(())
    }

    async fn break_links(&self, service: Service, of: Option<(&str, usize)>, state: State, lasts: Duration) {
        let concerned = |slot: &&Slot| of.is_none_or(|of| of == (slot.worker, slot.replica));
        let links = self.slots.iter().filter(concerned).map(|slot| match service {
            Service::Broker => &slot.broker,
            Service::Database => &slot.database,
        });
        let links: Vec<&Relay> = links.flatten().collect();
        links.iter().for_each(|link| link.set(state));
        sleep(lasts).await;
        links.iter().for_each(|link| link.restore());
    }

    /// As soon as there are logs to lose, but not later than `within`.
    async fn set_ledger_back(&self, seconds: u32, within: Duration) -> Result<()> {
        // The primary may change places or take no writes meanwhile: each try has a connection of its own.
        let some =
            || async { (self.stack.ledger().await.ok()?.logged_since(seconds).await.ok()? >= SOME).then_some(()) };
        eventually(within, some).await;
        let _none_is_late = self.late.write().await;
        let set_back = || async { self.stack.ledger().await.ok()?.set_back(seconds).await.ok() };
        let wanted = async || eventually(SOON, set_back).await.context("the ledger could not be set back");
        self.without_writers(wanted).await
    }

    /// As soon as there are messages to lose, but not later than `within`; in any case once the broker runs, if another fault
    /// has stopped it.
    async fn purge_delays(&self, within: Duration) -> Result<()> {
        let queues: Vec<_> = DELAYS.iter().map(|(rung, _)| self.stack.names.delay(rung)).collect();
        let some = || async {
            let mut delayed = 0;
            for queue in &queues {
                delayed += i64::from(self.stack.depth(queue).await.ok()?);
            }
            (delayed >= SOME).then_some(())
        };
        eventually(within, some).await;
        for queue in &queues {
            let purged = || async { self.stack.purge(queue).await.ok() };
            eventually(SOON, purged).await.with_context(|| format!("{queue} could not be purged"))?;
        }
        Ok(())
    }

    fn slot(&self, worker: &str, replica: usize) -> Result<&Slot> {
        let whose = |slot: &&Slot| slot.worker == worker && slot.replica == replica;
        self.slots.iter().find(whose).with_context(|| format!("there is no {worker} {replica}"))
    }

    async fn set_api_faults(&self, number: usize, faults: Vec<Fault>) -> Result<()> {
        let mut api_faults = self.api_faults.lock().await;
        api_faults.insert(number, faults);
        self.stack.sandbox.set_faults(api_faults.values().flatten().cloned()).await
    }

    async fn set_texts(&self, number: usize, way: Option<&'static str>) -> Result<()> {
        let mut texts = self.texts.lock().await;
        match way {
            Some(way) => texts.insert(number, way),
            None => texts.remove(&number),
        };
        self.stack.sandbox.set_texts(texts.values().last().copied().unwrap_or("as_sent")).await
    }

    async fn restart(&self, slot: &Slot) -> Result<()> {
        self.restart_in(slot, &slot.environment).await
    }

    async fn restart_in(&self, slot: &Slot, environment: &BTreeMap<String, String>) -> Result<()> {
        let mut process = slot.process.lock().await;
        if let Some(mut process) = process.take() {
            process.terminate(STOPS_WITHIN).await?;
        }
        *process = Some(slot.start_in(&self.stack, environment).await?);
        self.show_the_way();
        Ok(())
    }

    /// Pretends that two minutes have passed for leases and unclear creations, and that everything in the delay queues is due.
    pub(super) async fn time_passes(&self) -> Result<()> {
        let pass = async || {
            self.stack.ledger().await?.time_passes().await?;
            self.stack.delays_end().await
        };
        self.without_writers(pass).await
    }

    /// Does something while nobody writes into Sellsy.
    async fn without_writers(&self, what: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
        let writers = || self.slots.iter().filter(|slot| ["logger", FOLLOWUPS].contains(&slot.worker));
        let mut stopped = Vec::new();
        for slot in writers() {
            let mut process = slot.process.lock().await;
            if let Some(mut process) = process.take() {
                process.terminate(STOPS_WITHIN).await?;
            }
            stopped.push(process);
        }
        what().await?;
        for (slot, process) in writers().zip(&mut stopped) {
            **process = Some(slot.start(&self.stack).await?);
        }
        Ok(())
    }

    /// Memory and threads of each worker that runs.
    pub(super) async fn sizes(&self) -> String {
        let mut sizes = Vec::new();
        for slot in &self.slots {
            let process = slot.process.lock().await;
            if let Some((mb, threads)) = process.as_ref().and_then(|p| Some((p.rss_mb().ok()?, p.threads().ok()?))) {
                let nth = slot.starts.load(Ordering::Relaxed);
                sizes.push(format!("{} {} (start {nth}) {mb:.1} MB {threads} threads", slot.worker, slot.replica));
            }
        }
        sizes.join(", ")
    }

    /// Somebody writes, and perhaps it turns out later that it did not arrive.
    pub(super) async fn text(&self, text: &follows::Text) -> Result<()> {
        let sandbox = &self.stack.sandbox;
        sandbox.control(Method::POST, "/aircall/messages", Some(&text.order)).await?;
        if let Some(after) = text.fails_after {
            sleep(after).await;
            let failed = json!({ "status": "failed" });
            sandbox.control(Method::POST, &format!("/aircall/messages/{}/status", text.id), Some(&failed)).await?;
        }
        Ok(())
    }

    pub(super) async fn found(&self) -> Result<Found> {
        Found::at(&self.stack.sandbox, self.follows).await
    }

    /// Ends the workers and removes database and queues.
    pub(super) async fn close(self) -> Result<()> {
        self.stack.down().await
    }
}

//! Whole calls through one of each worker: the phone rings, the card appears, the call ends, its log reaches Sellsy.
//!
//! The time until a log is written is measured at a rate far from the limit. The throughput is measured with a fixed number of
//! calls in flight: a new one begins only when one is done, so the backlog cannot grow, whatever the rate.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use harness::{NO_QUOTAS, Process, Stack, WORKERS};
use tokio::task::JoinSet;

use crate::{
    bare::Bare,
    load::{self, Line},
    machine,
    people::{self, Records, national},
    vendors::{Vendors, What},
};

/// A call that takes longer counts as lost.
const LOST_AFTER: Duration = Duration::from_secs(60);
/// The directory's pages are fetched one after the other; this limit allows for a machine that is much slower than ours.
const LOADED_WITHIN: Duration = Duration::from_secs(600);
const SOON: Duration = Duration::from_secs(30);

/// Workers with the directory loaded, and the source of new call ids.
pub(crate) struct Site {
    pub(crate) stack: Stack,
    pub(crate) workers: Vec<Process>,
    pub(crate) vendors: Vendors,
    /// From start to ready.
    pub(crate) ready: BTreeMap<&'static str, Duration>,
    next: Arc<AtomicI64>,
    people: usize,
}

impl Site {
    pub(crate) async fn up(records: &Records) -> Result<Self> {
        Self::up_with(records, &[]).await
    }

    /// With other settings than the defaults.
    pub(crate) async fn up_with(records: &Records, settings: &[(&str, &str)]) -> Result<Self> {
        let mut stack = Stack::with_accounts("bench", &people::account(records)?, &NO_QUOTAS).await?;
        stack.environment.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let vendors = Vendors::of(&mut stack).await?;
        let (mut workers, mut ready) = (Vec::new(), BTreeMap::new());
        for worker in WORKERS {
            let began = Instant::now();
            let process = stack.start(worker).await?;
            process.until_ready(SOON).await?;
            ready.insert(worker, began.elapsed());
            workers.push(process);
        }
        stack.directory_loaded(LOADED_WITHIN).await?;
        let next = Arc::new(AtomicI64::new(3_811_600_001));
        Ok(Self { stack, workers, vendors, ready, next, people: people::count(records) })
    }

    fn caller(&self) -> Caller {
        Caller {
            ingest: self.workers[0].url.clone(),
            vendors: self.vendors.clone(),
            next: self.next.clone(),
            people: self.people,
        }
    }

    /// Runs calls one after the other on this many lines; returns how many per second were logged, and how long each log took.
    pub(crate) async fn closed_loop(&self, lines: usize, lasts: Duration) -> Result<(f64, Vec<Duration>)> {
        let (began, until) = (Instant::now(), Instant::now() + lasts);
        let mut callers = JoinSet::new();
        for _ in 0..lines {
            let caller = self.caller();
            callers.spawn(async move {
                let (mut line, mut took) = (Line::to(&caller.ingest).await?, Vec::new());
                while Instant::now() < until {
                    took.push(caller.call(&mut line, Duration::ZERO).await?);
                }
                anyhow::Ok(took)
            });
        }
        let took = all(callers).await?;
        Ok((took.len() as f64 / began.elapsed().as_secs_f64(), took))
    }

    /// Starts this many calls per second, however long each takes; returns the times from `call.ended` to the log.
    pub(crate) async fn at_rate(&self, per_s: u32, lasts: Duration) -> Result<Vec<Duration>> {
        let turn = Duration::from_secs(1) / per_s;
        let begin = Instant::now();
        let (mut due, mut calls) = (begin, JoinSet::new());
        // As many lines as calls may be in flight; each line is used by one call after the other.
        let lines = (per_s as usize).max(8);
        let (give, take) = tokio::sync::mpsc::channel(lines);
        for _ in 0..lines {
            give.send(Line::to(&self.workers[0].url).await?).await?;
        }
        let take = Arc::new(tokio::sync::Mutex::new(take));
        while due < begin + lasts {
            tokio::time::sleep_until(due.into()).await;
            let (caller, give, take) = (self.caller(), give.clone(), take.clone());
            calls.spawn(async move {
                let mut line = take.lock().await.recv().await.context("a line")?;
                let took = caller.call(&mut line, Duration::from_millis(300)).await?;
                give.send(line).await?;
                anyhow::Ok(vec![took])
            });
            due += turn;
        }
        all(calls).await
    }

    /// Runs one call after the other; returns how long each took from the ring to the log.
    pub(crate) async fn whole_calls(&self, lasts: Duration) -> Result<Vec<Duration>> {
        let (caller, until, mut took) = (self.caller(), Instant::now() + lasts, Vec::new());
        let mut line = Line::to(&caller.ingest).await?;
        while Instant::now() < until {
            let began = Instant::now();
            caller.call(&mut line, Duration::ZERO).await?;
            took.push(began.elapsed());
        }
        Ok(took)
    }

    /// Runs this many calls on so many lines, with a short conversation each; returns the webhooks of their ends.
    pub(crate) async fn some_calls(&self, calls: usize, lines: usize) -> Result<Vec<String>> {
        let left = Arc::new(AtomicI64::new(i64::try_from(calls)?));
        let mut callers = JoinSet::new();
        for _ in 0..lines {
            let (caller, left) = (self.caller(), left.clone());
            callers.spawn(async move {
                let (mut line, mut ends) = (Line::to(&caller.ingest).await?, Vec::new());
                while left.fetch_sub(1, Ordering::Relaxed) > 0 {
                    ends.push(caller.whole(&mut line, Duration::from_millis(300)).await?.1);
                }
                anyhow::Ok(ends)
            });
        }
        all(callers).await
    }

    /// Starts one more replica and waits until it is ready.
    pub(crate) async fn one_more(&mut self, worker: &str) -> Result<()> {
        let process = self.stack.start(worker).await?;
        process.until_ready(SOON).await?;
        self.workers.push(process);
        Ok(())
    }

    pub(crate) async fn all_but_ingest_end(&mut self) -> Result<()> {
        for mut worker in self.workers.drain(1..) {
            worker.terminate(SOON).await?;
        }
        Ok(())
    }

    /// Copies a logged call with its timeline until the ledger has this many.
    pub(crate) async fn fill_ledger(&self, calls: i64) -> Result<()> {
        self.whole_calls(Duration::from_millis(200)).await?;
        self.stack.ledger().await?.fill(calls).await
    }

    pub(crate) fn cpu(&self) -> Result<BTreeMap<&'static str, Duration>> {
        WORKERS.iter().zip(&self.workers).map(|(worker, process)| Ok((*worker, machine::cpu(process)?))).collect()
    }

    pub(crate) fn rss_mb(&self) -> Result<BTreeMap<&'static str, f64>> {
        WORKERS.iter().zip(&self.workers).map(|(worker, process)| Ok((*worker, process.rss_mb()?))).collect()
    }

    pub(crate) async fn bare(&self) -> Result<Bare> {
        Bare::open(&self.stack).await
    }

    pub(crate) async fn down(self) -> Result<()> {
        ensure!(self.vendors.doubled() == 0, "{} calls were logged twice", self.vendors.doubled());
        drop(self.workers);
        self.stack.down().await
    }
}

struct Caller {
    ingest: String,
    vendors: Vendors,
    next: Arc<AtomicI64>,
    people: usize,
}

impl Caller {
    /// The phone rings, the conversation lasts this long after the card has appeared, and ends. Returns the time from then to the log.
    async fn call(&self, line: &mut Line, talks: Duration) -> Result<Duration> {
        Ok(self.whole(line, talks).await?.0)
    }

    /// The same, with the webhook of the end.
    async fn whole(&self, line: &mut Line, talks: Duration) -> Result<(Duration, String)> {
        let call = self.next.fetch_add(1, Ordering::Relaxed);
        let number = format!("+33 {}", national(usize::try_from(call)? % self.people));
        let (card, log) = (self.vendors.next(What::Card, call), self.vendors.next(What::Log, call));
        line.send(&load::created(call, &number)).await?;
        tokio::time::timeout(LOST_AFTER, card).await.with_context(|| format!("call {call} has no card"))??;
        if !talks.is_zero() {
            tokio::time::sleep(talks).await;
        }
        let (ended, webhook) = (Instant::now(), load::ended(call, &number));
        line.send(&webhook).await?;
        let logged =
            tokio::time::timeout(LOST_AFTER, log).await.with_context(|| format!("call {call} has no log"))??;
        Ok((logged.saturating_duration_since(ended), webhook))
    }
}

async fn all<T: 'static>(mut callers: JoinSet<Result<Vec<T>>>) -> Result<Vec<T>> {
    let mut all = Vec::new();
    while let Some(took) = callers.join_next().await {
        all.extend(took??);
    }
    Ok(all)
}

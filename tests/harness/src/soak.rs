//! A soak: thousands of calls under random faults, all made from one seed, checked by one assertion at the end.
//!
//! [`script`] makes the calls and knows the expected result of each, [`faults`] plans what breaks when, [`site`] is the
//! installation under test, [`cluster`] what may happen to its nodes, [`settle`] waits until all work is done, [`verdict`] compares Sellsy with the expected result. Calls
//! and plan follow from the seed, but their interleaving with the workers does not, so a failing seed may need a few runs to
//! fail again.

pub mod callers;
mod clock;
pub mod cluster;
pub mod faults;
mod follows;
pub mod script;
mod settle;
mod site;
pub mod verdict;

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use fastrand::Rng;
use jiff::Timestamp;
use tokio::{
    sync::oneshot::{self, error::TryRecvError},
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

pub use faults::Means;
use faults::Planned;
use follows::{Held, Ordered, Text};
use script::{Call, Load, Truth};
pub use settle::Settled;
use site::Site;

const LOOKS_EVERY: Duration = Duration::from_millis(100);
/// By then a worker is as large as it gets, if it loses nothing.
const SIZED_AFTER: Duration = Duration::from_secs(300);

/// What to run.
#[derive(Clone, Debug)]
pub struct Soak {
    /// A short name, for the database and the folder of the logs.
    pub name: &'static str,
    pub seed: u64,
    pub load: Load,
    pub faults: Vec<Planned>,
    pub replicas: usize,
    /// How long after the last fault nothing may change while the result is still wrong.
    pub patience: Duration,
    /// Whether stored times are moved back then, to shorten the wait.
    pub hurry: bool,
}

impl Soak {
    /// A mixture of all faults.
    pub fn mixture(seed: u64, load: Load, means: Means) -> Self {
        let longest = Duration::from_secs(if load.over > Duration::from_secs(120) { 20 } else { 6 });
        // Different numbers than the ones the script is made from.
        let faults = faults::plan(&mut Rng::with_seed(!seed), load.over, longest, means);
        // Less than the time that reconciliation leaves to the webhooks, or it would make up for one that ingest lost.
        let patience = Duration::from_secs(150);
        Self { name: "soak", seed, load, faults, replicas: means.replicas, patience, hurry: true }
    }

    /// Runs it and reports progress. Wrong results are in the returned verdict; an error means that the run could not be
    /// completed.
    pub async fn run(self) -> Result<Settled> {
        let soak = Arc::new(self);
        let site = Arc::new(Site::open(soak.name, soak.replicas, soak.seed, soak.load.follows).await?);
        println!("seed {}; logs in {}", soak.seed, site.stack.logs.display());
        let begins_s = Timestamp::now().as_second();
        let calls = script::write(&mut Rng::with_seed(soak.seed), soak.load, begins_s);
        let truths: Vec<Truth> = calls.iter().map(|call| call.truth.clone()).collect();
        let ordered = if soak.load.follows { Some(soak.ordered(&site, &truths, begins_s).await?) } else { None };
        let texts = ordered.as_ref().map(|ordered| ordered.texts.clone()).unwrap_or_default();
        println!("{} calls in {} s, {} of each worker", calls.len(), soak.load.over.as_secs(), soak.replicas);
        let began = Instant::now();
        let (healed, pause) =
            soak.clone().happen(&site, calls, texts, began).await.with_context(|| soak.how_to_repeat())?;
        say(began, format_args!("all calls are made and all faults over; waiting until everything has settled"));
        let settled = settle::settle(&site, &truths, ordered.as_ref(), healed, soak.patience, soak.hurry).await?;
        let settled = Settled { longest_pause: pause, ..settled };
        say(began, format_args!("{}", settled.verdict.to_string().trim_end()));
        if settled.verdict.is_clean() {
            let site = Arc::into_inner(site).context("somebody still uses the site")?;
            site.close().await?;
        } else {
            say(began, format_args!("NOT AS IT SHOULD BE. {}", soak.how_to_repeat()));
        }
        Ok(settled)
    }

    /// The text messages, and what there is before. With a standby that lacks the last second there are none: nobody can be asked for those
    /// that it lacks.
    async fn ordered(&self, site: &Site, truths: &[Truth], begins_s: i64) -> Result<Ordered> {
        let loses_messages = self.faults.iter().any(|planned| planned.fault.loses_seconds());
        let mut rng = Rng::with_seed(self.seed.rotate_left(17));
        let texts = if loses_messages { Vec::new() } else { follows::texts(&mut rng, self.load, truths, begins_s) };
        Ok(Ordered { texts, before: Held::at(&site.stack.sandbox).await? })
    }

    fn how_to_repeat(&self) -> String {
        let (seconds, calls) = (self.load.over.as_secs(), self.load.calls);
        format!("To repeat it: target/debug/soak --seed {} --seconds {seconds} --calls {calls}", self.seed)
    }

    /// Runs calls and faults side by side. Returns when the last of both was over, and the longest time without a new log.
    async fn happen(
        self: Arc<Self>,
        site: &Arc<Site>,
        calls: Vec<Call>,
        texts: Vec<Text>,
        began: Instant,
    ) -> Result<(Instant, Duration)> {
        let mut happens = JoinSet::new();
        let (all_are_played, end) = oneshot::channel::<()>();
        let pause = tokio::spawn(longest_pause(site.clone(), end));
        for (number, planned) in self.faults.iter().cloned().enumerate() {
            let site = site.clone();
            happens.spawn(async move {
                sleep_until(began + planned.at).await;
                say(began, format_args!("{}, for {:.1} s", planned.fault, planned.lasts.as_secs_f64()));
                site.inject(number, &planned).await.with_context(|| planned.fault.to_string())
            });
        }
        for text in texts {
            let sandbox = site.clone();
            happens.spawn(async move {
                sleep_until(began + text.at).await;
                sandbox.text(&text).await
            });
        }
        let player = site.clone();
        happens.spawn(async move {
            for call in calls {
                sleep_until(began + call.at).await;
                player.stack.sandbox.play(&call.play).await?;
            }
            drop(all_are_played);
            Ok(())
        });
        if self.load.over > SIZED_AFTER {
            let site = site.clone();
            happens.spawn(async move {
                sleep_until(began + SIZED_AFTER).await;
                say(began, format_args!("{}", site.sizes().await));
                Ok(())
            });
        }
        while let Some(ended) = happens.join_next().await {
            ended??;
        }
        say(began, format_args!("{}", site.sizes().await));
        Ok((Instant::now(), pause.await??))
    }
}

/// The longest time in which Sellsy got no new log, from the first one until all calls are made.
async fn longest_pause(site: Arc<Site>, mut end: oneshot::Receiver<()>) -> Result<Duration> {
    let (mut logs, mut since, mut longest) = (0, None::<Instant>, Duration::ZERO);
    while end.try_recv() == Err(TryRecvError::Empty) {
        let now = site.stack.sandbox.count("sellsy", "POST /phone-calls").await?;
        longest = longest.max(since.map_or(Duration::ZERO, |since| since.elapsed()));
        if now > logs {
            (logs, since) = (now, Some(Instant::now()));
        }
        sleep(LOOKS_EVERY).await;
    }
    Ok(longest)
}

fn say(began: Instant, what: std::fmt::Arguments<'_>) {
    println!("{:>7.1} s  {what}", began.elapsed().as_secs_f64());
}

//! One budget per API, shared by all processes: every request first takes from it.
//!
//! The windows (a second, a minute, a day) are rows in PostgreSQL, moved by one statement and by the database's clock, so
//! that however many replicas run, together they stay within the limits. A process asks for as many requests as wait in
//! it, or for twice as many as the last time if it has used those up within a moment, up to a slice that is sized to the rate;
//! what is not used within a moment is forgone. `governor` keeps one process
//! within the same limits whatever the store says. What the API tells of itself only ever lowers: a 429 pauses everybody,
//! little left that we did not use ourselves holds back everything but ringing calls.
//!
//! Nothing goes around it: [`crate::api::Api`] cannot be built without a budget, and without the database nothing is sent.
//! The probes of an API that is away (`api/outage.rs`) pass over the pause that it causes, but not over the windows.

mod lane;
pub mod plan;
mod state;
mod store;
mod watch;

use std::{
    num::NonZeroU32,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use base::{
    db::Database,
    error::{Error, Remedy, Result},
    health::Condition,
    ids::Vendor,
};
use governor::{Quota, RateLimiter};
use tokio::{
    sync::{Mutex, OnceCell},
    time::{self, Instant},
};

use crate::vendor::{Named, named};
pub use lane::Lane;
pub use plan::Span;
use plan::Window;
pub use state::Limits;
use state::{Queue, Shared, Slice};
use store::Lease;
pub use store::{Seen, seen, used_up, waiting};

/// Background that has waited so long goes with bulk: the directory must not go stale because there is always work.
const BACKGROUND_WAITS: Duration = Duration::from_secs(5);
/// How old a request that was taken may be when it is sent; more would be a burst that the plan does not know of.
const FRESH: Duration = Duration::from_millis(200);
/// A slice is what may be sent in this time.
const SLICE_S: f64 = 0.05;
/// How often one process may tell the store what the API says is left.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// When waiting ran out and the store did not say for how long it would have been.
const PUT_ASIDE: Duration = Duration::from_secs(5);

/// Who takes from a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A worker writes down the limits that its settings have, and tells the others when the API does not answer.
    Worker(&'static str),
    /// A command, whose settings may be others than the workers': the limits that they have declared hold, and what it meets
    /// stops nobody.
    Guest(&'static str),
}

#[derive(Clone)]
pub struct Budget(Arc<Shared>);

/// Why everybody waits while an API is away. It stands in the store, where all replicas read it.
const AWAY: &str = "it does not answer";

impl Budget {
    pub fn new(database: Database, role: Role, api: Vendor, limits: Limits) -> Self {
        let (Role::Worker(process) | Role::Guest(process)) = role;
        let is_guest = matches!(role, Role::Guest(_));
        let own = limits.0.iter().filter_map(|(span, limit)| quota(*span, *limit));
        let per_s = limits.0.iter().map(|(span, limit)| f64::from(limit.get()) / span.length_s());
        let slice = per_s.reduce(f64::min).map_or(1.0, |per_s| per_s * SLICE_S).clamp(1.0, 100.0);
        let shared = Shared {
            database,
            api,
            slice: slice as u32,
            lanes: Default::default(),
            own: own.map(RateLimiter::direct).collect(),
            limits,
            declared: OnceCell::new_with(is_guest.then_some(())),
            is_guest,
            told: Mutex::default(),
            condition: OnceLock::new(),
        };
        let budget = Self(Arc::new(shared));
        tokio::spawn(watch::run(Arc::downgrade(&budget.0), process));
        budget
    }

    pub(crate) fn is_guest(&self) -> bool {
        self.0.is_guest
    }

    /// Returns when a request may be sent. An error means that nothing may be: the database is away, or it would take
    /// longer than the lane's patience; then the error says when to come back.
    pub async fn take(&self, lane: Lane) -> Result<()> {
        let queue = &self.0.lanes[lane as usize];
        let began = Instant::now();
        let waiting = Waiting::new(&queue.waiting);
        let taken = time::timeout(lane.patience(), self.turn(lane, queue, began)).await;
        drop(waiting);
        metrics::histogram!("callbridge_budget_wait_seconds", "api" => self.0.api.as_str(), "lane" => lane.as_str())
            .record(began.elapsed().as_secs_f64());
        taken.unwrap_or_else(|_| Err(self.exhausted(PUT_ASIDE, "others are before it")))?;
        for limiter in &self.0.own {
            limiter.until_ready().await;
        }
        Ok(())
    }

    async fn turn(&self, lane: Lane, queue: &Queue, began: Instant) -> Result<()> {
        let mut slice = queue.turn.lock().await;
        if slice.left > 0 && slice.is_fresh() {
            slice.left -= 1;
            return Ok(());
        }
        // The settings of this process win over what an earlier one wrote down.
        self.0.declared.get_or_try_init(|| self.declare()).await?;
        loop {
            let patient = lane == Lane::Background && began.elapsed() > BACKGROUND_WAITS;
            let as_lane = if patient { Lane::Bulk } else { lane };
            let want = slice.next(queue.waiting.load(Ordering::Relaxed), self.0.slice);
            let lease = store::take(&self.0.database.client().await?, self.0.api, as_lane, want).await?;
            match lease {
                Lease::Granted(granted) => {
                    self.answers();
                    *slice = Slice { left: granted - 1, until: Some(Instant::now() + FRESH), size: granted };
                    return Ok(());
                }
                Lease::Undeclared => self.declare().await?,
                Lease::Wait { why, .. } if why == AWAY => return Err(self.is_away()),
                Lease::Wait { after, why } if began.elapsed() + after > lane.patience() => {
                    return Err(self.exhausted(after, &why));
                }
                Lease::Wait { after, .. } => time::sleep(after).await,
            }
        }
    }

    /// A part of the worker's readiness from now on.
    pub(crate) fn report_to(&self, condition: Condition) {
        condition.met();
        let _ = self.0.condition.set(condition);
    }

    pub(crate) fn api(&self) -> &'static str {
        self.0.api.as_str()
    }

    /// The API answers nobody: every process stops for so long.
    pub(crate) async fn away(&self, pause: Duration) {
        self.is_away();
        let paused = async { store::away(&self.0.database.client().await?, self.0.api, pause, AWAY).await };
        if let Err(e) = paused.await {
            tracing::warn!(api = self.api(), error = %e, "The others could not be told that an API is away.");
        }
    }

    /// Whether a probe may be sent now, while everybody else is paused because the API is away.
    pub(crate) async fn may_probe(&self) -> bool {
        loop {
            let lease = async { store::probe(&self.0.database.client().await?, self.0.api, AWAY).await };
            match lease.await {
                Ok(Lease::Granted(_)) => return true,
                Ok(Lease::Wait { after, .. }) => time::sleep(after.min(PUT_ASIDE)).await,
                // Without the store nothing is sent.
                Ok(Lease::Undeclared) | Err(_) => return false,
            }
        }
    }

    /// It answers again: nobody needs to wait any longer.
    pub(crate) async fn back(&self) {
        self.answers();
        let back = async { store::end_pause(&self.0.database.client().await?, self.0.api, AWAY).await };
        if let Err(e) = back.await {
            tracing::warn!(api = self.api(), error = %e, "The pause of an API could not be ended; it ends by itself.");
        }
    }

    fn is_away(&self) -> Error {
        let Named { name: api, unavailable: code, .. } = named(self.0.api);
        if let Some(condition) = self.0.condition.get() {
            condition.unmet(format!("{api} does not answer; work waits for it"));
        }
        Error::new(*code, Remedy::AwaitApi, format!("{api} was not asked: {AWAY}"))
    }

    fn answers(&self) {
        if let Some(condition) = self.0.condition.get() {
            condition.met();
        }
    }

    fn exhausted(&self, after: Duration, why: &str) -> Error {
        let Named { name: api, budget: code, .. } = named(self.0.api);
        Error::new(*code, Remedy::Defer { after }, format!("{api} was not asked, the turn has not come: {why}"))
    }

    /// Writes down the windows: what the settings allow, or less if the API itself told of less.
    async fn declare(&self) -> Result<()> {
        let mut client = self.0.database.client().await?;
        let told = store::told_limits(&client, self.0.api).await?;
        let windows = windows(&self.0.limits, &told);
        store::declare(&mut client, self.0.api, &windows).await
    }

    /// Whether it falls to this process to ask the API for its limits: once in `every`, one of all does.
    pub(crate) async fn asks_for_limits(&self, every: Duration) -> Result<bool> {
        // At the first start ever, the tables are not there yet.
        self.0.database.available().await;
        store::claim_asking(&self.0.database.client().await?, self.0.api, every).await
    }

    /// What the API allows; it counts where the settings allow more.
    pub(crate) async fn cap(&self, told: &[(Span, u32)]) -> Result<()> {
        store::keep_told_limits(&self.0.database.client().await?, self.0.api, told).await?;
        self.declare().await
    }

    /// A request was refused with 429: every process stops for a while.
    pub(crate) async fn refused(&self, after: Option<Duration>) {
        let paused = async {
            let client = self.0.database.client().await?;
            store::pause(&client, self.0.api, after, "the API refused a request (429)").await
        };
        if let Err(e) = paused.await {
            tracing::warn!(api = self.0.api.as_str(), error = %e, "A refused request could not be told to the others.");
        }
    }

    /// What the API says is left in its windows. Only little is worth telling the others.
    pub(crate) async fn told(&self, remaining: &[(Span, i64)]) {
        // With the floor that others must leave us before anything but a ringing call is sent.
        let little = |(span, remaining): &(Span, i64)| {
            let limit = self.0.limits.0.iter().find(|(of, _)| of == span).map(|(_, limit)| i64::from(limit.get()))?;
            let floor = match span {
                // Too short for anybody to be told in time.
                Span::Second => return None,
                Span::Minute => (limit / 20).max(2),
                Span::Day => (limit / 100).max(2),
            };
            (*remaining < floor).then_some((*span, *remaining, floor))
        };
        let little: Vec<_> = remaining.iter().filter_map(little).collect();
        if little.is_empty() {
            return;
        }
        let mut last = self.0.told.lock().await;
        if last.is_some_and(|last| last.elapsed() < TELL_EVERY) {
            return;
        }
        *last = Some(Instant::now());
        for (span, remaining, floor) in little {
            let told =
                async { store::told(&self.0.database.client().await?, self.0.api, span, remaining, floor).await };
            if let Err(e) = told.await {
                tracing::warn!(api = self.0.api.as_str(), error = %e, "What the API has left could not be told.");
            }
        }
    }
}

/// The lower of both counts, and a limit that only one of them knows.
fn windows(set: &Limits, told: &[(Span, u32)]) -> Vec<Window> {
    let of_settings = |span: Span| set.0.iter().find(|(of, _)| *of == span).map(|(_, limit)| *limit);
    let of_the_api =
        |span: Span| told.iter().find(|(of, _)| *of == span).and_then(|(_, limit)| NonZeroU32::new(*limit));
    let limit = |span: Span| [of_settings(span), of_the_api(span)].into_iter().flatten().min();
    Span::ALL.into_iter().filter_map(|span| Some(plan::window(span, limit(span)?))).collect()
}

/// Counts a waiting request as long as it lives.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// For `governor`: this many in a window, a tenth of them at once. A day is not for one process to keep.
fn quota(span: Span, limit: NonZeroU32) -> Option<Quota> {
    let burst = NonZeroU32::new(limit.get() / 10).unwrap_or(NonZeroU32::MIN);
    let every = Duration::from_secs_f64(span.length_s() / f64::from(limit.get()));
    Quota::with_period(every).filter(|_| span != Span::Day).map(|quota| quota.allow_burst(burst))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_grows_only_while_it_is_used_up_in_time() {
        let (now, fresh) = (Instant::now(), FRESH);
        let slice = |left, until, size| Slice { left, until, size };
        for (slice, waiting, expected) in [
            (Slice::default(), 1, 1),
            (Slice::default(), 5, 5),
            (slice(0, Some(now + fresh), 4), 1, 8),
            (slice(0, Some(now + fresh), 4), 20, 20),
            (slice(0, Some(now + fresh), 80), 1, 100),
            // Too late, or not all used: what nobody needed is forgone, and no more than wait are asked for.
            (slice(0, Some(now), 4), 2, 2),
            (slice(3, Some(now), 4), 2, 2),
        ] {
            assert_eq!(slice.next(waiting, 100), expected, "{} left of {}", slice.left, slice.size);
        }
    }

    #[test]
    fn the_lower_limit_counts() {
        let limit = |n| NonZeroU32::new(n).unwrap();
        let set = Limits(vec![(Span::Second, limit(5)), (Span::Minute, limit(120))]);
        let of =
            |told: &[(Span, u32)]| windows(&set, told).iter().map(|w| (w.span, w.max_requests)).collect::<Vec<_>>();
        assert_eq!(of(&[]), [(Span::Second, 5), (Span::Minute, 120)]);
        assert_eq!(of(&[(Span::Second, 24), (Span::Minute, 60)]), [(Span::Second, 5), (Span::Minute, 60)]);
        assert_eq!(of(&[(Span::Day, 1000)]), [(Span::Second, 5), (Span::Minute, 120), (Span::Day, 1000)]);
    }
}

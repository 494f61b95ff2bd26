//! One budget per API, shared by all processes: every request takes from it before it is sent.
//!
//! The windows (a second, a minute, a day, a month) are rows in PostgreSQL, updated by one statement and the database's clock, so
//! that any number of replicas together stays within the limits. A process takes a slice of several requests: as many as are
//! waiting in it, or twice as many as last time if those were used up in time ([`FRESH`]), at most the largest slice, which
//! depends on the rate. Requests of a slice that are not used in time are lost. `governor` keeps each process within the same
//! limits, whatever the database says. What the API itself reports can only lower the budget: a 429 pauses all processes, and
//! if others use up the quota, only cards are sent.
//!
//! Nothing bypasses it: [`crate::api::Api`] cannot be built without a budget, and without the database nothing is sent. The
//! probes of an unavailable API (`api/outage.rs`) ignore the pause that the outage causes, but not the windows.

mod lane;
pub mod plan;
mod state;
mod store;
mod watch;

use std::{
    num::NonZeroU32,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use base::{
    db::{Client, Database},
    error::{Error, Remedy, Result},
    health::Condition,
    ids::Vendor,
};
use governor::{Quota, RateLimiter};
use tokio::{
    sync::{Mutex, OnceCell},
    time::{self, Instant},
};

use crate::vendor::{Profile, profile};
pub use lane::Lane;
pub use plan::Span;
use plan::Window;
pub use state::Limits;
use state::{Queue, Shared, Slice};
use store::Grant;
pub use store::{WindowStatus, exhausted_apis, waiting_apis, window_status};

/// After waiting this long, background requests count as bulk: constant work must not leave the directory out of date.
const BACKGROUND_BECOMES_BULK: Duration = Duration::from_secs(5);
/// How long after it was taken a request may be sent. Sending it later could add to a burst above the limits.
const FRESH: Duration = Duration::from_millis(200);
/// The largest slice is what may be sent in this time.
const SLICE_S: f64 = 0.05;
/// A request for a log or an insight that waits longer than this waits for others: see [`state::Strain`].
const LONG_WAIT: Duration = Duration::from_secs(2);
/// How often one process may report the API's remaining requests to the database.
const REPORT_EVERY: Duration = Duration::from_millis(250);
/// For how long to defer if the lane's patience ended before the database gave a time.
const DEFAULT_DEFER: Duration = Duration::from_secs(5);

/// Who takes from a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A worker stores the limits of its settings, and pauses all processes when the API does not answer.
    Worker(&'static str),
    /// An operator's command, whose settings may differ from the workers'. It uses the limits that the workers have stored, and
    /// its failures pause no other process.
    Guest(&'static str),
}

#[derive(Clone)]
pub struct Budget(Arc<Shared>);

/// The reason of the pause while an API is unavailable. It is stored, and all replicas compare it.
const UNAVAILABLE: &str = "it does not answer";

impl Budget {
    pub fn new(database: Database, role: Role, api: Vendor, limits: Limits) -> Self {
        let (Role::Worker(process) | Role::Guest(process)) = role;
        let is_guest = matches!(role, Role::Guest(_));
        let local = limits.0.iter().filter_map(|(span, limit)| quota(*span, *limit));
        let per_s = limits.0.iter().map(|(span, limit)| f64::from(limit.get()) / span.length_s());
        let slice = per_s.reduce(f64::min).map_or(1.0, |per_s| per_s * SLICE_S).clamp(1.0, 100.0);
        let shared = Shared {
            database,
            api,
            largest_slice: slice as u32,
            lanes: Default::default(),
            local: local.map(RateLimiter::direct).collect(),
            limits,
            declared: OnceCell::new_with(is_guest.then_some(())),
            is_guest,
            known: std::sync::Mutex::default(),
            last_report: Mutex::default(),
            condition: OnceLock::new(),
            unavailable: AtomicBool::new(false),
            refused: AtomicBool::new(false),
            strain: std::sync::Mutex::default(),
        };
        let budget = Self(Arc::new(shared));
        tokio::spawn(watch::run(Arc::downgrade(&budget.0), process));
        budget
    }

    pub(crate) fn is_guest(&self) -> bool {
        self.0.is_guest
    }

    /// Returns when one request may be sent. An error means that none may be sent: the database or the API is unavailable, or
    /// the wait would exceed the lane's patience; then the error says when to retry.
    pub async fn acquire(&self, lane: Lane) -> Result<()> {
        let queue = &self.0.lanes[lane as usize];
        let began = Instant::now();
        let waiting = Waiting::new(&queue.waiting);
        let taken = time::timeout(lane.patience(), self.take_from_slice(lane, queue, began)).await;
        drop(waiting);
        let has_waited = match &taken {
            Ok(Ok(())) => began.elapsed() > LONG_WAIT,
            Err(_) => true,
            // If the database or the API is unavailable, or busy, that is not for lack of requests.
            Ok(Err(e)) => matches!(e.remedy, Remedy::Defer { .. }) && !e.is_of_database(),
        };
        if lane == Lane::Bulk && has_waited {
            self.0.strain().waited(began, Instant::now());
        }
        metrics::histogram!("callbridge_budget_wait_seconds", "api" => self.0.api.as_str(), "lane" => lane.as_str())
            .record(began.elapsed().as_secs_f64());
        taken.unwrap_or_else(|_| Err(self.exhausted(DEFAULT_DEFER, "other requests are ahead")))?;
        for limiter in &self.0.local {
            limiter.until_ready().await;
        }
        Ok(())
    }

    /// Takes one request from the lane's slice, or a new slice from the database.
    async fn take_from_slice(&self, lane: Lane, queue: &Queue, began: Instant) -> Result<()> {
        let mut slice = queue.slice.lock().await;
        if slice.remaining > 0 && slice.is_fresh() {
            slice.remaining -= 1;
            return Ok(());
        }
        // The settings of this process replace what an earlier process has stored.
        self.0.declared.get_or_try_init(|| self.declare()).await?;
        loop {
            let promoted = lane == Lane::Background && began.elapsed() > BACKGROUND_BECOMES_BULK;
            let as_lane = if promoted { Lane::Bulk } else { lane };
            let want = slice.next_size(queue.waiting.load(Ordering::Relaxed), self.0.largest_slice);
            let grant = store::take_slice(&self.0.database.client().await?, self.0.api, as_lane, want).await?;
            match grant {
                Grant::Requests(granted) => {
                    self.mark_available();
                    *slice = Slice { remaining: granted - 1, until: Some(Instant::now() + FRESH), size: granted };
                    return Ok(());
                }
                Grant::Undeclared => self.declare().await?,
                Grant::Wait { why, .. } if why == UNAVAILABLE => return Err(self.mark_unavailable()),
                Grant::Wait { after, why } if began.elapsed() + after > lane.patience() => {
                    return Err(self.exhausted(after, &why));
                }
                Grant::Wait { after, .. } => time::sleep(after).await,
            }
        }
    }

    /// Whether requests for logs and insights have to wait for their turn all the time, in this process.
    pub(crate) fn is_contested(&self) -> bool {
        self.0.strain().is_contested(Instant::now())
    }

    /// Makes the API a condition of the worker's readiness.
    pub(crate) fn report_to(&self, condition: Condition) {
        condition.met();
        let _ = self.0.condition.set(condition);
    }

    pub(crate) fn api(&self) -> &'static str {
        self.0.api.as_str()
    }

    /// The API is unavailable: pauses all processes for this long.
    pub(crate) async fn report_unavailable(&self, pause: Duration) {
        let paused =
            async { store::pause_unavailable(&self.0.database.client().await?, self.0.api, pause, UNAVAILABLE).await };
        if let Err(e) = paused.await {
            tracing::warn!(api = self.api(), error = %e, "An API is unavailable, but the other processes could not be paused.");
        }
        // Only now: once this process knows of the pause, it looks in the database whether it is over.
        self.mark_unavailable();
    }

    /// The pause of an unavailable API is ended by one process, or expires if that process dies. The others learn it here, once a
    /// second, and not from their messages, which wait.
    async fn look_whether_available(&self) {
        if !self.0.unavailable.load(Ordering::Relaxed) {
            return;
        }
        let paused = async { store::is_paused(&self.0.database.client().await?, self.0.api, UNAVAILABLE).await };
        if let Ok(false) = paused.await {
            self.mark_available();
        }
    }

    /// Waits until a probe may be sent while all processes are paused because the API is unavailable; false if none may be.
    pub(crate) async fn may_probe(&self) -> bool {
        loop {
            let grant = async { store::take_probe(&self.0.database.client().await?, self.0.api, UNAVAILABLE).await };
            match grant.await {
                Ok(Grant::Requests(_)) => return true,
                Ok(Grant::Wait { after, .. }) => time::sleep(after.min(DEFAULT_DEFER)).await,
                // Without the database nothing is sent.
                Ok(Grant::Undeclared) | Err(_) => return false,
            }
        }
    }

    /// The API answers again: ends the pause of all processes.
    pub(crate) async fn report_available(&self) {
        self.mark_available();
        let ended = async { store::end_pause(&self.0.database.client().await?, self.0.api, UNAVAILABLE).await };
        if let Err(e) = ended.await {
            tracing::warn!(api = self.api(), error = %e, "The pause of an API could not be ended early; it will expire.");
        }
    }

    /// Updates readiness, for which messages wait; returns the error for a request that was not sent.
    pub(crate) fn mark_unavailable(&self) -> Error {
        self.0.unavailable.store(true, Ordering::Relaxed);
        let Profile { name: api, unavailable: code, .. } = profile(self.0.api);
        if let Some(condition) = self.0.condition.get() {
            condition.unmet(format!("{api} does not answer; work waits for it"));
        }
        Error::new(*code, Remedy::AwaitApi, format!("no request was sent to {api}: {UNAVAILABLE}"))
    }

    /// The API has refused the credential: nothing will work until a person has put it right.
    pub(crate) fn note_refused(&self) {
        self.0.refused.store(true, Ordering::Relaxed);
        let Profile { name: api, credential, .. } = profile(self.0.api);
        if let Some(condition) = self.0.condition.get() {
            condition.unmet(format!("{api} refuses the credential; {credential} in docs/errors.md says what to do"));
        }
    }

    /// The API has answered a request: the credential works.
    pub(crate) fn note_accepted(&self) {
        if self.0.refused.swap(false, Ordering::Relaxed)
            && let Some(condition) = self.0.condition.get()
        {
            condition.met();
        }
    }

    fn mark_available(&self) {
        self.0.unavailable.store(false, Ordering::Relaxed);
        if let Some(condition) = self.0.condition.get() {
            condition.met();
        }
    }

    fn exhausted(&self, after: Duration, why: &str) -> Error {
        let Profile { name: api, budget: code, .. } = profile(self.0.api);
        let message = format!("no request was sent to {api}, because the budget allowed none in time: {why}");
        Error::new(*code, Remedy::Defer { after }, message)
    }

    /// Stores the windows: the limits of the settings, or the API's own limits where those are lower.
    async fn declare(&self) -> Result<()> {
        let mut client = self.0.database.client().await?;
        let api_limits = store::api_limits(&client, self.0.api).await?;
        let windows = windows(&self.limits(&client).await?, &api_limits);
        store::declare(&mut client, self.0.api, &windows).await?;
        self.0.set_known(windows.iter().map(|window| (window.span, i64::from(window.max_requests))).collect());
        Ok(())
    }

    /// Of the settings; for a guest what the workers have declared, because the settings of a command may be other ones.
    async fn limits(&self, client: &Client) -> Result<Limits> {
        if !self.is_guest() {
            return Ok(self.0.limits.clone());
        }
        let declared = window_status(client).await?;
        let of = |window: &WindowStatus| {
            let span = Span::ALL.into_iter().find(|span| span.as_str() == window.span)?;
            Some((span, NonZeroU32::new(u32::try_from(window.limit).ok()?)?))
        };
        let ours = declared.iter().filter(|window| window.api == self.0.api.as_str());
        let limits: Vec<_> = ours.filter_map(of).collect();
        Ok(if limits.is_empty() { self.0.limits.clone() } else { Limits(limits) })
    }

    /// Whether this process should read the API's limits now: one of all processes does, once in `every`.
    pub(crate) async fn claim_reading_limits(&self, every: Duration) -> Result<bool> {
        // On the very first start the tables do not exist yet.
        self.0.database.available().await;
        store::claim_reading_limits(&self.0.database.client().await?, self.0.api, every).await
    }

    /// Stores the API's own limits; they apply where the settings allow more.
    pub(crate) async fn apply_api_limits(&self, limits: &[(Span, u32)]) -> Result<()> {
        store::store_api_limits(&self.0.database.client().await?, self.0.api, limits).await?;
        self.declare().await
    }

    /// A request was refused with 429: pauses all processes.
    pub(crate) async fn report_rate_limited(&self, after: Option<Duration>) {
        let paused = async {
            let client = self.0.database.client().await?;
            store::pause_rate_limited(&client, self.0.api, after, "the API refused a request (429)").await
        };
        if let Err(e) = paused.await {
            let api = self.0.api.as_str();
            tracing::warn!(api, error = %e, "The API refused a request (429), but the other processes could not be paused.");
        }
    }

    /// The remaining requests in the API's windows, as the API reports them. Stored only if few remain.
    pub(crate) async fn report_remaining(&self, remaining: &[(Span, i64)]) {
        // Each with its floor: below it, if other clients of the API have used the rest, only cards are sent.
        let known = self.0.known();
        let low = |(span, remaining): &(Span, i64)| {
            let limit = known.iter().find(|(of, _)| of == span).map(|(_, limit)| *limit)?;
            let floor = match span {
                // Too short for a report to reach the others in time.
                Span::Second => return None,
                Span::Minute => (limit / 20).max(2),
                Span::Day | Span::Month => (limit / 100).max(2),
            };
            (*remaining < floor).then_some((*span, *remaining, floor))
        };
        let low: Vec<_> = remaining.iter().filter_map(low).collect();
        if low.is_empty() {
            return;
        }
        let mut last = self.0.last_report.lock().await;
        if last.is_some_and(|last| last.elapsed() < REPORT_EVERY) {
            return;
        }
        *last = Some(Instant::now());
        for (span, remaining, floor) in low {
            let stored = async {
                store::report_remaining(&self.0.database.client().await?, self.0.api, span, remaining, floor).await
            };
            if let Err(e) = stored.await {
                tracing::warn!(api = self.0.api.as_str(), error = %e, "The API's remaining requests could not be stored.");
            }
        }
    }
}

/// For each span the lower of the two limits, or the only one.
fn windows(settings: &Limits, api: &[(Span, u32)]) -> Vec<Window> {
    let from_settings = |span: Span| settings.0.iter().find(|(of, _)| *of == span).map(|(_, limit)| *limit);
    let from_api = |span: Span| api.iter().find(|(of, _)| *of == span).and_then(|(_, limit)| NonZeroU32::new(*limit));
    let limit = |span: Span| [from_settings(span), from_api(span)].into_iter().flatten().min();
    Span::ALL.into_iter().filter_map(|span| Some(plan::window(span, limit(span)?))).collect()
}

/// Counts one waiting request until it is dropped.
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

/// The limit for `governor`, with bursts of a tenth of it. `None` for a day or a month: one process cannot enforce that.
fn quota(span: Span, limit: NonZeroU32) -> Option<Quota> {
    let burst = NonZeroU32::new(limit.get() / 10).unwrap_or(NonZeroU32::MIN);
    let every = Duration::from_secs_f64(span.length_s() / f64::from(limit.get()));
    Quota::with_period(every)
        .filter(|_| matches!(span, Span::Second | Span::Minute))
        .map(|quota| quota.allow_burst(burst))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_grows_only_while_it_is_used_up_in_time() {
        let (now, fresh) = (Instant::now(), FRESH);
        let slice = |remaining, until, size| Slice { remaining, until, size };
        for (slice, waiting, expected) in [
            (Slice::default(), 1, 1),
            (Slice::default(), 5, 5),
            (slice(0, Some(now + fresh), 4), 1, 8),
            (slice(0, Some(now + fresh), 4), 20, 20),
            (slice(0, Some(now + fresh), 80), 1, 100),
            // Too late, or not all used: take no more than are waiting.
            (slice(0, Some(now), 4), 2, 2),
            (slice(3, Some(now), 4), 2, 2),
        ] {
            assert_eq!(slice.next_size(waiting, 100), expected, "{} of {} remain", slice.remaining, slice.size);
        }
    }

    #[test]
    fn the_lower_limit_applies() {
        let limit = |n| NonZeroU32::new(n).unwrap();
        let settings = Limits(vec![(Span::Second, limit(5)), (Span::Minute, limit(120))]);
        let of =
            |api: &[(Span, u32)]| windows(&settings, api).iter().map(|w| (w.span, w.max_requests)).collect::<Vec<_>>();
        assert_eq!(of(&[]), [(Span::Second, 5), (Span::Minute, 120)]);
        assert_eq!(of(&[(Span::Second, 24), (Span::Minute, 60)]), [(Span::Second, 5), (Span::Minute, 60)]);
        assert_eq!(of(&[(Span::Day, 1000)]), [(Span::Second, 5), (Span::Minute, 120), (Span::Day, 1000)]);
    }
}

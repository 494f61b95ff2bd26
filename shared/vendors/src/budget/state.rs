//! The part of a budget in one process: its waiting requests, and the requests that it has taken and not sent yet.

use std::{
    num::NonZeroU32,
    sync::{
        MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU32},
    },
    time::Duration,
};

use base::{db::Database, health::Condition, ids::Vendor};
use governor::DefaultDirectRateLimiter;
use tokio::{
    sync::{Mutex, OnceCell},
    time::Instant,
};

use super::{lane::Lane, plan::Span};

/// The limits of one API in the settings.
#[derive(Clone, Debug)]
pub struct Limits(pub Vec<(Span, NonZeroU32)>);

pub(super) struct Shared {
    pub(super) database: Database,
    pub(super) api: Vendor,
    pub(super) limits: Limits,
    pub(super) largest_slice: u32,
    pub(super) lanes: [Queue; Lane::COUNT],
    /// Keeps this process alone within the limits of all.
    pub(super) local: Vec<DefaultDirectRateLimiter>,
    pub(super) declared: OnceCell<()>,
    /// See [`super::Role`].
    pub(super) is_guest: bool,
    /// The limits that apply, lower ones of the API's own included; as last stored or read.
    pub(super) known: std::sync::Mutex<Vec<(Span, i64)>>,
    /// When the API's remaining requests were last stored.
    pub(super) last_report: Mutex<Option<Instant>>,
    /// The worker is not ready while the API is unavailable.
    pub(super) condition: OnceLock<Condition>,
    /// This process has met the pause of an unavailable API and does not know yet that it is over.
    pub(super) unavailable: AtomicBool,
    /// It has refused the credential, and answered nothing since.
    pub(super) refused: AtomicBool,
    /// How long requests for logs and insights have had to wait.
    pub(super) strain: std::sync::Mutex<Strain>,
}

impl Shared {
    pub(super) fn known(&self) -> Vec<(Span, i64)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn strain(&self) -> MutexGuard<'_, Strain> {
        self.strain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_known(&self, limits: Vec<(Span, i64)>) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = limits;
    }
}

#[derive(Default)]
pub(super) struct Queue {
    /// First come, first served: the holder of the lock takes a slice, also for the requests that wait behind it.
    pub(super) slice: Mutex<Slice>,
    pub(super) waiting: AtomicU32,
}

/// Requests that were taken from the budget and not sent yet.
#[derive(Default)]
pub(super) struct Slice {
    pub(super) remaining: u32,
    pub(super) until: Option<Instant>,
    /// How many requests it had at first.
    pub(super) size: u32,
}

impl Slice {
    pub(super) fn is_fresh(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }

    /// The size of the next slice: as many as are waiting, or twice the last size if that was used up in time. So under load
    /// one statement takes many requests, and after a pause no more than are waiting.
    pub(super) fn next_size(&self, waiting: u32, largest: u32) -> u32 {
        let grown = if self.remaining == 0 && self.is_fresh() { self.size * 2 } else { 1 };
        waiting.max(grown).clamp(1, largest)
    }
}

/// Whether there are more requests than the quota allows: then some wait long, again and again. A burst, or the pause after a refusal, is
/// over before.
#[derive(Default)]
pub(super) struct Strain {
    /// The first and the last of the long waits that followed each other.
    since: Option<(Instant, Instant)>,
    contested_until: Option<Instant>,
}

/// Long waits with less than this between them are one time of strain.
const GAP: Duration = Duration::from_secs(10);
/// A time of strain shorter than this is a burst.
const BURST: Duration = Duration::from_secs(20);
/// How long it is assumed to last after the last long wait.
const CONTESTED_FOR: Duration = Duration::from_secs(60);

impl Strain {
    /// A request has waited long, from `began` until now.
    pub(super) fn waited(&mut self, began: Instant, now: Instant) {
        let since = self.since.filter(|(_, last)| began < *last + GAP).map_or(began, |(since, _)| since);
        self.since = Some((since, now));
        if now - since >= BURST {
            self.contested_until = Some(now + CONTESTED_FOR);
        }
    }

    pub(super) fn is_contested(&self, now: Instant) -> bool {
        self.contested_until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_waits_that_go_on_are_a_contested_quota() {
        let begin = Instant::now();
        let at = |s: u64| begin + Duration::from_secs(s);
        let contested = |waits: &[u64], now: u64| {
            let mut strain = Strain::default();
            waits.iter().for_each(|s| strain.waited(at(*s), at(*s)));
            strain.is_contested(at(now))
        };
        for (waits, now, expected) in [
            (&[][..], 0, false),
            (&[0, 5, 10, 15], 16, false),
            (&[0, 5, 10, 15, 20], 20, true),
            (&[0, 5, 10, 15, 20], 79, true),
            (&[0, 5, 10, 15, 20], 80, false),
            // Two bursts.
            (&[0, 5, 9, 30, 35, 40], 41, false),
            // It goes on after a pause in which nothing waited.
            (&[0, 9, 18, 27, 60], 61, true),
        ] {
            assert_eq!(contested(waits, now), expected, "{waits:?}, {now}");
        }
        // One after the other, each for a quarter of a minute.
        let mut strain = Strain::default();
        strain.waited(at(0), at(15));
        assert!(!strain.is_contested(at(16)));
        strain.waited(at(16), at(31));
        assert!(strain.is_contested(at(31)));
    }
}

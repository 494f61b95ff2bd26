//! The part of a budget in one process: its waiting requests, and the requests that it has taken and not sent yet.

use std::{
    num::NonZeroU32,
    sync::{
        OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU32},
    },
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
}

impl Shared {
    pub(super) fn known(&self) -> Vec<(Span, i64)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

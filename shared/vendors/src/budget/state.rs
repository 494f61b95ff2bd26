//! What one process keeps of a budget: who waits in it, and the requests that it has taken and not sent yet.

use std::{
    num::NonZeroU32,
    sync::{OnceLock, atomic::AtomicU32},
};

use base::{db::Database, health::Condition, ids::Vendor};
use governor::DefaultDirectRateLimiter;
use tokio::{
    sync::{Mutex, OnceCell},
    time::Instant,
};

use super::{lane::Lane, plan::Span};

/// The limits of one API as the settings have them.
#[derive(Clone, Debug)]
pub struct Limits(pub Vec<(Span, NonZeroU32)>);

pub(super) struct Shared {
    pub(super) database: Database,
    pub(super) api: Vendor,
    pub(super) limits: Limits,
    pub(super) slice: u32,
    pub(super) lanes: [Queue; Lane::COUNT],
    /// This process alone never goes faster than all may together.
    pub(super) own: Vec<DefaultDirectRateLimiter>,
    pub(super) declared: OnceCell<()>,
    /// See [`super::Role`].
    pub(super) is_guest: bool,
    pub(super) told: Mutex<Option<Instant>>,
    /// The worker is not ready while the API is away.
    pub(super) condition: OnceLock<Condition>,
}

#[derive(Default)]
pub(super) struct Queue {
    /// First come, first served; whoever has it asks the store, for those behind as well.
    pub(super) turn: Mutex<Slice>,
    pub(super) waiting: AtomicU32,
}

/// Requests that were taken for those behind.
#[derive(Default)]
pub(super) struct Slice {
    pub(super) left: u32,
    pub(super) until: Option<Instant>,
    /// How many it was when it was asked for.
    pub(super) size: u32,
}

impl Slice {
    pub(super) fn is_fresh(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }

    /// How many to ask for next: as many as wait, and twice as many as last time if those were used up while they could be.
    /// So under load the store is asked once for many requests, and after a lull for no more than are there.
    pub(super) fn next(&self, waiting: u32, largest: u32) -> u32 {
        let grown = if self.left == 0 && self.is_fresh() { self.size * 2 } else { 1 };
        waiting.max(grown).clamp(1, largest)
    }
}

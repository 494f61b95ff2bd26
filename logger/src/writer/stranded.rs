//! Leases that could not be released, because the database was unavailable when the work on their call failed.
//!
//! The next message of such a call in this process takes them over; otherwise they would run out only after two
//! minutes. The work for which they were taken is over; how its last request ended is kept with them. Its last statements may still arrive late: they name the old
//! lease, and find a new one in the row. Nothing is lost if this process dies: then the leases run out.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use base::ids::CallId;
use ledger::calls::Lease;

use super::claim::LastRequest;

#[derive(Default)]
pub(crate) struct Stranded(Mutex<HashMap<CallId, Unreleased>>);

/// What earlier work on a call has left unreleased.
#[derive(Default)]
pub(crate) struct Unreleased {
    pub(super) leases: Vec<Lease>,
    /// What became of the request that was sent under the last lease.
    pub(super) last_request: LastRequest,
}

/// An outage strands as many leases as messages are in flight. More than this many would be from outages long past.
const MOST: usize = 1000;

impl Stranded {
    pub(super) fn keep(&self, call_id: CallId, unreleased: Unreleased) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.retain(|_, kept| matches!(kept.last_request, LastRequest::UnclearSince(_)));
        }
        let kept = all.entry(call_id).or_default();
        kept.leases.extend(unreleased.leases);
        kept.last_request = kept.last_request.and_then(unreleased.last_request);
    }

    /// Only one of the messages of a call gets them.
    pub(super) fn remove(&self, call_id: CallId) -> Unreleased {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&call_id).unwrap_or_default()
    }
}

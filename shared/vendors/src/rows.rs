//! Lists whose items are read one by one: what could not be read is left out, counted and logged.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use base::ids::Vendor;

use crate::{aircall::wire::Listing, sellsy::wire::Page};

/// A list that may have been read only in part.
pub(crate) trait PartlyRead {
    /// How many of its items could not be read.
    fn unreadable(&self) -> u64;
}

impl<T> PartlyRead for Page<T> {
    fn unreadable(&self) -> u64 {
        self.unreadable
    }
}

impl<T> PartlyRead for Listing<T> {
    fn unreadable(&self) -> u64 {
        self.unreadable
    }
}

/// Counts what was left out. Logs it once per endpoint: the same row comes again with every reading of its list.
pub(crate) fn report(vendor: Vendor, endpoint: &'static str, unreadable: u64) {
    static LOGGED: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    if unreadable == 0 {
        return;
    }
    metrics::counter!("callbridge_unreadable_rows_total", "api" => vendor.as_str(), "endpoint" => endpoint)
        .increment(unreadable);
    let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    if logged.get_or_insert_default().insert(endpoint) {
        let api = vendor.as_str();
        tracing::warn!(
            api,
            endpoint,
            unreadable,
            "Rows of an answer could not be read and are left out; the metric counts further ones."
        );
    }
}

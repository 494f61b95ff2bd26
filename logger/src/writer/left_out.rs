//! Calls that a rule of the file has left out for their end, of which more has become known: a missed call that has a voicemail.
//!
//! The resolver decides such a call anew. What tells it is the event that Aircall would send, as when the ledger hands a call on.

use std::sync::Arc;

use base::{error::Result, rules::Rules};
use jiff::tz::TimeZone;
use ledger::{
    calls::{self, CallRow},
    timeline::Reason,
};

use super::Writer;
use crate::hand_on;

pub(crate) struct LeftOut {
    rules: Arc<Rules>,
    zone: TimeZone,
}

impl LeftOut {
    pub(crate) fn new(rules: Arc<Rules>, zone: TimeZone) -> Self {
        Self { rules, zone }
    }
}

impl Writer {
    /// Whether the call, which is not logged because of `why`, is to be decided anew. If the process dies after the row was changed, the
    /// ledger hands the call on.
    pub(super) async fn is_decided_anew(&self, row: &CallRow, why: &Reason) -> Result<bool> {
        let Some(call) = row.snapshot.as_ref().filter(|_| why.looks_at_end()) else { return Ok(false) };
        let LeftOut { rules, zone } = &self.left_out;
        if rules.calls.leave_out(&call.seen(), zone).is_some() {
            return Ok(false);
        }
        let Some(seen_at) = calls::undecide(&self.database.client().await?, row.call_id).await? else {
            return Ok(false);
        };
        hand_on::publish_end(&self.publisher, row.call_id, call, seen_at).await?;
        Ok(true)
    }
}

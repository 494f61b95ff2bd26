//! The one fact of our own: something is to be done about what follows from a call.

use serde::{Deserialize, Serialize};

pub(crate) const FOLLOWUP_DUE: &str = "followup.due";

/// The payload of `followup.due`: which row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FollowupDue {
    pub(crate) key: String,
}

//! The one fact of our own: something is to be done about what follows from a call.

use serde::{Deserialize, Serialize};

pub const FOLLOWUP_DUE: &str = "followup.due";

/// The payload of `followup.due`: which row of the ledger.
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowupDue {
    pub key: String,
}

//! How the account takes insight cards, as far as no document says it.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Rules {
    /// The answer once the call has ended.
    pub(super) late: u16,
    /// The answer to a second card; it is shown unless this is an error.
    pub(super) second: u16,
    /// The most lines.
    pub(super) lines: Option<usize>,
}

impl Default for Rules {
    fn default() -> Self {
        Rules { late: 405, second: 204, lines: None }
    }
}

//! The lanes: which requests of a budget go first.

use std::time::Duration;

/// The priority of a request, highest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// A phone is ringing, or a person waits for the answer.
    Interactive,
    /// Logs and insights.
    Bulk,
    /// The directory, and all else that can wait.
    Background,
}

impl Lane {
    pub const COUNT: usize = 3;
    pub const ALL: [Lane; Lane::COUNT] = [Lane::Interactive, Lane::Bulk, Lane::Background];

    pub fn as_str(self) -> &'static str {
        match self {
            Lane::Interactive => "interactive",
            Lane::Bulk => "bulk",
            Lane::Background => "background",
        }
    }

    pub(crate) fn index(self) -> i32 {
        self as i32
    }

    /// How long a request may wait. After that its message is deferred, so that its handler, which may send five requests, ends
    /// in time (90 s); a card that comes later is useless.
    pub(super) fn patience(self) -> Duration {
        match self {
            Lane::Interactive => Duration::from_secs(5),
            Lane::Bulk => Duration::from_secs(15),
            Lane::Background => Duration::from_secs(600),
        }
    }
}

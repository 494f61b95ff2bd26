//! What is wrong, as all replicas of ingest see it together: the table `troubles` has a row for each thing that is watched.
//!
//! A replica looks, and [`State::after`] says what becomes of the row. Something counts as wrong if it was at every look for as long as [`Look::patience`]
//! says, and as over when it has been well for a minute. So no single look begins or ends anything, and a replica that starts goes on where the others
//! are, or where it was itself.

mod store;

use base::{ids::Vendor, settings::AlertKind};
use jiff::{SignedDuration, Timestamp};
pub(crate) use store::{all, note};

const OVER_AFTER: SignedDuration = SignedDuration::from_mins(1);
/// Who asks an API regularly is refused again within a minute. One refusal alone may be the API's mistake.
const REFUSED_FOR: SignedDuration = SignedDuration::from_secs(50);
/// Between looks further apart than this, nobody knows what was: all replicas may have been stopped.
const LOOKS_APART: SignedDuration = SignedDuration::from_mins(2);

/// What one look at one thing has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) kind: AlertKind,
    pub(crate) subject: String,
    pub(crate) amount: i64,
    pub(crate) is_wrong: bool,
    /// For how long it must be wrong to count.
    pub(crate) patience: SignedDuration,
}

impl Look {
    /// Whether an API refuses our credential, as somebody finds who asks it regularly: the directory for Sellsy, reconciliation for Aircall.
    pub(crate) fn of_credential(api: Vendor, is_refused: bool) -> Self {
        let subject = api.as_str().to_owned();
        Self { kind: AlertKind::ApiRefused, subject, amount: 1, is_wrong: is_refused, patience: REFUSED_FOR }
    }
}

/// What is known of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) kind: AlertKind,
    pub(crate) subject: String,
    /// At the last look.
    pub(crate) amount: i64,
    pub(crate) state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Well,
    /// Wrong at every look since then, and not for long enough to count.
    Suspected {
        since: Timestamp,
        seen_at: Timestamp,
    },
    Wrong {
        since: Timestamp,
    },
    /// It was wrong, and was well at every look since `until`.
    Mended {
        since: Timestamp,
        until: Timestamp,
    },
}

impl State {
    pub(crate) fn after(self, is_wrong: bool, patience: SignedDuration, now: Timestamp) -> Self {
        let wrong_since = |since: Timestamp| {
            if now.duration_since(since) >= patience {
                Self::Wrong { since }
            } else {
                Self::Suspected { since, seen_at: now }
            }
        };
        match (self, is_wrong) {
            (Self::Well | Self::Suspected { .. }, false) => Self::Well,
            (Self::Wrong { since }, false) => Self::Mended { since, until: now },
            (Self::Mended { .. }, false) | (Self::Wrong { .. }, true) => self,
            (Self::Mended { since, .. }, true) if !self.is_over(now) => Self::Wrong { since },
            (Self::Suspected { since, seen_at }, true) if now.duration_since(seen_at) < LOOKS_APART => {
                wrong_since(since)
            }
            (Self::Well | Self::Suspected { .. } | Self::Mended { .. }, true) => wrong_since(now),
        }
    }

    /// It was wrong, and has been well for long enough.
    pub(crate) fn is_over(self, now: Timestamp) -> bool {
        matches!(self, Self::Mended { until, .. } if now.duration_since(until) >= OVER_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::{State::*, *};

    #[test]
    fn no_single_look_begins_or_ends_anything() {
        let at = |s: i64| Timestamp::from_second(1_800_000_000 + s).unwrap();
        let (since, minute) = (at(0), SignedDuration::from_mins(1));
        let suspected = |seen: i64| Suspected { since, seen_at: at(seen) };
        for (state, is_wrong, now, expected) in [
            (Well, false, 10, Well),
            (Well, true, 10, Suspected { since: at(10), seen_at: at(10) }),
            (suspected(0), true, 30, suspected(30)),
            (suspected(30), true, 59, suspected(59)),
            (suspected(30), true, 60, Wrong { since }),
            (suspected(30), false, 60, Well),
            // Nobody has looked for an hour.
            (suspected(30), true, 3600, Suspected { since: at(3600), seen_at: at(3600) }),
            (Wrong { since }, true, 3600, Wrong { since }),
            (Wrong { since }, false, 3600, Mended { since, until: at(3600) }),
            (Mended { since, until: at(100) }, false, 159, Mended { since, until: at(100) }),
            (Mended { since, until: at(100) }, true, 159, Wrong { since }),
            (Mended { since, until: at(100) }, true, 160, Suspected { since: at(160), seen_at: at(160) }),
            (Mended { since, until: at(100) }, false, 9999, Mended { since, until: at(100) }),
        ] {
            assert_eq!(state.after(is_wrong, minute, at(now)), expected, "{state:?} at {now}");
        }
        assert_eq!(Well.after(true, SignedDuration::ZERO, at(5)), Wrong { since: at(5) });
        assert!(!Mended { since, until: at(100) }.is_over(at(159)));
        assert!(Mended { since, until: at(100) }.is_over(at(160)));
        assert!(!Wrong { since }.is_over(at(160)));
    }
}

//! Compares our clock with another one.

use jiff::{SignedDuration, Timestamp};

use super::{Verdict, rules};

/// `theirs` was read between `asked_at` and now. The `Date` of an HTTP answer has whole seconds.
pub(super) fn verdict(asked_at: Timestamp, theirs: Timestamp) -> Verdict {
    let now = Timestamp::now();
    let (earliest, latest) = (theirs, theirs + SignedDuration::from_secs(1));
    let ahead = if now < earliest {
        now.duration_since(earliest)
    } else if asked_at > latest {
        asked_at.duration_since(latest)
    } else {
        SignedDuration::ZERO
    };
    rules::drift(ahead)
}

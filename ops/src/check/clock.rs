//! Our clock against another one.

use jiff::{SignedDuration, Timestamp};

use super::{Verdict, rules};

/// `theirs` was read between `asked` and now; an answer's `Date` has whole seconds.
pub(super) fn verdict(asked: Timestamp, theirs: Timestamp) -> Verdict {
    let now = Timestamp::now();
    let (earliest, latest) = (theirs, theirs + SignedDuration::from_secs(1));
    let ahead = if now < earliest {
        now.duration_since(earliest)
    } else if asked > latest {
        asked.duration_since(latest)
    } else {
        SignedDuration::ZERO
    };
    rules::drift(ahead)
}

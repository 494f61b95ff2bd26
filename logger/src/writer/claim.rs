//! The right to write a call's log, and the last check before each request that uses it.
//!
//! A handler may wait long between the claim and its request: for its turn at the budget, for the list of staffs, or
//! because the machine sleeps. Meanwhile its lease may have run out and another replica may have written the log. So the
//! lease is checked, and the intent recorded, between the turn and the request, unless the claim was made a moment ago.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};

use base::{
    db::Database,
    error::{Code, Error, Result},
};
use ledger::{
    calls::{self, CallRow, Change, Lease, Log, Sent},
    form::LogForm,
};
use vendors::api::LastCheck;

/// For this long, the intent that the claim has recorded may be used without asking the ledger again.
const FRESH: Duration = Duration::from_secs(1);

pub(crate) struct Claim {
    pub(super) lease: Lease,
    made: Moment,
    sent: Mutex<LastRequest>,
    is_granted: AtomicBool,
}

/// What became of the request for which the last intent was recorded.
#[derive(Clone, Copy, Default)]
pub(super) enum LastRequest {
    /// The ledger knows.
    #[default]
    AsRecorded,
    /// Nothing was sent, or nothing was written.
    Nothing,
    UnclearSince(Instant),
}

impl LastRequest {
    /// What is known when both could not be told to the ledger: a message that has sent nothing must not hide that another
    /// one's request may still be carried out.
    pub(super) fn and_then(self, other: Self) -> Self {
        match (self, other) {
            (Self::UnclearSince(one), Self::UnclearSince(other)) => Self::UnclearSince(one.max(other)),
            (unclear @ Self::UnclearSince(_), _) | (_, unclear @ Self::UnclearSince(_)) => unclear,
            (known, Self::AsRecorded) => known,
            (_, known) => known,
        }
    }

    /// For the statement that tells the ledger.
    pub(super) fn sent(self) -> Sent {
        match self {
            LastRequest::AsRecorded => Sent::AsRecorded,
            LastRequest::Nothing => Sent::Nothing,
            LastRequest::UnclearSince(since) => Sent::Unclear(since.elapsed()),
        }
    }
}

impl Claim {
    /// A claim that is about to be made. `before`: what earlier work on the call could not tell the ledger.
    pub(super) fn new(before: LastRequest) -> Self {
        Self {
            lease: Lease::fresh(),
            made: Moment::now(),
            sent: Mutex::new(before),
            is_granted: AtomicBool::new(false),
        }
    }

    /// The ledger has granted the claim, and knows all that happened before.
    pub(super) fn granted(&self, row: &CallRow) {
        self.set(if is_intended(row, None) { LastRequest::Nothing } else { LastRequest::AsRecorded });
        self.is_granted.store(true, Relaxed);
    }

    pub(super) fn is_granted(&self) -> bool {
        self.is_granted.load(Relaxed)
    }

    pub(super) fn set(&self, last: LastRequest) {
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }

    pub(super) fn last_request(&self) -> LastRequest {
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The intent that was recorded with the claim may still be used for this request.
    fn covers(&self, row: &CallRow, form: LogForm) -> bool {
        let unused = matches!(self.last_request(), LastRequest::Nothing);
        unused && is_intended(row, Some(form)) && self.made.is_within(FRESH)
    }
}

/// Whether the claim has recorded an intent, for a log of this form.
fn is_intended(row: &CallRow, form: Option<LogForm>) -> bool {
    match &row.log {
        Log::Intended(intended) => form.is_none_or(|form| form == *intended),
        Log::Stored(stored) => stored.change == Change::Intended,
        Log::None | Log::Unknown | Log::Unclear { .. } | Log::Deleted => false,
    }
}

pub(super) struct BeforeWrite<'a> {
    pub(super) database: &'a Database,
    pub(super) claim: &'a Claim,
    pub(super) row: &'a CallRow,
    pub(super) form: LogForm,
}

impl LastCheck for BeforeWrite<'_> {
    async fn check(&self) -> Result<()> {
        let Self { claim, row, form, .. } = *self;
        if !claim.covers(row, form) {
            let client = self.database.client().await?;
            if !calls::record_intent(&client, claim.lease, row.call_id, form).await? {
                return Err(Error::retry(Code::CallBusy, "the lease ran out before the log could be written"));
            }
        }
        claim.set(LastRequest::AsRecorded);
        Ok(())
    }
}

/// A moment by two clocks: one stands still while the machine sleeps, the other can be set.
struct Moment {
    running: Instant,
    wall: SystemTime,
}

impl Moment {
    fn now() -> Self {
        Self { running: Instant::now(), wall: SystemTime::now() }
    }

    fn is_within(&self, span: Duration) -> bool {
        self.running.elapsed() <= span && self.wall.elapsed().is_ok_and(|elapsed| elapsed <= span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_still_be_carried_out_is_not_forgotten() {
        use LastRequest::{AsRecorded, Nothing, UnclearSince};
        let in_words = |last: LastRequest| match last {
            AsRecorded => "as recorded",
            Nothing => "nothing",
            UnclearSince(_) => "unclear",
        };
        let unclear = UnclearSince(Instant::now());
        for (one, other, expected) in [
            (AsRecorded, AsRecorded, "as recorded"),
            (AsRecorded, Nothing, "nothing"),
            (Nothing, AsRecorded, "nothing"),
            (unclear, AsRecorded, "unclear"),
            (AsRecorded, unclear, "unclear"),
            (unclear, Nothing, "unclear"),
        ] {
            assert_eq!(in_words(one.and_then(other)), expected, "{} and {}", in_words(one), in_words(other));
        }
    }

    #[test]
    fn a_moment_has_passed_if_either_clock_says_so() {
        let (now, wall) = (Instant::now(), SystemTime::now());
        let ago = Duration::from_secs(2);
        for (running, wall, expected) in [
            (now, wall, true),
            (now.checked_sub(ago).unwrap(), wall, false),
            // The machine slept, so only the clock on the wall went on.
            (now, wall - ago, false),
            // The clock on the wall was set back.
            (now, wall + ago, false),
        ] {
            assert_eq!(Moment { running, wall }.is_within(FRESH), expected, "{running:?}, {wall:?}");
        }
    }
}

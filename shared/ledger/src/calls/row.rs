//! The row of a call as the logger reads it: what its log is made of, and what is known of that log.
//!
//! The columns could contradict each other; the types read from them here cannot. Combinations that no statement writes
//! are read as the state in which the least can go wrong: a log that may exist is looked for before one is created, and
//! a call whose log was deleted or whose data were erased is left alone.

use std::time::Duration;

use base::ids::CallId;
use jiff::Timestamp;
use tokio_postgres::{Row, types::Json};
use vendors::aircall::wire::Call;

use super::as_left::AsLeft;
use crate::{form::LogForm, insight::Insights, resolution::Resolution};

/// The columns that [`read`] needs. Durations are computed by the database's clock alone.
pub(super) const ROW: &str =
    "call_id, snapshot, forwarded_to, resolution, looked_up_at, resolved_at, reopened_at, reconciled_at, insights,
                   sellsy_id, log_form, digest, writes, gone_at, links_refused_at, erased_at, wanted, relinked_at, other_call,
                   coalesce(relinked_at > written_at or relinked_at is not null and (digest = '' or written_at is null), false) as moved,
                   asked_at is not null and coalesce(asked_at > written_at, true) as asked,
                   extract(epoch from now() - resolved_at)::float8 as decided_age,
                   extract(epoch from now() - intent_at)::float8 as intent_age,
                   extract(epoch from now() - written_at)::float8 as written_age,
                   extract(epoch from due_at - now())::float8 as due_in,
                   exists (select from ledger_is where since > now() - interval '10 minutes') as ledger_is_new";

/// Everything that the log of a call is made of, and what is known of that log.
#[derive(Clone, Debug)]
pub struct CallRow {
    pub call_id: CallId,
    /// Aircall's newest view of the call.
    pub snapshot: Option<Call>,
    pub insights: Insights,
    pub decision: Decision,
    /// How long ago that was decided; `None` if it is not decided, or if it does not matter.
    pub decided_age: Option<Duration>,
    pub log: Log,
    /// A person has moved the call to the record of its decision, and its log may still be on another.
    pub moved: bool,
    /// A person wants the log to be written, or the call to be logged, and it has not been written since.
    pub asked: bool,
    /// The other call of a transfer from one line to another.
    pub other_call: Option<i64>,
    /// The log as it was left, if it was read with the row.
    pub left: Option<AsLeft>,
    pub(super) wanted: i64,
}

/// Which record the call is to be logged on.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// The data of the call were deleted. Nothing is done about it any more.
    Erased,
    /// The call has not been resolved yet.
    Undecided,
    /// Sellsy refused the links of this resolution: the caller is being looked up again.
    Reopened(Resolution),
    Final {
        resolution: Resolution,
        /// The first decision was reopened, or a person has made this one. There is no other after it.
        again: bool,
    },
}

/// The log of the call in Sellsy, as far as the ledger knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Log {
    /// None, as far as this ledger knows, and no request for one was recorded. A ledger that was restored, or that has lost
    /// its last seconds, may be wrong.
    None,
    /// The same. The intent to create the log was recorded together with the claim.
    Intended(LogForm),
    /// The ledger may have logged it before: it has just taken over from one that it may lack something of, or Aircall's list brought the call
    /// in, as after a restore.
    Unknown,
    /// A request to create it was sent, or was about to be, this long ago; its outcome is not known.
    Unclear {
        /// `None`: it may be of any form.
        form: Option<LogForm>,
        age: Duration,
    },
    Stored(Stored),
    /// A person has deleted it in Sellsy.
    Deleted,
}

/// A log that exists in Sellsy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub form: LogForm,
    pub id: i64,
    /// Digest of what was written last. `None` if the log was adopted and not written since: its text may be old.
    pub digest: Option<String>,
    /// How often it was written, and how long ago the last time was.
    pub writes: i32,
    pub written_age: Duration,
    /// How long changes since the last write are still gathered; zero when it is time to write them.
    pub due_in: Option<Duration>,
    /// [`Links::Leave`]: Sellsy refuses its links, old or new.
    pub links: Links,
    pub change: Change,
}

/// Whether a request that changes the log may still be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// None was sent, or its outcome is known.
    Settled,
    /// None was sent. The intent to change the log was recorded together with the claim.
    Intended,
    /// One was sent, or was about to be, this long ago; its outcome is not known.
    Unclear { age: Duration },
}

/// Whether an update also sends the log's owner and links; a comment's cannot be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    Set,
    /// They stay as they are in Sellsy.
    Leave,
}

impl CallRow {
    /// A row that does not come from the ledger: a call with its final resolution, not logged yet.
    pub fn of(call_id: CallId, snapshot: Call, resolution: Resolution, insights: Insights) -> Self {
        let decision = Decision::Final { resolution, again: false };
        Self {
            call_id,
            snapshot: Some(snapshot),
            insights,
            decision,
            decided_age: None,
            log: Log::None,
            moved: false,
            asked: false,
            other_call: None,
            left: None,
            wanted: 0,
        }
    }

    /// The log, if it exists.
    pub fn stored(&self) -> Option<&Stored> {
        match &self.log {
            Log::Stored(stored) => Some(stored),
            _ => None,
        }
    }
}

/// The columns from which decision and log are read.
#[derive(Debug, Default)]
struct Columns {
    erased: bool,
    resolution: Option<Resolution>,
    looked_up_at: Option<Timestamp>,
    resolved_at: Option<Timestamp>,
    reopened_at: Option<Timestamp>,
    relinked: bool,
    may_lack_it: bool,
    sellsy_id: Option<i64>,
    form: Option<LogForm>,
    digest: Option<String>,
    writes: i32,
    written_age: Option<Duration>,
    due_in: Option<Duration>,
    intent_age: Option<Duration>,
    /// The statement that read this row has also recorded the intent.
    intended: bool,
    links_refused: bool,
    gone: bool,
}

impl Columns {
    fn states(self) -> (Decision, Log) {
        let log = self.log();
        (self.decision(), log)
    }

    fn log(&self) -> Log {
        if self.gone {
            return Log::Deleted;
        }
        if let Some(id) = self.sellsy_id {
            return Log::Stored(Stored {
                form: self.form.unwrap_or(LogForm::PhoneCall),
                id,
                digest: self.digest.clone().filter(|digest| !digest.is_empty()),
                writes: self.writes,
                written_age: self.written_age.unwrap_or_default(),
                due_in: self.due_in,
                links: if self.links_refused { Links::Leave } else { Links::Set },
                change: match self.intent_age {
                    None => Change::Settled,
                    Some(_) if self.intended => Change::Intended,
                    Some(age) => Change::Unclear { age },
                },
            });
        }
        match (self.intent_age, self.form) {
            (Some(_), Some(form)) if self.intended => Log::Intended(form),
            (Some(age), form) => Log::Unclear { form, age },
            // A form is recorded with an intent and removed with it.
            (None, Some(_)) => Log::Unknown,
            (None, None) if self.may_lack_it => Log::Unknown,
            (None, None) => Log::None,
        }
    }

    fn decision(self) -> Decision {
        match (self.resolution, self.resolved_at) {
            _ if self.erased => Decision::Erased,
            // Before the end of the call there is only the look-up that was made for the card.
            (None, _) | (_, None) => Decision::Undecided,
            (Some(resolution), Some(_)) if self.reopened_at > self.looked_up_at => Decision::Reopened(resolution),
            (Some(resolution), Some(_)) => {
                Decision::Final { resolution, again: self.reopened_at.is_some() || self.relinked }
            }
        }
    }
}

/// `intended`: this statement has recorded the intent, and nothing has been sent for it.
pub(super) fn read(row: &Row, intended: bool) -> CallRow {
    let span = |name: &str| row.get::<_, Option<f64>>(name).map(|s| Duration::from_secs_f64(s.max(0.0)));
    let is_set = |name: &str| row.get::<_, Option<Timestamp>>(name).is_some();
    let (decision, log) = Columns {
        erased: is_set("erased_at"),
        resolution: row.get::<_, Option<Json<Resolution>>>("resolution").map(|Json(resolution)| resolution),
        looked_up_at: row.get("looked_up_at"),
        resolved_at: row.get("resolved_at"),
        reopened_at: row.get("reopened_at"),
        relinked: is_set("relinked_at"),
        may_lack_it: is_set("reconciled_at") || row.get("ledger_is_new"),
        sellsy_id: row.get("sellsy_id"),
        form: row.get::<_, Option<&str>>("log_form").map(LogForm::parse),
        digest: row.get("digest"),
        writes: row.get("writes"),
        written_age: span("written_age"),
        due_in: span("due_in"),
        intent_age: span("intent_age"),
        intended,
        links_refused: is_set("links_refused_at"),
        gone: is_set("gone_at"),
    }
    .states();
    let mut snapshot = row.get::<_, Option<Json<Call>>>("snapshot").map(|Json(call)| call);
    if let Some(call) = &mut snapshot {
        call.external_transferred_to = row.get::<_, Option<String>>("forwarded_to");
    }
    let Json(insights) = row.get("insights");
    CallRow {
        call_id: CallId(row.get("call_id")),
        snapshot,
        insights,
        decision,
        decided_age: span("decided_age"),
        log,
        moved: row.get("moved"),
        asked: row.get("asked"),
        other_call: row.get("other_call"),
        left: row.try_get::<_, Option<Json<AsLeft>>>("left_so").ok().flatten().map(|Json(left)| left),
        wanted: row.get("wanted"),
    }
}

#[cfg(test)]
mod tests;

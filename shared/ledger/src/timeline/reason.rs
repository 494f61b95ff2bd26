//! Why: the rule that chose a record or an opportunity, or why nothing is done about a call.
//!
//! A reason is an enum, so code that shows it in another language matches on it and cannot miss one. `Display` is the
//! English sentence. Both are stored. The sentence is stored under the field's name, for people, for SQL and for
//! versions that read nothing else. The reason itself is stored under `<field>_key`, and that is what is read back
//! (docs/decisions/0014).

use std::fmt;

use base::{error::Error, ids::Kind, rules::Outcome};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Keys and names of details are stored and are read by programs: none is ever renamed (docs/timeline.md).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "key", content = "detail", rename_all = "snake_case")]
pub enum Reason {
    // Why this record, or why none.
    OnlyRecord,
    OnlyUsableRecord,
    /// There are other kinds, which rank lower; `n` records are of this one.
    KindFirst {
        kind: Kind,
        n: usize,
    },
    FirstOfKind {
        n: usize,
        kind: Kind,
    },
    /// The same where an account means the newest (`MATCH_FIRST`).
    NewestOfKind {
        n: usize,
        kind: Kind,
    },
    NoRecord,
    AllArchived,
    Withheld,
    Internal,
    Unusable,

    // What the file of rules (`RULES`) says.
    /// The other end is one of the company's own numbers.
    OwnLine,
    Ignored,
    KindNotLogged {
        outbound: bool,
        outcome: Outcome,
    },
    OutOfHours,
    SupplierNotLogged,

    /// A person has said that the number means this record.
    Pinned {
        by: String,
        at: Timestamp,
    },
    /// The record that the number was pinned to does not exist any more, or is archived. So the rules count.
    PinGone {
        kind: Kind,
        id: i64,
        then: Box<Reason>,
    },
    /// A person has moved the call here.
    Relinked {
        by: String,
        at: Timestamp,
    },

    // Why this opportunity, or why none.
    OpportunityNotWanted,
    EarliestOpportunity,
    NoOpportunity,
    NobodyFound,
    Supplier,
    NoCompany,
    CompanyIsSupplier,
    /// Sellsy answers 402 or 403; `code` says which.
    OpportunitiesRefused {
        code: String,
    },
    CompaniesRefused {
        code: String,
    },
    /// Only of a card: Sellsy does not answer, or not in time.
    OpportunitiesUnread {
        code: String,
    },
    CompaniesUnread {
        code: String,
    },

    // What is not done, and why.
    NoCard(Box<Reason>),
    NotLogged(Box<Reason>),
    NotWritten(Box<Reason>),
    NoInsights(Box<Reason>),
    NoTask(Box<Reason>),
    NoSmartTags(Box<Reason>),
    NoStep(Box<Reason>),
    NoProspect(Box<Reason>),
    NoComment(Box<Reason>),

    /// The data of the call were deleted ([`super::super::erase`]).
    Erased,
    CallEnded,
    ShownBefore,
    ShownBeforeOrEnded,
    /// Somebody has spoken with the caller before there was a task.
    SpokenWith,
    TagTakenOff,
    AlreadyThere,
    OpportunityGone,
    OpportunityClosed,
    /// The rule names other steps from which it moves.
    InAnotherStep {
        step: String,
    },
    StepUnknown {
        step: String,
    },
    StepAmbiguous {
        step: String,
    },
    StepBackwards {
        step: String,
    },
    /// Sellsy has a record with the number, which the directory did not know.
    FoundInSellsy,
    /// Aircall accepts no card any more, or not this one (400); `status` as HTTP writes it, `404 Not Found`.
    CardRefused {
        status: String,
    },
    NotResolved,
    NobodyInSellsy,
    NotArrived,
    RecordGone,
    /// Of a log that is written without the topic that its tags mean.
    TopicUnknown {
        topic: String,
    },
    TopicsUnreadable {
        code: String,
    },
    TopicRefused,
    LogDeleted,
    UnknownToAircall,
    OtherNumber,
    TooShort {
        lasted_s: u64,
        more_than_s: u32,
    },
    TooLong {
        lasted_s: u64,
        less_than_s: u32,
    },
    /// An Aircall event that carries nothing for a log.
    NothingForLog {
        event: String,
    },
    NoContent {
        event: String,
    },
    /// A failure that is not retried.
    Failed {
        code: String,
        error: String,
    },
    /// Only read, never written: a sentence of another version, as that version wrote it.
    Other(String),
}

impl Reason {
    /// A rule of the file leaves the call out.
    pub fn is_a_rule(&self) -> bool {
        self.looks_at_end() || matches!(self, Self::OwnLine | Self::Ignored | Self::SupplierNotLogged)
    }

    /// A rule leaves the call out for what is known of its end, of which more can become known.
    pub fn looks_at_end(&self) -> bool {
        matches!(self, Self::KindNotLogged { .. } | Self::OutOfHours)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::OnlyRecord => "the only record with this number",
            Reason::OnlyUsableRecord => "the only record with this number that is not archived",
            Reason::KindFirst { kind, n: 1 } => return write!(f, "{kind} before the other kinds"),
            Reason::KindFirst { kind, n } => {
                return write!(f, "{kind} before the other kinds, and the first of {n}");
            }
            Reason::FirstOfKind { n, kind } => return write!(f, "the first of {n} records of kind {kind}"),
            Reason::NewestOfKind { n, kind } => return write!(f, "the newest of {n} records of kind {kind}"),
            Reason::NoRecord => "no usable record has this number",
            Reason::AllArchived => "every record with this number is archived",
            Reason::Withheld => "the number is withheld: there is nobody to look up",
            Reason::Internal => "an internal number or a short code: it is not looked up",
            Reason::Unusable => "what was dialled is no phone number: it is not looked up",
            Reason::OwnLine => {
                "the other end is one of the company's own numbers, whose calls are logged on nobody (RULES)"
            }
            Reason::Ignored => "the number is one of those to ignore (RULES)",
            Reason::KindNotLogged { outbound, outcome } => {
                let direction = if *outbound { "outbound" } else { "inbound" };
                let outcome = match outcome {
                    Outcome::Answered => "answered",
                    Outcome::Voicemail => "ended in a voicemail",
                    Outcome::Missed => "not answered",
                };
                return write!(f, "calls that are {direction} and {outcome} are not logged on this line (RULES)");
            }
            Reason::OutOfHours => "it was outside of business hours (RULES)",
            Reason::SupplierNotLogged => "the calls of suppliers are logged on nobody (RULES)",
            Reason::Pinned { by, at } => return write!(f, "pinned by {by}, on {}", at.strftime("%Y-%m-%d")),
            Reason::PinGone { kind, id, then } => {
                return write!(f, "the number was pinned to {kind} {id}, which is gone or archived; so: {then}");
            }
            Reason::Relinked { by, at } => return write!(f, "moved here by {by}, on {}", at.strftime("%Y-%m-%d")),
            Reason::OpportunityNotWanted => "none, as the person who moved the call wanted",
            Reason::EarliestOpportunity => "the earliest created one that is open or late",
            Reason::NoOpportunity => "no opportunity is open or late",
            Reason::NobodyFound => "there is no record",
            Reason::Supplier => "a supplier has no opportunity",
            Reason::NoCompany => "a contact without a company has no opportunity",
            Reason::CompanyIsSupplier => "the contact's company is a supplier: no opportunity",
            Reason::OpportunitiesRefused { code } => {
                return write!(f, "Sellsy does not let us read opportunities ({code}): none");
            }
            Reason::CompaniesRefused { code } => {
                return write!(f, "Sellsy does not let us read a contact's companies ({code}): no opportunity");
            }
            Reason::OpportunitiesUnread { code } => {
                return write!(f, "opportunities could not be read in time for the card ({code})");
            }
            Reason::CompaniesUnread { code } => {
                return write!(f, "the contact's companies could not be read in time for the card ({code})");
            }
            Reason::NoCard(why) => return write!(f, "no card: {why}"),
            Reason::NotLogged(why) => return write!(f, "not logged: {why}"),
            Reason::NotWritten(why) => return write!(f, "not written: {why}"),
            Reason::NoInsights(why) => return write!(f, "no insights: {why}"),
            Reason::NoTask(why) => return write!(f, "no task: {why}"),
            Reason::NoSmartTags(why) => return write!(f, "no smart-tags: {why}"),
            Reason::NoStep(why) => return write!(f, "the opportunity stays in its step: {why}"),
            Reason::NoProspect(why) => return write!(f, "no prospect: {why}"),
            Reason::NoComment(why) => return write!(f, "no comment: {why}"),
            Reason::Erased => "its data were deleted: it is older than RETENTION_DAYS, or somebody asked for it",
            Reason::CallEnded => "the call has ended",
            Reason::SpokenWith => "somebody has spoken with the caller",
            Reason::TagTakenOff => "the tag was taken off again, or its rule was",
            Reason::AlreadyThere => "it is there already",
            Reason::OpportunityGone => "the opportunity is gone from Sellsy",
            Reason::OpportunityClosed => "the opportunity is not open any more",
            Reason::InAnotherStep { step } => {
                return write!(f, "it is in the step “{step}”, from which the rule does not move it (RULES)");
            }
            Reason::StepUnknown { step } => return write!(f, "Sellsy has no step “{step}” (RULES)"),
            Reason::StepAmbiguous { step } => {
                return write!(f, "Sellsy has several steps “{step}”: write the id of one (RULES)");
            }
            Reason::StepBackwards { step } => return write!(f, "the step “{step}” does not come after its step"),
            Reason::FoundInSellsy => "Sellsy has a record with this number",
            Reason::ShownBefore => "it was shown before",
            Reason::ShownBeforeOrEnded => "it was shown before, or by a ledger that was lost, or the call has ended",
            Reason::CardRefused { status } if status.starts_with("400") => {
                return write!(f, "Aircall answered {status}: it did not accept the card");
            }
            Reason::CardRefused { status } => return write!(f, "Aircall answered {status}, the call is over"),
            Reason::NotResolved => "it has not been resolved yet",
            Reason::NobodyInSellsy => "nobody in Sellsy has its number",
            Reason::NotArrived => "the call itself has not arrived yet",
            Reason::RecordGone => "its record is gone from Sellsy; the caller is looked up again",
            Reason::TopicUnknown { topic } => return write!(f, "Sellsy has no topic of the name “{topic}” (RULES)"),
            Reason::TopicsUnreadable { code } => return write!(f, "Sellsy's topics cannot be read ({code})"),
            Reason::TopicRefused => "Sellsy has refused the topic",
            Reason::LogDeleted => "a person has deleted its log in Sellsy",
            Reason::UnknownToAircall => "Aircall does not know this call",
            Reason::OtherNumber => "the call was on another number",
            Reason::TooShort { lasted_s, more_than_s } => {
                let bound = grouped(*more_than_s);
                return write!(f, "the call lasted {lasted_s} s, and only calls of more than {bound} s get them");
            }
            Reason::TooLong { lasted_s, less_than_s } => {
                let bound = grouped(*less_than_s);
                return write!(f, "the call lasted {lasted_s} s, and only calls of less than {bound} s get them");
            }
            Reason::NothingForLog { event } => return write!(f, "{event} carries nothing for a log"),
            Reason::NoContent { event } => return write!(f, "{event} has no content, and Aircall has none either"),
            Reason::Failed { code, error } => return write!(f, "{code}: {error}"),
            Reason::Other(sentence) => sentence,
        })
    }
}

/// 10,800
fn grouped(n: u32) -> String {
    if n < 1000 { n.to_string() } else { format!("{},{:03}", grouped(n / 1000), n % 1000) }
}

impl From<Error> for Reason {
    fn from(e: Error) -> Self {
        Self::Failed { code: e.code.as_str().into(), error: e.message }
    }
}

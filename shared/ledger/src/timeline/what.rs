//! What a line of the timeline says, with its details.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use base::ids::{CallId, Vendor};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vendors::sellsy::wire::Related;

use super::{
    super::{
        calls::Part,
        followups::Follows,
        form::LogForm,
        resolution::{RecordRef, Resolution, Source},
    },
    Reason, legacy, stored,
};

/// Every kind of timeline line. The key of a variant is the column `what`, its fields are the column `detail`. Programs
/// read both, also from rows that other versions wrote: none is ever renamed (docs/timeline.md).
///
/// `Display` is the English sentence, without the details.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", content = "detail", rename_all = "snake_case")]
pub enum What {
    /// The look-up for the card.
    LookedUp(Decision),
    Decided(Decision),
    DecidedAgain(Decision),
    CardShown {},
    NoCardShown {},
    Skipped {
        #[serde(flatten, with = "stored::reason")]
        reason: Reason,
    },
    Retried(Failure),
    Parked(Failure),
    Logged {
        #[serde(flatten)]
        log: SellsyLog,
        related: Vec<Related>,
    },
    LogUpdated(SellsyLog),
    /// Nothing had to be written.
    LogUpToDate(SellsyLog),
    /// It was written, without the topic that its tags mean.
    WithoutTopic {
        #[serde(flatten, with = "stored::reason")]
        reason: Reason,
    },
    /// A person has changed these parts of the log.
    ChangedByPerson {
        parts: Vec<Part>,
    },
    /// The outcome of its creation was unclear.
    AdoptedUnclear(SellsyLog),
    /// The ledger did not know of it.
    AdoptedUnknown(SellsyLog),
    LogDeleted(SellsyLog),
    LinksRefused {
        error: String,
    },
    /// Sellsy accepts no log on that record or opportunity; the caller is looked up again.
    RecordRefused {
        error: String,
    },
    PutOff {
        in_s: u64,
    },
    InsightsFound {
        /// Their keys, which may contain the name of a custom summary but nothing that was said.
        insights: Vec<String>,
        fetched: bool,
    },
    /// Their webhooks may have been lost with an older ledger.
    InsightsAskedFor {},
    /// None within an hour, although the call could have some.
    NoInsightsCame {},
    /// A task in Sellsy that follows from the call.
    TaskCreated(TaskLine),
    TaskUpdated(TaskLine),
    /// Somebody has spoken with the caller, in `spoke`.
    TaskDone {
        #[serde(flatten)]
        task: TaskLine,
        spoke: CallId,
    },
    /// The ledger did not know of it, or the outcome of its creation was unclear.
    TaskAdopted(TaskLine),
    /// A person has changed or closed it.
    TaskLeftAlone(TaskLine),
    TaskDeleted(TaskLine),
    /// To the record or to the opportunity, as a tag of the call means.
    SmartTagsAdded {
        to: Related,
        smart_tags: Vec<String>,
    },
    /// As a tag of the call means.
    StepMoved {
        opportunity: i64,
        /// Its name in Sellsy.
        step: String,
    },
    /// Of a caller whom Sellsy did not have.
    ProspectCreated {
        record: RecordRef,
    },
    /// The outcome of its creation was unclear.
    ProspectAdopted {
        record: RecordRef,
    },
    /// By an operator; nobody had touched it.
    ProspectUndone {
        record: RecordRef,
        by: String,
    },
    /// For a conversation of text messages.
    CommentCreated(CommentLine),
    /// It has these messages now, too.
    CommentUpdated(CommentLine),
    /// The ledger did not know it.
    CommentAdopted {
        comment: i64,
    },
    /// By a person. It stays deleted.
    CommentDeleted {
        comment: i64,
    },
    /// Its message was lost.
    HandedOn {},
    /// A person has moved the call to this record.
    Relinked {
        record: Option<RecordRef>,
        opportunity: Option<i64>,
        by: String,
    },
    /// A person wants the log to be written again.
    AskedFor {
        by: String,
    },
    Replayed(DeadLetter),
    Dropped(DeadLetter),
    Request(ApiRequest),
    /// The line of an event is written by the statement that stores the event's view ([`super::super::calls`]): its
    /// kind is the key.
    #[serde(untagged)]
    Event {
        #[serde(rename = "what")]
        kind: View,
        detail: Seen,
    },
    /// Only read, never written: the line of another version, as that version wrote it.
    #[serde(untagged)]
    Other {
        what: String,
        detail: Value,
    },
}

/// What showed the call: an Aircall event, or Aircall's list of calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum View {
    #[serde(rename = "call.created")]
    Created,
    #[serde(rename = "call.ended")]
    Ended,
    #[serde(rename = "call.tagged")]
    Tagged,
    #[serde(rename = "call.untagged")]
    Untagged,
    #[serde(rename = "call.commented")]
    Commented,
    #[serde(rename = "call.transferred")]
    Transferred,
    #[serde(rename = "call.external_transferred")]
    TransferredOutside,
    #[serde(rename = "call.voicemail_left")]
    VoicemailLeft,
    #[serde(rename = "call.comm_assets_generated")]
    AssetsGenerated,
    #[serde(rename = "reconciled")]
    Reconciled,
    #[serde(untagged)]
    Other(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)] // With more fields, it is the line of a newer version.
pub struct Seen {
    pub occurred_at: Timestamp,
}

/// A task in Sellsy, and from what it follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskLine {
    pub task: i64,
    pub follows: Follows,
}

/// A comment in Sellsy, and how many messages were written into it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentLine {
    pub comment: i64,
    pub messages: usize,
}

/// A decision in ids and reasons: no name, no number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    pub record: Option<RecordRef>,
    #[serde(flatten, with = "stored::rule")]
    pub rule: Reason,
    pub opportunity: Option<i64>,
    #[serde(flatten, with = "stored::opportunity_rule")]
    pub opportunity_rule: Reason,
    pub candidates: Vec<RecordRef>,
    pub source: Source,
    pub as_of: Option<Timestamp>,
    /// Set when it is not the line's own time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_up_at: Option<Timestamp>,
}

impl From<&Resolution> for Decision {
    fn from(resolution: &Resolution) -> Self {
        Self {
            record: resolution.record.as_ref().map(RecordRef::from),
            rule: resolution.rule.clone(),
            opportunity: resolution.opportunity.as_ref().map(|o| o.id),
            opportunity_rule: resolution.opportunity_rule.clone(),
            candidates: resolution.candidates.iter().map(RecordRef::from).collect(),
            source: resolution.source,
            as_of: resolution.as_of,
            looked_up_at: None,
        }
    }
}

/// Why a message was delayed, or parked as a dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// One of [`base::error::Code`], of any version.
    pub code: String,
    pub error: String,
    pub attempts: u32,
}

/// The log of the call in Sellsy: its form, and its id there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SellsyLog {
    PhoneCall(i64),
    Comment(i64),
}

impl SellsyLog {
    pub fn new(form: LogForm, id: i64) -> Self {
        match form {
            LogForm::PhoneCall => Self::PhoneCall(id),
            LogForm::Comment => Self::Comment(id),
        }
    }
}

/// A dead letter that an operator has replayed or dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The message's id.
    pub message: String,
    pub code: String,
    pub attempts: u32,
}

/// A request to one of the two APIs, or several with the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiRequest {
    pub api: Vendor,
    /// The endpoint with its ids left out.
    pub request: Cow<'static, str>,
    pub status: Answer,
    /// `None`: once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How long the last one took.
    pub ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    #[serde(rename = "no answer")]
    None,
    #[serde(untagged)]
    Status(u16),
}

impl What {
    /// Reads the columns `what` and `detail`, as any version wrote them.
    pub fn read(what: &str, detail: Value) -> Self {
        match serde_json::from_value(Value::from_iter([("what", legacy::key(what).into()), ("detail", detail)])) {
            Ok(Self::Other { detail, .. }) => Self::Other { what: what.into(), detail },
            Ok(known) => known,
            // Not reached: `Other` accepts everything.
            Err(_) => Self::Other { what: what.into(), detail: Value::Null },
        }
    }

    /// An event of this kind showed the call.
    pub fn seen(kind: &str, occurred_at: Timestamp) -> Self {
        Self::Event { kind: View::Other(kind.to_owned()), detail: Seen { occurred_at } }
    }

    /// The columns `what` and `detail`.
    pub fn columns(&self) -> (String, Value) {
        let mut stored = serde_json::to_value(self).unwrap_or_default();
        let what = stored["what"].as_str().map(str::to_owned);
        (what.unwrap_or_default(), stored["detail"].take())
    }

    /// The details for people: by name, without nulls and without the keys whose sentence is shown beside them.
    pub fn details(&self) -> BTreeMap<String, String> {
        let Value::Object(details) = self.columns().1 else { return BTreeMap::new() };
        let shown = details.into_iter().filter(|(name, value)| !value.is_null() && !name.ends_with("_key"));
        let text = |value| if let Value::String(text) = value { text } else { value.to_string() };
        shown.map(|(name, value)| (name, text(value))).collect()
    }

    /// The failure, if the line reports one.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Retried(failure) | Self::Parked(failure) => Some(failure),
            _ => None,
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LookedUp(_) => "looked up",
            Self::Decided(_) => "decided",
            Self::DecidedAgain(_) => "resolved again",
            Self::CardShown {} => "card shown",
            Self::NoCardShown {} => "no card was shown during the call",
            Self::Skipped { .. } => "skipped",
            Self::Retried(_) => "retried",
            Self::Parked(_) => "parked",
            Self::Logged { .. } => "logged",
            Self::LogUpdated(_) => "log updated",
            Self::LogUpToDate(_) => "the log says already what it should",
            Self::WithoutTopic { .. } => "written without the topic that its tags mean",
            Self::ChangedByPerson { .. } => "changed by a person; left alone",
            Self::AdoptedUnclear(_) => "a log whose creation had ended unclear was found and adopted",
            Self::AdoptedUnknown(_) => "a log that the ledger did not know was found and adopted",
            Self::LogDeleted(_) => "a person has deleted the log in Sellsy; it stays deleted",
            Self::LinksRefused { .. } => "Sellsy does not take the links of the log; they stay as they are there",
            Self::RecordRefused { .. } => "refused by Sellsy; the caller is looked up again",
            Self::HandedOn {} => "its message was lost; the ledger has handed it on again",
            Self::Relinked { .. } => "moved to another record by a person",
            Self::AskedFor { .. } => "a person asked for the log to be written again",
            Self::PutOff { .. } => "changed; it is written together with what else changes soon",
            Self::InsightsFound { .. } => "insights found",
            Self::InsightsAskedFor {} => {
                "webhooks may have been lost; Aircall is asked for the AI insights that it may lack"
            }
            Self::NoInsightsCame {} => "no AI insights have come within an hour",
            Self::TaskCreated(_) => "a task was created",
            Self::TaskUpdated(_) => "its task was brought up to date",
            Self::TaskDone { .. } => "somebody has spoken with the caller; the task is done",
            Self::TaskAdopted(_) => "a task that the ledger did not know was found and adopted",
            Self::TaskLeftAlone(_) => "a person has changed or closed the task; it is left alone",
            Self::TaskDeleted(_) => "a person has deleted the task in Sellsy; it stays deleted",
            Self::SmartTagsAdded { .. } => "smart-tags were added",
            Self::StepMoved { .. } => "the opportunity was moved to another step",
            Self::ProspectCreated { .. } => "a prospect was created",
            Self::ProspectAdopted { .. } => "a prospect whose creation had ended unclear was found and adopted",
            Self::ProspectUndone { .. } => "the prospect was deleted again by an operator",
            Self::CommentCreated(_) => "a comment with the messages of this day was created",
            Self::CommentUpdated(_) => "messages were added to the comment",
            Self::CommentAdopted { .. } => "a comment that the ledger did not know was found and adopted",
            Self::CommentDeleted { .. } => "a person has deleted the comment in Sellsy; it stays deleted",
            Self::Replayed(_) => "replayed by an operator",
            Self::Dropped(_) => "dropped by an operator",
            Self::Request(_) => "request",
            Self::Event { kind, .. } => return kind.fmt(f),
            Self::Other { what, .. } => what,
        })
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its name on the wire.
        self.serialize(f)
    }
}

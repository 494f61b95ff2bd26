//! What can happen to a call: its events, and what each of them changes.
//!
//! Plain data between the order that a scenario comes from (`order`) and the state that it is applied to (`state`).

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TemplateResult {
    pub(super) name: String,
    pub(super) content: String,
}

/// What an event does to the call, or to its insights.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    Created,
    Ringing {
        user: u64,
    },
    Answered {
        user: Option<u64>,
    },
    Hungup {
        reason: Option<String>,
    },
    Ended {
        voicemail: bool,
        recording: bool,
    },
    VoicemailLeft,
    Assets {
        recording: bool,
    },
    Tagged {
        tags: Vec<String>,
        by: Option<u64>,
    },
    Untagged {
        tags: Vec<String>,
    },
    Commented {
        content: String,
        by: Option<u64>,
    },
    Archived,
    Assigned {
        user: u64,
    },
    Transferred {
        to: u64,
    },
    TransferFailed {
        to: u64,
    },
    /// An event that changes no field: hold, unhold, agent_declined.
    Notice(&'static str),
    Insight {
        insight: Insight,
        /// The webhook leaves out the content of the insight: it has to be fetched.
        bare: bool,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Insight {
    Transcription { utterances: Option<Vec<Value>> },
    Summary { content: String },
    Topics { content: Vec<String> },
    Sentiment { value: String },
    ActionItem { content: String },
    CustomSummary { name: String, results: Vec<TemplateResult>, updated: bool },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// When it happens, in UNIX seconds: the event's `timestamp`.
    pub(super) at: i64,
    pub(super) change: Change,
}

impl Change {
    pub(super) fn event(&self) -> &'static str {
        match self {
            Change::Created => "call.created",
            Change::Ringing { .. } => "call.ringing_on_agent",
            Change::Answered { .. } => "call.answered",
            Change::Hungup { .. } => "call.hungup",
            Change::Ended { .. } => "call.ended",
            Change::VoicemailLeft => "call.voicemail_left",
            Change::Assets { .. } => "call.comm_assets_generated",
            Change::Tagged { .. } => "call.tagged",
            Change::Untagged { .. } => "call.untagged",
            Change::Commented { .. } => "call.commented",
            Change::Archived => "call.archived",
            Change::Assigned { .. } => "call.assigned",
            Change::Transferred { .. } => "call.transferred",
            Change::TransferFailed { .. } => "call.unsuccessful_transfer",
            Change::Notice(event) => event,
            Change::Insight { insight, .. } => insight.event(),
        }
    }
}

impl Insight {
    fn event(&self) -> &'static str {
        match self {
            Insight::Transcription { .. } => "transcription.created",
            Insight::Summary { .. } => "summary.created",
            Insight::Topics { .. } => "topics.created",
            Insight::Sentiment { .. } => "sentiment.created",
            Insight::ActionItem { .. } => "action_item.created",
            Insight::CustomSummary { updated: false, .. } => "custom_summary.result_created",
            Insight::CustomSummary { updated: true, .. } => "custom_summary.result_updated",
        }
    }
}

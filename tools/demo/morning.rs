//! The calls of the morning and the expected result of each, from `morning.toml`.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::follows::{Follows, Text};

const MORNING: &str = include_str!("morning.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Morning {
    #[serde(rename = "call")]
    pub(crate) calls: Vec<Call>,
    #[serde(rename = "conversation")]
    pub(crate) conversations: Vec<Conversation>,
    /// Calls that arrive while the broker is unavailable and Sellsy fails.
    #[serde(rename = "call_during_outage")]
    pub(crate) calls_during_outage: Vec<Call>,
    #[serde(rename = "text")]
    pub(crate) texts: Vec<Text>,
    /// What the task for the missed call says that is called back.
    pub(crate) missed: String,
    /// Calls after it has become a task.
    #[serde(rename = "call_back")]
    pub(crate) calls_back: Vec<Call>,
    /// What must stand in Sellsy beside the logs.
    pub(crate) follows: Vec<Follows>,
}

/// A recorded conversation of the sandbox, which may be several calls.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Conversation {
    pub(crate) name: String,
    pub(crate) calls: Vec<Call>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    pub(crate) about: String,
    /// The body for the sandbox; empty in a conversation.
    #[serde(default)]
    pub(crate) play: Value,
    /// What a person does about it.
    #[serde(default)]
    pub(crate) by_hand: Option<ByHand>,
    pub(crate) expect: Expect,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ByHand {
    /// In Sellsy, a salesperson writes this above the log and changes its result. Then the agent adds a tag in Aircall.
    Edit { above: String, result: String, tag: String },
    /// Moves the call to this record afterwards: `individual:2003`.
    Relink(String),
    /// Says before the call that its number means this record.
    Pin(String),
    /// The agent has given the call a tag that the rules know; what it means, for the table.
    Tag(String),
}

impl ByHand {
    /// For the table.
    pub(crate) fn in_short(&self) -> String {
        match self {
            ByHand::Edit { .. } => "words, result kept".into(),
            ByHand::Relink(_) => "moved".into(),
            ByHand::Pin(_) => "pinned".into(),
            ByHand::Tag(means) => format!("tag: {means}"),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    /// `individual 101`, as Sellsy knows it; none when the call is not logged.
    pub(crate) record: Option<String>,
    pub(crate) opportunity: Option<i64>,
    /// Sellsy's word for the result of the call.
    pub(crate) result: Option<String>,
    /// The name of the log's topic in Sellsy.
    pub(crate) topic: Option<String>,
    /// Whether the agent saw a card while the phone rang.
    #[serde(default)]
    pub(crate) card: bool,
    /// The number of insights in the log.
    #[serde(default)]
    pub(crate) insights: usize,
    /// Texts that the log must contain.
    #[serde(default)]
    pub(crate) says: Vec<String>,
}

impl Morning {
    pub(crate) fn read() -> Result<Self> {
        toml::from_str(MORNING).context("morning.toml")
    }
}

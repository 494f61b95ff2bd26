//! The calls of the morning and what is expected of each, from `morning.toml`.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

const MORNING: &str = include_str!("morning.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Morning {
    #[serde(rename = "call")]
    pub(crate) calls: Vec<Call>,
    #[serde(rename = "conversation")]
    pub(crate) conversations: Vec<Conversation>,
    /// Calls that come in while the broker is unavailable and a request to Sellsy fails.
    #[serde(rename = "call_during_outage")]
    pub(crate) calls_during_outage: Vec<Call>,
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
    pub(crate) expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    /// `individual 101`, as Sellsy knows it; none when the call is not logged.
    pub(crate) record: Option<String>,
    pub(crate) opportunity: Option<i64>,
    /// Sellsy's word for how the call went.
    pub(crate) result: Option<String>,
    /// The agent saw a card while the phone rang.
    #[serde(default)]
    pub(crate) card: bool,
    /// How many insights the log holds.
    #[serde(default)]
    pub(crate) insights: usize,
    /// What the log must say.
    #[serde(default)]
    pub(crate) says: Vec<String>,
}

impl Morning {
    pub(crate) fn read() -> Result<Self> {
        toml::from_str(MORNING).context("morning.toml")
    }
}

//! AI insights of a call, as the insights worker found them and the logger writes them.
//!
//! Each has a key, and the newest one of a key (by `at`) is kept: a corrected summary replaces the first, while two
//! action items are kept side by side.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Insight {
    /// When Aircall sent it; the newest of one key wins.
    pub at: Timestamp,
    #[serde(flatten)]
    pub content: Content,
}

#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    Summary { text: String },
    Topics { topics: Vec<String> },
    Sentiment { participants: Vec<Sentiment> },
    ActionItem { id: String, text: String },
    CustomSummary { name: String, sections: Vec<Section> },
}

#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentiment {
    /// The colleague's side of the conversation, not the caller's.
    pub internal: bool,
    /// POSITIVE, NEUTRAL or NEGATIVE today; Aircall may add others.
    pub value: String,
}

#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    pub name: String,
    pub text: String,
}

impl Content {
    pub fn key(&self) -> String {
        match self {
            Content::Summary { .. } => "summary".into(),
            Content::Topics { .. } => "topics".into(),
            Content::Sentiment { .. } => "sentiment".into(),
            Content::ActionItem { id, .. } => format!("action_item:{id}"),
            Content::CustomSummary { name, .. } => format!("custom_summary:{name}"),
        }
    }
}

/// All insights of a call by key.
pub type Insights = BTreeMap<String, Insight>;

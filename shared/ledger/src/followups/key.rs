//! What follows from a call, by its kind, the call, and which of several.

use std::{fmt, str::FromStr};

use base::ids::CallId;
use serde::{Deserialize, Serialize};

/// Which one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// By the first of its calls that was seen.
    Missed(CallId),
    /// By the id that Aircall gives the item, or by what it says.
    ActionItem {
        call: CallId,
        item: String,
    },
    /// By the tag's name, folded.
    Tag {
        call: CallId,
        tag: String,
    },
    SmartTags {
        call: CallId,
        tag: String,
    },
    Step {
        call: CallId,
        tag: String,
    },
    /// By the call with somebody whom Sellsy does not have.
    Prospect(CallId),
}

impl Key {
    pub fn call(&self) -> CallId {
        match self {
            Self::Missed(call) | Self::Prospect(call) => *call,
            Self::ActionItem { call, .. }
            | Self::Tag { call, .. }
            | Self::SmartTags { call, .. }
            | Self::Step { call, .. } => *call,
        }
    }

    /// All that this version knows: the rows of a newer one wait for it.
    pub(super) const KINDS: [&'static str; 6] = ["missed", "action_item", "tag", "smart_tags", "step", "prospect"];

    /// How its key begins.
    fn kind(&self) -> &'static str {
        match self {
            Self::Missed(_) => "missed",
            Self::ActionItem { .. } => "action_item",
            Self::Tag { .. } => "tag",
            Self::SmartTags { .. } => "smart_tags",
            Self::Step { .. } => "step",
            Self::Prospect(_) => "prospect",
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind(), self.call())?;
        match self {
            Self::Missed(_) | Self::Prospect(_) => Ok(()),
            Self::ActionItem { item: which, .. }
            | Self::Tag { tag: which, .. }
            | Self::SmartTags { tag: which, .. }
            | Self::Step { tag: which, .. } => write!(f, ":{which}"),
        }
    }
}

impl FromStr for Key {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, rest) = text.split_once(':').ok_or(())?;
        let (call, which) = rest.split_once(':').map_or((rest, None), |(call, which)| (call, Some(which.to_owned())));
        let (call, which) = (CallId(call.parse().map_err(drop)?), which.filter(|which| !which.is_empty()));
        match (kind, which) {
            ("missed", None) => Ok(Self::Missed(call)),
            ("prospect", None) => Ok(Self::Prospect(call)),
            ("action_item", Some(item)) => Ok(Self::ActionItem { call, item }),
            ("tag", Some(tag)) => Ok(Self::Tag { call, tag }),
            ("smart_tags", Some(tag)) => Ok(Self::SmartTags { call, tag }),
            ("step", Some(tag)) => Ok(Self::Step { call, tag }),
            _ => Err(()),
        }
    }
}

/// From what a task follows, as programs read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Follows {
    MissedCall,
    ActionItem,
    Tag,
}

impl Follows {
    /// The same for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissedCall => "missed_call",
            Self::ActionItem => "action_item",
            Self::Tag => "tag",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        for key in [
            Key::Missed(CallId(3_811_600_001)),
            Key::ActionItem { call: CallId(7), item: "55".into() },
            Key::ActionItem { call: CallId(7), item: "a:b".into() },
            Key::Tag { call: CallId(7), tag: "rappel : devis".into() },
            Key::SmartTags { call: CallId(7), tag: "vip".into() },
            Key::Step { call: CallId(7), tag: "devis".into() },
            Key::Prospect(CallId(8)),
        ] {
            assert!(Key::KINDS.contains(&key.kind()));
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for text in [
            "",
            "missed:",
            "missed:x",
            "missed:7:8",
            "action_item:7",
            "action_item:7:",
            "tag:7",
            "prospect:7:x",
            "log:7",
        ] {
            assert_eq!(text.parse::<Key>(), Err(()), "{text}");
        }
    }
}

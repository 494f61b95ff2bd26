//! What follows from a call, by its kind, the call, and which of several; and conversations of text messages, which have no call.

use std::{fmt, str::FromStr};

use base::{ids::CallId, phone::E164};
use jiff::civil::Date;
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
    /// With one number, on one day.
    Messages {
        number: E164,
        day: Date,
    },
}

impl Key {
    /// In whose story it is told: the call's, or the conversation's own.
    pub fn call(&self) -> CallId {
        match self {
            Self::Missed(call) | Self::Prospect(call) => *call,
            Self::ActionItem { call, .. }
            | Self::Tag { call, .. }
            | Self::SmartTags { call, .. }
            | Self::Step { call, .. } => *call,
            Self::Messages { .. } => CallId::of_conversation(&self.to_string()),
        }
    }

    /// All that this version knows: the rows of a newer one wait for it.
    pub(super) const KINDS: [&'static str; 7] =
        ["missed", "action_item", "tag", "smart_tags", "step", "prospect", "messages"];

    /// How its key begins.
    fn kind(&self) -> &'static str {
        match self {
            Self::Missed(_) => "missed",
            Self::ActionItem { .. } => "action_item",
            Self::Tag { .. } => "tag",
            Self::SmartTags { .. } => "smart_tags",
            Self::Step { .. } => "step",
            Self::Prospect(_) => "prospect",
            Self::Messages { .. } => "messages",
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Messages { number, day } = self {
            return write!(f, "{}:{}:{day}", self.kind(), number.as_str());
        }
        write!(f, "{}:{}", self.kind(), self.call())?;
        match self {
            Self::Missed(_) | Self::Prospect(_) | Self::Messages { .. } => Ok(()),
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
        if kind == "messages" {
            let (number, day) = rest.split_once(':').ok_or(())?;
            return Ok(Self::Messages { number: number.parse().map_err(drop)?, day: day.parse().map_err(drop)? });
        }
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
    fn a_conversation_has_an_id_of_its_own() {
        let id = |text: &str| text.parse::<Key>().unwrap().call();
        let one = id("messages:+33639980011:2026-11-30");
        assert!(one.is_conversation() && one.0 > -(1 << 53) && !CallId(7).is_conversation());
        assert!(one != id("messages:+33639980011:2026-12-01") && one != id("messages:+33639980012:2026-11-30"));
    }

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
            Key::Messages { number: "+33639980011".parse().unwrap(), day: "2026-11-30".parse().unwrap() },
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
            "messages:+33639980011",
            "messages:0639980011:2026-11-30",
            "messages:+33639980011:2026-13-30",
            "log:7",
        ] {
            assert_eq!(text.parse::<Key>(), Err(()), "{text}");
        }
    }
}

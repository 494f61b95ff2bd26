//! Ids and names of calls, records, stages and vendors.
//!
//! Plain names without behaviour. Every layer uses them, so they live in the lowest one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Aircall's id of a call; larger than 2^31 today.
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub i64);

impl CallId {
    /// The call id of a fact that is not about a call.
    pub const NONE: CallId = CallId(0);

    /// Under which a conversation of text messages is told, as a call is: negative, which no call's is. The same wherever it is computed.
    pub fn of_conversation(key: &str) -> Self {
        // So many bits every reader of JSON can hold.
        let digest = blake3::hash(key.as_bytes());
        let id = digest.as_bytes()[..6].iter().fold(0_i64, |id, byte| id << 8 | i64::from(*byte));
        Self(-1 - id)
    }

    pub fn is_conversation(self) -> bool {
        self.0 < 0
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The three kinds of record that Sellsy can find by phone, in the order in which the match rules prefer them.
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Individual,
    Company,
    Contact,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Individual => "individual",
            Kind::Company => "company",
            Kind::Contact => "contact",
        }
    }

    /// Reads what `Display` writes; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Kind::Individual, Kind::Company, Kind::Contact].into_iter().find(|kind| kind.to_string() == text)
    }
}

/// A step of the processing: it names a work queue, a queue of dead letters, and the work in timelines and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    Ingest,
    Cards,
    Ended,
    Resolver,
    Hints,
    Logger,
    Insights,
    Followups,
}

impl Stage {
    pub const ALL: [Stage; 8] = [
        Stage::Ingest,
        Stage::Cards,
        Stage::Ended,
        Stage::Resolver,
        Stage::Hints,
        Stage::Logger,
        Stage::Insights,
        Stage::Followups,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Ingest => "ingest",
            Stage::Cards => "cards",
            Stage::Ended => "ended",
            Stage::Resolver => "resolver",
            Stage::Hints => "hints",
            Stage::Logger => "logger",
            Stage::Insights => "insights",
            Stage::Followups => "followups",
        }
    }

    /// The worker that works on this stage.
    pub fn worker(self) -> &'static str {
        match self {
            Stage::Ingest => "ingest",
            Stage::Cards | Stage::Resolver | Stage::Hints => "resolver",
            Stage::Ended | Stage::Logger => "logger",
            Stage::Insights => "insights",
            Stage::Followups => "followups",
        }
    }

    /// Whether a worker consumes a queue of this stage. Ingest has none; it only parks.
    pub fn has_work_queue(self) -> bool {
        self != Stage::Ingest
    }
}

/// The two companies whose APIs are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    Aircall,
    Sellsy,
}

impl Vendor {
    pub fn as_str(self) -> &'static str {
        match self {
            Vendor::Aircall => "aircall",
            Vendor::Sellsy => "sellsy",
        }
    }
}

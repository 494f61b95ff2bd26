//! What calls, records, stages and vendors are called, everywhere the same.
//!
//! Plain names without behaviour of their own: every layer speaks of them, so they live in the lowest one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Aircall's id of a call; larger than 2^31 today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub i64);

impl CallId {
    /// Of a fact that is about no call.
    pub const NONE: CallId = CallId(0);
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The three kinds of record that Sellsy can find by phone, in the order of preference of the match rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Individual,
    Company,
    Contact,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Individual => "individual",
            Kind::Company => "company",
            Kind::Contact => "contact",
        })
    }
}

impl Kind {
    pub fn parse(text: &str) -> Option<Self> {
        [Kind::Individual, Kind::Company, Kind::Contact].into_iter().find(|kind| kind.to_string() == text)
    }
}

/// A worker's stage: its queue, its dead letters and its name on timelines and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    Ingest,
    Cards,
    Resolver,
    Logger,
    Insights,
}

impl Stage {
    pub const ALL: [Stage; 5] = [Stage::Ingest, Stage::Cards, Stage::Resolver, Stage::Logger, Stage::Insights];

    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Ingest => "ingest",
            Stage::Cards => "cards",
            Stage::Resolver => "resolver",
            Stage::Logger => "logger",
            Stage::Insights => "insights",
        }
    }

    /// Whether a worker consumes a queue of this stage; ingest only parks.
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

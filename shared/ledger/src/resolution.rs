//! Who called, as the resolver decided it and the logger and the operator read it.
//!
//! Plain data, stored as JSON in the call's row with every candidate and the rule that chose, so that "why this
//! record?" can be answered long afterwards. The rules themselves are in the resolver.

use base::ids::Kind;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::timeline::{Reason, stored};

/// A record by kind and id, as `individual 2001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RecordRef {
    pub kind: Kind,
    pub id: i64,
}

impl From<&Record> for RecordRef {
    fn from(record: &Record) -> Self {
        Self { kind: record.kind, id: record.id }
    }
}

impl From<RecordRef> for String {
    fn from(record: RecordRef) -> Self {
        format!("{} {}", record.kind, record.id)
    }
}

impl TryFrom<String> for RecordRef {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let read = text.split_once(' ').and_then(|(kind, id)| Some((Kind::parse(kind)?, id.parse().ok()?)));
        read.map(|(kind, id)| Self { kind, id }).ok_or("expected a kind of record and an id")
    }
}

/// Sellsy's type of an individual or a company; contacts have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Relation {
    Client,
    Prospect,
    Supplier,
}

/// A record of Sellsy that has the caller's number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub kind: Kind,
    pub id: i64,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<Relation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// The staff member who owns the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<i64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
    /// A contact's companies in the order in which Sellsy lists them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub companies: Vec<Company>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Company {
    pub id: i64,
    pub name: String,
    /// Unknown when Sellsy's answer did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<Relation>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opportunity {
    pub id: i64,
    pub name: String,
    pub status: String,
}

/// Where the candidates came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The phone directory had a record with this number.
    Directory,
    /// Sellsy was asked.
    Live,
    /// Sellsy was asked recently and had no record.
    Remembered,
    /// Nothing was asked: there is no number to look up.
    None,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resolution {
    pub source: Source,
    /// When the directory read the chosen record; `None` for other sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
    /// The record that the rules chose; `None` is unmatched.
    pub record: Option<Record>,
    /// Why this record, or why none.
    #[serde(flatten, with = "stored::rule")]
    pub rule: Reason,
    pub opportunity: Option<Opportunity>,
    /// Why this opportunity, or why none.
    #[serde(flatten, with = "stored::opportunity_rule")]
    pub opportunity_rule: Reason,
    /// Until then the opportunity, and the company that it depends on, are fresh enough to decide. `None` if neither can change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds_until: Option<Timestamp>,
    /// Every record that has the number, in order of preference.
    pub candidates: Vec<Record>,
}

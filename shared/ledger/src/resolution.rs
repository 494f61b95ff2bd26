//! Who called, as the resolver decided it and the logger and the operator read it.
//!
//! Plain data, stored as JSON in the call's row with every candidate and the rule that chose, so that "why this
//! record?" can be answered long after. The rules themselves live in the resolver.

use base::ids::Kind;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
    /// The staff who owns the record.
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
    /// Unknown when Sellsy's answer did not tell it.
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
    /// The phone directory had somebody with this number.
    Directory,
    /// Sellsy was asked.
    Live,
    /// Sellsy was asked a short while ago and had nobody.
    Remembered,
    /// Nobody was asked: there is no number to look up.
    None,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resolution {
    pub source: Source,
    /// When the directory had read the chosen record; `None` for other sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
    /// The record that the rules chose; `None` is unmatched.
    pub record: Option<Record>,
    /// Why this record, or why none.
    pub rule: String,
    pub opportunity: Option<Opportunity>,
    /// Why this opportunity, or why none.
    pub opportunity_rule: String,
    /// Everybody who has the number, in order of preference.
    pub candidates: Vec<Record>,
}

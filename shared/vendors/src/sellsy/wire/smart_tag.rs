//! The smart-tag: a word that people put on records and opportunities.

use serde::{Deserialize, Serialize};

use crate::tolerant::{self, lenient};

/// A smart-tag as Sellsy lists it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct SmartTag {
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    pub id: Option<i64>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub value: Option<String>,
}

/// A smart-tag in the body of `POST …/smart-tags`: one that exists, or a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SmartTagRef {
    Id(i64),
    Value(String),
}

//! The step of a pipeline, in which an opportunity is.

use serde::Deserialize;

use crate::tolerant::{self, lenient};

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Step {
    #[serde(deserialize_with = "tolerant::id")]
    pub id: i64,
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// In its pipeline, the first step first.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub rank: Option<i64>,
}

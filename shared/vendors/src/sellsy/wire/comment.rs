//! The comment: text on one record, written by the staff that the token belongs to. Only its text can be changed later.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::Related;
use crate::tolerant::{self, discreet_debug};

/// A comment as Sellsy returns it.
#[derive(Clone, Default, PartialEq, Deserialize)]
pub struct Comment {
    #[serde(deserialize_with = "tolerant::id")]
    pub id: i64,
    #[serde(default, deserialize_with = "tolerant::text")]
    pub description: Option<String>,
    #[serde(default, with = "tolerant::time")]
    pub created: Option<Timestamp>,
    #[serde(default, with = "tolerant::time")]
    pub updated: Option<Timestamp>,
}

/// The body of `POST /comments`.
#[derive(Clone, PartialEq, Serialize)]
pub struct CommentCreate {
    pub description: String,
    /// Exactly one.
    pub related: [Related; 1],
    /// ISO 8601 with offset; it may be in the past.
    pub created: String,
}

discreet_debug! {
    Comment { id }
    CommentCreate { related, created }
}

//! How the account behaves where no document says it: a test chooses.

use serde::{Deserialize, Serialize};

/// What no document says about the writes, so that a test chooses.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Rules {
    /// A `PUT` without the description, the duration, the topic or the priority takes them away.
    pub(super) put_is_whole: bool,
    /// The most characters of a description.
    pub(super) longest: Option<usize>,
    /// What is longer is cut; otherwise it is refused.
    pub(super) cuts: bool,
    pub(super) owners: Owners,
}

/// Who can own a phone call that this client writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Owners {
    #[default]
    Any,
    /// The client's own staff; another one is refused.
    Own,
    /// The client's own staff, whoever is named.
    Replaced,
}

/// Where the application's pages lead somebody who has not signed in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Pages {
    /// Every address, even one that nobody has, leads to the sign-in.
    #[default]
    Alike,
    /// The pages that there are lead to the sign-in, other addresses to nothing.
    Known,
    /// The pages have other addresses: those of the query form (`/?_f=…`).
    Query,
}

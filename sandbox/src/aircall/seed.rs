//! What the Aircall account starts with: the `[aircall]` table of the data file.
//!
//! It has only what a person would type; links, availability, languages and other constants that the API shows are
//! added when a record is rendered (see `directory`). Unknown keys are refused, so that a typo in the data file is found
//! at the start.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    pub api_id: String,
    pub api_token: String,
    /// Requests per minute for the whole company; absent or 0 means no limit.
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    #[serde(default)]
    pub users: Vec<User>,
    #[serde(default)]
    pub numbers: Vec<Number>,
    #[serde(default)]
    pub teams: Vec<Team>,
    #[serde(default)]
    pub tags: Vec<Tag>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    pub id: u64,
    pub name: String,
    pub email: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    pub id: u64,
    pub name: String,
    /// As the Dashboard shows it, e.g. `+33 1 99 00 10 01`.
    pub digits: String,
    pub country: String,
    pub time_zone: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Team {
    pub id: u64,
    pub name: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    pub id: u64,
    pub name: String,
}

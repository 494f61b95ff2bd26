//! The settings as types, after reading.

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};

use super::{
    alerts::Alerts,
    console::Access,
    language::Language,
    links::{CallLink, Links},
    reports::Reports,
};
use crate::{phone::Regions, rules::Rules};

/// Which settings a worker requires, beyond broker and database.
#[derive(Clone, Copy, Debug, Default)]
pub struct Needs {
    pub aircall_api: bool,
    pub sellsy_api: bool,
    pub console_password: bool,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub amqp_url: SecretString,
    pub amqp_namespace: String,
    pub database_url: SecretString,
    pub http_listen: SocketAddr,
    pub aircall: Aircall,
    pub sellsy: Sellsy,
    pub directory_sync_every: Duration,
    /// Only the resolver reads it, and who looks callers up.
    pub opportunities_fresh: Duration,
    pub reconcile_every: Duration,
    pub rematch_days: f64,
    pub retention: Duration,
    pub regions: Regions,
    pub matching: Matching,
    pub time_zone: TimeZone,
    pub log_language: Language,
    /// Only the logger reads it.
    pub log_template: Option<PathBuf>,
    /// Without a file, nothing is on.
    pub rules: Arc<Rules>,
    /// Where they were read from.
    pub rules_file: Option<PathBuf>,
    pub log_fallback: LogFallback,
    /// Only the logger reads it.
    pub log_updates_every: Duration,
    pub console_listen: SocketAddr,
    /// Without a trailing slash.
    pub console_url: Option<String>,
    pub console: Access,
    /// Only ingest reads it.
    pub alerts: Alerts,
    pub reports: Reports,
    pub concurrency: u16,
    pub rust_log: String,
    pub log_format: LogFormat,
    /// Without it no spans are collected.
    pub otlp_endpoint: Option<String>,
}

/// Where accounts differ in what the match rules mean. The default is the seed's words, read as docs/matching.md says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// Of several records of a kind the one with the highest id, instead of the lowest.
    pub newest_first: bool,
    /// Archived records match like others.
    pub archived: bool,
}

impl Matching {
    /// Whether a record can match.
    pub fn counts(self, is_archived: bool) -> bool {
        self.archived || !is_archived
    }
}

#[derive(Clone, Debug)]
pub struct Aircall {
    /// Without a trailing slash.
    pub api_url: String,
    /// Empty unless the worker needs it.
    pub api_id: SecretString,
    pub api_token: SecretString,
    pub webhook_tokens: Vec<SecretString>,
    /// Empty means all.
    pub number_ids: Vec<i64>,
    pub call_link: CallLink,
    pub requests_per_minute: NonZeroU32,
}

#[derive(Clone, Debug)]
pub struct Sellsy {
    /// Without a trailing slash, like the other one.
    pub api_url: String,
    pub auth_url: String,
    pub links: Links,
    /// Empty unless the worker needs it.
    pub client_id: SecretString,
    pub client_secret: SecretString,
    pub default_owner_id: Option<i64>,
    pub webhook_secret: Option<SecretString>,
    pub requests_per_second: NonZeroU32,
    pub requests_per_minute: NonZeroU32,
    pub requests_per_day: Option<NonZeroU32>,
}

/// What happens to a call when Sellsy does not let us write phone calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFallback {
    /// Its message is parked.
    Park,
    /// The call is logged as a comment.
    Comment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl Aircall {
    /// Both parts of the credential are set.
    pub fn has_credential(&self) -> bool {
        let is_set = |secret: &SecretString| !secret.expose_secret().is_empty();
        is_set(&self.api_id) && is_set(&self.api_token)
    }
}

//! Settings: environment variables with the same names for every worker.
//!
//! clap declares the names, their defaults and the texts of `--help`; [`Settings::load`] turns the raw texts into
//! types and collects every problem, so that a worker that cannot start names all of them at once. `<NAME>_FILE`
//! reads a setting from a file, as secrets are mounted by Docker and Kubernetes. Values never appear in messages.

mod raw;
mod read;

use std::{ffi::OsString, fmt, net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};

use clap::{CommandFactory, FromArgMatches};
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};

use crate::phone::Region;
use raw::Raw;

/// What a worker cannot do without, beyond broker and database.
#[derive(Clone, Copy, Debug, Default)]
pub struct Needs {
    pub webhook_tokens: bool,
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
    pub reconcile_every: Duration,
    pub rematch_days: f64,
    pub retention: Duration,
    pub default_region: Region,
    pub time_zone: TimeZone,
    pub log_language: Language,
    /// Read by the logger alone.
    pub log_template: Option<PathBuf>,
    pub log_fallback: LogFallback,
    pub console_listen: SocketAddr,
    /// Empty unless the console needs it.
    pub console_password: SecretString,
    /// Where alerts go; it may hold a secret.
    pub alert_webhook_url: Option<SecretString>,
    pub concurrency: u16,
    pub rust_log: String,
    pub log_format: LogFormat,
    /// Spans are not collected without it.
    pub otlp_endpoint: Option<String>,
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
    pub requests_per_minute: NonZeroU32,
}

#[derive(Clone, Debug)]
pub struct Sellsy {
    /// Without a trailing slash, like the other two.
    pub api_url: String,
    pub auth_url: String,
    pub web_url: String,
    /// Empty unless the worker needs it.
    pub client_id: SecretString,
    pub client_secret: SecretString,
    pub default_owner_id: Option<i64>,
    pub webhook_secret: Option<SecretString>,
    pub requests_per_second: NonZeroU32,
    pub requests_per_minute: NonZeroU32,
    pub requests_per_day: Option<NonZeroU32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    French,
    English,
}

/// What becomes of a call when Sellsy does not let us write phone calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFallback {
    /// It is parked.
    Park,
    /// It is logged as a comment.
    Comment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Everything that is wrong with the settings, a line each.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<String>);

impl Problems {
    /// For what only one worker can find out, when it reads a file that a setting names.
    pub fn one(problem: impl Into<String>) -> Self {
        Self(vec![problem.into()])
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| writeln!(f, "  - {problem}"))
    }
}

impl std::error::Error for Problems {}

impl Aircall {
    /// Both parts of the credential are there.
    pub fn has_credential(&self) -> bool {
        let there = |secret: &SecretString| !secret.expose_secret().is_empty();
        there(&self.api_id) && there(&self.api_token)
    }
}

impl Settings {
    /// Reads the environment and the command line of the worker called `name`. Prints help and ends the process
    /// when asked to, as clap does.
    pub fn load(name: &'static str, about: &'static str, needs: Needs) -> Result<Self, Problems> {
        let arguments = std::env::args_os().collect();
        Self::parse(name, about, needs, arguments, |name| std::env::var_os(name))
    }

    /// The same from the environment alone, for a command that takes other arguments than a worker.
    pub fn from_environment(needs: Needs) -> Result<Self, Problems> {
        Self::parse("callbridge", "", needs, vec!["callbridge".into()], |name| std::env::var_os(name))
    }

    /// Name and default of every setting, for the test that compares them with `.env.example`.
    pub fn names() -> Vec<(String, Option<String>)> {
        let command = Raw::command();
        let named = command.get_arguments().filter_map(|argument| {
            let default = argument.get_default_values().first();
            let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
            Some((text(argument.get_env()?), default.map(|default| text(default))))
        });
        named.collect()
    }

    fn parse(
        name: &'static str,
        about: &'static str,
        needs: Needs,
        mut arguments: Vec<OsString>,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Problems> {
        let command = Raw::command().name(name).about(about).version(env!("CARGO_PKG_VERSION"));
        let mut problems = Problems::default();
        arguments.extend(from_environment(&command, &environment, &mut problems));
        let matches = command.get_matches_from(arguments);
        let raw = Raw::from_arg_matches(&matches).map_err(|e| Problems(vec![e.to_string()]))?;
        let settings = read::read(&raw, needs, &mut problems);
        match settings {
            Some(settings) if problems.0.is_empty() => Ok(settings),
            _ => Err(problems),
        }
    }
}

/// What clap does not do by itself: `<NAME>_FILE` is read, and an empty `<NAME>` counts as not set.
fn from_environment(
    command: &clap::Command,
    environment: &impl Fn(&str) -> Option<OsString>,
    problems: &mut Problems,
) -> Vec<OsString> {
    let mut arguments = Vec::new();
    for argument in command.get_arguments() {
        let (Some(long), Some(name)) = (argument.get_long(), argument.get_env().and_then(|n| n.to_str())) else {
            continue;
        };
        let value = environment(name);
        let is_empty = value.as_ref().is_some_and(|value| value.is_empty());
        let Some(path) = environment(&format!("{name}_FILE")).filter(|p| !p.is_empty()) else {
            if let Some(default) = argument.get_default_values().first().filter(|_| is_empty) {
                arguments.push(format!("--{long}={}", default.to_string_lossy()).into());
            }
            continue;
        };
        if value.is_some() && !is_empty {
            problems.0.push(format!("{name} and {name}_FILE are both set: remove one of them"));
            continue;
        }
        let path = PathBuf::from(path);
        match std::fs::read_to_string(&path) {
            Ok(text) => arguments.push(format!("--{long}={}", text.trim_end_matches(['\r', '\n'])).into()),
            Err(e) => problems.0.push(format!("{name}_FILE: {} cannot be read: {e}", path.display())),
        }
    }
    arguments
}

#[cfg(test)]
mod tests;

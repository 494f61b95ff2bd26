//! Settings: environment variables with the same names for every worker.
//!
//! clap declares the names, their defaults and the texts of `--help`. [`Settings::load`] turns the raw texts into types and
//! collects every problem, so that a worker that cannot start reports all of them at once. `<NAME>_FILE` reads a setting
//! from a file, which is how Docker and Kubernetes mount secrets. Error messages never contain a value.

mod alerts;
mod console;
mod hosts;
mod language;
mod links;
mod parts;
mod problems;
mod raw;
mod read;
mod reports;
mod values;

use std::{ffi::OsString, path::PathBuf};

pub use alerts::{AlertChannel, AlertKind, AlertMail, Alerts};
use clap::{CommandFactory, FromArgMatches};
pub use console::{Access, Oidc, People, Proxy, ProxyKind, proves_its_origin};
pub use hosts::each_host;
pub(crate) use hosts::login_length;
pub use language::Language;
pub use links::{CallLink, Links};
pub use problems::Problems;
use raw::Raw;
pub use reports::Reports;
pub use values::{Aircall, LogFallback, LogFormat, Matching, Needs, Sellsy, Settings};

impl Settings {
    /// Reads the environment and the command line of the worker called `name`. On `--help` or `--version`, clap prints the
    /// text and ends the process.
    pub fn load(name: &'static str, about: &'static str, needs: Needs) -> Result<Self, Problems> {
        let arguments = std::env::args_os().collect();
        Self::parse(name, about, needs, arguments, |name| std::env::var_os(name))
    }

    /// Reads the environment only, for the operator's command, whose arguments differ from a worker's.
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

/// What clap lacks: `<NAME>_FILE` is read, and an empty `<NAME>` counts as not set.
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

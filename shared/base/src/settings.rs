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

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

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
        Self::parse(name, about, needs, arguments, |name| std::env::var_os(name), &Beside::default())
    }

    /// Reads the environment, for the operator's command, whose arguments differ from a worker's; for what it does not set, `file`, by the
    /// names of settings.
    pub fn from_environment(needs: Needs, file: &BTreeMap<String, String>) -> Result<Self, Problems> {
        Self::with(needs, &BTreeMap::new(), file)
    }

    /// The same with `first`, which wins over the environment.
    pub fn with(
        needs: Needs,
        first: &BTreeMap<String, String>,
        file: &BTreeMap<String, String>,
    ) -> Result<Self, Problems> {
        let beside = Beside { first: first.clone(), last: file.clone() };
        Self::parse("callbridge", "", needs, vec!["callbridge".into()], |name| std::env::var_os(name), &beside)
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
        beside: &Beside,
    ) -> Result<Self, Problems> {
        let command = Raw::command().name(name).about(about).version(env!("CARGO_PKG_VERSION"));
        let mut problems = Problems::default();
        arguments.extend(from_environment(&command, &environment, beside, &mut problems));
        let matches = command.get_matches_from(arguments);
        let raw = Raw::from_arg_matches(&matches).map_err(|e| Problems(vec![e.to_string()]))?;
        let settings = read::read(&raw, needs, &mut problems);
        match settings {
            Some(settings) if problems.0.is_empty() => Ok(settings),
            _ => Err(problems),
        }
    }
}

/// Values of settings from elsewhere, by name: those that win over the environment, and those for what it does not set.
#[derive(Default)]
struct Beside {
    first: BTreeMap<String, String>,
    last: BTreeMap<String, String>,
}

impl Beside {
    /// For a setting that the environment does not set. Clap itself reads only the environment.
    fn value(&self, name: &str, problems: &mut Problems) -> Option<String> {
        let of = |name: &str| self.last.get(name).filter(|value| !value.is_empty());
        match (of(name), of(&format!("{name}_FILE"))) {
            (Some(_), Some(_)) => {
                problems.0.push(format!("{name} and {name}_FILE are both set: remove one of them"));
                None
            }
            (Some(value), None) => Some(value.clone()),
            (None, Some(path)) => in_file(name, &PathBuf::from(path), problems),
            (None, None) => None,
        }
    }
}

fn in_file(name: &str, path: &std::path::Path, problems: &mut Problems) -> Option<String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
        Err(e) => {
            problems.0.push(format!("{name}_FILE: {} cannot be read: {e}", path.display()));
            None
        }
    }
}

/// What clap lacks: `<NAME>_FILE` is read, and an empty `<NAME>` counts as not set.
fn from_environment(
    command: &clap::Command,
    environment: &impl Fn(&str) -> Option<OsString>,
    beside: &Beside,
    problems: &mut Problems,
) -> Vec<OsString> {
    let mut arguments = Vec::new();
    for argument in command.get_arguments() {
        let (Some(long), Some(name)) = (argument.get_long(), argument.get_env().and_then(|n| n.to_str())) else {
            continue;
        };
        if let Some(value) = beside.first.get(name) {
            arguments.push(format!("--{long}={value}").into());
            continue;
        }
        let value = environment(name);
        let is_empty = value.as_ref().is_some_and(|value| value.is_empty());
        let Some(path) = environment(&format!("{name}_FILE")).filter(|p| !p.is_empty()) else {
            let is_set = value.is_some() && !is_empty;
            let elsewhere = if is_set { None } else { beside.value(name, problems) };
            let default = argument.get_default_values().first().filter(|_| is_empty);
            let default = default.map(|default| default.to_string_lossy().into_owned());
            if let Some(value) = elsewhere.or(default) {
                arguments.push(format!("--{long}={value}").into());
            }
            continue;
        };
        if value.is_some() && !is_empty {
            problems.0.push(format!("{name} and {name}_FILE are both set: remove one of them"));
            continue;
        }
        arguments.extend(in_file(name, &PathBuf::from(path), problems).map(|value| format!("--{long}={value}").into()));
    }
    arguments
}

#[cfg(test)]
mod tests;

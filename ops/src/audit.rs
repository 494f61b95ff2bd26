//! `callbridge audit`: what people and their programs did by hand; and how the commands write that down.

use std::process::ExitCode;

use anyhow::Context;
use base::{db::Database, error::with_causes, say, settings::Settings};
use clap::Args;
use ledger::audit::{self, Act, Ended, Kept, Wanted};
use serde_json::Value;

use crate::{arguments::Wrong, table, who::Who};

pub(crate) const EXAMPLES: &str = "Examples:\n  callbridge audit\n  callbridge audit --who \"Inès Caron\" --act relink\n  callbridge audit --json | jq '.[] | select(.result == \"failed\")'\n\n\
     Acts are kept for AUDIT_DAYS. One without a result goes on, or its process ended before it was over.";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only what this person or program did
    #[arg(long)]
    who: Option<String>,
    /// Only this act, as the list names it
    #[arg(long)]
    act: Option<String>,
    /// How many, newest first
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// What a command does by hand: who, the act's name, and of what.
pub(crate) struct Deed {
    pub(crate) who: String,
    pub(crate) act: &'static str,
    pub(crate) subject: Value,
}

impl Deed {
    pub(crate) fn new(who: &Who, act: &'static str, subject: Value) -> Self {
        Self { who: who.name(), act, subject }
    }

    /// By the account under which the command runs.
    pub(crate) fn of_account(act: &'static str, subject: Value) -> Self {
        Self::new(&Who::default(), act, subject)
    }
}

/// Carries out what a command does by hand: written down before, and its end after it. Who can run commands can do everything, so there is
/// no role to check.
pub(crate) async fn command(
    database: &Database,
    deed: &Deed,
    carried_out: impl Future<Output = anyhow::Result<ExitCode>>,
) -> anyhow::Result<ExitCode> {
    let Deed { who, act, subject } = deed;
    let act = Act { who, role: "admin", way: "command", act, subject: subject.clone() };
    let id = audit::begin(&database.client().await?, &act).await.context("the audit cannot be written")?;
    let done = carried_out.await;
    let (ended, detail) = match &done {
        Ok(code) if *code == ExitCode::SUCCESS => (Ended::Done, None),
        Ok(_) => (Ended::Failed, None),
        Err(e) if e.is::<Wrong>() => (Ended::Refused, Some(with_causes(e.as_ref()))),
        Err(e) => (Ended::Failed, Some(with_causes(e.as_ref()))),
    };
    audit::end(&database.client().await?, id, ended, detail.as_deref()).await.context("the audit cannot be written")?;
    done
}

pub(crate) async fn run(database: &Database, settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { who, act, limit, json } = arguments;
    let wanted = Wanted { who: who.clone(), act: act.clone(), before: None, most: *limit };
    let kept = audit::read(&database.client().await?, &wanted).await.context("the audit could not be read")?;
    if *json {
        say!("{}", serde_json::to_string_pretty(&kept)?);
        return Ok(ExitCode::SUCCESS);
    }
    if kept.is_empty() {
        say!("Nothing was done by hand.");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = table(["when", "who", "what", "of", "result"]);
    for Kept { at, who, role, way, act, subject, result, detail, .. } in kept {
        let at = at.to_zoned(settings.time_zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
        let result = match (result, detail) {
            (Some(result), Some(detail)) => format!("{result}: {detail}"),
            (Some(result), None) => result,
            (None, _) => "–".into(),
        };
        table.add_row([at, format!("{who} ({role}, {way})"), act, in_words(&subject), result]);
    }
    say!("{table}");
    Ok(ExitCode::SUCCESS)
}

/// `call 3811600001, to individual:2005`
pub(crate) fn in_words(subject: &Value) -> String {
    let fields = subject.as_object().into_iter().flatten();
    let words = fields.map(|(name, value)| match value {
        Value::String(text) => format!("{name} {text}"),
        value => format!("{name} {value}"),
    });
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_at_once() {
        let subject = serde_json::json!({ "call": 7, "to": "individual:2005" });
        assert_eq!(in_words(&subject), "call 7, to individual:2005");
        assert_eq!(in_words(&Value::Null), "");
    }
}

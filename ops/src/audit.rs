//! `callbridge audit`: what people and their programs did by hand; and how the commands write that down.

use std::process::ExitCode;

use anyhow::Context;
use base::{db::Database, settings::Settings};
use clap::Args;
use ledger::audit::{self, Act, Ended, Kept, Wanted};
use serde_json::Value;

use crate::table;

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

/// How the act of a command ended.
pub(crate) struct Done {
    ended: Ended,
    detail: Option<String>,
}

impl Done {
    pub(crate) fn well() -> Self {
        Self { ended: Ended::Done, detail: None }
    }

    pub(crate) fn refused(why: impl Into<String>) -> Self {
        Self { ended: Ended::Refused, detail: Some(why.into()) }
    }
}

/// Carries out what a command does by hand. Written down before, and its end after it. Who can run commands can do everything, so there is
/// no role to check.
pub(crate) async fn command(
    database: &Database,
    who: &str,
    act: &str,
    subject: Value,
    carried_out: impl Future<Output = anyhow::Result<Done>>,
) -> anyhow::Result<ExitCode> {
    let act = Act { who, role: "admin", way: "command", act, subject };
    let id = audit::begin(&database.client().await?, &act).await.context("the audit cannot be written")?;
    let done = carried_out.await;
    let (ended, detail) = match &done {
        Ok(done) => (done.ended, done.detail.clone()),
        Err(e) => (Ended::Failed, Some(format!("{e:#}"))),
    };
    audit::end(&database.client().await?, id, ended, detail.as_deref()).await.context("the audit cannot be written")?;
    Ok(if done?.ended == Ended::Done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) async fn run(database: &Database, settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { who, act, limit, json } = arguments;
    let wanted = Wanted { who: who.clone(), act: act.clone(), before: None, most: *limit };
    let kept = audit::read(&database.client().await?, &wanted).await.context("the audit could not be read")?;
    if *json {
        println!("{}", serde_json::to_string_pretty(&kept)?);
        return Ok(ExitCode::SUCCESS);
    }
    if kept.is_empty() {
        println!("Nothing was done by hand.");
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
    println!("{table}");
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

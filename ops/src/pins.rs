//! `callbridge pin`, `unpin` and `pins`: which record a number means, before the match rules.

use std::process::ExitCode;

use anyhow::Context;
use base::{db::Database, say, settings::Settings, tell};
use clap::Args;
use ledger::{calls, resolution::RecordRef, timeline::Reason};
use resolver::pins::{self, Pin};

use crate::audit::Deed;
use crate::{
    arguments::number,
    relink::{look_up, record},
    who::Who,
};

pub(crate) const EXAMPLES: &str = "Examples:\n  callbridge pin \"+33 6 39 98 41 07\" individual:2005\n  callbridge pin 0639984107 contact:4001 --by \"Inès Caron\"\n\n\
     It counts for calls from now on; `callbridge relink` moves those of before. If the record is deleted, archived or merged into another, the match\n\
     rules count again, and `explain` and `pins` say so.";

#[derive(Args)]
pub(crate) struct Arguments {
    /// The phone number, with + or as dialled in DEFAULT_REGION
    #[arg(allow_hyphen_values = true)]
    number: String,
    /// The record, by its kind and Sellsy's id: individual:2005, company:3001 or contact:4001
    #[arg(value_parser = record)]
    record: RecordRef,
    #[command(flatten)]
    who: Who,
}

impl Arguments {
    pub(crate) fn deed(&self) -> Deed {
        let to = format!("{}:{}", self.record.kind, self.record.id);
        Deed::new(&self.who, "pin", serde_json::json!({ "number": base::phone::masked(&self.number), "to": to }))
    }
}

/// Of `unpin`.
pub(crate) fn deed_of_unpinning(number: &str) -> Deed {
    Deed::of_account("unpin", serde_json::json!({ "number": base::phone::masked(number) }))
}

pub(crate) async fn pin(database: &Database, settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let number = number(settings, &arguments.number)?;
    let to = arguments.record;
    // Only to learn whether it exists, and its name.
    let found = look_up(database, settings)?.record(to, Reason::NoRecord, false).await;
    let Some(resolution) = found.context("the record could not be read")? else {
        tell!("callbridge: Sellsy has no {}", String::from(to));
        return Ok(ExitCode::FAILURE);
    };
    let client = database.client().await?;
    pins::pin(&client, &number, to, &arguments.who.name()).await.context("the pin could not be stored")?;
    let name = resolution.record.map(|record| record.name).unwrap_or_default();
    say!("From now on {} means {} {name}.", number.as_str(), String::from(to));
    let waiting = calls::waiting_for(&client, &[number.as_str()], settings.rematch_days).await?;
    for call in waiting {
        say!("A call waits for a record: callbridge relink {call} --to {}:{}", to.kind, to.id);
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn unpin(database: &Database, settings: &Settings, text: &str) -> anyhow::Result<ExitCode> {
    let number = number(settings, text)?;
    if pins::unpin(&database.client().await?, &number).await.context("the pin could not be removed")? {
        say!("{} is found by the match rules again.", number.as_str());
        Ok(ExitCode::SUCCESS)
    } else {
        tell!("callbridge: {} is not pinned", number.as_str());
        Ok(ExitCode::FAILURE)
    }
}

pub(crate) async fn list(database: &Database, json: bool) -> anyhow::Result<ExitCode> {
    let pins = pins::all(&database.client().await?).await.context("the pins could not be read")?;
    if json {
        say!("{}", serde_json::to_string_pretty(&pins)?);
        return Ok(ExitCode::SUCCESS);
    }
    if pins.is_empty() {
        say!("No number is pinned to a record.");
    }
    for Pin { number, record, by, at, is_gone } in pins {
        let gone = if is_gone { "; it is gone or archived, so the match rules count" } else { "" };
        say!("{number:<16} {} (pinned by {by}, on {}){gone}", String::from(record), at.strftime("%Y-%m-%d"));
    }
    Ok(ExitCode::SUCCESS)
}

//! `callbridge prospects`: which were created for unknown callers, and undoing one; and what the console needs for the same.

use std::process::ExitCode;

use anyhow::Context;
use base::{
    db::Database,
    error::{Code, Error, Result},
    ids::{CallId, Kind},
    say,
    settings::Settings,
    tell,
};
use broker::event::RecordHint;
use clap::{Args, Subcommand};
use ledger::{
    followups::{self, Prospect},
    resolution::RecordRef,
    timeline::{self, Entry, What},
};
use resolver::directory::store;
use vendors::{
    budget::{Lane, Role},
    sellsy::{Sellsy, WriteError, wire::Individual},
};

use crate::audit::Deed;
use crate::{
    arguments::{When, call_id, since, when},
    table,
    who::Who,
};

pub(crate) const EXAMPLES: &str = "Examples:\n  callbridge prospects --since 1mo\n  callbridge prospects --json | jq '.prospects[].individual'\n  \
     callbridge prospects undo 3811600001 --by \"Inès Caron\"\n\n\
     `undo` deletes the prospect in Sellsy that was created for this call, with the logs on it, unless somebody has changed it there. It is not created again.";

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    act: Option<Act>,
    /// Since when: a date, a date and time (in TIME_ZONE unless it has an offset), or how long ago, such as 36h, 7d, 2mo
    #[arg(long, default_value = "7d", value_parser = when)]
    since: When,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Act {
    /// Deletes the prospect of a call in Sellsy, as long as nobody has changed it there
    #[command(
        after_help = "Examples:\n  callbridge prospects undo 3811600001\n  callbridge prospects undo 3811600001 --by \"Inès Caron\""
    )]
    Undo {
        /// Aircall's id of the call for which it was created
        #[arg(value_parser = call_id)]
        call: CallId,
        #[command(flatten)]
        who: Who,
    },
}

impl Arguments {
    pub(crate) fn deed(&self) -> Option<Deed> {
        let Act::Undo { call, who } = self.act.as_ref()?;
        Some(Deed::new(who, "undo_prospect", serde_json::json!({ "call": call })))
    }

    /// Listing needs no API.
    pub(crate) fn needs_sellsy(&self) -> bool {
        self.act.is_some()
    }
}

/// The outcome of undoing one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Undone {
    Deleted(i64),
    /// A person has deleted it before.
    WasGone(i64),
    /// Somebody has changed it in Sellsy.
    Changed(i64),
    NoProspect,
}

pub(crate) async fn undo(database: &Database, sellsy: &Sellsy, call: CallId, by: &str) -> Result<Undone> {
    let Some(prospect) = followups::prospect_of(&database.client().await?, call).await? else {
        return Ok(Undone::NoProspect);
    };
    let id = prospect.individual;
    let stands = sellsy.individual(id).await?;
    // Sellsy notes the time of every change.
    let is_ours = |stands: &Individual| {
        prospect.updated.is_some()
            && stands.updated_at == prospect.updated
            && stands.reference.as_deref() == Some(&::followups::reference(call))
    };
    if stands.as_ref().is_some_and(|stands| !is_ours(stands)) {
        return Ok(Undone::Changed(id));
    }
    if stands.is_some() {
        match sellsy.delete_individual(id, &()).await {
            Ok(()) | Err(WriteError::Missing) => {}
            Err(WriteError::Refused(e, _)) => return Err(e),
            Err(WriteError::Unclear(e)) => {
                let message = format!("it is unclear whether it was deleted ({}): try again in a minute", e.message);
                return Err(Error::retry(Code::SellsyUnavailable, message));
            }
        }
    }
    let client = database.client().await?;
    store::remove(&client, &RecordHint { kind: Kind::Individual, id }).await?;
    followups::prospect_is_undone(&client, call).await?;
    let record = RecordRef { kind: Kind::Individual, id };
    timeline::add(&client, call, [Entry::new("operator", What::ProspectUndone { record, by: by.to_owned() })]).await?;
    Ok(if stands.is_some() { Undone::Deleted(id) } else { Undone::WasGone(id) })
}

/// Sellsy as commands and the console use it.
pub(crate) fn sellsy(database: &Database, settings: &Settings) -> anyhow::Result<Sellsy> {
    Ok(Sellsy::new(&settings.sellsy, database, Role::Guest("callbridge"))?.on(Lane::Interactive))
}

pub(crate) async fn run(database: &Database, settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Some(Act::Undo { call, who }) = &arguments.act else { return list(database, settings, arguments).await };
    let sellsy = sellsy(database, settings)?;
    let undone = undo(database, &sellsy, *call, &who.name()).await.context("it could not be deleted")?;
    match undone {
        Undone::Deleted(id) => {
            say!("Individual {id} is deleted in Sellsy, and is not created again for its number.");
        }
        Undone::WasGone(id) => {
            say!("Individual {id} was deleted in Sellsy before, and is not created again for its number.");
        }
        Undone::Changed(id) => {
            tell!(
                "callbridge: somebody has changed individual {id} in Sellsy, so it stays: delete it there if it is not wanted"
            );
            return Ok(ExitCode::FAILURE);
        }
        Undone::NoProspect => {
            tell!("callbridge: no prospect was created for call {call}, or it was undone before");
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(database: &Database, settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let client = database.client().await?;
    let since = since(&client, settings, arguments.since).await?;
    let prospects = followups::prospects(&client, since).await.context("the ledger could not be read")?;
    if arguments.json {
        let report = serde_json::json!({ "since": since, "prospects": prospects });
        say!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(ExitCode::SUCCESS);
    }
    if prospects.is_empty() {
        say!("No prospect was created since then.");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = table(["created", "number", "individual", "call", ""]);
    for Prospect { call, number, individual, created_at, is_gone, .. } in prospects {
        let at = created_at.to_zoned(settings.time_zone.clone()).strftime("%a %Y-%m-%d %H:%M").to_string();
        let gone = if is_gone { "deleted since" } else { "" };
        table.add_row([at, number, individual.to_string(), call.to_string(), gone.into()]);
    }
    say!("{table}");
    Ok(ExitCode::SUCCESS)
}

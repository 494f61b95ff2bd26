//! `callbridge relink`: moves a call to another record, where it stays whatever comes; and what the console needs for the same.

use std::process::ExitCode;

use anyhow::Context;
use base::{
    db::Database,
    error::Result,
    ids::{CallId, Kind},
    say,
    settings::Settings,
    tell,
};
use clap::Args;
use ledger::{
    calls::{self, NotMoved},
    resolution::{RecordRef, Resolution},
    timeline::Reason,
};
use resolver::{LookUp, own_lines::OwnLines};
use vendors::{
    aircall::Aircall,
    budget::{Lane, Role},
    sellsy::Sellsy,
};

use crate::arguments::call_id;
use crate::{audit::Deed, who::Who};

pub(crate) const EXAMPLES: &str = "Examples:\n  callbridge relink 3811600001 --to individual:2005\n  \
     callbridge relink 3811600001 --to company:3001 --no-opportunity --by \"Inès Caron\"\n\n\
     The log is moved within some seconds, and stays there. So does what people have written in it. A call that nobody was found for is logged there.";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Aircall's id of the call, as the log in Sellsy shows it
    #[arg(value_parser = call_id)]
    call: CallId,
    /// The record, by its kind and Sellsy's id: individual:2005, company:3001 or contact:4001
    #[arg(long, value_parser = record)]
    to: RecordRef,
    /// On the record alone; otherwise also on its opportunity that is open or late, the earliest created
    #[arg(long)]
    no_opportunity: bool,
    #[command(flatten)]
    who: Who,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(crate) fn deed(&self) -> Deed {
        let Self { call, to, no_opportunity, who, .. } = self;
        let to = format!("{}:{}", to.kind, to.id);
        Deed::new(
            who,
            "relink",
            serde_json::json!({ "call": call, "to": to, "opportunity": if *no_opportunity { "no" } else { "yes" } }),
        )
    }
}

/// Reads `individual:2005`; a blank may stand in place of the colon.
pub(crate) fn record(text: &str) -> std::result::Result<RecordRef, String> {
    let read = text.trim().split_once([':', ' ']).and_then(|(kind, id)| {
        let kind = Kind::parse(kind.trim().to_lowercase().as_str())?;
        Some(RecordRef { kind, id: id.trim().parse().ok().filter(|id| *id > 0)? })
    });
    read.ok_or_else(|| "write the kind and Sellsy's id: individual:2005, company:3001 or contact:4001".to_owned())
}

/// The outcome of moving a call.
pub(crate) enum Moved {
    To(Box<Resolution>),
    NoSuchRecord,
    Refused(NotMoved),
}

pub(crate) async fn relink(
    database: &Database,
    look_up: &LookUp,
    call_id: CallId,
    to: RecordRef,
    with_opportunity: bool,
    by: &str,
) -> Result<Moved> {
    let at = database.client().await?.now().await?;
    let rule = Reason::Relinked { by: by.to_owned(), at };
    let Some(resolution) = look_up.record(to, rule, with_opportunity).await? else { return Ok(Moved::NoSuchRecord) };
    let moved = calls::relink(&database.client().await?, call_id, &resolution, by).await?;
    Ok(moved.map_or_else(Moved::Refused, |()| Moved::To(resolution.into())))
}

/// A look-up as commands use it.
pub(crate) fn look_up(database: &Database, settings: &Settings) -> anyhow::Result<LookUp> {
    let sellsy = Sellsy::new(&settings.sellsy, database, Role::Guest("callbridge"))?.on(Lane::Interactive);
    let look_up = LookUp::new(sellsy, settings, database.clone());
    let aircall =
        settings.aircall.has_credential().then(|| Aircall::new(&settings.aircall, database, Role::Guest("explain")));
    let own_lines = aircall.transpose()?.map(|aircall| OwnLines::new(aircall.on(Lane::Interactive)));
    Ok(look_up.with_rules(settings.rules.clone(), own_lines))
}

pub(crate) async fn run(database: &Database, settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { call, to, no_opportunity, json, .. } = arguments;
    let (look_up, by) = (look_up(database, settings)?, arguments.who.name());
    let moved = relink(database, &look_up, *call, *to, !no_opportunity, &by).await;
    match moved.context("the call could not be moved")? {
        Moved::To(resolution) => {
            if *json {
                say!("{}", serde_json::to_string_pretty(&resolution)?);
            } else {
                let name = resolution.record.as_ref().map(|record| record.name.as_str()).unwrap_or_default();
                let opportunity = resolution.opportunity.as_ref();
                let opportunity = opportunity.map_or_else(|| "none".into(), |o| format!("{} {}", o.id, o.name));
                say!("Call {call} belongs to {} {name} from now on.", String::from(*to));
                say!("opportunity  {opportunity}: {}", resolution.opportunity_rule);
                say!("The logger moves its log within some seconds: callbridge call {call}");
            }
            return Ok(ExitCode::SUCCESS);
        }
        Moved::NoSuchRecord => tell!("callbridge: Sellsy has no {}", String::from(*to)),
        Moved::Refused(why) => tell!("callbridge: call {call} cannot be moved: {}", refusal(why)),
    }
    Ok(ExitCode::FAILURE)
}

fn refusal(why: NotMoved) -> &'static str {
    match why {
        NotMoved::Unknown => "no such call is known (callbridge backfill finds calls that no webhook brought)",
        NotMoved::Erased => "its data were deleted",
        NotMoved::NotEnded => "it has not ended; try again when it has",
        NotMoved::LogDeleted => "its log was deleted in Sellsy, and is not made again",
        NotMoved::BeingWritten => "its log is being written at this moment; try again in a minute",
        NotMoved::Comment => "its log is a comment, which Sellsy does not let us move; move it in Sellsy",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_named_by_kind_and_id() {
        for (text, expected) in [
            ("individual:2005", Some((Kind::Individual, 2005))),
            (" Company 3001 ", Some((Kind::Company, 3001))),
            ("contact: 4001", Some((Kind::Contact, 4001))),
            ("2005", None),
            ("staff:12", None),
            ("individual:0", None),
            ("individual:-5", None),
            ("individual:x", None),
            ("", None),
        ] {
            assert_eq!(record(text).ok().map(|record| (record.kind, record.id)), expected, "{text:?}");
        }
    }
}

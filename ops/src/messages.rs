//! `callbridge messages`: conversations of text messages, and where they stand in Sellsy.

use std::process::ExitCode;

use anyhow::Context;
use base::{db::Database, say, settings::Settings};
use clap::Args;
use ledger::messages::{self, Conversation};

use crate::{
    arguments::{When, number, since, when},
    table,
};

pub(crate) const EXAMPLES: &str = "Examples:\n  callbridge messages\n  callbridge messages \"06 39 98 41 07\" --since 1mo\n  callbridge messages --json | jq '.conversations[] | select(.comment == null)'\n\n\
     The messages with one number on one day are one conversation, and one comment in Sellsy. What they say is not shown here. `callbridge call <story>` tells what\n\
     happened to a conversation.";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only with this number, with + and the country code or as dialled in DEFAULT_REGION
    #[arg(allow_hyphen_values = true)]
    number: Option<String>,
    /// Since when: a date, a date and time (in TIME_ZONE unless it has an offset), or how long ago, such as 36h, 7d, 2mo
    #[arg(long, default_value = "7d", value_parser = when)]
    since: When,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(database: &Database, settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let number = arguments.number.as_deref().map(|typed| number(settings, typed)).transpose()?;
    let client = database.client().await?;
    let since = since(&client, settings, arguments.since).await?;
    let all = messages::conversations(&client, since, number.as_ref()).await.context("the ledger could not be read")?;
    if arguments.json {
        let report = serde_json::json!({ "since": since, "conversations": all });
        say!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(ExitCode::SUCCESS);
    }
    if all.is_empty() {
        say!("No text message since then.");
        if settings.rules.messages.is_none() {
            say!("They are written down if the file of rules (RULES) has a section [messages].");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = table(["day", "number", "received", "sent", "last", "in Sellsy", "story"]);
    for conversation in &all {
        let last = conversation.last_at.to_zoned(settings.time_zone.clone()).strftime("%H:%M").to_string();
        table.add_row([
            conversation.day.to_string(),
            conversation.number.clone(),
            conversation.received.to_string(),
            conversation.sent.to_string(),
            last,
            stands(conversation),
            conversation.id.to_string(),
        ]);
    }
    say!("{table}");
    Ok(ExitCode::SUCCESS)
}

fn stands(conversation: &Conversation) -> String {
    match (conversation.comment, conversation.over.as_deref(), conversation.unwritten) {
        (Some(id), Some("deleted"), _) => format!("comment {id}, deleted by a person"),
        (Some(id), _, 0) => format!("comment {id}"),
        (Some(id), _, n) => format!("comment {id}, {n} to be added"),
        (None, Some(_), _) => "left out by the rules".into(),
        (None, None, _) if conversation.is_due => "is being written".into(),
        (None, None, _) if conversation.waits_for_record => "waits for a record".into(),
        (None, None, _) => "see: callbridge dead list".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::ids::CallId;

    #[test]
    fn tells_where_a_conversation_stands() {
        let of = |comment, over: Option<&str>, unwritten| {
            stands(&Conversation {
                id: CallId(-5),
                number: "+33639980011".into(),
                day: "2026-11-30".parse().unwrap(),
                received: 1,
                sent: 1,
                unwritten,
                last_at: jiff::Timestamp::UNIX_EPOCH,
                comment,
                over: over.map(str::to_owned),
                is_due: false,
                waits_for_record: true,
            })
        };
        assert_eq!(of(Some(7), None, 0), "comment 7");
        assert_eq!(of(Some(7), None, 2), "comment 7, 2 to be added");
        assert_eq!(of(Some(7), Some("deleted"), 2), "comment 7, deleted by a person");
        assert_eq!(of(None, None, 2), "waits for a record");
        assert_eq!(of(None, Some("not_needed"), 2), "left out by the rules");
    }
}

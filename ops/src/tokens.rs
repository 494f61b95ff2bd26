//! `callbridge tokens`: what programs send to use the console's JSON. Only digests are stored.

use std::process::ExitCode;

use anyhow::Context;
use base::{
    db::{Client, Database},
    error::Result,
    say, tell,
};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::{access::Role, audit::Deed, table, who::Who};

pub(crate) const EXAMPLES: &str = "Examples:\n  callbridge tokens\n  callbridge tokens add grafana --role viewer\n  callbridge tokens revoke grafana\n\n\
     A program sends it as `Authorization: Bearer …` to the console; docs/api.md says what it may ask for.";

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    act: Option<Act>,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Act {
    /// Makes a token and prints it once
    #[command(
        after_help = "Examples:\n  callbridge tokens add grafana --role viewer\n  callbridge tokens add helpdesk --role operator --by \"Inès Caron\""
    )]
    Add {
        /// Which program will use it; the audit shows this name
        #[arg(value_parser = name)]
        name: String,
        /// What it may do
        #[arg(long, value_enum)]
        role: Role,
        #[command(flatten)]
        who: Who,
    },
    /// Makes a token worthless at once
    #[command(after_help = "Examples:\n  callbridge tokens revoke grafana")]
    Revoke {
        name: String,
        #[command(flatten)]
        who: Who,
    },
}

/// A token as it is listed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Token {
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) created_by: String,
    pub(crate) created_at: Timestamp,
    /// To the hour.
    pub(crate) last_used_at: Option<Timestamp>,
}

fn name(text: &str) -> std::result::Result<String, String> {
    let text = text.trim();
    let fits =
        (1..=40).contains(&text.chars().count()) && text.chars().all(|c| c.is_alphanumeric() || "-_. ".contains(c));
    fits.then(|| text.to_owned()).ok_or_else(|| "write 1 to 40 letters, digits, blanks, dots or dashes".into())
}

pub(crate) fn digest(token: &str) -> Vec<u8> {
    blake3::hash(token.as_bytes()).as_bytes().to_vec()
}

/// Whose token this is, and what they may do.
pub(crate) async fn owner(client: &Client, token: &str) -> Result<Option<(String, Role)>> {
    let sql = "select name, role, last_used_at is null or last_used_at < now() - interval '1 hour' from console_tokens where key = $1";
    let Some(row) = client.prepared_query_opt(sql, &[&digest(token)]).await? else { return Ok(None) };
    let name: String = row.get(0);
    if row.get(2) {
        client.execute("update console_tokens set last_used_at = now() where name = $1", &[&name]).await?;
    }
    Ok(Role::parse(row.get(1)).map(|role| (name, role)))
}

/// The new token; `None` if there is one of this name.
pub(crate) async fn add(client: &Client, name: &str, role: Role, by: &str) -> Result<Option<String>> {
    // 244 random bits from the operating system.
    let token = format!("cb_{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let sql = "insert into console_tokens (name, key, role, created_by) values ($1, $2, $3, $4) on conflict do nothing";
    let made = client.execute(sql, &[&name, &digest(&token), &role.as_str(), &by]).await?;
    Ok((made == 1).then_some(token))
}

pub(crate) async fn revoke(client: &Client, name: &str) -> Result<bool> {
    Ok(client.execute("delete from console_tokens where name = $1", &[&name]).await? == 1)
}

pub(crate) async fn all(client: &Client) -> Result<Vec<Token>> {
    let sql = "select name, role, created_by, created_at, last_used_at from console_tokens order by name";
    let token = |row: &tokio_postgres::Row| Token {
        name: row.get(0),
        role: row.get(1),
        created_by: row.get(2),
        created_at: row.get(3),
        last_used_at: row.get(4),
    };
    Ok(client.query(sql, &[]).await?.iter().map(token).collect())
}

impl Arguments {
    pub(crate) fn deed(&self) -> Option<Deed> {
        match self.act.as_ref()? {
            Act::Add { name, role, who } => {
                Some(Deed::new(who, "tokens_add", json!({ "token": name, "role": role.as_str() })))
            }
            Act::Revoke { name, who } => Some(Deed::new(who, "tokens_revoke", json!({ "token": name }))),
        }
    }
}

pub(crate) async fn run(database: &Database, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let client = database.client().await?;
    match &arguments.act {
        None => list(&client, arguments.json).await,
        Some(Act::Add { name, role, who }) => {
            let Some(token) = add(&client, name, *role, &who.name()).await.context("it could not be stored")? else {
                tell!("callbridge: there is a token of that name: revoke it first, or choose another name");
                return Ok(ExitCode::FAILURE);
            };
            say!("{token}");
            tell!("It is shown only now. A program sends it as `Authorization: Bearer {}…`.", &token[..7]);
            Ok(ExitCode::SUCCESS)
        }
        Some(Act::Revoke { name, .. }) => {
            if revoke(&client, name).await? {
                say!("The token {name} is worthless from now on.");
                return Ok(ExitCode::SUCCESS);
            }
            tell!("callbridge: there is no token of that name: callbridge tokens");
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn list(client: &Client, json: bool) -> anyhow::Result<ExitCode> {
    let tokens = all(client).await.context("the tokens could not be read")?;
    if json {
        say!("{}", serde_json::to_string_pretty(&tokens)?);
        return Ok(ExitCode::SUCCESS);
    }
    if tokens.is_empty() {
        say!("There is no token: callbridge tokens add NAME --role viewer");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = table(["name", "role", "made by", "made on", "last used"]);
    for Token { name, role, created_by, created_at, last_used_at } in tokens {
        let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
        table.add_row([name, role, created_by, day(created_at), last_used_at.map_or_else(|| "never".into(), day)]);
    }
    say!("{table}");
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        for (text, fits) in [("grafana", true), (" Help desk 2 ", true), ("", false), ("a/b", false), ("<b>", false)] {
            assert_eq!(name(text).is_ok(), fits, "{text:?}");
        }
        assert!(name(&"a".repeat(41)).is_err());
    }
}

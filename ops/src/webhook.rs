//! `callbridge webhook status|install|remove`: whether Aircall delivers its events to us, and the webhooks of both accounts: making,
//! repairing and deleting them. What ingest needs to accept them is noted in the database, so nobody hands over a token.

use std::process::ExitCode;

use anyhow::Context;
use base::{db::Database, ids::Vendor, say, settings::Settings, tell};
use clap::Subcommand;
use comfy_table::{Table, presets};
use ingest::{
    sellsy_webhooks, tokens,
    tokens::Tokens,
    webhooks::{self, Installed},
};
use serde_json::json;
use uuid::Uuid;
use vendors::{
    aircall::{Aircall, wire::Webhook},
    budget::{Lane, Role},
    sellsy::Sellsy,
};

use crate::arguments::{SELLSY_PATH, WEBHOOK_PATH, Wrong, webhook_url};
use crate::audit::Deed;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists the webhooks of the Aircall account; exit code 1 unless one of ours, or the one with --url, is active and has all events that are needed
    #[command(
        after_help = "Examples:\n  callbridge webhook status\n  callbridge webhook status --url https://calls.example.com/webhooks/aircall\n\n\
                      Ours are those whose token ingest accepts, and, with --url, those with that URL. With --url, only a webhook with that URL will do."
    )]
    Status {
        /// The URL under which Aircall reaches ingest, https://your-host/webhooks/aircall
        #[arg(long, value_parser = webhook_url)]
        url: Option<String>,
        /// Print JSON for programs, without tokens
        #[arg(long)]
        json: bool,
    },
    /// Creates the webhook, or enables it again and adds the events it lacks; ingest then accepts it, without a restart
    #[command(
        after_help = "Examples:\n  callbridge webhook install --url https://calls.example.com/webhooks/aircall\n  \
                      callbridge webhook install --url https://calls.example.com/webhooks/sellsy\n\n\
                      That of Sellsy needs the scopes webhooks.read and webhooks.write. Its address ends in a secret, which is made up here."
    )]
    Install {
        /// The URL under which ingest is reached, https://your-host/webhooks/aircall or https://your-host/webhooks/sellsy
        #[arg(long, value_parser = webhook_url)]
        url: String,
    },
    /// Deletes the webhook with this URL; ingest then refuses what comes with its token
    #[command(after_help = "Examples:\n  callbridge webhook remove --url https://old.example.com/webhooks/aircall\n  \
                      callbridge webhook remove --url https://old.example.com/webhooks/sellsy")]
    Remove {
        /// Its URL, https://your-host/webhooks/aircall or https://your-host/webhooks/sellsy
        #[arg(long, value_parser = webhook_url)]
        url: String,
    },
}

impl Command {
    pub(crate) fn deed(&self) -> Option<Deed> {
        let act = match self {
            Command::Status { .. } => return None,
            Command::Install { .. } => "webhook_install",
            Command::Remove { .. } => "webhook_remove",
        };
        Some(Deed::of_account(act, serde_json::json!({})))
    }

    /// Whose account it is about.
    pub(crate) fn vendor(&self) -> Vendor {
        match self {
            Command::Install { url } | Command::Remove { url } if url.ends_with(SELLSY_PATH) => Vendor::Sellsy,
            _ => Vendor::Aircall,
        }
    }
}

pub(crate) async fn run(database: &Database, settings: &Settings, command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Status { url, json } => {
            if url.as_ref().is_some_and(|url| url.ends_with(SELLSY_PATH)) {
                return Err(Wrong(format!(
                    "it must be https://<your host>{WEBHOOK_PATH}: of Sellsy's webhooks there is no status"
                ))
                .into());
            }
            let all =
                aircall(database, settings)?.webhooks().await.context("Aircall could not be asked for its webhooks")?;
            let ours = Tokens::set_for_aircall(&settings.aircall);
            let ours = ours.with_noted(&database.client().await?, Vendor::Aircall).await?;
            status(&all, settings, &ours, url.as_deref(), *json)
        }
        Command::Install { url } => {
            let done = match command.vendor() {
                Vendor::Aircall => install(database, settings, url).await?,
                Vendor::Sellsy => install_for_sellsy(database, settings, url).await?,
            };
            say!("{}", done.join("\n"));
            Ok(ExitCode::SUCCESS)
        }
        Command::Remove { url } => {
            let removed = remove(database, settings, url, command.vendor()).await?;
            match removed {
                0 => say!("There is no webhook with this URL."),
                1 => say!("It is deleted, and its token is accepted no more."),
                more => say!("{more} webhooks are deleted, and their tokens are accepted no more."),
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn aircall(database: &Database, settings: &Settings) -> anyhow::Result<Aircall> {
    let aircall =
        Aircall::new(&settings.aircall, database, Role::Guest("callbridge")).context("the client for Aircall")?;
    Ok(aircall.on(Lane::Interactive))
}

fn sellsy(database: &Database, settings: &Settings) -> anyhow::Result<Sellsy> {
    let sellsy = Sellsy::new(&settings.sellsy, database, Role::Guest("callbridge")).context("the client for Sellsy")?;
    Ok(sellsy.on(Lane::Interactive))
}

/// One of the account's webhooks.
pub(crate) struct Line<'a> {
    pub(crate) webhook: &'a Webhook,
    pub(crate) ours: bool,
    pub(crate) known_token: bool,
    /// It has the URL that was asked for.
    has_url: bool,
    pub(crate) missing: Vec<&'static str>,
}

impl Line<'_> {
    pub(crate) fn delivers(&self) -> bool {
        self.ours && self.webhook.active && self.missing.is_empty()
    }
}

pub(crate) fn lines<'a>(all: &'a [Webhook], settings: &Settings, ours: &Tokens, url: Option<&str>) -> Vec<Line<'a>> {
    let needed = webhooks::needed(&settings.rules);
    let line = |webhook| {
        let known_token = webhooks::has_token(webhook, ours);
        let has_url = url.is_some_and(|url| webhooks::has_url(webhook, url));
        let ours = known_token || has_url;
        Line { webhook, ours, known_token, has_url, missing: webhooks::missing(webhook, &needed) }
    };
    all.iter().map(line).collect()
}

/// For programs, without tokens.
pub(crate) fn report(lines: &[Line<'_>], delivers: bool) -> serde_json::Value {
    let of = |line: &Line<'_>| {
        json!({ "id": line.webhook.webhook_id, "url": line.webhook.url, "active": line.webhook.active, "ours": line.ours,
                "token_known": line.known_token, "events": line.webhook.events, "missing": line.missing })
    };
    json!({ "delivers": delivers, "webhooks": lines.iter().map(of).collect::<Vec<_>>() })
}

fn status(
    all: &[Webhook],
    settings: &Settings,
    ours: &Tokens,
    url: Option<&str>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let needed = webhooks::needed(&settings.rules);
    let lines = lines(all, settings, ours, url);
    let why_not = why_not(&lines, url, needed.len());
    if json {
        say!("{}", serde_json::to_string_pretty(&report(&lines, why_not.is_none()))?);
    } else if lines.is_empty() {
        say!("The account has no webhook.");
    } else {
        say!("{}", table(&lines, needed.len()));
    }
    let Some(why_not) = why_not else { return Ok(ExitCode::SUCCESS) };
    tell!("callbridge: {why_not}.");
    let url = url.map_or_else(|| format!("https://<your host>{WEBHOOK_PATH}"), ToOwned::to_owned);
    tell!("To create or repair one: callbridge webhook install --url {url}");
    Ok(ExitCode::FAILURE)
}

/// Why Aircall does not deliver all that is needed, to the URL if one was asked for.
fn why_not(lines: &[Line<'_>], url: Option<&str>, needed: usize) -> Option<String> {
    let of_url: Vec<&Line<'_>> = lines.iter().filter(|line| url.is_none() || line.has_url).collect();
    match (url, of_url.iter().find(|line| line.delivers())) {
        (_, Some(_)) => None,
        (Some(url), None) if of_url.is_empty() => Some(format!("no webhook has the URL {url}")),
        (Some(url), None) => Some(format!(
            "the webhook with the URL {url} is not active, or does not bring all {needed} events that are needed"
        )),
        (None, None) => Some(format!("no active webhook brings all {needed} events that are needed")),
    }
}

fn table(lines: &[Line<'_>], needed: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["webhook", "url", "ours", "active", "events", "missing"]);
    for line in lines {
        let ours = match (line.ours, line.known_token) {
            (true, true) => "yes",
            (true, false) => "yes, but ingest does not accept its token: install it",
            (false, _) => "no",
        };
        let missing = match line.missing.as_slice() {
            [] => "none".to_owned(),
            missing if missing.len() == needed => "all".to_owned(),
            missing => missing.join("\n"),
        };
        table.add_row([
            line.webhook.webhook_id.clone().unwrap_or_default(),
            line.webhook.url.clone().unwrap_or_default(),
            ours.to_owned(),
            if line.webhook.active { "yes" } else { "no" }.to_owned(),
            line.webhook.events.len().to_string(),
            missing,
        ]);
    }
    table
}

/// Where the token of an installed webhook stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    InSettings,
    /// In the database, since now or before.
    Noted {
        is_new: bool,
    },
}

/// Sets the webhook up in Aircall, and notes its token.
pub(crate) async fn install_for_aircall(
    aircall: &Aircall,
    database: &Database,
    settings: &Settings,
    url: &str,
) -> anyhow::Result<(Installed, Webhook, Token)> {
    let (done, webhook) = webhooks::install(aircall, url, &webhooks::needed(&settings.rules))
        .await
        .context("the webhook could not be set up")?;
    let token = match &webhook.token {
        Some(_) if webhooks::has_token(&webhook, &Tokens::set_for_aircall(&settings.aircall)) => Token::InSettings,
        Some(token) => {
            let (client, id) = (database.client().await?, webhooks::id_of(&webhook)?);
            Token::Noted { is_new: tokens::note(&client, Vendor::Aircall, token, &id).await? }
        }
        None => anyhow::bail!("Aircall did not return the webhook's token, without which ingest refuses it; try again"),
    };
    Ok((done, webhook, token))
}

/// Says what was done, a line each.
pub(crate) async fn install(database: &Database, settings: &Settings, url: &str) -> anyhow::Result<Vec<String>> {
    let aircall = aircall(database, settings)?;
    let (done, webhook, token) = install_for_aircall(&aircall, database, settings, url).await?;
    let mut said = said(done, webhook.events.len());
    said.push(match token {
        Token::InSettings => "Its token is in AIRCALL_WEBHOOK_TOKENS.".to_owned(),
        Token::Noted { is_new } => noted(is_new),
    });
    let client = database.client().await?;
    if webhooks::forget_deleted(&aircall, &client).await? > 0 {
        said.push("The tokens of webhooks that Aircall has no more are forgotten.".to_owned());
    }
    Ok(said)
}

/// The same for Sellsy's.
pub(crate) async fn install_for_sellsy(
    database: &Database,
    settings: &Settings,
    url: &str,
) -> anyhow::Result<Vec<String>> {
    let sellsy = sellsy(database, settings)?;
    let (done, id, secret) = sellsy_webhooks::install(&sellsy, url, Uuid::new_v4().simple().to_string().into())
        .await
        .context("the webhook could not be set up")?;
    let mut said = said(done, 0);
    let is_new = tokens::note(&database.client().await?, Vendor::Sellsy, &secret, &id.to_string()).await?;
    said.push(noted(is_new));
    Ok(said)
}

async fn remove(database: &Database, settings: &Settings, url: &str, vendor: Vendor) -> anyhow::Result<usize> {
    let removed = match vendor {
        Vendor::Aircall => webhooks::remove(&aircall(database, settings)?, url).await,
        Vendor::Sellsy => sellsy_webhooks::remove(&sellsy(database, settings)?, url)
            .await
            .map(|removed| removed.iter().map(ToString::to_string).collect()),
    };
    let removed = removed.context("the webhook could not be deleted")?;
    let client = database.client().await?;
    for id in &removed {
        tokens::forget(&client, vendor, id).await?;
    }
    Ok(removed.len())
}

fn said(done: Installed, events: usize) -> Vec<String> {
    match done {
        Installed::Created if events == 0 => vec!["Created.".to_owned()],
        Installed::Created => vec![format!("Created, for {events} events.")],
        Installed::WasThere => vec!["It exists, active and with all events: nothing to do.".to_owned()],
        Installed::Repaired { enabled, added } => {
            let enabled = enabled.then(|| "It was disabled and is enabled again.".to_owned());
            let added = (!added.is_empty()).then(|| format!("Added: {}.", added.join(", ")));
            enabled.into_iter().chain(added).collect()
        }
    }
}

fn noted(is_new: bool) -> String {
    if is_new {
        "Its token is noted in the database: ingest accepts it within seconds, without a restart.".to_owned()
    } else {
        "Its token is noted in the database.".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_a_url_only_a_webhook_with_that_url_will_do() {
        let webhook = |active: bool| serde_json::from_value::<Webhook>(json!({ "active": active })).unwrap();
        let (on, off) = (webhook(true), webhook(false));
        let line = |webhook, known_token, has_url, missing: &[&'static str]| Line {
            webhook,
            ours: known_token || has_url,
            known_token,
            has_url,
            missing: missing.to_vec(),
        };
        let url = "https://calls.example.com/webhooks/aircall";
        for (lines, url, expected) in [
            (vec![], None, Some("no active webhook brings all 17 events")),
            (vec![], Some(url), Some("no webhook has the URL https://calls.example.com")),
            (vec![line(&on, true, false, &[])], None, None),
            (vec![line(&on, true, false, &[])], Some(url), Some("no webhook has the URL")),
            (vec![line(&on, true, false, &[]), line(&on, false, true, &[])], Some(url), None),
            (vec![line(&off, true, true, &[])], Some(url), Some("is not active, or does not bring all 17")),
            (vec![line(&on, true, true, &["call.ended"])], Some(url), Some("is not active, or does not bring all 17")),
            (vec![line(&on, false, false, &[])], None, Some("no active webhook")),
        ] {
            let why_not = why_not(&lines, url, 17);
            assert_eq!(why_not.is_some(), expected.is_some(), "{why_not:?}");
            assert!(why_not.unwrap_or_default().contains(expected.unwrap_or_default()), "{expected:?}");
        }
    }
}

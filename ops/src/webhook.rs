//! `callbridge webhook status|install`: whether Aircall delivers its events to us, and creating or repairing the webhook.

use std::process::ExitCode;

use anyhow::Context;
use base::{db::Database, say, settings::Settings, tell};
use clap::Subcommand;
use comfy_table::{Table, presets};
use ingest::webhooks::{self, Installed};
use secrecy::ExposeSecret;
use serde_json::json;
use vendors::{
    aircall::{Aircall, wire::Webhook},
    budget::Role,
};

use crate::arguments::{WEBHOOK_PATH, webhook_url};
use crate::audit::Deed;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists the account's webhooks; exit code 1 unless one of ours, or the one with --url, is active and has all events that are needed
    #[command(
        after_help = "Examples:\n  callbridge webhook status\n  callbridge webhook status --url https://calls.example.com/webhooks/aircall\n\n\
                      Ours are those with a token of AIRCALL_WEBHOOK_TOKENS, and, with --url, those with that URL. With --url, only a webhook with that URL will do."
    )]
    Status {
        /// The URL under which Aircall reaches ingest, https://your-host/webhooks/aircall
        #[arg(long, value_parser = webhook_url)]
        url: Option<String>,
        /// Print JSON for programs, without tokens
        #[arg(long)]
        json: bool,
    },
    /// Creates the webhook, or enables it again and adds the events it lacks; prints its token
    #[command(after_help = "Examples:\n  callbridge webhook install --url https://calls.example.com/webhooks/aircall")]
    Install {
        /// The URL under which Aircall reaches ingest, https://your-host/webhooks/aircall
        #[arg(long, value_parser = webhook_url)]
        url: String,
    },
}

impl Command {
    pub(crate) fn deed(&self) -> Option<Deed> {
        matches!(self, Command::Install { .. }).then(|| Deed::of_account("webhook_install", serde_json::json!({})))
    }
}

pub(crate) async fn run(database: &Database, settings: &Settings, command: &Command) -> anyhow::Result<ExitCode> {
    let aircall =
        Aircall::new(&settings.aircall, database, Role::Guest("callbridge")).context("the client for Aircall")?;
    match command {
        Command::Status { url, json } => {
            let all = aircall.webhooks().await.context("Aircall could not be asked for its webhooks")?;
            Ok(status(&all, settings, url.as_deref(), *json)?)
        }
        Command::Install { url } => install(&aircall, settings, url).await,
    }
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

pub(crate) fn lines<'a>(all: &'a [Webhook], settings: &Settings, url: Option<&str>) -> Vec<Line<'a>> {
    let needed = webhooks::needed(&settings.rules);
    let line = |webhook| {
        let known_token = webhooks::has_token(webhook, &settings.aircall.webhook_tokens);
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

fn status(all: &[Webhook], settings: &Settings, url: Option<&str>, json: bool) -> anyhow::Result<ExitCode> {
    let needed = webhooks::needed(&settings.rules);
    let lines = lines(all, settings, url);
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
            (true, false) => "yes, but its token is not in AIRCALL_WEBHOOK_TOKENS",
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

async fn install(aircall: &Aircall, settings: &Settings, url: &str) -> anyhow::Result<ExitCode> {
    let (done, webhook) = webhooks::install(aircall, url, &webhooks::needed(&settings.rules))
        .await
        .context("the webhook could not be set up")?;
    match done {
        Installed::Created => say!("Created, for {} events.", webhook.events.len()),
        Installed::WasThere => say!("It exists, active and with all events: nothing to do."),
        Installed::Repaired { enabled, added } => {
            if enabled {
                say!("It was disabled and is enabled again.");
            }
            if !added.is_empty() {
                say!("Added: {}.", added.join(", "));
            }
        }
    }
    match &webhook.token {
        Some(_) if webhooks::has_token(&webhook, &settings.aircall.webhook_tokens) => {
            say!("Its token is in AIRCALL_WEBHOOK_TOKENS.");
        }
        Some(token) => say!("Set AIRCALL_WEBHOOK_TOKENS={} for ingest and restart it.", token.expose_secret()),
        None => say!("Aircall did not return its token: GET /v1/webhooks of its API shows it."),
    }
    Ok(ExitCode::SUCCESS)
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

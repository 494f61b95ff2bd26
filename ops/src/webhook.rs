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

/// Where ingest listens.
const PATH: &str = "/webhooks/aircall";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists the account's webhooks; exit code 1 unless one of ours is active and has all events that are needed
    #[command(
        after_help = "Examples:\n  callbridge webhook status\n  callbridge webhook status --url https://calls.example.com/webhooks/aircall\n\n\
                      Ours are those with a token of AIRCALL_WEBHOOK_TOKENS, and, with --url, those with that URL."
    )]
    Status {
        /// The URL under which Aircall reaches ingest, https://your-host/webhooks/aircall
        #[arg(long)]
        url: Option<String>,
        /// Print JSON for programs, without tokens
        #[arg(long)]
        json: bool,
    },
    /// Creates the webhook, or enables it again and adds the events it lacks; prints its token
    #[command(after_help = "Examples:\n  callbridge webhook install --url https://calls.example.com/webhooks/aircall")]
    Install {
        /// The URL under which Aircall reaches ingest, https://your-host/webhooks/aircall
        #[arg(long)]
        url: String,
    },
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

/// A line of the output.
struct Line<'a> {
    webhook: &'a Webhook,
    ours: bool,
    known_token: bool,
    missing: Vec<&'static str>,
}

fn status(all: &[Webhook], settings: &Settings, url: Option<&str>, json: bool) -> anyhow::Result<ExitCode> {
    let needed = webhooks::needed(&settings.rules);
    let line = |webhook| {
        let known_token = webhooks::has_token(webhook, &settings.aircall.webhook_tokens);
        let ours = known_token || url.is_some_and(|url| webhooks::has_url(webhook, url));
        Line { webhook, ours, known_token, missing: webhooks::missing(webhook, &needed) }
    };
    let lines: Vec<Line<'_>> = all.iter().map(line).collect();
    let delivers = |line: &Line<'_>| line.ours && line.webhook.active && line.missing.is_empty();
    let good = lines.iter().any(delivers);
    if json {
        let of = |line: &Line<'_>| {
            json!({ "id": line.webhook.webhook_id, "url": line.webhook.url, "active": line.webhook.active, "ours": line.ours,
                    "token_known": line.known_token, "events": line.webhook.events, "missing": line.missing })
        };
        let webhooks: Vec<_> = lines.iter().map(of).collect();
        say!("{}", serde_json::to_string_pretty(&json!({ "delivers": good, "webhooks": webhooks }))?);
    } else if lines.is_empty() {
        say!("The account has no webhook.");
    } else {
        say!("{}", table(&lines, needed.len()));
    }
    if !good {
        tell!("callbridge: no active webhook brings all {} events that are needed.", needed.len());
        tell!("To create or repair one: callbridge webhook install --url https://<your host>{PATH}");
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
    if let Err(problem) = check_url(url) {
        tell!("callbridge: {problem}");
        return Ok(ExitCode::from(2));
    }
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

/// Aircall delivers over TLS; only a sandbox delivers on the machine itself.
fn check_url(url: &str) -> Result<(), String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://127.0.0.1:"));
    match rest.and_then(|rest| rest.split_once('/')) {
        Some((host, path)) if !host.is_empty() && path.trim_end_matches('/') == PATH.trim_start_matches('/') => Ok(()),
        _ => Err(format!("--url must be https://<your host>{PATH}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_urls_where_ingest_can_listen() {
        for (url, good) in [
            ("https://calls.example.com/webhooks/aircall", true),
            ("https://calls.example.com:8443/webhooks/aircall/", true),
            ("http://127.0.0.1:8080/webhooks/aircall", true),
            ("http://calls.example.com/webhooks/aircall", false),
            ("https://calls.example.com/", false),
            ("https:///webhooks/aircall", false),
            ("calls.example.com/webhooks/aircall", false),
        ] {
            assert_eq!(check_url(url).is_ok(), good, "{url}");
        }
    }
}

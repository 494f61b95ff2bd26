//! `callbridge budget`: how much of each API's budget is used, how many requests wait, and whether sending is paused and why.

use std::process::ExitCode;

use base::{db::Database, ids::Vendor, say};
use comfy_table::{Table, presets};
use jiff::Timestamp;
use vendors::budget::{self, Lane, WindowStatus};

const GATHERED: &str = "Logs have waited for Sellsy's budget within the last minute: changes of logs are gathered for up to five minutes, and new logs wait for the changes of their first minute and a half.";

pub(crate) async fn run(database: &Database, json: bool) -> anyhow::Result<ExitCode> {
    let seen = budget::window_status(&database.client().await?).await?;
    if json {
        say!("{}", serde_json::to_string_pretty(&seen)?);
    } else if seen.is_empty() {
        say!("No budget has been used yet: no worker has sent a request.");
    } else {
        say!("{}", table(&seen, Timestamp::now()));
        say!("By lane: {}. A pause or restriction ends on its own.", Lane::ALL.map(Lane::as_str).join(" / "));
        if seen.iter().any(|window| window.contested && window.api == Vendor::Sellsy.as_str()) {
            say!("{GATHERED}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn table(seen: &[WindowStatus], now: Timestamp) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["API", "window", "limit", "used", "remaining", "used by lane", "waiting by lane", "state"]);
    for window in seen {
        let used: i64 = window.used.iter().sum();
        let remaining = i64::from(window.limit) - used;
        let by_lane = |counts: &[i64]| counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" / ");
        table.add_row([
            window.api.clone(),
            window.span.clone(),
            window.limit.to_string(),
            used.to_string(),
            remaining.max(0).to_string(),
            by_lane(&window.used),
            by_lane(&window.waiting),
            state(window, now),
        ]);
    }
    table
}

fn state(window: &WindowStatus, now: Timestamp) -> String {
    let why = window.why.as_deref().unwrap_or_default();
    let seconds = |until: Timestamp| until.duration_since(now).as_secs().max(0) + 1;
    match (window.paused_until, window.held_until) {
        (Some(until), _) => format!("paused for {} s: {why}", seconds(until)),
        (None, Some(until)) => format!("interactive requests only for {} s: {why}", seconds(until)),
        (None, None) => "open".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_remains_and_why_sending_is_paused() {
        let open = WindowStatus {
            api: "sellsy".into(),
            span: "minute".into(),
            limit: 120,
            used: vec![4, 30, 2],
            waiting: vec![0, 7, 1],
            paused_until: None,
            held_until: None,
            why: None,
            contested: false,
        };
        let until: Timestamp = "2026-11-23T09:00:30Z".parse().unwrap();
        let paused = WindowStatus {
            paused_until: Some(until),
            why: Some("the API refused a request (429)".into()),
            ..open.clone()
        };
        let text = table(&[open, paused], "2026-11-23T09:00:00Z".parse().unwrap()).to_string();
        for expected in ["36", "84", "4 / 30 / 2", "0 / 7 / 1", "open", "paused for 31 s: the API refused"] {
            assert!(text.contains(expected), "{expected} in\n{text}");
        }
    }
}

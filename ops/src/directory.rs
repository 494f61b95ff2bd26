//! `callbridge directory status`: how complete and how fresh the phone directory is.

use std::{fmt::Write as _, process::ExitCode};

use jiff::Timestamp;
use resolver::directory::store::{self, Progress};
use serde_json::json;
use shared::db::Database;

/// Exit code 1 while a kind has not been loaded or its last turn failed, so that a script can wait for it.
pub(crate) async fn status(database: &Database, json: bool) -> anyhow::Result<ExitCode> {
    let client = database.client().await?;
    let (progress, sizes) = (store::progress(&client).await?, store::sizes(&client).await?);
    if json {
        let size = |(kind, records, usable, numbers): &(String, i64, i64, i64)| json!({ "kind": kind, "records": records, "usable": usable, "numbers": numbers });
        let sizes: Vec<_> = sizes.iter().map(size).collect();
        println!("{}", serde_json::to_string_pretty(&json!({ "kinds": progress, "sizes": sizes }))?);
    } else {
        print!("{}", story(&progress, &sizes, Timestamp::now()));
    }
    let good = progress.len() == 3 && progress.iter().all(|p| p.loaded_at.is_some() && p.problem.is_none());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn story(progress: &[Progress], sizes: &[(String, i64, i64, i64)], now: Timestamp) -> String {
    if progress.is_empty() {
        return "The directory is empty: no resolver has synchronised it yet.\n".into();
    }
    let mut text = format!(
        "{:<11} {:>8} {:>8} {:>8}  {:<22} {}\n",
        "kind", "records", "usable", "numbers", "loaded", "changes read"
    );
    for p in progress {
        let size = sizes.iter().find(|(kind, ..)| *kind == p.kind);
        let (records, usable, numbers) =
            size.map_or((0, 0, 0), |(_, records, usable, numbers)| (*records, *usable, *numbers));
        let loaded = match (p.loaded_at, p.pass_total) {
            (Some(at), _) => ago(now, at),
            (None, Some(total)) => format!("{} of {total} so far", p.pass_rows),
            (None, None) => "not yet".into(),
        };
        let changes = p.changes_until.map_or_else(|| "not yet".into(), |at| format!("up to {}", ago(now, at)));
        let _ = writeln!(text, "{:<11} {records:>8} {usable:>8} {numbers:>8}  {loaded:<22} {changes}", p.kind);
        if let Some(problem) = &p.problem {
            let _ = writeln!(text, "            the last turn failed: {problem}");
        }
    }
    text
}

fn ago(now: Timestamp, at: Timestamp) -> String {
    let minutes = now.duration_since(at).as_secs() / 60;
    match minutes {
        0..=119 => format!("{minutes} min ago"),
        120..=2879 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_is_loaded_and_what_went_wrong() {
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let progress = [
            Progress {
                kind: "individual".into(),
                loaded_at: at("2026-11-23T06:00:00Z"),
                changes_until: at("2026-11-23T08:55:00Z"),
                ..Progress::default()
            },
            Progress {
                kind: "company".into(),
                pass_rows: 300,
                pass_total: Some(900),
                problem: Some("SELLSY_UNAVAILABLE: no connection".into()),
                ..Progress::default()
            },
        ];
        let text = story(&progress, &[("individual".into(), 14, 12, 13)], "2026-11-23T09:00:00Z".parse().unwrap());
        let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "kind records usable numbers loaded changes read",
                "individual 14 12 13 3 h ago up to 5 min ago",
                "company 0 0 0 300 of 900 so far not yet",
                "the last turn failed: SELLSY_UNAVAILABLE: no connection",
            ]
        );
    }
}

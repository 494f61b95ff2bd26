//! `callbridge call <id>`: the timeline of a call.

use std::{fmt::Write as _, process::ExitCode};

use base::{db::Database, ids::CallId};
use ledger::timeline::{self, Line};
use serde_json::Value;

pub(crate) async fn run(database: &Database, id: i64, json: bool) -> anyhow::Result<ExitCode> {
    let lines = timeline::of(&database.client().await?, CallId(id)).await?;
    if lines.is_empty() {
        eprintln!("callbridge: nothing is known of call {id}");
        return Ok(ExitCode::FAILURE);
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&lines)?);
    } else {
        print!("{}", story(&lines));
    }
    Ok(ExitCode::SUCCESS)
}

/// One line a thing that happened, and its details indented below.
fn story(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        let _ = writeln!(text, "{}  {:<8}  {}", line.at.strftime("%Y-%m-%d %H:%M:%S%.3fZ"), line.stage, line.what);
        for (name, value) in line.detail.as_object().into_iter().flatten() {
            let _ = match value {
                Value::Null => continue,
                Value::String(value) => writeln!(text, "{:36}{name}: {value}", ""),
                value => writeln!(text, "{:36}{name}: {value}", ""),
            };
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tells_the_story() {
        let line = Line {
            at: "2026-11-23T09:15:30.5Z".parse().unwrap(),
            stage: "resolver".into(),
            what: "decided".into(),
            detail: json!({ "opportunity": null, "record": "contact 7" }),
        };
        let pad = " ".repeat(36);
        assert_eq!(story(&[line]), format!("2026-11-23 09:15:30.500Z  resolver  decided\n{pad}record: contact 7\n"));
    }
}

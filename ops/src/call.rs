//! `callbridge call <id>`: the timeline of a call.

use std::{fmt::Write as _, process::ExitCode};

use base::{db::Database, ids::CallId, out, say, tell};
use ledger::timeline::{self, Line};

pub(crate) async fn run(database: &Database, id: CallId, json: bool) -> anyhow::Result<ExitCode> {
    let lines = timeline::of(&database.client().await?, id).await?;
    if lines.is_empty() {
        tell!("callbridge: nothing is known of call {id}");
        return Ok(ExitCode::FAILURE);
    }
    if json {
        say!("{}", serde_json::to_string_pretty(&lines)?);
    } else {
        out::print(story(&lines));
    }
    Ok(ExitCode::SUCCESS)
}

/// One line per event, with its details indented below.
fn story(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        let _ = writeln!(text, "{}  {:<8}  {}", line.at.strftime("%Y-%m-%d %H:%M:%S%.3fZ"), line.stage, line.what);
        for (name, value) in line.what.details() {
            let _ = writeln!(text, "{:36}{name}: {value}", "");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::timeline::What;
    use serde_json::json;

    #[test]
    fn tells_the_story() {
        let line = |stage: &str, what, detail| Line {
            at: "2026-11-23T09:15:30.5Z".parse().unwrap(),
            stage: stage.into(),
            what: What::read(what, detail),
        };
        let decided = json!({ "opportunity": null, "record": "contact 7", "rule": "the only record with this number",
                              "opportunity_rule": "no opportunity is open or late", "source": "live", "as_of": null,
                              "candidates": ["contact 7"] });
        let expected = "\
2026-11-23 09:15:30.500Z  resolver  decided
                                    candidates: [\"contact 7\"]
                                    opportunity_rule: no opportunity is open or late
                                    record: contact 7
                                    rule: the only record with this number
                                    source: live
2026-11-23 09:15:30.500Z  logger    something new
                                    n: 3
";
        let lines =
            [line("resolver", "decided", decided), line("logger", "something new", json!({ "n": 3, "x": null }))];
        assert_eq!(story(&lines), expected);
    }
}

//! `callbridge dead list` and `callbridge dead show`.

use std::{collections::BTreeMap, fmt::Write as _, process::ExitCode};

use crate::dead::letters::{DeadLetter, UnackedLetter};
use base::{out, say, tell};
use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{DeadLetters, Filter};
use crate::ago;

const TABLE_WIDTH: u16 = 130;
/// Dead letters that the table names for each stage and code.
const NAMED: usize = 3;

/// The dead letters of a stage with the same error code, as a person or a program reads them.
#[derive(Debug, Serialize)]
pub(crate) struct CodeGroup {
    pub(crate) stage: &'static str,
    pub(crate) code: String,
    pub(crate) count: usize,
    pub(crate) oldest: Option<Timestamp>,
    pub(crate) newest: Option<Timestamp>,
    /// The first of them.
    pub(crate) example: DeadLetter,
    /// All of them, as they are in the queue.
    pub(crate) letters: Vec<DeadLetter>,
}

/// Exit code 0 also if there are none: that is not an error.
pub(super) async fn list(dead_letters: &DeadLetters, filter: &Filter, json: bool) -> anyhow::Result<ExitCode> {
    let (readers, letters) = dead_letters.read(filter.stages(), |held| filter.matches(held)).await?;
    let groups = group_by_code(letters.iter().map(|held| &held.letter));
    readers.close().await;
    if json {
        say!("{}", serde_json::to_string_pretty(&groups)?);
    } else if groups.is_empty() {
        say!("There are no dead letters.");
    } else {
        say!("{}", table(&groups, Timestamp::now()));
        say!("docs/errors.md says what to do about each code; then run `callbridge dead replay --code <code>`.");
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn show(dead_letters: &DeadLetters, id: &str, payload: bool, json: bool) -> anyhow::Result<ExitCode> {
    let (readers, letters) = dead_letters.read(Filter::default().stages(), |held| held.letter.id == id).await?;
    readers.close().await;
    let Some(held) = letters.first() else {
        tell!("callbridge: no dead letter has the id {id}");
        return Ok(ExitCode::FAILURE);
    };
    if json {
        let mut value = serde_json::to_value(&held.letter)?;
        value["headers"] = held.headers().into();
        if payload {
            value["payload"] = body(held);
        }
        say!("{}", serde_json::to_string_pretty(&value)?);
    } else {
        out::print(describe(&held.letter, &held.headers(), letters.len(), Timestamp::now()));
        if payload {
            say!("\n{:#}", body(held));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// As JSON, or as a string if it is not JSON.
fn body(held: &UnackedLetter) -> Value {
    serde_json::from_slice(held.body()).unwrap_or_else(|_| String::from_utf8_lossy(held.body()).into())
}

pub(crate) fn group_by_code<'a>(letters: impl Iterator<Item = &'a DeadLetter>) -> Vec<CodeGroup> {
    let mut groups = BTreeMap::new();
    for letter in letters {
        let key = (letter.stage.as_str(), letter.code.clone());
        let group = groups.entry(key).or_insert_with(|| CodeGroup {
            stage: letter.stage.as_str(),
            code: letter.code.clone(),
            count: 0,
            oldest: letter.last_failure,
            newest: letter.last_failure,
            example: letter.clone(),
            letters: Vec::new(),
        });
        group.letters.push(letter.clone());
        group.count += 1;
        group.oldest = group.oldest.into_iter().chain(letter.last_failure).min();
        group.newest = group.newest.into_iter().chain(letter.last_failure).max();
    }
    groups.into_values().collect()
}

pub(super) fn table(groups: &[CodeGroup], now: Timestamp) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    // Otherwise the errors, which are whole sentences, make it wider than any screen.
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(TABLE_WIDTH);
    table.set_header(["stage", "code", "count", "oldest", "newest", "which, and why"]);
    let when = |at: Option<Timestamp>| at.map_or_else(|| "unknown".into(), |at| ago(now, at));
    for group in groups {
        table.add_row([
            group.stage.to_owned(),
            group.code.clone(),
            group.count.to_string(),
            when(group.oldest),
            when(group.newest),
            format!("{}\n{}", which(&group.letters), group.example.error),
        ]);
    }
    table
}

/// Some of them by their ids, and how many others there are.
fn which(letters: &[DeadLetter]) -> String {
    let named = letters.iter().take(NAMED).map(|letter| {
        let call = letter.call_id.map_or_else(String::new, |call| format!(", call {call}"));
        format!("{}{call}", letter.id)
    });
    let others = letters.len().saturating_sub(NAMED);
    let others = (others > 0).then(|| format!("and {others} more: callbridge dead list --json"));
    named.chain(others).collect::<Vec<_>>().join("\n")
}

fn describe(letter: &DeadLetter, headers: &serde_json::Map<String, Value>, copies: usize, now: Timestamp) -> String {
    let unknown = || "unknown".to_owned();
    let when = |at: Option<Timestamp>| {
        at.map_or_else(unknown, |at| format!("{}, {}", at.strftime("%Y-%m-%d %H:%M:%SZ"), ago(now, at)))
    };
    let call = letter.call_id.map_or_else(|| "none".to_owned(), |id| format!("{id} (callbridge call {id})"));
    let lines = [
        ("id", letter.id.clone()),
        ("stage", letter.stage.as_str().to_owned()),
        ("kind", letter.kind.clone().unwrap_or_else(unknown)),
        ("call", call),
        ("trace", letter.trace_id.clone().unwrap_or_else(unknown)),
        ("code", letter.code.clone()),
        ("error", letter.error.clone()),
        ("attempts", letter.attempts.to_string()),
        ("first failure", when(letter.first_failure)),
        ("last failure", when(letter.last_failure)),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        let _ = writeln!(text, "{name:<14} {value}");
    }
    if copies > 1 {
        let _ = writeln!(text, "{:<14} {copies}", "copies");
    }
    for (n, (name, value)) in headers.iter().enumerate() {
        let label = if n == 0 { "headers" } else { "" };
        let _ = match value {
            Value::String(value) => writeln!(text, "{label:<14} {name}: {value}"),
            value => writeln!(text, "{label:<14} {name}: {value}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::ids::{CallId, Stage};
    use serde_json::json;

    fn letter(stage: Stage, code: &str, at: Option<&str>) -> DeadLetter {
        DeadLetter {
            id: format!("{}-{}", stage.as_str(), at.unwrap_or("never")),
            stage,
            kind: Some("call.resolved".into()),
            call_id: Some(CallId(7)),
            trace_id: None,
            code: code.into(),
            error: "POST /phone-calls: 403".into(),
            attempts: 1,
            first_failure: None,
            last_failure: at.map(|at| at.parse().unwrap()),
        }
    }

    #[test]
    fn dead_letters_are_grouped_by_stage_and_code() {
        let letters = [
            letter(Stage::Logger, "SELLSY_PLAN", Some("2026-11-23T09:00:00Z")),
            letter(Stage::Logger, "SELLSY_PLAN", None),
            letter(Stage::Logger, "SELLSY_PLAN", Some("2026-11-23T08:00:00Z")),
            letter(Stage::Insights, "SELLSY_PLAN", None),
        ];
        let groups = group_by_code(letters.iter());
        let seen: Vec<_> = groups
            .iter()
            .map(|g| (g.stage, g.count, g.oldest.map(|at| at.to_string()), g.newest.map(|at| at.to_string())))
            .collect();
        let at = |text: &str| Some(text.to_owned());
        assert_eq!(
            seen,
            [("insights", 1, None, None), ("logger", 3, at("2026-11-23T08:00:00Z"), at("2026-11-23T09:00:00Z"))]
        );
        let table = table(&groups, "2026-11-23T10:00:00Z".parse().unwrap()).to_string();
        assert!(table.contains("120 min ago") || table.contains("2 h ago"), "{table}");
        assert!(!table.contains(" more: "), "{table}");
    }

    #[test]
    fn programs_get_every_dead_letter_and_people_some_of_each_group() {
        let numbered = |n: i64| DeadLetter {
            id: format!("0199-{n}"),
            call_id: Some(CallId(n)),
            ..letter(Stage::Logger, "SELLSY_PLAN", Some("2026-11-23T09:00:00Z"))
        };
        let letters: Vec<_> = (1..=5).map(numbered).collect();
        let groups = group_by_code(letters.iter());
        let json = serde_json::to_value(&groups).unwrap();
        let listed: Vec<_> = json[0]["letters"].as_array().unwrap().iter().map(|one| &one["call_id"]).collect();
        assert_eq!(
            (listed, &json[0]["count"]),
            (vec![&json!(1), &json!(2), &json!(3), &json!(4), &json!(5)], &json!(5))
        );
        for field in ["id", "call_id", "kind", "attempts", "first_failure", "last_failure"] {
            assert!(json[0]["letters"][4].get(field).is_some(), "{field}");
        }
        let text = which(&groups[0].letters);
        assert_eq!(text, "0199-1, call 1\n0199-2, call 2\n0199-3, call 3\nand 2 more: callbridge dead list --json");
    }

    #[test]
    fn a_dead_letter_is_shown_without_its_body() {
        let headers = json!({ "callbridge-attempts": 1, "callbridge-stage": "logger" });
        let letter = letter(Stage::Logger, "SELLSY_PLAN", Some("2026-11-23T09:00:00Z"));
        let text = describe(&letter, headers.as_object().unwrap(), 1, "2026-11-23T09:05:00Z".parse().unwrap());
        assert!(text.contains("call           7 (callbridge call 7)\n"), "{text}");
        assert!(text.contains("last failure   2026-11-23 09:00:00Z, 5 min ago\n"), "{text}");
        assert!(
            text.ends_with("headers        callbridge-attempts: 1\n               callbridge-stage: logger\n"),
            "{text}"
        );
    }
}

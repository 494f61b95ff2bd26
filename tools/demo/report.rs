//! What was logged where and why: read from the sandbox and the ledger, compared with the expected result.

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use harness::{CallRow, Stack, is_log_of};
use serde_json::Value;

use crate::morning::{ByHand, Call, Expect};

/// The result of a call of the morning.
pub(crate) struct Landed {
    pub(crate) call_id: i64,
    pub(crate) about: String,
    number: String,
    record: String,
    why: String,
    opportunity: Option<i64>,
    pub(crate) phone_call: Option<i64>,
    card: bool,
    insights: usize,
    by_people: String,
    pub(crate) problems: Vec<String>,
}

pub(crate) async fn look(stack: &Stack, played: &[(&Call, i64)]) -> Result<Vec<Landed>> {
    let ledger = stack.ledger().await?;
    let logs = stack.sandbox.phone_calls().await?;
    let cards = stack.sandbox.get("/aircall/insight-cards").await?;
    let mut landed = Vec::new();
    for (call, call_id) in played {
        let row = ledger.call(*call_id).await?;
        let logs: Vec<&Value> = logs.iter().filter(|log| is_log_of(log, *call_id)).collect();
        let cards = cards.as_array().into_iter().flatten().filter(|card| card["call_id"] == *call_id).count();
        landed.push(one(call, *call_id, row.as_ref(), &logs, cards));
    }
    Ok(landed)
}

fn one(call: &Call, call_id: i64, row: Option<&CallRow>, logs: &[&Value], cards: usize) -> Landed {
    let found = row.and_then(CallRow::record);
    let insights = row.map_or(&Value::Null, |row| &row.insights);
    let opportunity = logs.first().and_then(|log| linked(log, "opportunity"));
    let name = row.and_then(|row| row.resolution["record"]["name"].as_str()).unwrap_or_default();
    let mut problems = problems(&call.expect, found.as_deref(), opportunity, insights, logs);
    if cards > 1 || (call.expect.card && cards == 0) {
        problems.push(format!("{cards} cards were shown"));
    }
    Landed {
        call_id,
        about: call.about.clone(),
        number: row.and_then(|row| row.snapshot["raw_digits"].as_str()).unwrap_or("–").into(),
        record: found.map_or_else(|| "nobody".into(), |found| format!("{name} ({found})")),
        why: row.map(CallRow::rule).filter(|rule| !rule.is_empty()).unwrap_or("not resolved").into(),
        opportunity,
        phone_call: logs.first().and_then(|log| log["id"].as_i64()),
        card: cards > 0,
        insights: insights.as_object().map_or(0, serde_json::Map::len),
        by_people: call.by_hand.as_ref().map(ByHand::in_short).unwrap_or_default(),
        problems,
    }
}

fn problems(
    expect: &Expect,
    found: Option<&str>,
    opportunity: Option<i64>,
    insights: &Value,
    logs: &[&Value],
) -> Vec<String> {
    let mut problems = Vec::new();
    let mut check = |good: bool, problem: String| {
        if !good {
            problems.push(problem);
        }
    };
    check(found == expect.record.as_deref(), format!("the record is {found:?}, expected {:?}", expect.record));
    check(logs.len() == usize::from(expect.record.is_some()), format!("{} logs in Sellsy", logs.len()));
    check(
        opportunity == expect.opportunity,
        format!("the opportunity is {opportunity:?}, expected {:?}", expect.opportunity),
    );
    let held = insights.as_object().map_or(0, serde_json::Map::len);
    check(held == expect.insights, format!("{held} insights, expected {}", expect.insights));
    if let Some(log) = logs.first() {
        let result = log["result"]["id"].as_str().or(log["result"].as_str());
        check(result == expect.result.as_deref(), format!("the result is {result:?}, expected {:?}", expect.result));
        let topic = log["topic"]["name"].as_str();
        check(
            expect.topic.is_none() || topic == expect.topic.as_deref(),
            format!("the topic is {topic:?}, expected {:?}", expect.topic),
        );
        let text = log["description"].as_str().unwrap_or_default();
        for words in &expect.says {
            check(text.contains(words), format!("the log does not say “{words}”"));
        }
        if let Some((kind, id)) = expect.record.as_deref().and_then(|record| record.split_once(' ')) {
            let there = linked(log, kind);
            check(
                there.map(|id| id.to_string()).as_deref() == Some(id),
                format!("the log is linked to {kind} {there:?}"),
            );
        }
    }
    problems
}

fn linked(log: &Value, kind: &str) -> Option<i64> {
    log["related"].as_array()?.iter().find(|related| related["type"] == kind)?["id"].as_i64()
}

pub(crate) fn table(landed: &[Landed]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    let header =
        ["call", "number", "record found", "why", "opportunity", "card", "Sellsy call", "insights", "by people", ""];
    table.set_header(header);
    let or_none = |id: Option<i64>| id.map_or_else(|| "–".to_owned(), |id| id.to_string());
    for l in landed {
        table.add_row([
            l.call_id.to_string(),
            l.number.clone(),
            l.record.clone(),
            l.why.clone(),
            or_none(l.opportunity),
            if l.card { "shown" } else { "–" }.to_owned(),
            or_none(l.phone_call),
            l.insights.to_string(),
            l.by_people.clone(),
            if l.problems.is_empty() { "ok" } else { "WRONG" }.to_owned(),
        ]);
    }
    table
}

//! `callbridge call <id>`: the timeline of a call.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::Context;
use base::{
    db::{Client, Database},
    ids::{CallId, Vendor},
    out, say,
    settings::Settings,
    tell,
};
use jiff::{Timestamp, tz::TimeZone};
use ledger::{
    calls::Part,
    followups::Follows,
    resolution::{RecordRef, Source},
    timeline::{self, Answer, ApiRequest, CommentLine, Decision, Line, SellsyLog, TaskLine, What},
};
use serde_json::Value;
use vendors::sellsy::wire::Related;

use crate::{erased, zone_name};

pub(crate) async fn run(database: &Database, settings: &Settings, id: CallId, json: bool) -> anyhow::Result<ExitCode> {
    let client = database.client().await?;
    tell_of(&client, &settings.time_zone, id, json).await.context("the timeline could not be read")
}

async fn tell_of(client: &Client, zone: &TimeZone, id: CallId, json: bool) -> anyhow::Result<ExitCode> {
    let lines = timeline::of(client, id).await?;
    let erased = erased::find(client, id).await?;
    if lines.is_empty() && erased.is_none() {
        tell!("callbridge: nothing is known of call {id}");
        return Ok(ExitCode::FAILURE);
    }
    let erased = erased.map(|remains| erased::story(&remains, zone)).unwrap_or_default();
    if json {
        say!("{}", serde_json::to_string_pretty(&lines)?);
        out::print_beside(erased);
    } else {
        out::print(erased);
        out::print(story(&lines, zone));
    }
    Ok(ExitCode::SUCCESS)
}

/// One line per event, with its details indented below.
fn story(lines: &[Line], zone: &TimeZone) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut text = format!("Times are those of {}.\n", zone_name(zone));
    lines.iter().for_each(|line| text.push_str(&told(line, zone)));
    text
}

/// One event, with its details below it.
pub(crate) fn told(line: &Line, zone: &TimeZone) -> String {
    let mut text = String::new();
    let at = line.at.to_zoned(zone.clone());
    let _ = writeln!(text, "{}  {:<9}  {}", at.strftime("%Y-%m-%d %H:%M:%S%.3f"), line.stage, line.what);
    for (name, value) in details(&line.what, zone) {
        let _ = writeln!(text, "{:36}{name}: {value}", "");
    }
    text
}

type Details = Vec<(String, String)>;

fn named<const N: usize>(details: [(&str, String); N]) -> Details {
    details.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What a line's sentence leaves open, in the order in which it is read.
fn details(what: &What, zone: &TimeZone) -> Details {
    match what {
        What::LookedUp(decision) | What::Decided(decision) | What::DecidedAgain(decision) => decided(decision, zone),
        What::CardShown {}
        | What::NoCardShown {}
        | What::InsightsAskedFor {}
        | What::NoInsightsCame {}
        | What::HandedOn {} => Details::new(),
        What::Skipped { reason } | What::WithoutTopic { reason } => named([("because", reason.to_string())]),
        What::Retried(failure) | What::Parked(failure) => named([
            ("error", failure.error.clone()),
            ("error code", failure.code.clone()),
            ("attempts", failure.attempts.to_string()),
        ]),
        What::Logged { log, related } => {
            named([("in Sellsy", written(*log)), ("linked to", list(related.iter().map(object)))])
        }
        What::LogUpdated(log)
        | What::LogUpToDate(log)
        | What::AdoptedUnclear(log)
        | What::AdoptedUnknown(log)
        | What::LogDeleted(log) => named([("in Sellsy", written(*log))]),
        What::ChangedByPerson { parts } => named([("changed", list(parts.iter().map(|part| part_name(*part))))]),
        What::LinksRefused { error } | What::RecordRefused { error } => named([("error", error.clone())]),
        What::PutOff { in_s } => named([("in", format!("{in_s} s"))]),
        What::InsightsFound { insights, fetched } => named([
            ("insights", list(insights.iter().map(String::as_str))),
            ("they were", if *fetched { "asked for" } else { "in the event" }.to_owned()),
        ]),
        What::TaskCreated(task)
        | What::TaskUpdated(task)
        | What::TaskAdopted(task)
        | What::TaskLeftAlone(task)
        | What::TaskDeleted(task) => followed(*task),
        What::TaskDone { task, spoke } => {
            let mut details = followed(*task);
            details.extend(named([("they spoke in call", spoke.to_string())]));
            details
        }
        What::SmartTagsAdded { to, smart_tags } => {
            named([("smart-tags", list(smart_tags.iter().map(String::as_str))), ("on", object(to))])
        }
        What::StepMoved { opportunity, step } => {
            named([("opportunity", opportunity.to_string()), ("step", step.clone())])
        }
        What::ProspectCreated { record } | What::ProspectAdopted { record } => {
            named([("record", record_name(*record))])
        }
        What::ProspectUndone { record, by } => named([("record", record_name(*record)), ("by", by.clone())]),
        What::CommentCreated(CommentLine { comment, messages })
        | What::CommentUpdated(CommentLine { comment, messages }) => {
            named([("comment in Sellsy", comment.to_string()), ("messages written", messages.to_string())])
        }
        What::CommentAdopted { comment } | What::CommentDeleted { comment } => {
            named([("comment in Sellsy", comment.to_string())])
        }
        What::Relinked { record, opportunity, by } => named([
            ("record", record.map_or_else(|| "nobody".to_owned(), record_name)),
            ("opportunity", opportunity.map_or_else(|| "none".to_owned(), |id| id.to_string())),
            ("by", by.clone()),
        ]),
        What::AskedFor { by } => named([("by", by.clone())]),
        What::Replayed(letter) | What::Dropped(letter) => named([
            ("dead letter", letter.message.clone()),
            ("error code", letter.code.clone()),
            ("attempts", letter.attempts.to_string()),
        ]),
        What::Request(request) => named([(vendor(request.api), sent(request))]),
        What::Event { detail, .. } => named([("it happened at", time(zone, detail.occurred_at))]),
        What::Other { detail, .. } => of_another_version(detail),
    }
}

fn decided(decision: &Decision, zone: &TimeZone) -> Details {
    let mut details = named([
        ("record", decision.record.map_or_else(|| "nobody".to_owned(), record_name)),
        ("because", decision.rule.to_string()),
    ]);
    if decision.record.is_some() {
        let opportunity = decision.opportunity.map_or_else(|| "none".to_owned(), |id| id.to_string());
        details.extend(named([("opportunity", opportunity), ("because", decision.opportunity_rule.to_string())]));
    }
    if !decision.candidates.is_empty() {
        details.extend(named([("candidates", list(decision.candidates.iter().copied().map(record_name)))]));
    }
    let source = match (decision.source, decision.as_of) {
        (Source::Directory, Some(as_of)) => {
            format!("in the phone directory, read from Sellsy at {}", time(zone, as_of))
        }
        (Source::Directory, None) => "in the phone directory".into(),
        (Source::Live, _) => "by asking Sellsy".into(),
        (Source::Remembered, _) => "not again: Sellsy had nobody a short while before".into(),
        (Source::None, _) => "not at all".into(),
    };
    let source = match decision.looked_up_at {
        Some(at) => format!("at {}, {source}", time(zone, at)),
        None => source,
    };
    details.extend(named([("looked up", source)]));
    details
}

/// In the time zone that the first line names.
fn time(zone: &TimeZone, at: Timestamp) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn list<T: Into<String>>(all: impl Iterator<Item = T>) -> String {
    let all: Vec<String> = all.map(Into::into).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

fn record_name(record: RecordRef) -> String {
    record.into()
}

fn object(related: &Related) -> String {
    format!("{} {}", related.kind, related.id)
}

fn written(log: SellsyLog) -> String {
    match log {
        SellsyLog::PhoneCall(id) => format!("phone call {id}"),
        SellsyLog::Comment(id) => format!("comment {id}"),
    }
}

fn followed(task: TaskLine) -> Details {
    let from = match task.follows {
        Follows::MissedCall => "a missed call",
        Follows::ActionItem => "an action item of the AI",
        Follows::Tag => "a tag",
    };
    named([("task in Sellsy", task.task.to_string()), ("it follows from", from.to_owned())])
}

fn part_name(part: Part) -> &'static str {
    match part {
        Part::Owner => "owner",
        Part::Date => "date",
        Part::Direction => "direction",
        Part::Result => "result",
        Part::Duration => "duration",
        Part::Topic => "topic",
        Part::Links => "links",
        Part::Text => "text",
    }
}

fn vendor(api: Vendor) -> &'static str {
    match api {
        Vendor::Aircall => "Aircall",
        Vendor::Sellsy => "Sellsy",
    }
}

fn sent(request: &ApiRequest) -> String {
    let status = match request.status {
        Answer::Status(status) => status.to_string(),
        Answer::None => "no answer".to_owned(),
    };
    let times = request.times.map(|times| format!(", {times} times")).unwrap_or_default();
    format!("{}: {status}, after {} ms{times}", request.request, request.ms)
}

/// As that version wrote it, without what only programs read.
fn of_another_version(detail: &Value) -> Details {
    let Value::Object(all) = detail else { return Details::new() };
    let shown = all.iter().filter(|(name, value)| !value.is_null() && !name.ends_with("_key"));
    shown.map(|(name, value)| (name.replace('_', " "), plain(value))).collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Number(n) => n.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(all) => list(all.iter().map(plain)),
        Value::Object(all) => list(all.values().map(plain)),
    }
}

/// The calls that have come in since then, newest first and not all of many, with the other party's number as Aircall sends it.
pub(crate) async fn since(client: &Client, since: Timestamp) -> anyhow::Result<Vec<(CallId, Option<String>)>> {
    // The expression of an index (migration V17): there may be a million calls from before.
    let at = "case when erased_at is null then created_at end";
    let sql = format!(
        "select call_id, snapshot->>'raw_digits' from calls where {at} > $1 and call_id > 0 order by {at} desc limit 50"
    );
    let rows = client.query(&sql, &[&since]).await?;
    Ok(rows.iter().map(|row| (CallId(row.get(0)), row.get(1))).collect())
}

/// Whether it is over, as far as is known.
pub(crate) async fn has_ended(client: &Client, call: CallId) -> anyhow::Result<bool> {
    let sql = "select coalesce(snapshot->>'ended_at' is not null or snapshot->>'status' = 'done', false)
                 from calls where call_id = $1";
    Ok(client.query_opt(sql, &[&call.0]).await?.is_some_and(|row| row.get(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::timeline::samples;
    use serde_json::json;

    fn line(stage: &str, what: What) -> Line {
        Line { at: "2026-11-23T09:15:30.5Z".parse().unwrap(), stage: stage.into(), what }
    }

    #[test]
    fn tells_the_story() {
        let decided = json!({ "opportunity": null, "record": "contact 7", "rule": "the only record with this number",
                              "opportunity_rule": "no opportunity is open or late", "source": "directory",
                              "as_of": "2026-11-23T09:10:00Z", "candidates": ["contact 7", "contact 8"] });
        let logged = json!({ "phone_call": 9001, "related": [{ "type": "contact", "id": 7 }, { "type": "opportunity", "id": 5 }] });
        let request = json!({ "api": "sellsy", "request": "POST /phone-calls", "status": 201, "ms": 38 });
        let expected = "\
Times are those of Europe/Paris.
2026-11-23 10:15:30.500  resolver   decided
                                    record: contact 7
                                    because: the only record with this number
                                    opportunity: none
                                    because: no opportunity is open or late
                                    candidates: contact 7, contact 8
                                    looked up: in the phone directory, read from Sellsy at 2026-11-23 10:10:00
2026-11-23 10:15:30.500  ended      request
                                    Sellsy: POST /phone-calls: 201, after 38 ms
2026-11-23 10:15:30.500  logger     logged
                                    in Sellsy: phone call 9001
                                    linked to: contact 7, opportunity 5
2026-11-23 10:15:30.500  logger     something new
                                    how many: 3
                                    which: a, b
";
        let lines = [
            line("resolver", What::read("decided", decided)),
            line("ended", What::read("request", request)),
            line("logger", What::read("logged", logged)),
            line(
                "logger",
                What::read("something new", json!({ "how_many": 3, "x": null, "which": ["a", "b"], "why_key": "k" })),
            ),
        ];
        assert_eq!(story(&lines, &TimeZone::get("Europe/Paris").unwrap()), expected);
    }

    /// Neither keys that programs read, nor JSON, nor times without their zone.
    #[test]
    fn every_line_is_told_in_words() {
        for what in samples::lines() {
            let text = story(&[line("logger", what)], &TimeZone::UTC);
            let details = text.lines().skip(2).collect::<Vec<_>>().join("\n");
            for odd in ["[", "\"", "null", "true", "false", "T00:00", "Z\n", "_rule", "_at", "_key"] {
                // An endpoint has a place for an id.
                assert!(!details.replace("{id}", "").contains(odd), "{odd} in {text}");
            }
        }
    }
}

//! `callbridge explain <call id>`: why a call was logged where it was, from what the ledger keeps of the decision.

use std::{fmt::Write as _, process::ExitCode};

use shared::{
    db::Database,
    event::CallId,
    ledger::{
        calls::{self, Known},
        resolution::{Record, Source},
    },
};

pub(crate) async fn run(database: &Database, id: i64, json: bool) -> anyhow::Result<ExitCode> {
    let Some(known) = calls::known(&*database.client().await?, CallId(id)).await? else {
        eprintln!("callbridge: no decision is known for call {id}");
        return Ok(ExitCode::FAILURE);
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&known.resolution)?);
    } else {
        print!("{}", story(&known));
    }
    Ok(ExitCode::SUCCESS)
}

/// The decision in the order in which it was made.
fn story(known: &Known) -> String {
    let resolution = &known.resolution;
    let mut text = String::new();
    let source = match resolution.source {
        Source::Directory => "the phone directory",
        Source::Live => "Sellsy, asked live",
        Source::Remembered => "Sellsy, asked a short while before",
        Source::None => "nobody was asked",
    };
    let _ = writeln!(text, "looked up    {} ({source})", known.looked_up_at.strftime("%Y-%m-%d %H:%M:%SZ"));
    if let Some(as_of) = resolution.as_of {
        let _ = writeln!(text, "read on      {}", as_of.strftime("%Y-%m-%d %H:%M:%SZ"));
    }
    for (n, candidate) in resolution.candidates.iter().enumerate() {
        let _ = writeln!(text, "candidate {}  {}", n + 1, describe(candidate));
    }
    let record = resolution.record.as_ref().map_or_else(|| "nobody".into(), describe);
    let _ = writeln!(text, "record       {record}\n  because    {}", resolution.rule);
    let opportunity = resolution.opportunity.as_ref().map(|o| format!("{} {} ({})", o.id, o.name, o.status));
    let opportunity = opportunity.unwrap_or_else(|| "none".into());
    let _ = writeln!(text, "opportunity  {opportunity}\n  because    {}", resolution.opportunity_rule);
    let state = if known.is_final { "final: the call is logged by it" } else { "for the card; the call has not ended" };
    let _ = writeln!(text, "decision     {state}");
    text
}

fn describe(record: &Record) -> String {
    let relation = record.relation.map(|relation| format!(", {relation:?}").to_lowercase()).unwrap_or_default();
    let archived = if record.archived { ", archived" } else { "" };
    let companies: Vec<String> = record.companies.iter().map(|c| format!("{} {}", c.id, c.name)).collect();
    let of = if companies.is_empty() { String::new() } else { format!(", of company {}", companies.join(", ")) };
    format!("{} {} {}{relation}{archived}{of}", record.kind, record.id, record.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tells_who_was_chosen_and_why() {
        let resolution = json!({
            "source": "directory", "as_of": "2026-11-23T08:00:00Z",
            "record": { "kind": "contact", "id": 7, "name": "Nadia", "companies": [{ "id": 3, "name": "Atelier" }] },
            "rule": "the only record with this number",
            "opportunity": { "id": 12, "name": "Cuisine", "status": "open" }, "opportunity_rule": "the earliest",
            "candidates": [{ "kind": "contact", "id": 7, "name": "Nadia" }],
        });
        let known = Known {
            resolution: serde_json::from_value(resolution).unwrap(),
            looked_up_at: "2026-11-23T09:15:30Z".parse().unwrap(),
            is_final: true,
            card_shown: true,
        };
        let expected = "\
looked up    2026-11-23 09:15:30Z (the phone directory)
read on      2026-11-23 08:00:00Z
candidate 1  contact 7 Nadia
record       contact 7 Nadia, of company 3 Atelier
  because    the only record with this number
opportunity  12 Cuisine (open)
  because    the earliest
decision     final: the call is logged by it
";
        assert_eq!(story(&known), expected);
    }
}

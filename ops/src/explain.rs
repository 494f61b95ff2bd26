//! `callbridge explain <call id|number>`: why a call was logged where it was, from what the ledger keeps of the decision,
//! or where a call from a number would be logged now, by the same code that the resolver runs.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::{Context, anyhow};
use base::{db::Database, ids::CallId, phone, settings::Settings};
use jiff::Timestamp;
use ledger::{
    calls,
    resolution::{Record, Resolution, Source},
};
use resolver::LookUp;
use vendors::{
    budget::{Lane, Role},
    sellsy::Sellsy,
};

use crate::ago;

/// A decision, and what is to be said of it besides.
struct Decision {
    resolution: Resolution,
    looked_up_at: Timestamp,
    /// What was asked for: the first line.
    about: (&'static str, String),
    /// What the decision about a call is worth: the last line.
    state: Option<&'static str>,
}

/// Digits alone are a call's id; a number begins with + or 0.
pub(crate) fn is_call_id(text: &str) -> bool {
    !text.starts_with('0') && !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}

pub(crate) async fn run(database: &Database, settings: &Settings, text: &str, json: bool) -> anyhow::Result<ExitCode> {
    let decision = if is_call_id(text) {
        of_call(database, text).await.context("the decision could not be read")?
    } else {
        Some(of_number(database, settings, text).await?)
    };
    let Some(decision) = decision else {
        eprintln!(
            "callbridge: no decision is known for call {text} (write a phone number with + and its country code, or a leading 0)"
        );
        return Ok(ExitCode::FAILURE);
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&decision.resolution)?);
    } else {
        print!("{}", story(&decision, Timestamp::now()));
    }
    Ok(ExitCode::SUCCESS)
}

async fn of_call(database: &Database, id: &str) -> anyhow::Result<Option<Decision>> {
    let id: i64 = id.parse().context("that is no call id")?;
    let known = calls::known(&database.client().await?, CallId(id)).await?;
    Ok(known.map(|known| Decision {
        resolution: known.resolution,
        looked_up_at: known.looked_up_at,
        about: ("call", id.to_string()),
        state: Some(if known.is_final {
            "final: the call is logged by it"
        } else {
            "for the card; the call has not ended"
        }),
    }))
}

async fn of_number(database: &Database, settings: &Settings, text: &str) -> anyhow::Result<Decision> {
    let number = phone::parse(text, settings.default_region).ok_or_else(|| {
        anyhow!("{text:?} is neither a call id nor a phone number (write numbers with + and the country code, or as dialled in DEFAULT_REGION)")
    })?;
    let sellsy = Sellsy::new(&settings.sellsy, database, Role::Guest("callbridge"))?.on(Lane::Interactive);
    let look_up = LookUp::new(sellsy, settings.default_region, database.clone());
    let resolution = look_up.number(&number).await.context("the caller could not be looked up")?;
    Ok(Decision {
        resolution,
        looked_up_at: Timestamp::now(),
        about: ("number", number.as_str().to_owned()),
        state: None,
    })
}

/// The decision in the order in which it was made.
fn story(decision: &Decision, now: Timestamp) -> String {
    let (resolution, (what, which)) = (&decision.resolution, &decision.about);
    let mut text = format!("{what:<12} {which}\n");
    let source = match (resolution.source, resolution.as_of) {
        (Source::Directory, Some(as_of)) => format!("in the phone directory, read from Sellsy {}", ago(now, as_of)),
        (Source::Directory, None) => "in the phone directory".into(),
        (Source::Live, _) => "by asking Sellsy".into(),
        (Source::Remembered, _) => "not again: Sellsy had nobody a short while before".into(),
        (Source::None, _) => "not at all".into(),
    };
    let _ = writeln!(text, "looked up    {}, {source}", decision.looked_up_at.strftime("%Y-%m-%d %H:%M:%SZ"));
    // A single one is the record itself, unless it is archived.
    let several = resolution.candidates.len() > 1 || resolution.record.is_none();
    for (n, candidate) in resolution.candidates.iter().enumerate().filter(|_| several) {
        let _ = writeln!(text, "candidate {}  {}", n + 1, describe(candidate));
    }
    let record = resolution.record.as_ref().map_or_else(|| "nobody".into(), describe);
    let _ = writeln!(text, "record       {record}\n  because    {}", resolution.rule);
    let opportunity = resolution.opportunity.as_ref().map(|o| format!("{} {} ({})", o.id, o.name, o.status));
    let opportunity = opportunity.unwrap_or_else(|| "none".into());
    let _ = writeln!(text, "opportunity  {opportunity}\n  because    {}", resolution.opportunity_rule);
    if let Some(state) = decision.state {
        let _ = writeln!(text, "decision     {state}");
    }
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
        let decision = Decision {
            resolution: serde_json::from_value(resolution).unwrap(),
            looked_up_at: "2026-11-23T09:15:30Z".parse().unwrap(),
            about: ("call", "3811600001".into()),
            state: Some("final: the call is logged by it"),
        };
        let expected = "\
call         3811600001
looked up    2026-11-23 09:15:30Z, in the phone directory, read from Sellsy 90 min ago
record       contact 7 Nadia, of company 3 Atelier
  because    the only record with this number
opportunity  12 Cuisine (open)
  because    the earliest
decision     final: the call is logged by it
";
        assert_eq!(story(&decision, "2026-11-23T09:30:00Z".parse().unwrap()), expected);
    }

    #[test]
    fn tells_ids_from_numbers() {
        for (text, id) in [("3811600001", true), ("0639984107", false), ("+33639984107", false), ("", false)] {
            assert_eq!(is_call_id(text), id, "{text}");
        }
    }
}

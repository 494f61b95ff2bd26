//! `callbridge explain <call id|number>`: why a call was logged where it was, from the decision stored in the ledger, or where
//! a call from a number would be logged now, by the same code that the resolver runs.

use std::{fmt::Write as _, process::ExitCode};

use crate::{
    arguments::Wrong,
    at, erased, long_before,
    relink::look_up,
    search::{self, State},
};
use anyhow::Context;
use base::{
    db::{Client, Database},
    error::Result,
    ids::CallId,
    out,
    phone::{self, Caller, Region},
    say,
    settings::Settings,
    tell,
};
use jiff::{Timestamp, tz::TimeZone};
use ledger::{
    calls::{self, CallRow},
    resolution::{Record, Resolution, Source},
    timeline::SellsyLog,
};

/// A decision, and the context to print with it.
struct Decision {
    resolution: Resolution,
    looked_up_at: Timestamp,
    /// What the user asked about: the first line.
    about: (&'static str, String),
    /// What was read from what was typed: the second line.
    read: Option<(&'static str, String)>,
    /// What has become of the call: the last line.
    state: Option<String>,
}

/// What is known of what became of a call that was looked up.
struct Became {
    call: CallId,
    /// The decision is the one by which the call is logged.
    is_final: bool,
    state: State,
    log: Option<SellsyLog>,
    /// Sellsy has refused the record.
    reopened: bool,
    /// The call waits for a record until then.
    waits_until: Option<Timestamp>,
}

/// What is asked about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asked {
    Call(CallId),
    /// As it was typed.
    Number(String),
}

impl Asked {
    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Number(_))
    }
}

/// Digits alone are a call's id; a number begins with + or 0.
pub(crate) fn asked(text: &str) -> Result<Asked, String> {
    let wrong = || {
        let says = "this is neither a call id nor a phone number: write Aircall's id of a call, digits such as 3811600001, or a number with + and the \
                    country code, or as dialled in DEFAULT_REGION";
        Err(says.to_owned())
    };
    let text = text.trim();
    let is_bare = !text.starts_with('0') && text.chars().all(|c| c.is_ascii_digit());
    match text.parse() {
        _ if !text.chars().any(|c| c.is_ascii_digit()) => wrong(),
        Ok(id) if is_bare => Ok(Asked::Call(CallId(id))),
        Err(_) if is_bare => wrong(),
        _ => Ok(Asked::Number(text.to_owned())),
    }
}

pub(crate) async fn run(
    database: &Database,
    settings: &Settings,
    asked: &Asked,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let zone = &settings.time_zone;
    let decision = match asked {
        Asked::Call(id) => {
            let client = database.client().await?;
            if let Some(remains) = erased::find(&client, *id).await.context("the decision could not be read")? {
                if json {
                    say!("{}", serde_json::to_string_pretty(&erased::json(&remains))?);
                } else {
                    out::print(erased::story(&remains, zone));
                }
                return Ok(ExitCode::SUCCESS);
            }
            let decision = of_call(&client, settings, *id).await.context("the decision could not be read")?;
            let Some(decision) = decision else {
                tell!(
                    "callbridge: no decision is known for call {id} (write a phone number with + and its country code, or a leading 0)"
                );
                return Ok(ExitCode::FAILURE);
            };
            decision
        }
        Asked::Number(typed) => of_number(database, settings, typed).await?,
    };
    if json {
        say!("{}", serde_json::to_string_pretty(&decision.resolution)?);
    } else {
        out::print(story(&decision, zone));
    }
    Ok(ExitCode::SUCCESS)
}

async fn of_call(client: &Client, settings: &Settings, id: CallId) -> Result<Option<Decision>> {
    let Some(known) = calls::known(client, id).await? else { return Ok(None) };
    let (found, row) = (search::call(client, id).await?, calls::look(client, id).await?);
    let became = Became {
        call: id,
        is_final: known.is_final,
        state: found.map_or(State::Undecided, |found| found.state),
        log: row.as_ref().and_then(CallRow::stored).map(|log| SellsyLog::new(log.form, log.id)),
        reopened: row.as_ref().is_some_and(|row| matches!(row.decision, calls::Decision::Reopened(_))),
        waits_until: calls::waits_until(client, id, settings.rematch_days).await?,
    };
    let read = row.and_then(|row| row.snapshot).map(|call| {
        let line = resolver::region_of(&settings.rules, &settings.regions, &call);
        ("caller", caller(call.raw_digits.as_deref().unwrap_or_default(), line))
    });
    Ok(Some(Decision {
        read,
        resolution: known.resolution,
        looked_up_at: known.looked_up_at,
        about: ("call", id.to_string()),
        state: Some(became.says(&settings.time_zone, client.now().await?)),
    }))
}

impl Became {
    fn says(&self, zone: &TimeZone, now: Timestamp) -> String {
        let log = match self.log {
            Some(SellsyLog::PhoneCall(id)) => format!("phone call {id} in Sellsy"),
            Some(SellsyLog::Comment(id)) => format!("comment {id} in Sellsy"),
            None => "no log yet".to_owned(),
        };
        let by_hand = format!("`callbridge relink {} --to <kind>:<id>` logs it by hand", self.call);
        match (self.state, self.waits_until) {
            (State::Parked, _) => {
                let of = if self.is_final { "final" } else { "not final" };
                format!("{of}: {log}, and a message about the call is parked (callbridge dead list)")
            }
            (State::Deleted, _) => "final: a person has deleted its log in Sellsy, and it is not made again".to_owned(),
            (State::Ongoing, _) => "for the card: the call has not ended".to_owned(),
            (State::Undecided, _) => "for the card: the call has ended, and is decided soon".to_owned(),
            _ if self.reopened => "refused by Sellsy: the caller is looked up again".to_owned(),
            (State::Logged, _) => format!("final: the call is logged by it, as {log}"),
            (State::Unlogged, _) => "final: the log is written soon".to_owned(),
            (State::Unmatched, Some(until)) if until > now => format!(
                "not logged. It is logged by itself when a record with its number appears in Sellsy, until {} (REMATCH_DAYS); {by_hand}",
                at(zone, until)
            ),
            (State::Unmatched, Some(_)) => {
                format!("final: not logged, and no record with its number has appeared within REMATCH_DAYS; {by_hand}")
            }
            (State::Unmatched, None) => format!("final: not logged, and no record is waited for; {by_hand}"),
        }
    }
}

async fn of_number(database: &Database, settings: &Settings, text: &str) -> anyhow::Result<Decision> {
    let read = phone::read(text, settings.regions.first()).map_err(|problem| {
        Wrong(format!("this is neither a call id nor a phone number: {problem} (write numbers with + and the country code, or as dialled in DEFAULT_REGION)"))
    })?;
    let mut numbers = read.into_iter().map(|found| found.number);
    let number = numbers.next().context("a number was read")?;
    let others: Vec<String> = numbers.map(|number| number.as_str().to_owned()).collect();
    let look_up = look_up(database, settings)?;
    let resolution = look_up.number(&number).await.context("the caller could not be looked up")?;
    Ok(Decision {
        resolution,
        looked_up_at: database.client().await?.now().await?,
        about: ("number", number.as_str().to_owned()),
        read: Some(("also read", others.join(", "))).filter(|_| !others.is_empty()),
        state: None,
    })
}

/// What was read from a caller's number, or why nothing was.
fn caller(raw: &str, line: Region) -> String {
    match phone::classify(Some(raw), line) {
        Caller::Number(number) => format!("{raw:?}, read as {}", number.as_str()),
        Caller::Withheld => format!("{raw:?}, no number: withheld"),
        Caller::Internal => format!("{raw:?}, no number: an extension or a short code"),
        Caller::Unusable => match phone::read(raw, line) {
            Err(problem) => format!("{raw:?}, no number: {problem}"),
            Ok(_) => format!("{raw:?}, no number"),
        },
    }
}

/// The decision, with its steps in the order in which they were made.
fn story(decision: &Decision, zone: &TimeZone) -> String {
    let (resolution, (what, which)) = (&decision.resolution, &decision.about);
    let mut text = format!("{what:<12} {which}\n");
    if let Some((what, read)) = &decision.read {
        let _ = writeln!(text, "{what:<12} {read}");
    }
    let source = match (resolution.source, resolution.as_of) {
        (Source::Directory, Some(as_of)) => {
            format!("in the phone directory, read from Sellsy {} before", long_before(decision.looked_up_at, as_of))
        }
        (Source::Directory, None) => "in the phone directory".into(),
        (Source::Live, _) => "by asking Sellsy".into(),
        (Source::Remembered, _) => "not again: Sellsy had nobody a short while before".into(),
        (Source::None, _) => "not at all".into(),
    };
    let _ = writeln!(text, "looked up    {}, {source}", at(zone, decision.looked_up_at));
    // A single candidate is the record itself, unless it is archived.
    let several = resolution.candidates.len() > 1 || resolution.record.is_none();
    for (n, candidate) in resolution.candidates.iter().enumerate().filter(|_| several) {
        let _ = writeln!(text, "candidate {}  {}", n + 1, describe(candidate));
    }
    let record = resolution.record.as_ref().map_or_else(|| "nobody".into(), describe);
    let _ = writeln!(text, "record       {record}\n  because    {}", resolution.rule);
    let opportunity = resolution.opportunity.as_ref().map(|o| format!("{} {} ({})", o.id, o.name, o.status));
    let opportunity = opportunity.unwrap_or_else(|| "none".into());
    let _ = writeln!(text, "opportunity  {opportunity}\n  because    {}", resolution.opportunity_rule);
    if let Some(state) = &decision.state {
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
    fn tells_what_was_read_and_why_nothing_was() {
        for (raw, line, expected) in [
            ("0470 12 34 56", "BE", r#""0470 12 34 56", read as +32470123456"#),
            ("anonymous", "FR", r#""anonymous", no number: withheld"#),
            ("+86282452253", "FR", r#""+86282452253", no number: withheld"#),
            ("104", "FR", r#""104", no number: an extension or a short code"#),
            ("06 39 98 12 3O", "FR", r#""06 39 98 12 3O", no number: a letter in place of a digit"#),
            ("06 39 98 12 3", "FR", r#""06 39 98 12 3", no number: too many or too few digits for its country"#),
        ] {
            assert_eq!(caller(raw, line.parse().unwrap()), expected);
        }
    }

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
            read: Some(("caller", caller("+33 6 39 98 41 07", Region::default()))),
            state: Some("final: the call is logged by it, as phone call 9 in Sellsy".into()),
        };
        let expected = "\
call         3811600001
caller       \"+33 6 39 98 41 07\", read as +33639984107
looked up    2026-11-23 10:15:30 Europe/Paris, in the phone directory, read from Sellsy 75 min before
record       contact 7 Nadia, of company 3 Atelier
  because    the only record with this number
opportunity  12 Cuisine (open)
  because    the earliest
decision     final: the call is logged by it, as phone call 9 in Sellsy
";
        assert_eq!(story(&decision, &TimeZone::get("Europe/Paris").unwrap()), expected);
    }

    #[test]
    fn says_what_became_of_the_call() {
        let now: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
        let (later, before) = (now + jiff::SignedDuration::from_hours(24), now - jiff::SignedDuration::from_hours(1));
        let log = Some(SellsyLog::PhoneCall(9));
        for (state, is_final, log, reopened, waits_until, expected) in [
            (State::Ongoing, false, None, false, None, "for the card: the call has not ended"),
            (State::Undecided, false, None, false, None, "for the card: the call has ended, and is decided soon"),
            (State::Unlogged, true, None, false, None, "final: the log is written soon"),
            (State::Unlogged, true, None, true, None, "refused by Sellsy: the caller is looked up again"),
            (State::Logged, true, log, false, None, "final: the call is logged by it, as phone call 9 in Sellsy"),
            (
                State::Parked,
                true,
                log,
                false,
                None,
                "final: phone call 9 in Sellsy, and a message about the call is parked",
            ),
            (State::Parked, false, None, false, None, "not final: no log yet, and a message about the call is parked"),
            (State::Deleted, true, None, false, None, "final: a person has deleted its log in Sellsy"),
            (
                State::Unmatched,
                true,
                None,
                false,
                Some(later),
                "not logged. It is logged by itself when a record with its number appears in Sellsy, until 2026-11-24 10:00:00 Europe/Paris (REMATCH_DAYS); `callbridge relink 7 ",
            ),
            (
                State::Unmatched,
                true,
                None,
                false,
                Some(before),
                "final: not logged, and no record with its number has appeared within REMATCH_DAYS",
            ),
            (State::Unmatched, true, None, false, None, "final: not logged, and no record is waited for"),
        ] {
            let became = Became { call: CallId(7), is_final, state, log, reopened, waits_until };
            let says = became.says(&TimeZone::get("Europe/Paris").unwrap(), now);
            assert!(says.starts_with(expected), "{says}");
        }
    }

    #[test]
    fn tells_ids_from_numbers() {
        let number = |text: &str| Some(Asked::Number(text.to_owned()));
        for (text, expected) in [
            ("3811600001", Some(Asked::Call(CallId(3_811_600_001)))),
            ("0639984107", number("0639984107")),
            ("+33639984107", number("+33639984107")),
            ("06 39 98 41 07", number("06 39 98 41 07")),
            ("99999999999999999999", None),
            ("abc", None),
            ("", None),
        ] {
            assert_eq!(asked(text).ok(), expected, "{text}");
        }
    }
}

//! `callbridge calls`: the calls that the ledger knows, newest first, by the search of the console.

use std::process::ExitCode;

use anyhow::Context;
use base::{
    db::{Client, Database},
    out,
    phone::{self, Caller},
    rules::Outcome,
    say,
    settings::Settings,
    tell,
};
use clap::{Args, builder::PossibleValuesParser};
use jiff::{Timestamp, tz::TimeZone};
use ledger::resolution::RecordRef;
use serde::Serialize;
use vendors::aircall::wire::{Call, Direction};

use crate::{
    arguments::{self, When, Wrong, when},
    csv,
    relink::record,
    search::{self, Criterion, Found, GROUPS, Narrow, Search},
    table, zone_name,
};

pub(crate) const EXAMPLES: &str = "Examples:\n  callbridge calls\n  callbridge calls --number \"06 39 98 41 07\" --since 1mo\n  \
    callbridge calls --state unmatched --missed --json | jq '.calls[].id'\n  callbridge calls --record individual:2005 --csv > calls.csv\n\n\
    It reads the ledger, and asks neither API. A call whose data were deleted (RETENTION_DAYS, `callbridge forget`) is shown as erased. `callbridge call <id>` tells what\n\
    happened to a call, `callbridge explain <id>` why it is where it is.";

/// The most calls of one answer.
const MOST: u32 = 100_000;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only with this number, with + and the country code or as dialled in DEFAULT_REGION
    #[arg(long, allow_hyphen_values = true)]
    number: Option<String>,
    /// Only of this agent, by the name in Aircall
    #[arg(long)]
    agent: Option<String>,
    /// Only inbound calls that nobody has answered, those with a voicemail among them
    #[arg(long)]
    missed: bool,
    /// Only in this state: `waiting` for its end, its decision or its log, `deleted` if a person has deleted the log in Sellsy
    #[arg(long, value_parser = PossibleValuesParser::new(GROUPS.map(|(name, _)| name)))]
    state: Option<String>,
    /// Only on this record, by its kind and Sellsy's id: individual:2005, company:3001 or contact:4001
    #[arg(long, value_parser = record)]
    record: Option<RecordRef>,
    /// Only from then on: a date, a date and time (in TIME_ZONE unless it has an offset), or how long ago, such as 36h, 7d, 2mo
    #[arg(long, value_parser = when)]
    since: Option<When>,
    /// Only before then, in the same forms; a date means its beginning
    #[arg(long, value_parser = when)]
    until: Option<When>,
    /// At most so many calls
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    limit: u32,
    /// Print CSV for a spreadsheet
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// A call as it is shown. What is not known is `None`.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Row {
    id: i64,
    started_at: Timestamp,
    /// Nothing else is known of it then, except its state and its log.
    erased_at: Option<Timestamp>,
    direction: Option<&'static str>,
    /// As `+33639984107`, or as Aircall has it if that is no number.
    number: Option<String>,
    /// Whether it is decided on which record it is logged; without a record, on none.
    decided: bool,
    record: Option<RecordRef>,
    record_name: Option<String>,
    agent: Option<String>,
    duration_s: Option<u64>,
    outcome: Option<&'static str>,
    state: &'static str,
    sellsy_id: Option<i64>,
}

pub(crate) async fn run(database: &Database, settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let client = database.client().await?;
    let (search, narrow) = wanted(&client, settings, arguments).await?;
    let limit = usize::try_from(arguments.limit)?;
    let read = read(&client, settings, search, &narrow, limit).await;
    let (rows, are_more) = read.context("the ledger could not be read")?;
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&serde_json::json!({ "calls": rows, "more": are_more }))?);
    } else if arguments.csv {
        out::print(as_csv(&rows, &settings.time_zone));
    } else if rows.is_empty() {
        say!("No such call is known.");
    } else {
        say!("{}", as_table(&rows, &settings.time_zone));
    }
    if are_more && !arguments.json {
        tell!("There are older ones: a larger --limit, or --until with the time of the last one.");
    }
    Ok(ExitCode::SUCCESS)
}

async fn wanted(client: &Client, settings: &Settings, arguments: &Arguments) -> anyhow::Result<(Search, Narrow)> {
    let number = arguments.number.as_deref().map(|typed| arguments::number(settings, typed)).transpose()?;
    let now = client.now().await?;
    let at = |when: Option<When>| when.map(|when| when.at(&settings.time_zone, now)).transpose();
    let (from, until) = (at(arguments.since)?, at(arguments.until)?);
    if from.is_some_and(|from| from >= until.unwrap_or(now)) {
        return Err(Wrong("--since must be before --until, and before now".to_owned()).into());
    }
    let agent = match &arguments.agent {
        None => None,
        Some(typed) => Some(agent(search::agents(client).await?, typed)),
    };
    let states = GROUPS.iter().find(|(name, _)| Some(*name) == arguments.state.as_deref());
    let search = Search {
        criteria: number.map(Criterion::Caller).into_iter().collect(),
        states: states.map(|(_, states)| states.to_vec()).unwrap_or_default(),
        agent,
        from,
        until,
        after: None,
        ..Search::default()
    };
    let narrow =
        Narrow { record: arguments.record, missed: arguments.missed, without_erased: arguments.state.is_some() };
    Ok((search, narrow))
}

/// The agent's name as Aircall writes it. An unknown one has no calls.
fn agent(known: Vec<String>, typed: &str) -> String {
    let folded = |name: &str| name.trim().to_lowercase();
    let found = known.into_iter().find(|name| folded(name) == folded(typed));
    found.unwrap_or_else(|| {
        tell!("No call has an agent of this name: write it as Aircall does, as in the column `agent`.");
        typed.to_owned()
    })
}

/// These calls as JSON.
pub(crate) fn rows_of(settings: &Settings, found: &[Found]) -> Vec<serde_json::Value> {
    found.iter().filter_map(|found| serde_json::to_value(row(settings, found)).ok()).collect()
}

/// The calls of a search for a spreadsheet, at most as many as the command prints.
pub(crate) async fn csv_of(client: &Client, settings: &Settings, search: Search) -> base::error::Result<String> {
    let most = usize::try_from(MOST).unwrap_or(usize::MAX);
    let (rows, _) = read(client, settings, search, &Narrow::default(), most).await?;
    Ok(as_csv(&rows, &settings.time_zone))
}

/// Up to `limit` calls, and whether there are older ones.
async fn read(
    client: &Client,
    settings: &Settings,
    mut search: Search,
    narrow: &Narrow,
    limit: usize,
) -> base::error::Result<(Vec<Row>, bool)> {
    let mut rows = Vec::new();
    loop {
        let (found, mut are_more) = search::narrowed(client, &search, narrow).await?;
        search.after = found.last().map(|last| last.place(search.order));
        rows.extend(found.iter().map(|found| row(settings, found)));
        if !are_more || rows.len() >= limit {
            are_more |= rows.len() > limit;
            rows.truncate(limit);
            return Ok((rows, are_more));
        }
    }
}

fn row(settings: &Settings, found: &Found) -> Row {
    let call = found.call.as_ref();
    let record = found.resolution.as_ref().and_then(|resolution| resolution.record.as_ref());
    Row {
        id: found.call_id.0,
        started_at: found.started_at,
        erased_at: found.erased_at,
        direction: call.and_then(|call| call.direction.as_ref()).map(|direction| match direction {
            Direction::Outbound => "outbound",
            Direction::Inbound | Direction::Other(_) => "inbound",
        }),
        number: call.map(|call| number(settings, call)),
        decided: found.resolution.is_some(),
        record: record.map(RecordRef::from),
        record_name: record.map(|record| record.name.clone()),
        agent: call
            .and_then(|call| call.user.as_ref())
            .and_then(|user| user.name.clone().or_else(|| user.email.clone())),
        duration_s: call.filter(|call| call.has_ended()).and_then(|call| call.duration),
        outcome: call.filter(|call| call.has_ended()).map(outcome),
        state: if found.erased_at.is_some() { "erased" } else { found.state.as_str() },
        sellsy_id: found.sellsy_id,
    }
}

fn outcome(call: &Call) -> &'static str {
    let seen = call.seen();
    match seen.outcome {
        Outcome::Answered => "answered",
        Outcome::Voicemail => "voicemail",
        Outcome::Missed if seen.outbound => "not answered",
        Outcome::Missed => "missed",
    }
}

fn number(settings: &Settings, call: &Call) -> String {
    let raw = call.raw_digits.as_deref();
    match phone::classify(raw, resolver::region_of(&settings.rules, &settings.regions, call)) {
        Caller::Number(number) => number.as_str().to_owned(),
        Caller::Withheld => "withheld".to_owned(),
        Caller::Internal | Caller::Unusable => raw.unwrap_or_default().trim().to_owned(),
    }
}

fn as_csv(rows: &[Row], zone: &TimeZone) -> String {
    let header = [
        "started_at",
        "direction",
        "number",
        "record",
        "record_name",
        "agent",
        "duration_s",
        "outcome",
        "state",
        "call_id",
    ];
    let line = |row: &Row| {
        csv::line([
            row.started_at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            row.direction.unwrap_or_default().to_owned(),
            row.number.clone().unwrap_or_default(),
            row.record.map(String::from).unwrap_or_default(),
            row.record_name.clone().unwrap_or_default(),
            row.agent.clone().unwrap_or_default(),
            row.duration_s.map(|seconds| seconds.to_string()).unwrap_or_default(),
            row.outcome.unwrap_or_default().to_owned(),
            row.state.to_owned(),
            row.id.to_string(),
        ])
    };
    std::iter::once(csv::line(header)).chain(rows.iter().map(line)).collect()
}

fn as_table(rows: &[Row], zone: &TimeZone) -> comfy_table::Table {
    let time = format!("time ({})", zone_name(zone));
    let mut table = table([&time, "direction", "number", "record", "agent", "duration", "outcome", "state", "call"]);
    let or_none = |text: Option<&str>| text.unwrap_or("–").to_owned();
    for row in rows {
        let record = match (row.record, row.record_name.as_deref()) {
            (Some(record), name) => format!("{} ({})", name.unwrap_or_default(), String::from(record)),
            (None, _) if row.decided => "nobody".to_owned(),
            (None, _) => or_none(None),
        };
        table.add_row([
            row.started_at.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M").to_string(),
            or_none(row.direction),
            or_none(row.number.as_deref()),
            record,
            or_none(row.agent.as_deref()),
            row.duration_s.map_or_else(|| "–".to_owned(), minutes),
            or_none(row.outcome),
            row.state.to_owned(),
            row.id.to_string(),
        ]);
    }
    table
}

/// `1:02:05`, as a telephone shows it.
fn minutes(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::ids::Kind;

    fn rows() -> Vec<Row> {
        let answered = Row {
            id: 3_811_600_001,
            started_at: "2026-11-23T09:15:30Z".parse().unwrap(),
            direction: Some("inbound"),
            number: Some("+33639984107".into()),
            decided: true,
            record: Some(RecordRef { kind: Kind::Individual, id: 2001 }),
            record_name: Some("=Camille, \"Cam\" Moreau".into()),
            agent: Some("Léa Morel".into()),
            duration_s: Some(125),
            outcome: Some("answered"),
            state: "logged",
            sellsy_id: Some(5_000_010),
            ..Row::default()
        };
        let nobody =
            Row { id: 2, number: Some("withheld".into()), decided: true, state: "unmatched", ..Row::default() };
        let erased = Row { id: 3, erased_at: Some(Timestamp::UNIX_EPOCH), state: "erased", ..Row::default() };
        vec![answered, nobody, erased]
    }

    #[test]
    fn a_table_shows_what_is_known_of_each() {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let text = as_table(&rows(), &zone).to_string();
        let lines: Vec<Vec<_>> = text
            .lines()
            .filter(|line| line.starts_with('│'))
            .map(|line| line.trim_matches('│').split('┆').map(str::trim).collect())
            .collect();
        assert_eq!(lines[0][0], "time (Europe/Paris)");
        let shown = [
            "Mon 2026-11-23 10:15",
            "inbound",
            "+33639984107",
            "=Camille, \"Cam\" Moreau (individual 2001)",
            "Léa Morel",
            "2:05",
            "answered",
            "logged",
            "3811600001",
        ];
        assert_eq!(lines[1], shown);
        assert_eq!(lines[2][2..], ["withheld", "nobody", "–", "–", "–", "unmatched", "2"]);
        assert_eq!(
            lines[3][1..],
            ["–", "–", "–", "–", "–", "–", "erased", "3"],
            "neither a withheld number nor nobody"
        );
    }

    #[test]
    fn a_spreadsheet_gets_the_same_and_no_formula() {
        let text = as_csv(&rows(), &TimeZone::get("Europe/Paris").unwrap());
        let lines: Vec<_> = text.split("\r\n").collect();
        assert_eq!(
            lines,
            [
                "started_at,direction,number,record,record_name,agent,duration_s,outcome,state,call_id",
                "2026-11-23T10:15:30+01:00,inbound,'+33639984107,individual 2001,\"'=Camille, \"\"Cam\"\" Moreau\",Léa Morel,125,answered,logged,3811600001",
                "1970-01-01T01:00:00+01:00,,withheld,,,,,,unmatched,2",
                "1970-01-01T01:00:00+01:00,,,,,,,,erased,3",
                "",
            ]
        );
    }

    #[test]
    fn a_duration_is_shown_as_a_telephone_does() {
        for (seconds, expected) in [(0, "0:00"), (59, "0:59"), (125, "2:05"), (3725, "1:02:05")] {
            assert_eq!(minutes(seconds), expected);
        }
    }
}

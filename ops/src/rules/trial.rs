//! `callbridge rules try`: what would have been different.
//!
//! The ledger has all that the rules look at: the calls, who they were decided for, and on which lines they were. So nothing is asked of
//! the two APIs. What a person has decided (`callbridge relink`) is no rule's business.

use std::{
    collections::{BTreeMap, HashSet},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context;
use base::{
    db::Database,
    ids::CallId,
    phone::{self, Caller, E164},
    rules::{self, Rules, StaffRef},
    say,
    settings::{Language, Settings},
};
use clap::Args;
use jiff::Timestamp;
use ledger::{
    calls::{self, CallRow, Decision},
    resolution::Resolution,
    timeline::Reason,
};
use resolver::{left_out, own_lines::numbers_of, region_of};
use serde::Serialize;
use vendors::aircall::wire::Call;

use super::check;
use crate::{
    arguments::{When, Wrong, since, when},
    table,
};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Since when: a date, a date and time (in TIME_ZONE unless it has an offset), or how long ago, such as 36h, 7d, 2mo
    #[arg(long, value_parser = when)]
    since: When,
    /// The file to try [default: the one that RULES names]
    #[arg(long)]
    rules: Option<PathBuf>,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

/// Calls that are read at once.
const BATCH: i64 = 500;
/// Calls that are named for each difference.
const EXAMPLES: usize = 5;

/// A kind of difference, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    NotLogged,
    LookedUp,
    Number,
    Topic,
    Result,
    Owner,
    Language,
}

/// What would have been different about a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    NotLogged(Reason),
    /// And logged if somebody is found.
    LookedUp,
    /// It is read as one of another country.
    Number,
    /// From the old one; none: the default.
    Topic(Option<String>, Option<String>),
    /// None: by the call's outcome.
    Result(Option<String>, Option<String>),
    /// The agent is another staff member.
    Owner,
    Language(Language, Language),
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Calls {
    pub(crate) calls: usize,
    /// Their ids.
    pub(crate) examples: Vec<i64>,
}

/// By kind and sentence.
#[derive(Debug, Default)]
pub(crate) struct Differences(BTreeMap<(Kind, String), (Change, Calls)>);

/// What a trial has shown.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) since: Timestamp,
    /// How many calls were looked at.
    pub(crate) seen: usize,
    pub(crate) differences: Differences,
}

impl Change {
    fn kind(&self) -> Kind {
        match self {
            Self::NotLogged(_) => Kind::NotLogged,
            Self::LookedUp => Kind::LookedUp,
            Self::Number => Kind::Number,
            Self::Topic(..) => Kind::Topic,
            Self::Result(..) => Kind::Result,
            Self::Owner => Kind::Owner,
            Self::Language(..) => Kind::Language,
        }
    }

    fn says(&self) -> String {
        let topic = |topic: &Option<String>| {
            topic.as_ref().map_or_else(|| "the default".to_owned(), |topic| format!("“{topic}”"))
        };
        let result = |result: &Option<String>| result.as_deref().unwrap_or("by the call's outcome").to_owned();
        let language = |language: &Language| match language {
            Language::French => "French",
            Language::English => "English",
        };
        match self {
            Self::NotLogged(why) => format!("not logged: {why}"),
            Self::LookedUp => "looked up, and logged if somebody is found".to_owned(),
            Self::Number => "the caller's number is read as one of another country".to_owned(),
            Self::Topic(before, after) => format!("topic: {} instead of {}", topic(after), topic(before)),
            Self::Result(before, after) => format!("result: {} instead of {}", result(after), result(before)),
            Self::Owner => "owner: the agent is another staff member".to_owned(),
            Self::Language(before, after) => format!("in {} instead of {}", language(after), language(before)),
        }
    }
}

/// What rules make of a call.
#[derive(Debug, PartialEq)]
struct Treated<'a> {
    left_out: Option<Reason>,
    number: Option<E164>,
    topic: Option<&'a str>,
    result: Option<&'a str>,
    staff: Option<&'a StaffRef>,
    language: Language,
}

pub(crate) async fn run(database: &Database, settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let none = Rules::default();
    let other = match &arguments.rules {
        None => None,
        Some(file) => match rules::read(file, settings.regions.first()) {
            Ok(rules) => Some(rules),
            Err(mistakes) => {
                return Err(Wrong(check::report(file, &mistakes).trim_end().to_owned()).into());
            }
        },
    };
    let (before, after) = match (&other, &settings.rules_file) {
        (Some(other), _) => (&*settings.rules, other),
        (None, Some(_)) => (&none, &*settings.rules),
        (None, None) => {
            return Err(Wrong("name a file with --rules, or set RULES".to_owned()).into());
        }
    };
    let since = since(&database.client().await?, settings, arguments.since).await?;
    let trial = of(database, settings, (before, after), since).await.context("the ledger could not be read")?;
    print(&trial, arguments.json)?;
    Ok(ExitCode::SUCCESS)
}

/// What would have been different with other rules, on the calls since then. Nothing is written, and no API is asked.
pub(crate) async fn of(
    database: &Database,
    settings: &Settings,
    rules: (&Rules, &Rules),
    since: Timestamp,
) -> base::error::Result<Trial> {
    let client = database.client().await?;
    let lines = numbers_of(&calls::lines_since(&client, since).await?);
    let (mut differences, mut seen, mut last) = (Differences::default(), 0, CallId::NONE);
    loop {
        let batch = calls::since(&client, since, last, BATCH).await?;
        let Some(row) = batch.last() else { break };
        last = row.call_id;
        for row in &batch {
            seen += usize::from(differences.add(row, rules, settings, &lines));
        }
    }
    Ok(Trial { since, seen, differences })
}

impl Trial {
    /// For programs.
    pub(crate) fn report(&self) -> serde_json::Value {
        let one = |((kind, says), (_, calls)): (&(Kind, String), &(Change, Calls))| serde_json::json!({ "kind": kind, "says": says, "calls": calls.calls, "examples": calls.examples });
        let all: Vec<_> = self.differences.0.iter().map(one).collect();
        serde_json::json!({ "since": self.since, "calls": self.seen, "differences": all })
    }
}

impl Differences {
    pub(crate) fn all(&self) -> impl Iterator<Item = &(Change, Calls)> {
        self.0.values()
    }

    /// False if the call has not ended, or is not decided.
    fn add(
        &mut self,
        row: &CallRow,
        (before, after): (&Rules, &Rules),
        settings: &Settings,
        lines: &HashSet<E164>,
    ) -> bool {
        let Some(call) = row.snapshot.as_ref().filter(|call| call.has_ended()) else { return false };
        let resolution = match &row.decision {
            Decision::Final { resolution, .. } | Decision::Reopened(resolution) => resolution,
            Decision::Erased | Decision::Undecided => return false,
        };
        let treated = |rules| treat(rules, call, resolution, settings, lines);
        for change in compare(&treated(before), &treated(after), resolution) {
            let key = (change.kind(), change.says());
            let (_, calls) = self.0.entry(key).or_insert_with(|| (change, Calls::default()));
            calls.calls += 1;
            if calls.examples.len() < EXAMPLES {
                calls.examples.push(row.call_id.0);
            }
        }
        true
    }
}

fn treat<'a>(
    rules: &'a Rules,
    call: &'a Call,
    resolution: &Resolution,
    settings: &Settings,
    lines: &HashSet<E164>,
) -> Treated<'a> {
    let number = match phone::classify(call.raw_digits.as_deref(), region_of(rules, &settings.regions, call)) {
        Caller::Number(number) => Some(number),
        Caller::Withheld | Caller::Internal | Caller::Unusable => None,
    };
    let by_number = number.as_ref().and_then(|number| match () {
        () if rules.calls.ignore(number) => Some(Reason::Ignored),
        () if rules.calls.without_own_lines && lines.contains(number) => Some(Reason::OwnLine),
        () => None,
    });
    let by_end = || left_out::by_end(rules, &settings.time_zone, call);
    let by_record = || {
        let is_left_out = rules.calls.without_suppliers && left_out::is_suppliers(resolution);
        is_left_out.then_some(Reason::SupplierNotLogged)
    };
    let meaning = rules.tags.mean(call.tags.iter().filter_map(|tag| tag.name.as_deref()));
    let agent = call.user.as_ref().and_then(|user| user.email.as_deref());
    Treated {
        left_out: by_number.or_else(by_end).or_else(by_record),
        number,
        topic: meaning.topic,
        result: meaning.result,
        staff: agent.and_then(|email| rules.agents.staff_of(email)),
        language: rules.lines.of(|| call.line()).language.unwrap_or(settings.log_language),
    }
}

/// The differences for a call that was decided like this.
fn compare(before: &Treated<'_>, after: &Treated<'_>, resolution: &Resolution) -> Vec<Change> {
    let is_by_hand = matches!(resolution.rule, Reason::Relinked { .. });
    match (&before.left_out, &after.left_out) {
        _ if is_by_hand => {}
        (None, Some(why)) if resolution.record.is_some() => return vec![Change::NotLogged(why.clone())],
        (Some(_), None) => return vec![Change::LookedUp],
        (Some(_), Some(_)) | (None, Some(_)) => return Vec::new(),
        (None, None) => {}
    }
    let mut found = Vec::new();
    if before.number != after.number {
        found.push(Change::Number);
    }
    if resolution.record.is_none() {
        return found;
    }
    let owned = |text: Option<&str>| text.map(str::to_owned);
    if before.topic != after.topic {
        found.push(Change::Topic(owned(before.topic), owned(after.topic)));
    }
    if before.result != after.result {
        found.push(Change::Result(owned(before.result), owned(after.result)));
    }
    if before.staff != after.staff {
        found.push(Change::Owner);
    }
    if before.language != after.language {
        found.push(Change::Language(before.language, after.language));
    }
    found
}

fn print(trial: &Trial, json: bool) -> anyhow::Result<()> {
    if json {
        say!("{}", serde_json::to_string_pretty(&trial.report())?);
        return Ok(());
    }
    let seen = trial.seen;
    if trial.differences.0.is_empty() {
        say!("{seen} calls, and nothing would have been different.");
        return Ok(());
    }
    let mut table = table(["calls", "would have been", "for example"]);
    for (change, Calls { calls, examples }) in trial.differences.all() {
        let examples: Vec<_> = examples.iter().map(ToString::to_string).collect();
        table.add_row([calls.to_string(), change.says(), examples.join(" ")]);
    }
    say!("{table}\n{seen} calls; nothing was written.");
    Ok(())
}

#[cfg(test)]
mod tests {
    use base::phone::Region;
    use serde_json::json;

    use super::*;

    fn treated(left_out: Option<Reason>) -> Treated<'static> {
        Treated { left_out, number: None, topic: None, result: None, staff: None, language: Language::French }
    }

    fn decided(rule: &str, somebody: bool) -> Resolution {
        let record = json!({ "kind": "individual", "id": 7, "name": "Nadia" });
        serde_json::from_value(json!({
            "source": "directory", "record": somebody.then_some(&record), "rule": "?", "rule_key": { "key": rule,
            "detail": { "by": "Inès", "at": "2026-11-29T08:00:00Z" } }, "opportunity": null, "opportunity_rule": "there is no record",
            "candidates": [],
        }))
        .unwrap()
    }

    #[test]
    fn a_call_is_logged_or_not() {
        let out = || Some(Reason::Ignored);
        for (before, after, rule, somebody, expected) in [
            (None, None, "pinned", true, None),
            (None, out(), "pinned", true, Some(Kind::NotLogged)),
            // Nobody was found: it is not logged in any case.
            (None, out(), "pinned", false, None),
            (out(), None, "pinned", false, Some(Kind::LookedUp)),
            (out(), out(), "pinned", true, None),
            // A person has decided.
            (None, out(), "relinked", true, None),
        ] {
            let found = compare(&treated(before), &treated(after), &decided(rule, somebody));
            assert_eq!(found.first().map(Change::kind), expected, "{rule} {somebody}: {found:?}");
        }
    }

    #[test]
    fn what_is_written_differs() {
        let rules = rules::parse("[agents]\n\"a@b.example\" = 103\n", Region::default()).unwrap();
        let after = Treated {
            number: "+33639981234".parse().ok(),
            topic: Some("Support"),
            result: Some("busy"),
            staff: rules.agents.staff_of("a@b.example"),
            language: Language::English,
            ..treated(None)
        };
        let says = |somebody| -> Vec<String> {
            let found = compare(&treated(None), &after, &decided("pinned", somebody));
            found.iter().map(Change::says).collect()
        };
        assert_eq!(
            says(true),
            [
                "the caller's number is read as one of another country",
                "topic: “Support” instead of the default",
                "result: busy instead of by the call's outcome",
                "owner: the agent is another staff member",
                "in English instead of French",
            ]
        );
        assert_eq!(says(false).len(), 1);
    }
}

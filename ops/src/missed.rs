//! `callbridge missed`: missed calls, and what became of them.

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::Context;
use base::{
    db::{Client, Database},
    out, say,
    settings::Settings,
};
use clap::Args;
use jiff::{Timestamp, tz::TimeZone};
use ledger::{
    followups::{self, Shown},
    missed::{self, Became, Missed},
};

use crate::{
    arguments::{When, since, when},
    long, table,
};

pub(crate) const EXAMPLES: &str = "Examples:\n  callbridge missed\n  callbridge missed --since 1mo --line Support\n  callbridge missed --open --json | jq '.missed[].number'\n\n\
     A call is missed if nobody answered, also if the caller left a voicemail. It is over when somebody calls back and is answered, or when the caller rings again\n\
     and is. Calls of withheld numbers, of internal ones, and of numbers that the rules ignore are not shown.";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Since when: a date, a date and time (in TIME_ZONE unless it has an offset), or how long ago, such as 36h, 7d, 2mo
    #[arg(long, default_value = "7d", value_parser = when)]
    since: When,
    #[command(flatten)]
    wanted: Wanted,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Wanted {
    /// Only what this line missed, by its name in Aircall
    #[arg(long)]
    pub(crate) line: Option<String>,
    /// Only what this agent took care of: answered, called back or tried to
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// Only those with whom nobody has spoken yet
    #[arg(long)]
    pub(crate) open: bool,
}

pub(crate) async fn run(database: &Database, settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let client = database.client().await?;
    let since = since(&client, settings, arguments.since).await?;
    let mut all = read(&client, settings, since).await.context("the ledger could not be read")?;
    all.retain(|missed| arguments.wanted.wants(missed));
    let tasks = Tasks::read(&client, since).await.context("the ledger could not be read")?;
    if arguments.json {
        let tasks: Vec<_> = all.iter().filter_map(|missed| tasks.of(missed)).collect();
        let report = serde_json::json!({ "since": since, "missed": all, "tasks": tasks });
        say!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        out::print(report(&all, &tasks, &settings.time_zone));
    }
    Ok(ExitCode::SUCCESS)
}

impl Wanted {
    pub(crate) fn wants(&self, missed: &Missed) -> bool {
        let line = self.line.as_deref().is_none_or(|line| missed.lines.iter().any(|name| same(name, line)));
        let agent = self.agent.as_deref().is_none_or(|agent| missed.agents().any(|name| same(name, agent)));
        line && agent && (!self.open || missed.became == Became::Open)
    }
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.trim().to_lowercase()
}

/// What was missed since then, oldest first.
pub(crate) async fn read(client: &Client, settings: &Settings, since: Timestamp) -> base::error::Result<Vec<Missed>> {
    let seen = missed::of_who_reached_nobody(client, since).await?;
    Ok(missed::missed(seen.iter().filter_map(|seen| ::followups::missed::attempt(seen, settings)).collect()))
}

/// The tasks in Sellsy for missed calls.
#[derive(Default)]
pub(crate) struct Tasks(Vec<Shown>);

impl Tasks {
    pub(crate) async fn read(client: &Client, since: Timestamp) -> base::error::Result<Self> {
        Ok(Self(followups::of_missed(client, since).await?))
    }

    /// The last one.
    pub(crate) fn of(&self, missed: &Missed) -> Option<&Shown> {
        let is_of_these = |shown: &&Shown| shown.calls.iter().any(|call| missed.calls.contains(call));
        self.0.iter().rev().filter(|shown| shown.task.is_some()).find(is_of_these)
    }
}

fn report(all: &[Missed], tasks: &Tasks, zone: &TimeZone) -> String {
    let (open, over): (Vec<_>, Vec<_>) = all.iter().partition(|missed| missed.became == Became::Open);
    let mut text = format!(
        "{} missed: nobody has spoken with {} of them yet, {} were called back, {} rang again and were answered.\n",
        callers(all.len()),
        open.len(),
        over.iter().filter(|missed| matches!(missed.became, Became::CalledBack(_))).count(),
        over.iter().filter(|missed| matches!(missed.became, Became::RangAgain(_))).count(),
    );
    let at = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M").to_string();
    let who = |missed: &Missed| match &missed.caller {
        Some(name) if !name.is_empty() => format!("{name} {}", missed.number),
        _ => missed.number.clone(),
    };
    let line = |missed: &Missed| missed.lines.join(", ");
    if !open.is_empty() {
        let mut table = table(["nobody yet, since", "caller", "line", "rang", "call", "task"]);
        for missed in &open {
            table.add_row([
                at(missed.first_at),
                who(missed),
                line(missed),
                rang(missed),
                last(missed),
                task(tasks.of(missed)),
            ]);
        }
        text += &format!("\n{table}\n");
    }
    if !over.is_empty() {
        let mut table = table(["missed", "caller", "line", "rang", "what became of it", "task"]);
        for missed in &over {
            table.add_row([
                at(missed.first_at),
                who(missed),
                line(missed),
                rang(missed),
                became(&missed.became),
                task(tasks.of(missed)),
            ]);
        }
        text += &format!("\n{table}\n");
    }
    let lines = by(all.iter().flat_map(|missed| missed.lines.iter().map(move |line| (Some(line.as_str()), missed))));
    if lines.len() > 1 {
        let mut table = table(["line", "missed", "nobody yet", "half of the others after"]);
        for (line, of_line) in lines {
            let open = of_line.iter().filter(|missed| missed.became == Became::Open).count();
            table.add_row([line.to_owned(), of_line.len().to_string(), open.to_string(), median(&of_line)]);
        }
        text += &format!("\n{table}\n");
    }
    let agents = by(over.iter().map(|missed| (missed.became.reached().and_then(|r| r.by.as_deref()), *missed)));
    if agents.len() > 1 {
        let mut table = table(["agent", "took care of", "half of them after"]);
        for (agent, of_agent) in agents {
            table.add_row([agent.to_owned(), of_agent.len().to_string(), median(&of_agent)]);
        }
        text += &format!("\n{table}\n");
    }
    text
}

fn callers(count: usize) -> String {
    if count == 1 { "1 caller was".into() } else { format!("{count} callers were") }
}

fn rang(missed: &Missed) -> String {
    let mut said = vec![if missed.calls.len() == 1 { "once".into() } else { format!("{} times", missed.calls.len()) }];
    said.extend(missed.voicemail.then(|| "voicemail".to_owned()));
    said.extend((!missed.tried_by.is_empty()).then(|| format!("tried by {}", missed.tried_by.join(", "))));
    said.join(", ")
}

fn last(missed: &Missed) -> String {
    missed.calls.last().map(ToString::to_string).unwrap_or_default()
}

fn task(shown: Option<&Shown>) -> String {
    let Some(Shown { task: Some(id), over, .. }) = shown else { return "–".into() };
    let state = match over.as_deref() {
        None => "open",
        Some("done") => "done",
        Some("deleted") => "deleted by a person",
        Some(_) => "left to a person",
    };
    format!("{id}, {state}")
}

fn became(became: &Became) -> String {
    let by = |by: &Option<String>| by.as_deref().unwrap_or("somebody").to_owned();
    match became {
        Became::Open => "nobody yet".into(),
        Became::CalledBack(r) => format!("called back by {} after {}", by(&r.by), long(r.after_s)),
        Became::RangAgain(r) => format!("rang again, answered by {} after {}", by(&r.by), long(r.after_s)),
    }
}

/// By a name, without those that have none.
fn by<'a>(all: impl Iterator<Item = (Option<&'a str>, &'a Missed)>) -> BTreeMap<&'a str, Vec<&'a Missed>> {
    let mut by: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (name, missed) in all {
        if let Some(name) = name {
            by.entry(name).or_default().push(missed);
        }
    }
    by
}

/// How long half of those took with whom somebody has spoken.
fn median(all: &[&Missed]) -> String {
    let mut took: Vec<_> = all.iter().filter_map(|missed| Some(missed.became.reached()?.after_s)).collect();
    took.sort_unstable();
    took.get(took.len().saturating_sub(1) / 2).map_or_else(|| "–".into(), |seconds| long(*seconds))
}

#[cfg(test)]
mod tests {
    use base::ids::CallId;
    use ledger::missed::Reached;

    use super::*;

    fn missed(line: &str, became: Became) -> Missed {
        let at: Timestamp = "2026-11-23T13:02:00Z".parse().unwrap();
        Missed {
            number: "+33639984107".into(),
            caller: Some("Hélène Marchand".into()),
            lines: vec![line.into()],
            calls: vec![CallId(7), CallId(8)],
            first_at: at,
            last_at: at,
            voicemail: true,
            tried_by: vec!["Hugo".into()],
            became,
        }
    }

    fn called_back(by: &str, after_s: i64) -> Became {
        Became::CalledBack(Reached { call: CallId(9), by: Some(by.into()), line: None, after_s })
    }

    #[test]
    fn says_who_waits_and_what_became_of_the_others() {
        let all = [missed("Ventes", Became::Open), missed("SAV", called_back("Léa", 4000))];
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let shown = Shown { calls: vec![CallId(8)], task: Some(6_000_001), over: Some("left_alone".into()) };
        let text = report(&all, &Tasks(vec![shown]), &zone);
        assert!(
            text.starts_with(
                "2 callers were missed: nobody has spoken with 1 of them yet, 1 were called back, 0 rang again"
            ),
            "{text}"
        );
        for part in [
            "Mon 2026-11-23 14:02",
            "2 times, voicemail, tried by Hugo",
            "called back by Léa after 66 min",
            "Hélène Marchand +33639984107",
            "6000001, left to a person",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(report(&[], &Tasks::default(), &zone).lines().count(), 1);
    }

    #[test]
    fn filters_by_line_agent_and_what_became() {
        let open = missed("Ventes", Became::Open);
        let over = missed("SAV", called_back("Léa Morel", 60));
        let wants = |line: Option<&str>, agent: Option<&str>, open: bool, missed: &Missed| {
            let own = |text: Option<&str>| text.map(str::to_owned);
            Wanted { line: own(line), agent: own(agent), open }.wants(missed)
        };
        assert!(wants(None, None, false, &open) && wants(None, None, true, &open) && !wants(None, None, true, &over));
        assert!(wants(Some("ventes"), None, false, &open) && !wants(Some("ventes"), None, false, &over));
        assert!(wants(None, Some("léa morel"), false, &over) && !wants(None, Some("léa morel"), false, &open));
        assert!(wants(None, Some("Hugo"), false, &open));
    }

    #[test]
    fn the_median_is_of_those_that_are_over() {
        let all: Vec<_> = [30, 90, 7200]
            .map(|s| missed("SAV", called_back("Léa", s)))
            .into_iter()
            .chain([missed("SAV", Became::Open)])
            .collect();
        assert_eq!(median(&all.iter().collect::<Vec<_>>()), "1 min");
        assert_eq!(median(&[]), "–");
    }
}

//! Reports: the figures of days, as the console, its JSON and `callbridge report` show them. They read the small table of figures, never the ledger.

use std::process::ExitCode;

use anyhow::Context;
use base::{
    db::{Client, Database},
    out, say,
    settings::Settings,
};
use clap::{Args, ValueEnum};
use jiff::{ToSpan, civil::Date};
use ledger::reports::{self, Part, Progress, Summed, Sums, TOP_DAYS, Top};
use serde_json::{Value, json};

use crate::{arguments::Wrong, csv, long, table};

pub(crate) const EXAMPLES: &str = "Examples:\n  callbridge report\n  callbridge report --of lines --days 90\n  \
    callbridge report --of agents --month 2026-11 --csv > agents.csv\n  callbridge report --of hours --json | jq '.rows[] | select(.missed > 9)'\n\n\
    docs/reports.md says what each figure means. Times are seconds. They are computed every REPORT_EVERY by followups.";

/// Rows of one answer: of companies and opportunities there are many, and a sheet may have them all.
pub(crate) const MOST: i64 = 10_000;
/// Rows of a table on a page; the sheet has all.
pub(crate) const ON_PAGE: i64 = 50;
/// A topic that fewer calls have may say something of one person.
pub(crate) const TOPIC_CALLS: i64 = 3;

/// What the rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Of {
    Days,
    Hours,
    Lines,
    Teams,
    Agents,
    Companies,
    Opportunities,
    Topics,
}

impl Of {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Days => "days",
            Self::Hours => "hours",
            Self::Lines => "lines",
            Self::Teams => "teams",
            Self::Agents => "agents",
            Self::Companies => "companies",
            Self::Opportunities => "opportunities",
            Self::Topics => "topics",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::value_variants().iter().copied().find(|of| of.as_str() == text)
    }
}

/// Whole days, from one on and before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) from: Date,
    pub(crate) until: Date,
}

impl Period {
    /// Today, and the days before.
    pub(crate) fn last(days: i64, today: Date) -> Self {
        let until = today.saturating_add(1.day());
        Self { from: until.saturating_sub(days.days()), until }
    }

    /// `2026-11`
    pub(crate) fn month(text: &str) -> Option<Self> {
        let from: Date = format!("{}-01", text.trim()).parse().ok()?;
        Some(Self { from, until: from.checked_add(1.month()).ok()? })
    }

    pub(crate) fn ends(self) -> (Date, Date) {
        (self.from, self.until)
    }

    pub(crate) fn days(self) -> impl Iterator<Item = Date> {
        std::iter::successors(Some(self.from), |day| day.tomorrow().ok()).take_while(move |day| *day < self.until)
    }

    /// Of how many days up to today, if their longest sums are kept ready.
    fn kept_ready(self, today: Date) -> Option<i32> {
        TOP_DAYS.into_iter().find(|days| self == Self::last(i64::from(*days), today))
    }

    /// What can be compared: the days that are over, and as many before the period.
    pub(crate) fn compared(self, today: Date) -> (Self, Self) {
        let length = i64::from(self.from.until(self.until).map_or(0, |span| span.get_days()));
        let over = Self { from: self.from, until: self.until.min(today).max(self.from) };
        let back = |day: Date| day.saturating_sub(length.days());
        (over, Self { from: back(over.from), until: back(over.until) })
    }
}

/// A row of figures.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// A date, `weekday-hour`, an id, or a topic.
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) sums: Sums,
}

impl Row {
    fn json(&self) -> Value {
        let mut row = named(&self.sums);
        row["key"] = self.key.as_str().into();
        row["name"] = self.name.as_str().into();
        row
    }
}

/// All figures by name, with those that follow from others; `None` of nothing.
fn figures(sums: Sums) -> impl Iterator<Item = (&'static str, Option<i64>)> {
    let own = Sums::NAMES.into_iter().zip(sums.values().map(Some));
    let means =
        [("mean_wait_s", mean(sums.waited_s, sums.answered)), ("mean_talk_s", mean(sums.talked_s, sums.spoken()))];
    std::iter::once(("calls", Some(sums.calls()))).chain(own).chain(means)
}

/// The same as JSON.
pub(crate) fn named(sums: &Sums) -> Value {
    Value::Object(figures(*sums).map(|(name, value)| (name.to_owned(), value.into())).collect())
}

/// Rounded; `None` of nothing.
pub(crate) fn mean(sum: i64, of: i64) -> Option<i64> {
    (of > 0).then(|| (sum + of / 2) / of)
}

/// Up to [`ON_PAGE`] rows of customers and topics have only what a page shows: calls by direction, missed ones, talk time.
pub(crate) async fn rows(
    client: &Client,
    of: Of,
    (period, today): (Period, Date),
    most: i64,
) -> base::error::Result<Vec<Row>> {
    let part = match of {
        Of::Days => {
            let by_day = reports::by_day(client, period.ends()).await?;
            let row = |day: Date| {
                let sums = by_day.get(&day).copied().unwrap_or_default();
                Row { key: day.to_string(), name: day.to_string(), sums }
            };
            return Ok(period.days().map(row).collect());
        }
        Of::Hours => {
            let by_hour = reports::by_weekday_and_hour(client, period.ends()).await?;
            let row = |((weekday, hour), sums)| {
                let key = format!("{weekday}-{hour:02}");
                Row { name: key.clone(), key, sums }
            };
            return Ok(by_hour.into_iter().map(row).collect());
        }
        Of::Lines => Part::Line,
        Of::Teams => Part::Team,
        Of::Agents => Part::Agent,
        Of::Companies => Part::Company,
        Of::Opportunities => Part::Opportunity,
        Of::Topics => Part::Topic,
    };
    let least = if of == Of::Topics { TOPIC_CALLS } else { 0 };
    let mut by_key = Vec::new();
    if let Some(days) = period.kept_ready(today).filter(|_| part.is_kept_as_calls() && most <= ON_PAGE) {
        by_key = reports::top(client, part, days, least, most).await?;
    }
    // A page shows less of customers than a sheet has, and there are many of them.
    let sums = if part.is_kept_as_calls() && most <= ON_PAGE { Summed::Few } else { Summed::All };
    if by_key.is_empty() {
        by_key = reports::by_key(client, part, period.ends(), Top { most, least }, sums).await?;
    }
    let keys: Vec<&str> = by_key.iter().map(|row| row.key.as_str()).collect();
    let mut names = reports::names(client, part, &keys).await?;
    let row = |by: reports::By| {
        let name = names.remove(&by.key).unwrap_or_else(|| by.key.clone());
        Row { name, key: by.key, sums: by.sums }
    };
    Ok(by_key.into_iter().map(row).collect())
}

pub(crate) fn as_json(of: Of, period: Period, rows: &[Row], progress: &Progress) -> Value {
    json!({
        "of": of.as_str(), "from": period.from, "until": period.until, "progress": progress,
        "rows": rows.iter().map(Row::json).collect::<Vec<_>>(),
    })
}

pub(crate) fn as_csv(rows: &[Row]) -> String {
    let names = figures(Sums::default()).map(|(name, _)| name);
    let mut text = csv::line(["key", "name"].into_iter().chain(names));
    for row in rows {
        let values = figures(row.sums).map(|(_, value)| value.map(|value| value.to_string()).unwrap_or_default());
        text += &csv::line([row.key.clone(), row.name.clone()].into_iter().chain(values));
    }
    text
}

/// The day by the database's clock.
pub(crate) async fn today(client: &Client, settings: &Settings) -> base::error::Result<Date> {
    Ok(client.now().await?.to_zoned(settings.time_zone.clone()).date())
}

#[derive(Args)]
pub(crate) struct Arguments {
    /// What the rows are
    #[arg(long, value_enum, default_value = "days")]
    of: Of,
    /// Of today and the days before, so many together
    #[arg(long, default_value = "30", value_parser = clap::value_parser!(i64).range(1..=3650), conflicts_with = "month")]
    days: i64,
    /// Of a month, such as 2026-11
    #[arg(long)]
    month: Option<String>,
    /// Print CSV for spreadsheets
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(database: &Database, settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let client = database.client().await?;
    let today = today(&client, settings).await?;
    let period = match &arguments.month {
        Some(text) => Period::month(text).ok_or_else(|| Wrong("write the month as 2026-11".to_owned()))?,
        None => Period::last(arguments.days, today),
    };
    let failed = "the figures could not be read";
    let rows = rows(&client, arguments.of, (period, today), MOST).await.context(failed)?;
    let progress = reports::progress(&client).await.context(failed)?;
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&as_json(arguments.of, period, &rows, &progress))?);
    } else if arguments.csv {
        out::print(as_csv(&rows));
    } else {
        out::print(shown(period, &rows, &progress));
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(period: Period, rows: &[Row], progress: &Progress) -> String {
    let mut table =
        table(["", "calls", "inbound", "answered", "missed", "not called back", "mean wait", "outbound", "talked"]);
    let seconds = |seconds: Option<i64>| seconds.map_or_else(|| "–".to_owned(), long);
    for Row { name, sums, .. } in rows {
        table.add_row([
            name.clone(),
            sums.calls().to_string(),
            sums.inbound.to_string(),
            sums.answered.to_string(),
            sums.missed.to_string(),
            sums.not_called_back.to_string(),
            seconds(mean(sums.waited_s, sums.answered)),
            sums.outbound.to_string(),
            seconds(Some(sums.talked_s)),
        ]);
    }
    let complete = match progress.since {
        Some(since) if progress.to_compute == 0 => format!("Figures since {since}."),
        Some(since) => format!("Figures since {since}; {} days are still to be computed.", progress.to_compute),
        None => "No figures yet: followups computes them every REPORT_EVERY.".to_owned(),
    };
    let last = period.until.yesterday().unwrap_or(period.until);
    format!("From {} to {last}. {complete}\n\n{table}\n", period.from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        format!("2026-{text}").parse().unwrap()
    }

    #[test]
    fn a_period_is_compared_with_as_many_days_that_are_over() {
        let today = day("11-30");
        for (period, from, until, over, before) in [
            (Period::last(7, today), "11-24", "12-01", ("11-24", "11-30"), ("11-17", "11-23")),
            (Period::last(1, today), "11-30", "12-01", ("11-30", "11-30"), ("11-29", "11-29")),
            (Period::last(30, today), "11-01", "12-01", ("11-01", "11-30"), ("10-02", "10-31")),
            (Period::month("2026-10").unwrap(), "10-01", "11-01", ("10-01", "11-01"), ("08-31", "10-01")),
            (Period::month("2026-11").unwrap(), "11-01", "12-01", ("11-01", "11-30"), ("10-02", "10-31")),
        ] {
            assert_eq!(period.ends(), (day(from), day(until)));
            let (one, other) = period.compared(today);
            assert_eq!(
                (one.ends(), other.ends()),
                ((day(over.0), day(over.1)), (day(before.0), day(before.1))),
                "{from}"
            );
        }
        assert_eq!(
            (Period::last(90, today).kept_ready(today), Period::last(30, today).kept_ready(today)),
            (Some(90), Some(30))
        );
        assert_eq!(
            (Period::last(7, today).kept_ready(today), Period::month("2026-10").unwrap().kept_ready(today)),
            (None, None)
        );
        assert_eq!(Period::last(3, today).days().collect::<Vec<_>>(), [day("11-28"), day("11-29"), day("11-30")]);
        for wrong in ["", "2026-13", "november", "2026-11-30"] {
            assert_eq!(Period::month(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sheets_have_every_figure_and_no_formula() {
        let sums =
            Sums { inbound: 3, answered: 2, missed: 1, waited_s: 17, talked_s: 90, outbound: 1, ..Sums::default() };
        let rows = [Row { key: "401".into(), name: "=Accueil".into(), sums }];
        let text = as_csv(&rows);
        let (head, row) = text.split_once("\r\n").unwrap();
        let cells: Vec<(&str, &str)> = head.split(',').zip(row.trim_end().split(',')).collect();
        assert_eq!(cells.len(), Sums::NAMES.len() + 5);
        for expected in
            [("key", "401"), ("name", "'=Accueil"), ("calls", "4"), ("mean_wait_s", "9"), ("mean_talk_s", "45")]
        {
            assert!(cells.contains(&expected), "{expected:?} in {cells:?}");
        }
        let progress = Progress { since: None, computed_at: None, to_compute: 0 };
        let json = as_json(Of::Lines, Period::last(7, day("11-30")), &rows, &progress);
        assert_eq!((&json["rows"][0]["missed"], &json["rows"][0]["key"]), (&json!(1), &json!("401")));
        assert_eq!(mean(0, 0), None);
    }
}

//! Calls over a day, a week or a month and their outcomes, as a bar chart and as a table. Each bar, and each row, leads to its calls.
//!
//! The bars are an SVG that stretches to the width of the page, so it contains no text; the names are below it. The colours come from
//! the style sheet, by the classes of the outcomes. The table has the same links for a keyboard and a screen reader.

use std::collections::BTreeMap;

use crate::search::State;
use jiff::{Timestamp, ToSpan, Zoned, tz::TimeZone};
use maud::{Markup, html};

use super::{format::count, layout::Visitor, texts::Lang};

const BAR: i64 = 10;
/// How many names stand below the bars, at most.
const NAMES: usize = 8;

/// What a bar distinguishes, from its bottom to its top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Logged,
    Unmatched,
    Waiting,
    Parked,
}

impl Outcome {
    pub(super) const ALL: [Outcome; 4] = [Outcome::Logged, Outcome::Unmatched, Outcome::Waiting, Outcome::Parked];

    pub(super) fn from_state(state: State) -> Self {
        match state {
            State::Logged | State::Deleted => Outcome::Logged,
            State::Unmatched => Outcome::Unmatched,
            State::Ongoing | State::Undecided | State::Unlogged => Outcome::Waiting,
            State::Parked => Outcome::Parked,
        }
    }

    pub(super) fn class(self) -> &'static str {
        match self {
            Outcome::Logged => "logged",
            Outcome::Unmatched => "unmatched",
            Outcome::Waiting => "waiting",
            Outcome::Parked => "parked",
        }
    }

    pub(super) fn name(self, visitor: &Visitor) -> &'static str {
        let texts = visitor.texts();
        match self {
            Outcome::Logged => texts.logged,
            Outcome::Unmatched => texts.unmatched,
            Outcome::Waiting => texts.waiting,
            Outcome::Parked => texts.parked,
        }
    }
}

/// A day in hours, a week in quarters of days, or a month in days, up to now.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Period {
    pub(super) days: i64,
    /// Where each bar begins, and where the last one ends.
    pub(super) bounds: Vec<Timestamp>,
}

impl Period {
    /// A day, unless a week or a month is wanted. Hours are those of the clock, days those of the zone.
    pub(super) fn new(days: &str, now: Timestamp, zone: &TimeZone) -> Self {
        let days = match days {
            "7" => 7,
            "30" => 30,
            _ => 1,
        };
        let bounds = if days == 1 { hours(now) } else { parts_of_days(days, &now.to_zoned(zone.clone())) };
        Self { days, bounds: bounds.unwrap_or_else(|| vec![now, now]) }
    }

    /// From where it goes, and up to now.
    pub(super) fn ends(&self) -> (Timestamp, Timestamp) {
        let first = self.bounds.first().copied().unwrap_or_default();
        (first, self.bounds.last().copied().unwrap_or(first))
    }

    pub(super) fn title(&self, visitor: &Visitor) -> &'static str {
        let texts = visitor.texts();
        match self.days {
            1 => texts.calls_per_hour,
            7 => texts.calls_per_quarter,
            _ => texts.calls_per_day,
        }
    }

    /// For the list of calls: `from=2026-11-30T09:00`
    pub(super) fn address_of_start(&self, zone: &TimeZone) -> String {
        format!("from={}", minute(self.ends().0, zone))
    }

    fn address_of(&self, bar: usize, zone: &TimeZone) -> String {
        let ends = (self.bounds.get(bar), self.bounds.get(bar + 1));
        let (Some(from), Some(until)) = ends else { return "/calls".into() };
        format!("/calls?from={}&until={}", minute(*from, zone), minute(*until, zone))
    }

    /// Short below the bars, and longer in the table.
    fn name_of(&self, bar: usize, visitor: &Visitor, long: bool) -> String {
        let Some(at) = self.bounds.get(bar) else { return String::new() };
        let at = at.to_zoned(visitor.zone.clone());
        let day = if visitor.lang == Lang::French { "%d/%m" } else { "%-d %b" };
        let pattern = match (self.days, long) {
            (1, _) => "%H h".to_owned(),
            (7, true) => format!("{day} %H h"),
            _ => day.to_owned(),
        };
        at.strftime(&pattern).to_string()
    }
}

fn hours(now: Timestamp) -> Option<Vec<Timestamp>> {
    let hour = Timestamp::from_second(now.as_second() - now.as_second().rem_euclid(3600)).ok()?;
    (-23..=1_i64).map(|n| hour.checked_add(n.hours()).ok()).collect()
}

/// A day may have 23 or 25 hours: quarters are those of the clock.
fn parts_of_days(days: i64, now: &Zoned) -> Option<Vec<Timestamp>> {
    let parts: &[i8] = if days == 7 { &[0, 6, 12, 18] } else { &[0] };
    let today = now.date();
    let mut bounds = Vec::new();
    for day in 1 - days..=1 {
        let date = today.checked_add(day.days()).ok()?;
        for hour in if day == 1 { &parts[..1] } else { parts } {
            bounds.push(date.at(*hour, 0, 0, 0).to_zoned(now.time_zone().clone()).ok()?.timestamp());
        }
    }
    Some(bounds)
}

/// As the list of calls reads it.
fn minute(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M").to_string()
}

/// The number of calls by outcome, for each bar.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bars(Vec<BTreeMap<Outcome, i64>>);

impl Bars {
    pub(super) fn new(period: &Period, counts: &[(usize, State, i64)]) -> Self {
        let mut bars = vec![BTreeMap::new(); period.bounds.len().saturating_sub(1)];
        for (bar, state, n) in counts {
            if let Some(outcomes) = bars.get_mut(*bar) {
                *outcomes.entry(Outcome::from_state(*state)).or_default() += n;
            }
        }
        Self(bars)
    }

    pub(super) fn total(&self, outcome: Outcome) -> i64 {
        self.0.iter().filter_map(|outcomes| outcomes.get(&outcome)).sum()
    }

    pub(super) fn all(&self) -> i64 {
        Outcome::ALL.iter().map(|outcome| self.total(*outcome)).sum()
    }

    fn highest(&self) -> i64 {
        self.0.iter().map(|outcomes| outcomes.values().sum()).max().unwrap_or(0)
    }
}

/// The height of the chart in calls: the next round number with a whole half, and never zero.
pub(super) fn ceiling(highest: i64) -> i64 {
    const ROUND: [i64; 10] = [2, 4, 6, 8, 10, 12, 16, 20, 30, 40];
    let mut unit = 1;
    loop {
        if let Some(round) = ROUND.iter().map(|round| round * unit).find(|round| *round >= highest.max(4)) {
            return round;
        }
        unit *= 10;
    }
}

pub(super) fn picture(visitor: &Visitor, period: &Period, bars: &Bars) -> Markup {
    let texts = visitor.texts();
    let top = ceiling(bars.highest());
    let all = bars.0.len();
    let width = i64::try_from(all).unwrap_or(0) * BAR;
    let summary = texts.chart_summary.replace("{all}", &count(bars.all())).replace("{most}", &count(bars.highest()));
    let title = |n: usize, outcomes: &BTreeMap<Outcome, i64>| {
        let parts = outcomes
            .iter()
            .map(|(outcome, calls)| format!("{} {}", count(*calls), outcome.name(visitor).to_lowercase()));
        format!("{}: {}", period.name_of(n, visitor, true), parts.collect::<Vec<_>>().join(", "))
    };
    html! {
        figure.chart {
            figcaption.unseen { (summary) }
            div.plot {
                div.scale aria-hidden="true" { span { (count(top)) } span { (count(top / 2)) } span { "0" } }
                svg aria-hidden="true" viewBox={ "0 0 " (width) " 100" } preserveAspectRatio="none" {
                    @for y in [0, 50, 100] { line x1="0" x2=(width) y1=(y) y2=(y) class="grid" {} }
                    @for (n, outcomes) in bars.0.iter().enumerate() {
                        @let x = i64::try_from(n).unwrap_or(0) * BAR;
                        a href=(period.address_of(n, &visitor.zone)) tabindex="-1" {
                            title { (title(n, outcomes)) }
                            rect.touch x=(x) width=(BAR) y="0" height="100" {}
                            @for (outcome, y, height) in stacked(outcomes, top) {
                                rect class=(outcome.class()) x=(x + 1) width=(BAR - 2) y=(y) height=(height) {}
                            }
                        }
                    }
                }
            }
            div.hours aria-hidden="true" { @for n in (0..all).step_by(all.div_ceil(NAMES).max(1)) { span { (period.name_of(n, visitor, false)) } } }
            ul.legend { @for outcome in Outcome::ALL { li { span class={ "swatch " (outcome.class()) } {} (outcome.name(visitor)) } } }
        }
        details {
            summary { (texts.as_table) }
            table.small {
                caption.unseen { (period.title(visitor)) }
                thead { tr { th scope="col" { (texts.began) } @for outcome in Outcome::ALL { th.number scope="col" { (outcome.name(visitor)) } } } }
                tbody {
                    @for (n, outcomes) in bars.0.iter().enumerate() {
                        tr {
                            th scope="row" { a href=(period.address_of(n, &visitor.zone)) { (period.name_of(n, visitor, true)) } }
                            @for outcome in Outcome::ALL { td.number { (count(outcomes.get(&outcome).copied().unwrap_or(0))) } }
                        }
                    }
                }
            }
        }
    }
}

/// The parts of a bar: for each its top and its height, in hundredths of the chart.
fn stacked(outcomes: &BTreeMap<Outcome, i64>, top: i64) -> Vec<(Outcome, String, String)> {
    let mut below = 0;
    let part = |calls: i64| hundredths(calls, top);
    outcomes
        .iter()
        .map(|(outcome, calls)| {
            below += calls;
            (*outcome, part(top - below), part(*calls))
        })
        .collect()
}

/// A percentage with two decimals, computed without floating point.
pub(super) fn hundredths(part: i64, whole: i64) -> String {
    let share = part * 10_000 / whole.max(1);
    format!("{}.{:02}", share / 100, share % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_period_ends_with_the_part_of_now() {
        let (now, paris) = (at("2026-11-23T09:15:30Z"), TimeZone::get("Europe/Paris").unwrap());
        let day = Period::new("1", now, &paris);
        assert_eq!((day.bounds.len(), day.ends()), (25, (at("2026-11-22T10:00:00Z"), at("2026-11-23T10:00:00Z"))));
        assert_eq!(day.address_of_start(&paris), "from=2026-11-22T11:00");
        let week = Period::new("7", now, &paris);
        assert_eq!((week.bounds.len(), week.ends()), (29, (at("2026-11-16T23:00:00Z"), at("2026-11-23T23:00:00Z"))));
        assert_eq!(week.address_of(1, &paris), "/calls?from=2026-11-17T06:00&until=2026-11-17T12:00");
        let month = Period::new("30", now, &paris);
        // It begins before the clocks were put back, on a day that begins at another hour of UTC.
        assert_eq!((month.bounds.len(), month.ends().0), (31, at("2026-10-24T22:00:00Z")));
        assert_eq!(month.bounds[1], at("2026-10-25T23:00:00Z"), "25 hours");
        assert_eq!(Period::new("nonsense", now, &paris), day);
    }

    #[test]
    fn bars_have_the_calls_of_their_part() {
        let period = Period::new("1", at("2026-11-23T09:15:30Z"), &TimeZone::UTC);
        let counts = [(23, State::Logged, 3), (23, State::Deleted, 1), (0, State::Parked, 2), (24, State::Parked, 9)];
        let bars = Bars::new(&period, &counts);
        assert_eq!((bars.0.len(), bars.all(), bars.highest()), (24, 6, 4));
        assert_eq!((bars.total(Outcome::Logged), bars.total(Outcome::Parked)), (4, 2));
    }

    #[test]
    fn bars_are_stacked_and_use_the_height() {
        for (highest, expected) in
            [(0, 4), (4, 4), (5, 6), (11, 12), (21, 30), (41, 60), (99, 100), (101, 120), (999, 1000), (8001, 10_000)]
        {
            assert_eq!(ceiling(highest), expected, "{highest}");
        }
        for highest in 1..5000 {
            let top = ceiling(highest);
            assert!(top % 2 == 0 && top >= highest && (highest < 4 || top <= 2 * highest), "{highest}: {top}");
        }
        let outcomes = BTreeMap::from([(Outcome::Logged, 3), (Outcome::Parked, 1)]);
        let parts = stacked(&outcomes, 4);
        assert_eq!(parts[0], (Outcome::Logged, "25.00".into(), "75.00".into()));
        assert_eq!(parts[1], (Outcome::Parked, "0.00".into(), "25.00".into()));
    }
}

//! A chart of calls per hour: bars divided by outcome, and the same numbers as a table for people who cannot see it.
//!
//! The picture is stretched to the width of the page, so it contains no text; the hours are below it. The colours come from
//! the style sheet, by the classes of the outcomes.

use std::collections::BTreeMap;

use crate::search::State;
use jiff::{Timestamp, ToSpan};
use maud::{Markup, html};

use super::{format::count, layout::Visitor};

pub(super) const HOURS: i64 = 24;
const BAR: i64 = 10;

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

/// The last hours, with the number of calls by outcome.
#[derive(Debug, PartialEq)]
pub(super) struct Hours(Vec<(Timestamp, BTreeMap<Outcome, i64>)>);

impl Hours {
    /// The start of the first hour.
    pub(super) fn since(now: Timestamp) -> Timestamp {
        let hour = Timestamp::from_second(now.as_second() - now.as_second().rem_euclid(3600)).unwrap_or(now);
        hour.checked_sub((HOURS - 1).hours()).unwrap_or(hour)
    }

    pub(super) fn new(now: Timestamp, counts: &[(Timestamp, State, i64)]) -> Self {
        let since = Self::since(now);
        let mut hours: Vec<(Timestamp, BTreeMap<Outcome, i64>)> =
            (0..HOURS).filter_map(|n| Some((since.checked_add(n.hours()).ok()?, BTreeMap::new()))).collect();
        for (hour, state, n) in counts {
            if let Some((_, outcomes)) = hours.iter_mut().find(|(at, _)| at == hour) {
                *outcomes.entry(Outcome::from_state(*state)).or_default() += n;
            }
        }
        Self(hours)
    }

    pub(super) fn total(&self, outcome: Outcome) -> i64 {
        self.0.iter().filter_map(|(_, outcomes)| outcomes.get(&outcome)).sum()
    }

    pub(super) fn all(&self) -> i64 {
        Outcome::ALL.iter().map(|outcome| self.total(*outcome)).sum()
    }

    fn highest(&self) -> i64 {
        self.0.iter().map(|(_, outcomes)| outcomes.values().sum()).max().unwrap_or(0)
    }
}

/// The height of the chart in calls: a round number, and never zero.
fn ceiling(highest: i64) -> i64 {
    let mut step = 4;
    while step < highest {
        step *= if step.to_string().starts_with('4') { 5 } else { 2 };
    }
    step
}

pub(super) fn picture(visitor: &Visitor, hours: &Hours) -> Markup {
    let texts = visitor.texts();
    let top = ceiling(hours.highest());
    let hour = |at: Timestamp| at.to_zoned(visitor.zone.clone()).strftime("%H").to_string();
    let summary = texts.chart_summary.replace("{all}", &count(hours.all())).replace("{most}", &count(hours.highest()));
    html! {
        figure.chart {
            figcaption.unseen { (texts.calls_per_hour) }
            div.plot {
                div.scale aria-hidden="true" { span { (count(top)) } span { (count(top / 2)) } span { "0" } }
                svg role="img" aria-label=(summary) viewBox={ "0 0 " (HOURS * BAR) " 100" } preserveAspectRatio="none" {
                    @for y in [0, 50, 100] { line x1="0" x2=(HOURS * BAR) y1=(y) y2=(y) class="grid" {} }
                    @for (n, (at, outcomes)) in (0..).zip(&hours.0) {
                        g {
                            title { (hour(*at)) " h: " (count(outcomes.values().sum())) }
                            @for (outcome, y, height) in stacked(outcomes, top) {
                                rect class=(outcome.class()) x=(n * BAR + 1) width=(BAR - 2) y=(y) height=(height) {}
                            }
                        }
                    }
                }
            }
            div.hours aria-hidden="true" { @for (at, _) in hours.0.iter().step_by(3) { span { (hour(*at)) " h" } } }
            ul.legend { @for outcome in Outcome::ALL { li { span class={ "swatch " (outcome.class()) } {} (outcome.name(visitor)) } } }
        }
        details {
            summary { (texts.as_table) }
            div.scroll { table.small {
                caption.unseen { (texts.calls_per_hour) }
                thead { tr { th scope="col" { (texts.hour) } @for outcome in Outcome::ALL { th.number scope="col" { (outcome.name(visitor)) } } } }
                tbody {
                    @for (at, outcomes) in &hours.0 {
                        tr {
                            th scope="row" { (hour(*at)) " h" }
                            @for outcome in Outcome::ALL { td.number { (count(outcomes.get(&outcome).copied().unwrap_or(0))) } }
                        }
                    }
                }
            } }
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

    #[test]
    fn calls_are_counted_in_the_hour_in_which_they_started() {
        let now: Timestamp = "2026-11-23T09:15:30Z".parse().unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(Hours::since(now), at("2026-11-22T10:00:00Z"));
        let hours = Hours::new(
            now,
            &[
                (at("2026-11-23T09:00:00Z"), State::Logged, 3),
                (at("2026-11-23T09:00:00Z"), State::Deleted, 1),
                (at("2026-11-22T10:00:00Z"), State::Parked, 2),
                (at("2026-11-22T09:00:00Z"), State::Parked, 9),
            ],
        );
        assert_eq!((hours.0.len(), hours.all(), hours.highest()), (24, 6, 4));
        assert_eq!((hours.total(Outcome::Logged), hours.total(Outcome::Parked)), (4, 2));
    }

    #[test]
    fn bars_are_stacked_and_fit() {
        for (highest, expected) in [(0, 4), (4, 4), (5, 20), (21, 40), (41, 200), (999, 2000)] {
            assert_eq!(ceiling(highest), expected, "{highest}");
        }
        let outcomes = BTreeMap::from([(Outcome::Logged, 3), (Outcome::Parked, 1)]);
        let parts = stacked(&outcomes, 4);
        assert_eq!(parts[0], (Outcome::Logged, "25.00".into(), "75.00".into()));
        assert_eq!(parts[1], (Outcome::Parked, "0.00".into(), "25.00".into()));
    }
}

//! Calls per hour as a picture: bars of what became of the calls, and the same as a table for whoever does not see it.
//!
//! The picture is stretched to the page's width, so it holds no text; the hours stand below it. Colours come from the style
//! sheet, by the classes of the states.

use std::collections::BTreeMap;

use crate::search::State;
use jiff::{Timestamp, ToSpan};
use maud::{Markup, html};

use super::{format::count, layout::Visitor};

pub(super) const HOURS: i64 = 24;
const BAR: i64 = 10;

/// What is told apart, from the bottom of a bar to its top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    Logged,
    Unmatched,
    Waiting,
    Parked,
}

impl Fate {
    pub(super) const ALL: [Fate; 4] = [Fate::Logged, Fate::Unmatched, Fate::Waiting, Fate::Parked];

    pub(super) fn of(state: State) -> Self {
        match state {
            State::Logged | State::Deleted => Fate::Logged,
            State::Unmatched => Fate::Unmatched,
            State::Ongoing | State::Undecided | State::Unlogged => Fate::Waiting,
            State::Parked => Fate::Parked,
        }
    }

    pub(super) fn class(self) -> &'static str {
        match self {
            Fate::Logged => "logged",
            Fate::Unmatched => "unmatched",
            Fate::Waiting => "waiting",
            Fate::Parked => "parked",
        }
    }

    pub(super) fn name(self, visitor: &Visitor) -> &'static str {
        let texts = visitor.texts();
        match self {
            Fate::Logged => texts.logged,
            Fate::Unmatched => texts.unmatched,
            Fate::Waiting => texts.waiting,
            Fate::Parked => texts.parked,
        }
    }
}

/// The hours up to now and what became of their calls.
#[derive(Debug, PartialEq)]
pub(super) struct Hours(Vec<(Timestamp, BTreeMap<Fate, i64>)>);

impl Hours {
    /// When the first of them begins.
    pub(super) fn since(now: Timestamp) -> Timestamp {
        let hour = Timestamp::from_second(now.as_second() - now.as_second().rem_euclid(3600)).unwrap_or(now);
        hour.checked_sub((HOURS - 1).hours()).unwrap_or(hour)
    }

    pub(super) fn new(now: Timestamp, counts: &[(Timestamp, State, i64)]) -> Self {
        let since = Self::since(now);
        let mut hours: Vec<(Timestamp, BTreeMap<Fate, i64>)> =
            (0..HOURS).filter_map(|n| Some((since.checked_add(n.hours()).ok()?, BTreeMap::new()))).collect();
        for (hour, state, n) in counts {
            if let Some((_, fates)) = hours.iter_mut().find(|(at, _)| at == hour) {
                *fates.entry(Fate::of(*state)).or_default() += n;
            }
        }
        Self(hours)
    }

    pub(super) fn total(&self, fate: Fate) -> i64 {
        self.0.iter().filter_map(|(_, fates)| fates.get(&fate)).sum()
    }

    pub(super) fn all(&self) -> i64 {
        Fate::ALL.iter().map(|fate| self.total(*fate)).sum()
    }

    fn highest(&self) -> i64 {
        self.0.iter().map(|(_, fates)| fates.values().sum()).max().unwrap_or(0)
    }
}

/// The height of the picture in calls: a number that is easy to read, and never none.
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
                    @for (n, (at, fates)) in (0..).zip(&hours.0) {
                        g {
                            title { (hour(*at)) " h: " (count(fates.values().sum())) }
                            @for (fate, y, height) in stacked(fates, top) {
                                rect class=(fate.class()) x=(n * BAR + 1) width=(BAR - 2) y=(y) height=(height) {}
                            }
                        }
                    }
                }
            }
            div.hours aria-hidden="true" { @for (at, _) in hours.0.iter().step_by(3) { span { (hour(*at)) " h" } } }
            ul.legend { @for fate in Fate::ALL { li { span class={ "swatch " (fate.class()) } {} (fate.name(visitor)) } } }
        }
        details {
            summary { (texts.as_table) }
            div.scroll { table.small {
                caption.unseen { (texts.calls_per_hour) }
                thead { tr { th scope="col" { (texts.hour) } @for fate in Fate::ALL { th.number scope="col" { (fate.name(visitor)) } } } }
                tbody {
                    @for (at, fates) in &hours.0 {
                        tr {
                            th scope="row" { (hour(*at)) " h" }
                            @for fate in Fate::ALL { td.number { (count(fates.get(&fate).copied().unwrap_or(0))) } }
                        }
                    }
                }
            } }
        }
    }
}

/// Each part of a bar: from where down, and how high, in hundredths of the picture.
fn stacked(fates: &BTreeMap<Fate, i64>, top: i64) -> Vec<(Fate, String, String)> {
    let mut below = 0;
    let part = |calls: i64| hundredths(calls, top);
    fates
        .iter()
        .map(|(fate, calls)| {
            below += calls;
            (*fate, part(top - below), part(*calls))
        })
        .collect()
}

/// With two decimals, without floating point.
pub(super) fn hundredths(part: i64, whole: i64) -> String {
    let share = part * 10_000 / whole.max(1);
    format!("{}.{:02}", share / 100, share % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_in_the_hour_they_began() {
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
        assert_eq!((hours.total(Fate::Logged), hours.total(Fate::Parked)), (4, 2));
    }

    #[test]
    fn bars_stand_on_each_other_and_fit() {
        for (highest, expected) in [(0, 4), (4, 4), (5, 20), (21, 40), (41, 200), (999, 2000)] {
            assert_eq!(ceiling(highest), expected, "{highest}");
        }
        let fates = BTreeMap::from([(Fate::Logged, 3), (Fate::Parked, 1)]);
        let parts = stacked(&fates, 4);
        assert_eq!(parts[0], (Fate::Logged, "25.00".into(), "75.00".into()));
        assert_eq!(parts[1], (Fate::Parked, "0.00".into(), "25.00".into()));
    }
}

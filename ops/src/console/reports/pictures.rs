//! Pictures of figures, as SVG that stretches to the width of the page: bars over time, and a map of the week. Names and scales are text around them,
//! and below each stands a table of the same figures, for everybody who cannot see colours, or wants to copy.

use jiff::civil::Date;
use ledger::reports::Sums;
use maud::{Markup, html};

use super::{
    super::{
        chart::{ceiling, hundredths},
        format::count,
        layout::Visitor,
        texts::Lang,
    },
    date, texts,
};
use crate::reports::Row;

const BAR: i64 = 10;
/// How many names stand below the bars, at most.
const NAMES: usize = 8;
/// More days than these are shown as weeks.
const MOST_DAYS: usize = 92;

/// A part of each bar, from its bottom to its top.
pub(super) struct Series {
    /// Its colour, in the style sheet.
    pub(super) class: &'static str,
    pub(super) name: &'static str,
    pub(super) of: fn(&Sums) -> i64,
}

/// A day, or a week.
struct Bar {
    first: Date,
    last: Date,
    sums: Sums,
}

pub(super) fn are_weeks(days: &[Row]) -> bool {
    days.len() > MOST_DAYS
}

/// Days, or weeks from Monday on if there are many.
fn bars_of(days: &[Row]) -> Vec<Bar> {
    let dated = days.iter().filter_map(|row| Some((row.key.parse::<Date>().ok()?, row.sums)));
    let mut bars: Vec<Bar> = Vec::new();
    for (day, sums) in dated {
        let continues = are_weeks(days) && day.weekday().to_monday_zero_offset() > 0;
        match bars.last_mut().filter(|_| continues) {
            Some(bar) => {
                bar.last = day;
                bar.sums = bar.sums + sums;
            }
            None => bars.push(Bar { first: day, last: day, sums }),
        }
    }
    bars
}

pub(super) fn over_time(visitor: &Visitor, title: &str, days: &[Row], series: &[Series]) -> Markup {
    let texts = texts(visitor);
    let (bars, are_weeks) = (bars_of(days), are_weeks(days));
    let of_bar = |bar: &Bar| -> i64 { series.iter().map(|one| (one.of)(&bar.sums)).sum() };
    let highest = bars.iter().map(of_bar).max().unwrap_or(0);
    let (top, width) = (ceiling(highest), i64::try_from(bars.len()).unwrap_or(0) * BAR);
    let all = bars.iter().map(of_bar).sum();
    let summary = texts.bars_summary.replace("{all}", &count(all)).replace("{most}", &count(highest));
    let name = |bar: &Bar| {
        let day = date(visitor.lang, bar.first);
        if are_weeks { texts.week_of.replace("{}", &day) } else { day }
    };
    let told = |bar: &Bar| {
        let parts = series.iter().map(|one| format!("{} {}", count((one.of)(&bar.sums)), one.name.to_lowercase()));
        format!("{}: {}", name(bar), parts.collect::<Vec<_>>().join(", "))
    };
    let address = |bar: &Bar| format!("/calls?from={}&until={}", bar.first, bar.last);
    html! {
        figure.chart {
            figcaption.unseen { (title) ". " (summary) }
            div.plot {
                div.scale aria-hidden="true" { span { (count(top)) } span { (count(top / 2)) } span { "0" } }
                svg aria-hidden="true" viewBox={ "0 0 " (width.max(1)) " 100" } preserveAspectRatio="none" {
                    @for y in [0, 50, 100] { line x1="0" x2=(width) y1=(y) y2=(y) class="grid" {} }
                    @for (n, bar) in bars.iter().enumerate() {
                        @let x = i64::try_from(n).unwrap_or(0) * BAR;
                        a href=(address(bar)) tabindex="-1" {
                            title { (told(bar)) }
                            rect.touch x=(x) width=(BAR) y="0" height="100" {}
                            @for (class, y, height) in stacked(&bar.sums, series, top) {
                                rect class=(class) x=(x + 1) width=(BAR - 2) y=(y) height=(height) {}
                            }
                        }
                    }
                }
            }
            div.hours aria-hidden="true" { @for bar in bars.iter().step_by(bars.len().div_ceil(NAMES).max(1)) { span { (short(visitor.lang, bar.first)) } } }
            ul.legend { @for one in series { li { span class={ "swatch " (one.class) } {} (one.name) } } }
        }
        details {
            summary { (visitor.texts().as_table) }
            div.scroll tabindex="0" role="region" aria-label=(title) { table.small {
                caption.unseen { (title) }
                thead { tr { th scope="col" { (if are_weeks { texts.week } else { texts.day }) } @for one in series { th.number scope="col" { (one.name) } } } }
                tbody {
                    @for bar in &bars {
                        tr {
                            th scope="row" { a href=(address(bar)) { (name(bar)) } }
                            @for one in series { td.number { (count((one.of)(&bar.sums))) } }
                        }
                    }
                }
            } }
        }
    }
}

fn short(lang: Lang, day: Date) -> String {
    day.strftime(if lang == Lang::French { "%d/%m" } else { "%-d %b" }).to_string()
}

/// The parts of a bar: for each its colour, its top and its height, in hundredths of the picture.
fn stacked(sums: &Sums, series: &[Series], top: i64) -> Vec<(&'static str, String, String)> {
    let mut below = 0;
    let part = |one: &Series| {
        let value = (one.of)(sums);
        below += value;
        (one.class, hundredths(top - below, top), hundredths(value, top))
    };
    series.iter().map(part).collect()
}

/// From no calls to the most: five shades.
fn shade(value: i64, most: i64) -> i64 {
    if value == 0 || most == 0 { 0 } else { ((value * 5 + most - 1) / most).clamp(1, 5) }
}

/// The week as a map: seven rows of 24 hours.
pub(super) fn week(visitor: &Visitor, hours: &[Row]) -> Markup {
    let texts = texts(visitor);
    let of = |weekday: usize, hour: usize| {
        let key = format!("{}-{hour:02}", weekday + 1);
        hours.iter().find(|row| row.key == key).map(|row| row.sums).unwrap_or_default()
    };
    let most = hours.iter().map(|row| row.sums.inbound).max().unwrap_or(0);
    let weekdays: Vec<&str> = texts.weekdays.split(' ').collect();
    let told = |weekday: usize, hour: usize, sums: &Sums| {
        let at = format!("{} {hour:02} h", weekdays[weekday]);
        let calls = count(sums.inbound);
        texts.heat_title.replace("{at}", &at).replace("{calls}", &calls).replace("{missed}", &count(sums.missed))
    };
    html! {
        figure.chart.week {
            figcaption.unseen { (texts.by_hour_note) }
            div.plot {
                div.scale aria-hidden="true" { @for name in &weekdays { span { (name) } } }
                svg aria-hidden="true" viewBox="0 0 240 70" preserveAspectRatio="none" {
                    @for weekday in 0..weekdays.len() { @for hour in 0..24_usize {
                        @let sums = of(weekday, hour);
                        rect class={ "heat heat-" (shade(sums.inbound, most)) } x=(hour * 10) y=(weekday * 10) width="9.4" height="9.2" { title { (told(weekday, hour, &sums)) } }
                    } }
                }
            }
            div.hours aria-hidden="true" { @for hour in (0..24).step_by(3) { span { (format!("{hour:02} h")) } } }
        }
        details {
            summary { (visitor.texts().as_table) }
            div.scroll tabindex="0" role="region" aria-label=(texts.by_hour) { table.small {
                caption.unseen { (texts.by_hour_note) }
                thead { tr { th scope="col" { (texts.weekday) } @for hour in 0..24 { th.number scope="col" { (format!("{hour:02}")) } } } }
                tbody { @for (weekday, name) in weekdays.iter().enumerate() {
                    tr { th scope="row" { (name) } @for hour in 0..24_usize { td.number { (count(of(weekday, hour).inbound)) } } }
                } }
            } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(from: &str, count: i64) -> Vec<Row> {
        let from: Date = from.parse().unwrap();
        let day = |n: i64| from.saturating_add(jiff::Span::new().days(n)).to_string();
        let sums = Sums { inbound: 3, answered: 2, missed: 1, ..Sums::default() };
        (0..count).map(|n| Row { key: day(n), name: day(n), sums }).collect()
    }

    #[test]
    fn many_days_are_shown_as_weeks() {
        assert_eq!(bars_of(&days("2026-11-01", 30)).len(), 30);
        // From a Tuesday on.
        let weeks = bars_of(&days("2026-09-01", 100));
        assert_eq!(weeks[0].last.to_string(), "2026-09-06");
        assert_eq!((weeks[1].first.to_string().as_str(), weeks[1].sums.inbound), ("2026-09-07", 21));
        assert_eq!(weeks.iter().map(|bar| bar.sums.inbound).sum::<i64>(), 300);
    }

    #[test]
    fn bars_are_stacked_and_shades_begin_with_the_first_call() {
        let series = [
            Series { class: "one", name: "one", of: |sums| sums.answered },
            Series { class: "two", name: "two", of: |sums| sums.missed },
        ];
        let sums = Sums { answered: 3, missed: 1, ..Sums::default() };
        assert_eq!(
            stacked(&sums, &series, 4),
            [("one", "25.00".into(), "75.00".into()), ("two", "0.00".into(), "25.00".into())]
        );
        let shades: Vec<i64> = [0, 1, 20, 21, 99, 100].into_iter().map(|value| shade(value, 100)).collect();
        assert_eq!(shades, [0, 1, 1, 2, 5, 5]);
        assert_eq!(shade(0, 0), 0);
    }
}

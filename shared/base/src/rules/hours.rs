//! `[calls.hours]`: business hours, and whether calls outside of them are logged.

use std::time::Duration;

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Time, Weekday},
    tz::TimeZone,
};
use toml::{Spanned, de::DeValue};

use super::{
    lines::LineOf,
    reader::{LOGGED, Reader},
    texts,
};
use crate::said::name;

pub(crate) const DAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];
/// Hours that are shorter than that lead nowhere: then the clock counts.
const LONGEST_DAYS: usize = 60;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hours {
    /// From, until: the second is outside. `None` is the end of the day.
    open: Vec<(Weekday, Time, Option<Time>)>,
    /// By the clock where the line is; otherwise by that of `TIME_ZONE`.
    of_line: bool,
    pub(super) outside_is_left_out: bool,
}

impl Hours {
    pub(super) fn are_open(&self, at: Timestamp, line: &LineOf<'_>, zone: &TimeZone) -> bool {
        let local = at.to_zoned(self.zone(line, zone));
        let (day, time) = (local.weekday(), local.time());
        self.open
            .iter()
            .any(|(open, from, until)| *open == day && *from <= time && until.is_none_or(|until| time < until))
    }

    /// The moment at which so much of the open time after `at` has passed.
    pub(super) fn after(&self, at: Timestamp, span: Duration, line: &LineOf<'_>, zone: &TimeZone) -> Option<Timestamp> {
        let zone = self.zone(line, zone);
        let first = at.to_zoned(zone.clone()).date();
        let mut left = SignedDuration::try_from(span).ok()?;
        for day in first.series(1.day()).take(LONGEST_DAYS) {
            let clock = |time: Option<Time>| match time {
                Some(time) => day.to_datetime(time),
                None => day.saturating_add(1.day()).to_datetime(Time::midnight()),
            };
            let mut open: Vec<_> = self.open.iter().filter(|(open, ..)| *open == day.weekday()).collect();
            open.sort_by_key(|(_, from, _)| *from);
            for (_, from, until) in open {
                let begin = clock(Some(*from)).to_zoned(zone.clone()).ok()?.timestamp().max(at);
                let end = clock(*until).to_zoned(zone.clone()).ok()?.timestamp();
                let is_open_for = end.duration_since(begin);
                if left <= is_open_for {
                    return begin.checked_add(left).ok();
                }
                left -= is_open_for.max(SignedDuration::ZERO);
            }
        }
        None
    }

    /// By whose clock they are.
    fn zone(&self, line: &LineOf<'_>, zone: &TimeZone) -> TimeZone {
        let of_line = line.zone.filter(|_| self.of_line).and_then(|name| TimeZone::get(name).ok());
        of_line.unwrap_or_else(|| zone.clone())
    }

    pub(super) fn read(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Option<Self> {
        let table = reader.table(value, texts::word("hours"), texts::BEGIN.with([name("calls.hours")]))?;
        let (mut open, mut of_line, mut outside, mut days) = (Vec::new(), false, None, 0);
        for (key, value) in table {
            let word = key.get_ref().as_ref();
            if let Some((_, day)) = DAYS.iter().find(|(known, _)| *known == word) {
                days += 1;
                for (from, until) in spans(reader, value) {
                    open.push((*day, from, until));
                }
                continue;
            }
            match word {
                "outside" => {
                    outside = reader.one_of("outside", value, &LOGGED);
                    // It was named, and its value is a mistake that has been noted.
                    outside = outside.or(Some(true));
                }
                "zone" => of_line = reader.one_of("zone", value, &[("line", true)]).unwrap_or_default(),
                _ => {
                    let names: Vec<&str> = DAYS.iter().map(|(day, _)| *day).chain(["outside", "zone"]).collect();
                    reader.unknown(key, texts::word("hours"), &names);
                }
            }
        }
        if days == 0 {
            reader.mistake(&value.span(), texts::NO_DAYS, texts::NAME_DAYS.with([texts::WRITE_HOURS.into()]));
        }
        let Some(logged) = outside else {
            let cure = texts::write(texts::one_of(&["outside = \"log\"", "\"nobody\""]));
            reader.mistake(&value.span(), texts::NO_OUTSIDE, cure);
            return None;
        };
        Some(Self { open, of_line, outside_is_left_out: !logged })
    }
}

fn spans(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Vec<(Time, Option<Time>)> {
    let Some(list) = value.get_ref().as_array() else {
        reader.mistake(&value.span(), texts::HOURS_ARE_A_LIST, texts::WRITE_HOURS);
        return Vec::new();
    };
    let mut read = Vec::new();
    for span in list {
        match span.get_ref().as_str().and_then(span_of) {
            Some(hours) => read.push(hours),
            None => {
                let cure = texts::HOURS_END.with([texts::WRITE_HOURS.into()]);
                reader.mistake(&span.span(), texts::NO_HOURS, cure);
            }
        }
    }
    read
}

/// `09:00-12:30`
fn span_of(text: &str) -> Option<(Time, Option<Time>)> {
    let (from, until) = text.split_once('-')?;
    let from = time(from)?;
    if until.trim() == "24:00" {
        return Some((from, None));
    }
    let until = time(until)?;
    (from < until).then_some((from, Some(until)))
}

fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |digits: &str| digits.parse().ok().filter(|_| digits.len() <= 2);
    Time::new(number(hour)?, number(minute).filter(|_| minute.len() == 2)?, 0, 0).ok()
}

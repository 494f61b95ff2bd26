//! `[calls]`: which calls are logged.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    hours::Hours,
    lines::{LineOf, Named},
    reader::{LOGGED, Reader},
    texts,
};
use crate::{
    phone::{self, E164},
    said::{name, quoted},
};

const KEYS: [&str; 7] = ["own_lines", "suppliers", "ignore", "inbound", "outbound", "lines", "hours"];
const OUTCOMES: [(&str, Outcome); 3] =
    [("answered", Outcome::Answered), ("voicemail", Outcome::Voicemail), ("missed", Outcome::Missed)];

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Answered,
    Voicemail,
    Missed,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallRules {
    /// Calls between two lines of the company are logged on nobody.
    pub without_own_lines: bool,
    /// The calls of suppliers are logged on nobody.
    pub without_suppliers: bool,
    ignored: Vec<E164>,
    kinds: Kinds,
    of_lines: Vec<(Named, Kinds)>,
    hours: Option<Hours>,
}

/// Whether calls of a kind are logged; what is not named is.
#[derive(Clone, Debug, Default, PartialEq)]
struct Kinds(Vec<(bool, Outcome, bool)>);

impl Kinds {
    fn are_logged(&self, outbound: bool, outcome: Outcome) -> Option<bool> {
        self.0.iter().find(|(out, of, _)| (*out, *of) == (outbound, outcome)).map(|(_, _, logged)| *logged)
    }
}

/// What the rules look at of a call that has ended.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    pub outbound: bool,
    pub outcome: Outcome,
    pub line: LineOf<'a>,
    pub started_at: Option<Timestamp>,
}

/// Why a call that has ended is not logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    Kind,
    Hours,
}

impl CallRules {
    /// Calls with this number are logged on nobody.
    pub fn ignore(&self, number: &E164) -> bool {
        self.ignored.contains(number)
    }

    /// Whether a rule looks at how a call ended, or when it was.
    pub fn look_at_end(&self) -> bool {
        !self.kinds.0.is_empty()
            || !self.of_lines.is_empty()
            || self.hours.as_ref().is_some_and(|hours| hours.outside_is_left_out)
    }

    /// What a line's own entry says of a kind counts more than what is said of all.
    pub fn leave_out(&self, call: &Seen<'_>, zone: &TimeZone) -> Option<LeftOut> {
        let of_line = self.of_lines.iter().filter(|(named, _)| named.is(&call.line));
        let of_line = of_line.filter_map(|(_, kinds)| kinds.are_logged(call.outbound, call.outcome)).next();
        let logged = of_line.or_else(|| self.kinds.are_logged(call.outbound, call.outcome));
        if logged == Some(false) {
            return Some(LeftOut::Kind);
        }
        let hours = self.hours.as_ref().filter(|hours| hours.outside_is_left_out)?;
        let is_outside = call.started_at.is_some_and(|at| !hours.are_open(at, &call.line, zone));
        is_outside.then_some(LeftOut::Hours)
    }

    /// When so much time has passed since a call, in business hours if there are some.
    pub fn due(&self, at: Timestamp, span: Duration, line: &LineOf<'_>, zone: &TimeZone) -> Timestamp {
        let in_hours = self.hours.as_ref().and_then(|hours| hours.after(at, span, line, zone));
        in_hours.unwrap_or_else(|| at.saturating_add(SignedDuration::try_from(span).unwrap_or_default()).unwrap_or(at))
    }

    /// How many of the lines that the file names are none of these, which are all that there are.
    pub fn lines_missing_from(&self, lines: &[LineOf<'_>]) -> usize {
        self.of_lines.iter().filter(|(named, _)| !lines.iter().any(|line| named.is(line))).count()
    }

    pub(super) fn read(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Self {
        let mut rules = Self::default();
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "own_lines" => {
                    rules.without_own_lines = reader.one_of("own_lines", value, &LOGGED) == Some(false);
                }
                "suppliers" => {
                    rules.without_suppliers = reader.one_of("suppliers", value, &LOGGED) == Some(false);
                }
                "ignore" => rules.ignored = numbers(reader, value),
                "inbound" => kinds(reader, value, false, &mut rules.kinds),
                "outbound" => kinds(reader, value, true, &mut rules.kinds),
                "lines" => rules.of_lines = of_lines(reader, value),
                "hours" => rules.hours = Hours::read(reader, value),
                _ => reader.unknown(key, texts::word("calls"), &KEYS),
            }
        }
        rules
    }
}

fn numbers(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Vec<E164> {
    let Some(list) = value.get_ref().as_array() else {
        reader.mistake(&value.span(), texts::NO_LIST, texts::WRITE_NUMBERS);
        return Vec::new();
    };
    let mut numbers = Vec::new();
    for one in list {
        let read = one.get_ref().as_str().map(|text| phone::read(text, reader.region));
        match read {
            Some(Ok(found)) => numbers.extend(found.into_iter().map(|found| found.number)),
            Some(Err(problem)) => {
                reader.mistake(&one.span(), texts::NO_NUMBER.with([quoted(problem)]), texts::WRITE_NUMBERS);
            }
            None => reader.mistake(&one.span(), texts::NOT_TEXT, texts::WRITE_NUMBERS),
        }
    }
    numbers
}

fn kinds(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>, outbound: bool, kinds: &mut Kinds) {
    let direction = if outbound { "outbound" } else { "inbound" };
    let cure = texts::WRITE_KIND.with([name(direction)]);
    let Some(table) = reader.table(value, texts::word(direction), cure) else { return };
    for (key, value) in table {
        let Some((word, outcome)) = OUTCOMES.iter().find(|(name, _)| *name == key.get_ref().as_ref()) else {
            reader.unknown(key, texts::word(direction), &OUTCOMES.map(|(name, _)| name));
            continue;
        };
        if let Some(logged) = reader.one_of(word, value, &LOGGED) {
            kinds.0.push((outbound, *outcome, logged));
        }
    }
}

fn of_lines(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Vec<(Named, Kinds)> {
    let cure = || texts::BEGIN.with([name("calls.lines.\"Name\"")]);
    let Some(table) = reader.table(value, texts::word("lines"), cure()) else { return Vec::new() };
    let mut lines = Vec::new();
    for (line, _, value) in reader.named(table, texts::THIS_LINE) {
        let Some(entries) = reader.table(value, texts::THE_LINE, cure()) else { continue };
        let mut of_line = Kinds::default();
        for (key, value) in entries {
            match key.get_ref().as_ref() {
                "inbound" => kinds(reader, value, false, &mut of_line),
                "outbound" => kinds(reader, value, true, &mut of_line),
                _ => reader.unknown(key, texts::line_of("calls"), &["inbound", "outbound"]),
            }
        }
        lines.push((Named::new(&line, reader.region), of_line));
    }
    lines
}

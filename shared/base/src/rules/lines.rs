//! `[lines]`: what holds for calls on one of the company's own numbers.

use toml::de::DeTable;

use super::{folded, reader::Reader, texts};
use crate::{
    phone::{self, E164, Region},
    settings::Language,
};

/// A line as a call shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineOf<'a> {
    pub name: Option<&'a str>,
    pub number: Option<E164>,
    /// Its time zone by its IANA name.
    pub zone: Option<&'a str>,
}

/// A line as the file names it: by its name in Aircall, or by its number.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named {
    name: String,
    number: Option<E164>,
}

impl Named {
    pub(super) fn new(text: &str, region: Region) -> Self {
        let is_number = text.trim().starts_with(['+', '0']);
        let number = is_number.then(|| phone::parse(text, region)).flatten();
        Self { name: folded(text), number }
    }

    pub(super) fn is(&self, line: &LineOf<'_>) -> bool {
        let is_its_number = self.number.is_some() && self.number == line.number;
        is_its_number || line.name.is_some_and(|name| folded(name) == self.name)
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lines(Vec<(Named, LineRule)>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineRule {
    /// Where a caller's number is dialled that has no country code.
    pub region: Option<Region>,
    /// Of the logs.
    pub language: Option<Language>,
}

const KEYS: [&str; 2] = ["region", "language"];

impl Lines {
    /// `line` is called only if the file names a line.
    pub fn of<'a>(&self, line: impl FnOnce() -> LineOf<'a>) -> LineRule {
        if self.0.is_empty() {
            return LineRule::default();
        }
        let line = line();
        self.0.iter().find(|(named, _)| named.is(&line)).map(|(_, rule)| *rule).unwrap_or_default()
    }

    /// The languages that some line's logs have.
    pub fn languages(&self) -> impl Iterator<Item = Language> {
        self.0.iter().filter_map(|(_, rule)| rule.language)
    }

    pub fn regions(&self) -> impl Iterator<Item = Region> {
        self.0.iter().filter_map(|(_, rule)| rule.region)
    }

    /// How many of the lines that the file names are none of these, which are all that there are.
    pub fn missing_from(&self, lines: &[LineOf<'_>]) -> usize {
        self.0.iter().filter(|(named, _)| !lines.iter().any(|line| named.is(line))).count()
    }

    pub(super) fn read(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Self {
        let mut lines = Vec::new();
        for (name, at, value) in reader.named(table, texts::THIS_LINE) {
            let Some(entries) = reader.table(value, texts::THE_LINE, texts::WRITE_LINE) else { continue };
            let mut rule = LineRule::default();
            for (key, value) in entries {
                match key.get_ref().as_ref() {
                    "region" => {
                        rule.region = value.get_ref().as_str().and_then(|code| code.parse().ok());
                        if rule.region.is_none() {
                            reader.mistake(&value.span(), texts::NO_COUNTRY, texts::WRITE_COUNTRY);
                        }
                    }
                    "language" => {
                        let languages = [("fr", Language::French), ("en", Language::English)];
                        rule.language = reader.one_of("language", value, &languages);
                    }
                    _ => reader.unknown(key, texts::A_LINE, &KEYS),
                }
            }
            if entries.is_empty() {
                reader.mistake(&at, texts::LINE_SAYS_NOTHING, texts::WRITE_LINE);
            }
            lines.push((Named::new(&name, reader.region), rule));
        }
        Self(lines)
    }
}

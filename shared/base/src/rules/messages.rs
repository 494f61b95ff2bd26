//! `[messages]`: text messages (SMS, MMS, WhatsApp) become comments on the record of whom they are with.

use std::time::Duration;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    lines::{LineOf, Named},
    reader::Reader,
    tasks::ON,
    texts,
};
use crate::said::name;

const KEYS: [&str; 3] = ["comments", "after", "lines"];
const OF_LINE: [&str; 1] = ["comments"];

#[derive(Clone, Debug, PartialEq)]
pub struct MessageRules {
    /// From a message until it stands in the comment: those that come meanwhile are written with it.
    pub after: Duration,
    lines: Vec<(Named, bool)>,
}

impl MessageRules {
    /// Whether messages from and to this line are written.
    pub fn has_comments(&self, line: &LineOf<'_>) -> bool {
        self.lines.iter().find(|(named, _)| named.is(line)).is_none_or(|(_, is_on)| *is_on)
    }

    /// How many of the lines that the file names are none of these, which are all that there are.
    pub fn lines_missing_from(&self, lines: &[LineOf<'_>]) -> usize {
        self.lines.iter().filter(|(named, _)| !lines.iter().any(|line| named.is(line))).count()
    }

    /// `None` if they are off.
    pub(super) fn read(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Option<Self> {
        let mut rules = Self { after: Duration::from_secs(60), lines: Vec::new() };
        let mut is_on = true;
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "comments" => is_on = reader.one_of("comments", value, &ON).unwrap_or(true),
                "after" => rules.after = reader.after(value).unwrap_or(rules.after),
                "lines" => rules.lines = lines(reader, value),
                _ => reader.unknown(key, texts::word("messages"), &KEYS),
            }
        }
        is_on.then_some(rules)
    }
}

fn lines(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Vec<(Named, bool)> {
    let cure = || texts::BEGIN.with([name("messages.lines.\"Name\"")]);
    let Some(table) = reader.table(value, texts::word("lines"), cure()) else { return Vec::new() };
    let mut lines = Vec::new();
    for (line, _, value) in reader.named(table, texts::THIS_LINE) {
        let Some(entries) = reader.table(value, texts::THE_LINE, cure()) else { continue };
        let mut is_on = true;
        for (key, value) in entries {
            match key.get_ref().as_ref() {
                "comments" => is_on = reader.one_of("comments", value, &ON).unwrap_or(true),
                _ => reader.unknown(key, texts::line_of("messages"), &OF_LINE),
            }
        }
        lines.push((Named::new(&line, reader.region), is_on));
    }
    lines
}

//! The file of rules (`RULES`): what an account wants otherwise than the help page of the official integration says.
//!
//! [`parse`] checks the file as a whole: each mistake is named with its line and what to do, so that one look is enough. What the
//! rules say about a call are pure functions over plain values: [`Tags::mean`], [`CallRules::leave_out`], [`Agents::staff_of`],
//! [`Lines::of`], [`MissedRules::has_tasks`], [`CallRules::due`], [`UnknownRules::make_prospect`], [`Tags::acts_of`], [`MessageRules::has_comments`]. Without a file nothing is on. `docs/rules.md` is for the people who write one, `deploy/rules.example.toml` shows each rule.

mod acts;
mod agents;
mod calls;
mod hours;
mod lines;
mod messages;
mod reader;
mod tags;
mod tasks;
mod texts;
mod unknown;

use std::{fmt, fs, path::Path};

use serde::Serialize;
use toml::de::DeTable;

pub use acts::{Acts, On, SmartTags, StepRef, StepRule, TagTask};
pub use agents::{Agents, StaffRef};
pub use calls::{CallRules, LeftOut, Outcome, Seen};
pub(crate) use hours::DAYS as WEEKDAYS;
pub use lines::{LineOf, LineRule, Lines};
pub use messages::MessageRules;
pub use tags::{Meaning, RESULTS, Tags};
pub use tasks::{MissedRules, TaskRules};
pub use unknown::{UnknownRules, WithUnknown};

use crate::{
    phone::Region,
    said::{self, Text, quoted},
};
use reader::Reader;

/// What the file says, by section.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    pub tags: Tags,
    pub calls: CallRules,
    pub agents: Agents,
    pub lines: Lines,
    /// Missed calls become tasks.
    pub missed: Option<MissedRules>,
    /// Action items of the AI become tasks.
    pub action_items: Option<TaskRules>,
    /// Callers whom Sellsy does not have become prospects.
    pub unknown: Option<UnknownRules>,
    /// Text messages become comments.
    pub messages: Option<MessageRules>,
}

impl Rules {
    /// All staffs of Sellsy whom the file names.
    pub fn staffs(&self) -> impl Iterator<Item = &StaffRef> {
        let of_unknown = self.unknown.iter().filter_map(|unknown| unknown.staff.as_ref());
        self.agents.staffs().chain(self.missed.iter().flat_map(MissedRules::staffs)).chain(of_unknown)
    }

    /// The labels of tasks that the file names.
    pub fn task_labels(&self) -> impl Iterator<Item = &str> {
        let of_missed = self.missed.as_ref().map(|missed| &missed.tasks);
        let of_tags = self.tags.acts().filter_map(|acts| Some(&acts.task.as_ref()?.tasks));
        of_missed.into_iter().chain(&self.action_items).chain(of_tags).filter_map(|tasks| tasks.label.as_deref())
    }

    /// The tags of Aircall that the file names.
    pub fn tags_named(&self) -> impl Iterator<Item = &str> {
        self.tags.names().chain(self.unknown.iter().flat_map(UnknownRules::tags))
    }

    /// How often the file names a line that is none of these, which are all that there are.
    pub fn lines_missing_from(&self, lines: &[LineOf<'_>]) -> usize {
        let of_missed = self.missed.as_ref().map(|missed| missed.lines_missing_from(lines));
        let of_messages = self.messages.as_ref().map(|messages| messages.lines_missing_from(lines));
        let of_these = of_missed.unwrap_or_default() + of_messages.unwrap_or_default();
        self.lines.missing_from(lines) + self.calls.lines_missing_from(lines) + of_these
    }

    /// Whether anything is written in Sellsy beside the logs of calls.
    pub fn have_followups(&self) -> bool {
        self.have_tasks() || self.unknown.is_some() || self.messages.is_some() || self.tags.acts().next().is_some()
    }

    /// Whether tasks follow from calls.
    pub fn have_tasks(&self) -> bool {
        self.missed.is_some() || self.action_items.is_some() || self.tags.acts().any(|acts| acts.task.is_some())
    }
}

/// A mistake in the file. It quotes names of sections, keys and tags, never a number or an e-mail address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Mistake {
    /// From 1; 0 if it is about the file as a whole.
    pub line: usize,
    #[serde(serialize_with = "said::in_english")]
    pub problem: Text,
    #[serde(serialize_with = "said::in_english")]
    pub cure: Text,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, problem, cure } = self;
        let (problem, cure) = (&problem.english, &cure.english);
        match line {
            0 => write!(f, "{problem}: {cure}"),
            line => write!(f, "line {line}: {problem}: {cure}"),
        }
    }
}

const SECTIONS: [&str; 8] = ["tags", "calls", "agents", "lines", "missed", "action_items", "unknown", "messages"];

/// Reads the file. Numbers without country code are read as numbers of `region`.
pub fn read(file: &Path, region: Region) -> Result<Rules, Vec<Mistake>> {
    let text = fs::read_to_string(file).map_err(|e| {
        vec![Mistake { line: 0, problem: texts::UNREADABLE.with([quoted(e)]), cure: texts::NAME_A_FILE.into() }]
    })?;
    parse(&text, region)
}

pub fn parse(text: &str, region: Region) -> Result<Rules, Vec<Mistake>> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = Reader::new(text, region);
    let (table, errors) = DeTable::parse_recoverable(text);
    for e in &errors {
        reader.mistake(&e.span().unwrap_or(0..0), texts::NO_TOML.with([quoted(e.message())]), texts::CORRECT);
    }
    // What was read of such a file may not be what was meant.
    let rules = if errors.is_empty() { sections(&mut reader, table.get_ref()) } else { Rules::default() };
    let mistakes = reader.mistakes();
    if mistakes.is_empty() { Ok(rules) } else { Err(mistakes) }
}

fn sections(reader: &mut Reader<'_>, file: &DeTable<'_>) -> Rules {
    let mut rules = Rules::default();
    for (name, section) in file {
        let Some(known) = SECTIONS.into_iter().find(|known| known == name.get_ref()) else {
            let known = SECTIONS.map(|section| format!("[{section}]"));
            let cure = texts::write(texts::one_of(&known.each_ref().map(String::as_str)));
            reader.mistake(&name.span(), texts::NO_SECTION.with([said::name(name.get_ref())]), cure);
            continue;
        };
        let begin = texts::BEGIN_SECTION.with([said::name(known)]);
        let Some(table) = reader.table(section, texts::word(known), begin) else { continue };
        match known {
            "tags" => rules.tags = Tags::read(reader, table),
            "calls" => rules.calls = CallRules::read(reader, table),
            "agents" => rules.agents = Agents::read(reader, table),
            "missed" => rules.missed = MissedRules::read(reader, table),
            "action_items" => rules.action_items = TaskRules::of_action_items(reader, table),
            "unknown" => rules.unknown = UnknownRules::read(reader, table),
            "messages" => rules.messages = MessageRules::read(reader, table),
            _ => rules.lines = Lines::read(reader, table),
        }
    }
    rules
}

/// Names are compared without regard to case and to blanks around them.
pub fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

#[cfg(test)]
mod tests;

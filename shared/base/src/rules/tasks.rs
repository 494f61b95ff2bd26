//! `[missed]` and `[action_items]`: which tasks a call leaves to do, whose they are, and when they are due.

use std::time::Duration;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    agents::{self, StaffRef},
    lines::{LineOf, Named},
    reader::Reader,
    texts,
};
use crate::said::name;

const MISSED: [&str; 8] = ["label", "staff", "after", "together", "due", "unknown", "tasks", "lines"];
const ITEMS: [&str; 3] = ["label", "due", "tasks"];
const OF_LINE: [&str; 2] = ["staff", "tasks"];
pub(super) const ON: [(&str, bool); 2] = [("on", true), ("off", false)];
/// Whether a missed call of somebody whom Sellsy does not have is a task.
const UNKNOWN: [(&str, bool); 2] = [("task", true), ("nobody", false)];

/// What holds for the tasks of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRules {
    /// The name of a label of tasks in Sellsy; without one, Sellsy's first.
    pub label: Option<String>,
    /// From the call until the task is due, in business hours if the rules have some.
    pub due: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub struct MissedRules {
    pub tasks: TaskRules,
    /// Somebody who is reached within this time leaves no task.
    pub after: Duration,
    /// Calls of a caller within this time are one task.
    pub together: Duration,
    pub of_unknown: bool,
    staff: Option<StaffRef>,
    lines: Vec<(Named, OfLine)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct OfLine {
    staff: Option<StaffRef>,
    tasks: Option<bool>,
}

impl MissedRules {
    /// Whether calls that this line missed are tasks.
    pub fn has_tasks(&self, line: &LineOf<'_>) -> bool {
        self.line(line).and_then(|line| line.tasks).unwrap_or(true)
    }

    /// Whose tasks these are, whoever owns the record.
    pub fn staff_of(&self, line: &LineOf<'_>) -> Option<&StaffRef> {
        self.line(line).and_then(|line| line.staff.as_ref()).or(self.staff.as_ref())
    }

    pub fn staffs(&self) -> impl Iterator<Item = &StaffRef> {
        self.staff.iter().chain(self.lines.iter().filter_map(|(_, line)| line.staff.as_ref()))
    }

    /// How many of the lines that the file names are none of these, which are all that there are.
    pub fn lines_missing_from(&self, lines: &[LineOf<'_>]) -> usize {
        self.lines.iter().filter(|(named, _)| !lines.iter().any(|line| named.is(line))).count()
    }

    fn line(&self, line: &LineOf<'_>) -> Option<&OfLine> {
        self.lines.iter().find(|(named, _)| named.is(line)).map(|(_, of_line)| of_line)
    }

    /// `None` if they are off.
    pub(super) fn read(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Option<Self> {
        let tasks = TaskRules { label: None, due: hours(2) };
        let mut rules = Self {
            tasks,
            after: Duration::from_secs(300),
            together: hours(24),
            of_unknown: false,
            staff: None,
            lines: Vec::new(),
        };
        let mut is_on = true;
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "tasks" => is_on = reader.one_of("tasks", value, &ON).unwrap_or(true),
                "label" => rules.tasks.label = label(reader, value),
                "staff" => rules.staff = agents::staff(reader, value, texts::TASKS_STAFF),
                "after" => rules.after = reader.span("after", value).unwrap_or(rules.after),
                "together" => rules.together = reader.span("together", value).unwrap_or(rules.together),
                "due" => rules.tasks.due = reader.span("due", value).unwrap_or(rules.tasks.due),
                "unknown" => rules.of_unknown = reader.one_of("unknown", value, &UNKNOWN).unwrap_or_default(),
                "lines" => rules.lines = lines(reader, value),
                _ => reader.unknown(key, texts::word("missed"), &MISSED),
            }
        }
        is_on.then_some(rules)
    }
}

impl TaskRules {
    /// Of tasks whose rule says nothing else.
    pub(super) fn usual() -> Self {
        Self { label: None, due: hours(24) }
    }

    /// `None` if they are off.
    pub(super) fn of_action_items(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Option<Self> {
        let mut rules = Self::usual();
        let mut is_on = true;
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "tasks" => is_on = reader.one_of("tasks", value, &ON).unwrap_or(true),
                "label" => rules.label = label(reader, value),
                "due" => rules.due = reader.span("due", value).unwrap_or(rules.due),
                _ => reader.unknown(key, texts::word("action_items"), &ITEMS),
            }
        }
        is_on.then_some(rules)
    }
}

fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 3600)
}

pub(super) fn label(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Option<String> {
    reader.text("label", value, texts::LABEL)
}

fn lines(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Vec<(Named, OfLine)> {
    let cure = || texts::BEGIN.with([name("missed.lines.\"Name\"")]);
    let Some(table) = reader.table(value, texts::word("lines"), cure()) else { return Vec::new() };
    let mut lines = Vec::new();
    for (line, _, value) in reader.named(table, texts::THIS_LINE) {
        let Some(entries) = reader.table(value, texts::THE_LINE, cure()) else { continue };
        let mut of_line = OfLine::default();
        for (key, value) in entries {
            match key.get_ref().as_ref() {
                "staff" => of_line.staff = agents::staff(reader, value, texts::LINES_STAFF),
                "tasks" => of_line.tasks = reader.one_of("tasks", value, &ON),
                _ => reader.unknown(key, texts::line_of("missed"), &OF_LINE),
            }
        }
        lines.push((Named::new(&line, reader.region), of_line));
    }
    lines
}

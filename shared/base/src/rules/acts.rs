//! What a tag of Aircall does beside the log: a task, smart-tags in Sellsy, a step of the opportunity.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    folded,
    reader::Reader,
    tasks::{self, TaskRules},
    texts,
};
use crate::said::name;

pub(super) const KEYS: [&str; 7] = ["task", "label", "due", "smart_tags", "on", "step", "from"];
const ON: [(&str, On); 2] = [("record", On::Record), ("opportunity", On::Opportunity)];

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Acts {
    pub task: Option<TagTask>,
    pub smart_tags: Option<SmartTags>,
    pub step: Option<StepRule>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TagTask {
    pub title: String,
    pub tasks: TaskRules,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SmartTags {
    pub values: Vec<String>,
    pub on: On,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum On {
    #[default]
    Record,
    Opportunity,
}

/// Moves an opportunity to a step, if it is in one of these.
#[derive(Clone, Debug, PartialEq)]
pub struct StepRule {
    pub to: StepRef,
    pub from: Vec<StepRef>,
}

/// A step of a pipeline in Sellsy. Two pipelines can have steps of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepRef {
    Id(i64),
    Name(String),
}

impl StepRef {
    pub fn is(&self, id: i64, name: Option<&str>) -> bool {
        match self {
            Self::Id(this) => *this == id,
            Self::Name(this) => name.is_some_and(|name| folded(name) == folded(this)),
        }
    }
}

impl Acts {
    pub fn is_empty(&self) -> bool {
        self.task.is_none() && self.smart_tags.is_none() && self.step.is_none()
    }

    /// Of the keys of one tag, those that are in [`KEYS`].
    pub(super) fn read(reader: &mut Reader<'_>, tag: &DeTable<'_>) -> Self {
        let mut of_task = TaskRules::usual();
        let (mut on, mut from) = (On::default(), Vec::new());
        let (mut title, mut values, mut to) = (None, Vec::new(), None);
        for (key, value) in tag {
            match key.get_ref().as_ref() {
                "task" => title = reader.text("task", value, texts::TITLE),
                "label" => of_task.label = tasks::label(reader, value),
                "due" => of_task.due = reader.span("due", value).unwrap_or(of_task.due),
                "smart_tags" => {
                    values = reader.texts("smart_tags", value, texts::SMART_TAGS);
                }
                "on" => on = reader.one_of("on", value, &ON).unwrap_or_default(),
                "step" => to = step(reader, "step", value),
                "from" => from = steps(reader, value),
                _ => {}
            }
        }
        for (key, needs) in
            [("label", "task"), ("due", "task"), ("on", "smart_tags"), ("from", "step"), ("step", "from")]
        {
            let is_there = |name: &str| tag.iter().find(|(key, _)| key.get_ref() == name);
            if let (Some((at, _)), None) = (is_there(key), is_there(needs)) {
                let cure = match needs {
                    "from" => texts::ADD_FROM.into(),
                    _ => texts::ADD.with([name(needs), name(key)]),
                };
                reader.mistake(&at.span(), texts::ALONE.with([name(key), name(needs)]), cure);
            }
        }
        let task = title.map(|title| TagTask { title, tasks: of_task });
        let smart_tags = (!values.is_empty()).then_some(SmartTags { values, on });
        Self { task, smart_tags, step: to.map(|to| StepRule { to, from }) }
    }
}

fn step(reader: &mut Reader<'_>, key: &str, value: &Spanned<DeValue<'_>>) -> Option<StepRef> {
    let step = match value.get_ref() {
        DeValue::String(name) if !name.trim().is_empty() => Some(StepRef::Name(name.trim().to_owned())),
        DeValue::Integer(id) => id.as_str().parse().ok().filter(|id| *id > 0).map(StepRef::Id),
        _ => None,
    };
    if step.is_none() {
        reader.mistake(&value.span(), texts::NO_STEP.with([name(key)]), texts::WRITE_STEP);
    }
    step
}

fn steps(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>) -> Vec<StepRef> {
    match value.get_ref().as_array() {
        Some(list) => list.iter().filter_map(|one| step(reader, "from", one)).collect(),
        None => step(reader, "from", value).into_iter().collect(),
    }
}

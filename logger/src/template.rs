//! The template of the log: the built-in one, or the operator's own (`LOG_TEMPLATE`).
//!
//! An operator's template is read once and tried at once on the calls of `templates/examples.json`, so that a mistake
//! stops the worker at its start and not at a call. What the examples do not reach can still fail later. Then the call
//! is parked with LOG_TEMPLATE, and the message names the line, never a value, because values are texts that people
//! wrote.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::Context as _;
use base::{
    error::{Code, Error, Result},
    settings::Language,
};
use ledger::insight::Insights;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, syntax::SyntaxConfig, value::Serde};
use serde::Deserialize;
use vendors::aircall::wire::Call;

use crate::describe::{self, Context};

const FRENCH: &str = include_str!("../templates/fr.j2");
const ENGLISH: &str = include_str!("../templates/en.j2");
const EXAMPLES: &str = include_str!("../templates/examples.json");
const LOG: &str = "log";

#[derive(Debug)]
pub(crate) struct Template {
    environment: Environment<'static>,
}

/// A call that a template is tried on. Its people are invented.
#[derive(Deserialize)]
pub(crate) struct Example {
    pub(crate) name: String,
    pub(crate) call: Call,
    #[serde(default)]
    pub(crate) insights: Insights,
    #[serde(default)]
    pub(crate) other_call: Option<i64>,
}

impl Example {
    pub(crate) fn context(&self, language: Language) -> Context {
        let style = crate::style(language);
        describe::context(&self.call, &self.insights, &style).beside(self.other_call, &style)
    }
}

pub(crate) fn examples() -> anyhow::Result<Vec<Example>> {
    serde_json::from_str(EXAMPLES).context("templates/examples.json")
}

impl Template {
    pub(crate) fn shipped(language: Language) -> anyhow::Result<Self> {
        let source = match language {
            Language::French => FRENCH,
            Language::English => ENGLISH,
        };
        Self::compile(source.into()).map_err(|problem| anyhow::anyhow!("the shipped template, {problem}"))
    }

    /// Reads the operator's own template. The error names the file, the line and what is wrong there.
    pub(crate) fn own(path: &Path, language: Language) -> anyhow::Result<Self, String> {
        let file = path.display();
        let source = fs::read_to_string(path).map_err(|e| format!("{file} cannot be read: {e}"))?;
        let source = source.trim_start_matches('\u{feff}');
        let template = Self::compile(source.into()).map_err(|problem| format!("{file}, {problem}"))?;
        let examples = examples().map_err(|e| format!("{e:#}"))?;
        template.check(source, &examples, language).map_err(|problem| format!("{file}, {problem}"))?;
        Ok(template)
    }

    fn compile(source: String) -> anyhow::Result<Self, String> {
        let mut environment = Environment::new();
        // A misspelled variable is an error, not an empty line in every log.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // A line with nothing but a tag leaves no empty line behind.
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|e| explained(&e))?);
        environment.add_template_owned(LOG, source).map_err(|e| explained(&e))?;
        Ok(Self { environment })
    }

    fn check(&self, source: &str, examples: &[Example], language: Language) -> anyhow::Result<(), String> {
        let mut known: BTreeSet<String> = self.environment.globals().map(|(name, _)| name.to_owned()).collect();
        for example in examples {
            let context = example.context(language);
            self.fill_in(&context).map_err(|e| format!("{} (tried on {})", explained(&e), example.name))?;
            known.extend(fields(&context));
        }
        // Checks the branches that no example takes.
        let template = self.environment.get_template(LOG).map_err(|e| explained(&e))?;
        let unknown: BTreeSet<_> =
            template.undeclared_variables(false).into_iter().filter(|name| !known.contains(name)).collect();
        match unknown.first() {
            Some(name) => Err(format!("line {}: there is no variable `{name}`", line_of(source, name))),
            None => Ok(()),
        }
    }

    fn fill_in(&self, context: &Context) -> std::result::Result<String, minijinja::Error> {
        self.environment.get_template(LOG)?.render(Serde(context))
    }

    pub(crate) fn render(&self, context: &Context) -> Result<String> {
        self.fill_in(context).map_err(|e| {
            let message = format!("the template of the log fails, line {}: {}", e.line().unwrap_or(0), e.kind());
            Error::park(Code::LogTemplate, message)
        })
    }
}

/// Explains the template engine's error to a person who writes a template. The text may quote values.
fn explained(e: &minijinja::Error) -> String {
    let what = match e.kind() {
        ErrorKind::UndefinedError => "there is no such variable or field".to_owned(),
        kind => kind.to_string(),
    };
    let detail = e.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("line {}: {what}{detail}", e.line().unwrap_or(0))
}

fn fields(context: &Context) -> Vec<String> {
    let fields = serde_json::to_value(context).unwrap_or_default();
    fields.as_object().into_iter().flat_map(|fields| fields.keys().cloned()).collect()
}

fn line_of(source: &str, name: &str) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    source.lines().position(|line| line.split(|c| !is_word(c)).any(|word| word == name)).map_or(0, |n| n + 1)
}

#[cfg(test)]
mod tests;

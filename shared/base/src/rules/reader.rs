//! Reads values of the file and collects what is wrong with them.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use jiff::SpanRelativeTo;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Mistake, folded, texts};
use crate::{
    phone::Region,
    said::{self, Sentence, Text, name},
};

/// The ledger hands what waits on again after longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(1_800);

/// The words for: logged or not.
pub(super) const LOGGED: [(&str, bool); 2] = [("log", true), ("nobody", false)];

pub(super) struct Reader<'t> {
    text: &'t str,
    pub(super) region: Region,
    mistakes: Vec<Mistake>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str, region: Region) -> Self {
        Self { text, region, mistakes: Vec::new() }
    }

    pub(super) fn mistake(&mut self, at: &Range<usize>, problem: impl Into<Text>, cure: impl Into<Text>) {
        let line = self.line(at);
        self.mistakes.push(Mistake { line, problem: problem.into(), cure: cure.into() });
    }

    fn line(&self, at: &Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..at.start).unwrap_or(self.text.as_bytes());
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// In the order of the file.
    pub(super) fn mistakes(self) -> Vec<Mistake> {
        let mut mistakes = self.mistakes;
        mistakes.sort();
        mistakes.dedup();
        mistakes
    }

    pub(super) fn table<'a, 'i>(
        &mut self,
        value: &'a Spanned<DeValue<'i>>,
        what: impl Into<Text>,
        cure: impl Into<Text>,
    ) -> Option<&'a DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.mistake(&value.span(), texts::NO_TABLE.with([what.into()]), cure);
        }
        table
    }

    pub(super) fn unknown(&mut self, key: &Spanned<impl AsRef<str>>, of: impl Into<Text>, known: &[&str]) {
        let problem = texts::NO_KEY.with([name(key.get_ref().as_ref()), of.into()]);
        self.mistake(&key.span(), problem, texts::write(texts::one_of(known)));
    }

    /// One of these words.
    pub(super) fn one_of<T: Copy>(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let found = value.get_ref().as_str().and_then(|text| choices.iter().find(|(word, _)| *word == text.trim()));
        if found.is_none() {
            let words: Vec<String> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let problem = texts::NO_SUCH_VALUE.with([name(key)]);
            self.mistake(&value.span(), problem, texts::write(texts::one_of(&words)));
        }
        found.map(|(_, choice)| *choice)
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, key: &str, value: &Spanned<DeValue<'_>>, such_as: Sentence) -> Option<String> {
        let text = value.get_ref().as_str().map(str::trim).filter(|text| !text.is_empty());
        if text.is_none() {
            self.mistake(&value.span(), texts::NO_TEXT.with([name(key)]), texts::write(such_as));
        }
        text.map(str::to_owned)
    }

    /// One text that is not empty, or a list of them.
    pub(super) fn texts(&mut self, key: &str, value: &Spanned<DeValue<'_>>, such_as: Sentence) -> Vec<String> {
        match value.get_ref().as_array() {
            Some(list) => list.iter().filter_map(|one| self.text(key, one, such_as)).collect(),
            None => self.text(key, value, such_as).into_iter().collect(),
        }
    }

    pub(super) fn span(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Duration> {
        let read = value.get_ref().as_str().and_then(|text| {
            let span: jiff::Span = text.trim().parse().ok()?;
            Duration::try_from(span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?).ok()
        });
        if read.is_none() {
            self.mistake(&value.span(), texts::NO_SPAN.with([name(key)]), texts::WRITE_SPAN);
        }
        read
    }

    /// How long something waits for what belongs to it.
    pub(super) fn after(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Duration> {
        let after = self.span("after", value)?;
        if after > LONGEST_WAIT {
            self.mistake(&value.span(), texts::TOO_LONG, texts::AT_MOST);
            return None;
        }
        Some(after)
    }

    /// The entries of a table whose keys are names, each once; names that differ only in case or blanks are the same.
    pub(super) fn named<'a, 'i>(
        &mut self,
        table: &'a DeTable<'i>,
        what: Sentence,
    ) -> Vec<(String, Range<usize>, &'a Spanned<DeValue<'i>>)> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut entries: Vec<_> =
            table.iter().map(|(key, value)| (key.get_ref().clone().into_owned(), key.span(), value)).collect();
        entries.sort_by_key(|(_, at, _)| at.start);
        entries.retain(|(name, at, _)| {
            let line = self.line(at);
            if folded(name).is_empty() {
                self.mistake(at, texts::NO_NAME.with([what.into()]), texts::WRITE_NAME);
                return false;
            }
            match seen.insert(folded(name), line) {
                None => true,
                Some(first) => {
                    self.mistake(at, texts::TWICE.with([what.into(), said::name(first)]), texts::ONE_LINE);
                    false
                }
            }
        });
        entries
    }
}

//! All problems of the settings, reported at once.

use std::fmt;

/// Everything that is wrong with the settings, one line each.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Problems(pub(super) Vec<String>);

impl Problems {
    /// A problem that only one worker finds, for example in a file that a setting names.
    pub fn one(problem: impl Into<String>) -> Self {
        Self(vec![problem.into()])
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// What a program that cannot start prints. `described_in` has the descriptions of the settings.
    pub fn cannot_start(&self, program: &str, described_in: &str) -> String {
        format!("{program} cannot start; correct these environment variables (see {described_in}):\n{self}")
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| writeln!(f, "  - {problem}"))
    }
}

impl std::error::Error for Problems {}

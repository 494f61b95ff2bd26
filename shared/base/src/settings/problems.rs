//! What is wrong with settings, all of it at once.

use std::fmt;

/// Everything that is wrong with the settings, a line each.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Problems(pub(super) Vec<String>);

impl Problems {
    /// For what only one worker can find out, when it reads a file that a setting names.
    pub fn one(problem: impl Into<String>) -> Self {
        Self(vec![problem.into()])
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| writeln!(f, "  - {problem}"))
    }
}

impl std::error::Error for Problems {}

//! Who acts by a command.

use clap::Args;

/// Who acts, for the story of the call and for the audit.
#[derive(Args, Default)]
pub(crate) struct Who {
    /// Who says so, for the story of the call [default: the name of this account]
    #[arg(long)]
    by: Option<String>,
}

impl Who {
    pub(crate) fn name(&self) -> String {
        let account = || std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_default();
        named(self.by.as_deref().unwrap_or(&account()), "callbridge")
    }
}

/// What a person gave as a name, as one short line.
pub(crate) fn named(text: &str, otherwise: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    let name: String = words.join(" ").chars().filter(|c| !c.is_control()).take(60).collect();
    if name.is_empty() { otherwise.to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_short_line() {
        for (text, expected) in [("Inès  Caron\n", "Inès Caron"), ("", "callbridge"), (" \u{1b} ", "callbridge")] {
            assert_eq!(named(text, "callbridge"), expected);
        }
        assert_eq!(named(&"a".repeat(500), "").len(), 60);
    }
}

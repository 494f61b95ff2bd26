//! `docs/errors.md` and `docs/errors.fr.md` have a heading for every code and no other, so that the reason of every dead letter can be looked up
//! in both languages. Nobody reads both when one is changed: so their commands, settings and headers are compared, section by section.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{collections::BTreeSet, path::Path};

use base::error::Code;

/// Each with the words by which its lists begin: what happens without anybody, and what helps.
const ENGLISH: (&str, [&str; 2]) = ("errors.md", ["- Automatically: ", "- You: "]);
const FRENCH: (&str, [&str; 2]) = ("errors.fr.md", ["- Automatiquement : ", "- Vous : "]);

fn text_of(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)).unwrap()
}

/// Heading and text of each section, in their order. What comes before the first code has the title as its heading.
fn sections(text: &str) -> Vec<(&str, &str)> {
    let first = text.trim_start_matches("# ");
    first.split("\n## ").map(|section| section.split_once('\n').unwrap_or((section, ""))).collect()
}

/// The codes that have a section, in the order of the document.
fn headings(text: &str) -> Vec<&str> {
    sections(text).into_iter().skip(1).map(|(heading, _)| heading).collect()
}

/// What stands between backticks, whether or not a line ends in it.
fn marks(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(|mark| mark.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn every_code_has_its_heading() {
    let mut codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    codes.sort_unstable();
    for (name, _) in [ENGLISH, FRENCH] {
        let text = text_of(name);
        let mut headings = headings(&text);
        headings.sort_unstable();
        assert_eq!(headings, codes, "{name}");
    }
}

#[test]
fn both_languages_have_the_same_sections_about_the_same_things() {
    let (english, french) = (text_of(ENGLISH.0), text_of(FRENCH.0));
    assert_eq!(headings(&french), headings(&english), "the order of the sections");
    for ((_, french), (heading, english)) in sections(&french).into_iter().zip(sections(&english)) {
        for text in [english, french] {
            assert!(text.matches('`').count().is_multiple_of(2), "{heading}: a backtick is alone");
        }
        let (french, english) = (marks(french), marks(english));
        let differ: Vec<_> = french.symmetric_difference(&english).collect();
        assert!(differ.is_empty(), "{heading}: only one language has {differ:?}");
    }
}

#[test]
fn every_section_says_what_happens_and_what_helps() {
    for (name, items) in [ENGLISH, FRENCH] {
        let text = text_of(name);
        for (heading, section) in sections(&text).into_iter().skip(1) {
            let listed: Vec<_> = section.lines().filter(|line| line.starts_with("- ")).collect();
            let fits =
                listed.len() == items.len() && listed.iter().zip(items).all(|(line, item)| line.starts_with(item));
            assert!(fits, "{name}, {heading}: should have {items:?}, has {listed:?}");
        }
    }
}

/// Typewriters and editors lose these: a line must not begin with a colon.
#[test]
fn french_has_its_own_punctuation() {
    let text = text_of(FRENCH.0);
    let prose: String = text.split('`').step_by(2).collect::<Vec<_>>().join("…");
    for line in prose.lines() {
        let line = FRENCH.1.iter().find_map(|item| line.strip_prefix(item)).unwrap_or(line);
        assert!(!line.contains('\''), "use ’ as the apostrophe: {line}");
        let lost = [" :", " ;", " !", " ?", " »", "« ", "\u{a0}"].into_iter().find(|lost| line.contains(lost));
        assert!(lost.is_none(), "use U+202F instead of the space in {lost:?}: {line}");
    }
}

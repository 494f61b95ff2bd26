//! docs/operating.md and docs/operating.fr.md say of every table what it holds about people and for how long: a table that is missing there is
//! one that nobody has thought about. Nobody reads both when one is changed: so their commands, settings and tables are compared, section by section.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{collections::BTreeSet, fs};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const ENGLISH: (&str, &str) = ("operating.md", "What is stored about people");
const FRENCH: (&str, &str) = ("operating.fr.md", "Ce qui est gardé sur les personnes");

fn text_of(name: &str) -> String {
    fs::read_to_string(format!("{ROOT}/docs/{name}")).unwrap()
}

/// Each with its heading, in their order. What comes before the first one has the title as its heading.
fn sections(text: &str) -> Vec<&str> {
    text.split("\n## ").flat_map(|section| section.split("\n### ")).collect()
}

/// What stands between backticks, whether or not a line ends in it: of the second piece on, every other one.
fn marks(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(|mark| mark.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// The lines to be typed, without the remarks beside them. What is further in goes on with an item of a list.
fn typed(text: &str) -> Vec<&str> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| !line.starts_with(' '));
    lines.map(|line| line.split(" # ").next().unwrap_or(line).trim_end()).collect()
}

#[test]
fn every_table_is_in_the_list_of_what_is_stored() {
    let mut created = BTreeSet::new();
    for file in fs::read_dir(format!("{ROOT}/shared/migrations")).unwrap() {
        let sql = fs::read_to_string(file.unwrap().path()).unwrap();
        let tables = sql.lines().filter_map(|line| line.strip_prefix("create table "));
        let names = tables.map(|table| table.trim_start_matches("if not exists ").split([' ', '(']).next().unwrap());
        created.extend(names.map(ToOwned::to_owned));
    }
    assert!(created.len() > 10, "{created:?}");
    for (name, heading) in [ENGLISH, FRENCH] {
        let text = text_of(name);
        let section = sections(&text).into_iter().find(|section| section.starts_with(heading)).unwrap();
        let named = marks(section);
        let missing: Vec<_> = created.difference(&named).collect();
        assert!(missing.is_empty(), "missing in {name} below \"{heading}\": {missing:?}");
    }
}

#[test]
fn both_languages_have_the_same_sections_about_the_same_things() {
    let (english, french) = (text_of(ENGLISH.0), text_of(FRENCH.0));
    let (english, french) = (sections(&english), sections(&french));
    assert_eq!(french.len(), english.len(), "how many sections");
    for (french, english) in french.into_iter().zip(english) {
        let heading = english.lines().next().unwrap_or_default();
        for text in [english, french] {
            assert!(text.matches('`').count().is_multiple_of(2), "{heading}: a backtick is alone");
        }
        assert_eq!(typed(french), typed(english), "{heading}");
        let differ: Vec<_> = marks(french).symmetric_difference(&marks(english)).cloned().collect();
        assert!(differ.is_empty(), "{heading}: only one language has {differ:?}");
    }
}

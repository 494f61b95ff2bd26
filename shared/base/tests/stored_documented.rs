//! docs/operating.md says of every table what it holds about people and for how long: a table that is missing there is one that nobody
//! has thought about.

use std::{collections::BTreeSet, fs};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const SECTION: &str = "## What is stored about people";

#[test]
fn every_table_is_in_the_list_of_what_is_stored() {
    let mut created = BTreeSet::new();
    for file in fs::read_dir(format!("{ROOT}/shared/migrations")).unwrap() {
        let sql = fs::read_to_string(file.unwrap().path()).unwrap();
        let tables = sql.lines().filter_map(|line| line.strip_prefix("create table "));
        let names = tables.map(|table| table.trim_start_matches("if not exists ").split([' ', '(']).next().unwrap());
        created.extend(names.map(ToOwned::to_owned));
    }
    let operating = fs::read_to_string(format!("{ROOT}/docs/operating.md")).unwrap();
    let (_, section) = operating.split_once(SECTION).unwrap();
    let section = section.split("\n## ").next().unwrap();
    // Of the second piece on, every other one is between backticks.
    let named: BTreeSet<String> = section.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect();
    let missing: Vec<_> = created.difference(&named).collect();
    assert!(created.len() > 10 && missing.is_empty(), "missing below \"{SECTION}\": {missing:?}");
}

//! `docs/errors.md` has a heading for every code and no other, so that the reason of every dead letter can be looked up.

use std::path::Path;

use base::error::Code;

#[test]
fn every_code_has_its_heading() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    let text = std::fs::read_to_string(file).unwrap();
    let mut headings: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let mut codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    headings.sort_unstable();
    codes.sort_unstable();
    assert_eq!(headings, codes);
}

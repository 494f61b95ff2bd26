//! Puts a measured table into `docs/faults.md`, between the two comments that bear its name.
//!
//! If only some of its rows were measured again, the others stay.

use anyhow::{Context, Result};
use harness::workspace;

pub(crate) fn write(name: &str, header: &[&str], rows: &[Vec<String>], keep: bool) -> Result<()> {
    let file = workspace().join("docs/faults.md");
    let text = std::fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?;
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let (before, rest) = text.split_once(&begin).with_context(|| format!("no {begin}"))?;
    let (present, after) = rest.split_once(&end).with_context(|| format!("no {end}"))?;
    let measured: Vec<String> = rows.iter().map(|row| format!("| {} |\n", row.join(" | "))).collect();
    let is_same = |one: &str, other: &str| one.split(" |").next() == other.split(" |").next();
    // After the header and the line below it.
    let before_that = present.split_inclusive('\n').filter(|line| line.starts_with('|')).skip(2);
    let mut lines: Vec<String> = before_that.filter(|_| keep).map(ToOwned::to_owned).collect();
    for row in measured {
        match lines.iter_mut().find(|line| is_same(line, &row)) {
            Some(line) => *line = row,
            None => lines.push(row),
        }
    }
    let table = format!("| {} |\n|{}\n{}", header.join(" | "), " --- |".repeat(header.len()), lines.concat());
    let when = jiff::Timestamp::now().strftime("%Y-%m-%d");
    Ok(std::fs::write(&file, format!("{before}{begin}Measured on {when}.\n\n{table}{end}{after}"))?)
}

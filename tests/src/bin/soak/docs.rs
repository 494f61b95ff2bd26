//! Puts a table that was measured into `docs/faults.md`, between the two comments that bear its name.

use anyhow::{Context, Result};
use tests::workspace;

pub(crate) fn write(name: &str, header: &[&str], rows: &[Vec<String>]) -> Result<()> {
    let file = workspace().join("docs/faults.md");
    let text = std::fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?;
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let (before, rest) = text.split_once(&begin).with_context(|| format!("no {begin}"))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("no {end}"))?;
    let mut table = format!("| {} |\n|{}\n", header.join(" | "), " --- |".repeat(header.len()));
    for row in rows {
        table += &format!("| {} |\n", row.join(" | "));
    }
    let when = jiff::Timestamp::now().strftime("%Y-%m-%d");
    Ok(std::fs::write(&file, format!("{before}{begin}Measured on {when}.\n\n{table}{end}{after}"))?)
}

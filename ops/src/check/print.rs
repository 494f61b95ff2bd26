//! Prints the findings as a table for people, or as JSON for programs.

use base::say;
use comfy_table::{Cell, Color, Table};
use serde_json::json;

use super::{Finding, State};

pub(super) fn json(findings: &[Finding]) -> anyhow::Result<()> {
    let works = findings.iter().all(|f| matches!(f.verdict.state, State::Ok | State::Warning));
    say!("{}", serde_json::to_string_pretty(&json!({ "works": works, "findings": findings }))?);
    Ok(())
}

pub(super) fn table(findings: &[Finding]) {
    say!("{}", rendered(findings));
    let count = |state| findings.iter().filter(|f| f.verdict.state == state).count();
    let (failed, skipped, warnings) = (count(State::Failed), count(State::NotChecked), count(State::Warning));
    if failed + skipped + warnings == 0 {
        say!("Everything works.");
    } else {
        say!("{failed} failed, {skipped} not checked, {warnings} warnings, {} ok.", count(State::Ok));
    }
}

fn rendered(findings: &[Finding]) -> Table {
    let mut table = crate::table(["", "what", "result", "how to fix it"]);
    for Finding { what, verdict } in findings {
        let (symbol, word, colour) = match verdict.state {
            State::Ok => ("✔", "ok", Color::Green),
            State::Warning => ("!", "warning", Color::Yellow),
            State::Failed => ("✘", "failed", Color::Red),
            State::NotChecked => ("–", "not checked", Color::DarkGrey),
        };
        let says = format!("{word}: {}", verdict.says);
        let cells = [symbol, what, &says].map(|text| Cell::new(text).fg(colour));
        let cure = Cell::new(verdict.cure.as_deref().unwrap_or_default());
        table.add_row(cells.into_iter().chain([cure]));
    }
    table
}

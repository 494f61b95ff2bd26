//! Prints the findings as a table for people, or as JSON for programs.

use base::say;
use comfy_table::{Cell, Color, Table};

use super::{Finding, State, report};

pub(super) fn json(findings: &[Finding]) -> anyhow::Result<()> {
    say!("{}", serde_json::to_string_pretty(&report(findings))?);
    Ok(())
}

pub(super) fn table(findings: &[Finding]) {
    say!("{}\n{}", rendered(findings), summary(findings));
}

fn summary(findings: &[Finding]) -> String {
    let count = |state| findings.iter().filter(|f| f.verdict.state == state).count();
    let [failed, skipped, warnings, ok] = [State::Failed, State::NotChecked, State::Warning, State::Ok].map(count);
    let all = if failed + skipped + warnings == 0 { "Everything works. " } else { "" };
    format!("{all}{failed} failed, {skipped} not checked, {warnings} warnings, {ok} ok.")
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
        let says = format!("{word}: {}", verdict.says.english);
        let cells = [symbol, &what.english, &says].map(|text| Cell::new(text).fg(colour));
        let cure = Cell::new(verdict.cure.as_ref().map(|cure| cure.english.as_str()).unwrap_or_default());
        table.add_row(cells.into_iter().chain([cure]));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{
        Verdict,
        said::{Text, name},
    };

    #[test]
    fn the_last_line_says_how_many_of_each() {
        let finding =
            |state| Finding { what: name("x"), verdict: Verdict { state, says: Text::default(), cure: None } };
        let of = |states: &[State]| summary(&states.iter().map(|state| finding(*state)).collect::<Vec<_>>());
        assert_eq!(of(&[State::Ok, State::Ok]), "Everything works. 0 failed, 0 not checked, 0 warnings, 2 ok.");
        let all = [State::Failed, State::NotChecked, State::NotChecked, State::Warning, State::Ok];
        assert_eq!(of(&all), "1 failed, 2 not checked, 1 warnings, 1 ok.");
        assert!(all.is_sorted(), "the worst comes first");
    }
}

//! The command line as a new user sees it: promised commands exist, and every help text has examples that work.

use clap::{Command, CommandFactory};

use super::Cli;

/// The commands that the documents promise.
const PROMISED: [&str; 23] = [
    "check",
    "explain",
    "call",
    "calls",
    "dead list",
    "dead show",
    "dead replay",
    "dead drop",
    "backfill",
    "budget",
    "webhook install",
    "webhook status",
    "directory sync",
    "directory status",
    "forget",
    "rules check",
    "rules try",
    "console",
    "ready",
    "completions",
    "contract",
    "manual",
    "prove",
];

fn all<'a>(command: &'a Command, path: &str, found: &mut Vec<(String, &'a Command)>) {
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let path = format!("{path} {}", sub.get_name()).trim().to_owned();
        found.push((path.clone(), sub));
        all(sub, &path, found);
    }
}

#[test]
fn every_command_that_is_promised_is_there() {
    let (cli, mut found) = (Cli::command(), Vec::new());
    all(&cli, "", &mut found);
    for promised in PROMISED {
        assert!(found.iter().any(|(path, _)| path == promised), "callbridge {promised}");
    }
}

/// A help text without an example leaves a new user guessing; an example that does not parse is worse.
#[test]
fn every_help_has_examples_that_parse() {
    let (cli, mut found) = (Cli::command(), Vec::new());
    all(&cli, "", &mut found);
    for (path, command) in found {
        let help = command.clone().render_long_help().to_string();
        let (_, after) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("callbridge {path} has no examples"));
        let examples: Vec<_> = after.lines().take_while(|line| line.starts_with("  ")).map(str::trim).collect();
        assert!(!examples.is_empty(), "{path}");
        for example in examples.iter().filter(|example| example.starts_with("callbridge")) {
            let line = example.split(['|', '>']).next().unwrap_or_default();
            let parsed = Cli::command().try_get_matches_from(words(line));
            assert!(parsed.is_ok(), "{example}: {}", parsed.err().map(|e| e.to_string()).unwrap_or_default());
            assert!(example.contains(&path), "{example} is an example of {path}");
        }
        assert!(command.get_about().is_some(), "{path} says what it is for");
    }
}

/// Splits a line as a shell would; knows double quotes only.
fn words(line: &str) -> Vec<String> {
    let quoted = line.split('"').enumerate();
    let words = quoted.flat_map(|(n, part)| match n % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

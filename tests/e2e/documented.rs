//! Every `callbridge` command that a document shows: its words and flags exist, and those in blocks, which people copy, are run.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result, ensure};
use harness::{Stack, build::call, workspace};

use crate::{CLIENT, SOON};

/// They wait for a person, or for ever, or open pages of the real Sellsy; tests of their own run them.
const NOT_RUN: [&str; 3] = ["console", "prove", "setup"];
/// What a document writes for what its reader has, and what stands for it here.
const PLACEHOLDERS: [(&str, &str); 4] = [
    ("CODE", "SELLSY_FORBIDDEN"),
    ("NAME", "helpdesk"),
    ("<number>", "+33639984107"),
    ("<number or call id>", "+33639984107"),
];
/// Its blocks are pictures.
const PICTURES: &str = "architecture.md";

/// A command and where it stands.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shown {
    words: Vec<String>,
    in_block: bool,
}

/// All commands of a document: in blocks, which are indented, and between backticks.
fn shown(text: &str) -> BTreeSet<Shown> {
    let mut all = BTreeSet::new();
    for line in text.lines() {
        if let Some(block) = line.strip_prefix("    ") {
            let at =
                block.find("callbridge ").filter(|at| block[..*at].chars().last().is_none_or(|c| " /".contains(c)));
            // Another program's argument: kubectl -n callbridge, the name of a folder.
            let is_ours = at.is_some_and(|at| !block[..at].trim_end().ends_with("-n"));
            if let Some(at) = at.filter(|_| is_ours) {
                all.insert(Shown { words: words(&block[at..]), in_block: true });
            }
            continue;
        }
        for code in line.split('`').skip(1).step_by(2).filter(|code| code.starts_with("callbridge ")) {
            all.insert(Shown { words: words(code), in_block: false });
        }
    }
    all.retain(|shown| !shown.words.is_empty());
    all
}

/// The words after `callbridge`, as a shell splits them, up to a comment, a pipe or a redirection.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let (mut quote, mut blanks) = (None, 0);
    for c in command.chars() {
        match (c, quote) {
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            // <call>: what stands between is one word.
            ('<', None) => (quote, word) = (Some('>'), format!("{word}<")),
            (' ', None) => {
                blanks += 1;
                words.push(std::mem::take(&mut word));
                // What follows many blanks is said about it.
                if blanks > 2 {
                    break;
                }
                continue;
            }
            ('|' | '>' | '&' | ';' | '#' | '…' | '(' | ')', None) => break,
            (c, _) => word.push(c),
        }
        blanks = 0;
    }
    words.push(word);
    words.into_iter().filter(|word| !word.is_empty()).skip(1).collect()
}

fn documents() -> Result<Vec<(String, BTreeSet<Shown>)>> {
    let root = workspace();
    let mut files = vec![root.join("README.md"), root.join("README.fr.md"), root.join("sandbox/README.md")];
    for entry in fs::read_dir(root.join("docs"))? {
        files.push(entry?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "md"));
    files.sort();
    let read = |file: &Path| -> Result<(String, BTreeSet<Shown>)> {
        let name = file.file_name().context("a name")?.to_string_lossy().into_owned();
        Ok((name, shown(&fs::read_to_string(file)?)))
    };
    files.iter().map(|file| read(file)).collect()
}

#[tokio::test]
async fn every_command_in_a_document_works() -> Result<()> {
    let (stack, workers) = Stack::running("documented").await?;
    let id = stack.sandbox.play(&call(CLIENT).at_once()).await?;
    stack.sandbox.logged(id, SOON).await?;
    let rules = workspace().join("deploy/rules.example.toml");
    let (mut faults, mut known, mut run) = (Vec::new(), BTreeSet::new(), 0);
    for (document, commands) in documents()? {
        for Shown { words, in_block } in commands {
            let stands_for = |word: &String| match word.as_str() {
                "rules.toml" => rules.display().to_string(),
                "ID" | "CALL" | "<id" | "<call" => id.to_string(),
                word => {
                    let known = PLACEHOLDERS.iter().find(|(placeholder, _)| placeholder.trim_end_matches('>') == word);
                    known.map_or(word, |(_, stands_for)| stands_for).to_owned()
                }
            };
            let in_block = in_block && document != PICTURES;
            let mut words: Vec<String> = words.iter().map(stands_for).collect();
            // `backfill --since` is the name of an option, without its value.
            if !in_block && words.len() > 1 && words.last().is_some_and(|word| word.starts_with("--")) {
                words.pop();
            }
            if !known.insert((words.clone(), in_block)) {
                continue;
            }
            let help: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
            let (said, good) = stack.callbridge(&help).await?;
            if !good {
                faults.push(format!("{document}: callbridge {}: {said}", words.join(" ")));
                continue;
            }
            if in_block && !NOT_RUN.contains(&words[0].as_str()) {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                let (said, _) = stack.callbridge(&words).await?;
                run += 1;
                // No answer is an answer; a word that the command does not know is not.
                if said.contains("Usage: callbridge") || said.contains("panicked") || said.is_empty() {
                    faults.push(format!("{document}: callbridge {}: {said:?}", words.join(" ")));
                }
            }
        }
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    ensure!(run >= 30, "only {run} commands stand in blocks");
    drop(workers);
    stack.down().await
}

#[test]
fn commands_are_read_as_a_shell_reads_them() {
    let read =
        |text: &str| shown(text).into_iter().map(|shown| (shown.words.join("·"), shown.in_block)).collect::<Vec<_>>();
    for (text, words, in_block) in [
        ("    callbridge calls --since 7d   # all", "calls·--since·7d", true),
        ("    callbridge explain \"06 39 98 41 07\"    where it goes", "explain·06 39 98 41 07", true),
        ("    docker compose run --rm console callbridge check | less", "check", true),
        ("see `callbridge dead replay --code X`, then", "dead·replay·--code·X", false),
        ("`callbridge webhook install --url …`", "webhook·install·--url", false),
        ("`callbridge explain <number or call id> --json`", "explain·<number or call id·--json", false),
    ] {
        assert_eq!(read(text), [(words.to_owned(), in_block)], "{text}");
    }
    assert!(read("    kubectl -n callbridge get pods\nthe file `callbridge.env`").is_empty());
}

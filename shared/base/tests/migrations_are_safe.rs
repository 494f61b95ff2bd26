//! A migration runs while workers of the previous version are running, on tables that may have millions of rows. This test
//! reads every statement and finds those that block or break the workers; `migrations/README.md` says what to write instead.
//!
//! An exception needs a comment above the statement: `-- lint: allow RULE: reason`.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    collections::{BTreeSet, HashSet},
    fs,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");

/// Exceptions in migrations older than this test, which cannot get a comment: an applied migration must never change.
const BEFORE: [(&str, &str, &str); 8] = [
    ("V2__directory.sql", "index", "before the first release"),
    ("V5__writes.sql", "rows", "before the first release"),
    ("V7__reconciliation.sql", "index", "before the first release"),
    ("V9__console.sql", "rewrite", "before the first release; since V13 a trigger keeps these columns"),
    ("V9__console.sql", "index", "before the first release"),
    ("V10__erasure.sql", "index", "before the first release; V12 drops it"),
    ("V12__plans.sql", "index", "before the first release"),
    ("V13__search_columns.sql", "drop", "only the expressions: a trigger fills the columns from then on"),
];

/// The words of a statement, in lower case and without comments, string literals and bodies of functions.
#[derive(Default)]
struct Statement {
    words: Vec<String>,
    /// What follows `-- lint: allow ` in its comments and in those above it.
    allowed: Vec<String>,
}

fn statements(sql: &str) -> Vec<Statement> {
    let (mut all, mut now, mut rest) = (Vec::new(), Statement::default(), sql);
    let in_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    while let Some(c) = rest.chars().next() {
        // The length of a piece that starts with `open` bytes and ends with `close`, or at the end of the file.
        let until =
            |open: usize, close: &str| rest[open..].find(close).map_or(rest.len(), |at| open + at + close.len());
        let tag = || Some(&rest[..rest[1..].find('$')? + 2]).filter(|tag| tag.trim_matches('$').chars().all(in_word));
        let length = if rest.starts_with("--") {
            let comment = &rest[..until(2, "\n")];
            now.allowed.extend(comment.strip_prefix("-- lint: allow ").map(|allowed| allowed.trim().to_owned()));
            comment.len()
        } else if rest.starts_with("/*") {
            until(2, "*/")
        } else if c == '\'' {
            // A doubled quote ends one literal and begins the next.
            until(1, "'")
        } else if let Some(tag) = (c == '$').then(tag).flatten() {
            until(tag.len(), tag)
        } else if c == ';' {
            all.push(std::mem::take(&mut now));
            1
        } else if in_word(c) {
            let word = &rest[..rest.find(|c| !in_word(c)).unwrap_or(rest.len())];
            now.words.push(word.to_lowercase());
            word.len()
        } else {
            // Quotes around a name are dropped: it is a word like any other.
            now.words.extend((!c.is_whitespace() && c != '"').then(|| c.to_string()));
            c.len_utf8()
        };
        rest = &rest[length..];
    }
    all.push(now);
    all
}

/// The name of the table at `at`, and the words after it.
fn named<'a>(words: &'a [&'a str], at: usize) -> (&'a str, &'a [&'a str]) {
    let before = words[at..].iter().take_while(|word| ["if", "not", "exists", "only"].contains(word)).count();
    let name = words.get(at + before).unwrap_or(&"");
    (name.rsplit('.').next().unwrap(), words.get(at + before + 1..).unwrap_or_default())
}

/// The rules that a statement breaks. `new` are the tables that its file has created: no worker uses them yet.
fn broken(words: &[&str], new: &mut HashSet<String>) -> Vec<&'static str> {
    let rules = |table: &str, rules: Vec<&'static str>| if new.contains(table) { vec![] } else { rules };
    match words {
        ["create", "table", ..] => {
            new.insert(named(words, 2).0.to_owned());
            vec![]
        }
        ["create", "index", ..] | ["create", "unique", "index", ..] => {
            let on = words.iter().position(|word| *word == "on").unwrap();
            rules(named(words, on + 1).0, vec!["index"])
        }
        ["alter", "table", ..] => {
            let ((table, what), mut depth) = (named(words, 2), 0);
            let actions = what.split(|word| {
                depth += i32::from(*word == "(") - i32::from(*word == ")");
                *word == "," && depth == 0
            });
            rules(table, actions.flat_map(broken_by_action).collect())
        }
        ["drop", "index", ..] => vec![],
        ["drop" | "truncate", ..] => vec!["drop"],
        ["update", ..] => rules(named(words, 1).0, vec!["rows"]),
        ["delete", ..] => rules(named(words, 2).0, vec!["rows"]),
        // Which table these change, and how, is not analysed.
        ["with" | "merge" | "do", ..] => vec!["rows"],
        ["lock" | "vacuum" | "cluster" | "reindex" | "refresh", ..] => vec!["lock"],
        ["alter", ..] if words.contains(&"rename") => vec!["rename"],
        _ => vec![],
    }
}

/// The rules that one part of `alter table NAME ..., ...` breaks.
fn broken_by_action(action: &[&str]) -> Vec<&'static str> {
    let has = |wanted: &[&str]| action.windows(wanted.len()).any(|words| words == wanted);
    let any = |wanted: &[&str]| wanted.iter().any(|word| action.contains(word));
    // A function other than now() may give each row a value of its own, so every row is rewritten.
    let calls = |words: &[&str]| words.windows(2).any(|two| two[1] == "(" && !["default", "now"].contains(&two[0]));
    let serial = any(&["serial", "bigserial", "smallserial"]);
    let default = action.iter().position(|word| *word == "default");
    let computed = any(&["stored", "identity"]) || serial || default.is_some_and(|at| calls(&action[at..]));
    let found = match action {
        ["add", "constraint" | "check" | "foreign" | "unique" | "primary" | "exclude", ..] => {
            vec![("constraint", !has(&["not", "valid"]) && !has(&["using", "index"]))]
        }
        ["add", ..] => vec![
            ("rewrite", computed),
            ("required", has(&["not", "null"]) && default.is_none() && !computed),
            ("constraint", any(&["references", "check", "unique", "primary"])),
        ],
        ["alter", ..] => vec![
            ("type", any(&["type"])),
            ("not-null", has(&["set", "not", "null"])),
            ("drop", has(&["drop", "default"]) || has(&["drop", "expression"])),
        ],
        ["drop", "constraint", ..] => vec![],
        ["drop", ..] => vec![("drop", true)],
        ["rename", ..] => vec![("rename", true)],
        ["set", "logged" | "unlogged" | "tablespace" | "access", ..] => vec![("rewrite", true)],
        _ => vec![],
    };
    found.into_iter().filter(|(_, breaks)| *breaks).map(|(rule, _)| rule).collect()
}

/// The rules that a file breaks without an exception, and the exceptions that are wrong.
fn lint(sql: &str) -> Vec<String> {
    let (mut found, mut new) = (Vec::new(), HashSet::new());
    for Statement { words, allowed } in statements(sql) {
        let mut rules = broken(&words.iter().map(String::as_str).collect::<Vec<_>>(), &mut new);
        rules.sort_unstable();
        rules.dedup();
        for exception in allowed {
            let broken =
                exception.split_once(": ").and_then(|(rule, _)| rules.iter().position(|broken| *broken == rule));
            match broken {
                Some(at) => drop(rules.remove(at)),
                None => {
                    found.push(format!("`allow {exception}` gives no reason, or the statement below does not need it"));
                }
            }
        }
        found.extend(rules.into_iter().map(ToOwned::to_owned));
    }
    found
}

#[test]
fn every_migration_is_safe_or_says_why_not() {
    let files = fs::read_dir(FOLDER).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let (mut versions, mut found) = (Vec::new(), Vec::new());
    for file in files.filter(|file| file != "README.md") {
        let name = file.strip_prefix('V').and_then(|name| name.strip_suffix(".sql")?.split_once("__"));
        let words =
            |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || "_0123456789".contains(c));
        match name.filter(|(_, name)| words(name)).and_then(|(version, _)| version.parse::<usize>().ok()) {
            Some(version) => versions.push(version),
            None => found.push(format!("{file} is not called V<number>__<words>.sql")),
        }
        let sql = fs::read_to_string(format!("{FOLDER}/{file}")).unwrap();
        found.extend(lint(&sql).into_iter().map(|rule| format!("{file}: {rule}")));
    }
    for (file, rule, _) in BEFORE {
        let known = format!("{file}: {rule}");
        assert!(found.contains(&known), "{known}: this exception is not needed");
        found.retain(|finding| *finding != known);
    }
    assert!(found.is_empty(), "see shared/migrations/README.md:\n{}", found.join("\n"));
    versions.sort_unstable();
    assert_eq!(versions, (1..=versions.len()).collect::<Vec<_>>(), "versions follow one another, each once");
}

#[test]
fn each_rule_finds_its_own_statements_and_no_others() {
    let safe = "create table a (id bigint primary key, b text not null unique check (b <> ''));
                create index on a (b); alter table only a add c uuid not null default gen_random_uuid(); update a set b = 'x';
                alter table calls add column c text, add d int not null default 1, add e timestamptz default now();
                alter table calls add constraint c check (d > 0) not valid; alter table calls validate constraint c;
                alter table calls add unique using index d, drop constraint c, alter c set default 'drop table calls; ';
                create function f() returns trigger language plpgsql as $body$ begin delete from calls; end $body$;
                drop index d; /* lock table calls; */ comment on table calls is 'it''s; lock table calls'; -- vacuum;";
    assert_eq!(lint(safe), [""; 0]);
    let cases = [
        ("drop table if exists calls", "drop"),
        ("truncate calls", "drop"),
        ("alter table calls drop column c", "drop"),
        ("alter table calls add c numeric(4, 2), drop d", "drop"),
        ("alter table calls alter c drop default", "drop"),
        ("drop function budget_take", "drop"),
        ("alter table calls rename c to d", "rename"),
        ("ALTER TABLE \"calls\" RENAME TO d", "rename"),
        ("alter function budget_take rename to d", "rename"),
        ("alter table calls alter column c type bigint", "type"),
        ("alter table calls alter c set data type bigint", "type"),
        ("alter table calls alter c set not null", "not-null"),
        ("alter table calls add c text not null", "required"),
        ("alter table calls add c uuid default gen_random_uuid()", "rewrite"),
        ("alter table public.calls add column if not exists c text generated always as (a || b) stored", "rewrite"),
        ("alter table calls add c bigint generated always as identity", "rewrite"),
        ("alter table calls add c bigserial not null", "rewrite"),
        ("alter table calls set unlogged", "rewrite"),
        ("alter table calls add constraint c check (d > 0)", "constraint"),
        ("alter table calls add unique (c)", "constraint"),
        ("alter table calls add c bigint references records", "constraint"),
        ("create index on calls (c)", "index"),
        ("create unique index if not exists c on only calls (c)", "index"),
        ("update calls set c = 1", "rows"),
        ("delete from only calls", "rows"),
        ("do $$ begin drop table calls; end $$", "rows"),
        ("lock table calls", "lock"),
        ("cluster calls using c", "lock"),
        ("vacuum", "lock"),
    ];
    for (sql, rule) in cases {
        assert_eq!(lint(sql), [rule], "{sql}");
        let why = format!("-- lint: allow {rule}: it is small\n");
        assert_eq!(lint(&format!("{why}{sql};{safe}")), [""; 0], "{sql}");
        let elsewhere = lint(&format!("{why}create table b (c int);{sql}"));
        let without_reason = lint(&format!("-- lint: allow {rule}\n{sql}"));
        assert_eq!((elsewhere.len(), without_reason.len()), (2, 2), "{sql}: the rule, and the useless exception");
    }
    let readme = fs::read_to_string(format!("{FOLDER}/README.md")).unwrap();
    let explained: BTreeSet<_> =
        readme.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |")).map(|(rule, _)| rule).collect();
    assert_eq!(explained, cases.iter().map(|(_, rule)| *rule).collect(), "README.md explains each rule");
}

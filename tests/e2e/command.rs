//! The command as scripts and hurried people use it: a pipe that is closed, a full disk, arguments that mean nothing, services that do not answer.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use harness::{Stack, build::call, program};
use serde_json::Value;

use crate::{CLIENT, SOON};

/// How a program ended that was started in a way of its own.
struct Ended {
    code: Option<i32>,
    /// What it printed beside its answer.
    beside: String,
}

/// Runs one of our programs with only this environment, and its answer written there.
async fn run(
    name: &str,
    arguments: &[&str],
    environment: &BTreeMap<String, String>,
    to: impl Into<Stdio>,
) -> Result<Ended> {
    let mut command = Command::new(program(name).await?);
    command.args(arguments).env_clear().envs(environment).stdin(Stdio::null()).stdout(to).stderr(Stdio::piped());
    let child = command.spawn().context("it does not start")?;
    let output = tokio::task::spawn_blocking(|| child.wait_with_output()).await??;
    Ok(Ended { code: output.status.code(), beside: String::from_utf8_lossy(&output.stderr).into_owned() })
}

/// A pipe from which nobody reads any more, as after `| head -1`.
fn closed() -> Result<Stdio> {
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    Ok(writer.into())
}

/// A disk without any room.
fn full() -> Result<File> {
    Ok(OpenOptions::new().write(true).open("/dev/full")?)
}

#[tokio::test]
async fn what_nobody_reads_any_more_is_not_missed() -> Result<()> {
    let nothing = BTreeMap::new();
    let rules = harness::workspace().join("deploy/rules.example.toml").display().to_string();
    for (name, arguments) in [
        ("callbridge", &["completions", "bash"][..]),
        ("callbridge", &["--help"]),
        ("callbridge", &["rules", "check", &rules]),
        ("callbridge", &["rules", "check", &rules, "--json"]),
        ("logger", &["preview", "fr"]),
        ("demo", &["--help"]),
    ] {
        let Ended { code, beside } = run(name, arguments, &nothing, closed()?).await?;
        ensure!(code == Some(0) && beside.is_empty(), "{name} {arguments:?}: {code:?} {beside}");
    }
    // What could not be written for another reason is missed.
    for (name, arguments) in [("callbridge", &["completions", "bash"][..]), ("logger", &["preview", "fr"])] {
        let Ended { code, beside } = run(name, arguments, &nothing, full()?).await?;
        let says = format!("{name}: the output could not be written: ");
        ensure!(code == Some(1) && beside.starts_with(&says), "{name} {arguments:?}: {code:?} {beside}");
    }
    Ok(())
}

/// `--help` helps, and runs nothing; nor does an argument that means nothing.
#[tokio::test]
async fn every_program_helps_and_takes_no_argument_that_it_does_not_know() -> Result<()> {
    let nothing = BTreeMap::new();
    let workers = ["ingest", "resolver", "logger", "insights", "followups"];
    let programs = workers.into_iter().chain(["callbridge", "sandbox", "demo", "bench", "soak", "play"]);
    let all = programs.map(|name| (name, None)).chain([("logger", Some("preview"))]);
    for (name, mode) in all {
        let arguments = |last| mode.into_iter().chain([last]).collect::<Vec<_>>();
        let output = Command::new(program(name).await?).args(arguments("--help")).env_clear().output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let helps = output.status.code() == Some(0) && said.contains("Usage: ") && output.stderr.is_empty();
        ensure!(helps, "{name} {mode:?}: {output:?}");
        let Ended { code, beside } = run(name, &arguments("--no-such"), &nothing, Stdio::null()).await?;
        ensure!(code == Some(2) && beside.contains("sage"), "{name} {mode:?}: {code:?} {beside}");
    }
    Ok(())
}

#[tokio::test]
async fn every_command_ends_quietly_when_nobody_reads_any_more() -> Result<()> {
    let (stack, workers) = Stack::running("closed").await?;
    let call = stack.sandbox.play(&call(CLIENT)).await?;
    stack.sandbox.logged(call, 2 * SOON).await?;
    let call = call.to_string();
    for arguments in [
        &["backfill", "--since", "1d", "--dry-run"][..],
        &["budget"],
        &["call", &call],
        &["call", &call, "--json"],
        &["check"],
        &["dead", "list"],
        &["directory", "status"],
        &["directory", "sync"],
        &["directory", "unread"],
        &["explain", &call],
        &["explain", CLIENT],
        &["messages"],
        &["migrate", "--plan"],
        &["missed"],
        &["pin", CLIENT, "individual:2001"],
        &["pins"],
        &["prospects"],
        &["ready", &format!("{}/readyz", workers[0].url)],
        &["relink", &call, "--to", "individual:2001"],
        &["unpin", CLIENT],
        &["webhook", "status"],
    ] {
        let Ended { code, beside } = run("callbridge", arguments, &stack.environment, closed()?).await?;
        ensure!(code == Some(0) && !beside.contains("panicked"), "{arguments:?}: {code:?} {beside}");
    }
    // Nor does it mind if nobody reads what went wrong.
    let mut command = Command::new(program("callbridge").await?);
    command.args(["call", "77"]).env_clear().envs(&stack.environment).stdout(closed()?).stderr(closed()?);
    let ended = tokio::task::spawn_blocking(move || command.status()).await??;
    assert_eq!(ended.code(), Some(1));
    // A command that does something does it to the end.
    let Ended { code, beside } = run("callbridge", &["forget", CLIENT, "--yes"], &stack.environment, closed()?).await?;
    ensure!(code == Some(0), "{beside}");
    let row = stack.ledger().await?.call(call.parse()?).await?.context("its row stays")?;
    ensure!(row.erased, "{row:?}");
    drop(workers);
    stack.down().await
}

/// Runs the command, which has to end with this exit code and say this beside its answer.
async fn ends(environment: &BTreeMap<String, String>, arguments: &[&str], code: i32, says: &str) -> Result<()> {
    let ended = run("callbridge", arguments, environment, Stdio::null()).await?;
    let is_so = ended.code == Some(code) && ended.beside.contains(says);
    ensure!(is_so, "callbridge {arguments:?}: {:?} instead of {code}, {says:?} in\n{}", ended.code, ended.beside);
    Ok(())
}

const ID: &str = "write Aircall's id of the call, digits such as 3811600001";
const WHEN: &str = "it must be a date such as 2026-11-01";
const RECORD: &str = "write the kind and Sellsy's id";
const URL: &str = "it must be https://<your host>/webhooks/aircall";
const NUMBER: &str = "that is not a phone number: write it with + and the country code";

/// Before anything is connected to, and whatever the settings are.
#[tokio::test]
async fn a_wrong_argument_is_answered_with_what_to_write() -> Result<()> {
    let nothing = BTreeMap::from([("RUST_LOG".to_owned(), "loud".to_owned())]);
    for (arguments, says) in [
        (&["backfill", "--since", "soon"][..], WHEN),
        (&["backfill", "--since", "1d", "--until", "soon"], WHEN),
        (&["call", "abc"], ID),
        (&["call", "0"], ID),
        (&["call", "abc"], "or the id of a conversation, as `callbridge messages` shows it"),
        (&["call", "99999999999999999999"], ID),
        (&["dead", "list", "--stage", "x"], "possible values: ingest"),
        (&["dead", "list", "--code", "x"], "docs/errors.md lists them all"),
        (&["dead", "replay"], "required"),
        (&["explain", "abc"], "neither a call id nor a phone number"),
        (&["explain", "99999999999999999999"], "neither a call id nor a phone number"),
        (&["messages", "--since", "soon"], WHEN),
        (&["missed", "--since", "soon"], WHEN),
        (&["pin", CLIENT, "2005"], RECORD),
        (&["prospects", "--since", "soon"], WHEN),
        (&["prospects", "undo", "abc"], ID),
        (&["ready", "ingest:8080"], "only plain http is asked"),
        (&["ready", "https://ingest/readyz"], "only plain http is asked"),
        (&["relink", "abc", "--to", "individual:2005"], ID),
        (&["relink", "3811600001", "--to", "2005"], RECORD),
        (&["relink", "--to", "individual:2005", "--", "-5"], ID),
        (&["rules", "check"], "name a file, or set RULES"),
        (&["rules", "check", "/nowhere.toml"], ""),
        (&["rules", "try", "--since", "soon"], WHEN),
        (&["webhook", "install", "--url", "https://calls.example.com/"], URL),
        (&["webhook", "status", "--url", "calls.example.com"], URL),
    ] {
        ends(&nothing, arguments, 2, says).await?;
    }
    Ok(())
}

/// What needs the settings or the time.
#[tokio::test]
async fn what_only_the_settings_show_to_be_wrong_is_a_wrong_argument_too() -> Result<()> {
    let stack = Stack::new("arguments").await?;
    let environment = &stack.environment;
    for (arguments, says) in [
        (&["backfill", "--since", "8mo"][..], "Aircall keeps calls for six months"),
        (&["backfill", "--since", "2030-01-01"], "--since must be before --until"),
        (&["explain", "06 39"], "neither a call id nor a phone number: too few digits"),
        (&["forget", "abc", "--yes"], NUMBER),
        (&["forget", CLIENT], "add --yes"),
        (&["dead", "drop", "--all"], "add --yes"),
        (&["messages", "abc"], NUMBER),
        (&["missed", "--since", "2030-01-01"], "--since must be a time that has passed"),
        (&["missed", "--since", "19000y"], "too long ago"),
        (&["pin", "abc", "individual:2005"], NUMBER),
        (&["rules", "try", "--since", "7d"], "name a file with --rules, or set RULES"),
        (&["rules", "try", "--since", "7d", "--rules", "/nowhere.toml"], "it cannot be read"),
        (&["unpin", "abc"], NUMBER),
    ] {
        ends(environment, arguments, 2, says).await?;
    }
    // No answer is no wrong argument.
    for (arguments, says) in [
        (&["call", "77"][..], "nothing is known of call 77"),
        (&["explain", "77"], "no decision is known"),
        (&["dead", "show", "77"], "no dead letter has the id 77"),
        (&["prospects", "undo", "77"], "no prospect was created for call 77"),
        (&["unpin", CLIENT], "is not pinned"),
    ] {
        ends(environment, arguments, 1, says).await?;
    }
    stack.down().await
}

#[tokio::test]
async fn a_cause_is_said_once_and_a_level_that_is_none_is_a_wrong_setting() -> Result<()> {
    let nowhere = "postgres://callbridge:sesame@127.0.0.1:9/callbridge?sslmode=disable";
    let mut environment = BTreeMap::from([("DATABASE_URL".to_owned(), nowhere.to_owned())]);
    for arguments in [&["budget"][..], &["call", "77"], &["dead", "list"], &["migrate"]] {
        let Ended { code, beside } = run("callbridge", arguments, &environment, Stdio::null()).await?;
        let once = |text: &str| beside.matches(text).count() == 1;
        ensure!(
            code == Some(1) && once("error connecting to server") && once("Connection refused"),
            "{arguments:?}: {beside}"
        );
    }
    environment.insert("RUST_LOG".into(), "loud".into());
    environment.insert("AIRCALL_WEBHOOK_TOKENS".into(), harness::TOKEN.into());
    for name in ["callbridge", "ingest"] {
        let arguments: &[&str] = if name == "callbridge" { &["budget"] } else { &[] };
        let Ended { code, beside } = run(name, arguments, &environment, Stdio::null()).await?;
        ensure!(code == Some(2) && beside.contains("RUST_LOG must be off, error, warn, info"), "{name}: {beside}");
    }
    Ok(())
}

/// Ids of the calls that the command lists with these arguments.
async fn listed(stack: &Stack, arguments: &[&str]) -> Result<Vec<i64>> {
    let report = calls(stack, arguments).await?;
    Ok(report["calls"].as_array().into_iter().flatten().filter_map(|call| call["id"].as_i64()).collect())
}

async fn calls(stack: &Stack, arguments: &[&str]) -> Result<Value> {
    let (said, fine) = stack.callbridge(&[&["calls", "--json"], arguments].concat()).await?;
    ensure!(fine, "{arguments:?}: {said}");
    serde_json::from_str(&said).context(said)
}

#[tokio::test]
async fn calls_are_listed_by_what_is_known_of_them() -> Result<()> {
    let (stack, workers) = Stack::running("listed").await?;
    let ledger = stack.ledger().await?;
    let (shared, stranger) = ("+33 6 39 98 00 04", "+33 6 39 98 77 05");
    let play = async |call: harness::build::Call| stack.sandbox.play(&call).await;
    let answered = play(call(CLIENT).by(502).lasting(125)).await?;
    stack.sandbox.logged(answered, 2 * SOON).await?;
    let outbound = play(call(CLIENT).outbound().missed()).await?;
    let missed = play(call(shared).missed()).await?;
    let voicemail = play(call("+33 6 39 98 00 10").voicemail()).await?;
    for call in [outbound, missed, voicemail] {
        stack.sandbox.logged(call, 2 * SOON).await?;
    }
    let unmatched = play(call(stranger).lasting(90)).await?;
    ledger.call_that(unmatched, SOON, |row| row.unmatched).await.context("it waits for a record")?;
    let withheld = play(call("anonymous").lasting(90)).await?;
    ledger.call_that(withheld, SOON, |row| row.resolved).await.context("it is decided")?;
    let mut all = vec![answered, outbound, missed, voicemail, unmatched, withheld];
    // Ids of the sandbox ascend, and so do the starts.
    all.reverse();

    assert_eq!(listed(&stack, &[]).await?, all, "newest first");
    for (arguments, expected) in [
        (&["--number", CLIENT][..], vec![outbound, answered]),
        (&["--number", "06 39 98 41 07"], vec![outbound, answered]),
        (&["--agent", "hugo lefèvre"], vec![answered]),
        (&["--missed"], vec![voicemail, missed]),
        (&["--missed", "--number", CLIENT], vec![]),
        (&["--state", "unmatched"], vec![withheld, unmatched]),
        (&["--state", "logged"], vec![voicemail, missed, outbound, answered]),
        (&["--state", "parked"], vec![]),
        (&["--record", "individual:2004"], vec![missed]),
        (&["--record", "individual:2004", "--number", CLIENT], vec![]),
        (&["--since", "1d"], all.clone()),
        (&["--until", "1d"], vec![]),
        (&["--limit", "2"], vec![withheld, unmatched]),
    ] {
        assert_eq!(listed(&stack, arguments).await?, expected, "{arguments:?}");
    }
    let (said, fine) = stack.callbridge(&["calls", "--agent", "Nobody"]).await?;
    ensure!(fine && said.contains("No such call is known.") && said.contains("write it as Aircall does"), "{said}");
    ensure!(calls(&stack, &["--limit", "2"]).await?["more"] == true && calls(&stack, &[]).await?["more"] == false);
    let (table, _) = stack.callbridge(&["calls"]).await?;
    for part in [
        "time (Europe/Paris)",
        "Camille Moreau (individual 2001)",
        "2:05",
        "not answered",
        "voicemail",
        "withheld",
        "nobody",
    ] {
        ensure!(table.contains(part), "{part} in {table}");
    }
    let (csv, _) = stack.callbridge(&["calls", "--csv", "--number", CLIENT]).await?;
    let lines: Vec<_> = csv.split("\r\n").collect();
    ensure!(lines.len() == 4 && lines[0].starts_with("started_at,direction,number,") && lines[3].is_empty(), "{csv}");
    let end =
        format!(",inbound,'+33639984107,individual 2001,Camille Moreau,Hugo Lefèvre,125,answered,logged,{answered}");
    ensure!(lines[2].ends_with(&end) && lines[2].starts_with("20"), "{csv}");

    // A call that is not logged is said to be so, and whether it waits.
    for (call, says) in [
        (answered, "final: the call is logged by it, as phone call "),
        (unmatched, "It is logged by itself when a record with its number appears in Sellsy, until 20"),
        (withheld, "final: not logged, and no record is waited for"),
    ] {
        let (said, fine) = stack.callbridge(&["explain", &call.to_string()]).await?;
        ensure!(fine && said.contains(says), "{says} in {said}");
    }

    // What was erased is shown as that, and is in no state that its empty row would give it.
    for number in [shared, stranger] {
        let (said, fine) = stack.callbridge(&["forget", number, "--yes"]).await?;
        ensure!(fine, "{said}");
    }
    let report = calls(&stack, &[]).await?;
    let row = |id: i64| report["calls"].as_array().into_iter().flatten().find(|call| call["id"] == id).cloned();
    for call in [missed, unmatched] {
        let row = row(call).context("it is still listed")?;
        ensure!(row["state"] == "erased" && row["number"].is_null() && !row["erased_at"].is_null(), "{row}");
        for command in ["call", "explain"] {
            let (said, fine) = stack.callbridge(&[command, &call.to_string()]).await?;
            ensure!(
                fine && said.contains("\nerased       20") && said.contains("\nwhat stays   its id"),
                "{command}: {said}"
            );
            assert_eq!(said.contains("that of its log in Sellsy, phone call "), call == missed, "{command}: {said}");
        }
    }
    for state in ["ongoing", "waiting", "logged"] {
        let found = listed(&stack, &["--state", state]).await?;
        ensure!(!found.contains(&missed) && !found.contains(&unmatched), "{state}: {found:?}");
    }
    drop(workers);
    stack.down().await
}

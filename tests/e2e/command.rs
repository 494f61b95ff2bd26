//! The command as scripts and hurried people use it: a pipe that is closed, a full disk, arguments that mean nothing, services that do not answer.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use harness::{Stack, program};

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

#[tokio::test]
async fn every_command_ends_quietly_when_nobody_reads_any_more() -> Result<()> {
    let (stack, workers) = Stack::running("closed").await?;
    let call = stack.sandbox.play(&harness::build::call(CLIENT)).await?;
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

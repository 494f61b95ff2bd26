//! `make demo`: a morning of calls on real RabbitMQ and PostgreSQL, with the sandbox for Aircall and Sellsy.
//!
//! The calls are in `morning.toml`, each with its expected result. Sellsy fails once, and in the middle of the morning the broker is
//! unavailable for some seconds; people write in a log, move a call and pin a number. What follows from calls beside their logs is on, too: a missed
//! call is called back, a stranger becomes a prospect, people write text messages. At the end a table shows what was logged where and why; the exit code is 0 only if
//! every call ended as expected and Sellsy holds nothing else. With `--stay` (`make tour`) the workers then keep running, so
//! that a newcomer can look around with `callbridge`.

// Everything is printed by `base::out`, which does not mind if nobody reads any more.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod follows;
mod morning;
mod people;
mod report;

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use base::{error::with_causes, out, say, tell};
use clap::Parser;
use harness::{CONSOLE_PASSWORD, Process, Relay, Stack, WORKERS, authority, build::sellsy, eventually, workspace};
use serde_json::json;

use morning::{Call, Morning};
use report::Landed;

const UNTIL_READY: Duration = Duration::from_secs(30);
/// Measured from the last call; long enough for the first two retry delays (5 s and 30 s).
const UNTIL_SETTLED: Duration = Duration::from_secs(90);
const BETWEEN_CALLS: Duration = Duration::from_millis(200);
/// Real milliseconds for a second of a recorded conversation.
const PACE_MS: u64 = 5;
/// A morning is played in seconds, so the per-minute quota of an ordinary account (149) is raised in proportion.
const QUOTAS: [&str; 4] = ["--sellsy-per-second", "24", "--sellsy-per-minute", "600"];
/// The budget of all workers together; the rest is for the account's other programs.
const BUDGET: [(&str, &str); 2] = [("SELLSY_REQUESTS_PER_SECOND", "20"), ("SELLSY_REQUESTS_PER_MINUTE", "540")];
/// The path starts at the workspace's folder.
const RULES: &str = "tools/demo/rules.toml";
const OUTAGE: Duration = Duration::from_secs(2);

/// Plays a morning of calls on real RabbitMQ and PostgreSQL, with simulated Aircall and Sellsy accounts, and shows what was logged where and why
///
/// It starts what it needs and ends it again. Exit code 0 if every call ended as expected, and Sellsy holds nothing else; otherwise 1.
#[derive(Parser)]
#[command(after_help = "Examples:\n  make demo\n  target/debug/demo --stay      the same as make tour")]
struct Options {
    /// Keep the workers and the console running afterwards, until Ctrl-C, and say how to use `callbridge` on them
    #[arg(long)]
    stay: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let code = match Box::pin(demo(&options)).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            tell!("The demo failed: {}", with_causes(e.as_ref()));
            ExitCode::FAILURE
        }
    };
    out::end("demo", code)
}

async fn demo(options: &Options) -> Result<bool> {
    let morning = Morning::read()?;
    say!("Starting the sandbox (Aircall and Sellsy) and the five workers …");
    let (stack, workers, broker) = start().await?;
    say!("Playing a morning of calls; Sellsy answers the first log with 503 …");
    stack.sandbox.set_faults([sellsy("POST /phone-calls").answers(503).once()]).await?;
    let mut played = Vec::new();
    for call in &morning.calls {
        people::before(&stack, call).await?;
        played.push(play(&stack, call).await?);
        tokio::time::sleep(BETWEEN_CALLS).await;
    }
    outage(&broker);
    for call in &morning.calls_during_outage {
        played.push(play(&stack, call).await?);
    }
    for conversation in &morning.conversations {
        let path = format!("/aircall/conversations/{}", conversation.name);
        let answer = stack.sandbox.control(reqwest::Method::POST, &path, Some(&json!({ "pace_ms": PACE_MS }))).await?;
        let ids = answer["call_ids"].as_array().context("call_ids")?.iter().filter_map(serde_json::Value::as_i64);
        for (call, id) in conversation.calls.iter().zip(ids) {
            say!("  {id:<10}  {}", call.about);
            played.push((call, id));
        }
    }
    follows::write(&stack, &morning.texts).await?;
    follows::until_missed(&stack, &morning.missed).await?;
    for call in &morning.calls_back {
        played.push(play(&stack, call).await?);
    }
    stack.sandbox.delivered(UNTIL_SETTLED).await?;
    people::afterwards(&stack, &played).await?;
    say!("All webhooks are delivered; waiting until every log is as it should be …\n");
    let landed = || async {
        let landed = report::look(&stack, &played).await.ok()?;
        let followed = follows::find(&stack).await.ok()?;
        let good = follows::problems(&morning.follows, &followed).is_empty();
        (good && landed.iter().all(|landed| landed.problems.is_empty())).then_some(landed)
    };
    let landed = match eventually(UNTIL_SETTLED, landed).await {
        Some(landed) => landed,
        None => report::look(&stack, &played).await?,
    };
    let good = conclude(&stack, &landed, &morning).await?;
    if options.stay {
        stay(&stack).await?;
    }
    if good {
        drop(workers);
        stack.down().await?;
    } else {
        say!("Logs of the workers: {}", stack.logs.display());
    }
    Ok(good)
}

async fn play<'a>(stack: &Stack, call: &'a Call) -> Result<(&'a Call, i64)> {
    let id = stack.sandbox.play(&call.play).await?;
    say!("  {id:<10}  {}", call.about);
    Ok((call, id))
}

/// Keeps everything running until Ctrl-C.
async fn stay(stack: &Stack) -> Result<()> {
    let binaries = std::env::current_exe()?.parent().context("the folder of the binaries")?.display().to_string();
    let console = stack.start_console().await?;
    say!("\nThe console is at {}, its password is: {CONSOLE_PASSWORD}", console.url);
    say!("\nThe workers stay up until Ctrl-C. In another terminal:\n\n    export PATH=\"{binaries}:$PATH\" \\");
    // The workers' settings, so that every command works; RUST_LOG is left out to keep the commands quiet.
    let wanted = stack.environment.iter().filter(|(name, _)| !["HTTP_LISTEN", "RUST_LOG"].contains(&name.as_str()));
    let settings: Vec<_> = wanted.map(|(name, value)| format!("{name}='{value}'")).collect();
    say!(
        "      {}\n    callbridge explain \"+33 6 39 98 41 07\"\n    callbridge check\n",
        settings.join(" \\\n      ")
    );
    tokio::signal::ctrl_c().await.context("Ctrl-C")
}

/// The workers reach the broker through a relay that can be cut.
async fn start() -> Result<(Stack, Vec<Process>, Relay)> {
    let mut stack = Stack::with_sandbox("demo", &QUOTAS).await?;
    let broker = Relay::to(&authority(&stack.amqp_url)?).await?;
    stack.environment.insert("AMQP_URL".into(), broker.instead_of(&stack.amqp_url)?);
    stack.environment.insert("RULES".into(), workspace().join(RULES).display().to_string());
    stack.environment.extend(BUDGET.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let mut workers = Vec::new();
    for worker in WORKERS.into_iter().chain(["followups"]) {
        workers.push(stack.start(worker).await?);
    }
    for worker in &workers {
        worker.until_ready(UNTIL_READY).await?;
    }
    stack.sandbox.deliver_to(&workers[0].url).await?;
    Ok((stack, workers, broker))
}

/// The broker is unavailable for some seconds. The calls that follow arrive meanwhile.
fn outage(broker: &Relay) {
    say!("  … the broker goes down for a moment …");
    broker.cut();
    let broker = broker.clone();
    tokio::spawn(async move {
        tokio::time::sleep(OUTAGE).await;
        broker.restore();
    });
}

async fn conclude(stack: &Stack, landed: &[Landed], morning: &Morning) -> Result<bool> {
    say!("{}", report::table(landed));
    let followed = follows::find(stack).await?;
    say!("\nWhat follows from these calls, and from text messages:\n\n{}", follows::table(&followed));
    if let Some(first) = landed.first() {
        let log = stack.sandbox.logs_of(first.call_id).await?;
        let text = log.first().and_then(|log| log["description"].as_str()).unwrap_or_default();
        say!("\nThe log of call {} as Sellsy has it:\n\n    {}\n", first.call_id, text.replace('\n', "\n    "));
    }
    let (logs, expected) =
        (stack.sandbox.phone_calls().await?.len(), landed.iter().filter(|l| l.phone_call.is_some()).count());
    let counts = stack.sandbox.get("/counts").await?;
    let total = |api: &str| counts[api]["total"].as_u64().unwrap_or(0);
    say!(
        "{} calls, {expected} logged; {logs} phone calls in Sellsy; {} requests to Sellsy, {} to Aircall.",
        landed.len(),
        total("sellsy"),
        total("aircall"),
    );
    let mut good = true;
    for problem in follows::problems(&morning.follows, &followed) {
        say!("WRONG: {problem}");
        good = false;
    }
    if logs != expected {
        say!("WRONG: Sellsy holds {logs} phone calls, {expected} belong to these calls.");
        good = false;
    }
    for landed in landed {
        for problem in &landed.problems {
            say!("WRONG: call {} ({}): {problem}", landed.call_id, landed.about);
            good = false;
        }
    }
    if good {
        say!("Everything landed where it should.");
    }
    Ok(good)
}

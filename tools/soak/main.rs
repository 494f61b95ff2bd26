//! `make soak`: calls under random faults for any length of time; `make faults`: every fault alone, measured.
//!
//! It starts a private RabbitMQ and PostgreSQL, so that the broker can be stopped, and ends them afterwards. The exit code is 0
//! only if every call ended where it should, and Sellsy holds nothing else.

// Everything is printed by `base::out`, which does not mind if nobody reads any more.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod docs;
mod single;

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use base::{error::with_causes, out, say, tell};
use clap::Parser;
use comfy_table::{Table, presets};
use harness::{
    Services,
    soak::{Means, Settled, Soak, script::Load},
};

/// Unless `SERVICES_DIR` says otherwise.
const SERVICES: &str = "target/services-soak";
/// The rate that a debug build on two cores can sustain, faults included.
const CALLS_A_SECOND: u64 = 20;
/// The share of calls that are half an hour old; half of those lose webhooks.
const OLD: f64 = 0.12;

/// Calls under random faults, all made from one seed; in the end Sellsy must hold exactly the expected logs.
#[derive(Parser)]
struct Options {
    /// How long calls arrive and things break
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// The same in seconds
    #[arg(long, conflicts_with = "minutes")]
    seconds: Option<u64>,
    /// The number that calls and faults are made from; by default a different one each time
    #[arg(long)]
    seed: Option<u64>,
    /// How many calls; by default as many as an ordinary machine can sustain
    #[arg(long)]
    calls: Option<usize>,
    /// This many seeds in a row
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Every fault alone instead of the mixture
    #[arg(long)]
    table: bool,
    /// Write the tables into docs/faults.md
    #[arg(long)]
    record: bool,
    /// With --table: only the faults whose description contains this
    #[arg(long)]
    only: Option<String>,
    /// On three brokers, and a primary with a standby: with --table only what can happen to these
    #[arg(long)]
    cluster: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let folder = std::env::var("SERVICES_DIR").unwrap_or_else(|_| SERVICES.to_owned());
    // In a task, so that the services are ended after a panic, too.
    let cluster = options.cluster;
    let soak = tokio::spawn(soak(options, folder.clone()));
    let outcome = soak.await.context("a panic").and_then(|outcome| outcome);
    let ended = match services(&folder, cluster).await {
        Ok(services) => services.end().await,
        Err(e) => Err(e),
    };
    let code = match outcome.and_then(|good| ended.map(|()| good)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            tell!("The soak could not be run to its end: {}", with_causes(e.as_ref()));
            ExitCode::FAILURE
        }
    };
    out::end("soak", code)
}

async fn services(folder: &str, cluster: bool) -> Result<&'static Services> {
    if cluster { Services::cluster(folder).await } else { Services::own(folder).await }
}

async fn soak(options: Options, folder: String) -> Result<bool> {
    services(&folder, options.cluster).await?;
    if options.table {
        return single::each(options.only.as_deref(), options.record, options.cluster).await;
    }
    let over = options.seconds.map_or_else(|| Duration::from_secs_f64(options.minutes * 60.0), Duration::from_secs);
    let as_usual = usize::try_from(over.as_secs() * CALLS_A_SECOND)?;
    let load = Load { calls: options.calls.unwrap_or(as_usual), over, old: OLD, follows: true };
    let header =
        ["seed", "faults", "calls", "to be logged", "lost", "doubled", "wrong", "strange", "parked", "settled after"];
    let mut rows = Vec::new();
    let mut good = true;
    for nth in 0..options.seeds {
        let seed = options.seed.map_or_else(|| fastrand::u64(..), |seed| seed.wrapping_add(nth));
        say!("\nSeed {seed}:");
        let soak = Soak::mixture(
            seed,
            load,
            Means { replicas: 2, own_broker: !options.cluster, cluster: options.cluster, follows: true },
        );
        let faults = soak.faults.len();
        let settled = soak.run().await.with_context(|| format!("seed {seed}"))?;
        good &= settled.verdict.is_clean();
        rows.push(row(seed, faults, &settled));
        if options.record {
            docs::write("mixture", &header, &rows, options.seed.is_some())?;
        }
    }
    say!("\n{}", table(&header, &rows));
    say!(
        "{}",
        if good { "Every call ended where it should, and Sellsy holds nothing else." } else { "NOT AS IT SHOULD BE." }
    );
    Ok(good)
}

fn row(seed: u64, faults: usize, settled: &Settled) -> Vec<String> {
    let verdict = &settled.verdict;
    let problems = [&verdict.lost, &verdict.doubled, &verdict.wrong, &verdict.strange, &verdict.parked];
    let mut row = vec![seed.to_string(), faults.to_string(), verdict.sent.to_string(), verdict.expected.to_string()];
    row.extend(problems.map(|problems| problems.len().to_string()));
    row.push(seconds(settled.right_after));
    row
}

fn seconds(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "never".into(), |duration| format!("{:.0} s", duration.as_secs_f64()))
}

fn table(header: &[&str], rows: &[Vec<String>]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(header.to_vec());
    for row in rows {
        table.add_row(row);
    }
    table
}

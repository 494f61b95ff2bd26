//! Plays calls at a running sandbox and judges the result: for `tests/compose.sh`.
//!
//! The calls and their expected results follow from the seed, as in a soak, and so does the verdict. This program neither moves
//! time nor looks at queues; the caller decides which workers run, where, and what breaks meanwhile. With `--judge` nothing is
//! played; the calls of an earlier run with the same options are judged once more.

// Everything is printed by `base::out`, which does not mind if nobody reads any more.
#![warn(clippy::print_stdout, clippy::print_stderr)]

use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use base::{error::with_causes, out, say, tell, tls};
use clap::Parser;
use fastrand::Rng;
use harness::{
    Sandbox,
    soak::{
        script::{self, Load, Truth},
        verdict::{Found, Verdict, judge},
    },
};
use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

/// Plays calls at a running sandbox and judges the result.
#[derive(Parser)]
struct Options {
    /// The sandbox, e.g. http://127.0.0.1:8091
    sandbox: String,
    #[arg(long, default_value_t = 1000)]
    calls: usize,
    /// The calls are spread evenly over this many seconds
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// When the first call happens, in seconds since 1970 [default: now]
    #[arg(long)]
    begins: Option<i64>,
    /// Give up after this many seconds without any progress
    #[arg(long, default_value_t = 200)]
    patience: u64,
    /// Play nothing: judge the calls of an earlier run once more
    #[arg(long, requires = "begins")]
    judge: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    tls::install_provider();
    let options = Options::parse();
    let code = match Box::pin(run(&options)).await {
        Ok(verdict) => {
            out::print(&verdict);
            if verdict.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(e) => {
            tell!("The calls could not be played: {}", with_causes(e.as_ref()));
            ExitCode::FAILURE
        }
    };
    out::end("play", code)
}

async fn run(options: &Options) -> Result<Verdict> {
    let sandbox = Sandbox::at(&options.sandbox);
    // None that are half an hour old: they would wait for reconciliation.
    let load = Load { calls: options.calls, over: Duration::from_secs(options.seconds), old: 0.0, follows: false };
    let begins = options.begins.unwrap_or_else(|| Timestamp::now().as_second());
    let calls = script::write(&mut Rng::with_seed(options.seed), load, begins);
    let truths: Vec<Truth> = calls.iter().map(|call| call.truth.clone()).collect();
    if options.judge {
        return Ok(judge(&truths, None, &Found::at(&sandbox, false).await?));
    }
    // Aircall also delivers twice, late and out of order.
    let delivery = json!({ "duplicate": 0.1, "reorder": 0.1, "late": 0.1, "late_ms": 700, "seed": options.seed });
    sandbox.control(reqwest::Method::PUT, "/aircall/delivery", Some(&delivery)).await?;
    let began = Instant::now();
    for call in calls {
        sleep_until(began + call.at).await;
        sandbox.play(&call.play).await?;
    }
    say!("{} calls were played in {:.1} s", truths.len(), began.elapsed().as_secs_f64());
    settle(&sandbox, &truths, Duration::from_secs(options.patience)).await
}

/// Waits until everything is right, or nothing has changed for long enough that it never will.
async fn settle(sandbox: &Sandbox, truths: &[Truth], patience: Duration) -> Result<Verdict> {
    let (began, mut changed) = (Instant::now(), Instant::now());
    let mut verdict = judge(truths, None, &Found::at(sandbox, false).await?);
    let mut all_logged = false;
    while changed.elapsed() < patience {
        if verdict.all_are_logged() && !std::mem::replace(&mut all_logged, true) {
            say!("every call was logged {:.0} s after the last one", began.elapsed().as_secs_f64());
        }
        if verdict.is_clean() {
            say!("all was as it should be {:.0} s after the last call", began.elapsed().as_secs_f64());
            break;
        }
        sleep(Duration::from_secs(1)).await;
        let now = judge(truths, None, &Found::at(sandbox, false).await?);
        if now != verdict {
            changed = Instant::now();
        }
        verdict = now;
    }
    Ok(verdict)
}

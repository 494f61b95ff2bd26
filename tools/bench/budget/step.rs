//! What taking a request from the budget costs, apart from waiting for a turn: one process, and eight that take turns.
//!
//! The processes stay a little below the limit, so that nearly every request is allowed at once and only the statement is
//! measured. At this rate each request needs a statement of its own.

use std::{
    num::NonZeroU32,
    process::{ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use base::{
    db::{Database, Plans},
    error::with_causes,
    health::Readiness,
    ids::Vendor,
    say, tell,
};
use harness::Stack;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;
use vendors::budget::{Budget, Lane, Limits, Role, Span};

use crate::report::{Figure, quantile_ms};

/// The first argument of a process that only measures this.
pub(crate) const CHILD: &str = "--budget-step";
const SAMPLES: u32 = 400;
const PER_MINUTE: u32 = 1_200;
/// One in 60 ms is less than 1,200 a minute.
const EVERY: Duration = Duration::from_millis(60);

pub(crate) async fn measure() -> Result<Vec<Figure>> {
    let stack = Stack::new("bench").await?;
    let mut figures = Vec::new();
    for processes in [1, 8] {
        let mut took = with(processes, &stack.database_url).await?;
        let name = |what: &str| format!("budget step of a request, {processes} process(es): {what}");
        figures.push(
            Figure::new("budget_step_p50_ms", name("median"), quantile_ms(&mut took, 0.5), "ms")
                .of(processes.to_string()),
        );
        figures.push(
            Figure::new("budget_step_p99_ms", name("p99"), quantile_ms(&mut took, 0.99), "ms")
                .of(processes.to_string()),
        );
    }
    stack.down().await?;
    Ok(figures)
}

async fn with(processes: u32, database_url: &str) -> Result<Vec<Duration>> {
    let children = (0..processes).map(|n| {
        let (samples, every) = (SAMPLES / processes, EVERY * processes);
        let arguments = [samples.to_string(), every.as_millis().to_string(), (EVERY * n).as_millis().to_string()];
        let child = Command::new(std::env::current_exe()?)
            .arg(CHILD)
            .args(arguments)
            .env("DATABASE_URL", database_url)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        anyhow::Ok(child)
    });
    let children = children.collect::<Result<Vec<_>>>()?;
    let mut took = Vec::new();
    for child in children {
        let output = child.wait_with_output().await?;
        if !output.status.success() {
            bail!("a process that measures the budget ended with {}", output.status);
        }
        let lines = String::from_utf8(output.stdout)?;
        let micros = lines.lines().map(|line| line.parse().map(Duration::from_micros));
        took.extend(micros.collect::<Result<Vec<_>, _>>().context("microseconds")?);
    }
    Ok(took)
}

pub(crate) async fn child(arguments: &[String]) -> ExitCode {
    match ask(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            tell!("{}", with_causes(e.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// Takes from the budget this many times, at this interval in milliseconds, and prints the microseconds that each took.
async fn ask(arguments: &[String]) -> Result<()> {
    let [samples, every_ms, offset_ms] = arguments else { bail!("samples, every_ms and offset_ms") };
    let (samples, every, offset): (u32, u64, u64) = (samples.parse()?, every_ms.parse()?, offset_ms.parse()?);
    let url = std::env::var("DATABASE_URL")?.into();
    let database =
        Database::start(&url, 2, Plans::Once, Readiness::default().condition("database"), CancellationToken::new())?;
    database.available().await;
    let limits = Limits(vec![(Span::Minute, NonZeroU32::new(PER_MINUTE).context("a limit")?)]);
    let budget = Budget::new(database, Role::Worker("bench"), Vendor::Sellsy, limits);
    budget.acquire(Lane::Bulk).await?;
    tokio::time::sleep(Duration::from_millis(500 + offset)).await;
    let mut tick = tokio::time::interval(Duration::from_millis(every));
    for _ in 0..samples {
        tick.tick().await;
        let began = Instant::now();
        budget.acquire(Lane::Bulk).await?;
        say!("{}", began.elapsed().as_micros());
    }
    Ok(())
}

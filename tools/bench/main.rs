//! `make bench`: how fast and how cheap, on real RabbitMQ and PostgreSQL, with release builds.
//!
//! Machines differ, so wherever possible a figure is shown next to a reference measured in the same run. The table is printed;
//! `target/bench/report.json` holds the same for programs. `make bench what=directory` runs one part.

// Everything is printed by `base::out`, which does not mind if nobody reads any more.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod bare;
mod budget;
mod calls;
mod day;
mod directory;
mod drain;
mod flow;
mod growth;
mod ledger;
mod load;
mod machine;
mod people;
mod quota;
mod recorded;
mod report;
mod scale;
mod vendors;
mod webhooks;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use base::{error::with_causes, out, say, tell};
use clap::Parser as _;
use report::Figure;

/// How long a run may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Under two minutes, for CI.
    Short,
    /// The full measurement, for people.
    Long,
}

impl Form {
    pub(crate) fn pick<T>(self, short: T, long: T) -> T {
        match self {
            Form::Short => short,
            Form::Long => long,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let parts: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, arguments @ ..] = parts.as_slice()
        && mode == budget::CHILD
    {
        return budget::step::child(arguments).await;
    }
    let code = match Box::pin(Options::parse().bench()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            tell!("The benchmark failed: {}", with_causes(e.as_ref()));
            ExitCode::FAILURE
        }
    };
    out::end("bench", code)
}

const PARTS: [&str; 11] =
    ["webhooks", "calls", "scale", "growth", "ledger", "drain", "directory", "budget", "quota", "day", "rules"];
/// The parts that CI runs.
const SHORT: [&str; 3] = ["webhooks", "calls", "scale"];

/// Measures how fast and how cheap Callbridge is on this machine.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Under two minutes: fewer and shorter parts; fails if a ratio has fallen under 0.7 of the recorded one.
    #[arg(long)]
    short: bool,
    /// Records the ratios, for later short runs.
    #[arg(long)]
    record: bool,
    /// The parts to run; without names, all of them.
    #[arg(value_parser = PARTS)]
    parts: Vec<String>,
}

impl Options {
    /// True if every target was reached; in the short form, if no ratio has fallen.
    async fn bench(self) -> Result<bool> {
        let (form, all) = if self.short { (Form::Short, SHORT.as_slice()) } else { (Form::Long, PARTS.as_slice()) };
        let wanted: Vec<&str> =
            if self.parts.is_empty() { all.to_vec() } else { self.parts.iter().map(String::as_str).collect() };
        let mut figures: Vec<Figure> = Vec::new();
        for part in wanted {
            say!("Measuring {part} …");
            figures.extend(measure(part, form).await.with_context(|| format!("the part {part}"))?);
        }
        report::print(&figures);
        if cfg!(debug_assertions) {
            say!("Built without optimisation: only the figures of `make bench` count.");
        }
        report::write(&figures)?;
        if self.record {
            recorded::write(&figures)?;
        }
        if !self.short {
            return Ok(figures.iter().all(Figure::is_reached));
        }
        if !recorded::holds(&figures)? {
            say!("Once more: others may have used the machine.");
            let mut again = Vec::new();
            for part in SHORT {
                again.extend(measure(part, form).await.with_context(|| format!("the part {part}"))?);
            }
            report::print(&again);
            return recorded::holds(&again);
        }
        Ok(true)
    }
}

async fn measure(part: &str, form: Form) -> Result<Vec<Figure>> {
    match part {
        "webhooks" => webhooks::measure(form).await,
        "calls" => calls::measure(form).await,
        "scale" => scale::measure(form).await,
        "growth" => growth::measure(form).await,
        "ledger" => ledger::measure().await,
        "drain" => drain::measure(form).await,
        "directory" => directory::measure().await,
        "budget" => budget::measure().await,
        "quota" => quota::measure(form).await,
        "day" => day::measure(form).await,
        "rules" => day::with_rules(form).await,
        unknown => bail!("there is no part {unknown}; there are {}", PARTS.join(", ")),
    }
}

//! `make bench`: how fast and how cheap, on real RabbitMQ and PostgreSQL, with release builds.
//!
//! Machines differ, so a figure stands beside a reference that was measured in the same run wherever there is one. The
//! table is printed; `target/bench/report.json` holds the same for programs. `make bench what=directory` runs one part.

mod budget;
mod directory;
mod report;

use std::process::ExitCode;

use anyhow::{Result, bail};
use report::Figure;

#[tokio::main]
async fn main() -> ExitCode {
    let parts: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, arguments @ ..] = parts.as_slice()
        && mode == budget::CHILD
    {
        return budget::step::child(arguments).await;
    }
    match Box::pin(bench(&parts)).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("The benchmark failed: {e:#}");
            ExitCode::FAILURE
        }
    }
}

const PARTS: [&str; 2] = ["directory", "budget"];

async fn bench(wanted: &[String]) -> Result<bool> {
    if let Some(unknown) = wanted.iter().find(|part| !PARTS.contains(&part.as_str())) {
        bail!("there is no part {unknown}; there are {}", PARTS.join(", "));
    }
    let mut figures: Vec<Figure> = Vec::new();
    for part in PARTS.iter().filter(|part| wanted.is_empty() || wanted.iter().any(|w| w == **part)) {
        println!("Measuring {part} …");
        figures.extend(match *part {
            "directory" => directory::measure().await?,
            "budget" => budget::measure().await?,
            _ => Vec::new(),
        });
    }
    report::write(&figures)?;
    Ok(figures.iter().all(Figure::is_reached))
}

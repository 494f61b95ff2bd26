//! Settings in, `run`, exit code out.

use std::process::ExitCode;

use shared::{settings::Needs, worker};

const ABOUT: &str = "Keeps one Sellsy phone call per Aircall call";

#[tokio::main]
async fn main() -> ExitCode {
    let needs = Needs { sellsy_api: true, ..Needs::default() };
    worker::main("logger", ABOUT, needs, logger::run).await
}

//! Settings in, `run`, exit code out.

use std::process::ExitCode;

use shared::{settings::Needs, worker};

const ABOUT: &str = "Collects the AI insights of calls of eligible duration";

#[tokio::main]
async fn main() -> ExitCode {
    let needs = Needs { aircall_api: true, ..Needs::default() };
    worker::main("insights", ABOUT, needs, insights::run).await
}

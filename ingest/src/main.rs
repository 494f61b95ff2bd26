//! Reads the settings, calls `run`, and turns its result into the exit code.

use std::process::ExitCode;

use base::settings::Needs;
use broker::worker;

const ABOUT: &str = "Receives the webhooks of Aircall and Sellsy and publishes them as facts";

#[tokio::main]
async fn main() -> ExitCode {
    let needs = Needs { webhook_tokens: true, ..Needs::default() };
    worker::main("ingest", ABOUT, needs, ingest::run).await
}

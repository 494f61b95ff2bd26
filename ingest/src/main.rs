//! Reads the settings, calls `run`, and turns its result into the exit code.

use std::process::ExitCode;

use base::settings::Needs;
use broker::worker;

const ABOUT: &str = "Receives the webhooks of Aircall and Sellsy and publishes them as facts";

#[tokio::main]
async fn main() -> ExitCode {
    // Without a token it starts all the same: the command that makes the webhook notes it in the database.
    worker::main("ingest", ABOUT, Needs::default(), ingest::run).await
}

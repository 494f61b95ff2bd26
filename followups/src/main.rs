//! Reads the settings, calls `run`, and turns its result into the exit code.

use std::process::ExitCode;

use base::settings::Needs;
use broker::worker;

const ABOUT: &str = "Creates what follows from a call beside its log: tasks for missed calls and for action items";

// One thread is enough for the messages that one process has in flight, and costs less than two (docs/decisions/0013).
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let needs = Needs { sellsy_api: true, ..Needs::default() };
    worker::main("followups", ABOUT, needs, followups::run).await
}

//! Reads the settings, calls `run`, returns the exit code.

use std::process::ExitCode;

use base::settings::Needs;
use broker::worker;

const ABOUT: &str = "Finds the caller in Sellsy, shows the insight card, decides where a call is logged";

// One thread is enough for what one process has in flight, and costs less than two (docs/decisions/0013).
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let needs = Needs { aircall_api: true, sellsy_api: true, ..Needs::default() };
    worker::main("resolver", ABOUT, needs, resolver::run).await
}

//! Settings in, `run`, exit code out.

use std::process::ExitCode;

use shared::{settings::Needs, worker};

const ABOUT: &str = "Collects the AI insights of calls of eligible duration";

// One thread: it is enough for what one process has in hand, and costs a sixth less than handing work from one to another. More is done
// by starting more of it.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let needs = Needs { aircall_api: true, ..Needs::default() };
    worker::main("insights", ABOUT, needs, insights::run).await
}

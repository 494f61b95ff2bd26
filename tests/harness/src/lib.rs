//! The harness: built programs, real RabbitMQ, real PostgreSQL, and the sandbox in place of the two vendors.
//!
//! A [`Stack`] is one installation of Callbridge with its own database and AMQP namespace, so that many run side by side on
//! the same services. Dropped, it leaves only its logs behind. [`build`] describes the input; [`Sandbox`] and [`Ledger`] show
//! the result. The harness serves the end-to-end tests and the tools, and contains no business rules.

mod binaries;
pub mod build;
mod containers;
mod database;
mod ledger;
mod process;
pub mod relay;
mod resources;
mod sandbox;
mod services;
pub mod soak;
mod stack;

use std::{future::Future, time::Duration};

pub use binaries::{program, workspace};
pub use ledger::{CallRow, Cost, DROPPED, Ledger, Line, PARKED, RECONCILED, REPLAYED, RETRIED, SKIPPED};
pub use process::{Process, Running};
pub use relay::{Relay, State, authority};
pub use sandbox::{Sandbox, TEXTS, TOKEN, is_log_of, related, says};
pub use services::Services;
pub use stack::{ACCOUNTS, CONSOLE_PASSWORD, NO_QUOTAS, Stack, WORKERS};
use tokio::time::Instant;

/// Asks repeatedly until there is an answer; `None` when the time is up.
pub async fn eventually<T, F: Future<Output = Option<T>>>(within: Duration, ask: impl Fn() -> F) -> Option<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(answer) = ask().await {
            return Some(answer);
        }
        if Instant::now() > deadline {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

//! What a worker's handler is given and what it may answer.

use std::{future::Future, time::Duration};

use base::error::Result;
use ledger::timeline::Reason;

use super::message::Incoming;

/// How a message ended; failures are [`base::error::Error`]s, which carry their own remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Nothing to do, and the timeline says why.
    Skip(Reason),
    /// Nothing is wrong, but the message shall come back after about so long: it waits in a delay queue.
    Later(Duration),
}

pub trait Handler: Send + Sync + 'static {
    fn handle(&self, message: &Incoming) -> impl Future<Output = Result<Outcome>> + Send;
}

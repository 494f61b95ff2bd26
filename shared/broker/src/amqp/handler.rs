//! The interface of a worker's handler: the message in, the outcome out.

use std::{future::Future, time::Duration};

use base::{error::Result, ids::Stage};
use ledger::timeline::Reason;

use super::message::Incoming;

/// The outcome of a message. Failures are [`base::error::Error`]s, which carry their own remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// There is nothing to do; the reason is written to the timeline.
    Skip(Reason),
    /// Nothing is wrong, but the message must be handled again after about this time. It waits in a delay queue.
    Later(Duration),
    /// Another stage has to handle this message.
    PassOn(Stage),
}

pub trait Handler: Send + Sync + 'static {
    fn handle(&self, message: &Incoming) -> impl Future<Output = Result<Outcome>> + Send;
}

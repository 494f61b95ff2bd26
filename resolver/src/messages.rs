//! The messages of the resolver's queue: calls that have ended, and hints that a version before left there.

use std::sync::Arc;

use base::error::Result;
use broker::{
    amqp::{Handler, Incoming, Outcome},
    event::DIRECTORY_CHANGED,
};

use crate::{calls::Calls, hints::Hints};

pub(crate) struct Messages {
    pub(crate) calls: Arc<Calls>,
    pub(crate) hints: Hints,
}

impl Handler for Messages {
    async fn handle(&self, message: &Incoming) -> Result<Outcome> {
        match message.event.kind.as_str() {
            DIRECTORY_CHANGED => self.hints.handle(message).await,
            _ => Box::pin(self.calls.ended(message)).await,
        }
    }
}

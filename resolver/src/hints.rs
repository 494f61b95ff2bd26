//! `directory.changed`: a record in Sellsy may have changed.
//!
//! The hint is not trusted: the record is read again, and is then stored in the directory as it is or removed from it.
//! Unmatched calls that wait for one of its numbers are resolved again. A hint from the logger, sent because Sellsy
//! accepted no log on that record, also names the call, which is resolved again too.

use base::{db::Database, error::Result, ids::CallId, phone::Region};
use broker::{
    amqp::{Incoming, Outcome},
    event::RecordHint,
};
use vendors::sellsy::Sellsy;

use crate::{directory::sync, rematch::Rematch};

pub(crate) struct Hints {
    pub(crate) database: Database,
    pub(crate) sellsy: Sellsy,
    pub(crate) region: Region,
    pub(crate) rematch: Rematch,
}

impl Hints {
    pub(crate) async fn handle(&self, message: &Incoming) -> Result<Outcome> {
        let event = &message.event;
        let hint: RecordHint = event.payload()?;
        let listed = sync::refresh(&self.sellsy, self.region, &self.database, &hint).await?;
        self.rematch.numbers(&listed).await?;
        if event.call_id != CallId::NONE {
            self.rematch.calls.resolve_again(event.call_id).await?;
        }
        Ok(Outcome::Done)
    }
}

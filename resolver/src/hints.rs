//! `directory.changed` and `opportunity.changed`: something in Sellsy may have changed.
//!
//! The hint is not trusted: the record or opportunity is read again, and is then stored in the directory as it is or removed from it.
//! Unmatched calls that wait for one of a record's numbers are resolved again.
//!
//! A hint from the logger, sent because Sellsy accepted no log on that record, names the call, which waits for its log: it is
//! followed at once. What Sellsy itself reports comes in thousands when somebody imports contacts, so it is only noted,
//! each record once. One replica follows the notes with what calls leave of the budget ([`Hints::run`]), and if there are
//! many, it requests one turn of the directory instead, which reads a hundred changed records with each request.

use std::time::Duration;

use base::{
    db::Database,
    error::{Remedy, Result},
    ids::{CallId, Kind},
    phone::Regions,
};
use broker::{
    amqp::{Handler, Incoming, Outcome},
    event::{OPPORTUNITY_CHANGED, OpportunityHint, RecordHint},
};
use tokio::time;
use vendors::sellsy::Sellsy;

use crate::{
    directory::{
        noted::{self, Subject},
        one, store,
    },
    opportunities::Opportunities,
    rematch::Rematch,
};

const EVERY: Duration = Duration::from_secs(1);
const AFTER_FAILURE: Duration = Duration::from_secs(10);
/// A turn costs some requests even if nothing has changed, a note exactly one.
const MANY: usize = 50;

#[derive(Clone)]
pub(crate) struct Hints {
    pub(crate) database: Database,
    pub(crate) sellsy: Sellsy,
    pub(crate) regions: Regions,
    pub(crate) opportunities: Opportunities,
    pub(crate) rematch: Rematch,
}

impl Handler for Hints {
    async fn handle(&self, message: &Incoming) -> Result<Outcome> {
        let event = &message.event;
        if event.kind == OPPORTUNITY_CHANGED {
            let OpportunityHint { id } = event.payload()?;
            noted::note(&self.database.client().await?, Subject::Opportunity(id)).await?;
            return Ok(Outcome::Done);
        }
        let hint: RecordHint = event.payload()?;
        if event.call_id == CallId::NONE {
            noted::note(&self.database.client().await?, Subject::Record(hint)).await?;
            return Ok(Outcome::Done);
        }
        if hint.kind == Kind::Contact {
            // Sellsy may have refused one of its companies.
            store::doubt_companies(&self.database.client().await?, hint.id).await?;
        }
        self.follow(&hint).await?;
        self.rematch.calls.doubting().resolve_again(event.call_id).await?;
        Ok(Outcome::Done)
    }
}

impl Hints {
    async fn follow(&self, hint: &RecordHint) -> Result<()> {
        let listed = one::refresh(&self.sellsy, &self.regions, &self.database, hint).await?;
        self.rematch.numbers(&listed).await
    }

    /// Follows what was noted.
    pub(crate) async fn run(self) {
        loop {
            time::sleep(EVERY).await;
            self.database.available().await;
            if let Err(e) = self.turn().await {
                tracing::warn!(error = %e, "Records that Sellsy reported could not be read; it is tried again.");
                time::sleep(AFTER_FAILURE).await;
            }
        }
    }

    async fn turn(&self) -> Result<()> {
        if noted::noted(&self.database.client().await?, 1).await?.is_empty() {
            return Ok(());
        }
        let Some(client) = self.database.lock("hints", Duration::ZERO).await? else { return Ok(()) };
        loop {
            let hints = noted::noted(&client, MANY + 1).await?;
            if hints.is_empty() {
                return Ok(());
            }
            if hints.len() > MANY {
                // Records that were deleted are noticed by the next pass.
                let hints = noted::request_turn_instead(&client).await?;
                if hints > 0 {
                    tracing::info!(hints, "Sellsy reported many changes; one turn of the directory reads them.");
                }
                return Ok(());
            }
            for reported in hints {
                let followed = match reported.subject {
                    Subject::Record(hint) => self.follow(&hint).await,
                    Subject::Opportunity(id) => self.opportunities.read_again(id).await,
                };
                match followed {
                    Err(e) if e.remedy == Remedy::Park => {
                        let (kind, id) = reported.subject.key();
                        tracing::warn!(error = %e, %kind, id, "A record that Sellsy reported cannot be read; the next pass will.");
                    }
                    followed => followed?,
                }
                noted::followed(&client, &reported).await?;
            }
        }
    }
}

//! Looks every half minute at everything that can be wrong, and notes what it has found.

use std::time::Duration;

use base::{db::Database, error::Result, ids::Vendor, settings::AlertKind};
use broker::amqp::Publisher;
use jiff::SignedDuration;
use ledger::{reconciliation, replicas};
use tokio::time;
use vendors::budget;

use super::{directory, signs};
use crate::troubles::{self, Look, Trouble};

const EVERY: Duration = Duration::from_secs(30);
const FIRST_AFTER: Duration = Duration::from_secs(5);

pub(super) struct Check {
    pub(super) database: Database,
    pub(super) publisher: Publisher,
    /// And whether they are needed.
    pub(super) workers: Vec<(&'static str, bool)>,
    /// How often the directory is brought up to date.
    pub(super) sync_every: Duration,
}

impl Check {
    pub(super) async fn run(self) {
        time::sleep(FIRST_AFTER).await;
        loop {
            self.database.available().await;
            // Each on its own: one that fails must not suppress the others.
            let found = [
                self.parked().await,
                self.webhook().await,
                self.budget().await,
                self.gone().await,
                self.queues().await,
                self.directory().await,
            ];
            for looks in found {
                let noted = match looks {
                    Ok(looks) => self.note(&looks).await,
                    Err(e) => Err(e),
                };
                if let Err(e) = noted {
                    tracing::warn!(error = %e, "The check for alerts failed; it is retried.");
                }
            }
            time::sleep(EVERY).await;
        }
    }

    async fn note(&self, looks: &[Look]) -> Result<()> {
        troubles::note(&mut self.database.client().await?, looks).await
    }

    async fn parked(&self) -> Result<Vec<Look>> {
        Ok(signs::parked(&self.publisher.count_dead().await?))
    }

    async fn webhook(&self) -> Result<Vec<Look>> {
        let client = self.database.client().await?;
        let progress = reconciliation::progress(&client, crate::reconcile::turns::NAME).await?;
        Ok(signs::webhook(progress.and_then(|progress| progress.webhook_active)))
    }

    async fn budget(&self) -> Result<Vec<Look>> {
        let client = self.database.client().await?;
        Ok(signs::budget(&budget::exhausted_apis(&client).await?, &budget::waiting_apis(&client).await?))
    }

    async fn gone(&self) -> Result<Vec<Look>> {
        let client = self.database.client().await?;
        let seen = replicas::seen(&client).await?;
        let alive = seen.iter().filter(|seen| !seen.silent);
        let alive: Vec<_> = alive.map(|seen| (seen.replica.worker.as_str(), seen.started_at)).collect();
        Ok(signs::workers(&self.workers, &alive, client.now().await?))
    }

    async fn queues(&self) -> Result<Vec<Look>> {
        let waiting = self.publisher.waiting().await?;
        let client = self.database.client().await?;
        let windows = budget::window_status(&client).await?;
        let is_explained = windows.iter().any(|window| window.why.is_some())
            || !budget::waiting_apis(&client).await?.is_empty()
            || !budget::exhausted_apis(&client).await?.is_empty();
        let before = troubles::all(&client).await?;
        Ok(signs::queues(&waiting, |subject| amount(&before, AlertKind::QueueStands, subject), is_explained))
    }

    async fn directory(&self) -> Result<Vec<Look>> {
        let client = self.database.client().await?;
        let (progress, before) = (directory::progress(&client).await?, troubles::all(&client).await?);
        let every = SignedDuration::try_from(self.sync_every).unwrap_or(SignedDuration::MAX);
        let mut looks =
            signs::directory(&progress, |subject| amount(&before, AlertKind::DirectoryStale, subject), every);
        looks.push(Look::of_credential(Vendor::Sellsy, progress.iter().any(|kind| kind.is_refused)));
        Ok(looks)
    }
}

/// What was counted at the last look.
fn amount(before: &[Trouble], kind: AlertKind, subject: &str) -> Option<i64> {
    let trouble = before.iter().find(|trouble| trouble.kind == kind && trouble.subject == subject);
    trouble.map(|trouble| trouble.amount)
}

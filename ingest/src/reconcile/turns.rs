//! What ingest does by itself, every `RECONCILE_EVERY`: it looks through Aircall's recent calls, and whether Aircall still
//! delivers to us.
//!
//! One replica at a time (an advisory lock on a connection of its own, as for the phone directory), and only when the last
//! turn is long enough ago, whoever had it. A turn begins an hour before the end of the last one, or where the earliest
//! call started that was still going on then; the first one ever a day ago. So an outage of any length is made up for.
//! Nothing else in ingest waits for this: without a credential for Aircall, or while Aircall is away, webhooks are taken
//! as always.

use std::time::Duration;

use base::{db::Client, error::Result};
use jiff::{SignedDuration, Timestamp};
use ledger::reconciliation::{self, Progress};
use secrecy::SecretString;
use tokio::time;

use super::{How, Reconciler, Walk, earliest};
use crate::webhooks::{self, Health};

/// Of ingest's own turns.
pub(crate) const NAME: &str = "recent";
/// After a start: what Aircall could not deliver meanwhile comes by itself now.
const FIRST_AFTER: Duration = Duration::from_secs(120);
const AFTER_FAILURE: Duration = Duration::from_secs(60);
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);
/// How far the first turn reaches back, and how long a call that does not end is waited for.
const FARTHEST: SignedDuration = SignedDuration::from_hours(24);

pub(crate) struct Turns {
    pub(crate) reconciler: Reconciler,
    pub(crate) every: Duration,
    pub(crate) tokens: Vec<SecretString>,
}

impl Turns {
    pub(crate) async fn run(self) {
        time::sleep(FIRST_AFTER.min(self.every)).await;
        loop {
            self.reconciler.database.available().await;
            let pause = match self.turn().await {
                Ok(pause) => pause,
                Err(e) => {
                    tracing::warn!(error = %e, "Aircall's list of calls could not be read to its end; it is tried again.");
                    AFTER_FAILURE.min(self.every)
                }
            };
            time::sleep(pause).await;
        }
    }

    /// Says how long until another one may be due.
    async fn turn(&self) -> Result<Duration> {
        let database = &self.reconciler.database;
        if let Some(client) = database.lock("reconciliation", Duration::ZERO).await? {
            return self.turn_alone(&client).await;
        }
        let client = database.client().await?;
        tell(reconciliation::progress(&client, NAME).await?.and_then(|p| p.webhook_active));
        Ok(self.every)
    }

    async fn turn_alone(&self, client: &Client) -> Result<Duration> {
        let now = Timestamp::now();
        let last = reconciliation::progress(client, NAME).await?;
        if let Some(wait) = last.as_ref().and_then(|last| self.until_due(last, now)) {
            tell(last.and_then(|last| last.webhook_active));
            return Ok(wait);
        }
        let (since, from) = window(last.as_ref(), now);
        reconciliation::begin(client, NAME, since, now, from).await?;
        if let Err(e) = self.look_at_webhooks(client).await {
            tracing::warn!(error = %e, "Aircall could not be asked for its webhooks.");
        }
        let mut walk = Walk::new(from, now, How::default());
        while self.reconciler.step(&mut walk).await? {
            reconciliation::reach(client, NAME, walk.reached()).await?;
        }
        let next_since = walk.reached().min(now - OVERLAP).max(now - FARTHEST);
        reconciliation::end(client, NAME, next_since).await?;
        let (listed, brought) = (walk.tally.listed, walk.tally.brought_in());
        tracing::info!(listed, brought, "Aircall's recent calls were compared with those that are known.");
        Ok(self.every)
    }

    fn until_due(&self, last: &Progress, now: Timestamp) -> Option<Duration> {
        let passed = now.duration_since(last.ended_at?);
        let passed = Duration::try_from(passed).unwrap_or_default();
        self.every.checked_sub(passed).filter(|wait| !wait.is_zero())
    }

    async fn look_at_webhooks(&self, client: &Client) -> Result<()> {
        let all = self.reconciler.aircall.webhooks().await?;
        let health = webhooks::health(&all, &self.tokens);
        let active = matches!(health, Health::Delivers | Health::Lacks(_));
        let told = reconciliation::note_webhook(client, NAME, active, health == Health::Delivers).await?;
        tell(Some(active));
        if !told {
            return Ok(());
        }
        let what_to_do = "callbridge webhook install --url https://<your host>/webhooks/aircall";
        match health {
            Health::Delivers => {}
            Health::Lacks(missing) => {
                tracing::warn!(what_to_do, missing = missing.join(", "), "Aircall's webhook lacks events.");
            }
            Health::Disabled => tracing::warn!(what_to_do, "Aircall has disabled the webhook: no event arrives."),
            Health::None => {
                tracing::warn!(what_to_do, "Aircall has no webhook with a token of AIRCALL_WEBHOOK_TOKENS.");
            }
        }
        Ok(())
    }
}

/// Where a turn's window begins, and from where on it has not been looked at yet.
fn window(last: Option<&Progress>, now: Timestamp) -> (Timestamp, Timestamp) {
    let (since, from) = match last {
        None => (now - FARTHEST, now - FARTHEST),
        Some(Progress { next_since: Some(next), .. }) => (*next, *next),
        Some(broken_off) => (broken_off.since, broken_off.reached),
    };
    (since.max(earliest(now)), from.max(earliest(now)))
}

fn tell(active: Option<bool>) {
    if let Some(active) = active {
        metrics::gauge!("callbridge_webhook_active").set(if active { 1.0 } else { 0.0 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_begins_where_the_last_one_ended() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-11-23T09:00:00Z");
        let last = |since: &str, reached: &str, next: Option<&str>| Progress {
            since: at(since),
            until: at(reached),
            reached: at(reached),
            begun_at: at(reached),
            next_since: next.map(at),
            ended_at: next.map(|_| at(reached)),
            webhook_active: None,
        };
        let (yesterday, today) = ("2026-11-22T09:00:00Z", "2026-11-23T08:45:00Z");
        for (last, expected) in [
            (None, (yesterday, yesterday)),
            (
                Some(last(yesterday, today, Some("2026-11-23T07:45:00Z"))),
                ("2026-11-23T07:45:00Z", "2026-11-23T07:45:00Z"),
            ),
            // Ten days without ingest.
            (
                Some(last("2026-11-12T09:00:00Z", "2026-11-13T09:00:00Z", Some("2026-11-13T08:00:00Z"))),
                ("2026-11-13T08:00:00Z", "2026-11-13T08:00:00Z"),
            ),
            // Broken off.
            (Some(last(yesterday, today, None)), (yesterday, today)),
            (
                Some(last("2025-01-01T00:00:00Z", "2025-01-02T00:00:00Z", None)),
                ("2026-05-23T09:00:00Z", "2026-05-23T09:00:00Z"),
            ),
        ] {
            assert_eq!(window(last.as_ref(), now), (at(expected.0), at(expected.1)), "{last:?}");
        }
    }
}

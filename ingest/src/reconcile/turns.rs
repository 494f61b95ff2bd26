//! The regular turns of reconciliation, every `RECONCILE_EVERY`: compare Aircall's recent calls with the ledger, and check
//! that Aircall still delivers to us.
//!
//! One replica at a time (an advisory lock on a connection of its own, as for the phone directory), and only when the last
//! turn of any replica is long enough ago. The window of a turn begins an hour before the end of the last one, or at the
//! start of the earliest call that was still open then; that of the very first turn begins a day ago. So an outage of any
//! length is made up for. A call that began before the window is asked for by its id in the hour after its end, one request a turn: its late
//! tags and notes come then. Nothing else in ingest waits for this: without a credential for Aircall, or while Aircall is
//! unavailable, webhooks are accepted as always.

use std::time::Duration;

use base::{
    db::Client,
    error::{Code, Error, Result},
    ids::Vendor,
};
use jiff::{SignedDuration, Timestamp};
use ledger::reconciliation::{self, Progress};
use tokio::time;

use super::{How, Reconciler, Walk, earliest};
use crate::{
    tokens::Tokens,
    troubles::{self, Look},
    webhooks::{self, Health},
};

/// The name of these turns in the table `reconciliations`.
pub(crate) const NAME: &str = reconciliation::RECENT;
/// After a start, Aircall first delivers on its own what it could not deliver meanwhile.
const FIRST_AFTER: Duration = Duration::from_secs(120);
const AFTER_FAILURE: Duration = Duration::from_secs(60);
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);
/// How far back the very first turn begins, and for how long a call that does not end is looked at again.
const FARTHEST: SignedDuration = SignedDuration::from_hours(24);

pub(crate) struct Turns {
    pub(crate) reconciler: Reconciler,
    pub(crate) every: Duration,
    /// Of the settings.
    pub(crate) tokens: Tokens,
    /// The events that a webhook has to bring.
    pub(crate) needed: Vec<&'static str>,
}

impl Turns {
    pub(crate) async fn run(self) {
        time::sleep(FIRST_AFTER.min(self.every)).await;
        loop {
            self.reconciler.database.available().await;
            let pause = match self.turn().await {
                Ok(pause) => pause,
                Err(e) => {
                    tracing::warn!(error = %e, "Aircall's list of calls could not be read to its end; it is retried.");
                    AFTER_FAILURE.min(self.every)
                }
            };
            time::sleep(pause).await;
        }
    }

    /// Takes a turn if one is due. Returns how long to wait before checking again.
    async fn turn(&self) -> Result<Duration> {
        let database = &self.reconciler.database;
        if let Some(mut client) = database.lock("reconciliation", Duration::ZERO).await? {
            let turn = self.turn_alone(&client).await;
            note_whether_refused(&mut client, turn.as_ref().err()).await?;
            return turn;
        }
        let client = database.client().await?;
        set_webhook_gauge(reconciliation::progress(&client, NAME).await?.and_then(|p| p.webhook_active));
        Ok(self.every)
    }

    async fn turn_alone(&self, client: &Client) -> Result<Duration> {
        let now = client.now().await?;
        let last = reconciliation::progress(client, NAME).await?;
        if let Some(wait) = last.as_ref().and_then(|last| self.until_due(last, now)) {
            set_webhook_gauge(last.and_then(|last| last.webhook_active));
            return Ok(wait);
        }
        let (since, from) = window(last.as_ref(), now);
        reconciliation::begin(client, NAME, since, now, from).await?;
        if let Err(e) = self.check_webhooks(client).await {
            tracing::warn!(error = %e, "Aircall's webhooks could not be checked.");
        }
        let mut walk = Walk::new(from, now, How::default());
        while self.reconciler.step(&mut walk).await? {
            reconciliation::reach(client, NAME, walk.reached()).await?;
        }
        // Aircall lists calls by their start: of a long one, what came after its end would be looked at once only.
        let long = reconciliation::long_calls(client, since, now - OVERLAP).await?;
        self.reconciler.look_at(&long, &mut walk).await?;
        let next_since = walk.reached().min(now - OVERLAP).max(now - FARTHEST);
        reconciliation::end(client, NAME, next_since).await?;
        let (listed, brought) = (walk.tally.listed, walk.tally.brought_in());
        tracing::info!(listed, brought, "Aircall's recent calls were compared with the ledger.");
        Ok(self.every)
    }

    fn until_due(&self, last: &Progress, now: Timestamp) -> Option<Duration> {
        let passed = now.duration_since(last.ended_at?);
        let passed = Duration::try_from(passed).unwrap_or_default();
        self.every.checked_sub(passed).filter(|wait| !wait.is_zero())
    }

    async fn check_webhooks(&self, client: &Client) -> Result<()> {
        let all = self.reconciler.aircall.webhooks().await?;
        let tokens = self.tokens.clone().with_noted(client, Vendor::Aircall).await?;
        let health = webhooks::health(&all, &tokens, &self.needed);
        let active = matches!(health, Health::Delivers | Health::Lacks(_));
        let should_warn = reconciliation::note_webhook(client, NAME, active, health == Health::Delivers).await?;
        set_webhook_gauge(Some(active));
        if !should_warn {
            return Ok(());
        }
        let what_to_do = "callbridge webhook install --url https://<your host>/webhooks/aircall";
        match health {
            Health::Delivers => {}
            Health::Lacks(missing) => {
                tracing::warn!(what_to_do, missing = missing.join(", "), "Aircall's webhook lacks events.");
            }
            Health::Disabled => tracing::warn!(what_to_do, "Aircall has disabled the webhook: no events arrive."),
            Health::None => {
                tracing::warn!(what_to_do, "Aircall has no webhook with a token that ingest accepts.");
            }
        }
        Ok(())
    }
}

/// Where a turn's window begins, and from where on its calls have not been looked at yet.
fn window(last: Option<&Progress>, now: Timestamp) -> (Timestamp, Timestamp) {
    let (since, from) = match last {
        None => (now - FARTHEST, now - FARTHEST),
        Some(Progress { next_since: Some(next), .. }) => (*next, *next),
        Some(unfinished) => (unfinished.since, unfinished.reached),
    };
    (since.max(earliest(now)), from.max(earliest(now)))
}

/// What else can fail says nothing of the credential. A turn that was not due follows one that has ended well.
async fn note_whether_refused(client: &mut Client, failed: Option<&Error>) -> Result<()> {
    let is_refused = failed.is_some_and(|e| e.code == Code::AircallCredential);
    if failed.is_some() && !is_refused {
        return Ok(());
    }
    troubles::note(client, &[Look::of_credential(Vendor::Aircall, is_refused)]).await
}

fn set_webhook_gauge(active: Option<bool>) {
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
            // Unfinished turns.
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

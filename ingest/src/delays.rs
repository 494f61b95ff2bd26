//! Whether the delay queues give back what they hold. All retries hang on that, and a broker that stops doing it says nothing: the queue looks
//! empty, or as usual.
//!
//! Now and then a message goes through each of them, to a queue of its own. That one is late is a metric, an alert and a line of `callbridge check`.
//! Nothing is lost meanwhile: the ledger hands calls on whose messages do not come.

use std::time::Duration;

use base::{
    db::Database,
    error::{Error, Result},
};
use broker::{
    amqp::{Destination, Outgoing, Publisher},
    topology::DELAYS,
};
use jiff::Timestamp;
use ledger::delays::{self, Delay};
use serde::{Deserialize, Serialize};
use tokio::time;

const EVERY: Duration = Duration::from_secs(15);

/// What such a message says.
#[derive(Serialize, Deserialize)]
struct Check<'a> {
    delay: &'a str,
    made_at: Timestamp,
}

pub(crate) async fn watch(publisher: Publisher, database: Database) {
    let mut every = time::interval(EVERY);
    loop {
        every.tick().await;
        database.available().await;
        if let Err(e) = look(&publisher, &database).await {
            tracing::debug!(error = %e, "The delay queues could not be checked.");
        }
    }
}

async fn look(publisher: &Publisher, database: &Database) -> Result<()> {
    let all = delays::all(&database.client().await?, DELAYS).await?;
    // Before anything that needs the broker: what this replica says must not stay as it was when it lost the broker.
    for delay in &all {
        let gauge = metrics::gauge!("callbridge_delay_held_seconds", "delay" => delay.delay.clone());
        gauge.set(delay.held.as_secs_f64());
    }
    if all.iter().any(|delay| delay.is_due_back) {
        for body in publisher.checks_back().await? {
            // Not ours.
            let Ok(check) = serde_json::from_slice::<Check<'_>>(&body) else { continue };
            delays::came_back(&database.client().await?, check.delay, check.made_at).await?;
        }
    }
    for delay in all.iter().filter(|delay| delay.is_to_be_sent) {
        send(publisher, database, delay).await?;
    }
    Ok(())
}

async fn send(publisher: &Publisher, database: &Database, delay: &Delay) -> Result<()> {
    let Some(of) = DELAYS.iter().find(|(name, _)| *name == delay.delay) else { return Ok(()) };
    let Some(made_at) = delays::make(&database.client().await?, *of).await? else { return Ok(()) };
    let check = serde_json::to_vec(&Check { delay: of.0, made_at }).map_err(|e| Error::malformed("a check", &e))?;
    publisher.publish(Destination::Check { delay: of.0 }, &Outgoing::check(check)).await?;
    delays::sent(&database.client().await?, of.0, made_at).await
}

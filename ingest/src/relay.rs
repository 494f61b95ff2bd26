//! Empties the inbox into the broker, in order of arrival, once the broker is back.
//!
//! One replica relays at a time. Messages are removed in a transaction that commits after they are published. If anything
//! fails in between, they stay and some are published twice, which every stage tolerates.

use std::time::Duration;

use base::{
    db::Database,
    error::{Code, Error, Result},
    ids::Stage,
    trace::Traceparent,
};
use broker::{
    amqp::{Destination, Outgoing, Publisher},
    event::Event,
};
use futures_util::future::try_join_all;
use tokio_util::sync::CancellationToken;

use crate::inbox::{self, Waiting};

const EVERY: Duration = Duration::from_secs(1);
const BATCH: i64 = 100;
const EXPIRE_EVERY: Duration = Duration::from_secs(600);

pub(crate) async fn run(publisher: Publisher, database: Database, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = database.available() => {}
        }
        if publisher.prepare().await.is_err() {
            continue;
        }
        loop {
            match relay_batch(&publisher, &database).await {
                Ok(0) => break,
                Ok(messages) => tracing::info!(messages, "Messages from the inbox reached the broker."),
                Err(e) => {
                    tracing::warn!(error = %e, "The inbox could not be relayed; it is retried.");
                    break;
                }
            }
        }
    }
}

/// Deletes what has waited for longer than `age`, like everything else that old.
pub(crate) async fn expire(database: Database, age: Duration) {
    loop {
        database.available().await;
        let expired = async { inbox::expire(&database.client().await?, age).await };
        match expired.await {
            Ok(0) => {}
            Ok(messages) => {
                tracing::warn!(messages, "Messages in the inbox were older than RETENTION_DAYS and were deleted.");
            }
            Err(e) => tracing::warn!(error = %e, "Old messages in the inbox could not be deleted; it is retried."),
        }
        tokio::time::sleep(EXPIRE_EVERY).await;
    }
}

/// Relays the oldest messages. Returns how many; 0 also while another replica relays.
async fn relay_batch(publisher: &Publisher, database: &Database) -> Result<usize> {
    let mut client = database.client().await?;
    let transaction = client.transaction().await?;
    let Some(waiting) = inbox::take_oldest(&transaction, BATCH).await? else { return Ok(0) };
    // All at once, in order on one channel: the transaction must not stay open for a hundred round trips.
    try_join_all(waiting.iter().map(|message| publish(publisher, message))).await?;
    transaction.commit().await?;
    Ok(waiting.len())
}

async fn publish(publisher: &Publisher, waiting: &Waiting) -> Result<()> {
    let trace = waiting.trace.parse().unwrap_or_else(|()| Traceparent::start());
    let event = serde_json::from_slice::<Event>(&waiting.body).ok();
    if let Some((kind, message)) =
        waiting.kind.as_deref().zip(event.and_then(|event| Outgoing::event(&event, trace).ok()))
    {
        return publisher.publish(Destination::Events { kind }, &message).await;
    }
    // A row that is not a fact becomes a dead letter too: it must not block those behind it.
    let (_, message) = waiting.dead.clone().unwrap_or_else(|| (String::new(), "the inbox held no fact".into()));
    let error = Error::park(Code::WebhookPayload, message);
    publisher
        .publish(Destination::Dead(Stage::Ingest), &Outgoing::dead(Stage::Ingest, waiting.body.clone(), &error, trace))
        .await
}

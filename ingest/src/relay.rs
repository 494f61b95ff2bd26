//! Empties the inbox into the broker, in order of arrival, once the broker is back.
//!
//! One replica relays at a time. Messages are removed in the transaction in which they are published: if anything
//! goes wrong in between they stay, and some are published twice, which every stage stands.

use std::time::Duration;

use shared::{
    amqp::{Destination, Outgoing, Publisher},
    db::Database,
    error::{Code, Error, Result},
    event::Event,
    ledger::inbox::{self, Waiting},
    topology::Stage,
    trace::Traceparent,
};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(1);
const BATCH: i64 = 100;

pub(crate) async fn run(publisher: Publisher, database: Database, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        database.available().await;
        if publisher.prepare().await.is_err() {
            continue;
        }
        loop {
            match relay_some(&publisher, &database).await {
                Ok(0) => break,
                Ok(messages) => tracing::info!(messages, "Messages from the inbox reached the broker."),
                Err(e) => {
                    tracing::warn!(error = %e, "The inbox could not be relayed; it is tried again.");
                    break;
                }
            }
        }
    }
}

/// How many were relayed.
async fn relay_some(publisher: &Publisher, database: &Database) -> Result<usize> {
    let mut client = database.client().await?;
    let transaction = client.transaction().await?;
    let Some(waiting) = inbox::take(&transaction, BATCH).await? else { return Ok(0) };
    for message in &waiting {
        publish(publisher, message).await?;
    }
    transaction.commit().await?;
    Ok(waiting.len())
}

async fn publish(publisher: &Publisher, waiting: &Waiting) -> Result<()> {
    let trace = waiting.trace.parse().unwrap_or_else(|()| Traceparent::start());
    if let Some(kind) = &waiting.kind {
        let malformed = |e: serde_json::Error| Error::park(Code::MessageMalformed, e.to_string());
        let event: Event = serde_json::from_slice(&waiting.body).map_err(malformed)?;
        let message = Outgoing::event(&event, trace).map_err(malformed)?;
        return publisher.publish(Destination::Events { kind }, &message).await;
    }
    let (_, message) = waiting.dead.clone().unwrap_or_default();
    let error = Error::park(Code::WebhookPayload, message);
    publisher
        .publish(Destination::Dead(Stage::Ingest), &Outgoing::dead(Stage::Ingest, waiting.body.clone(), &error, trace))
        .await
}

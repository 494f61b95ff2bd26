//! Empties the inbox into the broker, about in order of arrival, once the broker is back.
//!
//! One replica relays at a time. What the broker has confirmed is removed, in one transaction for each batch, whatever
//! became of the other messages. If the process dies before the commit, a batch is published twice, which every stage
//! tolerates. What was not confirmed is tried again in the next round over the inbox, so that it holds up nothing behind
//! it. The slower the broker, the fewer messages at a time and the longer the pauses ([`Pace`]).

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use base::{
    db::Database,
    error::{Code, Error, Remedy, Result},
    ids::Stage,
    text,
    trace::Traceparent,
};
use broker::{
    amqp::{Destination, Outgoing, Publisher, Unpublished},
    event::Event,
};
use futures_util::{StreamExt, stream};
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::inbox::{self, Waiting};

const EVERY: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const LARGEST_BATCH: i64 = 100;
const SMALLEST_BATCH: i64 = 4;
/// Most channels are left to the webhooks that arrive meanwhile.
const AT_ONCE: usize = 8;
/// Nobody waits for the answer, as somebody does with a webhook.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);
/// The inbox is read and written by indexes. PostgreSQL that has not answered by then hangs.
const NO_ANSWER_AFTER: Duration = Duration::from_secs(30);
/// No message of a batch is begun later than this. The database ends a transaction that is idle for 30 s.
const BATCH_TIME: Duration = Duration::from_secs(10);
const EXPIRE_EVERY: Duration = Duration::from_secs(600);

pub(crate) async fn run(publisher: Publisher, database: Database, shutdown: CancellationToken) {
    let publisher = publisher.with_timeout(CONFIRM_TIMEOUT);
    let mut relay = Relay { publisher, database, shutdown: shutdown.clone(), after: 0, pace: Pace::default() };
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = time::sleep(relay.pace.pause) => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = relay.database.available() => {}
        }
        if relay.publisher.prepare().await.is_err() {
            continue;
        }
        // Until the end of the inbox, unless the broker is slow: then it gets a pause.
        while !shutdown.is_cancelled() && relay.step().await {}
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
        time::sleep(EXPIRE_EVERY).await;
    }
}

struct Relay {
    publisher: Publisher,
    database: Database,
    shutdown: CancellationToken,
    /// The last message of this round over the inbox.
    after: i64,
    pace: Pace,
}

/// What became of the messages of one batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Batch {
    confirmed: usize,
    /// No queue takes them.
    unroutable: usize,
    /// Not confirmed in time, or not even begun.
    late: usize,
}

/// How many messages at a time, and how long a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pace {
    batch: i64,
    pause: Duration,
    /// Something was not confirmed in this round.
    is_incomplete: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self { batch: LARGEST_BATCH, pause: EVERY, is_incomplete: false }
    }
}

impl Pace {
    /// True: go on with the next batch at once.
    fn after_batch(&mut self, batch: Batch) -> bool {
        self.is_incomplete |= batch.unroutable + batch.late > 0;
        if batch.late == 0 {
            self.batch = (self.batch * 2).min(LARGEST_BATCH);
            return true;
        }
        self.batch = (self.batch / 2).max(SMALLEST_BATCH);
        // While some are confirmed it makes progress, and a pause would only make it longer.
        self.pause = if batch.confirmed > 0 { EVERY } else { (self.pause * 2).min(LONGEST_PAUSE) };
        false
    }

    fn after_round(&mut self) {
        self.pause = if self.is_incomplete { (self.pause * 2).min(LONGEST_PAUSE) } else { EVERY };
        self.is_incomplete = false;
    }
}

impl Relay {
    /// Relays one batch. True: there may be more.
    async fn step(&mut self) -> bool {
        match self.batch().await {
            Ok(Some(batch)) => {
                let Batch { confirmed: messages, unroutable, late } = batch;
                if messages > 0 {
                    tracing::info!(messages, "Messages from the inbox reached the broker.");
                }
                if unroutable + late > 0 {
                    let text = "Messages stay in the inbox: the broker has not confirmed them. They are tried again.";
                    tracing::warn!(unroutable, late, "{text}");
                }
                self.pace.after_batch(batch)
            }
            Ok(None) => {
                self.after = 0;
                self.pace.after_round();
                false
            }
            Err(e) => {
                tracing::warn!(error = %e, "The inbox could not be relayed; it is retried.");
                false
            }
        }
    }

    /// `None` at the end of the inbox, and while another replica relays.
    async fn batch(&mut self) -> Result<Option<Batch>> {
        let mut client = self.database.client().await?;
        let transaction = client.transaction().await?;
        let oldest = inbox::lock_oldest(&transaction, self.after, self.pace.batch);
        let oldest = time::timeout(NO_ANSWER_AFTER, oldest).await;
        let waiting = oldest.map_err(|_| late("the inbox could not be read in time"))??.unwrap_or_default();
        let Some((last, _)) = waiting.last() else {
            transaction.rollback().await?;
            return Ok(None);
        };
        let (confirmed, batch) = publish_all(&self.publisher, &waiting, &self.shutdown).await;
        let removed = time::timeout(NO_ANSWER_AFTER, inbox::remove(&*transaction, &confirmed));
        removed.await.map_err(|_| late("the inbox could not be written in time"))??;
        transaction.commit().await?;
        self.after = *last;
        Ok(Some(batch))
    }
}

fn late(what: &str) -> Error {
    Error::new(Code::DatabaseUnavailable, Remedy::AwaitDatabase, what)
}

/// Publishes them, a few at once, and returns the ids of those that were confirmed. The first one that is late ends the batch,
/// and so does the shutdown.
async fn publish_all(
    publisher: &Publisher,
    waiting: &[(i64, Waiting)],
    shutdown: &CancellationToken,
) -> (Vec<i64>, Batch) {
    let (began, is_slow) = (Instant::now(), AtomicBool::new(false));
    let publish = async |(id, message): &(i64, Waiting)| {
        if is_slow.load(Relaxed) || began.elapsed() > BATCH_TIME {
            return (*id, None);
        }
        let published = publish(publisher, message).await;
        if matches!(published, Err(Unpublished::Unavailable(_))) {
            is_slow.store(true, Relaxed);
        }
        (*id, Some(published))
    };
    let (mut confirmed, mut unroutable) = (Vec::new(), 0);
    let mut published = std::pin::pin!(stream::iter(waiting).map(publish).buffer_unordered(AT_ONCE));
    while let Some((id, published)) = shutdown.run_until_cancelled(published.next()).await.flatten() {
        match published {
            Some(Ok(())) => confirmed.push(id),
            Some(Err(Unpublished::NoQueue(_))) => unroutable += 1,
            Some(Err(Unpublished::Unavailable(_))) | None => {}
        }
    }
    let late = waiting.len() - confirmed.len() - unroutable;
    let batch = Batch { confirmed: confirmed.len(), unroutable, late };
    (confirmed, batch)
}

async fn publish(publisher: &Publisher, waiting: &Waiting) -> Result<(), Unpublished> {
    let trace = waiting.trace.parse().unwrap_or_else(|()| Traceparent::start());
    let event = serde_json::from_slice::<Event>(&text::readable(&waiting.body)).ok();
    if let Some((kind, message)) =
        waiting.kind.as_deref().zip(event.and_then(|event| Outgoing::event(&event, trace).ok()))
    {
        return publisher.try_publish(Destination::Events { kind }, &message).await;
    }
    // A row that is not a fact becomes a dead letter too: it must not block those behind it.
    let (_, message) = waiting.dead.clone().unwrap_or_else(|| (String::new(), "the inbox held no fact".into()));
    let error = Error::park(Code::WebhookPayload, message);
    let letter = Outgoing::dead(Stage::Ingest, waiting.body.clone(), &error, trace);
    publisher.try_publish(Destination::Dead(Stage::Ingest), &letter).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn batch(confirmed: usize, unroutable: usize, late: usize) -> Batch {
        Batch { confirmed, unroutable, late }
    }

    #[test]
    fn the_slower_the_broker_the_fewer_at_a_time_and_the_longer_the_pauses() {
        let mut pace = Pace::default();
        let mut seen = Vec::new();
        for outcome in [
            batch(100, 0, 0),
            batch(90, 0, 10),
            batch(0, 0, 50),
            batch(0, 0, 25),
            batch(12, 0, 0),
            batch(20, 4, 0),
            batch(0, 48, 0),
        ] {
            let goes_on = pace.after_batch(outcome);
            seen.push((pace.batch, pace.pause.as_secs(), goes_on));
        }
        let expected = [
            (100, 1, true),
            (50, 1, false),
            (25, 2, false),
            (12, 4, false),
            (24, 4, true),
            (48, 4, true),
            (96, 4, true),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_round_that_leaves_something_is_followed_by_a_longer_pause_and_another_one_is_not() {
        let mut pace = Pace::default();
        let rounds = [batch(9, 1, 0), batch(0, 1, 0), batch(3, 0, 0), batch(0, 1, 0)].map(|outcome| {
            pace.after_batch(outcome);
            pace.after_round();
            pace.pause.as_secs()
        });
        assert_eq!(rounds, [2, 4, 1, 2]);
        for _ in 0..20 {
            pace.after_batch(batch(0, 0, 9));
        }
        assert_eq!((pace.pause, pace.batch), (LONGEST_PAUSE, SMALLEST_BATCH));
    }
}

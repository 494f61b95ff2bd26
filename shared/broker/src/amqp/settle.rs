//! Settles a message after its handler: the only place that acks.
//!
//! A message to be handled again or parked is first published to its next queue, and acked only when the broker has confirmed
//! that copy. A crash in between duplicates the message (which every stage tolerates) and never loses it.

use std::time::Duration;

use base::{
    db::Database,
    error::{Error, Remedy, Result},
    ids::{CallId, Stage},
};
use lapin::{message::Delivery, options::BasicAckOptions};
use ledger::{
    calls,
    timeline::{self, Entry, Failure, Timeline, What},
};
use tokio::time;
use vendors::sent;

use super::{
    handler::Outcome,
    ladder::{self, Step},
    message::{self, Incoming, Outgoing},
    publisher::{Destination, Publisher},
};

const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);

/// The parts of a consumer that settling needs.
pub(super) struct Settling<'a> {
    pub(super) stage: Stage,
    pub(super) publisher: &'a Publisher,
    pub(super) database: &'a Database,
    pub(super) timeline: &'a Timeline,
}

impl Settling<'_> {
    /// Publishes the message to its next queue if the outcome requires it, then acks. Returns the outcome's label.
    pub(super) async fn settle(
        &self,
        delivery: &Delivery,
        incoming: Option<&Incoming>,
        result: Result<Outcome>,
    ) -> &'static str {
        let call_id = incoming.map(|incoming| incoming.event.call_id);
        let stage = self.stage_of(incoming);
        let label = match result {
            Ok(Outcome::Done) => "done",
            Ok(Outcome::Skip(reason)) => {
                self.note(call_id, Some(Entry::new(stage.as_str(), What::Skipped { reason })), 0).await;
                "skipped"
            }
            Ok(Outcome::Later(wait)) => {
                let (rung, left) = ladder::hop(wait);
                let (to, copy) =
                    (Destination::Delay { rung, back_to: stage }, message::delayed_copy(delivery, left, incoming));
                if !self.publish_while_delivered(delivery, to, &copy).await {
                    return "lost_connection";
                }
                "put_off"
            }
            Ok(Outcome::PassOn(to)) => {
                let copy = message::passed_on_copy(delivery, incoming);
                if !self.publish_while_delivered(delivery, Destination::Work(to), &copy).await {
                    return "lost_connection";
                }
                "passed_on"
            }
            Err(error) => {
                let (label, to, attempts) = next(stage, delivery, &error);
                let copy = message::failed_copy(delivery, stage, attempts, &error, incoming);
                if !self.publish_while_delivered(delivery, to, &copy).await {
                    return "lost_connection";
                }
                if label != "deferred" {
                    self.report(stage, call_id, &error, label, attempts).await;
                }
                label
            }
        };
        match delivery.acker.ack(BasicAckOptions::default()).await {
            Ok(true) => label,
            // Not sent: the channel is gone and the broker will deliver the message again.
            Ok(false) | Err(_) => "lost_connection",
        }
    }

    /// The stage that the message goes on with if it has to come again.
    fn stage_of(&self, incoming: Option<&Incoming>) -> Stage {
        incoming.and_then(Incoming::continued).map_or(self.stage, |(stage, _)| stage)
    }

    /// Publishes the copy, however long that takes; false if we no longer own the delivery.
    async fn publish_while_delivered(&self, delivery: &Delivery, to: Destination<'_>, copy: &Outgoing) -> bool {
        let mut warned = false;
        while delivery.acker.usable() {
            match self.publisher.publish(to, copy).await {
                Ok(()) => return true,
                // Warns once: a stalled broker fails many attempts of many messages.
                Err(e) if !warned => {
                    warned = true;
                    tracing::warn!(error = %e, "A message could not be moved to its next queue yet; this is retried.");
                }
                Err(e) => tracing::debug!(error = %e, "A message still cannot be moved to its next queue."),
            }
            time::sleep(PAUSE_AFTER_FAILURE).await;
        }
        false
    }

    async fn report(&self, stage: Stage, call_id: Option<CallId>, error: &Error, label: &'static str, attempts: u32) {
        let (stage, code, call) = (stage.as_str(), error.code.as_str(), call_id.map(|c| c.0));
        let (message, parked) = (&error.message, label == "parked");
        if parked {
            tracing::error!(stage, code, call_id = call, attempts, error = message, "A message was parked.");
        } else {
            tracing::warn!(stage, code, call_id = call, attempts, error = message, "A message will be retried.");
        }
        metrics::counter!("callbridge_failures_total", "stage" => stage, "code" => code).increment(1);
        let failure = Failure { code: code.into(), error: message.clone(), attempts };
        let entry = Entry::new(stage, if parked { What::Parked(failure) } else { What::Retried(failure) });
        self.note(call_id, Some(entry), i32::from(parked)).await;
    }

    /// Writes a line of the timeline, the collected requests, and the count of dead letters. The timeline is for people, so a
    /// failure to write it must not hold up a message.
    pub(super) async fn note(&self, call_id: Option<CallId>, entry: Option<Entry>, parked: i32) {
        let is_needed = entry.is_some() || sent::has_requests();
        let Some(call_id) = call_id.filter(|id| is_needed && *id != CallId::NONE) else { return };
        // Why a message was skipped, is retried or was parked is known before its ack. Requests alone can wait.
        if entry.is_none() && parked == 0 {
            self.timeline.add(call_id, None);
            return;
        }
        let written = async {
            let client = self.database.client().await?;
            calls::count_parked(&client, call_id, parked, false).await?;
            timeline::add(&client, call_id, entry).await
        };
        if let Err(e) = written.await {
            tracing::warn!(call_id = call_id.0, error = %e, "A line of the timeline could not be written.");
        }
    }
}

fn next(stage: Stage, delivery: &Delivery, error: &Error) -> (&'static str, Destination<'static>, u32) {
    let attempts = message::attempts(delivery);
    match ladder::next(attempts, error.remedy) {
        Step::Wait { rung, attempts } => {
            // Deferring is normal while there is a backlog, so it is neither logged nor written to the timeline.
            let label = if matches!(error.remedy, Remedy::Defer { .. }) { "deferred" } else { "retried" };
            (label, Destination::Delay { rung, back_to: stage }, attempts)
        }
        Step::Park => ("parked", Destination::Dead(stage), attempts + 1),
    }
}

//! What becomes of a message after its handler: the one place that acks.
//!
//! A message that is to come again, or to be parked, is published to its next queue first and acked only when the broker has
//! confirmed that copy: dying in between doubles a message (which every stage stands) and never loses one.

use std::time::Duration;

use base::{
    db::Database,
    error::{Error, Remedy, Result},
    ids::{CallId, Stage},
};
use lapin::{message::Delivery, options::BasicAckOptions};
use ledger::{
    calls,
    timeline::{self, Entry},
};
use tokio::time;
use vendors::sent;

use super::{
    handler::Outcome,
    ladder::{self, Step},
    message::{self, Outgoing},
    publisher::{Destination, Publisher},
};

const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);

/// What settling needs of a consumer.
pub(super) struct Settling<'a> {
    pub(super) stage: Stage,
    pub(super) publisher: &'a Publisher,
    pub(super) database: &'a Database,
}

impl Settling<'_> {
    /// Acks, after the message's copy has reached its next queue if it needs one. Returns the outcome's label.
    pub(super) async fn settle(
        &self,
        delivery: &Delivery,
        call_id: Option<CallId>,
        result: Result<Outcome>,
    ) -> &'static str {
        let label = match result {
            Ok(Outcome::Done) => "done",
            Ok(Outcome::Skip(reason)) => {
                let entry = Entry::new(self.stage.as_str(), "skipped").with("reason", &reason);
                self.note(call_id, Some(entry), 0).await;
                "skipped"
            }
            Ok(Outcome::Later(wait)) => {
                let to = Destination::Delay { rung: ladder::hop(wait), back_to: self.stage };
                if !self.publish_while_delivered(delivery, to, &message::later(delivery)).await {
                    return "lost_connection";
                }
                "put_off"
            }
            Err(error) => {
                let (label, to, attempts) = self.next(delivery, &error);
                let copy = message::again(delivery, self.stage, attempts, &error);
                if !self.publish_while_delivered(delivery, to, &copy).await {
                    return "lost_connection";
                }
                if label != "deferred" {
                    self.report(call_id, &error, label, attempts).await;
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

    fn next(&self, delivery: &Delivery, error: &Error) -> (&'static str, Destination<'static>, u32) {
        let attempts = message::attempts(delivery);
        match ladder::next(attempts, error.remedy) {
            Step::Wait { rung, attempts } => {
                // Its turn comes: with a long backlog that is no news, neither for the log nor for the timeline.
                let label = if matches!(error.remedy, Remedy::Defer { .. }) { "deferred" } else { "retried" };
                (label, Destination::Delay { rung, back_to: self.stage }, attempts)
            }
            Step::Park => ("parked", Destination::Dead(self.stage), attempts + 1),
        }
    }

    /// Publishes the copy, however long that takes, as long as we still own the delivery.
    async fn publish_while_delivered(&self, delivery: &Delivery, to: Destination<'_>, copy: &Outgoing) -> bool {
        let mut told = false;
        while delivery.acker.usable() {
            match self.publisher.publish(to, copy).await {
                Ok(()) => return true,
                // Once: a broker that stalls does so for many tries of many messages.
                Err(e) if !told => {
                    told = true;
                    tracing::warn!(error = %e, "A message could not be put aside yet; trying until it can.");
                }
                Err(e) => tracing::debug!(error = %e, "A message still cannot be put aside."),
            }
            time::sleep(PAUSE_AFTER_FAILURE).await;
        }
        false
    }

    async fn report(&self, call_id: Option<CallId>, error: &Error, label: &'static str, attempts: u32) {
        let (stage, code, call) = (self.stage.as_str(), error.code.as_str(), call_id.map(|c| c.0));
        let (message, parked) = (&error.message, label == "parked");
        if parked {
            tracing::error!(stage, code, call_id = call, attempts, error = message, "A message was parked.");
        } else {
            tracing::warn!(stage, code, call_id = call, attempts, error = message, "A message will be tried again.");
        }
        metrics::counter!("callbridge_failures_total", "stage" => stage, "code" => code).increment(1);
        let entry = Entry::new(stage, label).with("code", code).with("error", message).with("attempts", attempts);
        self.note(call_id, Some(entry), i32::from(parked)).await;
    }

    /// The timeline is for people: losing one of its lines must not hold a message up.
    pub(super) async fn note(&self, call_id: Option<CallId>, entry: Option<Entry>, parked: i32) {
        let something = entry.is_some() || sent::has_requests();
        let Some(call_id) = call_id.filter(|id| something && *id != CallId::NONE) else { return };
        let written = async {
            let client = self.database.client().await?;
            calls::count_parked(&client, call_id, parked).await?;
            timeline::add(&client, call_id, entry).await
        };
        if let Err(e) = written.await {
            tracing::warn!(call_id = call_id.0, error = %e, "A line of the timeline could not be written.");
        }
    }
}

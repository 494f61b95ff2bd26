//! Plays calls, messages, recorded conversations and single envelopes.
//!
//! In comes an order that `control` has parsed; out go events to the delivery engine, and the account's state changes with
//! each event. Calls are played in parallel, each in its own task. With a pace of 0, a call's next event happens as soon as
//! every webhook has answered (or failed to answer) the one before; otherwise each second of the call takes that many
//! milliseconds, whatever the receivers do. A call that is played at once has ended when its order is answered, and its
//! webhooks follow in order.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::Account;
use super::conversation::Conversation;
use super::delivery::{FirstAttempts, Subject};
use super::messages::{PlayMessage, StatusChange};
use super::order::PlayCall;
use super::scenario::Step;
use super::state::{Fact, call_of};

/// An envelope and when it is sent, in milliseconds after the order.
pub(super) struct Timed {
    pub(super) after_ms: u64,
    pub(super) body: Value,
}

#[derive(Serialize)]
struct Envelope<'a> {
    resource: &'a str,
    event: &'a str,
    timestamp: i64,
    token: &'a str,
    data: &'a Value,
}

pub(super) fn now_s() -> i64 {
    jiff::Timestamp::now().as_second()
}

impl Account {
    /// Starts a call. It exists when this returns; its events follow.
    pub(super) fn play_call(&self, order: PlayCall) -> Result<u64, String> {
        let started_at = order.started_at.unwrap_or_else(now_s);
        let (call_id, steps) = {
            let mut state = self.state();
            order.check(&state.directory)?;
            let steps = order.steps(started_at)?;
            (state.begin(&order, started_at)?, steps)
        };
        if order.at_once {
            for step in &steps {
                self.run_step(call_id, step, &order);
            }
        } else {
            tokio::spawn(self.clone().run_steps(call_id, started_at, steps, order));
        }
        Ok(call_id)
    }

    async fn run_steps(self, call_id: u64, started_at: i64, steps: Vec<Step>, order: PlayCall) {
        let begun = tokio::time::Instant::now();
        for step in steps {
            if order.pace_ms > 0 {
                let offset = (step.at - started_at).unsigned_abs().saturating_mul(order.pace_ms);
                tokio::time::sleep_until(begun + Duration::from_millis(offset)).await;
            }
            let sent = self.run_step(call_id, &step, &order);
            if let Some(sent) = sent.filter(|_| order.pace_ms == 0) {
                sent.over().await;
            }
        }
    }

    /// `None` if no webhook is sent for this step.
    fn run_step(&self, call_id: u64, step: &Step, order: &PlayCall) -> Option<FirstAttempts> {
        let fact = self.state().advance(call_id, step)?;
        (!order.loses(fact.event)).then(|| self.send_fact(&Subject::Call(call_id), &fact))
    }

    /// Plays a message and returns its id.
    pub(super) fn play_message(&self, order: PlayMessage) -> Result<String, String> {
        let (id, fact) = self.state().begin_message(order, now_s())?;
        self.send_fact(&Subject::Message(id.as_str().into()), &fact);
        Ok(id)
    }

    /// The message has another status. `None` if there is no such message.
    pub(super) fn change_message(&self, id: &str, change: StatusChange) -> Option<()> {
        let fact = self.state().change_message(id, change, now_s())?;
        self.send_fact(&Subject::Message(id.into()), &fact);
        Some(())
    }

    fn send_fact(&self, subject: &Subject, fact: &Fact) -> FirstAttempts {
        let Fact { resource, event, timestamp, data } = fact;
        self.engine().send(event, subject, *timestamp, |token| {
            let envelope = Envelope { resource, event, timestamp: *timestamp, token, data };
            // Values and strings can always be written as JSON.
            serde_json::to_vec(&envelope).unwrap_or_default()
        })
    }

    /// Sends envelopes unchanged, each at its time.
    pub(super) fn send_envelopes(&self, mut envelopes: Vec<Timed>) {
        envelopes.sort_by_key(|envelope| envelope.after_ms);
        let account = self.clone();
        tokio::spawn(async move {
            let begun = tokio::time::Instant::now();
            for Timed { after_ms, body } in envelopes {
                tokio::time::sleep_until(begun + Duration::from_millis(after_ms)).await;
                account.send_envelope(&body);
            }
        });
    }

    fn send_envelope(&self, body: &Value) -> FirstAttempts {
        self.state().keep_envelope(body);
        let event = body.get("event").and_then(Value::as_str).unwrap_or_default();
        let timestamp = body.get("timestamp").and_then(Value::as_i64).unwrap_or_default();
        let subject = call_of(body).map_or(Subject::Other, Subject::Call);
        self.engine().send(event, &subject, timestamp, |token| {
            let mut body = body.clone();
            if let Some(fields) = body.as_object_mut() {
                fields.entry("token").or_insert_with(|| json!(token));
            }
            serde_json::to_vec(&body).unwrap_or_default()
        })
    }

    /// Plays a recorded conversation as if it began now and returns the ids of its calls.
    pub(super) fn play_conversation(&self, conversation: &Conversation, pace_ms: u64) -> Vec<u64> {
        let (envelopes, call_ids) = conversation.starting_at(now_s(), &mut self.state());
        if let Some((_, first)) = envelopes.first() {
            // As with a played call, it exists when the order is answered.
            self.state().keep_envelope(first);
        }
        let account = self.clone();
        tokio::spawn(async move {
            let begun = tokio::time::Instant::now();
            for (at_s, body) in envelopes {
                let due = begun + Duration::from_millis(at_s.saturating_mul(pace_ms));
                tokio::time::sleep_until(due).await;
                let sent = account.send_envelope(&body);
                if pace_ms == 0 {
                    sent.over().await;
                }
            }
        });
        call_ids
    }
}

//! The delivery engine: webhooks are delivered at least once and, on request, doubled, out of order or late.
//!
//! In come rendered envelopes, each for one webhook; out go HTTP POSTs with the vendor's headers. A lane is the queue
//! of one call or message at one webhook: its deliveries are sent in order, one at a time, and lanes run in parallel up to
//! `concurrency`. Anything but a 2xx within five seconds is retried with doubling pauses. After `max_attempts` the webhook is
//! disabled, and everything that waits for it is dropped until somebody enables it again.
//!
//! `settings` can double, swap and delay a share of the deliveries. Which ones follows from the seed and the delivery, see
//! `random`. The engine must not change bodies, and knows nothing of calls and messages but their ids.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore, oneshot};

use super::delivery_settings::Settings;
use super::random;
use super::webhooks::Webhooks;

const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const LOG_LENGTH: usize = 5_000;

#[derive(Clone)]
pub(super) struct Engine {
    client: reqwest::Client,
    board: Arc<Mutex<Board>>,
}

/// All that the engine remembers.
pub(super) struct Board {
    pub(super) webhooks: Webhooks,
    settings: Settings,
    permits: Arc<Semaphore>,
    lanes: HashMap<LaneKey, Lane>,
    tally: Tally,
    log: VecDeque<Value>,
}

type LaneKey = (u64, Subject);

/// What an event is about.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    Call(u64),
    Message(Arc<str>),
    /// Neither, as far as the envelope says.
    Other,
}

impl Subject {
    fn call_id(&self) -> Option<u64> {
        if let Subject::Call(id) = self { Some(*id) } else { None }
    }

    fn message_id(&self) -> Option<&str> {
        if let Subject::Message(id) = self { Some(id) } else { None }
    }

    fn number(&self) -> u64 {
        match self {
            Subject::Call(id) => *id,
            Subject::Message(id) => random::fold(id),
            Subject::Other => 0,
        }
    }
}

#[derive(Default)]
struct Lane {
    queue: VecDeque<Delivery>,
    more: Arc<Notify>,
}

#[derive(Default)]
struct Tally {
    pending: u64,
    delivered: u64,
    attempts: u64,
    failed_attempts: u64,
    dropped: u64,
}

struct Delivery {
    webhook: u64,
    event: Arc<str>,
    subject: Subject,
    body: Bytes,
    swap: bool,
    late: bool,
    /// Fires when the first attempt is over, or when the first attempt is delayed on purpose.
    first: Option<oneshot::Sender<()>>,
}

impl Delivery {
    fn first_is_over(&mut self) {
        if let Some(first) = self.first.take() {
            // Usually nobody waits for it.
            let _ = first.send(());
        }
    }
}

enum Attempt {
    Delivered,
    Failed,
    Dropped,
}

impl Engine {
    pub(super) fn new() -> Engine {
        let client = crate::webhook_client("axios/1.7.9", ANSWER_WITHIN);
        let settings = Settings::default();
        let board = Board {
            webhooks: Webhooks::default(),
            settings,
            permits: Arc::new(Semaphore::new(settings.concurrency)),
            lanes: HashMap::new(),
            tally: Tally::default(),
            log: VecDeque::new(),
        };
        Engine { client, board: Arc::new(Mutex::new(board)) }
    }

    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        crate::lock(&self.board)
    }

    pub(super) fn settings(&self) -> Settings {
        self.board().settings
    }

    pub(super) fn configure(&self, settings: Settings) {
        let mut board = self.board();
        board.settings = settings;
        board.permits = Arc::new(Semaphore::new(settings.concurrency));
    }

    /// Puts an event into the lanes of all webhooks that are subscribed to it. `body` renders the envelope with a webhook's
    /// token. The result can be awaited: it resolves when each webhook has had its first attempt.
    pub(super) fn send(
        &self,
        event: &str,
        subject: &Subject,
        timestamp: i64,
        body: impl Fn(&str) -> Vec<u8>,
    ) -> FirstAttempts {
        let event: Arc<str> = event.into();
        let mut waits = Vec::new();
        let mut board = self.board();
        let receivers: Vec<(u64, Bytes)> = board
            .webhooks
            .iter()
            .filter(|webhook| webhook.wants(&event))
            .map(|webhook| (webhook.id, body(&webhook.token).into()))
            .collect();
        for (webhook, body) in receivers {
            let (first, wait) = oneshot::channel();
            waits.push(wait);
            let key =
                random::fold(&event) ^ random::mix(subject.number()) ^ timestamp.unsigned_abs() ^ random::mix(webhook);
            let draw =
                |share: f64, kind: u64| random::chance(share, key ^ random::mix(board.settings.seed ^ (kind << 32)));
            let settings = board.settings;
            let (swap, late) = (draw(settings.reorder, 1), draw(settings.late, 2));
            let double = draw(settings.duplicate, 3);
            let once = |first, swap, late| Delivery {
                webhook,
                event: event.clone(),
                subject: subject.clone(),
                body: body.clone(),
                swap,
                late,
                first,
            };
            self.enqueue(&mut board, once(Some(first), swap, late));
            if double {
                self.enqueue(&mut board, once(None, false, false));
            }
        }
        FirstAttempts(waits)
    }

    fn enqueue(&self, board: &mut Board, delivery: Delivery) {
        let key = (delivery.webhook, delivery.subject.clone());
        board.tally.pending += 1;
        if let Some(lane) = board.lanes.get_mut(&key) {
            lane.queue.push_back(delivery);
            lane.more.notify_one();
            return;
        }
        let mut lane = Lane::default();
        lane.queue.push_back(delivery);
        board.lanes.insert(key.clone(), lane);
        tokio::spawn(self.clone().run_lane(key));
    }

    async fn run_lane(self, key: LaneKey) {
        while let Some(mut delivery) = self.next_delivery(&key).await {
            if delivery.late {
                delivery.first_is_over();
                let settings = self.settings();
                let pause = Duration::from_millis(settings.late_ms);
                if settings.reorder > 0.0 {
                    // The order does not matter then, so the others need not wait.
                    let engine = self.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(pause).await;
                        engine.deliver(delivery).await;
                    });
                    continue;
                }
                tokio::time::sleep(pause).await;
            }
            self.deliver(delivery).await;
        }
    }

    /// The next delivery of a lane. An empty lane is removed.
    async fn next_delivery(&self, key: &LaneKey) -> Option<Delivery> {
        let (mut delivery, more, patience) = {
            let mut board = self.board();
            let patience = Duration::from_millis(board.settings.late_ms);
            let lane = board.lanes.get_mut(key)?;
            let Some(delivery) = lane.queue.pop_front() else {
                board.lanes.remove(key);
                return None;
            };
            (delivery, lane.more.clone(), patience)
        };
        if !delivery.swap {
            return Some(delivery);
        }
        delivery.swap = false;
        delivery.first_is_over();
        let waiting = tokio::time::Instant::now() + patience;
        loop {
            {
                let mut board = self.board();
                let lane = board.lanes.entry(key.clone()).or_default();
                if let Some(later) = lane.queue.pop_front() {
                    lane.queue.push_front(delivery);
                    return Some(later);
                }
            }
            // There may be no later delivery to swap with.
            if tokio::time::timeout_at(waiting, more.notified()).await.is_err() {
                return Some(delivery);
            }
        }
    }

    async fn deliver(&self, mut delivery: Delivery) {
        let mut attempt = 1;
        let delivered = loop {
            let outcome = self.attempt(&delivery, attempt).await;
            delivery.first_is_over();
            let settings = self.settings();
            match outcome {
                Attempt::Delivered => break true,
                Attempt::Dropped => break false,
                Attempt::Failed if attempt >= settings.max_attempts => {
                    self.board().webhooks.deactivate(delivery.webhook);
                    break false;
                }
                Attempt::Failed => tokio::time::sleep(settings.pause_after(attempt)).await,
            }
            attempt += 1;
        };
        let mut board = self.board();
        board.tally.pending -= 1;
        if delivered {
            board.tally.delivered += 1;
        } else {
            board.tally.dropped += 1;
        }
    }

    async fn attempt(&self, delivery: &Delivery, attempt: u32) -> Attempt {
        let permits = self.board().permits.clone();
        // The semaphore is never closed; if it were, the delivery should be sent all the same.
        let _permit = permits.acquire_owned().await.ok();
        let url = match self.board().webhooks.get(delivery.webhook) {
            Some(webhook) if webhook.active => webhook.url.clone(),
            _ => return Attempt::Dropped,
        };
        let trace = random::mix(random::fold(&delivery.event) ^ delivery.subject.number() ^ u64::from(attempt));
        let answer = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header("aircall-origin", "webhooks")
            .header("x-datadog-trace-id", trace.to_string())
            .header("x-datadog-parent-id", random::mix(trace).to_string())
            .header("tracestate", format!("dd=s:1;p:{:016x}", random::mix(trace)))
            .body(delivery.body.clone())
            .send()
            .await;
        let status = answer.as_ref().ok().map(|answer| answer.status());
        if let Ok(answer) = answer {
            // Read to the end, so that the connection can be used again.
            let _ = answer.bytes().await;
        }
        let ok = status.is_some_and(|status| status.is_success());
        self.board().note(delivery, attempt, status.map(|status| status.as_u16()), ok);
        if ok { Attempt::Delivered } else { Attempt::Failed }
    }

    pub(super) fn report(&self, with_log: bool) -> Value {
        let board = self.board();
        let tally = &board.tally;
        json!({
            "pending": tally.pending,
            "delivered": tally.delivered,
            "attempts": tally.attempts,
            "failed_attempts": tally.failed_attempts,
            "dropped": tally.dropped,
            "log": with_log.then_some(&board.log),
        })
    }
}

impl Board {
    fn note(&mut self, delivery: &Delivery, attempt: u32, status: Option<u16>, ok: bool) {
        self.tally.attempts += 1;
        self.tally.failed_attempts += u64::from(!ok);
        if self.log.len() == LOG_LENGTH {
            self.log.pop_front();
        }
        let at_ms = jiff::Timestamp::now().as_millisecond();
        let (event, call_id) = (&*delivery.event, delivery.subject.call_id());
        let mut line =
            json!({"event": event, "call_id": call_id, "status": status, "at_ms": at_ms, "attempt": attempt});
        if let Some(message_id) = delivery.subject.message_id() {
            line["message_id"] = json!(message_id);
        }
        self.log.push_back(line);
    }
}

/// The first attempts of one event at every webhook.
pub(super) struct FirstAttempts(Vec<oneshot::Receiver<()>>);

impl FirstAttempts {
    pub(super) async fn over(self) {
        for wait in self.0 {
            // A sender that was dropped means that the delivery was dropped.
            let _ = wait.await;
        }
    }
}

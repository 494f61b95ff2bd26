//! The AMQP properties and headers of a fact.
//!
//! Our headers start with `callbridge-` (names that start with `x-` are the broker's). They say how often a stage has tried,
//! since when it has failed and with which code, so that a dead letter explains itself.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use base::{
    error::{Code, Error, Result},
    ids::{CallId, Stage},
    text,
    trace::Traceparent,
};
use jiff::Timestamp;
use lapin::{
    BasicProperties,
    message::Delivery,
    types::{AMQPValue, FieldTable},
};
use uuid::Uuid;

use super::ladder;
use crate::{
    event::Event,
    topology::{self, short},
};

const ATTEMPTS: &str = "callbridge-attempts";
const STAGE: &str = "callbridge-stage";
const CALL_ID: &str = "callbridge-call-id";
const ERROR_CODE: &str = "callbridge-error-code";
const ERROR_MESSAGE: &str = "callbridge-error-message";
const FIRST_FAILURE: &str = "callbridge-first-failure";
/// When the handler last delayed the message ([`super::Outcome::Later`]).
const DELAYED: &str = "callbridge-put-off";
/// How many milliseconds it still waits after the delay queue in which it is, and since when: an older version may have delayed it again.
const WAITS: &str = "callbridge-waits";
const LAST_FAILURE: &str = "callbridge-last-failure";
/// A handler had begun with the message before it was deferred.
const BEGUN: &str = "callbridge-begun";
/// When an operator replayed the message after it was parked.
const REPLAYED: &str = "callbridge-replayed";
/// A handler of this stage has written the line of the event to the call's timeline. Kept by replays.
const NOTED: &str = "callbridge-noted";
const TRACEPARENT: &str = "traceparent";

/// The type of a message without effect, sent to test whether the queues are bound.
pub const PROBE: &str = "callbridge.probe";

/// The headers about earlier attempts, which a replayed message starts without.
const EARLIER_ATTEMPTS: [&str; 9] =
    [ATTEMPTS, STAGE, ERROR_CODE, ERROR_MESSAGE, FIRST_FAILURE, LAST_FAILURE, DELAYED, WAITS, BEGUN];

/// A message about to be published.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub body: Vec<u8>,
    pub properties: BasicProperties,
}

impl Outgoing {
    pub fn event(event: &Event, trace: Traceparent) -> Result<Self> {
        let mut headers = FieldTable::default();
        put(&mut headers, TRACEPARENT, &trace.to_string());
        put(&mut headers, CALL_ID, &event.call_id.to_string());
        let body = serde_json::to_vec(event).map_err(|e| Error::malformed("the fact", &e))?;
        let properties = if topology::expires(&event.kind) { fleeting() } else { persistent() };
        Ok(Self { body, properties: of_event(properties, event).with_headers(headers) })
    }

    /// It only has to come back.
    pub fn check(body: Vec<u8>) -> Self {
        Self { body, properties: persistent() }
    }

    /// Bytes that are not a fact but must not be lost; to be published straight to a queue of dead letters.
    pub fn dead(stage: Stage, body: Vec<u8>, error: &Error, trace: Traceparent) -> Self {
        let mut headers = FieldTable::default();
        put(&mut headers, TRACEPARENT, &trace.to_string());
        put_failure(&mut headers, stage, 1, error);
        let id = short(&Uuid::now_v7().to_string());
        Self { body, properties: persistent().with_message_id(id).with_headers(headers) }
    }
}

/// With the properties that say which fact this is.
fn of_event(properties: BasicProperties, event: &Event) -> BasicProperties {
    properties
        .with_message_id(short(&event.id.to_string()))
        .with_type(short(&event.kind))
        .with_timestamp(u64::try_from(event.occurred_at.as_second()).unwrap_or_default())
}

/// The properties of a message that consumers ack and ignore.
pub fn probe() -> BasicProperties {
    BasicProperties::default().with_type(short(PROBE))
}

pub(super) fn is_probe(delivery: &Delivery) -> bool {
    delivery.properties.kind().as_ref().is_some_and(|kind| kind.as_str() == PROBE)
}

/// Content type JSON and delivery mode 2: the broker writes the message to disk before it confirms.
fn persistent() -> BasicProperties {
    fleeting().with_delivery_mode(2)
}

/// Content type JSON and delivery mode 1: the broker keeps the message in its memory.
fn fleeting() -> BasicProperties {
    BasicProperties::default().with_content_type(short("application/json")).with_delivery_mode(1)
}

/// A delivery in the form that handlers get.
#[derive(Debug)]
pub struct Incoming {
    pub event: Event,
    /// Earlier failed attempts of this stage.
    pub attempts: u32,
    /// A handler may have had this message before (a redelivery, a delay, a replay). It may have died or still be running, and
    /// may have done part of the work.
    pub seen_before: bool,
    /// A handler may have done part of the work. Unlike `seen_before`, this excludes a message that was only deferred because
    /// the budget allowed no request.
    pub begun: bool,
    redelivered: bool,
    /// When the last attempt ended, if that was in this process: the message was kept while something was unavailable.
    pub(super) kept_since: Option<Instant>,
    /// Its handler has delayed it, with [`super::Outcome::Later`], and it has not waited for so long yet.
    pub(super) waits: Option<Duration>,
    /// For its span.
    pub(super) routing_key: String,
    pub(super) bytes: usize,
    noted: AtomicBool,
    continued: OnceLock<(Stage, Event)>,
    pub trace: Traceparent,
}

impl Incoming {
    /// How long the message has waited at least since its last attempt, if the broker has not delivered it twice since.
    pub fn waited(&self) -> Duration {
        match self.kept_since {
            Some(since) => since.elapsed(),
            None if self.redelivered => Duration::ZERO,
            None => ladder::waited(self.attempts),
        }
    }

    pub(super) fn parse(delivery: &Delivery) -> Result<Self, serde_json::Error> {
        let has = |name| header(delivery, name).is_some();
        let attempts = attempts(delivery);
        let begun = delivery.redelivered || attempts > 0 || has(DELAYED) || has(REPLAYED) || has(BEGUN);
        Ok(Self {
            event: serde_json::from_slice(&text::readable(&delivery.data))?,
            attempts,
            seen_before: begun || has(FIRST_FAILURE),
            begun,
            kept_since: None,
            redelivered: delivery.redelivered,
            waits: waits(delivery),
            routing_key: delivery.routing_key.to_string(),
            bytes: delivery.data.len(),
            noted: AtomicBool::new(has(NOTED)),
            continued: OnceLock::new(),
            trace: trace(delivery).child(),
        })
    }

    /// The handler has ended without a result, and gets the message again in this process. It may have done part of the work, as
    /// before a redelivery.
    pub(super) fn keep(&mut self) {
        (self.seen_before, self.begun, self.kept_since) = (true, true, Some(Instant::now()));
    }

    /// The line of this event is on the call's timeline: a handler writes it once, however often the message comes back. In contrast
    /// to `seen_before`, this is certain.
    pub fn is_noted(&self) -> bool {
        self.noted.load(Relaxed)
    }

    pub fn set_noted(&self) {
        self.noted.store(true, Relaxed);
    }

    /// What this message was about is done, and this fact follows from it: the handler goes on with that, as a handler of its stage would.
    /// If it has to come again, or is parked, then as this fact, for that stage.
    pub fn continue_as(&self, stage: Stage, fact: Event) {
        // A handler does so once.
        let _ = self.continued.set((stage, fact));
    }

    pub fn continued(&self) -> Option<(Stage, &Event)> {
        self.continued.get().map(|(stage, fact)| (*stage, fact))
    }
}

pub(super) fn attempts(delivery: &Delivery) -> u32 {
    match header(delivery, ATTEMPTS) {
        Some(AMQPValue::LongInt(n)) => u32::try_from(*n).unwrap_or(0),
        Some(AMQPValue::LongLongInt(n)) => u32::try_from(*n).unwrap_or(0),
        _ => 0,
    }
}

/// A delay queue is never shorter than it says, and the next one is at least five seconds: less than one of them is not waited for.
fn waits(delivery: &Delivery) -> Option<Duration> {
    let (ms, since) = text(delivery, WAITS)?.split_once(' ')?;
    let ms = ms.parse().ok().filter(|ms| *ms >= 1000)?;
    (text(delivery, DELAYED) == Some(since)).then(|| Duration::from_millis(ms))
}

/// The headers that say which call a message is about and how it last failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// `None` if the message is not about a call, or not a fact.
    pub call_id: Option<CallId>,
    pub trace_id: Option<String>,
    pub code: Option<String>,
    pub error: Option<String>,
    pub attempts: u32,
    pub first_failure: Option<Timestamp>,
    pub last_failure: Option<Timestamp>,
}

impl Headers {
    pub fn read(delivery: &Delivery) -> Self {
        let owned = |name| text(delivery, name).map(str::to_owned);
        let time = |name| text(delivery, name).and_then(|at| at.parse().ok());
        let call_id = text(delivery, CALL_ID).and_then(|id| id.parse().ok()).map(CallId);
        Self {
            call_id: call_id.filter(|id| *id != CallId::NONE),
            trace_id: trace_header(delivery).map(Traceparent::trace_id),
            code: owned(ERROR_CODE),
            error: owned(ERROR_MESSAGE),
            attempts: attempts(delivery),
            first_failure: time(FIRST_FAILURE),
            last_failure: time(LAST_FAILURE),
        }
    }
}

fn trace(delivery: &Delivery) -> Traceparent {
    trace_header(delivery).unwrap_or_else(Traceparent::start)
}

fn trace_header(delivery: &Delivery) -> Option<Traceparent> {
    text(delivery, TRACEPARENT)?.parse().ok()
}

/// The value of a header, if it is a text.
fn text<'a>(delivery: &'a Delivery, name: &str) -> Option<&'a str> {
    match header(delivery, name)? {
        AMQPValue::LongString(s) => std::str::from_utf8(s.as_bytes()).ok(),
        _ => None,
    }
}

fn header<'a>(delivery: &'a Delivery, name: &str) -> Option<&'a AMQPValue> {
    delivery.properties.headers().as_ref()?.inner().get(name)
}

/// A copy of the message with the failure in its headers, and with what is known of the attempt that failed.
pub(super) fn failed_copy(
    delivery: &Delivery,
    stage: Stage,
    attempts: u32,
    error: &Error,
    incoming: Option<&Incoming>,
) -> Outgoing {
    let copy = copy(delivery, |headers| {
        put_failure(headers, stage, attempts, error);
        put_noted(headers, incoming.is_some_and(Incoming::is_noted));
        if incoming.is_some_and(|incoming| incoming.begun) {
            headers.insert(short(BEGUN), AMQPValue::Boolean(true));
        }
    });
    as_continued(copy, incoming)
}

/// A copy of a message that its handler delays. `left`: for how long it waits after the next delay queue.
pub(super) fn delayed_copy(delivery: &Delivery, left: Duration, incoming: Option<&Incoming>) -> Outgoing {
    let copy = copy(delivery, |headers| {
        let now = Timestamp::now().to_string();
        put(headers, WAITS, &format!("{} {now}", left.as_millis()));
        put(headers, DELAYED, &now);
        put_noted(headers, incoming.is_some_and(Incoming::is_noted));
    });
    as_continued(copy, incoming)
}

/// A copy for another stage, which has not tried yet. A handler may have done part of the work.
pub(super) fn passed_on_copy(delivery: &Delivery, incoming: Option<&Incoming>) -> Outgoing {
    copy(delivery, |headers| {
        *headers = without_attempts(headers);
        put_noted(headers, incoming.is_some_and(Incoming::is_noted));
        if incoming.is_some_and(|incoming| incoming.begun) {
            headers.insert(short(BEGUN), AMQPValue::Boolean(true));
        }
    })
}

/// The fact as which the message goes on, if there is one.
fn as_continued(copy: Outgoing, incoming: Option<&Incoming>) -> Outgoing {
    let Some((_, fact)) = incoming.and_then(Incoming::continued) else { return copy };
    // Facts of ours can always be written.
    let Ok(body) = serde_json::to_vec(fact) else { return copy };
    Outgoing { body, properties: of_event(copy.properties, fact) }
}

/// A copy without headers about earlier attempts, marked as replayed.
pub fn replayed_copy(delivery: &Delivery) -> Outgoing {
    copy(delivery, |headers| {
        *headers = without_attempts(headers);
        put(headers, REPLAYED, &Timestamp::now().to_string());
    })
}

fn without_attempts(headers: &FieldTable) -> FieldTable {
    let mut fresh = FieldTable::default();
    for (name, value) in headers.inner() {
        if !EARLIER_ATTEMPTS.contains(&name.as_str()) {
            fresh.insert(name.clone(), value.clone());
        }
    }
    fresh
}

/// Copies a message without the broker's own `x-` headers.
fn copy(delivery: &Delivery, change_headers: impl FnOnce(&mut FieldTable)) -> Outgoing {
    let mut headers = FieldTable::default();
    for (name, value) in delivery.properties.headers().iter().flat_map(|h| h.inner()) {
        if !name.as_str().starts_with("x-") {
            headers.insert(name.clone(), value.clone());
        }
    }
    change_headers(&mut headers);
    Outgoing { body: delivery.data.clone(), properties: delivery.properties.clone().with_headers(headers) }
}

fn put_failure(headers: &mut FieldTable, stage: Stage, attempts: u32, error: &Error) {
    let now = Timestamp::now().to_string();
    let Error { code, message, .. } = error;
    headers.insert(short(ATTEMPTS), AMQPValue::LongLongInt(attempts.into()));
    put(headers, STAGE, stage.as_str());
    put(headers, ERROR_CODE, Code::as_str(*code));
    put(headers, ERROR_MESSAGE, message);
    put(headers, LAST_FAILURE, &now);
    if !headers.inner().contains_key(FIRST_FAILURE) {
        put(headers, FIRST_FAILURE, &now);
    }
}

fn put_noted(headers: &mut FieldTable, is_noted: bool) {
    if is_noted {
        headers.insert(short(NOTED), AMQPValue::Boolean(true));
    }
}

fn put(headers: &mut FieldTable, name: &str, value: &str) {
    headers.insert(short(name), AMQPValue::LongString(value.into()));
}

//! What surrounds a fact on the wire: AMQP properties and our own headers.
//!
//! Our headers start with `callbridge-` (names that start with `x-` are the broker's). They tell how often a stage
//! has tried, since when it fails and with which code, so that a dead letter explains itself.

use base::{
    error::{Code, Error, Result},
    ids::{CallId, Stage},
    trace::Traceparent,
};
use jiff::Timestamp;
use lapin::{
    BasicProperties,
    message::Delivery,
    types::{AMQPValue, FieldTable},
};
use uuid::Uuid;

use crate::{event::Event, topology::short};

const ATTEMPTS: &str = "callbridge-attempts";
const STAGE: &str = "callbridge-stage";
const CALL_ID: &str = "callbridge-call-id";
const ERROR_CODE: &str = "callbridge-error-code";
const ERROR_MESSAGE: &str = "callbridge-error-message";
const FIRST_FAILURE: &str = "callbridge-first-failure";
const PUT_OFF: &str = "callbridge-put-off";
const LAST_FAILURE: &str = "callbridge-last-failure";
/// An operator has sent it back to work, after it had been parked.
const REPLAYED: &str = "callbridge-replayed";
const TRACEPARENT: &str = "traceparent";

/// The type of a message that asks for nothing: whoever looks whether the queues are bound sends it.
const PROBE: &str = "callbridge.probe";

/// What is told of a failure, and what a replayed message starts without.
const FAILURE: [&str; 7] = [ATTEMPTS, STAGE, ERROR_CODE, ERROR_MESSAGE, FIRST_FAILURE, LAST_FAILURE, PUT_OFF];

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
        let properties = persistent()
            .with_message_id(short(&event.id.to_string()))
            .with_type(short(&event.kind))
            .with_timestamp(u64::try_from(event.occurred_at.as_second()).unwrap_or_default())
            .with_headers(headers);
        let body = serde_json::to_vec(event).map_err(|e| Error::malformed("the fact", &e))?;
        Ok(Self { body, properties })
    }

    /// Bytes that are not a fact but must not be lost: they go straight to a queue of dead letters.
    pub fn dead(stage: Stage, body: Vec<u8>, error: &Error, trace: Traceparent) -> Self {
        let mut headers = FieldTable::default();
        put(&mut headers, TRACEPARENT, &trace.to_string());
        note_failure(&mut headers, stage, 1, error);
        let id = short(&Uuid::now_v7().to_string());
        Self { body, properties: persistent().with_message_id(id).with_headers(headers) }
    }
}

/// A message that consumers ack and forget.
pub fn probe() -> BasicProperties {
    BasicProperties::default().with_type(short(PROBE))
}

pub(super) fn is_probe(delivery: &Delivery) -> bool {
    delivery.properties.kind().as_ref().is_some_and(|kind| kind.as_str() == PROBE)
}

/// Content type JSON, delivery mode 2: the broker writes it to disk before it confirms.
fn persistent() -> BasicProperties {
    BasicProperties::default().with_content_type(short("application/json")).with_delivery_mode(2)
}

/// A delivery as handlers see it.
#[derive(Debug)]
pub struct Incoming {
    pub event: Event,
    /// Earlier failed attempts of this stage.
    pub attempts: u32,
    /// Somebody has had this message before (a redelivery, an attempt that was put off, a replay): they may have died,
    /// may still be at work, and may have left traces.
    pub seen_before: bool,
    /// The handler itself has put it off before, with [`super::Outcome::Later`].
    pub put_off: bool,
    pub trace: Traceparent,
}

impl Incoming {
    pub(super) fn parse(delivery: &Delivery) -> Result<Self, serde_json::Error> {
        let has = |name| header(delivery, name).is_some();
        let put_off = has(PUT_OFF);
        Ok(Self {
            event: serde_json::from_slice(&delivery.data)?,
            attempts: attempts(delivery),
            seen_before: delivery.redelivered || has(FIRST_FAILURE) || put_off || has(REPLAYED),
            put_off,
            trace: trace(delivery).child(),
        })
    }
}

pub(super) fn attempts(delivery: &Delivery) -> u32 {
    match header(delivery, ATTEMPTS) {
        Some(AMQPValue::LongInt(n)) => u32::try_from(*n).unwrap_or(0),
        Some(AMQPValue::LongLongInt(n)) => u32::try_from(*n).unwrap_or(0),
        _ => 0,
    }
}

/// What the headers of a message tell of its call and of its last failure, as they were written by [`Outgoing`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// `None` if it is about no call, or if it is no fact at all.
    pub call_id: Option<CallId>,
    pub trace_id: Option<String>,
    pub code: Option<String>,
    pub error: Option<String>,
    pub attempts: u32,
    pub first_failure: Option<Timestamp>,
    pub last_failure: Option<Timestamp>,
}

impl Noted {
    pub fn of(delivery: &Delivery) -> Self {
        let owned = |name| text(delivery, name).map(str::to_owned);
        let time = |name| text(delivery, name).and_then(|at| at.parse().ok());
        let call_id = text(delivery, CALL_ID).and_then(|id| id.parse().ok()).map(CallId);
        Self {
            call_id: call_id.filter(|id| *id != CallId::NONE),
            trace_id: noted_trace(delivery).map(Traceparent::trace_id),
            code: owned(ERROR_CODE),
            error: owned(ERROR_MESSAGE),
            attempts: attempts(delivery),
            first_failure: time(FIRST_FAILURE),
            last_failure: time(LAST_FAILURE),
        }
    }
}

fn trace(delivery: &Delivery) -> Traceparent {
    noted_trace(delivery).unwrap_or_else(Traceparent::start)
}

fn noted_trace(delivery: &Delivery) -> Option<Traceparent> {
    text(delivery, TRACEPARENT)?.parse().ok()
}

/// A header that is a text.
fn text<'a>(delivery: &'a Delivery, name: &str) -> Option<&'a str> {
    match header(delivery, name)? {
        AMQPValue::LongString(s) => std::str::from_utf8(s.as_bytes()).ok(),
        _ => None,
    }
}

fn header<'a>(delivery: &'a Delivery, name: &str) -> Option<&'a AMQPValue> {
    delivery.properties.headers().as_ref()?.inner().get(name)
}

/// The same message once more, with the failure noted.
pub(super) fn again(delivery: &Delivery, stage: Stage, attempts: u32, error: &Error) -> Outgoing {
    copy(delivery, |headers| note_failure(headers, stage, attempts, error))
}

/// The same message once more, although nothing is wrong with it.
pub(super) fn later(delivery: &Delivery) -> Outgoing {
    copy(delivery, |headers| put(headers, PUT_OFF, &Timestamp::now().to_string()))
}

/// The same message as if nothing had happened to it yet, but for a mark that it has been handled before.
pub fn afresh(delivery: &Delivery) -> Outgoing {
    copy(delivery, |headers| {
        let mut fresh = FieldTable::default();
        for (name, value) in headers.inner() {
            if !FAILURE.contains(&name.as_str()) {
                fresh.insert(name.clone(), value.clone());
            }
        }
        put(&mut fresh, REPLAYED, &Timestamp::now().to_string());
        *headers = fresh;
    })
}

/// The broker's own `x-` headers are left behind.
fn copy(delivery: &Delivery, note: impl FnOnce(&mut FieldTable)) -> Outgoing {
    let mut headers = FieldTable::default();
    for (name, value) in delivery.properties.headers().iter().flat_map(|h| h.inner()) {
        if !name.as_str().starts_with("x-") {
            headers.insert(name.clone(), value.clone());
        }
    }
    note(&mut headers);
    Outgoing { body: delivery.data.clone(), properties: delivery.properties.clone().with_headers(headers) }
}

fn note_failure(headers: &mut FieldTable, stage: Stage, attempts: u32, error: &Error) {
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

fn put(headers: &mut FieldTable, name: &str, value: &str) {
    headers.insert(short(name), AMQPValue::LongString(value.into()));
}

//! What both kinds of webhooks have in common: how a body is read, how it is answered, and where its event is stored.
//!
//! In comes a request, out goes an answer in JSON, counted by source and result. What a body means is decided by its source
//! (`aircall`, `sellsy`), each with a pure function from bytes to a [`Verdict`]. The answer is 200 only when the broker or
//! the inbox has stored the event, and 503 when neither can: the sender then sends it again. Of a refused body, only the
//! size is logged.

use std::{borrow::Cow, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base::{
    db::Database,
    error::Error,
    ids::{CallId, Stage},
    telemetry::{
        self,
        spans::{Span, SpanKind},
    },
    trace::Traceparent,
};
use broker::{
    amqp::{Destination, Outgoing, Publisher},
    event::Event,
};
use futures_util::{StreamExt, future::join_all};
use ledger::filtered;
use serde_json::json;
use tokio::time::timeout;

use crate::{
    bodies::{Bodies, Share},
    inbox::{self, Waiting},
};

/// The largest recorded event has 5 kB; Aircall bounds notes, tags and participants.
const LARGEST_BODY: usize = 1024 * 1024;
/// Aircall waits 5 s for the answer. Together with the publisher's 1.5 s, these two stay within that.
const BODY_TIMEOUT: Duration = Duration::from_secs(2);
const INBOX_TIMEOUT: Duration = Duration::from_millis(1400);
/// The `Retry-After` of a 503 when nothing can store the event.
const RETRY_AFTER_S: &str = "30";
/// The `Retry-After` when the bodies take too much memory: none is waited for longer than 2 s.
const RETRY_AFTER_BUSY_S: &str = "2";

/// What a webhook means, and so what happens to it.
#[derive(Debug)]
pub enum Verdict {
    Publish(Vec<Event>),
    /// Accepted and not needed; the reason is a metric's label.
    Ignore(&'static str),
    /// A call on a number that is not ours, which is noted for the AI events that name only the call.
    OtherNumber(CallId),
    /// From an authorised sender, but not understood. `body` is free of secrets, because people read it.
    Park {
        error: Error,
        body: Vec<u8>,
    },
    Refuse(Refusal),
}

pub(crate) type Answer = Result<Accepted, Refusal>;

/// Answered with 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Accepted {
    Ping,
    Ignored(&'static str),
    Published,
    Parked,
    /// The broker is unavailable: what should be published or parked waits in the inbox.
    Inbox,
}

/// Answered with an error status.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    header: Option<(HeaderName, &'static str)>,
}

/// Stores events durably: in the broker, else in the inbox.
#[derive(Clone)]
pub(crate) struct Door {
    publisher: Publisher,
    database: Database,
    bodies: Bodies,
}

/// Counts the answer and turns it into HTTP.
pub(crate) fn respond(source: &'static str, answer: Answer) -> Response {
    let result = match &answer {
        Ok(accepted) => accepted.label().into(),
        Err(refusal) => refusal.label(),
    };
    metrics::counter!("callbridge_webhooks_total", "source" => source, "result" => result).increment(1);
    if answer.is_ok() {
        note_webhook(source);
    }
    match answer {
        Ok(accepted) => accepted.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// Called once at the start too, so that silence can be measured from then on.
pub(crate) fn note_webhook(source: &'static str) {
    metrics::gauge!("callbridge_webhook_last_timestamp_seconds", "source" => source).set(telemetry::now_s());
}

pub(crate) fn not_found() -> Refusal {
    let message = "webhooks go to POST /webhooks/aircall, and those of Sellsy to POST /webhooks/sellsy/<secret>";
    Refusal::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
}

pub(crate) fn method_not_allowed(allowed: &'static str) -> Refusal {
    let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "send webhooks with POST");
    Refusal { header: Some((header::ALLOW, allowed)), ..refusal }
}

/// The media type of the request's body, without parameters and in lower case.
pub(crate) fn content_type(request: &Request) -> String {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Why a body was not read to its end.
enum Unread {
    TooLarge,
    GivesWay,
}

/// A client that disconnects gets no answer anyway: what has arrived is judged like any other body.
async fn read(body: Body, share: &Share) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        if bytes.len() + chunk.len() > LARGEST_BODY {
            return Err(Unread::TooLarge);
        }
        if !share.grow(chunk.len()) {
            return Err(Unread::GivesWay);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

impl Door {
    pub(crate) fn new(publisher: Publisher, database: Database) -> Self {
        Self { publisher, database, bodies: Bodies::default() }
    }

    /// The body, unless it is too large or too slow. Its share of the memory is to be kept while it is handled.
    pub(crate) async fn receive(&self, body: Body) -> Result<(Bytes, Share), Refusal> {
        let (mut share, give_way) = self.bodies.begin();
        let read = tokio::select! {
            read = timeout(BODY_TIMEOUT, read(body, &share)) => read,
            Ok(()) = give_way => Ok(Err(Unread::GivesWay)),
        };
        match read {
            Ok(Ok(body)) => {
                share.arrived();
                Ok((body.into(), share))
            }
            Ok(Err(Unread::TooLarge)) => {
                tracing::warn!(limit_bytes = LARGEST_BODY, "A webhook was refused: its body is too large.");
                let message = format!("the body is larger than {LARGEST_BODY} bytes");
                Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE", message))
            }
            // Counted but not logged, so that a flood does not also fill the disk.
            Ok(Err(Unread::GivesWay)) => {
                let message = "too many bodies are arriving, and this one is the slowest; send it again";
                let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "BUSY", message);
                Err(Refusal { header: Some((header::RETRY_AFTER, RETRY_AFTER_BUSY_S)), ..refusal })
            }
            Err(_) => {
                let message = format!("the body did not arrive within {} s", BODY_TIMEOUT.as_secs());
                Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "SLOW_BODY", message))
            }
        }
    }

    /// Does what the verdict says. `bytes` is the size of the body, for the log.
    pub(crate) async fn carry_out(&self, source: &'static str, bytes: usize, verdict: Verdict) -> Answer {
        match verdict {
            Verdict::Publish(events) => self.accept(&events).await,
            Verdict::Ignore(reason) => Ok(Accepted::Ignored(reason)),
            Verdict::OtherNumber(call_id) => {
                // If it cannot be noted, Aircall is asked about the call later.
                let noted = async { filtered::note(&self.database.client().await?, call_id).await };
                let _ = timeout(INBOX_TIMEOUT, noted).await;
                Ok(Accepted::Ignored("other_number"))
            }
            Verdict::Park { error, body } => {
                tracing::error!(source, bytes, error = %error, "A webhook was not understood; it is parked.");
                self.park(body, &error).await
            }
            Verdict::Refuse(refusal) => {
                let Refusal { code, message, .. } = &refusal;
                tracing::warn!(source, bytes, code, problem = %message, "A webhook was refused.");
                Err(refusal)
            }
        }
    }

    /// If one event cannot be stored, the whole webhook fails and the sender sends all of them again.
    pub(crate) async fn accept(&self, events: &[Event]) -> Answer {
        let accepted = join_all(events.iter().map(|event| self.accept_one(event))).await;
        let accepted = accepted.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(accepted.into_iter().max().unwrap_or(Accepted::Published))
    }

    async fn accept_one(&self, event: &Event) -> Answer {
        let trace = Traceparent::for_call(event.call_id);
        let mut step = Span::begin(SpanKind::Producer, || format!("ingest {}", event.kind), trace);
        step.set("messaging.system", "rabbitmq");
        step.set("messaging.operation.name", "publish");
        step.set("messaging.operation.type", "send");
        step.set("messaging.destination.name", self.publisher.names().events());
        step.set("messaging.rabbitmq.destination.routing_key", event.kind.clone());
        step.set("messaging.message.id", event.id.to_string());
        step.set("callbridge.call_id", event.call_id.0);
        let answer = self.publish_event(event, trace).await;
        match &answer {
            Ok(accepted) => step.set("callbridge.outcome", accepted.label()),
            Err(refusal) => step.fail(refusal.code),
        }
        answer
    }

    async fn publish_event(&self, event: &Event, trace: Traceparent) -> Answer {
        let Ok(message) = Outgoing::event(event, trace) else {
            let message = "the event could not be written as JSON";
            return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", message));
        };
        let waiting = || Waiting {
            kind: Some(event.kind.clone()),
            trace: trace.to_string(),
            dead: None,
            body: message.body.clone(),
        };
        self.publish_or_store(Destination::Events { kind: &event.kind }, &message, waiting, Accepted::Published).await
    }

    async fn park(&self, body: Vec<u8>, error: &Error) -> Answer {
        let trace = Traceparent::start();
        let dead = Some((error.code.as_str().to_owned(), error.message.clone()));
        let message = Outgoing::dead(Stage::Ingest, body, error, trace);
        let waiting = || Waiting { kind: None, trace: trace.to_string(), dead, body: message.body.clone() };
        self.publish_or_store(Destination::Dead(Stage::Ingest), &message, waiting, Accepted::Parked).await
    }

    /// To the broker; if it does not confirm, into the inbox; if that fails too, 503.
    async fn publish_or_store(
        &self,
        to: Destination<'_>,
        message: &Outgoing,
        waiting: impl FnOnce() -> Waiting,
        accepted: Accepted,
    ) -> Answer {
        if self.publisher.publish(to, message).await.is_ok() {
            return Ok(accepted);
        }
        let stored = timeout(INBOX_TIMEOUT, async { inbox::put(&self.database.client().await?, &waiting()).await });
        match stored.await {
            Ok(Ok(())) => Ok(Accepted::Inbox),
            Ok(Err(_)) | Err(_) => {
                tracing::error!("A webhook was answered with 503: neither the broker nor the database can store it.");
                let message = "neither the broker nor the database can be reached; send it again";
                Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message).later())
            }
        }
    }
}

impl Accepted {
    fn label(self) -> &'static str {
        match self {
            Accepted::Ping => "ping",
            Accepted::Ignored(reason) => reason,
            Accepted::Published => "published",
            Accepted::Parked => "parked",
            Accepted::Inbox => "inbox",
        }
    }
}

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        let body = match self {
            Accepted::Ignored(reason) => json!({ "accepted": true, "ignored": reason }),
            Accepted::Inbox => json!({ "accepted": true, "inbox": true }),
            Accepted::Ping | Accepted::Published | Accepted::Parked => json!({ "accepted": true }),
        };
        Json(body).into_response()
    }
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), header: None }
    }

    pub(crate) fn has_code(&self, code: &str) -> bool {
        self.code == code
    }

    /// The same, to be sent again after a while.
    pub(crate) fn later(self) -> Self {
        Self { header: Some((header::RETRY_AFTER, RETRY_AFTER_S)), ..self }
    }

    /// Its code as a metric's label.
    pub fn label(&self) -> String {
        self.code.to_ascii_lowercase()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "code": self.code, "message": self.message } });
        let mut response = (self.status, Json(body)).into_response();
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

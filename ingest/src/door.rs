//! What the ways in have in common: how a body is read, how it is answered, and where an accepted one is kept.
//!
//! In comes a request, out goes an answer in JSON, counted by source and result. What a body means is for the source to
//! say (`aircall`, `sellsy`), each with a pure function from bytes to a [`Verdict`]. 200 is only said when broker or
//! inbox hold the event; 503 is the last resort, when neither can: the sender then tries again. Of a body that is
//! refused only the size is logged.

use std::{borrow::Cow, sync::Arc, time::Duration};

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
    ids::Stage,
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
use serde_json::json;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// The largest recorded event has 5 kB; notes, tags and participants are bounded by Aircall.
use crate::inbox::{self, Waiting};

const LARGEST_BODY: usize = 1024 * 1024;
/// Aircall waits 5 s for the answer: these two and the publisher's 1.5 s stay within it together.
const BODY_TIMEOUT: Duration = Duration::from_secs(2);
const INBOX_TIMEOUT: Duration = Duration::from_millis(1400);
/// What a 503 asks for.
const RETRY_AFTER_S: &str = "30";
/// Each may hold a body. A webhook takes a few milliseconds, so it takes a flood to get there.
const MOST_AT_ONCE: usize = 256;
/// No body is waited for longer than 2 s.
const WHEN_BUSY_S: &str = "2";

/// What a webhook is.
#[derive(Debug)]
pub enum Verdict {
    Publish(Vec<Event>),
    /// Accepted and not needed; the reason is a metric's label.
    Ignore(&'static str),
    /// From the one who may send, but not understood; the body as people may read it.
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
    /// The broker is away: what should be published or parked waits in the inbox.
    Inbox,
}

/// Answered with something else.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    header: Option<(HeaderName, &'static str)>,
}

/// Holds events until somebody works on them.
#[derive(Clone)]
pub(crate) struct Door {
    publisher: Publisher,
    database: Database,
    places: Arc<Semaphore>,
}

/// The answer as HTTP, counted.
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

/// Once at the start as well, so that silence from then on can be told.
pub(crate) fn note_webhook(source: &'static str) {
    metrics::gauge!("callbridge_webhook_last_timestamp_seconds", "source" => source).set(telemetry::now_s());
}

pub(crate) fn not_found() -> Refusal {
    let message =
        "webhooks go to POST /webhooks/aircall, and those of Sellsy to POST /webhooks/sellsy/<SELLSY_WEBHOOK_SECRET>";
    Refusal::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
}

pub(crate) fn method_not_allowed(allowed: &'static str) -> Refusal {
    let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "send webhooks with POST");
    Refusal { header: Some((header::ALLOW, allowed)), ..refusal }
}

/// What the request says its body is, without parameters and in lower case.
pub(crate) fn content_type(request: &Request) -> String {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The body, if its size and its pace are right.
pub(crate) async fn receive(body: Body) -> Result<Bytes, Refusal> {
    match timeout(BODY_TIMEOUT, read(body)).await {
        Ok(Ok(body)) => Ok(body.into()),
        Ok(Err(TooLarge)) => {
            tracing::warn!(limit_bytes = LARGEST_BODY, "A webhook was refused: its body is too large.");
            let message = format!("the body is larger than {LARGEST_BODY} bytes");
            Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE", message))
        }
        Err(_) => {
            let message = format!("the body did not arrive within {} s", BODY_TIMEOUT.as_secs());
            Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "SLOW_BODY", message))
        }
    }
}

struct TooLarge;

/// A client that breaks off gets no answer anyway: what came is judged like any other body.
async fn read(body: Body) -> Result<Vec<u8>, TooLarge> {
    let mut bytes = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        if bytes.len() + chunk.len() > LARGEST_BODY {
            return Err(TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

impl Door {
    pub(crate) fn new(publisher: Publisher, database: Database) -> Self {
        Self { publisher, database, places: Arc::new(Semaphore::new(MOST_AT_ONCE)) }
    }

    /// For as long as a webhook is in hand. Without one it is refused before its body is read; that is counted but not
    /// logged, because whoever floods us shall not fill the disk as well.
    pub(crate) fn place(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        self.places.clone().try_acquire_owned().map_err(|_| {
            let message = format!("{MOST_AT_ONCE} webhooks are in hand already; send it again");
            let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "BUSY", message);
            Refusal { header: Some((header::RETRY_AFTER, WHEN_BUSY_S)), ..refusal }
        })
    }

    /// Does what the verdict on a body of so many bytes asks for.
    pub(crate) async fn take(&self, source: &'static str, bytes: usize, verdict: Verdict) -> Answer {
        match verdict {
            Verdict::Publish(events) => self.accept(&events).await,
            Verdict::Ignore(reason) => Ok(Accepted::Ignored(reason)),
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

    /// All of them or, for the sender, none: if one cannot be held, all are sent again.
    pub(crate) async fn accept(&self, events: &[Event]) -> Answer {
        let accepted = join_all(events.iter().map(|event| self.accept_one(event))).await;
        let accepted = accepted.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(accepted.into_iter().max().unwrap_or(Accepted::Published))
    }

    async fn accept_one(&self, event: &Event) -> Answer {
        let trace = Traceparent::for_call(event.call_id);
        let mut step = Span::begin(SpanKind::Server, || format!("ingest {}", event.kind), trace);
        step.set("callbridge.call_id", event.call_id.0);
        let answer = self.hold(event, trace).await;
        match &answer {
            Ok(accepted) => step.set("callbridge.outcome", accepted.label()),
            Err(refusal) => step.fail(refusal.code),
        }
        answer
    }

    async fn hold(&self, event: &Event, trace: Traceparent) -> Answer {
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
        self.store(Destination::Events { kind: &event.kind }, &message, waiting, Accepted::Published).await
    }

    async fn park(&self, body: Vec<u8>, error: &Error) -> Answer {
        let trace = Traceparent::start();
        let dead = Some((error.code.as_str().to_owned(), error.message.clone()));
        let message = Outgoing::dead(Stage::Ingest, body, error, trace);
        let waiting = || Waiting { kind: None, trace: trace.to_string(), dead, body: message.body.clone() };
        self.store(Destination::Dead(Stage::Ingest), &message, waiting, Accepted::Parked).await
    }

    /// The broker if it confirms, else the inbox, else 503.
    async fn store(
        &self,
        to: Destination<'_>,
        message: &Outgoing,
        waiting: impl FnOnce() -> Waiting,
        accepted: Accepted,
    ) -> Answer {
        if self.publisher.publish(to, message).await.is_ok() {
            return Ok(accepted);
        }
        let kept = timeout(INBOX_TIMEOUT, async { inbox::put(&self.database.client().await?, &waiting()).await });
        match kept.await {
            Ok(Ok(())) => Ok(Accepted::Inbox),
            Ok(Err(_)) | Err(_) => {
                tracing::error!("A webhook was answered with 503: neither broker nor database can hold it.");
                let message = "neither the broker nor the database can be reached; send it again";
                let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message);
                Err(Refusal { header: Some((header::RETRY_AFTER, RETRY_AFTER_S)), ..refusal })
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

//! `POST /webhooks/aircall`, and how each kind of bad input is answered.
//!
//! Every answer is JSON. Of a body that is refused only the size is logged. 503 is the last resort, when neither
//! broker nor database can hold the event: Aircall then tries again for hours.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use futures_util::StreamExt;
use serde_json::json;
use shared::{
    amqp::{Destination, Outgoing, Publisher},
    db::Database,
    error::Error,
    event::Event,
    ledger::inbox::{self, Waiting},
    topology::Stage,
    trace::Traceparent,
};
use tokio::time::timeout;

use crate::judge::{Rules, Verdict, judge};

/// The largest recorded event has 5 kB; notes, tags and participants are bounded by Aircall.
const LARGEST_BODY: usize = 1024 * 1024;
/// Aircall waits 5 s for the answer: these two and the publisher's 1.5 s stay within it together.
const BODY_TIMEOUT: Duration = Duration::from_secs(2);
const INBOX_TIMEOUT: Duration = Duration::from_millis(1400);
/// What a 503 asks for.
const RETRY_AFTER_S: &str = "30";

struct Door {
    rules: Rules,
    publisher: Publisher,
    database: Database,
}

pub(crate) fn routes(rules: Rules, publisher: Publisher, database: Database) -> Router {
    let door = Arc::new(Door { rules, publisher, database });
    let not_allowed = || async {
        let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "send webhooks with POST");
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
        response
    };
    let not_found = || async { refusal(StatusCode::NOT_FOUND, "NOT_FOUND", "webhooks go to POST /webhooks/aircall") };
    Router::new().route("/webhooks/aircall", post(aircall).fallback(not_allowed)).fallback(not_found).with_state(door)
}

async fn aircall(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (response, result) = match receive(request).await {
        Ok(body) => door.take(&body).await,
        Err((response, result)) => (response, result),
    };
    metrics::counter!("callbridge_webhooks_total", "result" => result).increment(1);
    response
}

type Answer = (Response, &'static str);

/// The body, if its type, its size and its pace are right.
async fn receive(request: Request) -> Result<Bytes, Answer> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !is_json(content_type) {
        let response = refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "NOT_JSON", "send Content-Type: application/json");
        return Err((response, "not_json"));
    }
    match timeout(BODY_TIMEOUT, read(request.into_body())).await {
        Ok(Ok(body)) => Ok(body.into()),
        Ok(Err(TooLarge)) => {
            tracing::warn!(limit_bytes = LARGEST_BODY, "A webhook was refused: its body is too large.");
            let message = format!("the body is larger than {LARGEST_BODY} bytes");
            Err((refusal(StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE", &message), "too_large"))
        }
        Err(_) => {
            let message = format!("the body did not arrive within {} s", BODY_TIMEOUT.as_secs());
            Err((refusal(StatusCode::REQUEST_TIMEOUT, "SLOW_BODY", &message), "slow_body"))
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

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

impl Door {
    async fn take(&self, body: &[u8]) -> Answer {
        let bytes = body.len();
        match judge(body, &self.rules) {
            Verdict::Publish(event) => self.accept(&event).await,
            Verdict::Ignore(reason) => (Json(json!({ "accepted": true, "ignored": reason })).into_response(), reason),
            Verdict::Park(error) => {
                tracing::error!(bytes, error = %error, "A webhook with a known token was not understood; it is parked.");
                self.park(body, error).await
            }
            Verdict::Malformed(problem) => {
                tracing::warn!(bytes, problem, "A webhook was refused: malformed.");
                (refusal(StatusCode::BAD_REQUEST, "MALFORMED", &problem), "malformed")
            }
            Verdict::NotAnEvent => {
                tracing::warn!(bytes, "A webhook was refused: not an event.");
                let message = "not an event: an object with event, token and data is expected";
                (refusal(StatusCode::BAD_REQUEST, "NOT_AN_EVENT", message), "not_an_event")
            }
            Verdict::WrongToken => {
                tracing::warn!(bytes, "A webhook was refused: its token is not one of AIRCALL_WEBHOOK_TOKENS.");
                let message = "the token is not one of AIRCALL_WEBHOOK_TOKENS";
                (refusal(StatusCode::UNAUTHORIZED, "WRONG_TOKEN", message), "wrong_token")
            }
        }
    }

    async fn accept(&self, event: &Event) -> Answer {
        let trace = Traceparent::start();
        let Ok(message) = Outgoing::event(event, trace) else {
            return (
                refusal(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "the event could not be written as JSON"),
                "internal",
            );
        };
        let waiting = || Waiting {
            kind: Some(event.kind.clone()),
            trace: trace.to_string(),
            dead: None,
            body: message.body.clone(),
        };
        self.store(Destination::Events { kind: &event.kind }, &message, waiting, "published").await
    }

    async fn park(&self, body: &[u8], error: Error) -> Answer {
        let trace = Traceparent::start();
        let dead = Some((error.code.as_str().to_owned(), error.message.clone()));
        let waiting = || Waiting { kind: None, trace: trace.to_string(), dead, body: without_token(body) };
        let message = Outgoing::dead(Stage::Ingest, without_token(body), &error, trace);
        self.store(Destination::Dead(Stage::Ingest), &message, waiting, "parked").await
    }

    /// The broker if it confirms, else the inbox, else 503.
    async fn store(
        &self,
        to: Destination<'_>,
        message: &Outgoing,
        waiting: impl FnOnce() -> Waiting,
        result: &'static str,
    ) -> Answer {
        if self.publisher.publish(to, message).await.is_ok() {
            return (Json(json!({ "accepted": true })).into_response(), result);
        }
        let kept = timeout(INBOX_TIMEOUT, async { inbox::put(&*self.database.client().await?, &waiting()).await });
        match kept.await {
            Ok(Ok(())) => (Json(json!({ "accepted": true, "inbox": true })).into_response(), "inbox"),
            Ok(Err(_)) | Err(_) => {
                tracing::error!("A webhook was answered with 503: neither broker nor database can hold it.");
                let message = "neither the broker nor the database can be reached; send it again";
                let mut response = refusal(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message);
                response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static(RETRY_AFTER_S));
                (response, "unavailable")
            }
        }
    }
}

/// A dead letter is read by people: the webhook's token has no business there.
fn without_token(body: &[u8]) -> Vec<u8> {
    match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(serde_json::Value::Object(mut fields)) => {
            fields.remove("token");
            serde_json::to_vec(&fields).unwrap_or_default()
        }
        _ => body.to_vec(),
    }
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response()
}

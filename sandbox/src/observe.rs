//! What the two vendors' servers see, and what goes wrong on the way.
//!
//! One middleware around both APIs, so that neither knows about it. It writes each API request into the journal (readable
//! under `/_sandbox/requests`, counted under `/_sandbox/counts`) and then applies the faults that were set for its endpoint:
//! another answer, latency, no answer, or a connection that breaks before, after or long before the vendor handles the request.
//! Faults hit only signed requests: the edge refuses an unsigned one with 401, whatever the backend does.
//! It never changes an API's answer unless a fault says so, and it does not touch `/_sandbox/…`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use faults::{Action, Faults, Strike, When};
use journal::{Arrival, Journal};

pub mod answers;
pub mod faults;
pub mod journal;

/// A connection that hangs is closed after this time.
const LONGEST_HANG: Duration = Duration::from_secs(120);
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// Which vendor a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Api {
    Aircall,
    Sellsy,
}

impl Api {
    /// The vendor behind a path of the listener, and the path as the vendor's documentation writes it.
    fn from_path(path: &str) -> Option<(Api, &str)> {
        let prefixes = [("/aircall", Api::Aircall), ("/sellsy/v2", Api::Sellsy), ("/sellsy", Api::Sellsy)];
        prefixes.into_iter().find_map(|(prefix, api)| {
            let rest = path.strip_prefix(prefix)?;
            (rest.is_empty() || rest.starts_with('/')).then_some((api, rest))
        })
    }
}

#[derive(Debug, Clone, Default)]
pub struct Observer {
    pub journal: Arc<Journal>,
    pub faults: Arc<Faults>,
}

pub async fn middleware(State(observer): State<Observer>, request: Request, next: Next) -> Response {
    let Some((api, path)) = Api::from_path(request.uri().path()) else {
        return next.run(request).await;
    };
    let started = Instant::now();
    let path = path.to_owned();
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let faults = if is_signed(&path, &parts.headers, &body) {
        observer.faults.strike(api, parts.method.as_str(), &path)
    } else {
        Strike::default()
    };
    let seq = observer.journal.arrived(&Arrival {
        api,
        method: parts.method.as_str(),
        path: &path,
        query: parts.uri.query(),
        body: &body,
        fault: faults.action.as_ref().map(Action::name),
    });
    if !faults.latency.is_zero() {
        tokio::time::sleep(faults.latency).await;
    }
    let request = Request::from_parts(parts, Body::from(body));
    let journal = observer.journal.clone();
    let vendor = async move || {
        let response = next.run(request).await;
        record(&journal, seq, started, response).await
    };
    match faults.action {
        None | Some(Action::Latency { .. }) => vendor().await,
        Some(Action::Hang { when }) => {
            if when == When::After {
                vendor().await;
            }
            tokio::time::sleep(LONGEST_HANG).await;
            broken()
        }
        Some(Action::Cut { when }) => {
            if when == When::After {
                vendor().await;
            }
            broken()
        }
        Some(Action::Late { ms, hang }) => {
            // A task of its own: the server drops this one when the client goes.
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                vendor().await;
            });
            if hang {
                tokio::time::sleep(LONGEST_HANG).await;
            }
            broken()
        }
        Some(Action::Status { status, handled, body, headers }) => {
            if handled {
                vendor().await;
            }
            let response = other_answer(status, &body, headers.iter());
            record(&observer.journal, seq, started, response).await
        }
        Some(Action::Answer { name }) => {
            let (status, body, headers) = name.answer(api);
            let response = other_answer(status, &body, headers.iter());
            record(&observer.journal, seq, started, response).await
        }
        Some(Action::WrongJson) => {
            let response = other_answer(200, &serde_json::json!(["not", "the", "documented", "shape"]), [].into_iter());
            record(&observer.journal, seq, started, response).await
        }
    }
}

/// Whether a request carries a credential, right or wrong. A login has it in its body, all others in a header.
fn is_signed(path: &str, headers: &HeaderMap, body: &Bytes) -> bool {
    if path.starts_with("/oauth2/") {
        return String::from_utf8_lossy(body).contains("client_secret");
    }
    headers.contains_key(header::AUTHORIZATION)
}

/// Notes how a request was answered; the answer passes through unchanged.
async fn record(journal: &Journal, seq: u64, started: Instant, response: Response) -> Response {
    let status = response.status().as_u16();
    if !journal.records_bodies() {
        journal.answered(seq, started.elapsed(), status, &Bytes::new());
        return response;
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    journal.answered(seq, started.elapsed(), status, &body);
    Response::from_parts(parts, Body::from(body))
}

/// A body that fails at once, so that the server closes the connection before the answer is complete.
fn broken() -> Response {
    let failure = std::io::Error::from(std::io::ErrorKind::ConnectionAborted);
    Response::new(Body::from_stream(stream::iter([Err::<Bytes, _>(failure)])))
}

fn other_answer<'a>(
    status: u16,
    body: &serde_json::Value,
    headers: impl Iterator<Item = (&'a String, &'a String)>,
) -> Response {
    let (text, content_type) = match body {
        serde_json::Value::Null => (String::new(), "text/plain"),
        serde_json::Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            (text.clone(), "application/json")
        }
        serde_json::Value::String(text) => (text.clone(), "text/html; charset=utf-8"),
        other => (other.to_string(), "application/json"),
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_gives_the_vendor_and_the_path_as_the_vendor_writes_it() {
        let check = |path, expect| assert_eq!(Api::from_path(path), expect, "{path}");
        check("/aircall/v1/calls/1", Some((Api::Aircall, "/v1/calls/1")));
        check("/sellsy/v2/phone-calls/12", Some((Api::Sellsy, "/phone-calls/12")));
        check("/sellsy/oauth2/access-tokens", Some((Api::Sellsy, "/oauth2/access-tokens")));
        check("/_sandbox/aircall/calls", None);
        check("/aircallx", None);
    }
}

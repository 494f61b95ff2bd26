//! The two kinds of error bodies: the application's (`error`, `troubleshoot`) and the edge's (`message`).

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::json;

/// An error answer of the application.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    troubleshoot: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, troubleshoot: impl Into<String>) -> Problem {
        Problem { status, troubleshoot: troubleshoot.into() }
    }

    pub(super) fn bad_request(troubleshoot: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, troubleshoot)
    }

    pub(super) fn not_found(troubleshoot: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, troubleshoot)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let error = self.status.canonical_reason().unwrap_or("Error");
        (self.status, Json(json!({"error": error, "troubleshoot": self.troubleshoot}))).into_response()
    }
}

/// The edge's answer: it has only a message.
pub(super) fn edge(status: StatusCode) -> Response {
    let message = status.canonical_reason().unwrap_or("Error");
    (status, Json(json!({"message": message}))).into_response()
}

pub(super) async fn unknown_path() -> Response {
    edge(StatusCode::NOT_FOUND)
}

/// Reads a JSON body; an empty one counts as `{}`.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Problem::bad_request(error.to_string()))
}

pub(super) fn call_id(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| Problem::bad_request(format!("{text} is not a valid call id")))
}

pub(super) fn no_such_call(id: u64) -> Problem {
    Problem::not_found(format!("Call with id {id} does not exist"))
}

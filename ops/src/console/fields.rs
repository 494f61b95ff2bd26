//! What a page's button does, a program can do: the fields of a form or the same as JSON, and a page's answer as JSON.

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, Request},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

pub(super) struct Fields<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Fields<T> {
    type Rejection = StatusCode;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let body = Bytes::from_request(request, state).await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
        let fields = fields_of(&body);
        // PostgreSQL takes no text with it, and nobody types it.
        if fields.iter().any(|(_, value)| value.contains('\0')) {
            return Err(StatusCode::BAD_REQUEST);
        }
        let fields = fields.into_iter().map(|(name, value)| (name, value.into()));
        serde_json::from_value(Value::Object(fields.collect())).map(Self).map_err(|_| StatusCode::BAD_REQUEST)
    }
}

/// The fields of a form or of a JSON object, each as a text: a program writes an id as a number.
pub(super) fn fields_of(body: &[u8]) -> Vec<(String, String)> {
    let in_form = |value: Value| match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        value => value.to_string(),
    };
    match serde_json::from_slice::<Map<String, Value>>(body) {
        Ok(fields) => fields.into_iter().map(|(name, value)| (name, in_form(value))).collect(),
        Err(_) => form_urlencoded::parse(body).map(|(k, v)| (k.into_owned(), v.into_owned())).collect(),
    }
}

/// An answer of a page's function as a program gets it: a redirect means that it was done, and a page of an error becomes its words.
pub(super) fn as_json(response: Response, goes_on: bool, said: Option<String>) -> Response {
    let status = response.status();
    let is_json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if is_json {
        return response;
    }
    let (status, body) = if status.is_redirection() {
        if goes_on {
            (StatusCode::ACCEPTED, json!({ "result": "goes_on" }))
        } else {
            (StatusCode::OK, json!({ "result": "done" }))
        }
    } else if status.is_client_error() || status.is_server_error() {
        let why = said.unwrap_or_else(|| status.canonical_reason().unwrap_or("refused").to_lowercase());
        (status, json!({ "error": why }))
    } else {
        return response;
    };
    let mut answer = (status, Json(body)).into_response();
    // What the audit and the limits of requests say stays.
    *answer.extensions_mut() = response.extensions().clone();
    if let Some(after) = response.headers().get(header::RETRY_AFTER) {
        answer.headers_mut().insert(header::RETRY_AFTER, after.clone());
    }
    answer
}

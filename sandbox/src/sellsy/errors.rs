//! The API's error envelope; all errors are made here.
//!
//! Messages are French, like the recorded ones; clients must not depend on them. `details` is an object for validation
//! errors and an empty array otherwise.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

#[derive(Debug)]
pub(super) struct Error {
    pub(super) status: StatusCode,
    message: String,
    details: Value,
}

impl Error {
    /// For the control API, which is not Sellsy's.
    pub(super) fn status_and_details(&self) -> (StatusCode, String) {
        (self.status, format!("{}: {}", self.message, self.details))
    }

    fn plain(status: StatusCode, message: impl Into<String>) -> Error {
        Error { status, message: message.into(), details: json!([]) }
    }

    pub(super) fn not_found() -> Error {
        Error::plain(StatusCode::NOT_FOUND, "Not Found")
    }

    pub(super) fn method_not_allowed() -> Error {
        Error::plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
    }

    pub(super) fn unauthorized() -> Error {
        Error::plain(StatusCode::UNAUTHORIZED, "Le jeton d'accès est absent, inconnu ou expiré.")
    }

    pub(super) fn forbidden(scope: &str) -> Error {
        Error::plain(StatusCode::FORBIDDEN, format!("Le client OAuth2 n'a pas la permission '{scope}'."))
    }

    pub(super) fn too_many_requests() -> Error {
        Error::plain(StatusCode::TOO_MANY_REQUESTS, "Le quota de requêtes est atteint.")
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Error {
        Error::plain(StatusCode::BAD_REQUEST, message)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let body = json!({"error": {
            "code": self.status.as_u16(),
            "message": self.message,
            "details": self.details,
            "context": null,
        }});
        (self.status, Json(body)).into_response()
    }
}

/// What is wrong with a request, field by field: a validation checks all fields before it refuses.
#[derive(Debug, Default)]
pub(super) struct Problems {
    first: Option<String>,
    details: Map<String, Value>,
}

impl Problems {
    pub(super) fn missing(&mut self, field: &str) {
        self.add(field, "Ce champ est manquant", format!("le champ '{field}' est manquant."));
    }

    pub(super) fn unknown(&mut self, field: &str) {
        self.add(field, "Ce champ est inconnu", format!("le champ '{field}' est inconnu."));
    }

    pub(super) fn invalid(&mut self, field: &str, why: &str) {
        self.add(field, why, format!("le champ '{field}' est incorrect."));
    }

    fn add(&mut self, field: &str, detail: &str, sentence: String) {
        self.first.get_or_insert(sentence);
        self.details.entry(field).or_insert_with(|| Value::from(detail));
    }

    pub(super) fn into_result(self) -> Result<(), Error> {
        match self.first {
            None => Ok(()),
            Some(sentence) => Err(Error {
                status: StatusCode::BAD_REQUEST,
                message: format!("Le contenu de la requête est invalide: {sentence}"),
                details: Value::Object(self.details),
            }),
        }
    }
}

//! The login: `client_credentials` of the one client in the data file, and the access tokens that it gets.
//!
//! JSON and form bodies are both accepted. Errors are plain OAuth2 (`error`, `error_description`), not the API's envelope.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};

use super::Account;
use super::seed::Seed;

#[derive(Debug)]
pub(super) struct Tokens {
    client_id: String,
    client_secret: String,
    scopes: Vec<String>,
    expires_in: Duration,
    /// A token that is issued makes all others void.
    new_voids_older: bool,
    /// The valid tokens, each with the time at which it expires.
    valid: HashMap<String, Instant>,
}

impl Tokens {
    pub(super) fn new(seed: &Seed) -> Tokens {
        Tokens {
            client_id: seed.client_id.clone(),
            client_secret: seed.client_secret.clone(),
            scopes: seed.scopes.clone(),
            expires_in: Duration::from_secs(seed.token_expires_in),
            new_voids_older: false,
            valid: HashMap::new(),
        }
    }

    fn issue(&mut self, now: Instant) -> String {
        let kept = !self.new_voids_older;
        self.valid.retain(|_, end| kept && *end > now);
        let secret = [uuid::Uuid::now_v7().into_bytes(), uuid::Uuid::now_v7().into_bytes()].concat();
        let token = BASE64URL.encode(blake3::hash(&secret).as_bytes());
        self.valid.insert(token.clone(), now + self.expires_in);
        token
    }

    pub(super) fn accepts(&self, token: &str, now: Instant) -> bool {
        self.valid.get(token).is_some_and(|end| *end > now)
    }

    /// The first of these scopes that the client was not granted.
    pub(super) fn missing<'a>(&self, scopes: &[&'a str]) -> Option<&'a str> {
        scopes.iter().copied().find(|scope| !self.scopes.iter().any(|granted| granted == scope))
    }

    /// What the client may do from now on, also with the tokens that it has.
    pub(super) fn grant(&mut self, scopes: Vec<String>) {
        self.scopes = scopes;
    }

    pub(super) fn scopes(&self) -> &[String] {
        &self.scopes
    }

    pub(super) fn set_new_voids_older(&mut self, voids: bool) {
        self.new_voids_older = voids;
    }

    pub(super) fn expire_all(&mut self) {
        self.valid.clear();
    }
}

pub(super) async fn access_tokens(State(account): State<Account>, headers: HeaderMap, body: Bytes) -> Response {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(form) = parse(content_type, &body) else {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request", "The request body cannot be read.");
    };
    let get = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let Some(grant_type) = get("grant_type") else {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request", "The parameter grant_type is missing.");
    };
    if grant_type != "client_credentials" {
        let why = "The authorization grant type is not supported by the authorization server.";
        return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type", why);
    }
    let (Some(id), Some(secret)) = (get("client_id"), get("client_secret")) else {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request", "The client's id or secret is missing.");
    };
    let mut tokens = account.tokens();
    if id != tokens.client_id || secret != tokens.client_secret {
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client", "Client authentication failed");
    }
    let access_token = tokens.issue(Instant::now());
    let expires_in = tokens.expires_in.as_secs();
    Json(json!({"token_type": "Bearer", "expires_in": expires_in, "access_token": access_token})).into_response()
}

fn parse(content_type: &str, body: &Bytes) -> Option<HashMap<String, String>> {
    if content_type.starts_with("application/json") {
        let Value::Object(map) = serde_json::from_slice(body).ok()? else { return None };
        let text = |(key, value): (String, Value)| Some((key, value.as_str()?.to_owned()));
        return Some(map.into_iter().filter_map(text).collect());
    }
    if content_type.starts_with("application/x-www-form-urlencoded") {
        // A form body has the format of a query.
        let uri = format!("/?{}", std::str::from_utf8(body).ok()?).parse().ok()?;
        return axum::extract::Query::try_from_uri(&uri).ok().map(|query| query.0);
    }
    None
}

fn refuse(status: StatusCode, error: &str, description: &str) -> Response {
    let body = json!({"error": error, "error_description": description, "message": description});
    (status, Json(body)).into_response()
}

//! The access token: one per process, shared by all its requests.
//!
//! Sources disagree on how long a token lives (1 h or 24 h), so only `expires_in` counts. A 401 drops the token if it is still
//! the current one; a second request with the same 401 finds the new one.

use std::time::Duration;

use base::{
    error::{Code, Error, Result},
    settings,
};
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::{sync::Mutex, time::Instant};

use super::{endpoints::GET_TOKEN, wire::TokenAnswer};
use crate::api::{Api, Failure};

/// A token is renewed this long before it expires, or in the last tenth of a shorter life.
const MARGIN: Duration = Duration::from_secs(60);

/// The shortest life that any source gives.
const UNSPECIFIED_LIFE_S: u64 = 3600;

pub(super) struct Tokens {
    auth_url: String,
    client_id: SecretString,
    client_secret: SecretString,
    current: Mutex<Option<Token>>,
}

#[derive(Clone)]
struct Token {
    text: SecretString,
    renew_at: Instant,
}

impl Tokens {
    pub(super) fn new(settings: &settings::Sellsy) -> Self {
        Self {
            auth_url: settings.auth_url.clone(),
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            current: Mutex::default(),
        }
    }

    /// A valid token. If there is none, one task fetches it while the others wait.
    pub(super) async fn current(&self, api: &Api) -> Result<SecretString> {
        let mut current = self.current.lock().await;
        if let Some(token) = current.as_ref().filter(|token| Instant::now() < token.renew_at) {
            return Ok(token.text.clone());
        }
        let token = self.fetch(api).await?;
        *current = Some(token.clone());
        Ok(token.text)
    }

    /// Drops this token, which Sellsy refused, unless it has been replaced already.
    pub(super) async fn forget(&self, text: &SecretString) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|token| token.text.expose_secret() == text.expose_secret()) {
            *current = None;
        }
    }

    async fn fetch(&self, api: &Api) -> Result<Token> {
        let body = json!({
            "grant_type": "client_credentials",
            "client_id": self.client_id.expose_secret(),
            "client_secret": self.client_secret.expose_secret(),
        });
        let request = api.request(&GET_TOKEN, &self.auth_url).json(&body);
        let answer = api.send(&GET_TOKEN, request).await.map_err(login_error)?;
        let answer: TokenAnswer = answer.json()?;
        let life = Duration::from_secs(answer.expires_in.unwrap_or(UNSPECIFIED_LIFE_S));
        Ok(Token { text: answer.access_token, renew_at: Instant::now() + life - MARGIN.min(life / 10) })
    }
}

/// OAuth 2 answers 400 or 401 to a wrong client; for the API itself, 400 means something else. A gateway's refusal says nothing.
fn login_error(failure: Failure) -> Error {
    match failure.status.map(|s| s.as_u16()) {
        Some(400 | 401 | 403) if failure.own || failure.status == Some(StatusCode::UNAUTHORIZED) => {
            Error::retry(Code::SellsyCredential, format!("{failure}; check SELLSY_CLIENT_ID and SELLSY_CLIENT_SECRET"))
        }
        _ => failure.into(),
    }
}

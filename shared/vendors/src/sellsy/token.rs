//! The access token: one for all processes (`shared_token.rs`), kept in memory by each.
//!
//! Sources disagree on how long a token lives (1 h or 24 h), so only `expires_in` counts, and it is unknown whether a new token
//! makes older ones void. A 401 drops the token. The process then takes the one that another process has stored meanwhile, or
//! fetches one, as the only one to do so.
//!
//! A token is fetched on the lane of what waits for it: the waiters of one lane wait for each other, but never for a less urgent
//! lane.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base::{
    db::Database,
    error::{Code, Error, Result},
    settings,
};
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::time::{self, Instant};
use uuid::Uuid;

use super::{
    endpoints::GET_TOKEN,
    seal::Seal,
    shared_token::{Claim, Claimed, SharedToken, StillOurs, Token},
    wire::TokenAnswer,
};
use crate::{
    api::{Answer, Api, Failure},
    budget::Lane,
};

/// A token is renewed this long before it expires, or in the last tenth of a shorter life.
const MARGIN: Duration = Duration::from_secs(60);

/// The shortest life that any source gives.
const UNSPECIFIED_LIFE_S: u64 = 3600;

/// A token that expires at once, according to its answer, is used all the same: the alternative is to fetch tokens for ever.
const SHORTEST_USE: Duration = Duration::from_secs(10);

/// How often to look whether another process has fetched the token.
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(super) struct Tokens {
    auth_url: String,
    client_id: SecretString,
    client_secret: SecretString,
    shared: SharedToken,
    known: Mutex<Known>,
    /// One task of each lane looks for a token while the lane's others wait.
    looking: [tokio::sync::Mutex<()>; Lane::COUNT],
}

#[derive(Default)]
struct Known {
    current: Option<Token>,
    /// Sellsy refused it last; the database may still have it.
    refused: Option<SecretString>,
}

impl Tokens {
    pub(super) fn new(settings: &settings::Sellsy, database: &Database) -> Self {
        let seal = Seal::new(&settings.client_secret, &settings.client_id, &settings.auth_url);
        Self {
            auth_url: settings.auth_url.clone(),
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            shared: SharedToken { database: database.clone(), seal },
            known: Mutex::default(),
            looking: Default::default(),
        }
    }

    /// A valid token: the one in memory, else the stored one, else a new one.
    pub(super) async fn current(&self, api: &Api) -> Result<SecretString> {
        if let Some(text) = self.valid() {
            return Ok(text);
        }
        let _looking = self.looking[api.lane() as usize].lock().await;
        loop {
            if let Some(text) = self.valid() {
                return Ok(text);
            }
            let refused = self.known().refused.clone();
            match self.shared.claim(api.lane(), refused.as_ref()).await? {
                Claim::Stored(token) => self.known().current = Some(token),
                Claim::Busy => time::sleep(LOOK_EVERY).await,
                Claim::Ours(claimed) => self.fetch_claimed(api, &claimed).await?,
            }
        }
    }

    fn valid(&self) -> Option<SecretString> {
        let known = self.known();
        known.current.as_ref().filter(|token| Instant::now() < token.renew_at).map(|token| token.text.clone())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops this token, which Sellsy refused, unless it has been replaced already.
    pub(super) fn forget(&self, text: &SecretString) {
        let mut known = self.known();
        if known.current.as_ref().is_some_and(|token| token.text.expose_secret() == text.expose_secret()) {
            known.current = None;
            known.refused = Some(text.clone());
        }
    }

    /// Fetches a token whether or not there is a valid one.
    pub(super) async fn renew(&self, api: &Api) -> Result<()> {
        let answer = api.send(&GET_TOKEN, self.request(api)).await.map_err(login_error)?;
        self.keep(&answer, None).await
    }

    /// Fetches a token, unless a more urgent request has taken the claim over.
    async fn fetch_claimed(&self, api: &Api, claimed: &Claimed) -> Result<()> {
        let claim = claimed.id;
        let still_ours = StillOurs { shared: &self.shared, claim };
        match api.send_checked(&GET_TOKEN, self.request(api), &still_ours).await {
            Ok(answer) => {
                let kept = self.keep(&answer, Some(claim)).await;
                if kept.is_err() {
                    self.shared.release(claim).await;
                }
                kept
            }
            Err(Failure { unsent: Some(Error { code: Code::CallBusy, .. }), .. }) => Ok(()),
            Err(failure) => {
                self.shared.release(claim).await;
                Err(login_error(failure))
            }
        }
    }

    fn request(&self, api: &Api) -> reqwest::RequestBuilder {
        let body = json!({
            "grant_type": "client_credentials",
            "client_id": self.client_id.expose_secret(),
            "client_secret": self.client_secret.expose_secret(),
        });
        api.request(&GET_TOKEN, &self.auth_url).json(&body)
    }

    async fn keep(&self, answer: &Answer, claim: Option<Uuid>) -> Result<()> {
        let answer: TokenAnswer = answer.json()?;
        let life = Duration::from_secs(answer.expires_in.unwrap_or(UNSPECIFIED_LIFE_S));
        let fresh = (life - MARGIN.min(life / 10)).max(SHORTEST_USE);
        self.known().current = Some(Token { text: answer.access_token.clone(), renew_at: Instant::now() + fresh });
        // It is valid all the same; the others then fetch their own.
        if let Err(e) = self.shared.store(&answer.access_token, fresh, claim).await {
            tracing::warn!(error = %e, "Sellsy's new token could not be stored for the other processes.");
        }
        Ok(())
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

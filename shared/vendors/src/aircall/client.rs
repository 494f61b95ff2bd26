//! The requests to Aircall, one function each. Basic authentication, no scopes; the version is part of the path.

use std::sync::Arc;

use base::{
    db::Database,
    error::{Error, Result},
    health::Condition,
    ids::{CallId, Vendor},
    settings,
};
use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::wire::{Call, InsightCard, Listing, Number, One, Tag, Webhook, WebhookRequest};
use crate::{
    api::{Answer, Api, Endpoint, Failure, endpoint},
    budget::{Budget, Lane, Limits, Role, Span},
    proven::{self, Account, Answers, Quota},
};

const PING: Endpoint = endpoint!(GET "/v1/ping");
const CALLS: Endpoint = endpoint!(GET "/v1/calls");
const CALL: Endpoint = endpoint!(GET "/v1/calls/{id}");
const SHOW_CARD: Endpoint = endpoint!(POST "/v1/calls/{id}/insight_cards", any_body: true);
const NUMBERS: Endpoint = endpoint!(GET "/v1/numbers");
const TAGS: Endpoint = endpoint!(GET "/v1/tags");
const WEBHOOKS: Endpoint = endpoint!(GET "/v1/webhooks");
const CREATE_WEBHOOK: Endpoint = endpoint!(POST "/v1/webhooks");
const WEBHOOK: Endpoint = endpoint!(GET "/v1/webhooks/{id}");
const DELETE_WEBHOOK: Endpoint = endpoint!(DELETE "/v1/webhooks/{id}", any_body: true);
const UPDATE_WEBHOOK: Endpoint = endpoint!(PUT "/v1/webhooks/{id}");

#[derive(Clone)]
pub struct Aircall {
    api: Api,
    base: String,
    api_id: SecretString,
    api_token: SecretString,
    proven: Arc<proven::Known>,
}

/// The most items that Aircall puts on a page of a list.
const MOST_PER_PAGE: usize = 50;

/// What Aircall did with an insight card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardAnswer {
    Shown,
    /// The call is over or not known (404, 405), or Aircall does not accept the card (400): another attempt is useless.
    Refused(StatusCode),
}

impl Aircall {
    /// Uses the budget that all processes on this database share.
    pub fn new(settings: &settings::Aircall, database: &Database, role: Role) -> anyhow::Result<Self> {
        let limits = Limits(vec![(Span::Minute, settings.requests_per_minute)]);
        let budget = Budget::new(database.clone(), role, Vendor::Aircall, limits);
        let api = Api::new(Vendor::Aircall, budget, format!("{}{}", settings.api_url, PING.path))?;
        Ok(Self {
            api,
            base: settings.api_url.clone(),
            api_id: settings.api_id.clone(),
            api_token: settings.api_token.clone(),
            proven: proven::Known::new(database, Account::of_aircall(settings)),
        })
    }

    /// Makes the API a condition of the worker's readiness: unmet while the API is unavailable.
    #[must_use]
    pub fn reporting_to(self, condition: Condition) -> Self {
        self.api.budget().report_to(condition);
        self
    }

    /// The same client with another lane for its requests.
    #[must_use]
    pub fn on(&self, lane: Lane) -> Self {
        Self { api: self.api.on(lane), ..self.clone() }
    }

    /// What was found out about this account.
    pub async fn proven(&self) -> Arc<Answers> {
        self.proven.answers().await
    }

    /// What an answer says about the rate limit.
    pub async fn quota(&self) -> Result<Quota> {
        Ok(self.get(&PING, PING.path).await?.quota)
    }

    /// From now on no process sends more requests in a minute than this; `None`: than the settings allow.
    pub async fn apply_limit(&self, per_minute: Option<u32>) -> Result<()> {
        let limits: Vec<_> = per_minute.map(|limit| (Span::Minute, limit)).into_iter().collect();
        self.api.budget().apply_api_limits(&limits).await
    }

    /// Sends a card only to see what Aircall answers.
    pub async fn try_card(&self, call_id: CallId, card: &InsightCard) -> Result<StatusCode> {
        let request = self.request(&SHOW_CARD, &SHOW_CARD.path_of(call_id.0)).json(card);
        match self.api.send(&SHOW_CARD, request).await {
            Ok(answer) => Ok(answer.status),
            Err(Failure { status: Some(status), own: true, .. }) if status != StatusCode::TOO_MANY_REQUESTS => {
                Ok(status)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// `POST /v1/calls/{id}/insight_cards`: shows a card to the agent during the call. A card can be neither changed nor
    /// removed, and a second request shows a second card.
    pub async fn show_card(&self, call_id: CallId, card: &InsightCard) -> Result<CardAnswer> {
        let request = self.request(&SHOW_CARD, &SHOW_CARD.path_of(call_id.0)).json(card);
        match self.api.send(&SHOW_CARD, request).await {
            Ok(_) => Ok(CardAnswer::Shown),
            Err(Failure { status: Some(status), own: true, .. }) if matches!(status.as_u16(), 400 | 404 | 405) => {
                Ok(CardAnswer::Refused(status))
            }
            // What this account answers when the call is over.
            Err(Failure { status: Some(status), own: true, .. }) if self.is_late(status).await => {
                Ok(CardAnswer::Refused(status))
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn is_late(&self, status: StatusCode) -> bool {
        self.proven().await.card.and_then(|card| card.late) == Some(status.as_u16())
    }

    /// `GET /v1/calls/{id}`; `None` if Aircall does not know the call (its history goes back six months).
    pub async fn call(&self, call_id: CallId) -> Result<Option<Call>> {
        let answer = self.get(&CALL, &CALL.path_of(call_id.0)).await;
        let found: Option<One<Call>> = found_or_none(answer, false)?;
        Ok(found.map(|found| found.item))
    }

    /// The same, and when it was requested by Aircall's clock.
    pub async fn call_dated(&self, call_id: CallId) -> Result<Option<(Call, Option<Timestamp>)>> {
        let began = Instant::now();
        let answer = self.get(&CALL, &CALL.path_of(call_id.0)).await;
        let asked_at = answer.as_ref().ok().and_then(|answer| requested_at(answer, began));
        let found: Option<One<Call>> = found_or_none(answer, false)?;
        Ok(found.map(|found| (found.item, asked_at)))
    }

    /// One of a call's conversation-intelligence resources, such as `summary`. `None` is an answer: Aircall says 404
    /// when there is none for this call and 403 when the account has no AI package. It also answers 403 to a wrong
    /// credential; then `GET /v1/ping` fails too, and that error is returned.
    pub async fn insight<T: DeserializeOwned>(&self, call_id: CallId, resource: Resource) -> Result<Option<T>> {
        let endpoint = resource.endpoint();
        let answer = self.get(&endpoint, &endpoint.path_of(call_id.0)).await;
        if matches!(&answer, Err(f) if f.own && f.status == Some(StatusCode::FORBIDDEN)) {
            self.get(&PING, PING.path).await?;
        }
        found_or_none(answer, true)
    }

    /// `GET /v1/calls`: a page of the calls that started between two times (UNIX seconds), oldest first. `page` is the query
    /// part of the last page's `next_page_link`. The link itself is not followed: that could send the credential elsewhere.
    /// Also returns when it was requested by Aircall's clock, by which its events are dated.
    pub async fn calls(&self, from: i64, to: i64, page: Option<&str>) -> Result<(Listing<Call>, Option<Timestamp>)> {
        let first = || format!("from={from}&to={to}&order=asc&per_page={MOST_PER_PAGE}");
        let query = page.map_or_else(first, str::to_owned);
        let began = Instant::now();
        // With the caller's choices in the voice menu. The links lose this parameter.
        let answer = self.get(&CALLS, &format!("{}?{query}&fetch_call_timeline=true", CALLS.path)).await?;
        let asked_at = requested_at(&answer, began);
        Ok((answer.list()?, asked_at))
    }

    /// `GET /v1/ping`: fails if the credential is not accepted. Returns the time by Aircall's clock.
    pub async fn ping(&self) -> Result<Option<Timestamp>> {
        Ok(self.get(&PING, PING.path).await?.date)
    }

    /// `GET /v1/webhooks`: all webhooks of the account. This list has no `next_page_link`.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>> {
        self.all(&WEBHOOKS).await
    }

    /// `GET /v1/numbers`: the company's own numbers.
    pub async fn numbers(&self) -> Result<Vec<Number>> {
        self.all(&NUMBERS).await
    }

    /// `GET /v1/tags`: the tags that agents can choose.
    pub async fn tags(&self) -> Result<Vec<Tag>> {
        self.all(&TAGS).await
    }

    /// All items of a short list, page by page.
    async fn all<T: DeserializeOwned>(&self, endpoint: &Endpoint) -> Result<Vec<T>> {
        let mut all = Vec::new();
        for page in 1.. {
            let path = format!("{}?page={page}&per_page={MOST_PER_PAGE}", endpoint.path);
            let listing: Listing<T> = self.get(endpoint, &path).await?.list()?;
            let is_last = listing.items.len() as u64 + listing.unreadable < MOST_PER_PAGE as u64;
            all.extend(listing.items);
            if is_last {
                break;
            }
        }
        Ok(all)
    }

    /// `POST /v1/webhooks`.
    pub async fn create_webhook(&self, webhook: &WebhookRequest) -> Result<Webhook> {
        let request = self.request(&CREATE_WEBHOOK, CREATE_WEBHOOK.path).json(webhook);
        let made: One<Webhook> = self.api.send(&CREATE_WEBHOOK, request).await?.json()?;
        Ok(made.item)
    }

    /// `PUT /v1/webhooks/{id}`: replaces the webhook with the request, including its events.
    pub async fn update_webhook(&self, id: &str, webhook: &WebhookRequest) -> Result<Webhook> {
        let path = UPDATE_WEBHOOK.path.replace("{id}", id);
        let request = self.request(&UPDATE_WEBHOOK, &path).json(webhook);
        let changed: One<Webhook> = self.api.send(&UPDATE_WEBHOOK, request).await?.json()?;
        Ok(changed.item)
    }

    /// `GET /v1/webhooks/{id}`; `None` if there is none (any more).
    pub async fn webhook(&self, id: &str) -> Result<Option<Webhook>> {
        let answer = self.get(&WEBHOOK, &WEBHOOK.path.replace("{id}", id)).await;
        let found: Option<One<Webhook>> = found_or_none(answer, false)?;
        Ok(found.map(|found| found.item))
    }

    /// `DELETE /v1/webhooks/{id}`; one that is gone already is deleted, too.
    pub async fn delete_webhook(&self, id: &str) -> Result<()> {
        match self.get(&DELETE_WEBHOOK, &DELETE_WEBHOOK.path.replace("{id}", id)).await {
            Err(Failure { status: Some(StatusCode::NOT_FOUND), own: true, .. }) | Ok(_) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn get(&self, endpoint: &Endpoint, path: &str) -> Result<Answer, Failure> {
        self.api.send(endpoint, self.request(endpoint, path)).await
    }

    fn request(&self, endpoint: &Endpoint, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.base);
        self.api.request(endpoint, &url).basic_auth(self.api_id.expose_secret(), Some(self.api_token.expose_secret()))
    }
}

/// The resources of conversation intelligence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    Summary,
    Topics,
    Sentiments,
    ActionItems,
    CustomSummary,
}

impl Resource {
    fn endpoint(self) -> Endpoint {
        match self {
            Resource::Summary => endpoint!(GET "/v1/calls/{id}/summary"),
            Resource::Topics => endpoint!(GET "/v1/calls/{id}/topics"),
            Resource::Sentiments => endpoint!(GET "/v1/calls/{id}/sentiments"),
            Resource::ActionItems => endpoint!(GET "/v1/calls/{id}/action_items"),
            Resource::CustomSummary => endpoint!(GET "/v1/calls/{id}/custom_summary_result"),
        }
    }
}

/// By Aircall's clock.
fn requested_at(answer: &Answer, began: Instant) -> Option<Timestamp> {
    answer.date.map(|date| date - SignedDuration::from_secs(began.elapsed().as_secs().cast_signed()))
}

/// Only Aircall's own words say that there is none: a gateway answers 403 and 404, too.
fn found_or_none<T: DeserializeOwned>(answer: Result<Answer, Failure>, forbidden_is_none: bool) -> Result<Option<T>> {
    match answer {
        Ok(answer) => answer.json().map(Some),
        Err(Failure { status: Some(StatusCode::NOT_FOUND), own: true, .. }) => Ok(None),
        Err(Failure { status: Some(StatusCode::FORBIDDEN), own: true, .. }) if forbidden_is_none => Ok(None),
        Err(failure) => Err(Error::from(failure)),
    }
}

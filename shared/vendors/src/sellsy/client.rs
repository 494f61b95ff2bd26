//! The requests to Sellsy, one function each.

mod follow_ups;
mod prove;
mod webhooks;

use std::{sync::Arc, time::Duration};

use base::{
    db::Database,
    error::{Error, Remedy, Result},
    health::Condition,
    ids::Vendor,
    settings,
};
use jiff::Timestamp;
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    endpoints::{self, NOTHING, Probe},
    token::Tokens,
    wire::{
        Comment, CommentCreate, Company, Contact, Individual, Metas, Opportunity, OpportunityStatus, Page, PhoneCall,
        PhoneCallCreate, PhoneCallUpdate, QuotaLimit, Quotas, RecordKind, Related, SearchRow, Staff, TopicLabel,
    },
};
use crate::{
    api::{Answer, Api, Endpoint, Failure, LastCheck},
    budget::{Budget, Lane, Limits, Role, Span},
    proven::{self, Account, Answers, Put},
};

/// The most rows that Sellsy puts on one page.
const PAGE_SIZE: u32 = 100;
/// An account's limits depend on its plan, which changes rarely.
const READ_LIMITS_EVERY: Duration = Duration::from_secs(3600);

#[derive(Clone)]
pub struct Sellsy {
    api: Api,
    base: String,
    tokens: Arc<Tokens>,
    proven: Arc<proven::Known>,
}

/// Of the ids on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Asc,
    Desc,
}

/// Why a write to Sellsy failed.
#[derive(Debug)]
pub enum WriteError {
    /// It may have been carried out, or may still be: look in Sellsy before retrying, and not at once.
    Unclear(Error),
    /// It was not carried out: it was not sent, or Sellsy itself says so, perhaps because of this field.
    Refused(Error, Option<Field>),
    /// The object to change does not exist.
    Missing,
}

/// A field of a log, or of a task, for which another value can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Owner,
    Description,
    Topic,
    Label,
}

impl Field {
    /// The first of the fields that an error of Sellsy's names.
    fn of(names: &[String]) -> Option<Self> {
        names.iter().find_map(|name| match name.as_str() {
            "label_id" => Some(Field::Label),
            "assigned_staff_ids" | "owner_id" | "owner" => Some(Field::Owner),
            "description" => Some(Field::Description),
            "topic" => Some(Field::Topic),
            _ => None,
        })
    }
}

impl Sellsy {
    /// Uses the budget that all processes on this database share.
    pub fn new(settings: &settings::Sellsy, database: &Database, role: Role) -> anyhow::Result<Self> {
        let limits = [
            Some((Span::Second, settings.requests_per_second)),
            Some((Span::Minute, settings.requests_per_minute)),
            settings.requests_per_day.map(|limit| (Span::Day, limit)),
        ];
        let limits = Limits(limits.into_iter().flatten().collect());
        let budget = Budget::new(database.clone(), role, Vendor::Sellsy, limits);
        let api = Api::new(Vendor::Sellsy, budget, endpoints::outage_probe(&settings.api_url))?;
        let proven = proven::Known::new(database, Account::of_sellsy(settings));
        Ok(Self { api, base: settings.api_url.clone(), tokens: Arc::new(Tokens::new(settings, database)), proven })
    }

    /// Makes the API a condition of the worker's readiness: unmet while the API is unavailable.
    #[must_use]
    pub fn reporting_to(self, condition: Condition) -> Self {
        self.api.budget().report_to(condition);
        self
    }

    /// What was found out about this account.
    pub async fn proven(&self) -> Arc<Answers> {
        self.proven.answers().await
    }

    /// Whether requests for logs have waited for their turn lately: there are more of them than the quota allows.
    pub fn is_contested(&self) -> bool {
        self.api.budget().is_contested()
    }

    /// The same client with another lane for its requests.
    #[must_use]
    pub fn on(&self, lane: Lane) -> Self {
        Self { api: self.api.on(lane), ..self.clone() }
    }

    /// Reads the account's own limits at the start and every hour, unless another process has. Returns if the token may not
    /// read them.
    pub async fn learn_limits(self) {
        loop {
            let learned = async {
                if self.api.budget().claim_reading_limits(READ_LIMITS_EVERY).await? {
                    self.api.budget().apply_api_limits(&limits(&self.quotas().await?)).await?;
                }
                Ok::<_, Error>(())
            };
            match learned.await {
                Err(e) if e.remedy == Remedy::Park => {
                    tracing::info!(error = %e, "Sellsy's limits cannot be read; those in the settings apply.");
                    return;
                }
                Err(e) => tracing::warn!(error = %e, "Sellsy's limits could not be read; this is retried in an hour."),
                Ok(()) => {}
            }
            tokio::time::sleep(READ_LIMITS_EVERY).await;
        }
    }

    /// `GET /quotas`: the limits of the account.
    async fn quotas(&self) -> Result<Quotas> {
        self.send(&endpoints::QUOTAS, None, &[], None).await?.json()
    }

    /// The limits of the account by window, without those that are unlimited.
    pub async fn limits(&self) -> Result<Vec<(Span, u32)>> {
        Ok(limits(&self.quotas().await?))
    }

    /// Fetches a token, which the workers then use too. Fails if the credential is wrong. Where a new token makes the one void that the
    /// workers use, that one will do: it was fetched with the same credential.
    pub async fn log_in(&self) -> Result<()> {
        if self.proven().await.new_token_voids == Some(true) {
            return self.tokens.current(&self.api).await.map(drop);
        }
        self.tokens.renew(&self.api).await
    }

    /// Sends a request only to learn whether this client is allowed to. Returns the time by Sellsy's clock.
    pub async fn probe(&self, probe: &Probe) -> Result<Option<Timestamp>> {
        let Probe { endpoint, of_nothing, query, body } = probe;
        match self.exchange(endpoint, of_nothing.then_some(NOTHING), query, body.as_ref()).await {
            Ok(answer) => Ok(answer.date),
            Err(ExchangeError::Request(f)) if *of_nothing && f.own && is_one_of(f.status, &[400, 404]) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// `GET /search`: records of these kinds that match `q`, at most a page, and whether there may be more. Which fields
    /// `q` is compared with is not documented, so the caller must check each row.
    pub async fn search(&self, q: &str, kinds: &[RecordKind]) -> Result<(Vec<SearchRow>, bool)> {
        let mut query = vec![("q", q.to_owned())];
        query.extend(kinds.iter().map(|kind| ("type[]", kind.to_string())));
        query.push(("limit", PAGE_SIZE.to_string()));
        let page: Page<SearchRow> = self.send(&endpoints::SEARCH, None, &query, None).await?.list()?;
        let is_full = page.data.len() as u64 + page.unreadable >= u64::from(PAGE_SIZE);
        Ok((page.data, is_full))
    }

    /// `POST /contacts/search` by one of its exact phone filters, `phone_number` or `mobile_number`.
    pub async fn contacts_by(&self, filter: &'static str, number: &str) -> Result<Vec<Contact>> {
        let query = [("limit", PAGE_SIZE.to_string()), ("order", "id".into()), ("direction", "asc".into())];
        let body = json!({ "filters": { filter: number } });
        let page: Page<Contact> = self.send(&endpoints::SEARCH_CONTACTS, None, &query, Some(&body)).await?.list()?;
        Ok(page.data)
    }

    /// `GET /contacts/{id}/companies`: the companies of a contact, in Sellsy's order. It is one page; no parameter is
    /// documented that sets its length or gets the next one. The match rules need only the first company.
    pub async fn companies_of_contact(&self, id: i64) -> Result<Vec<Company>> {
        let page: Page<Company> = self.send(&endpoints::COMPANIES_OF_CONTACT, Some(id), &[], None).await?.list()?;
        Ok(page.data)
    }

    /// `POST /individuals/search`: a page sorted by id, starting at `offset`.
    pub async fn individuals(&self, filters: &Value, offset: Option<&str>) -> Result<Page<Individual>> {
        self.page(&endpoints::SEARCH_INDIVIDUALS, filters, offset).await
    }

    /// `POST /companies/search`: a page sorted by id, starting at `offset`.
    pub async fn companies(&self, filters: &Value, offset: Option<&str>) -> Result<Page<Company>> {
        self.page(&endpoints::SEARCH_COMPANIES, filters, offset).await
    }

    /// `POST /contacts/search`: a page sorted by id, starting at `offset`.
    pub async fn contacts(&self, filters: &Value, offset: Option<&str>) -> Result<Page<Contact>> {
        self.page(&endpoints::SEARCH_CONTACTS, filters, offset).await
    }

    /// `GET /individuals/{id}`; `None` if it does not exist (any more).
    pub async fn individual(&self, id: i64) -> Result<Option<Individual>> {
        self.one(&endpoints::INDIVIDUAL, id).await
    }

    /// `GET /companies/{id}`; `None` if it does not exist (any more).
    pub async fn company(&self, id: i64) -> Result<Option<Company>> {
        self.one(&endpoints::COMPANY, id).await
    }

    /// `GET /contacts/{id}`; `None` if it does not exist (any more).
    pub async fn contact(&self, id: i64) -> Result<Option<Contact>> {
        self.one(&endpoints::CONTACT, id).await
    }

    /// `GET /opportunities/{id}`; `None` if it does not exist (any more).
    pub async fn opportunity(&self, id: i64) -> Result<Option<Opportunity>> {
        self.one(&endpoints::OPPORTUNITY, id).await
    }

    /// `POST /opportunities/search`: the opportunities of a company or individual with one of `statuses`, oldest first.
    pub async fn opportunities(
        &self,
        of: &Related,
        statuses: &[OpportunityStatus],
        limit: u32,
    ) -> Result<Vec<Opportunity>> {
        let query = [("limit", limit.to_string()), ("order", "created".into()), ("direction", "asc".into())];
        let body = json!({ "filters": { "statuses": statuses, "related_objects": [of] } });
        let page: Page<Opportunity> =
            self.send(&endpoints::SEARCH_OPPORTUNITIES, None, &query, Some(&body)).await?.list()?;
        Ok(page.data)
    }

    /// `POST /opportunities/search`: a page sorted by id, starting at `offset`.
    pub async fn opportunities_page(
        &self,
        filters: &Value,
        offset: Option<&str>,
        order: Order,
    ) -> Result<Page<Opportunity>> {
        self.sorted_page(&endpoints::SEARCH_OPPORTUNITIES, filters, offset, order).await
    }

    /// `GET /staffs`: all of them, page by page.
    pub async fn staffs(&self) -> Result<Vec<Staff>> {
        let mut staffs = Vec::new();
        let mut offset: Option<String> = None;
        loop {
            let mut query = vec![("limit", PAGE_SIZE.to_string())];
            let sent = offset.take();
            query.extend(sent.clone().map(|offset| ("offset", offset)));
            let mut page: Page<Staff> = self.send(&endpoints::STAFFS, None, &query, None).await?.list()?;
            page.can_be_short =
                page.pagination.offset.as_ref().map(ToString::to_string) != sent && self.can_be_short().await;
            offset = page.next_offset().map(ToString::to_string);
            staffs.extend(page.data);
            if offset.is_none() {
                return Ok(staffs);
            }
        }
    }

    /// `GET /activities/crm/metas`: the topics that a phone call can have.
    pub async fn topics(&self) -> Result<Vec<TopicLabel>> {
        let metas: Metas = self.send(&endpoints::METAS, None, &[], None).await?.json()?;
        Ok(metas.phonecall.unwrap_or_default().labels)
    }

    /// `POST /phone-calls/search`: a page sorted by id, starting at `offset`.
    pub async fn phone_calls(&self, filters: &Value, offset: Option<&str>) -> Result<Page<PhoneCall>> {
        self.page(&endpoints::SEARCH_PHONE_CALLS, filters, offset).await
    }

    /// `POST /comments/search`: a page sorted by id, starting at `offset`.
    pub async fn comments(&self, filters: &Value, offset: Option<&str>) -> Result<Page<Comment>> {
        self.page(&endpoints::SEARCH_COMMENTS, filters, offset).await
    }

    /// `POST /phone-calls`. Sellsy has no idempotency key: the last check must store the caller's intent.
    pub async fn create_phone_call(
        &self,
        call: &PhoneCallCreate,
        last_check: &impl LastCheck,
    ) -> Result<PhoneCall, WriteError> {
        let answer = self.write(&endpoints::CREATE_PHONE_CALL, None, call, last_check).await?;
        // The phone call was created, even if the answer cannot be read.
        answer.json().map_err(WriteError::Unclear)
    }

    /// `PUT /phone-calls/{id}`. Sellsy keeps the fields that a `PUT` leaves out, as far as is known: its document says that a missing
    /// field is not `null`, and requires none. Where it was found that they are emptied, they are sent as they stand, according to
    /// `stands` if the caller has just read that. Returns the phone call as Sellsy has it then, if that can be read.
    pub async fn update_phone_call(
        &self,
        id: i64,
        changes: &PhoneCallUpdate,
        stands: Option<&PhoneCall>,
        last_check: &impl LastCheck,
    ) -> Result<Option<PhoneCall>, WriteError> {
        let whole = match (self.proven().await.put, stands) {
            (Some(Put::Whole), Some(stands)) => Some(changes.clone().completed(stands)),
            (Some(Put::Whole), None) => match self.phone_call(id).await {
                Ok(Some(stands)) => Some(changes.clone().completed(&stands)),
                Ok(None) => return Err(WriteError::Missing),
                Err(e) => return Err(WriteError::Refused(e, None)),
            },
            (_, _) => None,
        };
        let changes = whole.as_ref().unwrap_or(changes);
        let answer = self.write(&endpoints::UPDATE_PHONE_CALL, Some(id), changes, last_check).await?;
        Ok(answer.json().ok())
    }

    /// `GET /phone-calls/{id}`; `None` if it does not exist (any more).
    pub async fn phone_call(&self, id: i64) -> Result<Option<PhoneCall>> {
        self.one(&endpoints::PHONE_CALL, id).await
    }

    /// `POST /comments`. As with phone calls, the last check must store the caller's intent.
    pub async fn create_comment(
        &self,
        comment: &CommentCreate,
        last_check: &impl LastCheck,
    ) -> Result<Comment, WriteError> {
        let answer = self.write(&endpoints::CREATE_COMMENT, None, comment, last_check).await?;
        answer.json().map_err(WriteError::Unclear)
    }

    /// `PUT /comments/{id}`: replaces the text.
    pub async fn update_comment(
        &self,
        id: i64,
        text: &str,
        last_check: &impl LastCheck,
    ) -> Result<Option<Comment>, WriteError> {
        let body = json!({ "description": text });
        let answer = self.write(&endpoints::UPDATE_COMMENT, Some(id), &body, last_check).await?;
        Ok(answer.json().ok())
    }

    /// `GET /comments/{id}`; `None` if it does not exist (any more).
    pub async fn comment(&self, id: i64) -> Result<Option<Comment>> {
        self.one(&endpoints::COMMENT, id).await
    }

    async fn page<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        filters: &Value,
        offset: Option<&str>,
    ) -> Result<Page<T>> {
        self.sorted_page(endpoint, filters, offset, Order::Asc).await
    }

    async fn sorted_page<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        filters: &Value,
        offset: Option<&str>,
        order: Order,
    ) -> Result<Page<T>> {
        let direction = if order == Order::Asc { "asc" } else { "desc" };
        let mut query = vec![("limit", PAGE_SIZE.to_string()), ("order", "id".into()), ("direction", direction.into())];
        query.extend(offset.map(|offset| ("offset", offset.to_owned())));
        let body = json!({ "filters": filters });
        let mut page: Page<T> = self.send(endpoint, None, &query, Some(&body)).await?.list()?;
        // One that says that it is where it was would be followed for ever.
        let is_further = page.pagination.offset.as_ref().map(ToString::to_string).as_deref() != offset;
        page.can_be_short = is_further && self.can_be_short().await;
        Ok(page)
    }

    async fn can_be_short(&self) -> bool {
        self.proven().await.short_pages == Some(true)
    }

    async fn one<T: DeserializeOwned>(&self, endpoint: &Endpoint, id: i64) -> Result<Option<T>> {
        match self.exchange(endpoint, Some(id), &[], None).await {
            Ok(answer) => Ok(Some(answer.json()?)),
            Err(ExchangeError::Request(f)) if is_missing(&f) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// What is gone already is deleted, too.
    async fn delete(&self, endpoint: &Endpoint, id: i64) -> Result<(), WriteError> {
        match self.exchange(endpoint, Some(id), &[], None).await.map_err(WriteError::from) {
            Ok(_) | Err(WriteError::Missing) => Ok(()),
            Err(e) => Err(e),
        }
    }

    async fn write(
        &self,
        endpoint: &Endpoint,
        id: Option<i64>,
        body: &impl Serialize,
        last_check: &impl LastCheck,
    ) -> Result<Answer, WriteError> {
        let body = serde_json::to_value(body).unwrap_or(Value::Null);
        Ok(self.exchange_checked(endpoint, id, &[], Some(&body), last_check).await?)
    }

    async fn send(
        &self,
        endpoint: &Endpoint,
        id: Option<i64>,
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Answer> {
        Ok(self.exchange(endpoint, id, query, body).await?)
    }

    async fn exchange(
        &self,
        endpoint: &Endpoint,
        id: Option<i64>,
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Answer, ExchangeError> {
        self.exchange_checked(endpoint, id, query, body, &()).await
    }

    /// Sends with a token; after a 401, once more with another one, unless that could write something twice. If that was stored by
    /// another process and is refused too, a third time with a new one.
    async fn exchange_checked(
        &self,
        endpoint: &Endpoint,
        id: Option<i64>,
        query: &[(&str, String)],
        body: Option<&Value>,
        last_check: &impl LastCheck,
    ) -> Result<Answer, ExchangeError> {
        let path = id.map_or_else(|| endpoint.path.to_owned(), |id| endpoint.path_of(id));
        let url = format!("{}{path}", self.base);
        let mut refusals = 0;
        loop {
            let token = self.tokens.current(&self.api).await.map_err(ExchangeError::Token)?;
            let mut request = self.api.request(endpoint, &url).bearer_auth(token.expose_secret()).query(query);
            if let Some(body) = body {
                request = request.json(body);
            }
            match self.api.send_checked(endpoint, request, last_check).await {
                Err(f)
                    if f.status == Some(StatusCode::UNAUTHORIZED)
                        && refusals < 2
                        && (!f.maybe_done || endpoint.is_read()) =>
                {
                    self.tokens.forget(&token);
                    refusals += 1;
                }
                result => return result.map_err(ExchangeError::Request),
            }
        }
    }
}

/// Sellsy itself says that there is no such object; a gateway that does not find Sellsy answers 404, too.
fn is_missing(failure: &Failure) -> bool {
    failure.status == Some(StatusCode::NOT_FOUND) && failure.own
}

fn is_one_of(status: Option<StatusCode>, codes: &[u16]) -> bool {
    status.is_some_and(|status| codes.contains(&status.as_u16()))
}

fn limits(quotas: &Quotas) -> Vec<(Span, u32)> {
    let windows = [
        (Span::Second, &quotas.per_second),
        (Span::Minute, &quotas.per_minute),
        (Span::Day, &quotas.per_day),
        (Span::Month, &quotas.per_month),
    ];
    let limit = |quota: &QuotaLimit| quota.limit.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX));
    windows.into_iter().filter_map(|(span, quota)| Some((span, limit(quota.as_ref()?)?))).collect()
}

enum ExchangeError {
    /// There was no token, so the request was not sent.
    Token(Error),
    Request(Failure),
}

impl From<ExchangeError> for WriteError {
    fn from(e: ExchangeError) -> Self {
        match e {
            ExchangeError::Request(f) if is_missing(&f) => Self::Missing,
            ExchangeError::Request(f) if f.maybe_done => Self::Unclear(f.into()),
            ExchangeError::Request(f) => {
                let field = Field::of(&f.fields);
                Self::Refused(f.into(), field)
            }
            ExchangeError::Token(e) => Self::Refused(e, None),
        }
    }
}

impl From<ExchangeError> for Error {
    fn from(e: ExchangeError) -> Self {
        match e {
            ExchangeError::Token(e) => e,
            ExchangeError::Request(f) => f.into(),
        }
    }
}

//! The requests to Sellsy, one function each.

use std::{sync::Arc, time::Duration};

use base::{
    db::Database,
    error::{Error, Remedy, Result},
    health::Condition,
    ids::Vendor,
    settings,
};
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    endpoints::{self, NOTHING, Probe},
    token::Tokens,
    wire::{
        Comment, CommentCreate, Company, Contact, Individual, Opportunity, OpportunityStatus, Page, PhoneCall,
        PhoneCallCreate, QuotaLimit, Quotas, Related, SearchRow, Staff,
    },
};
use crate::{
    api::{Answer, Api, Endpoint, Failure},
    budget::{Budget, Lane, Limits, Role, Span},
};

/// The most rows that Sellsy gives in one page.
const PAGE: u32 = 100;
/// Plans change rarely.
const ASK_FOR_LIMITS_EVERY: Duration = Duration::from_secs(3600);

#[derive(Clone)]
pub struct Sellsy {
    api: Api,
    base: String,
    tokens: Arc<Tokens>,
}

/// Why a write to Sellsy did not end well.
#[derive(Debug)]
pub enum WriteError {
    /// It may have been carried out: look before trying again.
    Unclear(Error),
    /// It was not carried out.
    Refused(Error),
    /// The object that should be changed is not there.
    Missing,
}

impl Sellsy {
    /// With the budget that all processes on this database share.
    pub fn new(settings: &settings::Sellsy, database: &Database, role: Role) -> anyhow::Result<Self> {
        let limits = [
            Some((Span::Second, settings.requests_per_second)),
            Some((Span::Minute, settings.requests_per_minute)),
            settings.requests_per_day.map(|limit| (Span::Day, limit)),
        ];
        let limits = Limits(limits.into_iter().flatten().collect());
        let api = Api::new(Vendor::Sellsy, Budget::new(database.clone(), role, Vendor::Sellsy, limits))?;
        Ok(Self { api, base: settings.api_url.clone(), tokens: Arc::new(Tokens::new(settings)) })
    }

    /// A worker that cannot do without it is not ready while it is away.
    #[must_use]
    pub fn reporting_to(self, condition: Condition) -> Self {
        self.api.budget().report_to(condition);
        self
    }

    /// The same client, whose requests go on another lane.
    #[must_use]
    pub fn on(&self, lane: Lane) -> Self {
        Self { api: self.api.on(lane), ..self.clone() }
    }

    /// Asks for the account's own limits at the start and every hour, if no other process has; ends at once when the
    /// token may not read them.
    pub async fn learn_limits(self) {
        loop {
            let learned = async {
                if self.api.budget().asks_for_limits(ASK_FOR_LIMITS_EVERY).await? {
                    self.api.budget().cap(&limits(&self.quotas().await?)).await?;
                }
                Ok::<_, Error>(())
            };
            match learned.await {
                Err(e) if e.remedy == Remedy::Park => {
                    tracing::info!(error = %e, "Sellsy's limits cannot be read; those of the settings hold.");
                    return;
                }
                Err(e) => tracing::warn!(error = %e, "Sellsy's limits could not be read; it is tried again."),
                Ok(()) => {}
            }
            tokio::time::sleep(ASK_FOR_LIMITS_EVERY).await;
        }
    }

    /// `GET /quotas`: the limits of the account.
    async fn quotas(&self) -> Result<Quotas> {
        self.send(&endpoints::QUOTAS, None, &[], None).await?.json()
    }

    /// The limits of the account by window; what is unlimited is left out.
    pub async fn limits(&self) -> Result<Vec<(Span, u32)>> {
        Ok(limits(&self.quotas().await?))
    }

    /// Whether the credential gets a token.
    pub async fn log_in(&self) -> Result<()> {
        self.tokens.current(&self.api).await.map(drop)
    }

    /// Sends a request only to learn whether this client may; returns what Sellsy's clock says.
    pub async fn probe(&self, probe: &Probe) -> Result<Option<Timestamp>> {
        let Probe { endpoint, query, body } = probe;
        let is_change = endpoint.method == Method::PUT;
        match self.exchange(endpoint, is_change.then_some(NOTHING), query, body.as_ref()).await {
            Ok(answer) => Ok(answer.date),
            Err(Trouble::Failure(f)) if is_change && is_one_of(f.status, &[400, 404]) => Ok(None),
            Err(trouble) => Err(trouble.into()),
        }
    }

    /// `GET /search`: individuals, companies and contacts that match `q`, at most a page. What `q` looks into is not
    /// documented, so the rows are candidates and not hits.
    pub async fn search(&self, q: &str) -> Result<Vec<SearchRow>> {
        let query = [
            ("q", q.to_owned()),
            ("type[]", "individual".to_owned()),
            ("type[]", "company".to_owned()),
            ("type[]", "contact".to_owned()),
            ("limit", PAGE.to_string()),
        ];
        let page: Page<SearchRow> = self.send(&endpoints::SEARCH, None, &query, None).await?.json()?;
        Ok(page.data)
    }

    /// `POST /contacts/search` by one of its exact phone filters, `phone_number` or `mobile_number`.
    pub async fn contacts_by(&self, filter: &'static str, number: &str) -> Result<Vec<Contact>> {
        let query = [("limit", PAGE.to_string()), ("order", "id".into()), ("direction", "asc".into())];
        let body = json!({ "filters": { filter: number } });
        let page: Page<Contact> = self.send(&endpoints::SEARCH_CONTACTS, None, &query, Some(&body)).await?.json()?;
        Ok(page.data)
    }

    /// `GET /contacts/{id}/companies`: the companies of a contact, in Sellsy's order. A page, but no parameter is
    /// documented that would set its length or get the next one; the first company is the one that counts.
    pub async fn companies_of_contact(&self, id: i64) -> Result<Vec<Company>> {
        let page: Page<Company> = self.send(&endpoints::COMPANIES_OF_CONTACT, Some(id), &[], None).await?.json()?;
        Ok(page.data)
    }

    /// `POST /individuals/search`: a page in the order of ids, from `offset` on.
    pub async fn individuals(&self, filters: &Value, offset: Option<&str>) -> Result<Page<Individual>> {
        self.page(&endpoints::SEARCH_INDIVIDUALS, filters, offset).await
    }

    /// `POST /companies/search`, likewise.
    pub async fn companies(&self, filters: &Value, offset: Option<&str>) -> Result<Page<Company>> {
        self.page(&endpoints::SEARCH_COMPANIES, filters, offset).await
    }

    /// `POST /contacts/search`, likewise.
    pub async fn contacts(&self, filters: &Value, offset: Option<&str>) -> Result<Page<Contact>> {
        self.page(&endpoints::SEARCH_CONTACTS, filters, offset).await
    }

    /// `GET /individuals/{id}`; `None` when there is none any more.
    pub async fn individual(&self, id: i64) -> Result<Option<Individual>> {
        self.one(&endpoints::INDIVIDUAL, id).await
    }

    /// `GET /companies/{id}`, likewise.
    pub async fn company(&self, id: i64) -> Result<Option<Company>> {
        self.one(&endpoints::COMPANY, id).await
    }

    /// `GET /contacts/{id}`, likewise.
    pub async fn contact(&self, id: i64) -> Result<Option<Contact>> {
        self.one(&endpoints::CONTACT, id).await
    }

    /// `POST /opportunities/search`: those of a company or individual with one of `statuses`, earliest created first.
    pub async fn opportunities(
        &self,
        of: &Related,
        statuses: &[OpportunityStatus],
        limit: u32,
    ) -> Result<Vec<Opportunity>> {
        let query = [("limit", limit.to_string()), ("order", "created".into()), ("direction", "asc".into())];
        let body = json!({ "filters": { "statuses": statuses, "related_objects": [of] } });
        let page: Page<Opportunity> =
            self.send(&endpoints::SEARCH_OPPORTUNITIES, None, &query, Some(&body)).await?.json()?;
        Ok(page.data)
    }

    /// `GET /staffs`: all of them, page by page.
    pub async fn staffs(&self) -> Result<Vec<Staff>> {
        let mut staffs = Vec::new();
        let mut offset: Option<String> = None;
        loop {
            let mut query = vec![("limit", PAGE.to_string())];
            query.extend(offset.take().map(|offset| ("offset", offset)));
            let page: Page<Staff> = self.send(&endpoints::STAFFS, None, &query, None).await?.json()?;
            offset = page.next_offset().map(ToString::to_string);
            staffs.extend(page.data);
            if offset.is_none() {
                return Ok(staffs);
            }
        }
    }

    /// `POST /phone-calls/search`: the newest calls of one record first.
    pub async fn phone_calls_of(&self, related: &Related, limit: u32) -> Result<Vec<PhoneCall>> {
        self.newest_of(&endpoints::SEARCH_PHONE_CALLS, related, limit).await
    }

    /// `POST /comments/search`: the newest comments of one record first.
    pub async fn comments_of(&self, related: &Related, limit: u32) -> Result<Vec<Comment>> {
        self.newest_of(&endpoints::SEARCH_COMMENTS, related, limit).await
    }

    /// `POST /phone-calls`. Sellsy has no idempotency key: the caller must have written down its intent.
    pub async fn create_phone_call(&self, call: &PhoneCallCreate) -> Result<PhoneCall, WriteError> {
        let answer = self.write(&endpoints::CREATE_PHONE_CALL, None, call).await?;
        // It exists, whatever the answer looks like.
        answer.json().map_err(WriteError::Unclear)
    }

    /// `PUT /phone-calls/{id}` with every field, so that it does not matter whether Sellsy takes it as partial.
    pub async fn update_phone_call(&self, id: i64, call: &PhoneCallCreate) -> Result<(), WriteError> {
        self.write(&endpoints::UPDATE_PHONE_CALL, Some(id), call).await.map(drop)
    }

    /// The same without owner and links, which then stay as they are in Sellsy.
    pub async fn update_phone_call_but_links(&self, id: i64, call: &PhoneCallCreate) -> Result<(), WriteError> {
        let mut body = serde_json::to_value(call).unwrap_or(Value::Null);
        if let Some(fields) = body.as_object_mut() {
            fields.retain(|name, _| name != "owner_id" && name != "related");
        }
        self.write(&endpoints::UPDATE_PHONE_CALL, Some(id), &body).await.map(drop)
    }

    /// `POST /comments`. As with phone calls, the caller must have written down its intent.
    pub async fn create_comment(&self, comment: &CommentCreate) -> Result<Comment, WriteError> {
        let answer = self.write(&endpoints::CREATE_COMMENT, None, comment).await?;
        answer.json().map_err(WriteError::Unclear)
    }

    /// `PUT /comments/{id}`: another text.
    pub async fn update_comment(&self, id: i64, text: &str) -> Result<(), WriteError> {
        let body = json!({ "description": text });
        self.write(&endpoints::UPDATE_COMMENT, Some(id), &body).await.map(drop)
    }

    async fn newest_of<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        related: &Related,
        limit: u32,
    ) -> Result<Vec<T>> {
        let query = [("limit", limit.to_string()), ("order", "id".into()), ("direction", "desc".into())];
        let body = json!({ "filters": { "related_objects": [related] } });
        let page: Page<T> = self.send(endpoint, None, &query, Some(&body)).await?.json()?;
        Ok(page.data)
    }

    async fn page<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        filters: &Value,
        offset: Option<&str>,
    ) -> Result<Page<T>> {
        let mut query = vec![("limit", PAGE.to_string()), ("order", "id".into()), ("direction", "asc".into())];
        query.extend(offset.map(|offset| ("offset", offset.to_owned())));
        let body = json!({ "filters": filters });
        self.send(endpoint, None, &query, Some(&body)).await?.json()
    }

    async fn one<T: DeserializeOwned>(&self, endpoint: &Endpoint, id: i64) -> Result<Option<T>> {
        match self.exchange(endpoint, Some(id), &[], None).await {
            Ok(answer) => Ok(Some(answer.json()?)),
            Err(Trouble::Failure(f)) if f.status == Some(StatusCode::NOT_FOUND) => Ok(None),
            Err(trouble) => Err(trouble.into()),
        }
    }

    async fn write(&self, endpoint: &Endpoint, id: Option<i64>, body: &impl Serialize) -> Result<Answer, WriteError> {
        let body = serde_json::to_value(body).unwrap_or(Value::Null);
        self.exchange(endpoint, id, &[], Some(&body)).await.map_err(|trouble| match trouble {
            Trouble::Failure(f) if f.status == Some(StatusCode::NOT_FOUND) => WriteError::Missing,
            Trouble::Failure(f) if f.maybe_done => WriteError::Unclear(f.into()),
            trouble => WriteError::Refused(trouble.into()),
        })
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

    /// Sends with a token; a 401 gets one more try with a new one.
    async fn exchange(
        &self,
        endpoint: &Endpoint,
        id: Option<i64>,
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Answer, Trouble> {
        let path = id.map_or_else(|| endpoint.path.to_owned(), |id| endpoint.path_of(id));
        let url = format!("{}{path}", self.base);
        let mut retried = false;
        loop {
            let token = self.tokens.current(&self.api).await.map_err(Trouble::Token)?;
            let mut request = self.api.request(endpoint, &url).bearer_auth(token.expose_secret()).query(query);
            if let Some(body) = body {
                request = request.json(body);
            }
            match self.api.send(endpoint, request).await {
                Err(f) if f.status == Some(StatusCode::UNAUTHORIZED) && !retried => {
                    self.tokens.refused(&token).await;
                    retried = true;
                }
                result => return result.map_err(Trouble::Failure),
            }
        }
    }
}

fn is_one_of(status: Option<StatusCode>, codes: &[u16]) -> bool {
    status.is_some_and(|status| codes.contains(&status.as_u16()))
}

fn limits(quotas: &Quotas) -> Vec<(Span, u32)> {
    let told = [(Span::Second, &quotas.per_second), (Span::Minute, &quotas.per_minute), (Span::Day, &quotas.per_day)];
    let limit = |quota: &QuotaLimit| quota.limit.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX));
    told.into_iter().filter_map(|(span, quota)| Some((span, limit(quota.as_ref()?)?))).collect()
}

/// Either there was no token, so nothing was sent, or the request itself failed.
enum Trouble {
    Token(Error),
    Failure(Failure),
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Token(e) => e,
            Trouble::Failure(f) => f.into(),
        }
    }
}

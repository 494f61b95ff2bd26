//! The only way to send a request to either API: within the budget, timed, counted, its failures classified.
//!
//! The client of a [`Vendor`] owns an [`Api`], and nothing else can send. So no request bypasses the [`Budget`], and the
//! budget gets what every answer says about the quota. The result is an answer whose body has been read, or a [`Failure`]
//! that says whether the request may have been carried out, which decides whether a log may be created again. Failures
//! never quote a body, because bodies hold personal data: of the API's own errors they have its words ([`words`]), without what is about people.

mod endpoint;
mod outage;
mod wait;
mod words;

use std::{future::Future, sync::Arc, time::Duration};

use base::{
    client,
    error::{Code, Error, Remedy},
    ids::Vendor,
    telemetry::spans::{Span, SpanKind},
    text, tls,
    trace::{self, Traceparent},
};
use jiff::Timestamp;
use reqwest::{
    RequestBuilder, StatusCode,
    header::{AUTHORIZATION, HeaderMap},
};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::{
    budget::{self, Budget, Lane},
    proven::Quota,
    rows::{self, PartlyRead},
    sent,
    vendor::profile,
};
pub use endpoint::Endpoint;
pub(crate) use endpoint::endpoint;
use outage::{Outages, Probe};

/// From sending to the last byte of the answer.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How long to wait after a 429 without a Retry-After or a reset time.
const UNSPECIFIED_WAIT: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub struct Api {
    vendor: Vendor,
    client: reqwest::Client,
    budget: Budget,
    lane: Lane,
    outages: Arc<Outages>,
    /// The address of a request that asks for nothing.
    probe_url: Arc<str>,
}

/// An answer with a status of 2xx.
#[derive(Clone, Debug)]
pub struct Answer {
    pub vendor: Vendor,
    pub endpoint: &'static str,
    pub status: StatusCode,
    /// The time by the vendor's clock.
    pub date: Option<Timestamp>,
    /// What the answer says about the quota.
    pub(crate) quota: Quota,
    pub body: Vec<u8>,
}

/// A request that did not end with 2xx.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{endpoint}: {problem}")]
pub struct Failure {
    pub vendor: Vendor,
    /// Method and path without ids, e.g. `PUT /phone-calls/{id}`.
    pub endpoint: &'static str,
    /// `None` when no answer came.
    pub status: Option<StatusCode>,
    /// The request may have been carried out despite the failure.
    pub maybe_done: bool,
    /// The answer has the shape of the API's own errors. Others come from something in front of the API, such as a gateway,
    /// and say nothing about what the API has done.
    pub own: bool,
    /// The names of the fields that the API's own error is about.
    pub(crate) fields: Vec<String>,
    pub problem: String,
    /// How long the API asked us to wait.
    pub retry_after: Option<Duration>,
    /// The error of the budget, which allowed no request: nothing was sent.
    pub unsent: Option<Error>,
    /// The cause is not this request: the API is unavailable.
    pub outage: bool,
}

/// A last check between the turn at the budget, which can take long, and the request.
pub trait LastCheck: Sync {
    /// An error means that the request must not be sent.
    fn check(&self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Nothing to check.
impl LastCheck for () {
    async fn check(&self) -> Result<(), Error> {
        Ok(())
    }
}

impl Api {
    /// For a vendor's client. Requests use [`Lane::Bulk`]; [`Self::on`] changes that. A GET of `probe_url` with a credential
    /// must be cheap and have no effect: it finds out whether the API is available.
    pub fn new(vendor: Vendor, budget: Budget, probe_url: String) -> anyhow::Result<Self> {
        let client = client::new(TIMEOUT)?;
        Ok(Self { vendor, client, budget, lane: Lane::Bulk, outages: Arc::default(), probe_url: probe_url.into() })
    }

    pub fn on(&self, lane: Lane) -> Self {
        Self { lane, ..self.clone() }
    }

    pub fn lane(&self) -> Lane {
        self.lane
    }

    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Builds a request to `endpoint`, to be completed and passed to [`Self::send`]. The vendor's client builds the URL.
    pub fn request(&self, endpoint: &Endpoint, url: &str) -> RequestBuilder {
        self.client.request(endpoint.method.clone(), url)
    }

    /// Waits for the budget, then sends.
    pub async fn send(&self, endpoint: &Endpoint, request: RequestBuilder) -> Result<Answer, Failure> {
        self.send_checked(endpoint, request, &()).await
    }

    /// Waits for the budget, then sends if the last check allows it.
    pub async fn send_checked(
        &self,
        endpoint: &Endpoint,
        request: RequestBuilder,
        last_check: &impl LastCheck,
    ) -> Result<Answer, Failure> {
        let name = endpoint.name;
        let mut step = trace::current().map(|trace| self.begin_span(name, trace.child()));
        let allowed = async {
            self.budget.acquire(self.lane).await?;
            last_check.check().await
        };
        if let Err(e) = allowed.await {
            if let Some(step) = &mut step {
                step.fail(e.code.as_str());
            }
            return Err(Failure { unsent: Some(e.clone()), ..self.failure(name, e.message) });
        }
        let started = Instant::now();
        let (result, probe) = match request.build() {
            Ok(request) => {
                let probe = self.probe_like(&request);
                let is_login = request.headers().get(AUTHORIZATION).is_none();
                let result = self.exchange(endpoint, request).await;
                self.note_credential(&result, is_login);
                (result, probe)
            }
            Err(e) => (Err(self.unanswered(name, &e)), None),
        };
        let status = match &result {
            Ok(answer) => answer.status.as_u16().to_string(),
            Err(Failure { status: Some(status), .. }) => status.as_u16().to_string(),
            Err(_) => "none".into(),
        };
        let took = started.elapsed();
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        if let Some(step) = &mut step {
            step.set("callbridge.sent_ms", i64::try_from(took.as_millis()).unwrap_or(i64::MAX));
            if let Ok(status) = status.parse::<i64>() {
                step.set("http.response.status_code", status);
            }
            if result.is_err() {
                step.fail(&status);
            }
        }
        sent::add(self.vendor, name, status.parse().unwrap_or_default(), took);
        tracing::debug!(api = self.vendor.as_str(), endpoint = name, status, duration_ms, "A request was answered.");
        metrics::counter!("callbridge_api_requests_total", "api" => self.vendor.as_str(), "endpoint" => name, "status" => status)
            .increment(1);
        metrics::histogram!("callbridge_api_request_duration_seconds", "api" => self.vendor.as_str(), "endpoint" => name)
            .record(took.as_secs_f64());
        match result {
            // The failure may concern only this request. A probe shows whether the API is unavailable.
            Err(failure) if failure.is_unavailable() => {
                let outage = match probe {
                    Some(probe) => self.outages.confirm(&self.budget, probe).await,
                    None => false,
                };
                Err(Failure { outage, ..failure })
            }
            result => result,
        }
    }

    /// Whether the credential works is a condition of the worker's readiness. A token that has expired is no refusal of it, and neither is a
    /// scope that is missing: only the login counts, where there is one.
    fn note_credential(&self, result: &Result<Answer, Failure>, is_login: bool) {
        let is_refusal = |failure: &Failure| match (self.vendor, failure.status.map(|status| status.as_u16())) {
            (Vendor::Sellsy, Some(400..=403)) => is_login && failure.own,
            (Vendor::Aircall, Some(401)) => true,
            _ => false,
        };
        match result {
            Ok(_) => self.budget.note_accepted(),
            Err(failure) if is_refusal(failure) => self.budget.note_refused(),
            Err(_) => {}
        }
    }

    /// A request that asks for nothing, with the credential of `request`. A login has its credential in the body, and no request
    /// with it is without effect: it is sent again as it is.
    fn probe_like(&self, request: &reqwest::Request) -> Option<Probe> {
        let request = match request.headers().get(AUTHORIZATION) {
            Some(credential) => {
                self.client.get(&*self.probe_url).header(AUTHORIZATION, credential.clone()).build().ok()?
            }
            None => request.try_clone()?,
        };
        Some(Probe { client: self.client.clone(), vendor: profile(self.vendor), request })
    }

    /// The span lasts from waiting for the budget until the answer arrives; its `sent_ms` excludes the wait.
    fn begin_span(&self, endpoint: &'static str, trace: Traceparent) -> Span {
        let mut step = Span::begin(SpanKind::Client, || endpoint.to_owned(), trace);
        let (method, template) = endpoint.split_once(' ').unwrap_or(("", endpoint));
        step.set("http.request.method", method);
        step.set("url.template", template);
        step.set("peer.service", self.vendor.as_str());
        step.set("callbridge.lane", self.lane.as_str());
        step
    }

    async fn exchange(&self, endpoint: &Endpoint, request: reqwest::Request) -> Result<Answer, Failure> {
        let Endpoint { name: endpoint, any_body, .. } = *endpoint;
        let sent = request.body().and_then(|body| body.as_bytes()).map(<[u8]>::to_vec);
        let response = self.client.execute(request).await.map_err(|e| self.unanswered(endpoint, &e))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(|e| self.unanswered(endpoint, &e))?;
        let retry_after = wait::retry_after(&headers);
        if status == StatusCode::TOO_MANY_REQUESTS {
            self.budget.report_rate_limited(retry_after).await;
        } else {
            self.budget.report_remaining(&remaining(&headers)).await;
        }
        if let Some(problem) = outage::invalid_success(status, &headers, &body, any_body) {
            return Err(Failure { status: None, maybe_done: true, ..self.failure(endpoint, problem.to_owned()) });
        }
        if status.is_success() {
            let date = wait::date(&headers);
            return Ok(Answer {
                vendor: self.vendor,
                endpoint,
                status,
                date,
                quota: said(&headers),
                body: body.to_vec(),
            });
        }
        let readable = text::readable(&body);
        let own = profile(self.vendor).is_own_error(&readable);
        let error: serde_json::Value = serde_json::from_slice(&readable).unwrap_or_default();
        let details = error.pointer("/error/details").and_then(|details| details.as_object());
        let fields = details.into_iter().flat_map(|details| details.keys().cloned()).collect();
        let said = words::words(&error, sent.as_deref()).filter(|_| own && status.is_client_error());
        let said = said.map_or_else(String::new, |said| format!(" ({said})"));
        // The API refuses before it does anything when it says so itself, and when it limits the rate.
        let refused = status == StatusCode::TOO_MANY_REQUESTS
            || own && status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT;
        Err(Failure {
            status: Some(status),
            maybe_done: !refused,
            own,
            fields,
            retry_after,
            ..self.failure(endpoint, format!("answered {status}{said}"))
        })
    }

    fn unanswered(&self, endpoint: &'static str, e: &reqwest::Error) -> Failure {
        let problem = match e {
            e if e.is_connect() => no_connection(e),
            e if e.is_timeout() => format!("no answer within {} s", TIMEOUT.as_secs()),
            e if e.is_builder() => "the request could not be built".to_owned(),
            _ => "the connection ended without an answer".to_owned(),
        };
        Failure { maybe_done: !e.is_connect() && !e.is_builder(), ..self.failure(endpoint, problem) }
    }

    fn failure(&self, endpoint: &'static str, problem: String) -> Failure {
        Failure {
            vendor: self.vendor,
            endpoint,
            status: None,
            maybe_done: false,
            own: false,
            fields: Vec::new(),
            problem,
            retry_after: None,
            unsent: None,
            outage: false,
        }
    }
}

impl Failure {
    /// No answer, or one that does not come from the API or says that it cannot answer.
    fn is_unavailable(&self) -> bool {
        let by_status = |status| outage::is_server_failure(status) || self.is_by_gateway();
        self.unsent.is_none() && self.status.is_none_or(by_status)
    }

    fn is_by_gateway(&self) -> bool {
        self.status.is_some_and(|status| outage::is_by_gateway(status, self.own))
    }
}

/// Quotes the cause only if it is TLS: other causes contain addresses, which help nobody.
fn no_connection(e: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = e;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    let deepest = deepest.to_string();
    let explained = tls::explain(deepest.clone());
    if explained == deepest { "no connection".into() } else { format!("no connection: {explained}") }
}

/// The remaining requests by window, according to the answer; negative after more requests than allowed.
fn remaining(headers: &HeaderMap) -> Vec<(budget::Span, i64)> {
    let spans = [
        (budget::Span::Second, "x-quota-remaining-by-second"),
        (budget::Span::Minute, "x-quota-remaining-by-minute"),
        (budget::Span::Day, "x-quota-remaining-by-day"),
        (budget::Span::Month, "x-quota-remaining-by-month"),
        (budget::Span::Minute, "x-aircallapi-remaining"),
    ];
    spans.into_iter().filter_map(|(span, name)| Some((span, number(headers, name)?))).collect()
}

/// Which headers about the quota an answer has.
fn said(headers: &HeaderMap) -> Quota {
    let of_quota = |name: &&str| name.starts_with("x-quota-") || name.starts_with("x-aircallapi-");
    let names = headers.keys().map(reqwest::header::HeaderName::as_str).filter(of_quota);
    let per_minute = number(headers, "x-aircallapi-limit").and_then(|limit| u32::try_from(limit).ok());
    Quota { headers: names.map(str::to_owned).collect(), per_minute }
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

impl Answer {
    /// Parses a list. Items that cannot be read are left out and reported.
    pub(crate) fn list<L: DeserializeOwned + PartlyRead>(&self) -> Result<L, Error> {
        let list: L = self.json()?;
        rows::report(self.vendor, self.endpoint, list.unreadable());
        Ok(list)
    }

    /// Parses the body. A body of another shape is the vendor's fault and may be temporary, so the error is retried.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&text::readable(&self.body)).map_err(|e| {
            // Only the position: serde's message would quote values.
            Error::retry(
                profile(self.vendor).answer,
                format!(
                    "{}: the answer is not what is documented (line {}, column {})",
                    self.endpoint,
                    e.line(),
                    e.column()
                ),
            )
        })
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let (message, by_gateway) = (failure.to_string(), failure.is_by_gateway());
        if let Some(unsent) = failure.unsent {
            return unsent;
        }
        let vendor = profile(failure.vendor);
        if failure.outage {
            return Error::new(vendor.unavailable, Remedy::AwaitApi, message);
        }
        let Some(status) = failure.status else { return Error::retry(vendor.unavailable, message) };
        if by_gateway {
            let message = format!("{message}, but not by {} itself", vendor.name);
            return Error::new(vendor.unavailable, Remedy::Retry { after: failure.retry_after }, message);
        }
        match (failure.vendor, status.as_u16()) {
            (_, 429) => Error::new(
                vendor.rate_limited,
                Remedy::Defer { after: failure.retry_after.unwrap_or(UNSPECIFIED_WAIT) },
                message,
            ),
            // A person has to fix a credential; until then the message is retried with growing delays, then parked.
            (_, 401) | (Vendor::Aircall, 403) => {
                Error::retry(vendor.credential, format!("{message}; check the API credential"))
            }
            (Vendor::Sellsy, 402) => {
                Error::park(Code::SellsyPlan, format!("{message}: the account's plan does not include this"))
            }
            (Vendor::Sellsy, 403) => Error::park(
                Code::SellsyForbidden,
                format!("{message}: the API client lacks a scope or its staff a right"),
            ),
            (_, 408 | 425) | (_, 500..) => {
                Error::new(vendor.unavailable, Remedy::Retry { after: failure.retry_after }, message)
            }
            _ => Error::park(vendor.rejected, message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(vendor: Vendor, status: Option<u16>) -> Failure {
        let status = status.map(|s| StatusCode::from_u16(s).unwrap());
        Failure {
            vendor,
            endpoint: "POST /x",
            status,
            maybe_done: false,
            own: true,
            fields: Vec::new(),
            problem: String::new(),
            retry_after: None,
            unsent: None,
            outage: false,
        }
    }

    #[test]
    fn classifies_failures() {
        use Vendor::{Aircall, Sellsy};
        let retry = Remedy::Retry { after: None };
        for (vendor, status, code, remedy) in [
            (Sellsy, None, Code::SellsyUnavailable, retry),
            (Sellsy, Some(503), Code::SellsyUnavailable, retry),
            (Sellsy, Some(429), Code::SellsyRateLimited, Remedy::Defer { after: UNSPECIFIED_WAIT }),
            (Sellsy, Some(401), Code::SellsyCredential, retry),
            (Sellsy, Some(402), Code::SellsyPlan, Remedy::Park),
            (Sellsy, Some(403), Code::SellsyForbidden, Remedy::Park),
            (Sellsy, Some(400), Code::SellsyRejected, Remedy::Park),
            (Aircall, Some(403), Code::AircallCredential, retry),
            (Aircall, Some(404), Code::AircallRejected, Remedy::Park),
            (Aircall, Some(500), Code::AircallUnavailable, retry),
        ] {
            let error = Error::from(failure(vendor, status));
            assert_eq!((error.code, error.remedy), (code, remedy), "{vendor:?} {status:?}");
        }
        for status in [301, 302, 400, 402, 403, 404, 405, 413] {
            for (vendor, code) in [(Sellsy, Code::SellsyUnavailable), (Aircall, Code::AircallUnavailable)] {
                let by_a_gateway = Failure { own: false, ..failure(vendor, Some(status)) };
                assert!(by_a_gateway.is_unavailable(), "{vendor:?} {status}: a probe finds out");
                let error = Error::from(by_a_gateway);
                assert_eq!((error.code, error.remedy), (code, retry), "{vendor:?} {status}");
            }
        }
    }

    pub(super) fn headers(of: &[(&'static str, &'static str)]) -> HeaderMap {
        let header = |(name, value): &(&'static str, &'static str)| {
            (name.parse::<reqwest::header::HeaderName>().unwrap(), value.parse().unwrap())
        };
        of.iter().map(header).collect()
    }

    #[test]
    fn reads_remaining_requests() {
        let answered = headers(&[("x-quota-remaining-by-minute", "-3"), ("x-quota-remaining-by-day", "?")]);
        assert_eq!(remaining(&answered), [(budget::Span::Minute, -3)]);
        assert_eq!(remaining(&headers(&[("x-aircallapi-remaining", "12")])), [(budget::Span::Minute, 12)]);
    }
}

//! What every API request passes first: the quota, then the token, then the scopes of its endpoint.
//!
//! Every request counts, also a refused one. Every answer says how many requests remain in each limited window.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Account;
use super::errors::Error;
use super::seed::Quotas;
use crate::quota::{DAY, Limit, MINUTE, MONTH, Remaining, SECOND, Windows};

const HEADERS: [HeaderName; 4] = [
    HeaderName::from_static("x-quota-remaining-by-second"),
    HeaderName::from_static("x-quota-remaining-by-minute"),
    HeaderName::from_static("x-quota-remaining-by-day"),
    HeaderName::from_static("x-quota-remaining-by-month"),
];

#[derive(Debug)]
pub(super) struct Quota {
    windows: Windows,
    retry_after: bool,
}

impl Quota {
    pub(super) fn new(quotas: &Quotas) -> Quota {
        let limit = |length, requests: Option<u32>| Limit { length, requests: requests.filter(|n| *n > 0) };
        let (second, minute) = (limit(SECOND, quotas.second), limit(MINUTE, quotas.minute));
        let limits = [second, minute, limit(DAY, quotas.day), limit(MONTH, quotas.month)];
        Quota { windows: Windows::new(&limits).counting_refused(), retry_after: quotas.retry_after }
    }

    /// Sets new limits; requests that were counted stay counted.
    pub(super) fn set(&mut self, quotas: &Quotas) {
        let positive = |requests: Option<u32>| requests.filter(|n| *n > 0);
        let limits = [quotas.second, quotas.minute, quotas.day, quotas.month];
        self.windows.set_limits(&limits.map(positive));
        self.retry_after = quotas.retry_after;
    }

    pub(super) fn settings(&self) -> Quotas {
        let limit = |window: usize| self.windows.limits().get(window).and_then(|limit| limit.requests);
        Quotas { second: limit(0), minute: limit(1), day: limit(2), month: limit(3), retry_after: self.retry_after }
    }

    /// As `GET /quotas` shows it.
    pub(super) fn report(&mut self, now: Instant) -> Value {
        let used = self.windows.used(now);
        let rate = |window: usize| {
            let limit = self.windows.limits().get(window).and_then(|limit| limit.requests);
            json!({"limit": limit, "used": used.get(window)})
        };
        json!({
            "api_rate_seconds": rate(0),
            "api_rate_minutes": rate(1),
            "api_rate_days": rate(2),
            "api_rate_months": rate(3),
        })
    }
}

pub(super) async fn gate(State(account): State<Account>, request: Request, next: Next) -> Response {
    let counted = {
        let mut quota = account.quota();
        quota.windows.count_request(Instant::now()).map_err(|exceeded| (exceeded, quota.retry_after))
    };
    match counted {
        Ok(remaining) => {
            let response = match admit(&account, &request) {
                Ok(()) => next.run(request).await,
                Err(error) => error.into_response(),
            };
            with_quota(response, &remaining)
        }
        Err((exceeded, with_retry_after)) => {
            let mut response = Error::too_many_requests().into_response();
            if with_retry_after {
                let seconds = exceeded.retry_after.as_secs() + u64::from(exceeded.retry_after.subsec_nanos() > 0);
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
            }
            with_quota(response, &exceeded.remaining)
        }
    }
}

fn admit(account: &Account, request: &Request) -> Result<(), Error> {
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = authorization.and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(Error::unauthorized)?;
    let tokens = account.tokens();
    if !tokens.accepts(token, Instant::now()) {
        return Err(Error::unauthorized());
    }
    match tokens.missing(&scopes(request.method(), request.uri().path())) {
        Some(scope) => Err(Error::forbidden(scope)),
        None => Ok(()),
    }
}

/// The scopes that the documentation names for an endpoint; a search counts as reading although it is a POST. Smart-tags need
/// one for the record and one for themselves.
fn scopes(method: &Method, path: &str) -> Vec<&'static str> {
    let segments: Vec<_> = path.trim_matches('/').split('/').collect();
    let reading = method == Method::GET || segments.last() == Some(&"search");
    match (segments.as_slice(), reading) {
        ([record, _, "smart-tags"], _) => {
            let own = if reading { "smart-tags.read" } else { "smart-tags.write" };
            scopes(method, record).into_iter().chain([own]).collect()
        }
        (["search"], _) => vec!["search.read"],
        (["activities", ..], _) => vec!["activities.read"],
        (["quotas"], _) => vec!["accounts.read"],
        (["contacts", _, "companies"], _) => vec!["companies.read", "contacts.read"],
        (["individuals", ..], true) => vec!["individuals.read"],
        (["individuals", ..], false) => vec!["individuals.write"],
        (["companies", ..], true) => vec!["companies.read"],
        (["companies", ..], false) => vec!["companies.write"],
        (["contacts", ..], true) => vec!["contacts.read"],
        (["contacts", ..], false) => vec!["contacts.write"],
        (["opportunities", ..], true) => vec!["opportunities.read"],
        (["opportunities", ..], false) => vec!["opportunities.write"],
        (["webhooks", ..], true) => vec!["webhooks.read"],
        (["webhooks", ..], false) => vec!["webhooks.write"],
        (["staffs", ..], _) => vec!["staffs.read"],
        (["phone-calls", ..], true) => vec!["phonecalls.read"],
        (["phone-calls", ..], false) => vec!["phonecalls.write"],
        (["tasks", ..], true) => vec!["tasks.read"],
        (["tasks", ..], false) => vec!["tasks.write"],
        (["comments", ..], true) => vec!["comments.read"],
        (["comments", ..], false) => vec!["comments.write"],
        _ => vec![],
    }
}

fn with_quota(mut response: Response, remaining: &Remaining) -> Response {
    for (name, left) in HEADERS.into_iter().zip(remaining) {
        if let Some(left) = left {
            response.headers_mut().insert(name, HeaderValue::from(*left));
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_needs_the_scope_for_reading() {
        let check = |method, path, expect: &[&str]| assert_eq!(scopes(&method, path), expect, "{method} {path}");
        check(Method::POST, "/phone-calls/search", &["phonecalls.read"]);
        check(Method::POST, "/phone-calls", &["phonecalls.write"]);
        check(Method::DELETE, "/phone-calls/4", &["phonecalls.write"]);
        check(Method::POST, "/tasks/search", &["tasks.read"]);
        check(Method::GET, "/tasks/labels", &["tasks.read"]);
        check(Method::POST, "/tasks", &["tasks.write"]);
        check(Method::PUT, "/tasks/4", &["tasks.write"]);
        check(Method::GET, "/contacts/4/companies", &["companies.read", "contacts.read"]);
        check(Method::POST, "/individuals/search", &["individuals.read"]);
        check(Method::POST, "/individuals", &["individuals.write"]);
        check(Method::DELETE, "/individuals/4", &["individuals.write"]);
        check(Method::GET, "/companies/4/smart-tags", &["companies.read", "smart-tags.read"]);
        check(Method::POST, "/contacts/4/smart-tags", &["contacts.write", "smart-tags.write"]);
        check(Method::GET, "/opportunities/pipelines", &["opportunities.read"]);
        check(Method::POST, "/opportunities/steps/search", &["opportunities.read"]);
        check(Method::PATCH, "/opportunities/4", &["opportunities.write"]);
        check(Method::GET, "/search", &["search.read"]);
        check(Method::GET, "/activities/crm/metas", &["activities.read"]);
    }
}

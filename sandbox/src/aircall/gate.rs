//! What every API request must pass: the check of its credential, then the rate limit.
//!
//! Like the vendor's edge: no `Authorization` gives 401, a wrong one 403, both with the edge's body. There is one limit for
//! the whole company. Whether the `X-AircallApi-*` headers are on every answer or only on a refused one, the reference leaves
//! open, so it can be set.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Account;
use super::problem::edge;
use super::seed::Seed;
use crate::quota::{Exceeded, Limit, MINUTE, Windows};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateLimit {
    /// Null or 0: no limit.
    #[serde(default)]
    pub(super) per_minute: Option<u32>,
    #[serde(default)]
    pub(super) headers: Headers,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Headers {
    Always,
    #[default]
    Limited,
}

pub(super) struct Gate {
    credential: String,
    limit: Mutex<Limiter>,
}

struct Limiter {
    settings: RateLimit,
    windows: Windows,
}

/// The limiter's answer to one request.
struct Verdict {
    allowed: bool,
    show: bool,
    limit: u32,
    remaining: i64,
    reset_s: i64,
}

impl Gate {
    pub(super) fn new(seed: &Seed) -> Gate {
        let credential = STANDARD.encode(format!("{}:{}", seed.api_id, seed.api_token));
        let per_minute = seed.requests_per_minute.filter(|limit| *limit > 0);
        let settings = RateLimit { per_minute, headers: Headers::default() };
        let windows = Windows::new(&[Limit { length: MINUTE, requests: per_minute }]);
        Gate { credential, limit: Mutex::new(Limiter { settings, windows }) }
    }

    fn limiter(&self) -> MutexGuard<'_, Limiter> {
        crate::lock(&self.limit)
    }

    pub(super) fn rate_limit(&self) -> RateLimit {
        self.limiter().settings
    }

    pub(super) fn set_rate_limit(&self, mut settings: RateLimit) {
        settings.per_minute = settings.per_minute.filter(|limit| *limit > 0);
        let mut limiter = self.limiter();
        limiter.settings = settings;
        limiter.windows.set_limits(&[settings.per_minute]);
    }

    fn refuse_credential(&self, headers: &HeaderMap) -> Option<StatusCode> {
        let Some(given) = headers.get(header::AUTHORIZATION) else {
            return Some(StatusCode::UNAUTHORIZED);
        };
        let basic = given.to_str().ok().and_then(|given| given.split_once(' '));
        let right = basic.is_some_and(|(scheme, rest)| scheme.eq_ignore_ascii_case("basic") && rest == self.credential);
        (!right).then_some(StatusCode::FORBIDDEN)
    }

    /// Counts a request; `None` if there is no limit.
    fn count_request(&self) -> Option<Verdict> {
        let mut limiter = self.limiter();
        let limit = limiter.settings.per_minute?;
        let outcome = limiter.windows.count_request(Instant::now());
        let (allowed, remaining, wait) = match outcome {
            Ok(remaining) => (true, remaining, MINUTE),
            Err(Exceeded { remaining, retry_after }) => (false, remaining, retry_after),
        };
        let show = !allowed || limiter.settings.headers == Headers::Always;
        let remaining = remaining.first().copied().flatten().unwrap_or(0).max(0);
        Some(Verdict { allowed, show, limit, remaining, reset_s: unix_s_after(wait) })
    }
}

/// Rounded up, so that a client that retries at that second is not too early.
fn unix_s_after(wait: Duration) -> i64 {
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    now_ms.saturating_add(wait_ms).saturating_add(999) / 1_000
}

pub(super) async fn guard(State(account): State<Account>, request: Request, next: Next) -> Response {
    if let Some(status) = account.gate().refuse_credential(request.headers()) {
        return edge(status);
    }
    let Some(verdict) = account.gate().count_request() else {
        return next.run(request).await;
    };
    let mut response = if verdict.allowed {
        next.run(request).await
    } else {
        let troubleshoot = "Rate limit exceeded, try again after the reset time";
        let body = json!({"error": "Too many requests", "troubleshoot": troubleshoot});
        (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response()
    };
    if verdict.show {
        let headers = response.headers_mut();
        headers.insert("x-aircallapi-limit", HeaderValue::from(verdict.limit));
        headers.insert("x-aircallapi-remaining", HeaderValue::from(verdict.remaining));
        headers.insert("x-aircallapi-reset", HeaderValue::from(verdict.reset_s));
    }
    response
}

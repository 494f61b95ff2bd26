//! Distinguishes an outage of an API from a failure of one request.
//!
//! A failed request is followed by a probe: a request that asks for nothing, signed with the credential of the one that failed,
//! within the budget like all requests. It must be signed: an API's edge refuses an unsigned request with 401 whatever the
//! backend does. An answer of the API itself, also a refusal, shows that the API is available; a server error, or an answer of
//! a gateway, does not. If the probe fails too, all replicas stop sending (the budget pauses) and their messages wait without
//! counting attempts, while the process that noticed keeps probing. So an outage costs one request every few seconds, and
//! no message an attempt. A request that is always answered with 500, while nothing else is wrong, is retried with growing
//! delays and then parked.
//!
//! A token that expires during a long outage is refused by the edge, which looks like an answer. Then the next request gets a
//! new token, fails, and its probe has the new token: work is tried once more and waits again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use base::error::Remedy;
use reqwest::{Client, Request, StatusCode, Url, header::HeaderMap};
use serde::de::IgnoredAny;
use tokio::{
    sync::Mutex,
    time::{self, Instant},
};

use crate::{
    budget::{Budget, Lane},
    vendor::Profile,
};

/// This and the pause bound how long after the end of an outage work resumes.
const PROBE_EVERY: Duration = Duration::from_secs(3);
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// A probe answered this recently is valid for all requests that failed at the same time.
const PROBE_VALID: Duration = Duration::from_millis(500);
/// A pause must last until the next probe has ended, which may also have to wait for the budget: else all messages that wait
/// would be handled once more during the outage.
const PAUSE: Duration = PROBE_EVERY.saturating_add(PROBE_TIMEOUT).saturating_add(Duration::from_secs(2));

#[derive(Debug, Default)]
pub(super) struct Outages {
    /// The address whose probe was last answered, and when. The lock also keeps it to one probe at a time.
    answered: Mutex<Option<(Url, Instant)>>,
    unavailable: Arc<AtomicBool>,
}

/// A request that asks for nothing, and what sends it.
pub(super) struct Probe {
    pub(super) client: Client,
    pub(super) vendor: &'static Profile,
    pub(super) request: Request,
}

impl Outages {
    /// Whether the API is unavailable. The first task that notices pauses all replicas and probes until the API is back.
    pub(super) async fn confirm(&self, budget: &Budget, probe: Probe) -> bool {
        // An operator's command may use another address than the workers, which must not stop because of it.
        if budget.is_guest() {
            return false;
        }
        let mut answered = self.answered.lock().await;
        if self.unavailable.load(Ordering::Relaxed) {
            budget.mark_unavailable();
            return true;
        }
        let url = probe.request.url();
        if answered.as_ref().is_some_and(|(of, at)| of == url && at.elapsed() < PROBE_VALID) {
            return false;
        }
        match budget.acquire(Lane::Interactive).await {
            Ok(()) => {}
            // Either another replica has just noticed and is probing, or no request is allowed and nothing is known.
            Err(e) => return e.remedy == Remedy::AwaitApi,
        }
        if probe.is_answered().await {
            *answered = Some((url.clone(), Instant::now()));
            return false;
        }
        self.unavailable.store(true, Ordering::Relaxed);
        budget.report_unavailable(PAUSE).await;
        tokio::spawn(watch(budget.clone(), probe, self.unavailable.clone()));
        true
    }
}

/// Probes until the API answers.
async fn watch(budget: Budget, probe: Probe, unavailable: Arc<AtomicBool>) {
    let since = Instant::now();
    tracing::warn!(api = budget.api(), "The API is unavailable; its work waits until a probe is answered.");
    loop {
        time::sleep(PROBE_EVERY).await;
        if budget.may_probe().await {
            if probe.is_answered().await {
                break;
            }
            budget.report_unavailable(PAUSE).await;
        }
    }
    unavailable.store(false, Ordering::Relaxed);
    budget.report_available().await;
    let unavailable_s = since.elapsed().as_secs();
    tracing::info!(api = budget.api(), unavailable_s, "The API answers again.");
}

impl Probe {
    async fn is_answered(&self) -> bool {
        let Some(mut request) = self.request.try_clone() else { return false };
        *request.timeout_mut() = Some(PROBE_TIMEOUT);
        let exchange = async {
            let answer = self.client.execute(request).await?;
            let status = answer.status();
            Ok::<_, reqwest::Error>(is_answer(self.vendor, status, &answer.bytes().await?))
        };
        exchange.await.unwrap_or(false)
    }
}

/// Whether the API itself has answered a probe.
fn is_answer(vendor: &Profile, status: StatusCode, body: &[u8]) -> bool {
    if status.is_success() {
        return serde_json::from_slice::<IgnoredAny>(body).is_ok();
    }
    !is_server_failure(status) && !is_by_gateway(status, vendor.is_own_error(body))
}

/// A status by which a server says that it cannot answer anybody, or not now.
pub(super) fn is_server_failure(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 425)
}

/// Something in front of the API has answered: a redirect, or a refusal that has not the shape of the API's own errors. It
/// may be gone soon, and what it says about the request means nothing. The shapes of 401 and 429 are not documented.
pub(super) fn is_by_gateway(status: StatusCode, own: bool) -> bool {
    status.is_redirection() || status.is_client_error() && !own && !matches!(status.as_u16(), 401 | 429)
}

/// Why an answer with a success status is not one: something in front of the API answered with an HTML page such as "back
/// soon", or the body is incomplete. If the endpoint's answers need no body (`any_body`), only a page is none.
pub(super) fn invalid_success(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    any_body: bool,
) -> Option<&'static str> {
    let kind = headers.get("content-type").map(|kind| kind.as_bytes()).filter(|_| status.is_success())?;
    if kind.starts_with(b"text/html") && !(any_body && body.is_empty()) {
        return Some("answered with an HTML page");
    }
    let invalid = || !any_body && !body.is_empty() && serde_json::from_slice::<IgnoredAny>(body).is_err();
    (kind.starts_with(b"application/json") && invalid()).then_some("answered with invalid JSON")
}

#[cfg(test)]
mod tests {
    use base::ids::Vendor::{Aircall, Sellsy};

    use super::*;
    use crate::vendor::profile;

    #[test]
    fn html_and_invalid_json_are_no_success() {
        let (page, invalid) = (Some("answered with an HTML page"), Some("answered with invalid JSON"));
        for (status, kind, body, expected, for_a_card) in [
            (200, "application/json", "{\"data\":[]}", None, None),
            (200, "application/json; charset=utf-8", "{\"data\":[", invalid, None),
            (200, "application/json", "", None, None),
            (200, "text/plain", "OK", None, None),
            (200, "text/html; charset=utf-8", "<html>", page, page),
            (200, "text/html", "", page, None),
            // For a refusal only the status counts.
            (404, "text/html", "<html>", None, None),
            (400, "application/json", "{", None, None),
        ] {
            let headers = [("content-type", kind)].map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let (status, headers) = (StatusCode::from_u16(status).unwrap(), headers.into_iter().collect());
            assert_eq!(invalid_success(status, &headers, body.as_bytes(), false), expected, "{status} {kind}: {body}");
            assert_eq!(invalid_success(status, &headers, body.as_bytes(), true), for_a_card, "{status} {kind}: {body}");
        }
    }

    #[test]
    fn only_the_api_itself_answers_a_probe() {
        let envelope = r#"{"error":{"code":404,"message":"Not Found","details":[],"context":null}}"#;
        for (vendor, status, body, expected) in [
            (Aircall, 200, r#"{"ping":"pong"}"#, true),
            (Aircall, 200, "", false),
            (Aircall, 200, "<html>", false),
            (Aircall, 403, r#"{"message":"Forbidden"}"#, true),
            (Aircall, 403, "<html>", false),
            (Aircall, 401, r#"{"message":"Unauthorized"}"#, true),
            (Aircall, 429, "", true),
            (Aircall, 503, r#"{"message":"Service Unavailable"}"#, false),
            (Sellsy, 200, r#"{"data":[]}"#, true),
            (Sellsy, 302, "", false),
            (Sellsy, 403, envelope, true),
            (Sellsy, 403, "<html>", false),
            (Sellsy, 404, envelope, true),
            (Sellsy, 404, r#"{"error":"no route"}"#, false),
            (Sellsy, 408, "", false),
            // The address of the token has errors of its own.
            (Sellsy, 400, r#"{"error":"invalid_request","error_description":"x"}"#, true),
            (Sellsy, 403, r#"{"error":"unauthorized_client"}"#, true),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(is_answer(profile(vendor), status, body.as_bytes()), expected, "{vendor:?} {status} {body}");
        }
    }
}

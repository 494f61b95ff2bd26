//! Distinguishes an outage of an API from a failure of one request.
//!
//! A failed request is followed by a probe: a GET of the same address, without credentials and without effect, within the
//! budget like all requests. Any answer except a server error or an HTML page shows that the API is available (most likely
//! 401 or 405). If the probe fails too, all replicas stop sending (the budget pauses) and their messages wait without
//! counting attempts, while the process that noticed keeps probing. So an outage costs one request every few seconds, and
//! no message an attempt. A request that is always answered with 500, while nothing else is wrong, is retried with growing
//! delays and then parked.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use base::error::Remedy;
use reqwest::{Client, StatusCode, Url, header::HeaderMap};
use serde::de::IgnoredAny;
use tokio::{
    sync::Mutex,
    time::{self, Instant},
};

use crate::budget::{Budget, Lane};

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
    /// When a probe was last answered. The lock also keeps it to one probe at a time.
    answered: Mutex<Option<Instant>>,
    unavailable: std::sync::Arc<AtomicBool>,
}

impl Outages {
    /// Whether the API is unavailable. The first task that notices pauses all replicas and probes until the API is back.
    pub(super) async fn confirm(&self, client: &Client, budget: &Budget, url: &Url) -> bool {
        // An operator's command may use another address than the workers, which must not stop because of it.
        if budget.is_guest() {
            return false;
        }
        let mut answered = self.answered.lock().await;
        if self.unavailable.load(Ordering::Relaxed) {
            budget.mark_unavailable();
            return true;
        }
        if answered.is_some_and(|at| at.elapsed() < PROBE_VALID) {
            return false;
        }
        match budget.acquire(Lane::Interactive).await {
            Ok(()) => {}
            // Either another replica has just noticed and is probing, or no request is allowed and nothing is known.
            Err(e) => return e.remedy == Remedy::AwaitApi,
        }
        if answers(client, url).await {
            *answered = Some(Instant::now());
            return false;
        }
        self.unavailable.store(true, Ordering::Relaxed);
        budget.report_unavailable(PAUSE).await;
        tokio::spawn(watch(client.clone(), budget.clone(), url.clone(), self.unavailable.clone()));
        true
    }
}

/// Probes until the API answers.
async fn watch(client: Client, budget: Budget, url: Url, unavailable: std::sync::Arc<AtomicBool>) {
    let since = Instant::now();
    tracing::warn!(api = budget.api(), "The API is unavailable; its work waits until a probe is answered.");
    loop {
        time::sleep(PROBE_EVERY).await;
        if budget.may_probe().await {
            if answers(&client, &url).await {
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

/// Sends a probe to `url` without its query, which may hold a phone number.
async fn answers(client: &Client, url: &Url) -> bool {
    let mut url = url.clone();
    url.set_query(None);
    let probe = async {
        let answer = client.get(url).timeout(PROBE_TIMEOUT).send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok::<_, reqwest::Error>(
            !status.is_server_error() && invalid_success(status, &headers, &answer.bytes().await?).is_none(),
        )
    };
    probe.await.unwrap_or(false)
}

/// Why an answer with a success status is not one: something in front of the API answered with an HTML page such as "back
/// soon", or the body is incomplete.
pub(super) fn invalid_success(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<&'static str> {
    let kind = headers.get("content-type").map(|kind| kind.as_bytes()).filter(|_| status.is_success())?;
    if kind.starts_with(b"text/html") {
        return Some("answered with an HTML page");
    }
    let invalid = || !body.is_empty() && serde_json::from_slice::<IgnoredAny>(body).is_err();
    (kind.starts_with(b"application/json") && invalid()).then_some("answered with invalid JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_and_invalid_json_are_no_success() {
        let (page, invalid) = (Some("answered with an HTML page"), Some("answered with invalid JSON"));
        for (status, kind, body, expected) in [
            (200, "application/json", "{\"data\":[]}", None),
            (200, "application/json; charset=utf-8", "{\"data\":[", invalid),
            (200, "application/json", "", None),
            (200, "text/plain", "OK", None),
            (200, "text/html; charset=utf-8", "<html>", page),
            // For a refusal only the status counts.
            (404, "text/html", "<html>", None),
            (400, "application/json", "{", None),
        ] {
            let headers = [("content-type", kind)].map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let found =
                invalid_success(StatusCode::from_u16(status).unwrap(), &headers.into_iter().collect(), body.as_bytes());
            assert_eq!(found, expected, "{status} {kind}: {body}");
        }
    }
}

//! Whether an API is away for everybody, or one request has failed for reasons of its own.
//!
//! A failed request is followed by a probe: a GET of the same address, without credentials and without effect, within the
//! budget like all requests. Any answer but a server's error or one for people shows that the API is there (401 or 405
//! most likely). If the probe fails as well, all replicas stop
//! sending (the budget's pause) and their messages wait without counting attempts, while whoever found out goes on
//! probing. So an outage costs a request every few seconds and no message its attempts; and a request that is answered
//! with 500 whenever it comes climbs the ladder and is parked, although nothing else is wrong.

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

/// Together with the pause this is how long work takes to go on when the API is back.
const PROBE_EVERY: Duration = Duration::from_secs(3);
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// A probe that has just been answered holds for those whose requests failed at the same time.
const JUST_NOW: Duration = Duration::from_millis(500);
/// A pause must last until the next probe has ended.
const PAUSE: Duration = PROBE_EVERY.saturating_add(PROBE_TIMEOUT);

#[derive(Debug, Default)]
pub(super) struct Outages {
    /// When a probe was answered last; one at a time.
    answered: Mutex<Option<Instant>>,
    away: std::sync::Arc<AtomicBool>,
}

impl Outages {
    /// Whether the API is away. The first who finds out lets the others know and watches for its return.
    pub(super) async fn confirm(&self, client: &Client, budget: &Budget, url: &Url) -> bool {
        // A command may have another address than the workers, and they must not stop for that.
        if budget.is_guest() {
            return false;
        }
        let mut answered = self.answered.lock().await;
        if self.away.load(Ordering::Relaxed) {
            return true;
        }
        if answered.is_some_and(|at| at.elapsed() < JUST_NOW) {
            return false;
        }
        match budget.take(Lane::Interactive).await {
            Ok(()) => {}
            // Another replica has just found out, and watches; or nothing may be asked, and nothing is known.
            Err(e) => return e.remedy == Remedy::AwaitApi,
        }
        if answers(client, url).await {
            *answered = Some(Instant::now());
            return false;
        }
        self.away.store(true, Ordering::Relaxed);
        budget.away(PAUSE).await;
        tokio::spawn(watch(client.clone(), budget.clone(), url.clone(), self.away.clone()));
        true
    }
}

async fn watch(client: Client, budget: Budget, url: Url, away: std::sync::Arc<AtomicBool>) {
    let since = Instant::now();
    tracing::warn!(api = budget.api(), "The API is away; its work waits until a probe is answered.");
    loop {
        time::sleep(PROBE_EVERY).await;
        if budget.may_probe().await {
            if answers(&client, &url).await {
                break;
            }
            budget.away(PAUSE).await;
        }
    }
    away.store(false, Ordering::Relaxed);
    budget.back().await;
    let away_s = since.elapsed().as_secs();
    tracing::info!(api = budget.api(), away_s, "The API answers again.");
}

/// Without its query, which may hold a number.
async fn answers(client: &Client, url: &Url) -> bool {
    let mut url = url.clone();
    url.set_query(None);
    let probe = async {
        let answer = client.get(url).timeout(PROBE_TIMEOUT).send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok::<_, reqwest::Error>(
            !status.is_server_error() && garbage(status, &headers, &answer.bytes().await?).is_none(),
        )
    };
    probe.await.unwrap_or(false)
}

/// Whether a success is none: something in front of the API answers, with a page for people such as "back soon", or with
/// a torn body.
pub(super) fn garbage(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<&'static str> {
    let kind = headers.get("content-type").map(|kind| kind.as_bytes()).filter(|_| status.is_success())?;
    if kind.starts_with(b"text/html") {
        return Some("answered with a page for people");
    }
    let torn = || !body.is_empty() && serde_json::from_slice::<IgnoredAny>(body).is_err();
    (kind.starts_with(b"application/json") && torn()).then_some("answered with JSON that is none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_an_answer_from_garbage() {
        let (page, torn) = (Some("answered with a page for people"), Some("answered with JSON that is none"));
        for (status, kind, body, expected) in [
            (200, "application/json", "{\"data\":[]}", None),
            (200, "application/json; charset=utf-8", "{\"data\":[", torn),
            (200, "application/json", "", None),
            (200, "text/plain", "OK", None),
            (200, "text/html; charset=utf-8", "<html>", page),
            // Whose fault a refusal is, its status says.
            (404, "text/html", "<html>", None),
            (400, "application/json", "{", None),
        ] {
            let headers = [("content-type", kind)].map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let found = garbage(StatusCode::from_u16(status).unwrap(), &headers.into_iter().collect(), body.as_bytes());
            assert_eq!(found, expected, "{status} {kind}: {body}");
        }
    }
}

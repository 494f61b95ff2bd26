//! The requests to the two APIs in the order of arrival: a ring of the last 50,000, and counts of all.
//!
//! A request is entered when it arrives and completed when it is answered. So a request whose client disconnected, or whose
//! connection was cut, is listed too; its status is null. Bodies are kept as bytes and parsed only when the journal is read,
//! which costs a benchmark little; secrets are masked then.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::Api;
use crate::lock;

const KEPT: usize = 50_000;
const SECRETS: [&str; 5] = ["client_secret", "access_token", "refresh_token", "token", "api_token"];

#[derive(Debug, Default)]
pub struct Journal {
    inner: Mutex<Inner>,
    without_bodies: AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    /// The number of the next request, never reset, so that `since_seq` stays meaningful.
    next: u64,
    entries: VecDeque<Entry>,
    counts: BTreeMap<Api, Counts>,
}

#[derive(Debug, Default, Clone, Serialize)]
pub struct Counts {
    pub total: u64,
    /// By answered status; requests without an answer are not in here.
    pub by_status: BTreeMap<u16, u64>,
    pub by_endpoint: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct Entry {
    seq: u64,
    at_ms: i64,
    api: Api,
    method: String,
    path: String,
    query: Option<String>,
    request_body: Bytes,
    fault: Option<&'static str>,
    status: Option<u16>,
    duration: Option<Duration>,
    response_body: Bytes,
}

#[derive(Debug)]
pub struct Arrival<'a> {
    pub api: Api,
    pub method: &'a str,
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub body: &'a Bytes,
    pub fault: Option<&'static str>,
}

impl Journal {
    pub fn records_bodies(&self) -> bool {
        !self.without_bodies.load(Ordering::Relaxed)
    }

    pub fn record_bodies(&self, on: bool) {
        self.without_bodies.store(!on, Ordering::Relaxed);
    }

    /// Enters a request and returns its number.
    pub fn arrived(&self, arrival: &Arrival<'_>) -> u64 {
        let request_body = if self.records_bodies() { arrival.body.clone() } else { Bytes::new() };
        let endpoint = format!("{} {}", arrival.method, template(arrival.path));
        let mut inner = lock(&self.inner);
        let seq = inner.next + 1;
        inner.next = seq;
        let counts = inner.counts.entry(arrival.api).or_default();
        counts.total += 1;
        *counts.by_endpoint.entry(endpoint).or_default() += 1;
        if inner.entries.len() == KEPT {
            inner.entries.pop_front();
        }
        inner.entries.push_back(Entry {
            seq,
            at_ms: Timestamp::now().as_millisecond(),
            api: arrival.api,
            method: arrival.method.to_owned(),
            path: arrival.path.to_owned(),
            query: arrival.query.map(str::to_owned),
            request_body,
            fault: arrival.fault,
            status: None,
            duration: None,
            response_body: Bytes::new(),
        });
        seq
    }

    pub fn answered(&self, seq: u64, duration: Duration, status: u16, body: &Bytes) {
        let inner = &mut *lock(&self.inner);
        let Some(first) = inner.entries.front().map(|entry| entry.seq) else { return };
        let index = seq.checked_sub(first).and_then(|index| usize::try_from(index).ok());
        let Some(entry) = index.and_then(|index| inner.entries.get_mut(index)) else { return };
        entry.status = Some(status);
        entry.duration = Some(duration);
        entry.response_body = body.clone();
        *inner.counts.entry(entry.api).or_default().by_status.entry(status).or_default() += 1;
    }

    pub fn list(&self, api: Option<Api>, since_seq: u64) -> Vec<Value> {
        let inner = lock(&self.inner);
        let wanted = |entry: &&Entry| entry.seq > since_seq && api.is_none_or(|api| entry.api == api);
        inner.entries.iter().filter(wanted).map(Entry::to_json).collect()
    }

    pub fn counts(&self) -> Value {
        let inner = lock(&self.inner);
        let counts = |api| inner.counts.get(&api).cloned().unwrap_or_default();
        json!({"sellsy": counts(Api::Sellsy), "aircall": counts(Api::Aircall)})
    }

    pub fn forget(&self) {
        let inner = &mut *lock(&self.inner);
        inner.entries.clear();
        inner.counts.clear();
    }
}

impl Entry {
    fn to_json(&self) -> Value {
        json!({
            "seq": self.seq,
            "at_ms": self.at_ms,
            "api": self.api,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "request_body": readable(&self.request_body),
            "status": self.status,
            "response_body": readable(&self.response_body),
            "duration_ms": self.duration.map(|duration| duration.as_secs_f64() * 1000.0),
            "fault": self.fault,
        })
    }
}

/// A path with its ids (numbers, UUIDs) replaced, as documentation would write it.
fn template(path: &str) -> String {
    let is_id = |segment: &str| {
        let number = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
        number || uuid::Uuid::try_parse(segment).is_ok()
    };
    let segments: Vec<_> = path.split('/').map(|segment| if is_id(segment) { "{id}" } else { segment }).collect();
    segments.join("/")
}

/// The body as JSON if it is JSON, else as text; null if it was not recorded.
fn readable(body: &Bytes) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    match serde_json::from_slice(body) {
        Ok(mut value) => {
            redact(&mut value);
            value
        }
        Err(_) => Value::String(redact_form(&String::from_utf8_lossy(body))),
    }
}

fn redact(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if SECRETS.contains(&key.as_str()) && value.is_string() {
                    *value = Value::String("***".to_owned());
                } else {
                    redact(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        _ => {}
    }
}

fn redact_form(text: &str) -> String {
    let hide = |pair: &str| match pair.split_once('=') {
        Some((key, _)) if SECRETS.contains(&key) => format!("{key}=***"),
        _ => pair.to_owned(),
    };
    text.split('&').map(hide).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrive(journal: &Journal, path: &str, body: &'static str) -> u64 {
        let body = Bytes::from_static(body.as_bytes());
        journal.arrived(&Arrival { api: Api::Sellsy, method: "POST", path, query: None, body: &body, fault: None })
    }

    #[test]
    fn secrets_are_masked() {
        let journal = Journal::default();
        arrive(&journal, "/a", r#"{"client_id":"x","client_secret":"very","deep":[{"access_token":"secret"}]}"#);
        arrive(&journal, "/b", "grant_type=client_credentials&client_secret=very&client_id=x");
        let list = journal.list(None, 0);
        assert_eq!(
            list[0]["request_body"],
            json!({"client_id": "x", "client_secret": "***", "deep": [{"access_token": "***"}]})
        );
        assert_eq!(list[1]["request_body"], "grant_type=client_credentials&client_secret=***&client_id=x");
    }

    #[test]
    fn unanswered_requests_are_listed_and_counted_without_a_status() {
        let journal = Journal::default();
        let first = arrive(&journal, "/phone-calls/12", "{}");
        let second = arrive(&journal, "/phone-calls/13", "{}");
        journal.answered(second, Duration::ZERO, 200, &Bytes::new());
        assert_eq!(
            journal.counts()["sellsy"],
            json!({"total": 2, "by_status": {"200": 1}, "by_endpoint": {"POST /phone-calls/{id}": 2}})
        );
        let list = journal.list(None, first);
        assert_eq!(list.len(), 1);
        assert_eq!(list[0]["status"], 200);
        journal.forget();
        journal.answered(first, Duration::ZERO, 200, &Bytes::new());
        assert_eq!(journal.counts()["sellsy"]["total"], 0);
        assert_eq!(arrive(&journal, "/x", "{}"), 3, "numbers go on");
    }

    #[test]
    fn the_ring_keeps_the_last() {
        let journal = Journal::default();
        for _ in 0..KEPT + 3 {
            arrive(&journal, "/x", "");
        }
        let list = journal.list(None, 0);
        assert_eq!((list.len(), list[0]["seq"].as_u64()), (KEPT, Some(4)));
    }
}

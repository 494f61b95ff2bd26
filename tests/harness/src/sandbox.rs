//! The sandbox seen from outside: play calls, set faults, read what arrived.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    Process,
    build::{Fault, Record, Webhook, webhook},
    eventually,
};

/// The token of the webhook that the sandbox delivers to ingest.
pub const TOKEN: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// The ways in which Sellsy may give back a text otherwise than it was sent, for [`Sandbox::set_texts`].
pub const TEXTS: [&str; 6] = ["blanks", "joined", "br", "br_slash", "paragraphs", "entities"];

pub struct Sandbox {
    url: String,
    http: reqwest::Client,
    /// None if something else started it.
    process: Option<Process>,
}

impl Sandbox {
    /// Starts one with the accounts in `data`, a file like `sandbox/data/account.toml`.
    pub async fn start(data: &Path, log: PathBuf, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut all = vec!["--listen".into(), "127.0.0.1:0".into(), "--data".into(), data.display().to_string()];
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        let process = Process::start("sandbox", &all, &[], log).await?;
        Ok(Self { url: process.url.clone(), http: reqwest::Client::new(), process: Some(process) })
    }

    /// Uses one that is already running, e.g. in a container.
    pub fn at(url: &str) -> Self {
        Self { url: url.trim_end_matches('/').to_owned(), http: reqwest::Client::new(), process: None }
    }

    pub(crate) fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// A request to the control API; the path is the part after `/_sandbox`.
    pub async fn control(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let mut request = self.http.request(method.clone(), format!("{}/_sandbox{path}", self.url()));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.with_context(|| format!("{method} /_sandbox{path}"))?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(status.is_success(), "{method} /_sandbox{path}: {status} {text}");
        Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.control(Method::GET, path, None).await
    }

    /// Makes Aircall deliver every event to `ingest` from now on.
    pub async fn deliver_to(&self, ingest: &str) -> anyhow::Result<()> {
        let body = json!({ "url": format!("{ingest}/webhooks/aircall"), "token": TOKEN });
        self.control(Method::POST, "/aircall/webhooks", Some(&body)).await.map(drop)
    }

    /// Plays a call, described by [`crate::build::call`] or as in `sandbox/README.md`, and returns its id.
    pub async fn play(&self, call: &impl Serialize) -> anyhow::Result<i64> {
        let answer = self.control(Method::POST, "/aircall/calls", Some(&serde_json::to_value(call)?)).await?;
        answer["call_id"].as_i64().context("call_id")
    }

    /// A call as Aircall has it after everything played so far.
    pub async fn call(&self, call_id: i64) -> anyhow::Result<Value> {
        let calls = self.get("/aircall/calls").await?["calls"].take();
        let played = calls.as_array().context("calls")?.iter().find(|call| call["id"] == call_id).cloned();
        played.with_context(|| format!("call {call_id} was not played"))
    }

    /// An agent adds a tag to the call. The call keeps the tags in `call` (its data as Aircall sends them) or, if that is null,
    /// those that it was played with.
    pub async fn tag(&self, call_id: i64, call: &mut Value, tag: &str) -> anyhow::Result<()> {
        self.add_to(call_id, call, "tags", |id| json!({ "id": id, "name": tag })).await
    }

    /// An agent writes a note.
    pub async fn note(&self, call_id: i64, call: &mut Value, text: &str) -> anyhow::Result<()> {
        self.add_to(call_id, call, "comments", |id| json!({ "id": id, "content": text })).await
    }

    async fn add_to(
        &self,
        call_id: i64,
        call: &mut Value,
        list: &str,
        one: impl FnOnce(usize) -> Value,
    ) -> anyhow::Result<()> {
        if call.is_null() {
            *call = self.call(call_id).await?;
        }
        let all = call[list].as_array_mut().with_context(|| format!("the call's {list}"))?;
        all.push(one(all.len() + 1));
        let event = if list == "tags" { "call.tagged" } else { "call.commented" };
        // A call that is played without a pace is ahead of the clock.
        let tomorrow = jiff::Timestamp::now().as_second() + 86_400;
        self.send([webhook(event, call.clone()).at(tomorrow)]).await
    }

    /// Aircall sends these webhooks, independently of what was played.
    pub async fn send(&self, webhooks: impl IntoIterator<Item = Webhook>) -> anyhow::Result<()> {
        self.send_every(0, webhooks).await
    }

    /// The same, with this many milliseconds between two of them.
    pub async fn send_every(&self, ms: usize, webhooks: impl IntoIterator<Item = Webhook>) -> anyhow::Result<()> {
        let events = webhooks.into_iter().enumerate().map(|(n, body)| json!({ "after_ms": n * ms, "body": body }));
        let events = json!({ "events": events.collect::<Vec<_>>() });
        self.control(Method::POST, "/aircall/events", Some(&events)).await.map(drop)
    }

    /// A person adds a record to Sellsy; returns its id.
    pub async fn add(&self, record: &Record) -> anyhow::Result<i64> {
        let path = format!("/sellsy/{}", record.kind);
        self.control(Method::POST, &path, Some(&json!(record))).await?["id"].as_i64().context("the record's id")
    }

    /// A person changes a record in Sellsy, e.g. `individuals/2002`.
    pub async fn change(&self, record: &str, changes: &Value) -> anyhow::Result<()> {
        self.control(Method::PATCH, &format!("/sellsy/{record}"), Some(changes)).await.map(drop)
    }

    /// A person deletes an object in Sellsy: a record, or e.g. `phone-calls/5000001`.
    pub async fn delete(&self, record: &str) -> anyhow::Result<()> {
        self.control(Method::DELETE, &format!("/sellsy/{record}"), None).await.map(drop)
    }

    /// Whether Sellsy's searches of phone calls and comments answer with everything, whatever their filters.
    pub async fn ignore_filters(&self, ignores: bool) -> anyhow::Result<()> {
        let settings = json!({ "phones": "digits", "ignores_filters": ignores });
        self.control(Method::PUT, "/sellsy/search", Some(&settings)).await.map(drop)
    }

    /// How Sellsy gives back the texts of phone calls and comments from now on: one of [`TEXTS`], or `as_sent`.
    pub async fn set_texts(&self, texts: &str) -> anyhow::Result<()> {
        self.control(Method::PUT, "/sellsy/texts", Some(&json!({ "as": texts }))).await.map(drop)
    }

    /// Replaces all faults; an empty list ends them.
    pub async fn set_faults(&self, faults: impl IntoIterator<Item = Fault>) -> anyhow::Result<()> {
        let faults = json!({ "faults": faults.into_iter().collect::<Vec<_>>() });
        self.control(Method::PUT, "/faults", Some(&faults)).await.map(drop)
    }

    /// Waits until every fault with a fixed count has occurred that often.
    pub async fn struck(&self, within: Duration) -> anyhow::Result<()> {
        let struck = || async {
            let list = self.get("/faults").await.ok()?["faults"].as_array()?.clone();
            list.iter().all(|fault| fault["fired"].as_u64() >= fault["times"].as_u64()).then_some(())
        };
        eventually(within, struck).await.context("not every fault has struck")
    }

    /// The comments of one Aircall call, as Sellsy's API shows them.
    pub async fn comments_of(&self, call_id: i64) -> anyhow::Result<Vec<Value>> {
        let comments = self.get("/sellsy").await?["comments"].as_array().context("a list of comments")?.clone();
        Ok(comments.into_iter().filter(|comment| is_log_of(comment, call_id)).collect())
    }

    /// All logs in Sellsy, as its API shows them.
    pub async fn phone_calls(&self) -> anyhow::Result<Vec<Value>> {
        let answer = self.get("/sellsy/phone-calls").await?;
        let calls =
            answer.as_array().or_else(|| answer["data"].as_array()).or_else(|| answer["phone_calls"].as_array());
        Ok(calls.context("a list of phone calls")?.clone())
    }

    /// The logs of one Aircall call: there should be one, or none.
    pub async fn logs_of(&self, call_id: i64) -> anyhow::Result<Vec<Value>> {
        Ok(self.phone_calls().await?.into_iter().filter(|call| is_log_of(call, call_id)).collect())
    }

    /// The log of a call once it exists and `enough` accepts it.
    pub async fn log_of(
        &self,
        call_id: i64,
        within: Duration,
        enough: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let found = || async { self.logs_of(call_id).await.ok()?.into_iter().next().filter(&enough) };
        let log = eventually(within, found).await;
        log.with_context(|| format!("call {call_id} has no such log in Sellsy"))
    }

    /// The log of a call as soon as it exists.
    pub async fn logged(&self, call_id: i64, within: Duration) -> anyhow::Result<Value> {
        self.log_of(call_id, within, |_| true).await
    }

    /// How many requests an API received, and how many it answered with this status.
    pub async fn requests(&self, api: &str) -> anyhow::Result<u64> {
        self.get("/counts").await?[api]["total"].as_u64().context("total")
    }

    pub async fn answers(&self, api: &str, status: u16) -> anyhow::Result<u64> {
        Ok(self.get("/counts").await?[api]["by_status"][status.to_string()].as_u64().unwrap_or(0))
    }

    /// How many requests an endpoint received, e.g. `("sellsy", "POST /phone-calls")`.
    pub async fn count(&self, api: &str, endpoint: &str) -> anyhow::Result<u64> {
        Ok(self.get("/counts").await?[api]["by_endpoint"][endpoint].as_u64().unwrap_or(0))
    }

    /// Waits until every webhook has been accepted.
    pub async fn delivered(&self, within: Duration) -> anyhow::Result<()> {
        let idle = || async { (self.get("/aircall/deliveries?log=false").await.ok()?["pending"] == 0).then_some(()) };
        eventually(within, idle).await.context("webhooks are still waiting to be delivered")
    }
}

/// Whether a log or a comment contains all of these texts.
pub fn says<'a>(words: &'a [&'a str]) -> impl Fn(&Value) -> bool + 'a {
    move |log| words.iter().all(|words| log["description"].as_str().is_some_and(|text| text.contains(words)))
}

/// The records that a log is linked to, e.g. individual 2001, in Sellsy's order.
pub fn related(log: &Value) -> Vec<(String, i64)> {
    let related = log["related"].as_array().into_iter().flatten();
    related.filter_map(|one| Some((one["type"].as_str()?.to_owned(), one["id"].as_i64()?))).collect()
}

/// Whether this is the log or comment of a call, by the line that is unique to each call.
pub fn is_log_of(log: &Value, call_id: i64) -> bool {
    let marker = format!("Aircall call {call_id}");
    log["description"].as_str().is_some_and(|text| text.lines().any(|line| line == marker))
}

//! Two replicas of every worker, webhooks twice and out of order: exactly one log and at most one card per call.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result};
use harness::{
    Stack, WORKERS,
    build::{AGENT, call, note, summary, tag},
    says,
};
use serde_json::json;

use crate::{CLIENT, SOON};

#[tokio::test]
async fn two_of_every_worker_write_one_log_per_call() -> Result<()> {
    let mut stack = Stack::new("replicas").await?;
    let mut workers = Vec::new();
    for _ in 0..2 {
        for worker in WORKERS {
            workers.push(stack.start(worker).await?);
        }
    }
    for worker in &workers {
        worker.until_ready(SOON).await?;
    }
    // Both ingests have the webhook, so that every event comes twice; the sandbox doubles and swaps some more.
    for ingest in workers.iter().filter(|worker| worker.name == "ingest") {
        stack.sandbox.deliver_to(&ingest.url).await?;
    }
    let disorder = json!({ "duplicate": 0.3, "reorder": 0.3, "late": 0.2, "late_ms": 300, "seed": 7 });
    stack.sandbox.control(reqwest::Method::PUT, "/aircall/delivery", Some(&disorder)).await?;
    let mut calls = Vec::new();
    for n in 0..50 {
        let call = call(CLIENT).lasting(70 + n).after(2, tag("VIP"));
        let call = call.after(87, note(&format!("note of call {n}")).by(AGENT));
        let call = call.after(100, summary(&format!("summary of call {n}")));
        calls.push(stack.sandbox.play(&if n % 3 == 0 { call.outbound() } else { call }).await?);
    }
    for (n, call) in calls.iter().enumerate() {
        let words = ["VIP", &format!("note of call {n}"), &format!("summary of call {n}")];
        let log = stack.sandbox.log_of(*call, Duration::from_secs(120), says(&words)).await;
        log.with_context(|| format!("call {n}: {:?}", stack.logs))?;
    }
    for call in &calls {
        assert_eq!(stack.sandbox.logs_of(*call).await?.len(), 1, "call {call}");
    }
    assert_eq!(stack.sandbox.phone_calls().await?.len(), calls.len(), "there is nothing else");
    let mut cards: BTreeMap<i64, u32> = BTreeMap::new();
    for card in stack.sandbox.get("/aircall/insight-cards").await?.as_array().context("cards")? {
        *cards.entry(card["call_id"].as_i64().context("call_id")?).or_default() += 1;
    }
    assert!(cards.values().all(|cards| *cards == 1), "{cards:?}");
    drop(workers);
    stack.down().await
}

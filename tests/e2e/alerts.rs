//! `ALERT_WEBHOOK_URL`: each condition that a person must act on is reported once by all replicas together.

use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use base::ids::Stage;
use harness::{
    Stack,
    build::{call, sellsy},
    eventually,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{CLIENT, SOON};

/// A receiver that takes JSON by POST; it fails the first time.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Vec<Value>>>);

impl Receiver {
    async fn listen() -> Result<(Self, String)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/hooks/sesame", listener.local_addr()?);
        let receiver = Self::default();
        let received = receiver.clone();
        tokio::spawn(async move {
            let mut well = false;
            while let Ok((client, _)) = listener.accept().await {
                let _ = received.take(client, std::mem::replace(&mut well, true)).await;
            }
        });
        Ok((receiver, url))
    }

    async fn take(&self, mut client: TcpStream, well: bool) -> Result<()> {
        let mut request = Vec::new();
        let body = loop {
            let mut some = [0; 4096];
            let n = client.read(&mut some).await?;
            request.extend_from_slice(&some[..n]);
            let text = String::from_utf8_lossy(&request).to_lowercase();
            let whole = text.split_once("\r\n\r\n").filter(|(head, body)| {
                let length =
                    head.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
                length == Some(body.len())
            });
            if let Some((_, body)) = whole {
                break String::from_utf8_lossy(&request[request.len() - body.len()..]).into_owned();
            }
            anyhow::ensure!(n > 0, "a torn request");
        };
        let status = if well { "204 No Content" } else { "503 Service Unavailable" };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        client.write_all(answer.as_bytes()).await?;
        if well {
            self.all().push(serde_json::from_str(&body)?);
        }
        Ok(())
    }

    fn all(&self) -> std::sync::MutexGuard<'_, Vec<Value>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn of(&self, kind: &str) -> Vec<Value> {
        self.all().iter().filter(|alert| alert["kind"] == kind).cloned().collect()
    }

    async fn until(&self, kind: &str, count: usize) -> Result<Value> {
        let there = || async { (self.of(kind).len() >= count).then_some(()) };
        eventually(3 * SOON, there).await.with_context(|| format!("{kind}: {:?}", self.all()))?;
        let of_kind = self.of(kind);
        assert_eq!(of_kind.len(), count, "no more than that: {of_kind:?}");
        of_kind.last().cloned().context("an alert")
    }
}

#[tokio::test]
#[ignore = "nightly"]
async fn who_has_to_act_is_alerted_once() -> Result<()> {
    let (receiver, url) = Receiver::listen().await?;
    let mut stack = Stack::new("alerts").await?;
    stack.environment.insert("ALERT_WEBHOOK_URL".into(), url);
    stack.environment.insert("SELLSY_REQUESTS_PER_DAY".into(), "100000".into());
    let mut workers = stack.start_all().await?;
    workers.push(stack.start("ingest").await?);
    workers.push(stack.start("ingest").await?);
    stack.sandbox.set_faults([sellsy("POST /phone-calls").answers(403)]).await?;
    let park = async |letters: u32| {
        stack.sandbox.play(&call(CLIENT)).await?;
        stack.parked(Stage::Logger, letters, 2 * SOON).await
    };
    park(1).await?;
    let alert = receiver.until("parked", 1).await?;
    assert_eq!(alert["details"], json!({ "parked": 1, "by_stage": { "logger": 1 } }));
    assert!(alert["text"].as_str().is_some_and(|text| text.contains("callbridge dead list")), "{alert}");
    assert!(alert["at"].as_str().is_some_and(|at| at.parse::<jiff::Timestamp>().is_ok()), "{alert}");

    // While the first alert is recent, others of its kind wait; other kinds do not.
    park(2).await?;
    let ledger = stack.ledger().await?;
    ledger.spend_sellsy(200_000).await?;
    ledger.disable_webhook().await?;
    assert_eq!(receiver.until("budget_exhausted", 1).await?["details"]["day_used_up"], json!(["sellsy"]));
    assert_eq!(receiver.until("webhook_disabled", 1).await?["details"], json!({ "active": false }));
    assert_eq!(receiver.of("parked").len(), 1);
    ledger.alerts_age().await?;
    assert_eq!(receiver.until("parked", 2).await?["details"]["parked"], 2);
    tokio::time::sleep(SOON + std::time::Duration::from_secs(5)).await;
    let kinds: Vec<_> = receiver.all().iter().map(|alert| alert["kind"].clone()).collect();
    assert_eq!(kinds.len(), 4, "what stays as it is causes no further alert: {kinds:?}");
    // Without the times, whose digits could match anything.
    let all: String = receiver
        .all()
        .iter()
        .map(|alert| json!([alert["kind"], alert["text"], alert["details"]]).to_string())
        .collect();
    for secret in ["sesame", "39 98", "4107", "Camille", "Moreau"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
    for worker in &workers {
        assert!(!worker.output().contains("sesame"), "the URL is in the log of {}", worker.name);
    }
    drop(workers);
    stack.down().await
}

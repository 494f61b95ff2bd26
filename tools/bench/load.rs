//! Sends webhooks as fast as they are accepted, or at a fixed rate.
//!
//! The sender does as little as possible, because it shares the machine with what it measures: a connection writes a request
//! rendered in advance and reads the status of the answer. Its own limit is measured against a server that only answers 200.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use axum::{Router, routing::post};
use harness::TOKEN;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// The same number as the bare publisher has unconfirmed.
pub(crate) const WINDOW: usize = 64;

/// A keep-alive connection.
pub(crate) struct Line {
    stream: TcpStream,
    authority: String,
    answer: Vec<u8>,
}

impl Line {
    pub(crate) async fn to(url: &str) -> Result<Self> {
        let authority = url.strip_prefix("http://").context("an http:// URL")?.to_owned();
        Ok(Self { stream: connect(&authority).await?, authority, answer: vec![0; 4096] })
    }

    /// Returns when the answer has arrived, which must be a 200. A connection that was idle for long may have been closed, as with
    /// every client that keeps connections.
    pub(crate) async fn send(&mut self, body: &str) -> Result<()> {
        let (authority, length) = (&self.authority, body.len());
        let request = format!(
            "POST /webhooks/aircall HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        if !self.exchange(&request).await? {
            self.stream = connect(&self.authority).await?;
            ensure!(self.exchange(&request).await?, "the connection ended without an answer");
        }
        Ok(())
    }

    /// False if the connection had been closed.
    async fn exchange(&mut self, request: &str) -> Result<bool> {
        if self.stream.write_all(request.as_bytes()).await.is_err() {
            return Ok(false);
        }
        let mut read = 0;
        loop {
            let more = self.stream.read(&mut self.answer[read..]).await.unwrap_or(0);
            if more == 0 {
                ensure!(read == 0, "the connection ended within an answer");
                return Ok(false);
            }
            read += more;
            let answer = &self.answer[..read];
            let Some(head) = answer.windows(4).position(|end| end == b"\r\n\r\n") else { continue };
            let text = std::str::from_utf8(&answer[..head])?.to_ascii_lowercase();
            ensure!(text.starts_with("http/1.1 200"), "answered {text}");
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(Ok(0), |length| length.trim().parse())?;
            if read >= head + 4 + length {
                return Ok(true);
            }
        }
    }
}

async fn connect(authority: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(authority).await.context("the load's connection")?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The webhook that Aircall sends when a phone rings.
pub(crate) fn created(call: i64, number: &str) -> String {
    event("call.created", call, number, "initial", "null", "null", 0)
}

/// The webhook for the end of the call.
pub(crate) fn ended(call: i64, number: &str) -> String {
    let now = jiff::Timestamp::now().as_second();
    event("call.ended", call, number, "done", &(now - 60).to_string(), &now.to_string(), 66)
}

/// What becomes known of a call after its end, in the usual order.
pub(crate) const ADDED: [&str; 6] = [
    "call.tagged",
    "call.comm_assets_generated",
    "call.commented",
    "summary.created",
    "topics.created",
    "sentiment.created",
];

/// What all of these leave in the log.
pub(crate) const ADDED_TEXTS: [&str; 6] =
    ["Devis", "/recording", "Rappeler lundi", "Le client veut un devis", "Sujets (IA)", "Sentiment"];

/// The webhook for one of [`ADDED`], after this webhook of the call; what the call has from now on stays in its later webhooks.
pub(crate) fn added(event: &str, webhook: &mut Value) -> String {
    let now = jiff::Timestamp::now().as_second();
    let call = &mut webhook["data"];
    match event {
        "call.tagged" => call["tags"] = json!([{ "id": 77, "name": "Devis", "tagged_at": now, "tagged_by": null }]),
        "call.comm_assets_generated" => {
            let id = &call["id"];
            let (page, file) = (format!("https://assets.aircall.io/calls/{id}/recording"), "recording.mp3?expires=");
            call["recording"] = json!(format!("https://recordings.aircall.example/companies/1/calls/{id}/{file}{now}"));
            call["asset"] = json!(page);
        }
        "call.commented" => {
            let by = call["user"].clone();
            let note = "Rappeler lundi avant midi, le devis doit partir dans la semaine.";
            call["comments"] = json!([{ "id": 91, "content": note, "posted_by": by, "posted_at": now }]);
        }
        _ => return insight(event, call, now),
    }
    (webhook["event"], webhook["timestamp"]) = (json!(event), json!(now));
    webhook.to_string()
}

/// The webhook of an AI insight, with its content.
fn insight(event: &str, call: &Value, now: i64) -> String {
    let id = call["id"].to_string();
    let mut data = json!({ "id": now, "call_id": id });
    match event {
        "summary.created" => {
            data["content"] = json!(
                "Le client veut un devis pour trois terminaux et la maintenance. Il compare avec deux fournisseurs et demande \
                 un délai de livraison sous quinze jours. Élodie envoie le devis cette semaine et rappelle lundi matin."
            );
        }
        "topics.created" => data["content"] = json!(["devis", "terminaux", "délai de livraison"]),
        _ => {
            let caller = &call["raw_digits"];
            data["participants"] =
                json!([{ "participant_type": "external", "phone_number": caller, "value": "POSITIVE" }]);
        }
    }
    json!({ "resource": "conversation_intelligence", "event": event, "timestamp": now, "token": TOKEN, "data": data })
        .to_string()
}

fn event(
    event: &str,
    call: i64,
    number: &str,
    status: &str,
    answered_at: &str,
    ended_at: &str,
    duration: i64,
) -> String {
    let now = jiff::Timestamp::now().as_second();
    let started_at = now - duration;
    format!(
        r#"{{"resource":"call","event":"{event}","timestamp":{now},"token":"{TOKEN}","data":{{"id":{call},"direct_link":"https://api.aircall.io/v1/calls/{call}","direction":"inbound","status":"{status}","missed_call_reason":null,"started_at":{started_at},"answered_at":{answered_at},"ended_at":{ended_at},"duration":{duration},"cost":"0.0","hangup_cause":null,"voicemail":null,"recording":null,"asset":null,"raw_digits":"{number}","user":{{"id":501,"direct_link":"https://api.aircall.io/v1/users/501","name":"Élodie Marchand","email":"elodie.marchand@callbridge.example","available":true,"availability_status":"available","language":"fr-FR","wrap_up_time":0}},"number":{{"id":1001,"direct_link":"https://api.aircall.io/v1/numbers/1001","name":"Accueil Paris","digits":"+33 1 99 00 10 01","country":"FR","time_zone":"Europe/Paris","open":true,"availability_status":"custom","is_ivr":false,"live_recording_activated":false,"messages":{{"welcome":null,"voicemail":"https://media.example/voicemail.mp3"}}}},"archived":false,"teams":[],"comments":[],"tags":[]}}}}"#
    )
}

/// Webhooks answered per second, by [`WINDOW`] connections, measured for this long.
pub(crate) async fn fastest(
    url: &str,
    body: impl Fn(i64) -> String + Clone + Send + 'static,
    lasts: Duration,
) -> Result<f64> {
    let until = Instant::now() + lasts;
    let mut lines = JoinSet::new();
    for n in 0..WINDOW as i64 {
        let (mut line, body) = (Line::to(url).await?, body.clone());
        lines.spawn(async move {
            let mut sent = 0;
            while Instant::now() < until {
                line.send(&body(sent * WINDOW as i64 + n)).await?;
                sent += 1;
            }
            anyhow::Ok(sent)
        });
    }
    let mut sent = 0;
    while let Some(line) = lines.join_next().await {
        sent += line??;
    }
    Ok(sent as f64 / lasts.as_secs_f64())
}

/// The time of each answer at this many webhooks per second.
pub(crate) async fn at_rate(
    url: &str,
    per_s: u32,
    body: impl Fn(i64) -> String + Clone + Send + 'static,
    lasts: Duration,
) -> Result<Vec<Duration>> {
    let turn = Duration::from_secs(1) * WINDOW as u32 / per_s;
    let begin = Instant::now();
    let mut lines = JoinSet::new();
    for n in 0..WINDOW as u32 {
        let (mut line, body) = (Line::to(url).await?, body.clone());
        lines.spawn(async move {
            let mut took = Vec::new();
            let mut due = begin + turn * n / WINDOW as u32;
            while due < begin + lasts {
                let webhook = body(i64::try_from(took.len() * WINDOW)? + i64::from(n));
                tokio::time::sleep_until(due.into()).await;
                let sent = Instant::now();
                line.send(&webhook).await?;
                took.push(sent.elapsed());
                due += turn;
            }
            anyhow::Ok(took)
        });
    }
    let mut took = Vec::new();
    while let Some(line) = lines.join_next().await {
        took.extend(line??);
    }
    Ok(took)
}

/// The sender's own limit, at a server of the same kind that does nothing.
pub(crate) async fn ceiling(lasts: Duration) -> Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(async move {
        let routes = Router::new().route("/webhooks/aircall", post(async |_: axum::body::Bytes| "{}"));
        axum::serve(listener, routes).await
    });
    let reached = fastest(&url, |n| created(n, "+33 6 39 98 41 07"), lasts).await;
    server.abort();
    reached
}

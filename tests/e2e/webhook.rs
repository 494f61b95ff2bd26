//! Bad input at the webhook: each is refused with its status and a JSON error, and nothing relevant is lost.

use std::time::Duration;

use anyhow::{Context, Result};
use base::ids::Stage;
use harness::{Stack, TOKEN, build::webhook};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::SOON;

async fn post(url: &str, content_type: &str, body: impl Into<reqwest::Body>) -> Result<(u16, Value)> {
    let request = Client::new().post(format!("{url}/webhooks/aircall")).header("content-type", content_type);
    let response = request.body(body).send().await?;
    Ok((response.status().as_u16(), response.json().await?))
}

#[tokio::test]
async fn bad_input_is_refused_clearly_and_nothing_is_lost() -> Result<()> {
    let mut stack = Stack::new("webhook").await?;
    let ingest = stack.start("ingest").await?;
    ingest.until_whole(SOON).await?;
    let json = "application/json";
    let fact =
        |data: &str| format!(r#"{{"event":"call.ended","timestamp":1764000000,"token":"{TOKEN}","data":{data}}}"#);
    let large = format!(r#"{{"event":"call.ended","token":"{TOKEN}","data":"{}"}}"#, "x".repeat(1024 * 1024));
    let cases: Vec<(&str, &str, String, u16, &str)> = vec![
        ("malformed JSON", json, r#"{"event":"#.into(), 400, "MALFORMED"),
        ("empty body", json, String::new(), 400, "MALFORMED"),
        ("not an event", json, "{}".into(), 400, "NOT_AN_EVENT"),
        ("a list", json, "[]".into(), 400, "NOT_AN_EVENT"),
        ("wrong token", json, fact("{\"id\":1}").replace(TOKEN, "wrong"), 401, "WRONG_TOKEN"),
        ("no token", json, r#"{"event":"call.ended","data":{"id":1}}"#.into(), 401, "WRONG_TOKEN"),
        ("too large", json, large, 413, "TOO_LARGE"),
        ("not JSON", "text/plain", fact("{\"id\":1}"), 415, "NOT_JSON"),
        ("a form", "application/x-www-form-urlencoded", "a=b".into(), 415, "NOT_JSON"),
    ];
    for (what, content_type, body, status, code) in cases {
        let (answered, error) = post(&ingest.url, content_type, body).await.context(what)?;
        assert_eq!((answered, error["error"]["code"].as_str()), (status, Some(code)), "{what}: {error}");
        assert!(error["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{what}: {error}");
    }
    // Unneeded events are accepted; what a known token sends and ingest does not understand is parked.
    let unknown = fact("{\"id\":1}").replace("call.ended", "rocket.launched");
    assert_eq!(post(&ingest.url, json, unknown).await?.0, 200);
    for odd in ["{}", "null", "[]", r#"{"id":null}"#, r#""text""#] {
        assert_eq!(post(&ingest.url, json, fact(odd)).await?.0, 200, "{odd}");
    }
    stack.parked(Stage::Ingest, 5, SOON).await.context("five odd events are parked")?;
    // A body of the right shape whose parts are absent, null or empty is handled like any other.
    for data in [r#"{"id":7}"#, r#"{"id":"7","user":null,"number":{},"tags":null,"comments":[null]}"#] {
        assert_eq!(post(&ingest.url, "application/json; charset=utf-8", fact(data)).await?.0, 200, "{data}");
    }
    two_taken(&stack).await?;
    // The log contains nothing of the bodies.
    assert!(!ingest.output().contains(TOKEN), "the token is in the log");
    drop(ingest);
    stack.down().await
}

#[tokio::test]
async fn other_methods_and_paths_are_answered_with_what_is_right() -> Result<()> {
    let mut stack = Stack::new("methods").await?;
    let ingest = stack.start("ingest").await?;
    let url = format!("{}/webhooks/aircall", ingest.url);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let response = Client::new().request(method.clone(), &url).send().await?;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(response.headers()["allow"], "POST");
        assert_eq!(response.json::<Value>().await?["error"]["code"], "METHOD_NOT_ALLOWED");
    }
    let response = Client::new().post(format!("{}/webhook", ingest.url)).json(&json!({})).send().await?;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(response.json::<Value>().await?["error"]["code"], "NOT_FOUND");
    drop(ingest);
    stack.down().await
}

#[tokio::test]
async fn a_body_that_dribbles_in_is_cut_off() -> Result<()> {
    let mut stack = Stack::new("slow").await?;
    let ingest = stack.start("ingest").await?;
    let address = ingest.url.strip_prefix("http://").context("address")?;
    let mut socket = TcpStream::connect(address).await?;
    let head =
        "POST /webhooks/aircall HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    socket.write_all(head.as_bytes()).await?;
    let mut answer = vec![0; 1024];
    let read = tokio::time::timeout(Duration::from_secs(8), socket.read(&mut answer)).await.context("no answer")??;
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("SLOW_BODY"), "{answer}");
    drop(ingest);
    stack.down().await
}

#[tokio::test]
async fn calls_of_other_numbers_are_not_taken() -> Result<()> {
    let mut stack = Stack::new("numbers").await?;
    stack.environment.insert("AIRCALL_NUMBER_IDS".into(), "1001, 1002".into());
    let ingest = stack.start("ingest").await?;
    ingest.until_ready(SOON).await?;
    for number in [1001, 1002, 1003] {
        let data = json!({ "id": number, "number": { "id": number } });
        let body = webhook("call.ended", data).with_token(TOKEN).body().to_string();
        assert_eq!(post(&ingest.url, "application/json", body).await?.0, 200);
    }
    two_taken(&stack).await?;
    drop(ingest);
    stack.down().await
}

/// Exactly two: through the inbox, if ingest had no connection to the broker yet.
async fn two_taken(stack: &Stack) -> Result<()> {
    stack.inbox_empty(SOON).await?;
    assert_eq!(stack.depth(&stack.names.work(Stage::Ended)).await?, 2);
    Ok(())
}

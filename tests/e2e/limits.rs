//! How much of a worker a stranger can use up: slow, large and many requests, on bare sockets. Health checks and proper webhooks
//! still work.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use harness::{Process, Stack, TOKEN, build, eventually};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::SOON;

/// The server allows 5 s for a request head.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long Aircall waits for an answer.
const ANSWER: Duration = Duration::from_secs(5);
const HEAD: &str = "POST /webhooks/aircall HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";

async fn ingest(what: &str) -> Result<(Stack, Process)> {
    let mut stack = Stack::new(what).await?;
    let ingest = stack.start("ingest").await?;
    ingest.until_ready(SOON).await?;
    Ok((stack, ingest))
}

async fn connect(ingest: &Process) -> Result<TcpStream> {
    let address = ingest.url.strip_prefix("http://").context("address")?;
    Ok(TcpStream::connect(address).await?)
}

/// Everything until the server ends the connection.
async fn rest(socket: &mut TcpStream, within: Duration) -> Result<String> {
    let mut answer = Vec::new();
    let read = timeout(within, socket.read_to_end(&mut answer)).await.context("the connection stays open")?;
    // A reset is an end as well.
    drop(read);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn webhook(ingest: &Process) -> Result<(StatusCode, Option<String>, Value)> {
    let body = build::webhook("call.ended", json!({ "id": 1 })).with_token(TOKEN);
    let request = reqwest::Client::new().post(format!("{}/webhooks/aircall", ingest.url)).json(&body);
    let response = request.timeout(ANSWER).send().await?;
    let retry_after = response.headers().get("retry-after").and_then(|v| v.to_str().ok()).map(str::to_owned);
    Ok((response.status(), retry_after, response.json().await?))
}

async fn is_well(ingest: &Process) -> Result<()> {
    for path in ["healthz", "readyz", "metrics"] {
        let answer = reqwest::Client::new().get(format!("{}/{path}", ingest.url)).timeout(ANSWER).send().await;
        let status = answer.with_context(|| path.to_owned())?.status();
        ensure!(status.is_success(), "{path}: {status}");
    }
    Ok(())
}

#[tokio::test]
async fn a_slow_head_and_an_idle_connection_are_ended() -> Result<()> {
    let (stack, ingest) = ingest("slow_head").await?;
    let (mut silent, mut slow, mut kept) = (connect(&ingest).await?, connect(&ingest).await?, connect(&ingest).await?);
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await?;
    let began = Instant::now();
    let dribble = async {
        // An occasional byte does not extend the time. In the end the server resets the connection.
        for byte in HEAD.bytes() {
            if slow.write_all(&[byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(250)).await;
        }
        began.elapsed()
    };
    let (silent, kept, dribbled) =
        tokio::join!(rest(&mut silent, PATIENCE), rest(&mut kept, PATIENCE), timeout(PATIENCE, dribble));
    assert_eq!(silent?, "");
    let kept = kept?;
    assert!(kept.starts_with("HTTP/1.1 200") && kept.contains("alive"), "{kept}");
    let dribbled = dribbled.context("the slow head was not cut off")?;
    assert!(dribbled > Duration::from_secs(3), "cut off after {dribbled:?} already");
    drop(ingest);
    stack.down().await
}

#[tokio::test]
async fn what_is_too_large_is_refused() -> Result<()> {
    let (stack, ingest) = ingest("large").await?;
    let large = format!("{HEAD}X-Large: {}\r\n\r\n", "x".repeat(16 * 1024));
    let many = format!("{HEAD}{}\r\n", "X-Many: 1\r\n".repeat(64));
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(16 * 1024));
    for (what, head) in [("large", large), ("many", many), ("long", long)] {
        let mut socket = connect(&ingest).await?;
        // The server may have answered and closed before everything was written.
        let _ = socket.write_all(head.as_bytes()).await;
        let answer = rest(&mut socket, ANSWER).await?;
        assert!(answer.starts_with("HTTP/1.1 431"), "{what}: {answer}");
    }
    // Announced as small, or not announced at all.
    let mut socket = connect(&ingest).await?;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    socket.write_all(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).await?;
    for _ in 0..17 {
        let _ = socket.write_all(chunk.as_bytes()).await;
    }
    let answer = rest(&mut socket, ANSWER).await?;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("TOO_LARGE"), "{answer}");
    // Where no body is read, none is waited for.
    let mut socket = connect(&ingest).await?;
    socket.write_all(b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nx").await?;
    let answer = rest(&mut socket, ANSWER).await?;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert_eq!(webhook(&ingest).await?.0, StatusCode::OK);
    drop(ingest);
    stack.down().await
}

#[tokio::test]
async fn idle_connections_keep_nobody_out() -> Result<()> {
    let (stack, ingest) = ingest("idle").await?;
    let mut idle = Vec::new();
    for n in 0..1000 {
        let mut socket = connect(&ingest).await.with_context(|| format!("connection {n}"))?;
        // Some send nothing, others have begun a head.
        if n % 2 == 0 {
            let _ = socket.write_all(HEAD.as_bytes()).await;
        }
        idle.push(socket);
    }
    let began = Instant::now();
    assert_eq!(webhook(&ingest).await?.0, StatusCode::OK);
    is_well(&ingest).await?;
    assert!(began.elapsed() < Duration::from_secs(4), "it took {:?}", began.elapsed());
    // The oldest had to be closed, the newest may stay.
    assert_eq!(rest(&mut idle[0], Duration::from_secs(1)).await?, "");
    assert!(rest(&mut idle[999], Duration::from_millis(100)).await.is_err());
    drop(ingest);
    stack.down().await
}

#[tokio::test]
async fn a_flood_of_webhooks_is_asked_to_come_again_and_health_is_still_reported() -> Result<()> {
    let (stack, ingest) = ingest("flood").await?;
    let mut slow = Vec::new();
    for _ in 0..300 {
        let mut socket = connect(&ingest).await?;
        socket.write_all(format!("{HEAD}Content-Length: 100\r\n\r\n{{").as_bytes()).await?;
        slow.push(socket);
    }
    let refused = || async { webhook(&ingest).await.ok().filter(|(status, ..)| *status != StatusCode::OK) };
    let (status, retry_after, body) = eventually(ANSWER, refused).await.context("nothing is refused")?;
    assert_eq!((status, body["error"]["code"].as_str()), (StatusCode::SERVICE_UNAVAILABLE, Some("BUSY")), "{body}");
    assert_eq!(retry_after.as_deref(), Some("2"));
    is_well(&ingest).await?;
    let again = || async { (webhook(&ingest).await.ok()?.0 == StatusCode::OK).then_some(()) };
    eventually(Duration::from_secs(4), again).await.context("the slow bodies are cut off after 2 s")?;
    let answer = rest(&mut slow[0], PATIENCE).await?;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    drop(ingest);
    stack.down().await
}

#[tokio::test]
async fn stopping_answers_what_is_in_flight_and_waits_for_nobody_else() -> Result<()> {
    let (stack, mut ingest) = ingest("stop").await?;
    let body = build::webhook("call.ended", json!({ "id": 2 })).with_token(TOKEN);
    let (body, mut idle, mut late) = (body.body().to_string(), connect(&ingest).await?, connect(&ingest).await?);
    late.write_all(format!("{HEAD}Content-Length: {}\r\n\r\n", body.len()).as_bytes()).await?;
    // The head has to be read, and the body has to come within 2 s of that.
    sleep(Duration::from_secs(1)).await;
    ingest.signal("-TERM").await?;
    sleep(Duration::from_millis(300)).await;
    late.write_all(body.as_bytes()).await?;
    let answer = rest(&mut late, ANSWER).await?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(rest(&mut idle, Duration::from_secs(1)).await?, "");
    assert!(ingest.wait(Duration::from_secs(10)).await?.success());
    stack.down().await
}

//! How much of a worker a stranger can use up: slow, large and many requests, on bare sockets. Health checks and proper webhooks
//! still work.

use std::{
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use futures_util::future::join_all;
use harness::{Process, Stack, TOKEN, build};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

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
async fn a_slow_head_is_ended_and_a_kept_connection_is_not() -> Result<()> {
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
    let (silent, dribbled) = tokio::join!(rest(&mut silent, PATIENCE), timeout(PATIENCE, dribble));
    assert_eq!(silent?, "");
    let dribbled = dribbled.context("the slow head was not cut off")?;
    assert!(dribbled > Duration::from_secs(3), "cut off after {dribbled:?} already");
    // A proxy keeps its connections for a minute or two. The next head on one has as long as the first.
    sleep(PATIENCE.saturating_sub(began.elapsed())).await;
    let began = Instant::now();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await?;
    sleep(Duration::from_millis(500)).await;
    kept.write_all(b"GET").await.context("the kept connection")?;
    let kept = rest(&mut kept, PATIENCE).await?;
    assert_eq!(kept.matches("HTTP/1.1 200").count(), 2, "{kept}");
    assert!(began.elapsed() > Duration::from_secs(3), "cut off after {:?} already", began.elapsed());
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

/// Clients that send the head of a webhook and one byte of its body, and open a new connection when theirs is closed.
struct SlowBodies(CancellationToken, JoinHandle<()>);

impl SlowBodies {
    /// They have a thread of their own, so that their work does not delay what is measured. Each pauses before it comes again.
    fn start(ingest: &Process, clients: usize, pause: Duration) -> Result<Self> {
        let address = ingest.url.strip_prefix("http://").context("address")?.to_owned();
        let over = CancellationToken::new();
        let stop = over.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                let slow = (0..clients).map(|_| renewed(&address, pause));
                stop.run_until_cancelled(join_all(slow)).await;
            });
        });
        Ok(Self(over, thread))
    }

    fn end(self) -> Result<()> {
        self.0.cancel();
        self.1.join().map_err(|_| anyhow!("the slow clients panicked"))
    }
}

async fn renewed(address: &str, pause: Duration) {
    loop {
        if let Ok(mut socket) = TcpStream::connect(address).await {
            let _ = socket.write_all(format!("{HEAD}Content-Length: 100\r\n\r\n{{").as_bytes()).await;
            let _ = rest(&mut socket, PATIENCE).await;
        }
        sleep(pause).await;
    }
}

/// Sends a proper webhook, on a connection of its own, ten times a second: all must be answered with 200 within 2 s.
async fn all_are_accepted(ingest: &Process, during: Duration, what: &str) -> Result<()> {
    let client = reqwest::Client::builder().pool_max_idle_per_host(0).build()?;
    let body = build::webhook("call.ended", json!({ "id": 1 })).with_token(TOKEN);
    let (began, mut sent) = (Instant::now(), JoinSet::new());
    while began.elapsed() < during {
        let request = client.post(format!("{}/webhooks/aircall", ingest.url)).json(&body);
        sent.spawn(async move {
            let began = Instant::now();
            let status = request.timeout(ANSWER).send().await.map(|response| response.status());
            (status.is_ok_and(|status| status == StatusCode::OK), began.elapsed())
        });
        sleep(Duration::from_millis(100)).await;
    }
    let answers = sent.join_all().await;
    let accepted = answers.iter().filter(|(accepted, _)| *accepted).count();
    let mut took: Vec<_> = answers.iter().map(|(_, took)| *took).collect();
    took.sort_unstable();
    let (p99, longest) = (took[took.len() * 99 / 100], took[took.len() - 1]);
    println!("{what}: {accepted} of {} webhooks were accepted, p99 {p99:.1?}, longest {longest:.1?}", took.len());
    ensure!(accepted == took.len(), "{accepted} of {} were accepted", took.len());
    ensure!(longest < Duration::from_secs(2), "one took {longest:?}");
    Ok(())
}

#[tokio::test]
async fn slow_bodies_keep_nobody_out() -> Result<()> {
    let (stack, ingest) = ingest("slow_bodies").await?;
    let mut slow = connect(&ingest).await?;
    slow.write_all(format!("{HEAD}Content-Length: 100\r\n\r\n{{").as_bytes()).await?;
    let answer = rest(&mut slow, PATIENCE).await?;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    let flood = SlowBodies::start(&ingest, 300, Duration::ZERO)?;
    sleep(Duration::from_millis(500)).await;
    all_are_accepted(&ingest, Duration::from_secs(20), "300 slow bodies").await?;
    is_well(&ingest).await?;
    flood.end()?;
    drop(ingest);
    stack.down().await
}

/// Twice as many as there may be connections.
#[tokio::test]
async fn more_slow_bodies_than_connections_keep_nobody_out() -> Result<()> {
    let (stack, ingest) = ingest("more_bodies").await?;
    let flood = SlowBodies::start(&ingest, 1000, Duration::from_millis(200))?;
    sleep(Duration::from_secs(1)).await;
    all_are_accepted(&ingest, Duration::from_secs(10), "1,000 slow bodies").await?;
    is_well(&ingest).await?;
    flood.end()?;
    drop(ingest);
    stack.down().await
}

#[tokio::test]
async fn large_slow_bodies_are_bounded_together_and_keep_nobody_out() -> Result<()> {
    let (stack, ingest) = ingest("large_slow").await?;
    let part = format!("{HEAD}Content-Length: 1000000\r\n\r\n{}", " ".repeat(900_000));
    let slow = join_all((0..300).map(|_| async {
        let mut socket = connect(&ingest).await?;
        // It may have to give way before that is written.
        let _ = socket.write_all(part.as_bytes()).await;
        anyhow::Ok(socket)
    }));
    let slow = slow.await;
    assert_eq!(webhook(&ingest).await?.0, StatusCode::OK);
    let status = std::fs::read_to_string(format!("/proc/{}/status", ingest.pid().context("pid")?))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    let kb: u64 = peak.trim().trim_end_matches("kB").trim().parse()?;
    println!("300 bodies of 900 kB: at most {} MB in memory", kb / 1024);
    assert!(kb < 160 * 1024, "{kb} kB");
    drop((slow, ingest));
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

//! Answers the three requests that every call makes, at once or after a latency; all others go on to the sandbox.
//!
//! The sandbox checks and stores everything, which costs as much as a worker's own work and would be part of the measurement.
//! It stays behind this server for the rest: tokens, staff, the directory. Each call's card and log are counted.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{any, post},
};
use harness::Stack;
use tokio::{net::TcpListener, sync::oneshot};

/// The first line of a log names its call.
const MARKER: &[u8] = b"Aircall call ";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum What {
    Card,
    Log,
}

#[derive(Clone)]
pub(crate) struct Vendors(Arc<Inner>);

struct Inner {
    behind: String,
    http: reqwest::Client,
    latency_ms: AtomicU64,
    keeps_logs: AtomicBool,
    seen: Mutex<Seen>,
    next_id: AtomicI64,
    sellsy: AtomicU64,
    aircall: AtomicU64,
}

#[derive(Default)]
struct Seen {
    /// How often it arrived, and when first.
    arrived: HashMap<(What, i64), (u32, Instant)>,
    awaited: HashMap<(What, i64), oneshot::Sender<Instant>>,
}

impl Vendors {
    /// In front of the stack's sandbox; workers that are started from now on use it.
    pub(crate) async fn of(stack: &mut Stack) -> Result<Self> {
        let inner = Inner {
            behind: stack.sandbox.url().to_owned(),
            http: reqwest::Client::new(),
            latency_ms: AtomicU64::new(0),
            keeps_logs: AtomicBool::new(false),
            seen: Mutex::default(),
            next_id: AtomicI64::new(1),
            sellsy: AtomicU64::new(0),
            aircall: AtomicU64::new(0),
        };
        let vendors = Self(Arc::new(inner));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let here = format!("http://{}", listener.local_addr()?);
        for value in stack.environment.values_mut() {
            *value = value.replace(stack.sandbox.url(), &here);
        }
        for name in ["SELLSY_REQUESTS_PER_SECOND", "SELLSY_REQUESTS_PER_MINUTE", "AIRCALL_REQUESTS_PER_MINUTE"] {
            stack.environment.insert(name.into(), "10000000".into());
        }
        let routes = Router::new()
            .route("/aircall/v1/calls/{id}/insight_cards", post(card))
            .route("/sellsy/v2/opportunities/search", post(opportunities))
            .route("/sellsy/v2/phone-calls", post(log))
            .fallback(any(forward))
            .with_state(vendors.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(vendors)
    }

    pub(crate) fn set_latency(&self, latency: Duration) {
        let ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        self.0.latency_ms.store(ms, Ordering::Relaxed);
    }

    /// From now on logs go on to the sandbox, so that they can be read and changed.
    pub(crate) fn keep_logs(&self) {
        self.0.keeps_logs.store(true, Ordering::Relaxed);
    }

    /// The time at which the card or the log of a call arrives; call this before it can.
    pub(crate) fn next(&self, what: What, call: i64) -> oneshot::Receiver<Instant> {
        let (sender, receiver) = oneshot::channel();
        self.seen().awaited.insert((what, call), sender);
        receiver
    }

    /// Logs that arrived more than once; there must be none.
    pub(crate) fn doubled(&self) -> usize {
        self.seen().arrived.iter().filter(|((what, _), (times, _))| *what == What::Log && *times > 1).count()
    }

    pub(crate) fn logged(&self) -> usize {
        self.seen().arrived.keys().filter(|(what, _)| *what == What::Log).count()
    }

    /// The number of requests so far: to Sellsy, to Aircall.
    pub(crate) fn requests(&self) -> (u64, u64) {
        (self.0.sellsy.load(Ordering::Relaxed), self.0.aircall.load(Ordering::Relaxed))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrived(&self, what: What, call: i64) {
        let now = Instant::now();
        let mut seen = self.seen();
        seen.arrived.entry((what, call)).or_insert((0, now)).0 += 1;
        if let Some(waiting) = seen.awaited.remove(&(what, call)) {
            let _ = waiting.send(now);
        }
    }

    async fn takes_its_time(&self) {
        let ms = self.0.latency_ms.load(Ordering::Relaxed);
        if ms > 0 {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
    }
}

async fn card(State(vendors): State<Vendors>, Path(call): Path<i64>, _: Bytes) -> StatusCode {
    vendors.0.aircall.fetch_add(1, Ordering::Relaxed);
    vendors.takes_its_time().await;
    vendors.arrived(What::Card, call);
    StatusCode::NO_CONTENT
}

async fn opportunities(State(vendors): State<Vendors>, _: Bytes) -> Response {
    vendors.0.sellsy.fetch_add(1, Ordering::Relaxed);
    vendors.takes_its_time().await;
    let one = r#"{"data":[],"pagination":{"limit":5,"count":0,"total":0,"offset":null}}"#;
    json(StatusCode::OK, one.to_owned())
}

async fn log(State(vendors): State<Vendors>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else { return StatusCode::BAD_REQUEST.into_response() };
    vendors.0.sellsy.fetch_add(1, Ordering::Relaxed);
    let marker = body.windows(MARKER.len()).position(|window| window == MARKER);
    let digits = marker.map(|at| body[at + MARKER.len()..].iter().take_while(|byte| byte.is_ascii_digit()));
    let call = digits.map(|digits| digits.fold(0, |id, digit| id * 10 + i64::from(digit - b'0')));
    let Some(call) = call else { return StatusCode::BAD_REQUEST.into_response() };
    vendors.arrived(What::Log, call);
    if vendors.0.keeps_logs.load(Ordering::Relaxed) {
        return answered(&vendors, Request::from_parts(head, Body::from(body))).await;
    }
    vendors.takes_its_time().await;
    let id = vendors.0.next_id.fetch_add(1, Ordering::Relaxed);
    json(StatusCode::CREATED, format!(r#"{{"id":{id},"description":"","related":[]}}"#))
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [("content-type", "application/json")], body).into_response()
}

async fn forward(State(vendors): State<Vendors>, request: Request) -> Response {
    let of = if request.uri().path().starts_with("/aircall") { &vendors.0.aircall } else { &vendors.0.sellsy };
    of.fetch_add(1, Ordering::Relaxed);
    answered(&vendors, request).await
}

async fn answered(vendors: &Vendors, request: Request) -> Response {
    match forwarded(vendors, request).await {
        Ok(answer) => answer,
        Err(e) => (StatusCode::BAD_GATEWAY, format!("{e:#}")).into_response(),
    }
}

async fn forwarded(vendors: &Vendors, request: Request) -> Result<Response> {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().context("a path")?;
    let body = axum::body::to_bytes(body, usize::MAX).await?;
    let answer = vendors.0.http.request(head.method, format!("{}{target}", vendors.0.behind));
    let mut headers = head.headers;
    headers.remove("host");
    let answer = answer.headers(headers).body(body).send().await?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    response.headers_mut().remove("transfer-encoding");
    *response.body_mut() = Body::from(answer.bytes().await?);
    Ok(response)
}

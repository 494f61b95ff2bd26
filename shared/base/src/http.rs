//! The HTTP server of all workers, with bounds on what a client can consume.
//!
//! Anyone who reaches the port can connect, so time, size and number are limited. The head of a request must arrive within
//! [`HEAD_TIMEOUT`]; one that is too large is answered with 431. A connection may then be idle for [`IDLE_TIMEOUT`]. At
//! most [`MOST_CONNECTIONS`] are open: one more replaces the one that has kept us waiting longest, for a head, a body or
//! its next request. So idle or slow clients, however many, keep nobody out, and health is answered even while webhooks
//! flood in. The routes themselves limit how long a body may take and how much memory all bodies take.
//!
//! At shutdown no new connection is accepted, and requests in flight are answered.

mod connections;

use std::{io, net::SocketAddr, pin::pin, time::Duration};

use anyhow::Context;
use axum::Router;
use connections::{Arriving, Connections, Phase, Progress, Watched};
use hyper::{
    Request,
    body::{Body, Incoming},
    server::conn::http1::Builder,
    service::{Service, service_fn},
};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    net::{TcpListener, TcpStream},
    time,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// From the connection, or from the first byte after a pause. Aircall waits 5 s for the answer to a webhook.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer than proxies keep a connection that they do not use (nginx 60 or 75 s, Caddy 120 s). If we closed it first, we
/// might do so just when a proxy sends a request on it, and its client would get a 502.
const IDLE_TIMEOUT: Duration = Duration::from_secs(180);
/// Request line and headers together.
const LARGEST_HEAD: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;
/// What is read from a connection before a route takes it; hyper's default is 400 kB.
const LARGEST_BUFFER: usize = 64 * 1024;
/// Half of the usual default limit of 1,024 open files for a process.
const MOST_CONNECTIONS: usize = 512;
/// How often connections that are overdue are looked for.
const SWEEP_EVERY: Duration = Duration::from_millis(500);
/// Out of files or memory: other connections have to end first.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);

/// Binds `listen` and serves until `shutdown`.
pub async fn serve(listen: SocketAddr, routes: Router, shutdown: CancellationToken) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("HTTP_LISTEN: {listen} cannot be listened on; is another process using it?"))?;
    let address = listener.local_addr().context("the listening address")?;
    tracing::info!(%address, "Listening for HTTP.");
    let (tasks, mut connections) = (TaskTracker::new(), Connections::default());
    let mut sweep = time::interval(SWEEP_EVERY);
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            _ = sweep.tick() => {
                connections.end_overdue();
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) if connections.make_room() => {
                let progress = Progress::default();
                let task = tasks.spawn(serve_connection(stream, routes.clone(), progress.clone(), shutdown.clone()));
                connections.add(task.abort_handle(), progress);
            }
            Ok(_) => metrics::counter!("callbridge_http_turned_away_total").increment(1),
            Err(e) if is_client_gone(&e) => {}
            Err(e) => {
                tracing::error!(error = %e, "A connection could not be accepted.");
                time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }
    drop(listener);
    tasks.close();
    let mut ended = pin!(tasks.wait());
    loop {
        tokio::select! {
            () = ended.as_mut() => return Ok(()),
            _ = sweep.tick() => connections.end_overdue(),
        }
    }
}

/// The client closed the connection before it was accepted.
fn is_client_gone(e: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(e.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn serve_connection(stream: TcpStream, routes: Router, progress: Progress, shutdown: CancellationToken) {
    let routes = TowerToHyperService::new(routes);
    let io = TokioIo::new(Watched::new(stream, progress.clone()));
    let service = service_fn(move |request: Request<Incoming>| {
        progress.enter(if request.body().is_end_stream() { Phase::Answer } else { Phase::Body });
        let request = request.map(|body| Arriving::new(body, progress.clone()));
        let (answer, progress) = (routes.call(request), progress.clone());
        async move {
            let answer = answer.await;
            progress.enter(Phase::Idle);
            answer
        }
    });
    let mut builder = Builder::new();
    // `Connections` ends a slow head: hyper's own timeout would not distinguish it from the pause between two requests.
    builder
        .header_read_timeout(None)
        .max_header_size(LARGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LARGEST_BUFFER);
    let mut connection = pin!(builder.serve_connection(io, service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(e) = ended {
        tracing::debug!(error = %e, "A connection ended early.");
    }
}

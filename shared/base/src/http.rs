//! The HTTP server of all workers, with bounds on what a client can consume.
//!
//! Anyone who reaches the port can connect, so time and size are limited. The head of a request must arrive within
//! [`HEAD_TIMEOUT`], which includes the pause since the last request, else its connection is closed; a head that is too
//! large is answered with 431. At most [`MOST_CONNECTIONS`] connections are open: one more replaces the oldest that has no
//! request in flight. So idle or slow clients, however many, keep nobody out, and health is answered even while webhooks
//! flood in. The routes themselves limit how long a body may take and how many requests are in flight.
//!
//! At shutdown no new connection is accepted, and requests in flight are answered.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use axum::Router;
use hyper::{
    server::conn::http1::Builder,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::AbortHandle,
    time,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Aircall waits 5 s for the answer to a webhook.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Request line and headers together.
const LARGEST_HEAD: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;
/// Half of the usual default limit of 1,024 open files for a process.
const MOST_CONNECTIONS: usize = 512;
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
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) if connections.make_room() => {
                let busy = Arc::new(AtomicBool::new(false));
                let task = tasks.spawn(serve_connection(stream, routes.clone(), busy.clone(), shutdown.clone()));
                connections.0.push_back(Connection { task: task.abort_handle(), busy });
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
    tasks.wait().await;
    Ok(())
}

/// The client closed the connection before it was accepted.
fn is_client_gone(e: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(e.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// The open connections, oldest first.
#[derive(Default)]
struct Connections(VecDeque<Connection>);

struct Connection {
    task: AbortHandle,
    /// A request is in flight: its head has been read, its answer is not ready yet.
    busy: Arc<AtomicBool>,
}

impl Connections {
    /// If there are too many, closes the oldest connection without a request in flight; false if all have one.
    fn make_room(&mut self) -> bool {
        self.0.retain(|connection| !connection.task.is_finished());
        if self.0.len() < MOST_CONNECTIONS {
            return true;
        }
        let idle = self.0.iter().position(|connection| !connection.busy.load(Ordering::Relaxed));
        let Some(oldest) = idle.and_then(|index| self.0.remove(index)) else { return false };
        oldest.task.abort();
        true
    }
}

async fn serve_connection(stream: TcpStream, routes: Router, busy: Arc<AtomicBool>, shutdown: CancellationToken) {
    let routes = TowerToHyperService::new(routes);
    let service = service_fn(move |request| {
        busy.store(true, Ordering::Relaxed);
        let (answer, busy) = (routes.call(request), busy.clone());
        async move {
            let answer = answer.await;
            busy.store(false, Ordering::Relaxed);
            answer
        }
    });
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(LARGEST_HEAD)
        .max_headers(MOST_HEADERS);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
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

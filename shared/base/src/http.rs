//! The one HTTP server of all workers: routes in, answers out, and what a stranger may take of us is bounded.
//!
//! It is open to whoever reaches the port, so it holds a client to a pace and a size. A head that does not come whole
//! within [`HEAD_TIMEOUT`], the pause between two requests included, ends its connection; one that is too large is
//! answered with 431. Of connections there are at most [`MOST_CONNECTIONS`]: the next one takes the place of the oldest
//! on which no request is in hand. So idle or slow clients, however many, keep nobody out, and health is told while the
//! webhooks are flooded. How long a body may take and how many are in hand at once is for the routes to say.
//!
//! At shutdown nothing new is accepted and requests in hand are answered.

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

/// Whoever calls a webhook gives the whole exchange 5 s.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Request line and headers together.
const LARGEST_HEAD: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;
/// Half of the 1,024 open files that a process may have where nobody has raised the limit.
const MOST_CONNECTIONS: usize = 512;
/// Out of files or memory: others have to end first.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// Binds `listen` and serves until `shutdown`.
pub async fn serve(listen: SocketAddr, routes: Router, shutdown: CancellationToken) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("HTTP_LISTEN: {listen} cannot be listened on; is another process using it?"))?;
    let address = listener.local_addr().context("the listening address")?;
    tracing::info!(%address, "Listening for HTTP.");
    let (tasks, mut guests) = (TaskTracker::new(), Guests::default());
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) if guests.make_room() => {
                let busy = Arc::new(AtomicBool::new(false));
                let task = tasks.spawn(attend(stream, routes.clone(), busy.clone(), shutdown.clone()));
                guests.0.push_back(Guest { task: task.abort_handle(), busy });
            }
            Ok(_) => metrics::counter!("callbridge_http_turned_away_total").increment(1),
            Err(e) if is_of_the_client(&e) => {}
            Err(e) => {
                tracing::error!(error = %e, "A connection could not be accepted.");
                time::sleep(AFTER_FAILURE).await;
            }
        }
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
    Ok(())
}

/// It went away before it was accepted.
fn is_of_the_client(e: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(e.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// The connections, oldest first.
#[derive(Default)]
struct Guests(VecDeque<Guest>);

struct Guest {
    task: AbortHandle,
    /// A request is in hand: its head is whole, its answer is not there yet.
    busy: Arc<AtomicBool>,
}

impl Guests {
    /// Ends the oldest connection without a request in hand if there are too many; false if all have one.
    fn make_room(&mut self) -> bool {
        self.0.retain(|guest| !guest.task.is_finished());
        if self.0.len() < MOST_CONNECTIONS {
            return true;
        }
        let idle = self.0.iter().position(|guest| !guest.busy.load(Ordering::Relaxed));
        let Some(oldest) = idle.and_then(|index| self.0.remove(index)) else { return false };
        oldest.task.abort();
        true
    }
}

async fn attend(stream: TcpStream, routes: Router, busy: Arc<AtomicBool>, shutdown: CancellationToken) {
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

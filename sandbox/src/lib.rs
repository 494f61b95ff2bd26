//! The two vendors that Callbridge talks to, an Aircall account and a Sellsy account, on one loopback listener.
//!
//! For the demo, the end-to-end tests and the benchmarks. It is as strict as the vendors are (quotas, validation, error shapes,
//! events in odd orders, retries of webhooks) and keeps everything in memory until it ends. Under `/aircall` and `/sellsy` it
//! does only what the vendors' documentation says. Under `/_sandbox` a test plays calls, changes records as a person would,
//! sets faults and reads what happened. It shares no code with Callbridge's other crates, so that the same mistake about an
//! API cannot be made on both sides.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use axum::serve::ListenerExt;
use axum::{Router, middleware};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use options::Options;
pub use seed::Seed;

pub mod aircall;
mod control;
pub mod observe;
mod options;
pub mod quota;
mod seed;
pub mod sellsy;

/// How long requests in flight may take once the sandbox is asked to stop.
const GRACE: Duration = Duration::from_millis(500);

/// A sandbox that listens; it answers once [`Sandbox::serve`] runs.
#[derive(Debug)]
pub struct Sandbox {
    listener: TcpListener,
    router: Router,
}

impl Sandbox {
    pub async fn bind(options: &Options) -> anyhow::Result<Sandbox> {
        let seed = Seed::read(&options.data)?.with_quotas_of(options);
        let aircall = aircall::Account::new(&seed.aircall);
        if let (Some(url), Some(token)) = (&options.webhook_url, &options.webhook_token) {
            aircall.register_webhook(url, token);
        }
        let sellsy = sellsy::Account::new(&seed.sellsy)?;
        let listener =
            TcpListener::bind(options.listen).await.with_context(|| format!("cannot listen on {}", options.listen))?;
        Ok(Sandbox { listener, router: router(&aircall, &sellsy) })
    }

    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    pub async fn serve(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let listener = self.listener.tap_io(|connection| {
            // Otherwise, small answers wait 40 ms for an acknowledgement.
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "cannot switch off the delay of small packets");
            }
        });
        let server = axum::serve(listener, self.router).with_graceful_shutdown(shutdown.clone().cancelled_owned());
        let grace = async {
            shutdown.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            ended = server.into_future() => Ok(ended?),
            () = grace => Ok(()),
        }
    }
}

/// The whole program: binds, prints the address on stdout, and serves until `shutdown`.
pub async fn run(options: Options, shutdown: CancellationToken) -> anyhow::Result<()> {
    let sandbox = Sandbox::bind(&options).await?;
    println!("sandbox listening on http://{}", sandbox.address()?);
    sandbox.serve(shutdown).await
}

fn router(aircall: &aircall::Account, sellsy: &sellsy::Account) -> Router {
    let observer = observe::Observer::default();
    Router::new()
        .nest("/aircall", aircall::api(aircall.clone()))
        .nest("/sellsy/v2", sellsy::api(sellsy.clone()))
        .nest("/sellsy/oauth2", sellsy::login(sellsy.clone()))
        .merge(sellsy::pages(sellsy.clone()))
        .nest("/_sandbox/aircall", aircall::control(aircall.clone()))
        .nest("/_sandbox/sellsy", sellsy::control(sellsy.clone()))
        .nest("/_sandbox", control::router(observer.clone()))
        .layer(middleware::from_fn_with_state(observer, observe::middleware))
}

/// The HTTP client by which a vendor's server sends webhooks.
pub(crate) fn webhook_client(user_agent: &str, answer_within: Duration) -> reqwest::Client {
    // Another part of the process may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(answer_within)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(user_agent)
        .build()
        .unwrap_or_default()
}

/// Locks the mutex, even after a panic elsewhere: no code of the sandbox leaves its data half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

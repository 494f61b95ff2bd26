//! `callbridge console`: web pages on which an operator sees what happens, and replays or drops dead letters.
//!
//! Pages are rendered on the server, from the same functions that the commands use. Each page is a module; [`layout`]
//! renders what surrounds it, [`texts`] has every text in French and English, and [`auth`] checks the password.
//! `live.js` only refreshes parts of a page: everything works without it. Requests are not logged, because their addresses
//! contain what was searched for.

mod auth;
mod by_hand;
mod call;
mod calls;
mod chart;
mod conversations;
mod dead;
mod decision;
mod directory;
mod errors;
mod format;
mod jobs;
mod layout;
mod missed;
mod overview;
mod queues;
mod reasons;
mod story;
mod texts;

use std::{process::ExitCode, sync::Arc};
use vendors::sellsy::Sellsy;

use crate::{dead::DeadLetters, prospects, relink};
use anyhow::Context;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base::{db::Database, health::Readiness, settings::Settings, telemetry};
use logger::Logs;
use resolver::LookUp;
use secrecy::ExposeSecret;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

/// The largest accepted form, in bytes.
const MAX_FORM: usize = 16 * 1024;

pub(crate) const ABOUT: &str = "Needs CONSOLE_PASSWORD (at least 12 characters; CONSOLE_PASSWORD_FILE reads it from a file) and listens on \
     CONSOLE_LISTEN, by default 127.0.0.1:8090. Before other machines can reach it, put a proxy in front of it that terminates TLS.\n\n\
     Examples:\n  CONSOLE_PASSWORD='correct horse battery' callbridge console\n  callbridge console";

/// The state that all pages share.
struct Console {
    database: Database,
    settings: Settings,
    dead_letters: DeadLetters,
    /// Says why the broker cannot be used, if so.
    readiness: Readiness,
    logs: Logs,
    /// `None` without a credential for Sellsy: no caller can be looked up.
    look_up: Option<LookUp>,
    sellsy: Option<Sellsy>,
    sessions: auth::Sessions,
    jobs: Arc<jobs::Jobs>,
}

type Shared = Arc<Console>;

pub(crate) async fn run(database: &Database, settings: &Settings) -> anyhow::Result<ExitCode> {
    telemetry::start(settings, "console")?;
    let listen = settings.console_listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("CONSOLE_LISTEN: {listen} cannot listen there; is another process using it?"))?;
    let (down, links_down) = (CancellationToken::new(), CancellationToken::new());
    let console = Arc::new(Console::new(database, settings, links_down.clone())?);
    tracing::info!(address = %listener.local_addr()?, "Listening for HTTP.");
    if !listen.ip().is_loopback() {
        tracing::warn!(
            "The console can be reached from other machines: it needs a proxy in front of it that terminates TLS."
        );
    }
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let (stop_serving, stop_jobs) = (down.clone(), console.jobs.stop.clone());
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        stop_jobs.cancel();
        stop_serving.cancel();
    });
    axum::serve(listener, routes(console.clone()))
        .with_graceful_shutdown(down.cancelled_owned())
        .await
        .context("the HTTP server failed")?;
    console.jobs.wait_until_idle().await;
    links_down.cancel();
    Ok(ExitCode::SUCCESS)
}

impl Console {
    fn new(database: &Database, settings: &Settings, links_down: CancellationToken) -> anyhow::Result<Self> {
        let readiness = Readiness::default();
        let has_credential = !settings.sellsy.client_id.expose_secret().is_empty()
            && !settings.sellsy.client_secret.expose_secret().is_empty();
        let look_up = if has_credential { Some(relink::look_up(database, settings)?) } else { None };
        let sellsy = if has_credential { Some(prospects::sellsy(database, settings)?) } else { None };
        Ok(Self {
            database: database.clone(),
            sellsy,
            dead_letters: DeadLetters::new(database, settings, &readiness, links_down),
            readiness,
            logs: Logs::new(settings)?,
            look_up,
            sessions: auth::Sessions::new(&settings.console_password),
            jobs: Arc::default(),
            settings: settings.clone(),
        })
    }
}

fn routes(console: Shared) -> Router {
    Router::new()
        .route("/", get(overview::page))
        .route("/calls", get(calls::page))
        .route("/calls/{id}", get(call::page))
        .route("/calls/{id}/relink", post(by_hand::relink))
        .route("/calls/{id}/pin", post(by_hand::pin))
        .route("/calls/{id}/undo-prospect", post(by_hand::undo_prospect))
        .route("/missed", get(missed::page))
        .route("/messages", get(conversations::page))
        .route("/dead", get(dead::page))
        .route("/dead/replay", post(dead::replay))
        .route("/dead/drop", post(dead::drop_selected))
        .route("/directory", get(directory::page).post(directory::explain))
        .route("/directory/sync", post(directory::sync))
        .route("/login", get(auth::form).post(auth::log_in))
        .route("/logout", post(auth::log_out))
        .route("/style.css", get(|| asset("text/css; charset=utf-8", include_str!("console/style.css"))))
        .route("/live.js", get(|| asset("text/javascript; charset=utf-8", include_str!("console/live.js"))))
        .route("/icon.svg", get(|| asset("image/svg+xml", include_str!("console/icon.svg"))))
        .fallback(layout::not_found)
        .layer(middleware::from_fn_with_state(console.clone(), auth::gate))
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .with_state(console)
}

async fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response()
}

/// A page that could not be rendered. The error is in the log and on the page, without personal data.
struct Failed(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Failed {
    fn from(e: E) -> Self {
        Self(e.into())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        tracing::warn!(error = format!("{:#}", self.0), "A page could not be rendered.");
        (StatusCode::SERVICE_UNAVAILABLE, layout::failure(&format!("{:#}", self.0))).into_response()
    }
}

type Page = Result<Response, Failed>;

//! `callbridge console`: web pages on which an operator sees what happens, and replays or drops dead letters.
//!
//! Pages are rendered on the server, from the same functions that the commands use. Each page is a module; [`layout`]
//! renders what surrounds it, [`texts`] has every text in French and English, [`routes`] says who may do what, and [`auth`] lets them in.
//! `live.js` only refreshes parts of a page: everything works without it. Requests are not logged, because their addresses
//! contain what was searched for.

mod again;
mod api;
mod audit;
mod auth;
mod backfill;
mod by_hand;
mod call;
mod calls;
mod chart;
mod checked;
mod conditions;
mod conversations;
mod dead;
mod decision;
mod directory;
mod errors;
mod fields;
mod followups;
mod forgotten;
mod format;
mod in_sellsy;
mod installation;
mod jobs;
mod layout;
mod letter;
mod missed;
mod overview;
mod pinned;
mod queues;
mod reasons;
mod reports;
mod routes;
mod rules;
mod saved;
mod shapes;
mod story;
mod texts;
mod visitor;
mod wanted;
mod webhook;

use std::{net::SocketAddr, process::ExitCode, sync::Arc};
use vendors::sellsy::Sellsy;

use crate::{dead::DeadLetters, prospects, relink};
use anyhow::Context;
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
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
const MAX_FORM: usize = 64 * 1024;

pub(crate) const ABOUT: &str = "Needs CONSOLE_PASSWORD (at least 12 characters; CONSOLE_PASSWORD_FILE reads it from a file), or CONSOLE_PROXY or \
     CONSOLE_OIDC_ISSUER through which people sign in (docs/security.md), and listens on CONSOLE_LISTEN, by default 127.0.0.1:8090. Before other \
     machines can reach it, put a proxy in front of it that terminates TLS.\n\n\
     Examples:\n  CONSOLE_PASSWORD='correct horse battery' callbridge console\n  callbridge console --routes";

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
    password: auth::Password,
    /// `None` without an identity provider.
    provider: Option<auth::Provider>,
    jobs: Arc<jobs::Jobs>,
    figures: overview::Kept,
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
    let service = routes::router(&console).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(down.cancelled_owned())
        .await
        .context("the HTTP server failed")?;
    console.jobs.wait_until_idle().await;
    links_down.cancel();
    telemetry::spans::flush().await;
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
            password: auth::Password::new(&settings.console.password),
            provider: settings.console.oidc.as_ref().map(auth::Provider::new).transpose()?,
            jobs: Arc::default(),
            figures: overview::Kept::default(),
            settings: settings.clone(),
        })
    }
}

/// The description of the JSON for programs.
pub(crate) fn openapi() -> serde_json::Value {
    routes::described_for_programs()
}

/// Who may do what, as a table.
pub(crate) fn who_may_do_what() -> String {
    routes::described()
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
        let error = format!("{:#}", self.0);
        tracing::warn!(error, "A page could not be rendered.");
        let mut response = (StatusCode::SERVICE_UNAVAILABLE, layout::failure(&error)).into_response();
        response.extensions_mut().insert(visitor::Said(error));
        response
    }
}

type Page = Result<Response, Failed>;

//! What every worker does at its start and at its end.
//!
//! [`main`] reads the settings, starts telemetry, listens for signals and calls the worker's `run`. [`Base`] holds
//! what `run` stands on: links to the broker, the database, readiness. None of them needs its other end to be up:
//! a worker starts in any order, waits, says what for, and is not ready meanwhile.

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use anyhow::Context;
use axum::Router;
use base::{
    db::Database,
    health::{self, Readiness},
    http,
    ids::Stage,
    settings::{Needs, Problems, Settings},
    telemetry, tls,
};
use ledger::replicas::Replica;
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
    time,
};
use tokio_util::sync::CancellationToken;

use crate::{
    amqp::{Consumer, Handler, Link, Publisher},
    topology::Names,
};

/// How long a confirmation may take.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(3);
/// The same while a webhook waits for its answer: Aircall gives 5 s in all.
const WEBHOOK_PUBLISH_TIMEOUT: Duration = Duration::from_millis(1500);
/// For the probe, the relay and what else is no handler.
const SPARE_CONNECTIONS: usize = 4;
/// From SIGTERM to the end, whatever still runs; Docker kills after 10 s.
const LONGEST_STOP: Duration = Duration::from_secs(9);
/// How often a process tells that it lives.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// For telling that this process ends; without that the console would miss it for minutes.
const LAST_WORD: Duration = Duration::from_secs(2);
/// For the connections to close politely.
const GOODBYE: Duration = Duration::from_millis(50);

/// Runs a worker until SIGTERM or Ctrl-C. Exit code 2 for wrong settings, those included that only `run` finds out
/// ([`Problems`]); 1 for anything else that ends it.
pub async fn main<F>(
    name: &'static str,
    about: &'static str,
    needs: Needs,
    run: impl FnOnce(Settings, CancellationToken) -> F,
) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    let settings = match Settings::load(name, about, needs) {
        Ok(settings) => settings,
        Err(problems) => return wrong_settings(name, &problems),
    };
    match Box::pin(start(name, settings, run)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => match e.downcast_ref() {
            Some(problems) => wrong_settings(name, problems),
            None => {
                eprintln!("{name} ended: {e:#}");
                ExitCode::FAILURE
            }
        },
    }
}

fn wrong_settings(name: &str, problems: &Problems) -> ExitCode {
    eprint!("{name} cannot start; set these environment variables right (see {name} --help):\n{problems}");
    ExitCode::from(2)
}

async fn start<F>(
    name: &'static str,
    settings: Settings,
    run: impl FnOnce(Settings, CancellationToken) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    telemetry::start(&settings, name)?;
    let shutdown = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let token = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        tracing::info!("Stopping: messages in hand are finished, the rest stays in the queues.");
        token.cancel();
    });
    tracing::info!(worker = name, version = env!("CARGO_PKG_VERSION"), "Starting.");
    let ended = Box::pin(run(settings, shutdown)).await;
    telemetry::spans::flush().await;
    ended?;
    tracing::info!(worker = name, "Stopped.");
    Ok(())
}

/// What a worker stands on.
pub struct Base {
    name: String,
    pub settings: Settings,
    pub names: Names,
    pub database: Database,
    pub publisher: Publisher,
    pub readiness: Readiness,
    consume: Option<Link>,
    tasks: JoinSet<()>,
    /// Ends what consumes and listens.
    shutdown: CancellationToken,
    /// Ends the links, after everything that used them.
    links_down: CancellationToken,
}

impl Base {
    /// Starts to connect to broker and database and returns at once. A worker that consumes the queues of `stages` gets a second
    /// link, and database connections for every handler of them.
    pub fn start(
        name: &str,
        settings: Settings,
        stages: &[Stage],
        shutdown: CancellationToken,
    ) -> anyhow::Result<Self> {
        tls::install_provider();
        tls::check()?;
        let readiness = Readiness::default();
        let links_down = CancellationToken::new();
        let link = |what: &str, condition: &'static str| {
            let name = format!("callbridge {name} {what}");
            Link::start(&settings.amqp_url, name, readiness.condition(condition), links_down.clone())
        };
        let publish_timeout = if stages.is_empty() { WEBHOOK_PUBLISH_TIMEOUT } else { PUBLISH_TIMEOUT };
        let names = Names::new(settings.amqp_namespace.clone());
        let publisher = Publisher::new(link("publish", "broker"), names.clone(), publish_timeout);
        let consume = (!stages.is_empty()).then(|| link("consume", "broker for consuming"));
        let connections = usize::from(settings.concurrency) * stages.len().max(1) + SPARE_CONNECTIONS;
        let database =
            Database::start(&settings.database_url, connections, readiness.condition("database"), links_down.clone())?;
        Ok(Self {
            name: name.to_owned(),
            settings,
            names,
            database,
            publisher,
            readiness,
            consume,
            tasks: JoinSet::new(),
            shutdown,
            links_down,
        })
    }

    /// Starts to consume a stage's queue with `handler`; it drains at shutdown.
    pub fn consume<H: Handler>(&mut self, stage: Stage, handler: H) -> anyhow::Result<()> {
        let link = self.consume.clone().context("a worker that consumes needs a link for it")?;
        let condition = match stage {
            Stage::Cards => "consumer of cards",
            Stage::Resolver => "consumer of resolver",
            Stage::Logger => "consumer of logger",
            Stage::Insights => "consumer of insights",
            Stage::Ingest => anyhow::bail!("ingest has no queue of work"),
        };
        let consumer = Consumer {
            stage,
            names: self.names.clone(),
            link,
            publisher: self.publisher.clone(),
            database: self.database.clone(),
            concurrency: self.settings.concurrency,
            condition: self.readiness.condition(condition),
            handler,
        };
        self.spawn(consumer.run(self.shutdown.clone()));
        Ok(())
    }

    /// Starts something that ends by itself at shutdown.
    pub fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(work);
    }

    /// Starts something that is broken off at shutdown.
    pub fn spawn_until_shutdown(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        let shutdown = self.shutdown.clone();
        self.spawn(async move { shutdown.run_until_cancelled(work).await.unwrap_or_default() });
    }

    /// Serves health and `routes`; ends when everything that was started has drained after shutdown, or when serving
    /// fails.
    pub async fn serve(mut self, routes: Router) -> anyhow::Result<()> {
        let (database, readiness, shutdown) = (self.database.clone(), self.readiness.clone(), self.shutdown.clone());
        self.spawn(tell(Replica::of_this_process(&self.name), database, readiness, shutdown));
        let routes = routes.merge(health::routes(self.readiness.clone(), telemetry::metrics()));
        let http = http::serve(self.settings.http_listen, routes, self.shutdown.clone());
        let drained = async {
            self.shutdown.cancelled().await;
            while self.tasks.join_next().await.is_some() {}
            Ok(())
        };
        let too_long = async {
            self.shutdown.cancelled().await;
            time::sleep(LONGEST_STOP).await;
        };
        let served = tokio::select! {
            served = async { tokio::try_join!(http, drained).map(drop) } => served,
            () = too_long => Ok(()),
        };
        self.links_down.cancel();
        time::sleep(GOODBYE).await;
        served
    }
}

/// Tells the console that this process lives, and what it lacks, until it stops. Without a database there is nobody to tell.
async fn tell(replica: Replica, database: Database, readiness: Readiness, shutdown: CancellationToken) {
    let telling = async {
        loop {
            database.available().await;
            let missing: BTreeMap<_, _> = readiness.missing().into_iter().collect();
            let told = async { replica.tell(&database.client().await?, &missing).await }.await;
            if let Err(e) = told {
                tracing::debug!(error = %e, "The list of replicas could not be written.");
            }
            // The first line says "starting"; what comes of that is soon known.
            let soon = if missing.is_empty() { TELL_EVERY } else { TELL_EVERY / 5 };
            time::sleep(soon).await;
        }
    };
    if shutdown.run_until_cancelled(telling).await.is_none() {
        let goodbye = async { replica.goodbye(&database.client().await?).await };
        // Whoever waits for the end of this process does not wait for a database that is away.
        let _ = time::timeout(LAST_WORD, goodbye).await;
    }
}

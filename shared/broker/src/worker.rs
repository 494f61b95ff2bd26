//! The start and the stop of every worker.
//!
//! [`main`] reads the settings, starts telemetry, listens for signals and calls the worker's `run`, which makes a
//! [`Worker`]: links to the broker, the database, readiness. None of these must be available at the start: workers and
//! services start in any order; a worker waits, reports in `/readyz` what it waits for, and is not ready until then.

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use anyhow::Context;
use axum::Router;
use base::{
    db::{Database, Plans},
    error::with_causes,
    health::{self, Readiness},
    http,
    ids::Stage,
    out,
    settings::{Needs, Problems, Settings},
    telemetry, tell, tls,
};
use ledger::{replicas::Replica, timeline::Timeline};
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
/// The same while a webhook waits for its answer: Aircall waits 5 s in all.
const WEBHOOK_PUBLISH_TIMEOUT: Duration = Duration::from_millis(1500);
/// Database connections for the handlers of a queue, however many these are: a statement takes milliseconds, and most time is spent on requests to
/// the APIs, during which no connection is held. PostgreSQL has a process for each.
const CONNECTIONS: u16 = 8;
/// Database connections for the relay and all else that is not a handler; the probe has one of its own.
const SPARE_CONNECTIONS: usize = 3;
/// The longest time from SIGTERM to the end, even if work is still running; Docker kills after 10 s.
const STOP_TIMEOUT: Duration = Duration::from_secs(9);
/// How often a process reports to the console that it is alive.
const REPORT_EVERY: Duration = Duration::from_secs(10);
/// For the report that this process ends; without it the console would show the process as missing for minutes.
const LAST_REPORT_TIMEOUT: Duration = Duration::from_secs(2);
/// For the connections to close cleanly.
const CLOSE_TIME: Duration = Duration::from_millis(50);

/// Runs a worker until SIGTERM or Ctrl-C. Exit code 2 for wrong settings, including those that only `run` detects
/// ([`Problems`]); 1 for any other failure.
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
                tell!("{name} ended: {}", with_causes(e.as_ref()));
                ExitCode::FAILURE
            }
        },
    }
}

fn wrong_settings(name: &str, problems: &Problems) -> ExitCode {
    out::print_beside(problems.cannot_start(name, &format!("{name} --help")));
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
        tracing::info!("Stopping: messages in flight are finished, all others stay in the queues.");
        token.cancel();
    });
    tracing::info!(worker = name, version = env!("CARGO_PKG_VERSION"), "Starting.");
    let ended = Box::pin(run(settings, shutdown)).await;
    telemetry::spans::flush().await;
    ended?;
    tracing::info!(worker = name, "Stopped.");
    Ok(())
}

/// The parts that every worker has.
pub struct Worker {
    name: String,
    pub settings: Settings,
    pub names: Names,
    pub database: Database,
    pub timeline: Timeline,
    pub publisher: Publisher,
    pub readiness: Readiness,
    consume: Option<Link>,
    tasks: JoinSet<()>,
    /// Stops consumers and the HTTP server.
    shutdown: CancellationToken,
    /// Closes the links to broker and database, after everything that uses them has ended.
    close_links: CancellationToken,
}

impl Worker {
    /// Starts to connect to broker and database and returns at once. A worker that consumes the queues of `stages` gets a second
    /// link, and database connections for their handlers.
    pub fn start(
        name: &str,
        settings: Settings,
        stages: &[Stage],
        shutdown: CancellationToken,
    ) -> anyhow::Result<Self> {
        tls::install_provider();
        tls::check()?;
        let readiness = Readiness::default();
        let close_links = CancellationToken::new();
        let link = |what: &str, condition: &'static str| {
            let name = format!("callbridge {name} {what}");
            Link::start(&settings.amqp_url, name, readiness.condition(condition), close_links.clone())
        };
        let publish_timeout = if stages.is_empty() { WEBHOOK_PUBLISH_TIMEOUT } else { PUBLISH_TIMEOUT };
        let names = Names::new(settings.amqp_namespace.clone());
        let publisher = Publisher::new(link("publish", "broker"), names.clone(), publish_timeout);
        let consume = (!stages.is_empty()).then(|| link("consume", "broker for consuming"));
        let connections = usize::from(settings.concurrency.min(CONNECTIONS)) * stages.len().max(1) + SPARE_CONNECTIONS;
        let (condition, close) = (readiness.condition("database"), close_links.clone());
        let database = Database::start(&settings.database_url, connections, Plans::Once, condition, close)?;
        Ok(Self {
            name: name.to_owned(),
            settings,
            names,
            timeline: Timeline::start(database.clone()),
            database,
            publisher,
            readiness,
            consume,
            tasks: JoinSet::new(),
            shutdown,
            close_links,
        })
    }

    /// Starts to consume a stage's queue with `handler`. At shutdown, running handlers may finish.
    pub fn consume<H: Handler>(&mut self, stage: Stage, handler: H) -> anyhow::Result<()> {
        self.consume_if(true, stage, handler)
    }

    /// The same for an optional queue, which gets no messages unless they are `wanted`; those that it has are handled.
    pub fn consume_if<H: Handler>(&mut self, wanted: bool, stage: Stage, handler: H) -> anyhow::Result<()> {
        let link = self.consume.clone().context("a worker that consumes needs a link for it")?;
        let condition = match stage {
            Stage::Cards => "consumer of cards",
            Stage::Ended => "consumer of ended",
            Stage::Resolver => "consumer of resolver",
            Stage::Hints => "consumer of hints",
            Stage::Logger => "consumer of logger",
            Stage::Insights => "consumer of insights",
            Stage::Followups => "consumer of followups",
            Stage::Ingest => anyhow::bail!("ingest has no work queue"),
        };
        let consumer = Consumer {
            stage,
            names: self.names.clone(),
            link,
            publisher: self.publisher.clone(),
            database: self.database.clone(),
            timeline: self.timeline.clone(),
            readiness: self.readiness.clone(),
            concurrency: self.settings.concurrency,
            wants: wanted,
            condition: self.readiness.condition(condition),
            handler,
        };
        self.spawn(consumer.run(self.shutdown.clone()));
        Ok(())
    }

    /// Starts a task that ends on its own at shutdown.
    pub fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(work);
    }

    /// Starts a task that is dropped at shutdown.
    pub fn spawn_until_shutdown(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        let shutdown = self.shutdown.clone();
        self.spawn(async move { shutdown.run_until_cancelled(work).await.unwrap_or_default() });
    }

    /// Serves health and `routes`. Returns after shutdown, when all tasks have ended or time is up, or when serving fails.
    pub async fn serve(mut self, routes: Router) -> anyhow::Result<()> {
        let (database, readiness, shutdown) = (self.database.clone(), self.readiness.clone(), self.shutdown.clone());
        self.spawn(report_alive(Replica::of_this_process(&self.name), database, readiness, shutdown));
        let routes = routes.merge(health::routes(self.readiness.clone(), telemetry::metrics()));
        let http = http::serve(self.settings.http_listen, routes, self.shutdown.clone());
        let drained = async {
            self.shutdown.cancelled().await;
            while self.tasks.join_next().await.is_some() {}
            self.timeline.flush().await;
            Ok(())
        };
        let too_long = async {
            self.shutdown.cancelled().await;
            time::sleep(STOP_TIMEOUT).await;
        };
        let served = tokio::select! {
            served = async { tokio::try_join!(http, drained).map(drop) } => served,
            () = too_long => Ok(()),
        };
        self.close_links.cancel();
        time::sleep(CLOSE_TIME).await;
        served
    }
}

/// Stores for the console that this process is alive, and its unmet conditions, until it stops.
async fn report_alive(replica: Replica, database: Database, readiness: Readiness, shutdown: CancellationToken) {
    let reports = async {
        loop {
            database.available().await;
            let missing: BTreeMap<_, _> = readiness.missing().into_iter().chain(readiness.impaired()).collect();
            let stored = async { replica.report(&database.client().await?, &missing).await }.await;
            if let Err(e) = stored {
                tracing::debug!(error = %e, "The list of replicas could not be written.");
            }
            // Unmet conditions, such as "starting" at first, can change soon.
            let pause = if missing.is_empty() { REPORT_EVERY } else { REPORT_EVERY / 5 };
            time::sleep(pause).await;
        }
    };
    if shutdown.run_until_cancelled(reports).await.is_none() {
        let goodbye = async { replica.goodbye(&database.client().await?).await };
        // The end of this process must not wait for an unavailable database.
        let _ = time::timeout(LAST_REPORT_TIMEOUT, goodbye).await;
    }
}

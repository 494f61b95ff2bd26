//! PostgreSQL: the pool, the migrations, and whether the database is available.
//!
//! Any worker may be the first to start: it applies the embedded migrations under an advisory lock. While the
//! database is unavailable, the pool returns errors at once and [`Database::available`] waits. A supervisor probes once
//! a second; nothing else retries connections.

mod client;
mod url;

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use deadpool_postgres::{
    ClientWrapper, ConfigConnectImpl, Connect, Hook, HookError, Manager, ManagerConfig, Pool, PoolError, QueueMode,
    RecyclingMethod, Runtime, TimeoutType, Timeouts,
};
use rustls::RootCertStore;
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::watch, task::JoinHandle, time};
use tokio_postgres::{
    config::{SslMode, TargetSessionAttrs},
    error::SqlState,
};
use tokio_util::sync::CancellationToken;

use crate::{
    error::{Code, Error, Remedy, Result, with_causes},
    health::Condition,
    settings::each_host,
    tls,
};
pub use client::{Client, Failure, Transaction, readable};

/// Whether a setting is a URL for PostgreSQL; what is wrong with it otherwise.
pub(crate) use url::check as check_url;

mod embedded {
    refinery::embed_migrations!("../migrations");
}

/// For one host, before the next one is tried: it may accept a connection and hang, or drop what is sent to it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection whose other end is gone is noticed after some of these, also if nobody sends anything.
const KEEPALIVE: Duration = Duration::from_secs(10);
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// A statement that runs longer is blocked by something; the message is retried instead. Set after connecting, because a pooler refuses these as
/// options of the connection, or leaves them out.
const SESSION: &str =
    "set statement_timeout = '15s'; set idle_in_transaction_session_timeout = '30s'; set timezone = 'UTC'";
/// After a failover or a restore the ledger may be older than what it wrote in Sellsy: see the migration that makes the function.
const LEDGER_NOTED: &str =
    "do $$ begin if to_regclass('ledger_is') is not null then perform ledger_noted(); end if; end $$";
/// All connections of the pool are in use: this one message comes back soon. That says nothing about the database.
const BUSY: Duration = Duration::from_secs(2);
const READ_ONLY: &str = "it takes no writes: it is a standby, or default_transaction_read_only is set";
const TRANSACTION_POOLING: &str = "a pooler gives each transaction another connection; workers hold locks and settings on a connection, so \
                                   it has to pool sessions (PgBouncer: pool_mode = session)";
const LOCK_RETRY_EVERY: Duration = Duration::from_millis(100);
/// "callbrid" in ASCII: one lock for migrations per database.
const MIGRATION_LOCK: i64 = 0x6361_6c6c_6272_6964;

/// How PostgreSQL plans prepared statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plans {
    /// As it sees fit. It may plan a statement anew each time, if it expects little from its values.
    Usual,
    /// Once for all values, by indexes. For workers: their statements are written so that the values do not matter, and to plan
    /// the longest of them takes far longer than to carry it out. A table that is small when that is planned may not stay so,
    /// and what is estimated for unknown values must not lead to compilation, which takes seconds.
    Once,
}

#[derive(Clone)]
pub struct Database {
    pool: Pool,
    /// The probe's own connection, so that it asks the database and not whether another one is free.
    probing: Pool,
    available: Arc<watch::Sender<bool>>,
}

impl Database {
    /// Makes the pool and starts the supervisor that connects, migrates and probes.
    pub fn start(
        url: &SecretString,
        connections: usize,
        plans: Plans,
        condition: Condition,
        shutdown: CancellationToken,
    ) -> anyhow::Result<Self> {
        let (pool, probing) = (pool(url, connections, plans)?, pool(url, 2, Plans::Usual)?);
        let database = Self { pool, probing, available: Arc::new(watch::Sender::new(false)) };
        tokio::spawn(database.clone().supervise(condition, shutdown));
        Ok(database)
    }

    /// The database without a supervisor: it is not migrated and counts as available. For diagnosing what is wrong with it.
    pub fn unsupervised(url: &SecretString, connections: usize) -> anyhow::Result<Self> {
        let pool = pool(url, connections, Plans::Usual)?;
        Ok(Self { probing: pool.clone(), pool, available: Arc::new(watch::Sender::new(true)) })
    }

    /// A connection, or the error of PostgreSQL or the network.
    pub async fn connect(&self) -> Result<Client, PoolError> {
        self.pool.get().await.map(Client::pooled)
    }

    /// Returns as soon as the database is reachable and migrated.
    pub async fn available(&self) {
        // The sender lives in self, so waiting cannot fail.
        let _ = self.available.subscribe().wait_for(|available| *available).await;
    }

    /// A statement failed as if the database were unavailable: no message is handled until a probe succeeds.
    pub fn report_unavailable(&self, problem: &str) {
        let changed = self.available.send_if_modified(|available| std::mem::replace(available, false));
        if changed {
            self.forget_connections();
            tracing::warn!(error = problem, "The database is unavailable; work waits for it.");
        }
    }

    /// The idle connections lead to a server that may be another one now, or may hang.
    fn forget_connections(&self) {
        self.pool.retain(|_, _| false);
        self.probing.retain(|_, _| false);
    }

    /// Like [`Self::connect`], for handlers: the error makes the message wait for the database.
    pub async fn client(&self) -> Result<Client> {
        self.connect().await.map_err(|e| match e {
            PoolError::Timeout(TimeoutType::Wait) => {
                metrics::counter!("callbridge_database_busy_total").increment(1);
                let problem = format!("no database connection was free within {} s", CONNECT_TIMEOUT.as_secs());
                Error::new(Code::DatabaseUnavailable, Remedy::Defer { after: BUSY }, problem)
            }
            e => unavailable(e.to_string()),
        })
    }

    /// Takes the advisory lock of this name, on a connection detached from the pool: PostgreSQL releases the lock when that
    /// connection ends, however its holder ends. `None` if another session still holds the lock after `patience`.
    pub async fn lock(&self, name: &str, patience: Duration) -> Result<Option<Client>> {
        let give_up = time::Instant::now() + patience;
        // Detached before the lock is requested: if the caller stops waiting, the lock must not return to the pool.
        let client = self.client().await?.detach();
        let lock = "select pg_try_advisory_lock(hashtext('callbridge ' || $1::text))";
        while !client.query_one(lock, &[&name]).await?.get::<_, bool>(0) {
            if time::Instant::now() >= give_up {
                return Ok(None);
            }
            time::sleep(LOCK_RETRY_EVERY).await;
        }
        Ok(Some(client))
    }

    /// Applies what is missing, as a worker does at its start.
    pub async fn migrate(&self) -> anyhow::Result<Vec<refinery::Migration>> {
        let (mut one, other) = (self.connect().await?.detach(), self.connect().await?.detach());
        ensure!(keeps_sessions(&one, &other).await?, TRANSACTION_POOLING);
        migrate(&mut one).await
    }

    async fn supervise(self, condition: Condition, shutdown: CancellationToken) {
        let work = async {
            let mut warned = false;
            let mut migrated = false;
            loop {
                match Box::pin(self.probe(&mut migrated)).await {
                    Ok(()) => {
                        warned = false;
                        condition.met();
                        if self.available.send_if_modified(|available| !std::mem::replace(available, true)) {
                            tracing::info!("The database is connected.");
                        }
                    }
                    Err(e) => {
                        self.forget_connections();
                        let problem = tls::explain(with_causes(e.as_ref()));
                        condition.unmet(format!("the database cannot be used: {problem}"));
                        self.available.send_replace(false);
                        if !std::mem::replace(&mut warned, true) {
                            tracing::warn!(
                                error = problem,
                                "The database is unavailable; waiting for it to come back."
                            );
                        }
                    }
                }
                time::sleep(PROBE_EVERY).await;
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = work => {}
        }
    }

    /// Without the pool's own words about a connection that cannot be made.
    async fn probe_connection(&self) -> anyhow::Result<Client> {
        self.probing.get().await.map(Client::pooled).map_err(|e| match e {
            PoolError::Backend(e) => e.into(),
            e => e.into(),
        })
    }

    async fn probe(&self, migrated: &mut bool) -> anyhow::Result<()> {
        let one = self.probe_connection().await?;
        if !*migrated {
            // Neither stays: what is set on it, and the limits that a migration needs, end with it.
            let (mut one, other) = (one.detach(), self.probe_connection().await?.detach());
            ensure!(keeps_sessions(&one, &other).await?, TRANSACTION_POOLING);
            migrate(&mut one).await.map(drop).context("the migrations could not be applied")?;
            *migrated = true;
            return Ok(());
        }
        let answer = time::timeout(CONNECT_TIMEOUT, one.query_one("show transaction_read_only", &[]));
        ensure!(answer.await.context("no answer in time")??.get::<_, &str>(0) == "off", READ_ONLY);
        Ok(())
    }
}

/// False if a pooler mixes the sessions of two connections: what one sets, the other reads.
async fn keeps_sessions(one: &Client, other: &Client) -> anyhow::Result<bool> {
    const MARK: &str = "select set_config('callbridge.session', $1, false)";
    one.execute(MARK, &[&"one"]).await?;
    other.execute(MARK, &[&"other"]).await?;
    let mark: Option<String> = one.query_one("select current_setting('callbridge.session', true)", &[]).await?.get(0);
    Ok(mark.as_deref() == Some("one"))
}

fn pool(url: &SecretString, connections: usize, plans: Plans) -> anyhow::Result<Pool> {
    let hosts = each_host(url.expose_secret()).iter().map(|host| url::parse(host)).collect::<Result<Vec<_>, _>>();
    let mut hosts = hosts.map_err(anyhow::Error::msg)?;
    let plans = match plans {
        Plans::Usual => "",
        Plans::Once => "; set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set jit = off",
    };
    let session = format!("{SESSION}{plans}; {LEDGER_NOTED}");
    for url::Parsed { config, .. } in &mut hosts {
        config
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(CONNECT_TIMEOUT)
            .keepalives_idle(KEEPALIVE)
            .keepalives_interval(KEEPALIVE)
            // Also of one host, so that no connection is made to a standby.
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    let (count, first) = (hosts.len(), hosts.first().context("DATABASE_URL has no host")?);
    let (config, roots) = (first.config.clone(), first.roots.clone());
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let hosts: Vec<_> = hosts.into_iter().map(|host| host.config).collect();
    let manager = if config.get_ssl_mode() == SslMode::Disable {
        let connect =
            Hosts { each: ConfigConnectImpl { tls: tokio_postgres::NoTls }, hosts, last: AtomicUsize::new(0) };
        Manager::from_connect(config, connect, recycling)
    } else {
        let connect = Hosts { each: ConfigConnectImpl { tls: with_tls(roots) }, hosts, last: AtomicUsize::new(0) };
        Manager::from_connect(config, connect, recycling)
    };
    let create = CONNECT_TIMEOUT * u32::try_from(count).unwrap_or(1) + CONNECT_TIMEOUT;
    let timeouts = Timeouts { wait: Some(CONNECT_TIMEOUT), create: Some(create), recycle: Some(CONNECT_TIMEOUT) };
    Pool::builder(manager)
        .max_size(connections)
        // The connection used last has its server process and prepared statements warm; under light load the others stay idle.
        .queue_mode(QueueMode::Lifo)
        .timeouts(timeouts)
        .post_create(Hook::async_fn(move |client: &mut ClientWrapper, _| {
            let session = session.clone();
            Box::pin(async move {
                let set = time::timeout(CONNECT_TIMEOUT, client.batch_execute(&session)).await;
                set.map_err(|_| HookError::message("no answer in time"))?.map_err(HookError::Backend)
            })
        }))
        .runtime(Runtime::Tokio1)
        .build()
        .context("the connection pool")
}

/// One host after the other, beginning with the one that took writes last.
struct Hosts<T> {
    each: T,
    hosts: Vec<tokio_postgres::Config>,
    last: AtomicUsize,
}

type Connected = Result<(tokio_postgres::Client, JoinHandle<()>), tokio_postgres::Error>;

impl<T: Connect> Connect for Hosts<T> {
    fn connect(&self, _: &tokio_postgres::Config) -> Pin<Box<dyn Future<Output = Connected> + Send + '_>> {
        Box::pin(async {
            let (mut problem, last) = (None, self.last.load(Relaxed));
            for n in (0..self.hosts.len()).map(|turn| (last + turn) % self.hosts.len()) {
                match time::timeout(CONNECT_TIMEOUT, self.each.connect(&self.hosts[n])).await {
                    Ok(Ok(connected)) => {
                        self.last.store(n, Relaxed);
                        return Ok(connected);
                    }
                    Ok(Err(e)) => problem = Some(e),
                    Err(_) => {}
                }
            }
            match problem {
                Some(e) => Err(e),
                // None has answered. The pool's own limit says so.
                None => std::future::pending().await,
            }
        })
    }
}

fn with_tls(roots: RootCertStore) -> tokio_postgres_rustls::MakeRustlsConnect {
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    tokio_postgres_rustls::MakeRustlsConnect::new(config)
}

/// Returns those that this has applied.
async fn migrate(client: &mut Client) -> anyhow::Result<Vec<refinery::Migration>> {
    // The role of the workers may not be allowed to ask for more than this.
    if missing_migrations(client).await?.is_empty() {
        return Ok(Vec::new());
    }
    // A migration, or waiting for another worker's, may take longer than any statement of a handler.
    client.without_limit().await?;
    client.execute("select pg_advisory_lock($1)", &[&MIGRATION_LOCK]).await?;
    // A newer version of the workers may have applied migrations that this one does not know. They only add.
    let applied = embedded::migrations::runner().set_abort_missing(false).run_async(&mut **client).await;
    client.execute("select pg_advisory_unlock($1)", &[&MIGRATION_LOCK]).await?;
    let applied = applied.map_err(|e| {
        let is_refused = std::iter::successors(std::error::Error::source(&e), |e| e.source())
            .filter_map(|e| e.downcast_ref::<tokio_postgres::Error>()?.code())
            .any(|code| *code == SqlState::INSUFFICIENT_PRIVILEGE);
        let e = anyhow::Error::from(e);
        if is_refused {
            e.context("this role may not change tables: run `callbridge migrate` with one that may")
        } else {
            e
        }
    })?;
    for migration in applied.applied_migrations() {
        tracing::info!(version = migration.version(), name = migration.name(), "A migration was applied.");
    }
    Ok(applied.applied_migrations().to_vec())
}

/// The migrations of this program that are not applied as they are here, in their order. One that was applied with another text is
/// among them: to apply it is refused.
pub async fn missing_migrations(client: &tokio_postgres::Client) -> Result<Vec<refinery::Migration>> {
    let mut all = embedded::migrations::runner().get_migrations().clone();
    if migrations(client).await?.0.is_some() {
        let rows = client.query("select version, checksum from refinery_schema_history", &[]).await?;
        let applied: HashMap<i32, String> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        all.retain(|migration| applied.get(&migration.version()) != Some(&migration.checksum().to_string()));
    }
    all.sort();
    Ok(all)
}

/// The newest migration that was applied, if any, and the newest one in this program.
pub async fn migrations(client: &tokio_postgres::Client) -> Result<(Option<i32>, i32)> {
    let newest = embedded::migrations::runner().get_migrations().iter().map(|m| m.version()).max();
    let history = "select to_regclass('refinery_schema_history') is not null";
    let applied = if client.query_one(history, &[]).await?.get(0) {
        client.query_one("select max(version) from refinery_schema_history", &[]).await?.get(0)
    } else {
        None
    };
    Ok((applied, newest.unwrap_or_default()))
}

impl From<tokio_postgres::Error> for Error {
    fn from(e: tokio_postgres::Error) -> Self {
        let Some(db) = e.as_db_error() else {
            // Without an answer from the server it is the connection, or a parameter or column of the wrong type.
            return if client::is_of_connection(&e) {
                unavailable(e.to_string())
            } else {
                Error::retry(Code::DatabaseRejected, e.to_string())
            };
        };
        let code = db.code();
        let class = code.code().get(..2).unwrap_or_default();
        // The server's messages may quote values; its code and the constraint's name never do.
        let message = format!(
            "PostgreSQL answered {}{}",
            code.code(),
            db.constraint().map(|c| format!(" ({c})")).unwrap_or_default()
        );
        match class {
            // Connection errors, lack of resources, shutting down or starting up.
            "08" | "53" | "57" | "58" if *code != SqlState::QUERY_CANCELED => unavailable(message),
            // This server is not the primary any more; the next connection leads to the one that is.
            _ if *code == SqlState::READ_ONLY_SQL_TRANSACTION => unavailable(format!("{message}: {READ_ONLY}")),
            _ => Error::retry(Code::DatabaseRejected, message),
        }
    }
}

impl From<Failure> for Error {
    fn from(e: Failure) -> Self {
        match e {
            Failure::Postgres(e) => e.into(),
            Failure::NoAnswer => unavailable(e.to_string()),
        }
    }
}

fn unavailable(message: String) -> Error {
    Error::new(Code::DatabaseUnavailable, Remedy::AwaitDatabase, message)
}

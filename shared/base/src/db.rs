//! PostgreSQL: the pool, the migrations, and whether the database is there.
//!
//! Any worker may be the first to start: it applies the embedded migrations under an advisory lock. While the
//! database is away the pool hands out errors at once and [`Database::available`] waits; a supervisor probes once a
//! second. Nobody else retries connections.

mod client;

use std::{error::Error as _, sync::Arc, time::Duration};

use anyhow::Context;
use deadpool_postgres::{Manager, ManagerConfig, Pool, PoolError, QueueMode, RecyclingMethod, Runtime, Timeouts};
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::watch, time};
use tokio_postgres::{config::SslMode, error::SqlState};
use tokio_util::sync::CancellationToken;

use crate::{
    error::{Code, Error, Remedy, Result},
    health::Condition,
    tls,
};
pub use client::Client;

mod embedded {
    refinery::embed_migrations!("../migrations");
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// A statement that runs longer is stuck behind something; the message is tried again instead.
const STATEMENT_TIMEOUT: &str = "-c statement_timeout=15s -c idle_in_transaction_session_timeout=30s -c timezone=UTC";
const NOT_A_DATABASE: &str = "DATABASE_URL is not a valid postgres:// URL, or one with an option that is not known here; \
                              sslmode is disable, prefer or require (which verifies)";
const LOCK_TRIED_EVERY: Duration = Duration::from_millis(100);
/// "callbrid" in ASCII: one lock for migrations per database.
const MIGRATION_LOCK: i64 = 0x6361_6c6c_6272_6964;

#[derive(Clone)]
pub struct Database {
    pool: Pool,
    available: Arc<watch::Sender<bool>>,
}

impl Database {
    /// Makes the pool and starts the supervisor that connects, migrates and probes.
    pub fn start(
        url: &SecretString,
        connections: usize,
        condition: Condition,
        shutdown: CancellationToken,
    ) -> anyhow::Result<Self> {
        let database = Self { pool: pool(url, connections)?, available: Arc::new(watch::Sender::new(false)) };
        tokio::spawn(database.clone().supervise(condition, shutdown));
        Ok(database)
    }

    /// The database as it is, without migrating it or waiting for it: for whoever looks what is wrong with it.
    pub fn as_it_is(url: &SecretString, connections: usize) -> anyhow::Result<Self> {
        Ok(Self { pool: pool(url, connections)?, available: Arc::new(watch::Sender::new(true)) })
    }

    /// A connection, or what PostgreSQL or the network said.
    pub async fn connect(&self) -> Result<Client, PoolError> {
        self.pool.get().await.map(Client::of_the_pool)
    }

    /// Returns as soon as the database is there and migrated.
    pub async fn available(&self) {
        // The sender lives in self, so waiting cannot fail.
        let _ = self.available.subscribe().wait_for(|there| *there).await;
    }

    /// Somebody met a sign that the database is away: nothing is handled until a probe succeeds.
    pub fn suspect(&self, problem: &str) {
        let changed = self.available.send_if_modified(|there| std::mem::replace(there, false));
        if changed {
            tracing::warn!(error = problem, "The database is away; work waits for it.");
        }
    }

    pub async fn client(&self) -> Result<Client> {
        self.connect().await.map_err(|e| away(e.to_string()))
    }

    /// A lock by this name, on a connection of its own that has left the pool: it falls with that connection, however its holder
    /// ends. `None` if somebody else still holds it after `patience`.
    pub async fn alone(&self, name: &str, patience: Duration) -> Result<Option<Client>> {
        let give_up = time::Instant::now() + patience;
        // Before the lock: one that is waited for no longer must not go back to the pool with it.
        let client = self.client().await?.out_of_the_pool();
        let lock = "select pg_try_advisory_lock(hashtext('callbridge ' || $1::text))";
        while !client.query_one(lock, &[&name]).await?.get::<_, bool>(0) {
            if time::Instant::now() >= give_up {
                return Ok(None);
            }
            time::sleep(LOCK_TRIED_EVERY).await;
        }
        Ok(Some(client))
    }

    async fn supervise(self, condition: Condition, shutdown: CancellationToken) {
        let work = async {
            let mut told = false;
            let mut migrated = false;
            loop {
                match self.probe(&mut migrated).await {
                    Ok(()) => {
                        told = false;
                        condition.met();
                        if self.available.send_if_modified(|there| !std::mem::replace(there, true)) {
                            tracing::info!("The database is connected.");
                        }
                    }
                    Err(e) => {
                        let problem = tls::explain(format!("{e:#}"));
                        condition.unmet(format!("the database cannot be used: {problem}"));
                        self.available.send_replace(false);
                        if !std::mem::replace(&mut told, true) {
                            tracing::warn!(error = problem, "The database is away; waiting for it to come back.");
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

    async fn probe(&self, migrated: &mut bool) -> anyhow::Result<()> {
        let mut client = self.connect().await?;
        if !*migrated {
            migrate(&mut client).await.context("the migrations could not be applied")?;
            *migrated = true;
        }
        time::timeout(CONNECT_TIMEOUT, client.simple_query("select 1")).await.context("no answer in time")??;
        Ok(())
    }
}

fn pool(url: &SecretString, connections: usize) -> anyhow::Result<Pool> {
    let mut config: tokio_postgres::Config = url
        .expose_secret()
        .parse()
        // The parser's message may quote the URL, and the URL may hold a password.
        .map_err(|_| anyhow::anyhow!("{NOT_A_DATABASE}"))?;
    config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(CONNECT_TIMEOUT).options(STATEMENT_TIMEOUT);
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = if config.get_ssl_mode() == SslMode::Disable {
        Manager::from_config(config, tokio_postgres::NoTls, recycling)
    } else {
        Manager::from_config(config, with_tls(), recycling)
    };
    let timeouts =
        Timeouts { wait: Some(CONNECT_TIMEOUT), create: Some(CONNECT_TIMEOUT), recycle: Some(CONNECT_TIMEOUT) };
    Pool::builder(manager)
        .max_size(connections)
        // The connection used last has its server process and its statements at hand; under a light load the others rest.
        .queue_mode(QueueMode::Lifo)
        .timeouts(timeouts)
        .runtime(Runtime::Tokio1)
        .build()
        .context("the connection pool")
}

fn with_tls() -> tokio_postgres_rustls::MakeRustlsConnect {
    let config = rustls::ClientConfig::builder().with_root_certificates(tls::roots()).with_no_client_auth();
    tokio_postgres_rustls::MakeRustlsConnect::new(config)
}

async fn migrate(client: &mut Client) -> anyhow::Result<()> {
    // A migration, or another worker's, may take longer than any statement of a handler.
    client.batch_execute("set statement_timeout = 0").await?;
    client.execute("select pg_advisory_lock($1)", &[&MIGRATION_LOCK]).await?;
    // A newer version of the workers may have applied what this one does not know: migrations only add.
    let applied = embedded::migrations::runner().set_abort_missing(false).run_async(&mut **client).await;
    client.execute("select pg_advisory_unlock($1)", &[&MIGRATION_LOCK]).await?;
    client.batch_execute("reset statement_timeout").await?;
    for migration in applied?.applied_migrations() {
        tracing::info!(version = migration.version(), name = migration.name(), "A migration was applied.");
    }
    Ok(())
}

/// The newest migration that was applied, if any was, and the newest one that this program has.
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
            // Without an answer of the server it is the connection, or a parameter or column of the wrong type.
            let connection = e.is_closed() || e.source().is_some_and(|source| source.is::<std::io::Error>());
            return if connection { away(e.to_string()) } else { Error::retry(Code::DatabaseRejected, e.to_string()) };
        };
        let code = db.code();
        let class = code.code().get(..2).unwrap_or_default();
        // Messages of the server may quote values; its code and the constraint's name never do.
        let message = format!(
            "PostgreSQL answered {}{}",
            code.code(),
            db.constraint().map(|c| format!(" ({c})")).unwrap_or_default()
        );
        match class {
            // Connection trouble, resources, shutting down or starting up.
            "08" | "53" | "57" | "58" if *code != SqlState::QUERY_CANCELED => away(message),
            _ => Error::retry(Code::DatabaseRejected, message),
        }
    }
}

fn away(message: String) -> Error {
    Error::new(Code::DatabaseUnavailable, Remedy::AwaitDatabase, message)
}

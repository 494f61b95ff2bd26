//! One installation of Callbridge: sandbox, workers, a database and an AMQP namespace of its own.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use base::ids::Stage;
use broker::topology::{DELAYS, Names, WORK_QUEUES};
use lapin::{
    Connection, ConnectionProperties,
    options::{
        BasicAckOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeleteOptions,
        QueueDeleteOptions,
    },
};
use uuid::Uuid;

use crate::{Process, Sandbox, Services, TOKEN, binaries::workspace, eventually};

pub const WORKERS: [&str; 4] = ["ingest", "resolver", "logger", "insights"];

/// Longer than a start should take on a busy machine with two cores.
const SOON: Duration = Duration::from_secs(30);

/// The sandbox's usual accounts, from the workspace's folder on.
pub const ACCOUNTS: &str = "sandbox/data/account.toml";

pub const NO_QUOTAS: [&str; 8] =
    ["--sellsy-per-second", "0", "--sellsy-per-minute", "0", "--sellsy-per-day", "0", "--aircall-per-minute", "0"];

/// Of every console that a stack starts.
pub const CONSOLE_PASSWORD: &str = "correct horse battery";

pub struct Stack {
    pub name: String,
    pub names: Names,
    pub amqp_url: String,
    pub database_url: String,
    pub sandbox: Sandbox,
    pub logs: PathBuf,
    /// What every worker is started with; change it before starting one.
    pub environment: BTreeMap<String, String>,
    services: &'static Services,
    started: usize,
}

impl Stack {
    /// Sandbox without quotas, database and namespace; no worker yet.
    pub async fn new(what: &str) -> anyhow::Result<Self> {
        Self::with_sandbox(what, &NO_QUOTAS).await
    }

    /// The same with other arguments for the sandbox.
    pub async fn with_sandbox(what: &str, sandbox: &[&str]) -> anyhow::Result<Self> {
        Self::with_accounts(what, &workspace().join(ACCOUNTS), sandbox).await
    }

    /// The same with other accounts, in a file like `sandbox/data/account.toml`.
    pub async fn with_accounts(what: &str, data: &Path, sandbox: &[&str]) -> anyhow::Result<Self> {
        let services = Services::get().await?;
        let name = format!("cb_{what}_{}", &Uuid::new_v4().simple().to_string()[..8]);
        let logs = workspace().join("target/test-logs").join(&name);
        std::fs::create_dir_all(&logs).with_context(|| format!("{}", logs.display()))?;
        sql(&services.database_url, &format!("create database {name}")).await?;
        let database_url = with_database(&services.database_url, &name);
        let sandbox = Sandbox::start(data, logs.join("sandbox.log"), sandbox).await?;
        let mut stack = Self {
            names: Names::new(name.clone()),
            amqp_url: services.amqp_url.clone(),
            database_url,
            sandbox,
            logs,
            environment: BTreeMap::new(),
            services,
            started: 0,
            name,
        };
        stack.environment = stack.settings();
        Ok(stack)
    }

    /// Sandbox and one of each worker, ready, with the webhook in place. The order is that of [`WORKERS`].
    pub async fn running(what: &str) -> anyhow::Result<(Self, Vec<Process>)> {
        let mut stack = Self::new(what).await?;
        let workers = stack.start_all().await?;
        Ok((stack, workers))
    }

    /// One of each worker, ready, the directory loaded and the webhook in place.
    pub async fn start_all(&mut self) -> anyhow::Result<Vec<Process>> {
        let mut workers = Vec::new();
        for worker in WORKERS {
            workers.push(self.start(worker).await?);
        }
        for worker in &workers {
            worker.until_ready(SOON).await?;
        }
        self.directory_loaded(SOON).await?;
        self.sandbox.deliver_to(&workers[0].url).await?;
        Ok(workers)
    }

    /// Starts one more replica of a worker; it listens, but need not be ready yet.
    pub async fn start(&mut self, worker: &str) -> anyhow::Result<Process> {
        self.started += 1;
        let log = self.logs.join(format!("{worker}-{}.log", self.started));
        let environment: Vec<_> = self.environment.clone().into_iter().collect();
        Process::start(worker, &[], &environment, log).await
    }

    /// What `callbridge` prints with these arguments, and whether it ended with 0.
    pub async fn callbridge(&self, arguments: &[&str]) -> anyhow::Result<(String, bool)> {
        let mut process = self.begin(arguments).await?;
        let ended = process.wait(Duration::from_secs(60)).await?;
        Ok((process.output(), ended.success()))
    }

    /// `callbridge` with these arguments, which is at work when this returns.
    pub async fn begin(&self, arguments: &[&str]) -> anyhow::Result<Process> {
        let log = self.logs.join(format!("callbridge-{}.log", Uuid::new_v4().simple()));
        let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let environment: Vec<_> = self.environment.clone().into_iter().collect();
        Process::spawn("callbridge", &arguments, &environment, log).await
    }

    /// `callbridge console`, which listens on a port of its own.
    pub async fn start_console(&self) -> anyhow::Result<Process> {
        let log = self.logs.join(format!("console-{}.log", Uuid::new_v4().simple()));
        let mut environment = self.environment.clone();
        environment.insert("CONSOLE_LISTEN".into(), "127.0.0.1:0".into());
        environment.insert("CONSOLE_PASSWORD".into(), CONSOLE_PASSWORD.into());
        let environment: Vec<_> = environment.into_iter().collect();
        Process::start("callbridge", &["console".into()], &environment, log).await
    }

    fn settings(&self) -> BTreeMap<String, String> {
        let sandbox = self.sandbox.url();
        let settings = [
            ("AMQP_URL", self.amqp_url.clone()),
            ("AMQP_NAMESPACE", self.name.clone()),
            ("DATABASE_URL", self.database_url.clone()),
            ("HTTP_LISTEN", "127.0.0.1:0".into()),
            ("AIRCALL_API_URL", format!("{sandbox}/aircall")),
            ("AIRCALL_API_ID", "sandbox-aircall-id".into()),
            ("AIRCALL_API_TOKEN", "sandbox-aircall-token".into()),
            ("AIRCALL_WEBHOOK_TOKENS", TOKEN.into()),
            ("AIRCALL_REQUESTS_PER_MINUTE", "60000".into()),
            ("SELLSY_API_URL", format!("{sandbox}/sellsy/v2")),
            ("SELLSY_AUTH_URL", format!("{sandbox}/sellsy/oauth2/access-tokens")),
            ("SELLSY_CLIENT_ID", "sandbox-sellsy-client".into()),
            ("SELLSY_CLIENT_SECRET", "sandbox-sellsy-secret".into()),
            ("SELLSY_REQUESTS_PER_SECOND", "1000".into()),
            ("SELLSY_REQUESTS_PER_MINUTE", "60000".into()),
            ("RUST_LOG", "info".into()),
        ];
        settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// A connection to this stack's database.
    pub async fn database(&self) -> anyhow::Result<tokio_postgres::Client> {
        connect(&self.database_url).await
    }

    /// A connection as the workers have them, for their own functions.
    pub async fn ledger(&self) -> anyhow::Result<base::db::Client> {
        let database = base::db::Database::unsupervised(&self.database_url.as_str().into(), 1)?;
        database.connect().await.context("the database")
    }

    /// As if two minutes had passed for the ledger: leases run out, unclear creations have settled, put-off changes are
    /// due. Only while no logger is at work, or two of them would believe that they hold the same call.
    pub async fn time_passes(&self) -> anyhow::Result<()> {
        let leases = "update calls set lease_until = lease_until - interval '2 minutes'";
        self.database().await?.batch_execute(leases).await?;
        self.pauses_end().await
    }

    /// The same but for the leases, so that loggers may be at work.
    pub async fn pauses_end(&self) -> anyhow::Result<()> {
        let pauses =
            "update calls set intent_at = intent_at - interval '2 minutes', due_at = due_at - interval '2 minutes'
                       where intent_at is not null or due_at is not null";
        Ok(self.database().await?.batch_execute(pauses).await?)
    }

    /// As if what changes of logs wait for were over, and nothing else: see decision 0006.
    pub async fn gathering_ends(&self) -> anyhow::Result<()> {
        let due = "update calls set due_at = due_at - interval '2 minutes' where due_at is not null";
        Ok(self.database().await?.batch_execute(due).await?)
    }

    /// As if the time of every message in a delay queue were up.
    pub async fn delays_end(&self) -> anyhow::Result<()> {
        let connection = Connection::connect(&self.amqp_url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        for (rung, _) in DELAYS {
            let queue = self.names.delay(rung);
            while let Some(message) = channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await? {
                let message = message.delivery;
                let (body, properties) = (&message.data, message.properties.clone());
                let options = BasicPublishOptions::default();
                let publish = channel.basic_publish("".into(), message.routing_key.clone(), options, body, properties);
                publish.await?.await?;
                message.ack(BasicAckOptions::default()).await?;
            }
        }
        connection.close(200, "done".into()).await?;
        Ok(())
    }

    /// Waits until the phone directory has read all records of the sandbox.
    pub async fn directory_loaded(&self, within: Duration) -> anyhow::Result<()> {
        let database = self.database().await?;
        let loaded = || async {
            let sql = "select count(*) from directory_sync where loaded_at is not null";
            let kinds: i64 = database.query_one(sql, &[]).await.ok()?.get(0);
            (kinds == 3).then_some(())
        };
        eventually(within, loaded).await.context("the directory is not loaded")
    }

    /// Waits until all that ingest had to write down has reached the broker.
    pub async fn inbox_empty(&self, within: Duration) -> anyhow::Result<()> {
        let database = self.database().await?;
        let empty = || async {
            let waiting: i64 = database.query_one("select count(*) from inbox", &[]).await.ok()?.get(0);
            (waiting == 0).then_some(())
        };
        eventually(within, empty).await.context("the inbox is not empty")
    }

    /// How many messages wait in a queue; those that somebody has in hand are not counted.
    pub async fn depth(&self, queue: &str) -> anyhow::Result<u32> {
        let connection = Connection::connect(&self.amqp_url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let passive = lapin::options::QueueDeclareOptions { passive: true, ..Default::default() };
        let queue = channel.queue_declare(queue.into(), passive, lapin::types::FieldTable::default()).await?;
        let depth = queue.message_count();
        connection.close(200, "done".into()).await?;
        Ok(depth)
    }

    /// Takes all messages of a queue away, as a broker that has lost its disk.
    pub async fn purge(&self, queue: &str) -> anyhow::Result<()> {
        let connection = Connection::connect(&self.amqp_url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.queue_purge(queue.into(), lapin::options::QueuePurgeOptions::default()).await?;
        Ok(connection.close(200, "done".into()).await?)
    }

    /// Removes the database and the queues; the workers must have ended.
    pub async fn down(self) -> anyhow::Result<()> {
        let connection = Connection::connect(&self.amqp_url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let work = WORK_QUEUES.iter().map(|queue| self.names.work(queue.stage));
        let dead = Stage::ALL.map(|stage| self.names.dead(stage));
        let delays: Vec<_> = DELAYS.iter().map(|(rung, _)| self.names.delay(rung)).collect();
        for queue in work.chain(dead).chain(delays.clone()) {
            channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await?;
        }
        for exchange in delays.into_iter().chain([self.names.events()]) {
            channel.exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default()).await?;
        }
        connection.close(200, "done".into()).await?;
        sql(&self.services.database_url, &format!("drop database {} with (force)", self.name)).await
    }
}

async fn connect(url: &str) -> anyhow::Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.context("PostgreSQL")?;
    tokio::spawn(connection);
    Ok(client)
}

async fn sql(url: &str, statement: &str) -> anyhow::Result<()> {
    connect(url).await?.batch_execute(statement).await.with_context(|| statement.to_owned())
}

/// The same server, another database.
fn with_database(url: &str, name: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, None), |(address, query)| (address, Some(query)));
    let server = address.rsplit_once('/').map_or(address, |(server, _)| server);
    match query {
        Some(query) => format!("{server}/{name}?{query}"),
        None => format!("{server}/{name}"),
    }
}

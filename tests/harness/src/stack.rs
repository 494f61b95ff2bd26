//! One installation of Callbridge: sandbox, workers, a database and an AMQP namespace of its own.

pub(crate) mod queues;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use broker::topology::Names;
use uuid::Uuid;

use crate::{
    Ledger, Process, Sandbox, Services, TOKEN, binaries::workspace, database, eventually, resources::Resources,
};

pub const WORKERS: [&str; 4] = ["ingest", "resolver", "logger", "insights"];

/// Longer than a start should take on a busy machine with two cores.
const SOON: Duration = Duration::from_secs(30);

/// The sandbox's usual accounts; the path starts at the workspace's folder.
pub const ACCOUNTS: &str = "sandbox/data/account.toml";

pub const NO_QUOTAS: [&str; 8] =
    ["--sellsy-per-second", "0", "--sellsy-per-minute", "0", "--sellsy-per-day", "0", "--aircall-per-minute", "0"];

/// The password of every console that a stack starts.
pub const CONSOLE_PASSWORD: &str = "correct horse battery";

/// Its resources are released when it is dropped: see [`Resources`].
pub struct Stack {
    pub name: String,
    pub names: Names,
    pub amqp_url: String,
    pub database_url: String,
    pub sandbox: Sandbox,
    pub logs: PathBuf,
    /// The environment of every worker; change it before starting one.
    pub environment: BTreeMap<String, String>,
    started: usize,
    /// Dropped last.
    resources: Resources,
}

impl Stack {
    /// A sandbox without quotas, a database and a namespace; no worker yet.
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
        let resources = Resources::take(name.clone(), services, logs.clone()).await?;
        let sandbox = Sandbox::start(data, logs.join("sandbox.log"), sandbox).await?;
        sandbox.process().into_iter().for_each(|process| resources.own_process(process));
        let mut stack = Self {
            names: Names::new(name.clone()),
            amqp_url: services.amqp_url.clone(),
            database_url: database::named(&services.database_url, &name),
            sandbox,
            logs,
            environment: BTreeMap::new(),
            started: 0,
            resources,
            name,
        };
        stack.environment = stack.settings();
        Ok(stack)
    }

    /// A sandbox and one of each worker, ready, with the webhook in place. The order is that of [`WORKERS`].
    pub async fn running(what: &str) -> anyhow::Result<(Self, Vec<Process>)> {
        Self::running_with(what, &[]).await
    }

    /// The same with other settings.
    pub async fn running_with(what: &str, settings: &[(&str, &str)]) -> anyhow::Result<(Self, Vec<Process>)> {
        let mut stack = Self::new(what).await?;
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        stack.environment.extend(settings);
        let workers = stack.start_all().await?;
        Ok((stack, workers))
    }

    /// Starts one of each worker; on return they are ready, the directory is loaded and the webhook is in place.
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

    /// Starts one more replica of a worker; it listens, but may not be ready yet.
    pub async fn start(&mut self, worker: &str) -> anyhow::Result<Process> {
        self.started += 1;
        let mut process = self.spawn(worker, &[], &self.environment, &format!("{worker}-{}", self.started)).await?;
        process.listens().await?;
        Ok(process)
    }

    /// The output of `callbridge` with these arguments, and whether it exited with 0.
    pub async fn callbridge(&self, arguments: &[&str]) -> anyhow::Result<(String, bool)> {
        let mut process = self.begin(arguments).await?;
        let ended = process.wait(Duration::from_secs(60)).await?;
        Ok((process.output(), ended.success()))
    }

    /// `callbridge` with these arguments, still running when this returns.
    pub async fn begin(&self, arguments: &[&str]) -> anyhow::Result<Process> {
        let log = format!("callbridge-{}", Uuid::new_v4().simple());
        self.spawn("callbridge", arguments, &self.environment, &log).await
    }

    /// `callbridge console`, listening on a port of its own.
    pub async fn start_console(&self) -> anyhow::Result<Process> {
        let mut environment = self.environment.clone();
        environment.insert("CONSOLE_LISTEN".into(), "127.0.0.1:0".into());
        environment.entry("CONSOLE_PASSWORD".into()).or_insert_with(|| CONSOLE_PASSWORD.into());
        let log = format!("console-{}", Uuid::new_v4().simple());
        let mut console = self.spawn("callbridge", &["console"], &environment, &log).await?;
        console.listens().await?;
        Ok(console)
    }

    /// Any of our programs with only this environment, and its output in a log of this name. It ends with the stack.
    pub async fn spawn(
        &self,
        program: &str,
        arguments: &[&str],
        environment: &BTreeMap<String, String>,
        log: &str,
    ) -> anyhow::Result<Process> {
        let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let environment: Vec<_> = environment.clone().into_iter().collect();
        let process = Process::spawn(program, &arguments, &environment, self.logs.join(format!("{log}.log"))).await?;
        self.resources.own_process(&process);
        Ok(process)
    }

    /// The processes of this stack that still run.
    pub fn pids(&self) -> Vec<u32> {
        self.resources.pids()
    }

    /// Has a queue that no worker declares removed with the stack.
    pub fn own_queue(&self, queue: &str) {
        self.resources.own_queue(queue.to_owned());
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
            // Tests wait for late changes.
            ("LOG_UPDATES_EVERY", "0s".into()),
            ("RUST_LOG", "info".into()),
        ];
        settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Another connection to this stack's database.
    pub async fn ledger(&self) -> anyhow::Result<Ledger> {
        Ledger::connect(&self.database_url).await
    }

    /// A connection as the workers have them, for calling their own functions; commits do not wait for the disk.
    pub async fn connection(&self) -> anyhow::Result<base::db::Client> {
        let database = base::db::Database::unsupervised(&self.database_url.as_str().into(), 1)?;
        let connection = database.connect().await.context("the database")?;
        connection.batch_execute("set synchronous_commit = off").await?;
        Ok(connection)
    }

    /// Waits until the phone directory has read all records of the sandbox.
    pub async fn directory_loaded(&self, within: Duration) -> anyhow::Result<()> {
        let ledger = self.ledger().await?;
        let loaded = || async { ledger.directory_is_loaded().await.ok()?.then_some(()) };
        eventually(within, loaded).await.context("the directory is not loaded")
    }

    /// Waits until everything in ingest's inbox has been published to the broker.
    pub async fn inbox_empty(&self, within: Duration) -> anyhow::Result<()> {
        let ledger = self.ledger().await?;
        let empty = || async { (ledger.inbox().await.ok()? == 0).then_some(()) };
        eventually(within, empty).await.context("the inbox is not empty")
    }

    /// Ends the processes that still run, and removes database and queues.
    pub async fn down(self) -> anyhow::Result<()> {
        self.resources.release().await
    }
}

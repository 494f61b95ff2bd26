//! RabbitMQ and PostgreSQL: those that `AMQP_URL` and `DATABASE_URL` name, else containers where a Docker engine answers,
//! else those of `scripts/services.sh`. `SERVICES_USE=processes` skips the containers.
//!
//! A test that stops the broker needs a private pair ([`Services::own`]) and must ask for it before anything else.

use std::{io::Write as _, process::Stdio};

use anyhow::{Context, ensure};
use tokio::{process::Command, sync::OnceCell};

use crate::{binaries::workspace, containers, database};

#[derive(Clone, Debug)]
pub struct Services {
    pub amqp_url: String,
    /// A database in which others may be created.
    pub database_url: String,
    /// The `SERVICES_DIR` of those that belong to this process alone.
    own: Option<String>,
    /// Three brokers, and a primary with a standby.
    pub are_cluster: bool,
}

static SERVICES: OnceCell<Services> = OnceCell::const_new();

impl Services {
    pub(crate) fn new(amqp_url: String, database_url: String) -> Self {
        Self { amqp_url, database_url, own: None, are_cluster: false }
    }

    pub async fn get() -> anyhow::Result<&'static Self> {
        SERVICES.get_or_try_init(find).await
    }

    /// A pair from `scripts/services.sh` with its data in this folder, whatever the environment says.
    pub async fn own(folder: &str) -> anyhow::Result<&'static Self> {
        Self::of_this_process(folder, false).await
    }

    /// The same with several nodes of each.
    pub async fn cluster(folder: &str) -> anyhow::Result<&'static Self> {
        Self::of_this_process(folder, true).await
    }

    async fn of_this_process(folder: &str, cluster: bool) -> anyhow::Result<&'static Self> {
        let services = SERVICES.get_or_try_init(|| brought_up(Some(folder), cluster)).await?;
        ensure!(services.own.is_some() && services.are_cluster == cluster, "other services are in use already");
        Ok(services)
    }

    /// The databases whose names begin with this prefix.
    pub async fn databases(&self, prefix: &str) -> anyhow::Result<Vec<String>> {
        database::list(&self.database_url, prefix).await
    }

    pub fn are_own(&self) -> bool {
        self.own.is_some()
    }

    /// E.g. `stop-broker`; only for those of this process.
    pub async fn order(&self, arguments: &[&str]) -> anyhow::Result<()> {
        self.order_for(arguments).await.map(drop)
    }

    /// What the order has printed.
    pub async fn order_for(&self, arguments: &[&str]) -> anyhow::Result<String> {
        ensure!(self.are_own(), "these services may be in use by others");
        let output = script(self.own.as_deref()).args(arguments).output().await.context("services.sh")?;
        ensure!(output.status.success(), "services.sh {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Ends them and removes their data.
    pub async fn end(&self) -> anyhow::Result<()> {
        let down: &[&str] = if self.are_cluster { &["cluster", "down", "--purge"] } else { &["down", "--purge"] };
        self.order(down).await
    }
}

async fn find() -> anyhow::Result<Services> {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let (Some(amqp_url), Some(database_url)) = (set("AMQP_URL"), set("DATABASE_URL")) {
        install_tls();
        return Ok(Services::new(amqp_url, database_url));
    }
    if set("SERVICES_USE").is_none_or(|way| way != "processes") {
        install_tls();
        match containers::start().await {
            Ok(Some(services)) => return Ok(services),
            Ok(None) => {}
            // Straight to stderr: the test runner captures output and would hide this while people wait.
            Err(error) => {
                let why = format!("tests: no containers, scripts/services.sh is asked instead: {error:#}");
                let _ = writeln!(std::io::stderr(), "{why}");
            }
        }
    }
    brought_up(None, false).await
}

/// The harness's own HTTP client. The ignored error only means that the crypto provider was already installed.
fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn script(own: Option<&str>) -> Command {
    let mut script = Command::new("bash");
    script.arg(workspace().join("scripts/services.sh")).stdin(Stdio::null());
    if let Some(folder) = own {
        script.env("SERVICES_DIR", folder).env_remove("AMQP_URL").env_remove("DATABASE_URL");
    }
    script
}

async fn brought_up(own: Option<&str>, are_cluster: bool) -> anyhow::Result<Services> {
    install_tls();
    // Not with output(), which would also capture stderr: the script's progress is for the person who waits.
    let services = script(own)
        .args(are_cluster.then_some("cluster"))
        .arg("env")
        .stdout(Stdio::piped())
        .spawn()
        .context("services.sh")?;
    let output = services.wait_with_output().await.context("services.sh")?;
    ensure!(output.status.success(), "scripts/services.sh could not bring the services up");
    let text = String::from_utf8(output.stdout).context("the output of services.sh")?;
    let value = |name: &str| {
        let words = text.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        words
            .map(|value| value.trim_matches(['\'', '"']).to_owned())
            .with_context(|| format!("services.sh env printed no {name}"))
    };
    let (amqp_url, database_url) = (value("AMQP_URL")?, value("DATABASE_URL")?);
    Ok(Services { amqp_url, database_url, own: own.map(ToOwned::to_owned), are_cluster })
}

//! RabbitMQ and PostgreSQL: those that `AMQP_URL` and `DATABASE_URL` name, else containers where a Docker engine answers,
//! else those of `scripts/services.sh`. `SERVICES_USE=processes` leaves the containers out.
//!
//! Who wants to stop the broker asks for a pair that is nobody else's ([`Services::own`]) before anything else does.

use std::process::Stdio;

use anyhow::{Context, ensure};
use tokio::{process::Command, sync::OnceCell};

use crate::{binaries::workspace, containers, database};

#[derive(Clone, Debug)]
pub struct Services {
    pub amqp_url: String,
    /// A database in which others may be created.
    pub database_url: String,
    /// The `SERVICES_DIR` of a pair that belongs to this process alone.
    own: Option<String>,
}

static SERVICES: OnceCell<Services> = OnceCell::const_new();

impl Services {
    pub(crate) fn new(amqp_url: String, database_url: String) -> Self {
        Self { amqp_url, database_url, own: None }
    }

    pub async fn get() -> anyhow::Result<&'static Self> {
        SERVICES.get_or_try_init(find).await
    }

    /// A pair of `scripts/services.sh` that keeps its data in this folder, whatever the environment names.
    pub async fn own(folder: &str) -> anyhow::Result<&'static Self> {
        let services = SERVICES.get_or_try_init(|| brought_up(Some(folder))).await?;
        ensure!(services.own.is_some(), "other services are in use already");
        Ok(services)
    }

    /// The databases whose names begin so.
    pub async fn databases(&self, prefix: &str) -> anyhow::Result<Vec<String>> {
        database::list(&self.database_url, prefix).await
    }

    pub fn are_own(&self) -> bool {
        self.own.is_some()
    }

    /// E.g. `stop-broker`; only of an own pair.
    pub async fn order(&self, arguments: &[&str]) -> anyhow::Result<()> {
        ensure!(self.are_own(), "these services may be in use by others");
        let output = script(self.own.as_deref()).args(arguments).output().await.context("services.sh")?;
        ensure!(output.status.success(), "services.sh {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
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
            Err(error) => containers::say(&format!("no containers, scripts/services.sh is asked instead: {error:#}")),
        }
    }
    brought_up(None).await
}

/// The harness's own HTTP client; an error only says that it was installed before.
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

async fn brought_up(own: Option<&str>) -> anyhow::Result<Services> {
    install_tls();
    // Not by output(), which would capture stderr as well: the script reports its progress there.
    let services = script(own).arg("env").stdout(Stdio::piped()).spawn().context("services.sh")?;
    let output = services.wait_with_output().await.context("services.sh")?;
    ensure!(output.status.success(), "scripts/services.sh could not bring the services up");
    let text = String::from_utf8(output.stdout).context("the output of services.sh")?;
    let value = |name: &str| {
        let words = text.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        words
            .map(|value| value.trim_matches(['\'', '"']).to_owned())
            .with_context(|| format!("services.sh env printed no {name}"))
    };
    Ok(Services { amqp_url: value("AMQP_URL")?, database_url: value("DATABASE_URL")?, own: own.map(ToOwned::to_owned) })
}

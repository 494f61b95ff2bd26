//! RabbitMQ and PostgreSQL: those that `AMQP_URL` and `DATABASE_URL` name, else containers where a Docker engine answers,
//! else those of `scripts/services.sh`. `SERVICES_USE=processes` leaves the containers out.

use std::process::Stdio;

use anyhow::{Context, ensure};
use tokio::{process::Command, sync::OnceCell};

use crate::{binaries::workspace, containers};

#[derive(Clone, Debug)]
pub struct Services {
    pub amqp_url: String,
    /// A database in which others may be created.
    pub database_url: String,
}

static SERVICES: OnceCell<Services> = OnceCell::const_new();

impl Services {
    pub async fn get() -> anyhow::Result<&'static Self> {
        SERVICES.get_or_try_init(find).await
    }
}

async fn find() -> anyhow::Result<Services> {
    // The harness's own HTTP client; an error only says that it was installed before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let (Some(amqp_url), Some(database_url)) = (set("AMQP_URL"), set("DATABASE_URL")) {
        return Ok(Services { amqp_url, database_url });
    }
    if set("SERVICES_USE").is_none_or(|way| way != "processes") {
        match containers::start().await {
            Ok(Some(services)) => return Ok(services),
            Ok(None) => {}
            Err(error) => containers::say(&format!("no containers, scripts/services.sh is asked instead: {error:#}")),
        }
    }
    let script = workspace().join("scripts/services.sh");
    // Not by output(), which would take stderr as well: what the script says while it works is for whoever waits.
    let services = Command::new("bash").arg(script).arg("env").stdout(Stdio::piped()).spawn().context("services.sh")?;
    let output = services.wait_with_output().await.context("services.sh")?;
    ensure!(output.status.success(), "scripts/services.sh could not bring the services up");
    let text = String::from_utf8(output.stdout).context("the output of services.sh")?;
    let value = |name: &str| {
        let words = text.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        words
            .map(|value| value.trim_matches(['\'', '"']).to_owned())
            .with_context(|| format!("services.sh env printed no {name}"))
    };
    Ok(Services { amqp_url: value("AMQP_URL")?, database_url: value("DATABASE_URL")? })
}

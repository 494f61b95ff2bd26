//! RabbitMQ and PostgreSQL: those that `AMQP_URL` and `DATABASE_URL` name, else those of `scripts/services.sh`.

use std::process::Stdio;

use anyhow::{Context, ensure};
use tokio::{process::Command, sync::OnceCell};

use crate::binaries::workspace;

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
    let script = workspace().join("scripts/services.sh");
    let output =
        Command::new("bash").arg(script).arg("env").stderr(Stdio::inherit()).output().await.context("services.sh")?;
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

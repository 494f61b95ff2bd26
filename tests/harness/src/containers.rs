//! RabbitMQ and PostgreSQL in containers, where a Docker engine answers: those of the program `containers`, one pair per test
//! process, which it removes when this process ends.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use anyhow::{Context, ensure};
use lapin::{Connection, ConnectionProperties};
use tokio::task::spawn_blocking;

use crate::{Services, binaries, database, eventually};

/// The program's exit code where no engine answers.
const NO_ENGINE: i32 = 3;

/// How long the two may take until they answer.
const PATIENCE: Duration = Duration::from_secs(90);

/// Kept until this process ends: then its input ends.
static HELD: OnceLock<Child> = OnceLock::new();

/// `None` where no engine answers; an error where one answers but cannot start the two.
pub(crate) async fn start() -> anyhow::Result<Option<Services>> {
    let program = binaries::containers().await?;
    let mut command = Command::new(program);
    // In its own process group, so that Ctrl-C ends the tests but not the clean-up.
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
    let mut child = command.spawn().context("containers")?;
    let lines = BufReader::new(child.stdout.take().context("its output")?).lines();
    let urls: Vec<String> = spawn_blocking(|| lines.take(2).collect::<Result<_, _>>()).await??;
    let [amqp_url, database_url] = urls.as_slice() else {
        let status = child.wait()?;
        ensure!(status.code() == Some(NO_ENGINE), "the two did not start in containers");
        return Ok(None);
    };
    let value = |line: &str, name: &str| line.strip_prefix(name).map(str::to_owned).context("a URL");
    let services = Services::new(value(amqp_url, "AMQP_URL=")?, value(database_url, "DATABASE_URL=")?);
    answer(&services).await?;
    let _ = HELD.set(child);
    Ok(Some(services))
}

async fn answer(services: &Services) -> anyhow::Result<()> {
    let connect = || async { Connection::connect(&services.amqp_url, ConnectionProperties::default()).await.ok() };
    let connection = eventually(PATIENCE, connect).await.context("RabbitMQ takes no connection")?;
    connection.close(200, "done".into()).await?;
    let ask = || async { database::connect(&services.database_url).await.ok()?.batch_execute("select 1").await.ok() };
    eventually(PATIENCE, ask).await.context("PostgreSQL answers no query")
}

//! RabbitMQ and PostgreSQL in containers: one pair per test process, where a Docker engine answers.
//!
//! No code of ours runs when a test process ends: statics are not dropped, and a signal or an abort runs no handler. So the
//! containers are removed from outside, by a shell that waits for the end of a pipe which only this process holds open.
//! If that shell is killed too: `docker rm -f -v $(docker ps -aq --filter label=callbridge.tests)`.

use std::{
    io::Write as _,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use anyhow::{Context, ensure};
use lapin::{Connection, ConnectionProperties};
use testcontainers::{
    ContainerAsync, ContainerRequest, GenericImage, ImageExt,
    core::{IntoContainerPort, WaitFor, client::docker_client_instance},
    runners::AsyncRunner,
};
use tokio::time::timeout;
use uuid::Uuid;

use crate::{Services, eventually};

const LABEL: &str = "callbridge.tests";

/// How long a container may take from its start until it answers.
const PATIENCE: Duration = Duration::from_secs(90);

/// The second removal catches a container that the engine was just creating when this process was killed. Nobody needs to wait
/// for that one, so stderr is closed first.
const REAPER: &str = r#"
remove() {
  containers=$(docker ps -aq --filter "label=$1")
  [ -z "$containers" ] || docker rm -f -v $containers >/dev/null
}
cat >/dev/null
remove "$1"
exec 2>/dev/null
sleep 2
remove "$1"
"#;

/// Kept until this process ends: dropping a handle removes its container, dropping the reaper removes all of them.
static HELD: OnceLock<([ContainerAsync<GenericImage>; 2], Child)> = OnceLock::new();

/// `None` where no engine answers; an error where one answers but cannot start the two.
pub(crate) async fn start() -> anyhow::Result<Option<Services>> {
    let Some(engine) = engine_of_the_command_line().await else { return Ok(None) };
    let info = timeout(PATIENCE, docker_client_instance().await?.info()).await??;
    // Only the docker command knows Docker contexts; the reaper would ask the wrong engine.
    ensure!(info.id.as_deref() == Some(&engine), "the docker command uses another engine than DOCKER_HOST says");
    say("starting RabbitMQ and PostgreSQL in containers; their images are pulled if they are not here");
    let secret = Uuid::new_v4().simple().to_string();
    let mark = Uuid::new_v4().simple().to_string();
    let reaper = reaper(&format!("{LABEL}={mark}"))?;
    let ((broker, amqp_url), (database, database_url)) =
        tokio::try_join!(broker(&mark, &secret), database(&mark, &secret))?;
    let _ = HELD.set(([broker, database], reaper));
    Ok(Some(Services::new(amqp_url, database_url)))
}

async fn broker(mark: &str, secret: &str) -> anyhow::Result<(ContainerAsync<GenericImage>, String)> {
    let image = GenericImage::new("rabbitmq", "4.0-management")
        .with_wait_for(WaitFor::message_on_stdout("Server startup complete"))
        .with_env_var("RABBITMQ_DEFAULT_USER", "tests")
        .with_env_var("RABBITMQ_DEFAULT_PASS", secret)
        // Same as in scripts/services/docker.sh, which has the reason.
        .with_ulimit("nofile", 16_384, Some(16_384));
    let (container, address) = run(image, mark, 5672).await.context("rabbitmq:4.0-management")?;
    let url = format!("amqp://tests:{secret}@{address}/%2f");
    let connect = || async { Connection::connect(&url, ConnectionProperties::default()).await.ok() };
    let connection = eventually(PATIENCE, connect).await.context("RabbitMQ takes no connection")?;
    connection.close(200, "done".into()).await?;
    Ok((container, url))
}

async fn database(mark: &str, secret: &str) -> anyhow::Result<(ContainerAsync<GenericImage>, String)> {
    let image = GenericImage::new("postgres", "17")
        .with_env_var("POSTGRES_PASSWORD", secret)
        // Plain-text passwords: with SCRAM a debug build would spend much CPU time on every connect.
        .with_env_var("POSTGRES_HOST_AUTH_METHOD", "password")
        .with_env_var("POSTGRES_INITDB_ARGS", "--encoding=UTF8 --locale=C.UTF-8")
        .with_shm_size(256 << 20)
        .with_cmd(["-c", "max_connections=400", "-c", "fsync=off", "-c", "full_page_writes=off"]);
    let (container, address) = run(image, mark, 5432).await.context("postgres:17")?;
    let url = format!("postgres://postgres:{secret}@{address}/postgres");
    let ask = || async {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.ok()?;
        tokio::spawn(connection);
        client.batch_execute("select 1").await.ok()
    };
    eventually(PATIENCE, ask).await.context("PostgreSQL answers no query")?;
    Ok((container, url))
}

/// Starts the container and returns the address of its port.
async fn run(
    image: ContainerRequest<GenericImage>,
    mark: &str,
    port: u16,
) -> anyhow::Result<(ContainerAsync<GenericImage>, String)> {
    // Publishes only this port of the image, on any free port of the host.
    let image = image.with_mapped_port(0, port.tcp()).with_label(LABEL, mark).with_startup_timeout(PATIENCE);
    let container = image.start().await?;
    // The port is published on IPv4, and localhost may resolve to IPv6 first.
    let host = container.get_host().await?.to_string().replace("localhost", "127.0.0.1");
    let port = container.get_host_port_ipv4(port.tcp()).await?;
    Ok((container, format!("{host}:{port}")))
}

/// The id of the engine that the `docker` command talks to. The timeout is for an engine that hangs.
async fn engine_of_the_command_line() -> Option<String> {
    let mut docker = tokio::process::Command::new("docker");
    docker.args(["info", "--format", "{{.ID}}"]).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(Duration::from_secs(15), docker.output()).await.ok()?.ok()?;
    let id = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !id.is_empty()).then_some(id)
}

/// In its own process group, so that Ctrl-C ends the tests but not the clean-up.
fn reaper(label: &str) -> anyhow::Result<Child> {
    let mut shell = Command::new("sh");
    shell.args(["-c", REAPER, "reaper", label]).stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0);
    shell.spawn().context("sh")
}

/// Straight to stderr: the test runner captures output and would hide this while people wait.
pub(crate) fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "tests: {what}");
}

//! RabbitMQ and PostgreSQL in containers, one pair for a test process: prints their URLs, and removes them when its input ends.
//!
//! A program of its own, because no code of ours runs when a test process ends: statics are not dropped, and a signal or an
//! abort runs no handler. Its input is a pipe that only the test process holds open.
//! If this is killed too: `docker rm -f -v $(docker ps -aq --filter label=callbridge.tests)`.

use std::{
    collections::HashMap,
    io::{self, Write as _},
    process::ExitCode,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use testcontainers::{
    ContainerAsync, ContainerRequest, GenericImage, ImageExt,
    bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder},
    core::{IntoContainerPort, WaitFor, client::docker_client_instance},
    runners::AsyncRunner,
};
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};
use uuid::Uuid;

/// The harness knows it, too.
const NO_ENGINE: u8 = 3;
const LABEL: &str = "callbridge.tests";
/// How long a container may take to start once its image is here.
const PATIENCE: Duration = Duration::from_secs(90);
/// For an engine that hangs.
const UNTIL_ANSWERED: Duration = Duration::from_secs(15);

#[tokio::main]
async fn main() -> Result<ExitCode> {
    if !engine_answers().await {
        return Ok(ExitCode::from(NO_ENGINE));
    }
    eprintln!("tests: starting RabbitMQ and PostgreSQL in containers; their images are pulled if they are not here");
    let (run, secret) = (Uuid::new_v4().simple().to_string(), Uuid::new_v4().simple().to_string());
    // A thread of its own: a read that never ends would keep the runtime.
    let (ended, mut input) = oneshot::channel();
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = ended.send(());
    });
    let started = tokio::select! {
        // Not try_join: what one has begun is removed when both have ended.
        both = async { tokio::join!(broker(&run, &secret), database(&run, &secret)) } => both,
        _ = &mut input => {
            remove(&run).await?;
            // What the engine was just creating.
            sleep(Duration::from_secs(2)).await;
            remove(&run).await?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let answer = match &started {
        (Ok((_, broker)), Ok((_, database))) => {
            let urls = format!(
                "AMQP_URL=amqp://tests:{secret}@{broker}/%2f\nDATABASE_URL=postgres://postgres:{secret}@{database}/postgres"
            );
            // Nobody may read any more: then the input has ended, too.
            let _ = writeln!(io::stdout(), "{urls}");
            let _ = input.await;
            Ok(ExitCode::SUCCESS)
        }
        (Err(error), _) | (_, Err(error)) => Err(anyhow!("{error:#}")),
    };
    remove(&run).await?;
    answer
}

/// All containers of this run, also those that were created and could not be started.
async fn remove(run: &str) -> Result<()> {
    let docker = docker_client_instance().await?;
    let label = HashMap::from([("label".to_owned(), vec![format!("{LABEL}={run}")])]);
    let ours = ListContainersOptionsBuilder::default().all(true).filters(&label).build();
    for container in docker.list_containers(Some(ours)).await? {
        let how = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        docker.remove_container(&container.id.unwrap_or_default(), Some(how)).await?;
    }
    Ok(())
}

async fn engine_answers() -> bool {
    let asked = async { docker_client_instance().await.ok()?.info().await.ok() };
    timeout(UNTIL_ANSWERED, asked).await.is_ok_and(|answer| answer.is_some())
}

async fn broker(run: &str, secret: &str) -> Result<(ContainerAsync<GenericImage>, String)> {
    let image = GenericImage::new("rabbitmq", "4.0-management")
        .with_wait_for(WaitFor::message_on_stdout("Server startup complete"))
        .with_env_var("RABBITMQ_DEFAULT_USER", "tests")
        .with_env_var("RABBITMQ_DEFAULT_PASS", secret)
        // Same as in scripts/services/docker.sh, which has the reason.
        .with_ulimit("nofile", 16_384, Some(16_384));
    start(image, run, 5672).await.context("rabbitmq:4.0-management")
}

async fn database(run: &str, secret: &str) -> Result<(ContainerAsync<GenericImage>, String)> {
    let image = GenericImage::new("postgres", "17")
        .with_env_var("POSTGRES_PASSWORD", secret)
        // Plain-text passwords: with SCRAM a debug build would spend much CPU time on every connect.
        .with_env_var("POSTGRES_HOST_AUTH_METHOD", "password")
        .with_env_var("POSTGRES_INITDB_ARGS", "--encoding=UTF8 --locale=C.UTF-8")
        .with_shm_size(256 << 20)
        .with_cmd(["-c", "max_connections=400", "-c", "fsync=off", "-c", "full_page_writes=off"]);
    start(image, run, 5432).await.context("postgres:17")
}

/// Starts the container and returns the address of its port.
async fn start(
    image: ContainerRequest<GenericImage>,
    run: &str,
    port: u16,
) -> Result<(ContainerAsync<GenericImage>, String)> {
    // Publishes only this port of the image, on any free port of the host.
    let image = image.with_mapped_port(0, port.tcp()).with_label(LABEL, run).with_startup_timeout(PATIENCE);
    let container = image.start().await?;
    // The port is published on IPv4, and localhost may resolve to IPv6 first.
    let host = container.get_host().await?.to_string().replace("localhost", "127.0.0.1");
    let port = container.get_host_port_ipv4(port.tcp()).await?;
    Ok((container, format!("{host}:{port}")))
}

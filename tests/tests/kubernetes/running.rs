//! Each container's command, started with the settings that its pod would have: it is a program of ours, it has all that
//! it cannot do without, and it answers where the probes ask.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Context, Result, anyhow, ensure};
use reqwest::StatusCode;
use serde_json::Value;
use tests::Process;

use crate::manifests::{Document, Manifests, container, list, of_kind, text};

/// Stands for whatever is to be filled in; long enough for every rule about secrets.
const FILLED_IN: &str = "0123456789abcdef";
/// Nobody is there, and any port will do.
const ELSEWHERE: [(&str, &str); 6] = [
    ("AIRCALL_API_URL", "http://127.0.0.1:1"),
    ("SELLSY_API_URL", "http://127.0.0.1:1"),
    ("SELLSY_AUTH_URL", "http://127.0.0.1:1"),
    ("DATABASE_URL", "postgres://callbridge@127.0.0.1:1/callbridge"),
    ("HTTP_LISTEN", "127.0.0.1:0"),
    ("CONSOLE_LISTEN", "127.0.0.1:0"),
];

fn environment(manifests: &Manifests, deployment: &Document) -> Vec<(String, String)> {
    let of_file = |file| {
        let settings = manifests.settings(file).into_iter().filter(|(_, (_, holds))| *holds);
        settings.map(|(name, (value, _))| (name, value)).collect::<BTreeMap<_, _>>()
    };
    let (mut environment, secrets) = (of_file("settings.env"), of_file("secrets.env.example"));
    for variable in list(container(deployment), "/env") {
        let name = text(variable, "/name");
        let value = match text(variable, "/valueFrom/secretKeyRef/name") {
            "secrets" => match secrets.get(name).map(String::as_str) {
                Some("") => FILLED_IN,
                Some(value) => value,
                None => continue,
            },
            // The operator's Secret has it with a slash at its end.
            "broker-default-user" => "amqp://default_user:secret@127.0.0.1:1/",
            _ => text(variable, "/value"),
        };
        environment.insert(name.into(), value.into());
    }
    environment.extend(ELSEWHERE.map(|(name, value)| (name.into(), value.into())));
    environment.into_iter().collect()
}

/// A container as it would be started.
struct Start {
    program: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    log: PathBuf,
}

impl Start {
    fn of(manifests: &Manifests, deployment: &Document) -> Result<Self> {
        let mut words = list(container(deployment), "/command").iter().filter_map(Value::as_str).map(str::to_owned);
        let program = words.next().context("no command")?;
        let log = std::env::temp_dir().join(format!("callbridge-kubernetes-{}.log", uuid::Uuid::new_v4()));
        Ok(Self { program, arguments: words.collect(), environment: environment(manifests, deployment), log })
    }

    /// Starts it and waits until it ends by itself.
    async fn until_it_ends(self) -> Result<(Option<i32>, String)> {
        let mut process = Process::spawn(&self.program, &self.arguments, &self.environment, self.log.clone()).await?;
        let ended = process.wait(Duration::from_secs(30)).await?;
        let output = process.output();
        std::fs::remove_file(self.log)?;
        Ok((ended.code(), output))
    }
}

async fn answers_its_probes(start: Start, deployment: &Document) -> Result<()> {
    let mut worker = Process::start(&start.program, &start.arguments, &start.environment, start.log.clone()).await?;
    for (probe, expected) in [
        ("startupProbe", StatusCode::OK),
        ("livenessProbe", StatusCode::OK),
        // Neither broker nor database is there.
        ("readinessProbe", StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let path = text(container(deployment), &format!("/{probe}/httpGet/path"));
        let answer = reqwest::get(format!("{}{path}", worker.url)).await?.status();
        ensure!(answer == expected, "{probe}: {path} answered {answer}");
    }
    let ended = worker.terminate(Duration::from_secs(15)).await?;
    ensure!(ended.success(), "{ended}:\n{}", worker.output());
    Ok(std::fs::remove_file(start.log)?)
}

pub(crate) async fn all(manifests: &Manifests) -> Result<()> {
    base::tls::install_provider();
    let documents = manifests.documents().map_err(|problems| anyhow!("{problems:?}"))?;
    for deployment in of_kind(&documents, "Deployment") {
        let start = Start::of(manifests, deployment)?;
        if deployment.name() == "console" {
            // It looks for the database for ten seconds before it listens. With wrong settings it would end with 2.
            let (code, output) = start.until_it_ends().await?;
            ensure!(code == Some(1), "console: {code:?}:\n{output}");
        } else {
            answers_its_probes(start, deployment).await.with_context(|| deployment.title())?;
        }
    }
    Ok(())
}

/// What the program of this file says instead of starting.
pub(crate) async fn refusal(manifests: &Manifests, file: &str) -> Result<String> {
    let documents = manifests.documents().map_err(|problems| anyhow!("{problems:?}"))?;
    let deployment =
        of_kind(&documents, "Deployment").find(|document| document.file == file).context("no Deployment")?;
    let (code, output) = Start::of(manifests, deployment)?.until_it_ends().await?;
    ensure!(code == Some(2), "{code:?}:\n{output}");
    Ok(output)
}

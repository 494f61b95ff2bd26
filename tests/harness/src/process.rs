//! A program of ours as a child process, its output in a file.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use crate::{binaries, eventually};

/// Killed when dropped.
pub struct Process {
    pub name: String,
    pub log: PathBuf,
    child: Child,
    /// `http://127.0.0.1:PORT`, once it listens.
    pub url: String,
}

/// How long a program may take from its start until it listens.
const UNTIL_LISTENING: Duration = Duration::from_secs(20);

impl Process {
    /// Starts `binary` with nothing but `environment` and waits until its output tells where it listens.
    pub async fn start(
        binary: &str,
        arguments: &[String],
        environment: &[(String, String)],
        log: PathBuf,
    ) -> anyhow::Result<Self> {
        let mut process = Self::spawn(binary, arguments, environment, log).await?;
        let listening = || async { address(&std::fs::read_to_string(&process.log).unwrap_or_default()) };
        match eventually(UNTIL_LISTENING, listening).await {
            Some(url) => process.url = url,
            None => bail!("{binary} does not listen:\n{}", process.output()),
        }
        Ok(process)
    }

    /// Starts `binary` and waits for nothing.
    pub async fn spawn(
        binary: &str,
        arguments: &[String],
        environment: &[(String, String)],
        log: PathBuf,
    ) -> anyhow::Result<Self> {
        let path = binaries::folder().await?.join(binary);
        let file = File::create(&log).with_context(|| format!("{}", log.display()))?;
        let child = Command::new(&path)
            .args(arguments)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{}", path.display()))?;
        Ok(Self { name: binary.into(), log, child, url: String::new() })
    }

    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What `GET /readyz` says: ready, and its JSON.
    pub async fn readiness(&self) -> anyhow::Result<(bool, serde_json::Value)> {
        let response = reqwest::get(format!("{}/readyz", self.url)).await?;
        Ok((response.status().is_success(), response.json().await?))
    }

    pub async fn until_ready(&self, within: Duration) -> anyhow::Result<()> {
        let ready = || async { self.readiness().await.ok().filter(|(ready, _)| *ready) };
        if eventually(within, ready).await.is_none() {
            bail!("{} is not ready: {:?}\n{}", self.name, self.readiness().await, tail(&self.log));
        }
        Ok(())
    }

    /// SIGTERM; how it ended, or an error if it did not within the time.
    pub async fn terminate(&mut self, within: Duration) -> anyhow::Result<ExitStatus> {
        self.signal("-TERM").await?;
        timeout(within, self.child.wait()).await.with_context(|| format!("{} did not stop", self.name))?.context("wait")
    }

    /// SIGKILL: no chance to clean up.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("kill")
    }

    pub async fn wait(&mut self, within: Duration) -> anyhow::Result<ExitStatus> {
        timeout(within, self.child.wait()).await.with_context(|| format!("{} did not end", self.name))?.context("wait")
    }

    /// As long as it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// E.g. `-INT`.
    pub async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let Some(pid) = self.pid() else { return Ok(()) };
        Command::new("kill").arg(signal).arg(pid.to_string()).status().await.context("kill")?;
        Ok(())
    }
}

/// From a worker's log line or the sandbox's first line.
fn address(output: &str) -> Option<String> {
    let url = output.lines().find_map(|line| {
        let listening = line.contains("Listening for HTTP.");
        let after = match line.split_once("address=").or_else(|| line.split_once("\"address\":\"")) {
            Some((_, after)) if listening => after,
            _ => line.split_once("listening on http://")?.1,
        };
        after.split(|c: char| c.is_whitespace() || c == '"').next()
    })?;
    Some(format!("http://{url}"))
}

fn tail(log: &Path) -> String {
    let output = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = output.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

//! One of our programs as a child process, with its output in a file.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{binaries, eventually};

pub struct Process {
    pub name: String,
    pub log: PathBuf,
    /// `http://127.0.0.1:PORT`, once it listens.
    pub url: String,
    pub(crate) running: Arc<Running>,
}

/// How long a program may take from its start until it listens.
const UNTIL_LISTENING: Duration = Duration::from_secs(20);
/// How long a process may take to end after SIGKILL.
const UNTIL_KILLED: Duration = Duration::from_secs(10);

/// A child process that is killed when this is dropped. The drop waits for its end, so that nothing of it remains afterwards.
#[derive(Debug)]
pub struct Running(Mutex<Child>);

impl Running {
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("{}", command.get_program().display()))?;
        Ok(Self(Mutex::new(child)))
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` once it has ended.
    pub(crate) fn pid(&self) -> Option<u32> {
        let mut child = self.child();
        child.try_wait().is_ok_and(|ended| ended.is_none()).then(|| child.id())
    }

    pub(crate) fn kill(&self) -> io::Result<()> {
        let mut child = self.child();
        child.kill()?;
        child.wait().map(drop)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

impl Process {
    /// Starts `binary` with only `environment` and waits until its output contains the address that it listens on.
    pub async fn start(
        binary: &str,
        arguments: &[String],
        environment: &[(String, String)],
        log: PathBuf,
    ) -> Result<Self> {
        let mut process = Self::spawn(binary, arguments, environment, log).await?;
        process.listens().await?;
        Ok(process)
    }

    /// Starts `binary` without waiting for anything.
    pub async fn spawn(
        binary: &str,
        arguments: &[String],
        environment: &[(String, String)],
        log: PathBuf,
    ) -> Result<Self> {
        let file = File::create(&log).with_context(|| format!("{}", log.display()))?;
        let mut command = Command::new(binaries::folder().await?.join(binary));
        command.args(arguments).env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let running = Arc::new(Running::spawn(&mut command)?);
        Ok(Self { name: binary.into(), log, url: String::new(), running })
    }

    /// Waits until its output contains the address that it listens on.
    pub(crate) async fn listens(&mut self) -> Result<()> {
        let listening = || async { address(&self.output()) };
        match eventually(UNTIL_LISTENING, listening).await {
            Some(url) => self.url = url,
            None => bail!("{} does not listen:\n{}", self.name, self.output()),
        }
        Ok(())
    }

    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The answer of `GET /readyz`: whether it is ready, and the JSON.
    pub async fn readiness(&self) -> Result<(bool, serde_json::Value)> {
        let response = reqwest::get(format!("{}/readyz", self.url)).await?;
        Ok((response.status().is_success(), response.json().await?))
    }

    pub async fn until_ready(&self, within: Duration) -> Result<()> {
        let ready = || async { self.readiness().await.ok().filter(|(ready, _)| *ready) };
        if eventually(within, ready).await.is_none() {
            bail!("{} is not ready: {:?}\n{}", self.name, self.readiness().await, tail(&self.log));
        }
        Ok(())
    }

    /// Waits until it lacks nothing at all, also of what it can do without.
    pub async fn until_whole(&self, within: Duration) -> Result<()> {
        let whole = || async {
            let (ready, readiness) = self.readiness().await.ok()?;
            (ready && readiness["impaired"].as_object().is_some_and(serde_json::Map::is_empty)).then_some(())
        };
        if eventually(within, whole).await.is_none() {
            bail!("{} lacks something: {:?}\n{}", self.name, self.readiness().await, tail(&self.log));
        }
        Ok(())
    }

    /// Sends SIGTERM; returns how the process ended, or an error if it did not end in time.
    pub async fn terminate(&mut self, within: Duration) -> Result<ExitStatus> {
        self.signal("-TERM").await?;
        self.wait(within).await
    }

    /// Sends SIGKILL, which leaves no chance to clean up.
    pub async fn kill(&mut self) -> Result<()> {
        self.running.child().kill().context("kill")?;
        self.wait(UNTIL_KILLED).await.map(drop)
    }

    pub async fn wait(&mut self, within: Duration) -> Result<ExitStatus> {
        let ended = || async { self.running.child().try_wait().transpose() };
        eventually(within, ended).await.with_context(|| format!("{} did not end", self.name))?.context("wait")
    }

    /// Only while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.running.pid()
    }

    /// A file of `/proc`, while it runs.
    pub fn proc(&self, file: &str) -> Result<String> {
        let pid = self.pid().context("the process has ended")?;
        std::fs::read_to_string(format!("/proc/{pid}/{file}")).with_context(|| format!("/proc/{pid}/{file}"))
    }

    /// Resident memory.
    pub fn rss_mb(&self) -> Result<f64> {
        self.status("VmRSS").map(|kb| kb / 1024.0)
    }

    pub fn threads(&self) -> Result<f64> {
        self.status("Threads")
    }

    fn status(&self, name: &str) -> Result<f64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).context("its status")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }

    /// E.g. `-INT`.
    pub async fn signal(&self, signal: &str) -> Result<()> {
        let Some(pid) = self.pid() else { return Ok(()) };
        tokio::process::Command::new("kill").arg(signal).arg(pid.to_string()).status().await.context("kill")?;
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

//! Starting the workers, and waiting until they work and the phone directory is loaded.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{IsTerminal, stderr},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use base::{
    db::{Client, Database},
    tell,
};
use ledger::replicas;
use resolver::directory::store;
use tokio::time::{Instant, sleep};

use crate::{directory::Bars, needs::WORKERS};

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Images may have to be fetched.
const UNTIL_READY: Duration = Duration::from_secs(300);
/// Without any progress.
const UNTIL_LOADED: Duration = Duration::from_secs(120);

/// How the workers are started from this folder, if they can be; `docker compose` starts and replaces them as needed.
pub(crate) fn usual_command(folder: &Path) -> Option<&'static str> {
    let has_compose = folder.join("docker-compose.yml").is_file();
    let works = || {
        let asked = Command::new("docker").args(["compose", "version"]).stdin(Stdio::null()).output();
        asked.is_ok_and(|answer| answer.status.success())
    };
    (has_compose && works()).then_some("docker compose up -d")
}

/// A command that runs, with its output in a file.
pub(crate) struct Started {
    child: Child,
    log: PathBuf,
}

/// In a group of its own, so that Ctrl-C here does not end it.
pub(crate) fn start(command: &str, folder: &Path) -> anyhow::Result<Started> {
    let log = folder.join(".setup.log");
    let file = File::create(&log).with_context(|| format!("{}", log.display()))?;
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(folder).process_group(0);
    shell.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let child = shell.spawn().with_context(|| format!("`{command}` cannot be started"))?;
    Ok(Started { child, log })
}

/// Whether all workers have reported lately; what they lack is waited for.
pub(crate) async fn runs(client: &Client) -> anyhow::Result<bool> {
    let seen = replicas::seen(client).await?;
    Ok(WORKERS.iter().all(|worker| seen.iter().any(|seen| seen.replica.worker == *worker && !seen.silent)))
}

/// What is missing, a line for each worker.
async fn lacking(client: &Client) -> anyhow::Result<BTreeSet<String>> {
    let seen = replicas::seen(client).await?;
    let mut lacking = BTreeSet::new();
    for worker in WORKERS {
        let mut alive = seen.iter().filter(|seen| seen.replica.worker == worker && !seen.silent).peekable();
        if alive.peek().is_none() {
            lacking.insert(format!("{worker} does not run"));
            continue;
        }
        // The webhook comes next.
        let why = |seen: &replicas::Seen| {
            seen.missing.iter().filter(|(name, _)| *name != "webhook token").map(|(_, why)| why.clone()).next()
        };
        let reasons: Vec<Option<String>> = alive.map(why).collect();
        if let Some(Some(why)) = reasons.iter().min_by_key(|why| why.is_some()) {
            lacking.insert(format!("{worker}: {why}"));
        }
    }
    Ok(lacking)
}

/// Waits until all workers are ready. A command that has failed will not start them any more.
pub(crate) async fn until_ready(database: &Database, mut started: Option<Started>) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut said = BTreeSet::new();
    loop {
        let lacking = lacking(&database.client().await?).await?;
        if lacking.is_empty() {
            return Ok(());
        }
        if let Some(Started { child, log }) = &mut started
            && let Some(ended) = child.try_wait().context("the command that starts the workers")?
            && !ended.success()
        {
            let output = std::fs::read_to_string(&*log).unwrap_or_default();
            let last: Vec<&str> = output.lines().rev().take(12).collect();
            let last: String = last.into_iter().rev().map(|line| format!("\n    {line}")).collect();
            bail!("the command that starts the workers has failed ({ended}); the end of {}:{last}", log.display());
        }
        if began.elapsed() > UNTIL_READY {
            let what: Vec<String> = lacking.into_iter().collect();
            bail!("the workers are not ready after {} min: {}", UNTIL_READY.as_secs() / 60, what.join("; "));
        }
        if lacking != said {
            let what: Vec<String> = lacking.iter().cloned().collect();
            tell!("  Waiting: {}.", what.join("; "));
            said = lacking;
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Waits until all records of Sellsy are in the phone directory. Returns how many were read.
pub(crate) async fn until_loaded(database: &Database) -> anyhow::Result<i64> {
    let is_terminal = stderr().is_terminal();
    let mut bars = is_terminal.then(Bars::new);
    let mut last = (Instant::now(), String::new());
    let mut said = BTreeSet::new();
    loop {
        let progress = store::progress(&database.client().await?).await?;
        if let Some(bars) = &mut bars {
            bars.show(&progress);
        }
        for kind in progress.iter().filter(|kind| kind.loaded_at.is_some()) {
            if said.insert(kind.kind.clone()) && !is_terminal {
                tell!("  {}: {} records read.", kind.kind, kind.pass_rows);
            }
        }
        if progress.len() == 3 && progress.iter().all(|kind| kind.loaded_at.is_some()) {
            if let Some(bars) = &bars {
                bars.end();
            }
            return Ok(progress.iter().map(|kind| kind.pass_rows).sum());
        }
        let now = format!("{progress:?}");
        if now != last.1 {
            last = (Instant::now(), now);
        } else if last.0.elapsed() > UNTIL_LOADED {
            let problem = progress.iter().find_map(|kind| kind.problem.clone());
            bail!(
                "the phone directory does not load any further: {}",
                problem.unwrap_or_else(|| "no resolver reads; `callbridge directory status` says how far it is".to_owned())
            );
        }
        sleep(LOOK_EVERY).await;
    }
}

//! Replays and drops that were started on a page. They run one at a time: a second job would wait for the dead letters that
//! the first has consumed.
//!
//! The page shows the progress, and the job continues if the operator leaves the page. What a stopped job has not handled
//! stays parked.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::dead::letters::UnackedLetter;
use base::ids::{CallId, Stage};
use jiff::Timestamp;
use ledger::audit::Ended;
use tokio::{sync::watch, time};
use tokio_util::sync::CancellationToken;

use super::{
    Shared,
    auth::{ActId, act_ended},
};
use crate::dead::{
    DeadLetters,
    act::{self, Action, Outcome},
};

/// How long a request waits for its job. Most jobs are one dead letter, so the answer already shows the result.
const SHORT_JOB: Duration = Duration::from_secs(3);

/// Which dead letters to replay or drop.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Choice {
    One(String),
    Call(CallId),
    Group { stage: Stage, code: String },
    All,
}

impl Choice {
    fn stages(&self) -> Vec<Stage> {
        match self {
            Choice::Group { stage, .. } => vec![*stage],
            _ => Stage::ALL.to_vec(),
        }
    }

    fn matches(&self, held: &UnackedLetter) -> bool {
        match self {
            Choice::One(id) => held.letter.id == *id,
            Choice::Call(call_id) => held.letter.call_id == Some(*call_id),
            Choice::Group { code, .. } => held.letter.code == *code,
            Choice::All => true,
        }
    }
}

/// A job as a page shows it.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) action: Action,
    /// How many dead letters match; `None` until they have been counted.
    pub(super) matched: Option<usize>,
    pub(super) done: usize,
    pub(super) end: Option<End>,
}

#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) at: Timestamp,
    /// Dead letters of ingest, which no worker handles.
    pub(super) not_replayable: usize,
    pub(super) problem: Option<String>,
}

#[derive(Default)]
struct Progress {
    matched: Mutex<Option<usize>>,
    done: AtomicUsize,
    end: Mutex<Option<End>>,
}

#[derive(Default)]
pub(super) struct Jobs {
    last: Mutex<Option<(Action, Arc<Progress>)>>,
    running: watch::Sender<bool>,
    /// Stops the running job after the dead letters that it is handling.
    pub(super) stop: CancellationToken,
}

impl Jobs {
    pub(super) fn last(&self) -> Option<Job> {
        let last = locked(&self.last).clone()?;
        let (action, progress) = last;
        Some(Job {
            action,
            matched: *locked(&progress.matched),
            done: progress.done.load(Ordering::Relaxed),
            end: locked(&progress.end).clone(),
        })
    }

    pub(super) fn is_running(&self) -> bool {
        *self.running.borrow()
    }

    /// Waits until no job is running.
    pub(super) async fn wait_until_idle(&self) {
        // The sender is in `self`, so waiting cannot fail.
        let _ = self.running.subscribe().wait_for(|running| !running).await;
    }

    /// Starts a job; false if another one is running. Returns when the job has ended, or after a moment.
    pub(super) async fn start(self: &Arc<Self>, console: &Shared, action: Action, choice: Choice, act: ActId) -> bool {
        if !self.running.send_if_modified(|running| !std::mem::replace(running, true)) {
            return false;
        }
        let progress = Arc::new(Progress::default());
        *locked(&self.last) = Some((action, progress.clone()));
        let (console, this) = (console.clone(), self.clone());
        tokio::spawn(async move {
            let (not_replayable, problem) =
                match run(&console.dead_letters, action, &choice, &progress, &this.stop).await {
                    Ok((not_replayable, problem)) => (not_replayable, problem),
                    Err(e) => (0, Some(e)),
                };
            let problem = problem.map(|e| format!("{e:#}"));
            if let Some(problem) = &problem {
                tracing::warn!(error = problem, "A replay or drop ended early.");
            }
            let (matched, done) = (locked(&progress.matched).unwrap_or(0), progress.done.load(Ordering::Relaxed));
            let ended = if problem.is_some() || done < matched { Ended::Failed } else { Ended::Done };
            let detail =
                format!("{done} of {matched}{}", problem.as_ref().map_or_else(String::new, |e| format!(": {e}")));
            act_ended(&console, act.0, ended, Some(&detail)).await;
            *locked(&progress.end) = Some(End { at: Timestamp::now(), not_replayable, problem });
            this.running.send_replace(false);
        });
        let _ = time::timeout(SHORT_JOB, self.wait_until_idle()).await;
        true
    }
}

async fn run(
    dead_letters: &DeadLetters,
    action: Action,
    choice: &Choice,
    progress: &Progress,
    stop: &CancellationToken,
) -> anyhow::Result<(usize, Option<anyhow::Error>)> {
    dead_letters.prepare().await?;
    let (readers, letters) = dead_letters.read(choice.stages(), |held| choice.matches(held)).await?;
    let all = letters.len();
    let letters: Vec<UnackedLetter> =
        letters.into_iter().filter(|held| action == Action::Drop || held.letter.stage.has_work_queue()).collect();
    let not_replayable = all - letters.len();
    *locked(&progress.matched) = Some(letters.len());
    if letters.is_empty() {
        readers.close().await;
        return Ok((not_replayable, None));
    }
    // A child token, because a failure cancels it and must not stop later jobs.
    let one_is_done = || {
        progress.done.fetch_add(1, Ordering::Relaxed);
    };
    let Outcome { problem, .. } =
        act::carry_out(dead_letters, action, readers, letters, &stop.child_token(), one_is_done).await;
    Ok((not_replayable, problem))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Replays and drops that were asked for on a page. One at a time: a second would wait for the letters that the first holds.
//!
//! Whoever asked sees how far it is; nobody needs to stay on the page. What a stopped job has not done stays parked.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::dead::letters::Held;
use base::ids::{CallId, Stage};
use jiff::Timestamp;
use tokio::{sync::watch, time};
use tokio_util::sync::CancellationToken;

use crate::dead::{
    Desk,
    act::{self, Acted, Deed},
};

/// Most jobs are one letter: whoever asked sees the end at once.
const MOST_ARE_DONE: Duration = Duration::from_secs(3);

/// Which letters are meant.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Choice {
    Letter(String),
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

    fn takes(&self, held: &Held) -> bool {
        match self {
            Choice::Letter(id) => held.letter.id == *id,
            Choice::Call(call_id) => held.letter.call_id == Some(*call_id),
            Choice::Group { code, .. } => held.letter.code == *code,
            Choice::All => true,
        }
    }
}

/// A job as a page shows it.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) deed: Deed,
    /// `None` until they have been counted.
    pub(super) matched: Option<usize>,
    pub(super) done: usize,
    pub(super) end: Option<End>,
}

#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) at: Timestamp,
    /// Letters of ingest, which no worker takes.
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
    last: Mutex<Option<(Deed, Arc<Progress>)>>,
    running: watch::Sender<bool>,
    /// Ends the job that runs after the letters that it has in hand.
    pub(super) stop: CancellationToken,
}

impl Jobs {
    pub(super) fn last(&self) -> Option<Job> {
        let last = locked(&self.last).clone()?;
        let (deed, progress) = last;
        Some(Job {
            deed,
            matched: *locked(&progress.matched),
            done: progress.done.load(Ordering::Relaxed),
            end: locked(&progress.end).clone(),
        })
    }

    pub(super) fn is_running(&self) -> bool {
        *self.running.borrow()
    }

    /// Waits until none runs.
    pub(super) async fn ended(&self) {
        // The sender lives in self, so waiting cannot fail.
        let _ = self.running.subscribe().wait_for(|running| !running).await;
    }

    /// False if another one runs. Returns when this one has ended, or is taking longer than a moment.
    pub(super) async fn start(self: &Arc<Self>, desk: &Desk, deed: Deed, choice: Choice) -> bool {
        if !self.running.send_if_modified(|running| !std::mem::replace(running, true)) {
            return false;
        }
        let progress = Arc::new(Progress::default());
        *locked(&self.last) = Some((deed, progress.clone()));
        let (desk, this) = (desk.clone(), self.clone());
        tokio::spawn(async move {
            let (not_replayable, problem) = match run(&desk, deed, &choice, &progress, &this.stop).await {
                Ok((not_replayable, problem)) => (not_replayable, problem),
                Err(e) => (0, Some(e)),
            };
            let problem = problem.map(|e| format!("{e:#}"));
            if let Some(problem) = &problem {
                tracing::warn!(error = problem, "A replay or drop ended early.");
            }
            *locked(&progress.end) = Some(End { at: Timestamp::now(), not_replayable, problem });
            this.running.send_replace(false);
        });
        let _ = time::timeout(MOST_ARE_DONE, self.ended()).await;
        true
    }
}

async fn run(
    desk: &Desk,
    deed: Deed,
    choice: &Choice,
    progress: &Progress,
    stop: &CancellationToken,
) -> anyhow::Result<(usize, Option<anyhow::Error>)> {
    desk.prepare().await?;
    let (hand, letters) = desk.take(choice.stages(), |held| choice.takes(held)).await?;
    let all = letters.len();
    let letters: Vec<Held> =
        letters.into_iter().filter(|held| deed == Deed::Drop || held.letter.stage.has_work_queue()).collect();
    let not_replayable = all - letters.len();
    *locked(&progress.matched) = Some(letters.len());
    if letters.is_empty() {
        hand.let_go().await;
        return Ok((not_replayable, None));
    }
    // A child: a failure ends this job and not those that come.
    let one_is_done = || {
        progress.done.fetch_add(1, Ordering::Relaxed);
    };
    let Acted { problem, .. } = act::carry_out(desk, deed, hand, letters, &stop.child_token(), one_is_done).await;
    Ok((not_replayable, problem))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

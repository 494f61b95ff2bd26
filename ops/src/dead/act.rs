//! `callbridge dead replay` and `callbridge dead drop`.
//!
//! The line on the call's timeline is written first, so that it comes before the result of the replay. Ctrl-C and the
//! first failure stop the rest; dead letters that are being handled by then are finished.

use std::{
    io::{BufRead, IsTerminal, Write as _},
    process::ExitCode,
};

use crate::dead::letters::UnackedLetter;
use anyhow::Context;
use base::{out, say, tell};
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use ledger::{
    calls,
    timeline::{self, DeadLetter, Entry, What},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{DeadLetters, Readers, Selection, print};

/// How many dead letters are handled concurrently: a confirmation waits for a disk sync, and one sync serves many.
const AT_ONCE: usize = 16;

const NOT_INGEST: &str = "dead letters of ingest cannot be replayed: they are webhook bodies that were not understood, and no worker \
                          handles them.\nLook at them with `callbridge dead show <id> --payload`, report those that are about a call, and drop them.";

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Action {
    Replay,
    Drop,
}

impl Action {
    fn participle(self) -> &'static str {
        match self {
            Action::Replay => "replayed",
            Action::Drop => "dropped",
        }
    }
}

pub(super) async fn replay(
    dead_letters: &DeadLetters,
    which: &Selection,
    dry_run: bool,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let Some((readers, letters)) = read_selected(dead_letters, which).await? else { return Ok(ExitCode::FAILURE) };
    let (letters, ingest): (Vec<_>, Vec<_>) = letters.into_iter().partition(|held| held.letter.stage.has_work_queue());
    if !ingest.is_empty() {
        tell!("callbridge: {} not replayed; {NOT_INGEST}", counted(ingest.len()));
    }
    if letters.is_empty() {
        readers.close().await;
        return Ok(ExitCode::FAILURE);
    }
    if dry_run {
        let groups = print::group_by_code(letters.iter().map(|held| &held.letter));
        readers.close().await;
        if json {
            say!("{}", serde_json::to_string_pretty(&json!({ "would_replay": letters.len(), "groups": groups }))?);
        } else {
            say!("{}", print::table(&groups, Timestamp::now()));
            say!("Would replay {}.", counted(letters.len()));
        }
        return Ok(ExitCode::SUCCESS);
    }
    carry_out_and_report(dead_letters, Action::Replay, readers, letters, json).await
}

pub(super) async fn drop_letters(
    dead_letters: &DeadLetters,
    which: &Selection,
    yes: bool,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let Some((readers, letters)) = read_selected(dead_letters, which).await? else { return Ok(ExitCode::FAILURE) };
    if !yes {
        tell!("{}", print::table(&print::group_by_code(letters.iter().map(|held| &held.letter)), Timestamp::now()));
        out::print_beside(format_args!(
            "Drop {} permanently? What would have been written from them is lost. [y/N] ",
            counted(letters.len())
        ));
        if !tokio::task::spawn_blocking(answered_yes).await?.context("the answer could not be read")? {
            readers.close().await;
            tell!("Nothing was dropped.");
            return Ok(ExitCode::FAILURE);
        }
    }
    carry_out_and_report(dead_letters, Action::Drop, readers, letters, json).await
}

pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal()
}

pub(crate) fn answered_yes() -> std::io::Result<bool> {
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

async fn read_selected(
    dead_letters: &DeadLetters,
    which: &Selection,
) -> anyhow::Result<Option<(Readers, Vec<UnackedLetter>)>> {
    let (readers, letters) = dead_letters.read(which.filter.stages(), |held| which.matches(held)).await?;
    if letters.is_empty() {
        readers.close().await;
        tell!("callbridge: no dead letter matches");
        return Ok(None);
    }
    Ok(Some((readers, letters)))
}

async fn carry_out_and_report(
    dead_letters: &DeadLetters,
    action: Action,
    readers: Readers,
    letters: Vec<UnackedLetter>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let bar = ProgressBar::new(u64::try_from(letters.len())?).with_prefix(action.participle());
    bar.set_style(ProgressStyle::with_template("{prefix:<11} {bar:40} {pos}/{len} {eta}")?);
    let stop = CancellationToken::new();
    let on_interrupt = stop.clone();
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        on_interrupt.cancel();
    });
    let Outcome { matched, done, problem } =
        carry_out(dead_letters, action, readers, letters, &stop, || bar.inc(1)).await;
    bar.finish_and_clear();
    if json {
        say!("{}", json!({ "matched": matched, action.participle(): done, "still_parked": matched - done }));
    } else if done == matched {
        say!("{} {}.", counted(done), action.participle());
    } else {
        say!("Stopped: {done} of {} {}; the others are still parked.", counted(matched), action.participle());
    }
    match problem {
        Some(e) => Err(e),
        None if done == matched => Ok(ExitCode::SUCCESS),
        None => Ok(ExitCode::FAILURE),
    }
}

/// How a replay or drop of some dead letters ended.
pub(crate) struct Outcome {
    pub(crate) matched: usize,
    pub(crate) done: usize,
    pub(crate) problem: Option<anyhow::Error>,
}

/// Replays or drops these dead letters, until `stop` or the first failure; the rest return to their queues.
pub(crate) async fn carry_out(
    dead_letters: &DeadLetters,
    action: Action,
    readers: Readers,
    letters: Vec<UnackedLetter>,
    stop: &CancellationToken,
    one_is_done: impl Fn(),
) -> Outcome {
    let mut outcome = Outcome { matched: letters.len(), done: 0, problem: None };
    let until_stopped = stream::iter(letters).take_until(stop.clone().cancelled_owned());
    let mut results =
        until_stopped.map(|held| carry_out_one(dead_letters, action, held)).buffer_unordered(AT_ONCE).boxed();
    while let Some(result) = results.next().await {
        match result {
            Ok(()) => {
                outcome.done += 1;
                one_is_done();
            }
            Err(e) => {
                stop.cancel();
                outcome.problem = outcome.problem.or(Some(e));
            }
        }
    }
    drop(results);
    readers.close_after_acks().await;
    outcome
}

async fn carry_out_one(dead_letters: &DeadLetters, action: Action, held: UnackedLetter) -> anyhow::Result<()> {
    let letter = &held.letter;
    if let Some(call_id) = letter.call_id {
        let about = DeadLetter { message: letter.id.clone(), code: letter.code.clone(), attempts: letter.attempts };
        let what = match action {
            Action::Replay => What::Replayed(about),
            Action::Drop => What::Dropped(about),
        };
        let client = dead_letters.database.client().await?;
        timeline::add(&client, call_id, [Entry::new(letter.stage.as_str(), what)]).await?;
        // Counted before it is replayed, because it may be parked again at once.
        calls::count_parked(&client, call_id, -1, action == Action::Drop).await?;
    }
    let outcome = match action {
        Action::Replay => held.replay(&dead_letters.publisher).await,
        Action::Drop => held.remove().await,
    };
    if let (Err(_), Some(call_id)) = (&outcome, letter.call_id)
        && let Ok(client) = dead_letters.database.client().await
    {
        let _ = calls::count_parked(&client, call_id, 1, false).await;
    }
    outcome.with_context(|| format!("dead letter {} could not be {}", letter.id, action.participle()))
}

fn counted(n: usize) -> String {
    if n == 1 { "1 dead letter".into() } else { format!("{n} dead letters") }
}

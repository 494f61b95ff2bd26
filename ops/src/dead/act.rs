//! `callbridge dead replay` and `callbridge dead drop`.
//!
//! Each letter gets its line on the timeline first, so that the line stands before what comes of it. Ctrl-C and the
//! first failure stop the rest; letters that are under way by then are finished.

use std::{
    io::{BufRead, IsTerminal, Write as _},
    process::ExitCode,
};

use crate::dead::letters::Held;
use anyhow::Context;
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use ledger::{
    calls,
    timeline::{self, DeadLetter, Entry, What},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Desk, Hand, Which, tell};

/// Letters at once: a confirmation takes a turn of the disk, and one turn serves many.
const AT_ONCE: usize = 16;

const NOT_INGEST: &str = "what ingest has parked cannot be replayed: these are bodies of webhooks that were not understood, and no worker \
                          takes them.\nLook at them with `callbridge dead show <id> --payload`, report those that are about a call, and drop them.";

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Deed {
    Replay,
    Drop,
}

impl Deed {
    fn done(self) -> &'static str {
        match self {
            Deed::Replay => "replayed",
            Deed::Drop => "dropped",
        }
    }
}

pub(super) async fn replay(desk: &Desk, which: &Which, dry_run: bool, json: bool) -> anyhow::Result<ExitCode> {
    let Some((hand, letters)) = take(desk, which).await? else { return Ok(ExitCode::FAILURE) };
    let (letters, ingest): (Vec<_>, Vec<_>) = letters.into_iter().partition(|held| held.letter.stage.has_work_queue());
    if !ingest.is_empty() {
        eprintln!("callbridge: {} not replayed; {NOT_INGEST}", messages(ingest.len()));
    }
    if letters.is_empty() {
        hand.let_go().await;
        return Ok(ExitCode::FAILURE);
    }
    if dry_run {
        let kinds = tell::kinds(letters.iter().map(|held| &held.letter));
        hand.let_go().await;
        if json {
            println!("{}", serde_json::to_string_pretty(&json!({ "would_replay": letters.len(), "groups": kinds }))?);
        } else {
            println!("{}", tell::table(&kinds, Timestamp::now()));
            println!("Would replay {}.", messages(letters.len()));
        }
        return Ok(ExitCode::SUCCESS);
    }
    act(desk, Deed::Replay, hand, letters, json).await
}

pub(super) async fn drop_letters(desk: &Desk, which: &Which, yes: bool, json: bool) -> anyhow::Result<ExitCode> {
    let Some((hand, letters)) = take(desk, which).await? else { return Ok(ExitCode::FAILURE) };
    if !yes {
        eprintln!("{}", tell::table(&tell::kinds(letters.iter().map(|held| &held.letter)), Timestamp::now()));
        eprint!("Drop {} for good? What they would have written is lost. [y/N] ", messages(letters.len()));
        if !tokio::task::spawn_blocking(said_yes).await?.context("the answer could not be read")? {
            hand.let_go().await;
            eprintln!("Nothing was dropped.");
            return Ok(ExitCode::FAILURE);
        }
    }
    act(desk, Deed::Drop, hand, letters, json).await
}

pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal()
}

pub(crate) fn said_yes() -> std::io::Result<bool> {
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

async fn take(desk: &Desk, which: &Which) -> anyhow::Result<Option<(Hand, Vec<Held>)>> {
    let (hand, letters) = desk.take(which.group.stages(), |held| which.takes(held)).await?;
    if letters.is_empty() {
        hand.let_go().await;
        eprintln!("callbridge: no parked message matches");
        return Ok(None);
    }
    Ok(Some((hand, letters)))
}

async fn act(desk: &Desk, deed: Deed, hand: Hand, letters: Vec<Held>, json: bool) -> anyhow::Result<ExitCode> {
    let bar = ProgressBar::new(u64::try_from(letters.len())?).with_prefix(deed.done());
    bar.set_style(ProgressStyle::with_template("{prefix:<11} {bar:40} {pos}/{len} {eta}")?);
    let stop = CancellationToken::new();
    let on_interrupt = stop.clone();
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        on_interrupt.cancel();
    });
    let Acted { matched, done, problem } = carry_out(desk, deed, hand, letters, &stop, || bar.inc(1)).await;
    bar.finish_and_clear();
    if json {
        println!("{}", json!({ "matched": matched, deed.done(): done, "still_parked": matched - done }));
    } else if done == matched {
        println!("{} {}.", messages(done), deed.done());
    } else {
        println!("Stopped: {done} of {} {}, the rest is still parked.", messages(matched), deed.done());
    }
    match problem {
        Some(e) => Err(e),
        None if done == matched => Ok(ExitCode::SUCCESS),
        None => Ok(ExitCode::FAILURE),
    }
}

/// What became of the letters.
pub(crate) struct Acted {
    pub(crate) matched: usize,
    pub(crate) done: usize,
    pub(crate) problem: Option<anyhow::Error>,
}

/// Replays or drops these letters, until `stop` or the first failure, and lets go of the rest.
pub(crate) async fn carry_out(
    desk: &Desk,
    deed: Deed,
    hand: Hand,
    letters: Vec<Held>,
    stop: &CancellationToken,
    one_is_done: impl Fn(),
) -> Acted {
    let mut acted = Acted { matched: letters.len(), done: 0, problem: None };
    let under_way = stream::iter(letters).take_until(stop.clone().cancelled_owned());
    let mut results = under_way.map(|held| one(desk, deed, held)).buffer_unordered(AT_ONCE).boxed();
    while let Some(result) = results.next().await {
        match result {
            Ok(()) => {
                acted.done += 1;
                one_is_done();
            }
            Err(e) => {
                stop.cancel();
                acted.problem = acted.problem.or(Some(e));
            }
        }
    }
    drop(results);
    hand.let_go_of_the_rest().await;
    acted
}

async fn one(desk: &Desk, deed: Deed, held: Held) -> anyhow::Result<()> {
    let letter = &held.letter;
    if let Some(call_id) = letter.call_id {
        let about = DeadLetter { message: letter.id.clone(), code: letter.code.clone(), attempts: letter.attempts };
        let what = match deed {
            Deed::Replay => What::Replayed(about),
            Deed::Drop => What::Dropped(about),
        };
        let client = desk.database.client().await?;
        timeline::add(&client, call_id, [Entry::new(letter.stage.as_str(), what)]).await?;
        // Before it is out, because it may be parked again at once.
        calls::count_parked(&client, call_id, -1).await?;
    }
    let acted = match deed {
        Deed::Replay => held.replay(&desk.publisher).await,
        Deed::Drop => held.drop_letter().await,
    };
    if let (Err(_), Some(call_id)) = (&acted, letter.call_id)
        && let Ok(client) = desk.database.client().await
    {
        let _ = calls::count_parked(&client, call_id, 1).await;
    }
    acted.with_context(|| format!("message {} could not be {}", letter.id, deed.done()))
}

fn messages(n: usize) -> String {
    if n == 1 { "1 message".into() } else { format!("{n} messages") }
}

//! The logger is killed at every request that it makes, and between a request and the ledger, or the connection breaks there:
//! in the end there is exactly one complete log.
//!
//! Kill means SIGKILL while Sellsy keeps the logger waiting, before or after it has done the work. Then a new logger finds what
//! the killed one left behind. The two minutes for which a killed logger blocks a call are skipped by changing the ledger
//! ([`harness::Ledger::time_passes`]).

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base::ids::Stage;
use harness::{
    Process, Stack,
    build::{After, Before, Fault, When, call, sellsy, tag},
    eventually, says,
};
use serde_json::Value;

use crate::{CLIENT, SOON};

/// A request to Sellsy, and whether it is lost or carried out when the logger is killed.
type Point = (&'static str, When);

const TOKEN: &str = "POST /oauth2/access-tokens";

/// Every request in the order in which a call needs them. After an unclear POST the record is searched for its log.
const PHONE_CALL: [Point; 14] = [
    (TOKEN, Before),
    (TOKEN, After),
    ("GET /staffs", Before),
    ("GET /staffs", After),
    ("POST /phone-calls", Before),
    ("POST /phone-calls/search", Before),
    ("POST /phone-calls/search", After),
    // Two unclear creations in a row: the first made nothing, the second made the log.
    ("POST /phone-calls", After),
    ("POST /phone-calls/search", Before),
    ("POST /phone-calls/search", After),
    // The log is adopted and written again at once.
    ("PUT /phone-calls/{id}", Before),
    ("PUT /phone-calls/{id}", After),
    // The first points again, for an ordinary log.
    ("PUT /phone-calls/{id}", Before),
    ("PUT /phone-calls/{id}", After),
];

const COMMENT: [Point; 10] = [
    ("POST /comments", Before),
    ("POST /comments/search", Before),
    ("POST /comments/search", After),
    ("POST /comments", After),
    ("POST /comments/search", Before),
    ("POST /comments/search", After),
    ("PUT /comments/{id}", Before),
    ("PUT /comments/{id}", After),
    ("PUT /comments/{id}", Before),
    ("PUT /comments/{id}", After),
];

/// How many of the points above occur for an ordinary log.
const ORDINARY: usize = 2;

/// An answered call with a tag, whose end waits for a logger.
async fn played(stack: &Stack) -> Result<i64> {
    let call = stack.sandbox.play(&call(CLIENT).after(40, tag("soon."))).await?;
    let ledger = stack.ledger().await?;
    ledger.call_that(call, SOON, |row| !row.resolution.is_null()).await.context("the caller is looked up")?;
    let (ended, tagged) = (stack.names.work(Stage::Ended), stack.names.work(Stage::Logger));
    let waits =
        || async { (stack.depth(&ended).await.ok()? > 0 && stack.depth(&tagged).await.ok()? > 0).then_some(()) };
    eventually(SOON, waits).await.context("the end and the tag wait")?;
    Ok(call)
}

/// A stack with everything but a logger. Each test has Sellsy give texts back in another way (see [`harness::TEXTS`]).
async fn without_logger(what: &str, texts: &str) -> Result<(Stack, Vec<Process>)> {
    let (stack, mut workers) = Stack::running(what).await?;
    stack.sandbox.set_texts(texts).await?;
    workers.remove(2).kill().await?;
    Ok((stack, workers))
}

async fn nothing_is_parked(stack: &Stack) -> Result<()> {
    let letters = stack.dead_letters().await?;
    ensure!(letters.is_empty(), "dead letters: {letters:?}; {:?}", stack.logs);
    Ok(())
}

/// Kills a logger at each point, one after the other, and checks that there is never a second log.
async fn die_at(stack: &mut Stack, call: i64, points: &[Point], always: &[Fault]) -> Result<()> {
    for point @ (request, when) in points {
        let hangs = sellsy(request).hangs(*when).once();
        stack.sandbox.set_faults(always.iter().cloned().chain([hangs])).await?;
        if *request == TOKEN {
            // The other workers have one for all.
            stack.ledger().await?.forget_token().await?;
        }
        let mut logger = stack.start("logger").await?;
        // The message may have to come back from the second retry delay, which is half a minute.
        stack.sandbox.struck(3 * SOON).await.with_context(|| format!("{point:?}: {:?}", stack.logs))?;
        logger.kill().await?;
        let logs = stack.sandbox.logs_of(call).await?.len() + stack.sandbox.comments_of(call).await?.len();
        ensure!(logs <= 1, "{logs} logs after {point:?}: {:?}", stack.logs);
        stack.ledger().await?.time_passes().await?;
    }
    stack.sandbox.set_faults(always.iter().cloned()).await
}

/// A tag arrives when the log exists, at a logger that lives long enough to defer it.
async fn late_tag(stack: &mut Stack, call: i64) -> Result<()> {
    let mut logger = stack.start("logger").await?;
    let ledger = stack.ledger().await?;
    ledger.call_that(call, SOON, |row| row.written).await.context("the adopted log is written again")?;
    stack.sandbox.tag(call, &mut Value::Null, "late.").await?;
    ledger.call_that(call, SOON, |row| row.due && !row.leased).await.context("the late tag is deferred")?;
    ledger.pauses_end().await?;
    logger.kill().await
}

#[tokio::test]
async fn a_logger_killed_at_any_request_leaves_one_whole_log() -> Result<()> {
    let (mut stack, workers) = without_logger("killed", "blanks").await?;
    let id = played(&stack).await?;
    let (first, ordinary) = PHONE_CALL.split_at(PHONE_CALL.len() - ORDINARY);
    die_at(&mut stack, id, first, &[]).await?;
    late_tag(&mut stack, id).await?;
    die_at(&mut stack, id, ordinary, &[]).await?;
    let logger = stack.start("logger").await?;
    let whole = stack.sandbox.log_of(id, SOON, says(&["Tags : soon., late."])).await;
    whole.with_context(|| format!("{:?}", stack.logs))?;
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 1);
    nothing_is_parked(&stack).await?;
    drop((workers, logger));
    stack.down().await
}

#[tokio::test]
#[ignore = "nightly: a minute, and the same as with a phone call"]
async fn a_logger_killed_at_any_request_leaves_one_whole_comment() -> Result<()> {
    let (mut stack, workers) = without_logger("killed_comment", "br_slash").await?;
    stack.environment.insert("LOG_FALLBACK".into(), "comment".into());
    let refused = sellsy("POST /phone-calls").answers(402);
    let id = played(&stack).await?;
    let (first, ordinary) = COMMENT.split_at(COMMENT.len() - ORDINARY);
    die_at(&mut stack, id, first, std::slice::from_ref(&refused)).await?;
    late_tag(&mut stack, id).await?;
    die_at(&mut stack, id, ordinary, std::slice::from_ref(&refused)).await?;
    let logger = stack.start("logger").await?;
    let whole = || async {
        let comments = stack.sandbox.comments_of(id).await.ok()?;
        says(&["Tags : soon., late."])(comments.first()?).then_some(comments.len())
    };
    assert_eq!(eventually(SOON, whole).await.with_context(|| format!("{:?}", stack.logs))?, 1);
    assert!(stack.sandbox.phone_calls().await?.is_empty());
    nothing_is_parked(&stack).await?;
    drop((workers, logger));
    stack.down().await
}

#[tokio::test]
async fn a_connection_that_breaks_at_any_request_leaves_one_whole_log() -> Result<()> {
    let (mut stack, workers) = without_logger("cut", "entities").await?;
    stack.sandbox.set_faults(PHONE_CALL.map(|(request, when)| sellsy(request).breaks(when).once())).await?;
    let id = played(&stack).await?;
    // The other workers have a token, which the logger would use.
    stack.ledger().await?.forget_token().await?;
    let logger = stack.start("logger").await?;
    // Each fault occurs once. One more tag brings the call back each time, sooner than the retry delays would. Not too many
    // tags: a log lists at most thirty.
    let (mut call, mut tags, ledger) = (Value::Null, 0, stack.ledger().await?);
    let struck = async {
        while stack.sandbox.struck(Duration::from_secs(1)).await.is_err() {
            ledger.pauses_end().await?;
            tags += 1;
            stack.sandbox.tag(id, &mut call, &format!("tag {tags}.")).await?;
        }
        Ok::<_, anyhow::Error>(())
    };
    tokio::time::timeout(4 * SOON, struck).await.with_context(|| format!("not all has struck: {:?}", stack.logs))??;
    let last = [&*format!("tag {tags}.")];
    let written = async {
        while stack.sandbox.log_of(id, Duration::from_millis(250), says(&last)).await.is_err() {
            ledger.pauses_end().await?;
        }
        Ok::<_, anyhow::Error>(())
    };
    tokio::time::timeout(4 * SOON, written).await.with_context(|| format!("{:?}", stack.logs))??;
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 1);
    nothing_is_parked(&stack).await?;
    drop((workers, logger));
    stack.down().await
}

/// Whether the logger's last statement, which stores Sellsy's answer in the ledger, is still carried out.
const LEDGER_KNOWS: [bool; 2] = [false, true];

#[tokio::test]
async fn a_logger_killed_before_or_after_the_ledger_knows_leaves_one_log() -> Result<()> {
    let (mut stack, workers) = without_logger("killed_ledger", "as_sent").await?;
    for (posts, ledger_knows) in (1..).zip(LEDGER_KNOWS) {
        let id = played(&stack).await?;
        let (ledger, lock) = (stack.ledger().await?, stack.ledger().await?);
        stack.sandbox.set_faults([sellsy("POST /phone-calls").takes(Duration::from_secs(5)).once()]).await?;
        let mut logger = stack.start("logger").await?;
        stack.sandbox.struck(SOON).await?;
        lock.lock_call(id).await?;
        let waits = || async {
            let logged = stack.sandbox.logs_of(id).await.ok()?.len() == 1;
            (logged && ledger.held_up().await.ok()? > 0).then_some(())
        };
        eventually(SOON, waits).await.context("the logger waits for the ledger")?;
        if ledger_knows {
            // A stopped process acks nothing.
            logger.signal("-STOP").await?;
            lock.unlock().await?;
            ledger.call_that(id, SOON, |row| row.log.is_some()).await.context("the ledger knows")?;
            logger.kill().await?;
        } else {
            logger.kill().await?;
            // Otherwise the dead logger's statement would be carried out as soon as the lock is released.
            assert!(ledger.end_who_is_held_up().await? > 0, "the logger waits for the ledger");
            lock.unlock().await?;
        }
        ledger.time_passes().await?;
        let mut logger = stack.start("logger").await?;
        let queues = [Stage::Ended, Stage::Logger].map(|stage| stack.names.work(stage));
        let at_rest = || async {
            let row = ledger.call(id).await.ok()??;
            let written = row.log.is_some() && row.intent.is_none() && !row.leased;
            let empty = stack.depth(&queues[0]).await.ok()? + stack.depth(&queues[1]).await.ok()? == 0;
            (written && empty).then_some(())
        };
        eventually(SOON, at_rest).await.with_context(|| format!("the call comes to rest: {:?}", stack.logs))?;
        assert_eq!(stack.sandbox.logs_of(id).await?.len(), 1);
        assert_eq!(stack.sandbox.count("sellsy", "POST /phone-calls").await?, posts);
        logger.kill().await?;
    }
    nothing_is_parked(&stack).await?;
    drop(workers);
    stack.down().await
}

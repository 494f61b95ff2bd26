//! Calls that the card's look-up decides: the logger takes their end itself, without the resolver.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base::ids::Stage;
use harness::{
    Line, Process, Stack,
    build::{After, STARTED_AT, call, sellsy, webhook},
    eventually,
};
use lapin::{options::QueueBindOptions, types::FieldTable};

use crate::{CLIENT, SOON};

const STRANGER: &str = "+33 6 39 98 77 06";

/// How many messages of a stage this process has handled, by their outcome.
async fn handled(worker: &Process, stage: &str, outcome: &str) -> Result<u32> {
    let metrics = reqwest::get(format!("{}/metrics", worker.url)).await?.text().await?;
    let labels = [format!("stage=\"{stage}\""), format!("outcome=\"{outcome}\"")];
    let line = metrics
        .lines()
        .find(|line| line.starts_with("callbridge_messages_total") && labels.iter().all(|label| line.contains(label)));
    Ok(line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default())
}

/// The logger has handled this many ends of calls, and the resolver none.
async fn ended_alone(workers: &[Process], calls: u32) -> Result<()> {
    let (resolver, logger) = (&workers[1], &workers[2]);
    let all = || async { (handled(logger, "ended", "done").await.ok()? == calls).then_some(()) };
    eventually(SOON, all).await.with_context(|| format!("{calls} ends"))?;
    assert_eq!(handled(resolver, "resolver", "done").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_call_that_its_card_decides_needs_no_resolver_at_its_end() -> Result<()> {
    let (stack, workers) = Stack::running("ended").await?;
    let logger = &workers[2];
    // In life views do not come all at once; those have to be merged, and that is the resolver's.
    let id = stack.sandbox.play(&call(CLIENT).paced(20)).await?;
    stack.sandbox.logged(id, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
    let ledger = stack.ledger().await?;
    let decided = ledger.line_that(id, SOON, |line| line.is("decided")).await?;
    assert_eq!(decided.stage, "resolver", "its look-up has decided");
    ledger.line_that(id, SOON, |line| line.is("logged")).await?;
    ended_alone(&workers, 1).await?;

    // Without a card nobody was looked up; the directory knows.
    let unseen = stack.sandbox.play(&call(CLIENT).losing(&["call.created"])).await?;
    stack.sandbox.logged(unseen, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
    ended_alone(&workers, 2).await?;
    let card = stack.ledger().await?.line_that(unseen, SOON, |line| line.is("no_card_shown")).await?;
    assert_eq!(card.stage, "resolver");

    // Nobody is known by this number: the resolver asks Sellsy.
    let stranger = stack.sandbox.play(&call(STRANGER).losing(&["call.created"])).await?;
    ledger.call_that(stranger, SOON, |row| row.unmatched).await?;
    let passed_on = || async { (handled(logger, "ended", "passed_on").await.ok()? == 1).then_some(()) };
    eventually(SOON, passed_on).await.context("the logger passes it on")?;
    let ends = ledger.timeline(stranger).await?.iter().filter(|line| line.is("call.ended")).count();
    assert_eq!(ends, 1, "its line is written once, whoever handles it");

    // Aircall sends the end once more: there is nothing to do, and nothing is asked.
    let (requests, ended) = (stack.sandbox.requests("sellsy").await?, stack.sandbox.call(id).await?);
    let at = ended["ended_at"].as_i64().context("ended_at")?;
    stack.sandbox.send([webhook("call.ended", ended).at(at)]).await?;
    let again = || async { (handled(logger, "ended", "passed_on").await.ok()? == 2).then_some(()) };
    eventually(SOON, again).await.context("it is decided already")?;
    let settled = || async { (handled(logger, "logger", "done").await.ok()? == 1).then_some(()) };
    eventually(SOON, settled).await.context("the logger has compared")?;
    assert_eq!(stack.sandbox.requests("sellsy").await?, requests);
    assert_eq!(stack.sandbox.logs_of(id).await?.len(), 1);
    drop(workers);
    stack.down().await
}

/// From its decision on it is as if the resolver had decided: a message of the logger.
#[tokio::test]
async fn an_end_whose_log_cannot_be_written_goes_on_as_a_decision() -> Result<()> {
    let (mut stack, mut workers) = Stack::running("ended_refused").await?;
    let ledger = stack.ledger().await?;
    // Carried out, and the answer is lost: looked for, and adopted.
    stack.sandbox.set_faults([sellsy("POST /phone-calls").breaks(After).once()]).await?;
    let unclear = stack.sandbox.play(&call(CLIENT)).await?;
    stack.sandbox.struck(SOON).await?;
    let failed = |line: &Line| line.is(harness::RETRIED);
    let line = ledger.line_that(unclear, SOON, failed).await.context("the first attempt is told")?;
    assert_eq!(line.stage, "logger");
    ledger.call_that(unclear, SOON, |row| row.intent.is_some() && !row.leased).await?;
    ledger.time_passes().await?;
    ledger.pauses_end().await?;
    ledger
        .call_that(unclear, 3 * SOON, |row| row.written && !row.leased)
        .await
        .with_context(|| format!("{:?}", stack.logs))?;
    assert_eq!(stack.sandbox.logs_of(unclear).await?.len(), 1);

    stack.sandbox.set_faults([sellsy("POST /phone-calls").answers(402)]).await?;
    let parked = stack.sandbox.play(&call(CLIENT)).await?;
    stack.parked(Stage::Logger, 1, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
    stack.sandbox.set_faults([]).await?;
    // What Sellsy has refused is not tried again for a while.
    workers[2].terminate(SOON).await?;
    workers[2] = stack.start("logger").await?;
    let (replayed, good) = stack.callbridge(&["dead", "replay", "--all"]).await?;
    ensure!(good, "{replayed}");
    stack.sandbox.logged(parked, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
    assert_eq!(stack.sandbox.logs_of(parked).await?.len(), 1);
    drop(workers);
    stack.down().await
}

/// A ledger that was set back, or an event that comes late: a log may exist, so it is looked for.
#[tokio::test]
async fn an_end_that_comes_late_is_not_taken_for_the_first() -> Result<()> {
    let (stack, workers) = Stack::running("ended_late").await?;
    let old = call(CLIENT).started_at(STARTED_AT).losing(&["call.ended"]);
    let id = stack.sandbox.play(&old).await?;
    stack.ledger().await?.call_that(id, SOON, |row| !row.resolution.is_null()).await?;
    let ended = stack.sandbox.call(id).await?;
    let at = ended["ended_at"].as_i64().context("ended_at")?;
    stack.sandbox.send([webhook("call.ended", ended).at(at)]).await?;
    stack.sandbox.logged(id, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
    assert!(stack.sandbox.count("sellsy", "POST /phone-calls/search").await? > 0);
    drop(workers);
    stack.down().await
}

/// While workers are replaced, those of the version before bind the queues of before; nothing comes twice.
#[tokio::test]
async fn who_takes_over_unbinds_the_queue_of_before() -> Result<()> {
    let mut stack = Stack::new("take_over").await?;
    let before =
        [(format!("{}.resolver", stack.name), "call.ended"), (format!("{}.cards", stack.name), "call.created")];
    stack.own_queue(&before[1].0);
    let ingest = stack.start("ingest").await?;
    ingest.until_ready(SOON).await?;
    let channel = stack.broker().await?.create_channel().await?;
    let events = stack.names.events();
    channel
        .queue_declare(
            before[1].0.as_str().into(),
            lapin::options::QueueDeclareOptions::durable(),
            FieldTable::default(),
        )
        .await?;
    for (queue, key) in &before {
        let bind = QueueBindOptions::default();
        channel
            .queue_bind(queue.as_str().into(), events.as_str().into(), (*key).into(), bind, FieldTable::default())
            .await?;
    }
    stack.sandbox.deliver_to(&ingest.url).await?;
    // An ingest of the new version leaves the old workers theirs.
    stack.sandbox.play(&call(CLIENT)).await?;
    let both = || async {
        let [ended, cards] = [&before[0].0, &before[1].0];
        (stack.depth(ended).await.ok()? == 1 && stack.depth(cards).await.ok()? == 1).then_some(())
    };
    eventually(SOON, both).await.context("the queues of before get both")?;
    let workers = [stack.start("resolver").await?, stack.start("logger").await?];
    for worker in &workers {
        worker.until_ready(SOON).await?;
    }
    let id = stack.sandbox.play(&call(CLIENT)).await?;
    stack.sandbox.logged(id, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
    assert_eq!(stack.depth(&before[1].0).await?, 1, "nothing more comes");
    assert_eq!(stack.sandbox.logs_of(id).await?.len(), 1);
    drop((ingest, workers));
    stack.down().await
}

/// A queue on one node cannot be declared while that node is down. Here it cannot because it exists with other arguments.
#[tokio::test]
async fn calls_are_logged_although_the_queue_of_cards_cannot_be_declared() -> Result<()> {
    let mut stack = Stack::new("no_ringing").await?;
    let channel = stack.broker().await?.create_channel().await?;
    let ringing = stack.names.work(Stage::Cards);
    let durable = lapin::options::QueueDeclareOptions::durable();
    channel.queue_declare(ringing.as_str().into(), durable, FieldTable::default()).await?;
    let workers = [stack.start("ingest").await?, stack.start("resolver").await?, stack.start("logger").await?];
    for worker in [&workers[0], &workers[2]] {
        worker.until_ready(SOON).await?;
    }
    stack.sandbox.deliver_to(&workers[0].url).await?;
    stack.directory_loaded(SOON).await?;
    let known = stack.sandbox.play(&call(CLIENT)).await?;
    let stranger = stack.sandbox.play(&call(STRANGER)).await?;
    stack.sandbox.logged(known, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
    stack.ledger().await?.call_that(stranger, SOON, |row| row.unmatched).await.context("the resolver decides")?;
    let (ready, why) = workers[1].readiness().await?;
    assert!(!ready && why.to_string().contains("consumer of cards"), "{why}");
    drop(workers);
    stack.down().await
}

#[tokio::test]
#[ignore = "nightly: it takes more than five minutes"]
async fn without_a_logger_the_resolver_decides_after_a_while() -> Result<()> {
    let (mut stack, mut workers) = Stack::running("ended_given_on").await?;
    workers[2].terminate(SOON).await?;
    let id = stack.sandbox.play(&call(CLIENT)).await?;
    let ledger = stack.ledger().await?;
    ledger.call_that(id, 12 * SOON, |row| row.resolved).await.context("the resolver gets it")?;
    workers[2] = stack.start("logger").await?;
    stack.sandbox.logged(id, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
    assert_eq!(stack.sandbox.logs_of(id).await?.len(), 1);
    drop(workers);
    stack.down().await
}

async fn cards(stack: &Stack) -> Result<usize> {
    Ok(stack.sandbox.get("/aircall/insight-cards").await?.as_array().map_or(0, Vec::len))
}

/// A standby that lacked the last second has taken over: it does not know that the card was shown, and Aircall sends the call a second time.
#[tokio::test]
async fn a_ledger_that_took_over_shows_no_second_card() -> Result<()> {
    let (mut stack, mut workers) = Stack::running("twocards").await?;
    // It rings for ten seconds.
    let id = stack.sandbox.play(&call(CLIENT).paced(10_000)).await?;
    let shown = || async { (cards(&stack).await.ok()? == 1).then_some(()) };
    eventually(SOON, shown).await.context("no card")?;
    let database = stack.connection().await?;
    for table in ["calls", "timeline"] {
        database.execute(&format!("delete from {table} where call_id = $1"), &[&id]).await?;
    }
    database.batch_execute("update ledger_is set timeline = '00000000'").await?;
    workers[1].terminate(SOON).await?;
    workers[1] = stack.start("resolver").await?;
    workers[1].until_ready(SOON).await?;
    let ringing = stack.sandbox.call(id).await?;
    let rang_at = ringing["started_at"].as_i64().context("started_at")?;
    stack.sandbox.send([webhook("call.created", ringing).at(rang_at)]).await?;
    let skipped = |line: &Line| line.call == id && line.is("skipped");
    let line = stack.ledger().await?.line_that(id, SOON, skipped).await.context("it is shown again")?;
    ensure!(line.reason().contains("by a ledger that was lost"), "{}", line.reason());
    ensure!(cards(&stack).await? == 1, "a second card");
    // Another call gets its card. Aircall's times have whole seconds: one of the second of the takeover may have rung before.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    stack.sandbox.play(&call(CLIENT).paced(10_000)).await?;
    let another = || async { (cards(&stack).await.ok()? == 2).then_some(()) };
    eventually(SOON, another).await.context("no card afterwards")?;
    drop(workers);
    stack.down().await
}

/// A standby that lacked the last second has taken over: it does not know of the log, and Aircall sends the end a second time, as it does now and then.
#[tokio::test]
async fn a_ledger_that_took_over_looks_for_logs_that_it_may_lack() -> Result<()> {
    let (mut stack, mut workers) = Stack::running("takeover").await?;
    let id = stack.sandbox.play(&call(CLIENT).paced(20)).await?;
    let log = stack.sandbox.logged(id, SOON).await?;
    stack.ledger().await?.line_that(id, SOON, |line| line.is("logged")).await?;
    let database = stack.connection().await?;
    for table in ["calls", "timeline", "logs_as_left"] {
        database.execute(&format!("delete from {table} where call_id = $1"), &[&id]).await?;
    }
    // As on another timeline.
    database.batch_execute("update ledger_is set timeline = '00000000'").await?;
    workers[2].terminate(SOON).await?;
    workers[2] = stack.start("logger").await?;
    workers[2].until_ready(SOON).await?;
    let ended = stack.sandbox.call(id).await?;
    let at = ended["ended_at"].as_i64().context("ended_at")?;
    stack.sandbox.send([webhook("call.ended", ended).at(at)]).await?;
    stack
        .ledger()
        .await?
        .line_that(id, SOON, |line| line.is("adopted_unknown"))
        .await
        .context("it is not looked for")?;
    ensure!(stack.sandbox.logs_of(id).await?.len() == 1, "a second log");

    // Another call is logged after a search, while it is not known what the ledger lacks; and without one afterwards.
    let searches = || async { stack.sandbox.count("sellsy", "POST /phone-calls/search").await };
    let before = searches().await?;
    let next = stack.sandbox.play(&call(CLIENT).paced(20)).await?;
    stack.sandbox.logged(next, SOON).await?;
    let after = searches().await?;
    ensure!(after > before, "it was logged without a search");
    database.batch_execute("update ledger_is set since = now() - interval '11 minutes'").await?;
    let last = stack.sandbox.play(&call(CLIENT).paced(20)).await?;
    stack.sandbox.logged(last, SOON).await?;
    ensure!(searches().await? == after, "it was looked for");
    drop((workers, log));
    stack.down().await
}

//! Calls with no webhook, or with some missing: ingest finds recent ones in Aircall's list, `callbridge backfill` finds older
//! ones, and a webhook that Aircall has disabled is noticed and enabled again.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use base::ids::Stage;
use harness::{
    CallRow, Process, RECONCILED, Stack,
    build::{Call, aircall, call, tag, untag, webhook},
    eventually, says,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{CLIENT, SOON};

fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs().cast_signed())
}

/// A call that began this long ago and is over.
fn past_call(ago_s: i64) -> Call {
    call(CLIENT).lasting(90).started_at(now_s() - ago_s)
}

/// A stack whose ingest reconciles every second.
async fn reconciling(what: &str) -> Result<(Stack, Vec<Process>)> {
    let mut stack = Stack::new(what).await?;
    stack.environment.insert("RECONCILE_EVERY".into(), "1s".into());
    stack.environment.insert("AIRCALL_NUMBER_IDS".into(), "1001".into());
    let workers = stack.start_all().await?;
    Ok((stack, workers))
}

/// Aircall's own API, which already has the harness's webhook.
async fn aircall_api(stack: &Stack, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
    let mut request = reqwest::Client::new()
        .request(method, format!("{}/aircall{path}", stack.sandbox.url()))
        .basic_auth("sandbox-aircall-id", Some("sandbox-aircall-token"));
    if let Some(body) = body {
        request = request.json(&body);
    }
    Ok(request.send().await?.error_for_status()?.json().await?)
}

async fn only_webhook(stack: &Stack) -> Result<Value> {
    let all = aircall_api(stack, Method::GET, "/v1/webhooks", None).await?["webhooks"].clone();
    assert_eq!(all.as_array().map(Vec::len), Some(1), "{all}");
    Ok(all[0].clone())
}

async fn no_more(stack: &Stack, event: &str) -> Result<()> {
    let id = only_webhook(stack).await?["webhook_id"].as_str().context("webhook_id")?.to_owned();
    let path = format!("/v1/webhooks/{id}?events_action=remove");
    aircall_api(stack, Method::PUT, &path, Some(json!({ "events": [event] }))).await.map(drop)
}

/// The number of facts that came from Aircall's list.
async fn reconciled(stack: &Stack) -> Result<usize> {
    stack.ledger().await?.lines(|line| line.is(RECONCILED)).await
}

/// Waits for this many turns from now on.
async fn turns(stack: &Stack, turns: i32) -> Result<()> {
    let ledger = stack.ledger().await?;
    for _ in 0..turns {
        ledger.reconciliation_turns(SOON).await?;
    }
    Ok(())
}

async fn each_logged_once(stack: &Stack, calls: &[i64]) -> Result<()> {
    let all = || async {
        let logs = stack.sandbox.phone_calls().await.ok()?;
        (logs.len() >= calls.len()).then_some(())
    };
    eventually(Duration::from_secs(120), all).await.with_context(|| format!("all are logged: {:?}", stack.logs))?;
    for call in calls {
        assert_eq!(stack.sandbox.logs_of(*call).await?.len(), 1, "call {call}");
    }
    assert_eq!(stack.sandbox.phone_calls().await?.len(), calls.len(), "there is nothing else");
    Ok(())
}

async fn metric(ingest: &Process, line: &str) -> Result<bool> {
    let metrics = reqwest::get(format!("{}/metrics", ingest.url)).await?.text().await?;
    Ok(metrics.lines().any(|has| has == line))
}

#[tokio::test]
async fn what_happens_while_ingest_is_down_is_logged_once() -> Result<()> {
    let (mut stack, mut workers) = reconciling("down").await?;
    // The first turn may have run before the webhook existed.
    turns(&stack, 2).await?;
    assert!(metric(&workers[0], "callbridge_webhook_active 1").await?);
    workers[0].kill().await?;
    // Aircall soon gives up and disables the webhook.
    stack.sandbox.control(Method::PUT, "/aircall/delivery", Some(&json!({ "max_attempts": 1 }))).await?;
    let mut calls = Vec::new();
    for n in 0..30 {
        calls.push(stack.sandbox.play(&past_call(1800 - 10 * n)).await?);
    }
    stack.sandbox.play(&past_call(1800).on(1002)).await?;
    stack.sandbox.delivered(SOON).await?;
    assert_eq!(only_webhook(&stack).await?["active"], false);
    assert!(stack.sandbox.phone_calls().await?.is_empty());

    workers[0] = stack.start("ingest").await?;
    each_logged_once(&stack, &calls).await?;
    assert_eq!(reconciled(&stack).await?, 30);

    // More turns bring nothing more, and each costs two requests: the list is short, and so is that of webhooks.
    let count = |api: &'static str, endpoint: &'static str| stack.sandbox.count(api, endpoint);
    // Counted from the pause after a turn: a running turn has already asked, and would be counted as one of the three.
    turns(&stack, 1).await?;
    let before = (count("aircall", "GET /v1/calls").await?, count("aircall", "GET /v1/webhooks").await?);
    let total = stack.sandbox.requests("aircall").await?;
    turns(&stack, 3).await?;
    workers[0].terminate(SOON).await?;
    let after = (count("aircall", "GET /v1/calls").await?, count("aircall", "GET /v1/webhooks").await?);
    assert!((3..=5).contains(&(after.0 - before.0)), "{before:?} {after:?}");
    let in_all = stack.sandbox.requests("aircall").await? - total;
    assert_eq!(in_all, after.0 - before.0 + after.1 - before.1);
    assert_eq!(reconciled(&stack).await?, 30, "no more facts");
    assert_eq!((count("sellsy", "POST /phone-calls").await?, count("sellsy", "PUT /phone-calls/{id}").await?), (30, 0));
    let reported = workers[0].output().matches("Aircall has disabled the webhook").count();
    assert_eq!(reported, 1, "once an hour: {}", workers[0].output());
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_disabled_webhook_is_noticed_and_enabled_with_all_its_events() -> Result<()> {
    let (stack, workers) = reconciling("webhook_off").await?;
    let url = format!("{}/webhooks/aircall", workers[0].url);
    let install = ["webhook", "install", "--url", url.as_str()];
    let (output, good) = stack.callbridge(&["webhook", "status"]).await?;
    assert!(good, "{output}");
    // Whoever asks for a URL wants that one to deliver.
    let (output, good) = stack.callbridge(&["webhook", "status", "--url", &url]).await?;
    assert!(good, "{output}");
    let other = "https://calls.example.com/webhooks/aircall";
    let (output, good) = stack.callbridge(&["webhook", "status", "--url", other]).await?;
    assert!(!good && output.contains(&format!("no webhook has the URL {other}")), "{output}");
    assert!(output.contains(&format!("callbridge webhook install --url {other}")), "{output}");
    let id = only_webhook(&stack).await?["webhook_id"].as_str().context("webhook_id")?.to_owned();

    // What a person has chosen is kept, what is needed is added.
    let path = format!("/v1/webhooks/{id}");
    let odd = json!({ "active": false, "events": ["user.opened", "call.ended", "call.tagged"] });
    aircall_api(&stack, Method::PUT, &path, Some(odd)).await?;
    turns(&stack, 2).await?;
    assert!(metric(&workers[0], "callbridge_webhook_active 0").await?);
    let (output, good) = stack.callbridge(&["webhook", "status"]).await?;
    assert!(!good && output.contains(&url) && output.contains("call.created"), "{output}");
    assert!(!output.contains(harness::TOKEN), "{output}");
    let (output, good) = stack.callbridge(&install).await?;
    assert!(good && output.contains("enabled again") && output.contains("call.created"), "{output}");
    let webhook = only_webhook(&stack).await?;
    let events: BTreeSet<&str> =
        webhook["events"].as_array().context("events")?.iter().filter_map(Value::as_str).collect();
    assert_eq!(
        (webhook["active"].as_bool(), events.len()),
        (Some(true), 18),
        "17 that are needed, and one more: {events:?}"
    );
    assert!(events.contains("user.opened"));
    let (output, good) = stack.callbridge(&["webhook", "status"]).await?;
    assert!(good, "{output}");
    turns(&stack, 2).await?;
    assert!(metric(&workers[0], "callbridge_webhook_active 1").await?);

    // Nothing is requested when everything is right.
    let puts = stack.sandbox.count("aircall", "PUT /v1/webhooks/{id}").await?;
    assert!(stack.callbridge(&install).await?.1);
    assert_eq!(stack.sandbox.count("aircall", "PUT /v1/webhooks/{id}").await?, puts);
    let call = stack.sandbox.play(&past_call(60)).await?;
    stack.sandbox.logged(call, SOON).await?;

    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_new_webhook_is_for_what_is_needed_and_its_token_is_noted() -> Result<()> {
    let stack = Stack::new("webhook_new").await?;
    stack.sandbox.deliver_to("http://127.0.0.1:9").await?;
    let old = only_webhook(&stack).await?["webhook_id"].clone();
    let (output, good) =
        stack.callbridge(&["webhook", "install", "--url", "https://calls.example.com/webhooks/aircall"]).await?;
    let all = aircall_api(&stack, Method::GET, "/v1/webhooks", None).await?["webhooks"].clone();
    let made = all.as_array().and_then(|all| all.iter().find(|webhook| webhook["webhook_id"] != old));
    let made = made.context("the new webhook")?;
    let token = made["token"].as_str().context("token")?;
    assert!(good && output.contains("noted in the database") && !output.contains(token), "{output}");
    assert_eq!(made["events"].as_array().map(Vec::len), Some(17));
    let (output, _) = stack.callbridge(&["webhook", "install", "--url", "https://calls.example.com/"]).await?;
    assert!(output.contains("it must be https://"), "{output}");
    stack.down().await
}

#[tokio::test]
async fn what_single_lost_webhooks_said_is_made_up_for() -> Result<()> {
    let (stack, workers) = reconciling("lost").await?;
    // Only the tag is lost.
    no_more(&stack, "call.tagged").await?;
    let tagged = stack.sandbox.play(&past_call(1800).after(200, tag("VIP"))).await?;
    stack.sandbox.logged(tagged, SOON).await?;
    let ledger = stack.ledger().await?;
    // A turn may have seen the call before its tag; it would look again when webhooks have had their five minutes.
    let with_tag = async {
        while stack.sandbox.log_of(tagged, Duration::from_millis(250), says(&["Tags : VIP"])).await.is_err() {
            ledger.pauses_end().await?;
            ledger.grace_ends().await?;
        }
        Ok::<_, anyhow::Error>(())
    };
    tokio::time::timeout(2 * SOON, with_tag).await.with_context(|| format!("the tag is there: {:?}", stack.logs))??;
    assert_eq!(stack.sandbox.logs_of(tagged).await?.len(), 1);

    // Only the end is lost.
    no_more(&stack, "call.ended").await?;
    let ended = stack.sandbox.play(&past_call(1700)).await?;
    stack.sandbox.logged(ended, SOON).await?;

    // A call that has a log and is backfilled anyway gets no second log, and nothing is written.
    let writes = || async {
        let (made, changed) = ("POST /phone-calls", "PUT /phone-calls/{id}");
        anyhow::Ok((stack.sandbox.count("sellsy", made).await?, stack.sandbox.count("sellsy", changed).await?))
    };
    let (before, facts) = (writes().await?, reconciled(&stack).await?);
    ledger.lose_decision(tagged).await?;
    let again = || async { (reconciled(&stack).await.ok()? > facts).then_some(()) };
    eventually(SOON, again).await.context("it is brought in again")?;
    turns(&stack, 2).await?;
    assert_eq!(writes().await?, before);
    each_logged_once(&stack, &[tagged, ended]).await?;
    assert_eq!(stack.dead_letters().await?, []);
    drop(workers);
    stack.down().await
}

/// A message of reconciliation may be lost like every other, before anything of it is stored: with a queue, or in the last second of a ledger.
#[tokio::test]
async fn what_a_webhook_of_a_long_call_said_is_made_up_for() -> Result<()> {
    let (stack, workers) = reconciling("reconcile_long").await?;
    // Aircall lists calls by their start, and the first turn alone begins a day ago.
    turns(&stack, 2).await?;
    // It lasted three hours, and ended long enough ago for its webhooks to have come.
    let long = call(CLIENT).lasting(10_800).started_at(now_s() - 10_800 - 900);
    let long = long.after(2, tag("VIP")).after(4, untag("VIP")).losing(&["call.untagged"]);
    let id = stack.sandbox.play(&long).await?;
    stack.sandbox.log_of(id, SOON, says(&["VIP"])).await.context("the tag")?;
    stack.sandbox.log_of(id, SOON, |log| !says(&["VIP"])(log)).await.context("the tag was taken off")?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn what_was_brought_in_and_lost_is_brought_in_again() -> Result<()> {
    let (mut stack, mut workers) = reconciling("brought").await?;
    let ledger = stack.ledger().await?;
    for worker in &mut workers[1..3] {
        worker.terminate(SOON).await?;
    }
    let all = ["call.created", "call.answered", "call.hungup", "call.ended"];
    let id = stack.sandbox.play(&past_call(1800).losing(&all)).await?;
    let queue = stack.names.work(Stage::Ended);
    let waits = || async { (stack.depth(&queue).await.ok()? == 1).then_some(()) };
    for _ in 0..2 {
        eventually(SOON, waits).await.context("it is brought in")?;
        // While its message may be on its way, it is not brought in once more.
        turns(&stack, 2).await?;
        assert_eq!(stack.depth(&queue).await?, 1);
        stack.purge(&queue).await?;
        ledger.grace_ends().await?;
    }
    workers[1] = stack.start("resolver").await?;
    workers[2] = stack.start("logger").await?;
    stack.sandbox.logged(id, SOON).await?;
    each_logged_once(&stack, &[id]).await?;
    let facts = reconciled(&stack).await?;
    ledger.grace_ends().await?;
    turns(&stack, 3).await?;
    assert_eq!(reconciled(&stack).await?, facts, "it has arrived, and is not brought in again");
    drop(workers);
    stack.down().await
}

/// The list shows A, a webhook adds B, and the webhook that removes B is lost: the list shows what it has shown before.
#[tokio::test]
async fn a_list_that_shows_what_it_showed_before_is_compared_all_the_same() -> Result<()> {
    let (stack, workers) = reconciling("again").await?;
    let ledger = stack.ledger().await?;
    let all = ["call.created", "call.answered", "call.hungup", "call.ended", "call.tagged"];
    let id = stack.sandbox.play(&past_call(1800).losing(&all).after(200, tag("VIP"))).await?;
    stack.sandbox.log_of(id, SOON, says(&["Tags : VIP"])).await?;

    for _ in 0..2 {
        // Not in the second in which the list was asked.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let mut call = stack.sandbox.call(id).await?;
        let now = now_s();
        call["tags"].as_array_mut().context("tags")?.push(json!({ "id": 77, "name": "Devis", "tagged_at": now }));
        stack.sandbox.send([webhook("call.tagged", call).at(now)]).await?;
        let tagged = |row: &CallRow| row.snapshot["tags"].to_string().contains("Devis");
        ledger.call_that(id, SOON, tagged).await?;
        // The five minutes of the webhooks pass.
        let removed = async {
            while ledger.call(id).await?.is_some_and(|row| tagged(&row)) {
                tokio::time::sleep(Duration::from_millis(1500)).await;
                ledger.grace_ends().await?;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(SOON, removed).await.context("the tag that is gone stays in the ledger")??;
    }
    ledger.pauses_end().await?;
    let log = stack.sandbox.log_of(id, 2 * SOON, |log| says(&["VIP"])(log) && !says(&["Devis"])(log)).await;
    log.context("the log has only what is left")?;
    let facts = reconciled(&stack).await?;
    turns(&stack, 3).await?;
    assert_eq!(reconciled(&stack).await?, facts, "and then nothing more is brought in");
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_backfill_that_is_killed_goes_on_and_logs_each_call_once() -> Result<()> {
    let mut stack = Stack::new("backfill").await?;
    let workers = [stack.start("resolver").await?, stack.start("logger").await?];
    for worker in &workers {
        worker.until_ready(SOON).await?;
    }
    stack.directory_loaded(SOON).await?;
    let mut calls = Vec::new();
    for n in 0..130 {
        calls.push(stack.sandbox.play(&past_call(3 * 86_400 - 60 * n)).await?);
    }
    // Older than the requested period.
    stack.sandbox.play(&past_call(10 * 86_400)).await?;
    let (output, good) = stack.callbridge(&["backfill", "--since", "7d", "--dry-run"]).await?;
    assert!(good && output.contains("130 calls in Aircall's list, 130 missing"), "{output}");
    assert_eq!(stack.sandbox.count("aircall", "GET /v1/calls").await?, 3);

    stack.sandbox.set_faults([aircall("GET /v1/calls").takes(Duration::from_millis(700))]).await?;
    let mut first = stack.begin(&["backfill", "--since", "7d"]).await?;
    let ledger = stack.ledger().await?;
    let begun = || async { ledger.backfill_is_under_way().await.ok()?.then_some(()) };
    eventually(SOON, begun).await.context("the first page is dealt with")?;
    first.kill().await?;
    stack.sandbox.set_faults([]).await?;
    let so_far = ledger.calls().await?.iter().filter(|row| row.reconciled).count();
    assert!((50..130).contains(&so_far), "{so_far}");

    let (output, good) = stack.callbridge(&["backfill", "--since", "7d"]).await?;
    assert!(good && output.contains("resuming with the calls from"), "{output}");
    each_logged_once(&stack, &calls).await?;
    let (output, good) = stack.callbridge(&["backfill", "--since", "7d"]).await?;
    assert!(good && output.contains("130 calls in Aircall's list, 0 brought in, 0 too recent"), "{output}");
    let (output, good) = stack.callbridge(&["backfill", "--since", "7d", "--dry-run", "--json"]).await?;
    let report: Value = serde_json::from_str(&output).with_context(|| output.clone())?;
    let counts = ["listed", "missing", "brought_in", "open"].map(|name| report[name].as_u64());
    assert!(good && counts == [Some(130), Some(0), Some(0), Some(0)], "{output}");
    assert!(report["dry_run"] == true && report["complete"] == true, "{output}");
    let (output, good) = stack.callbridge(&["backfill", "--since", "7mo"]).await?;
    assert!(!good && output.contains("Aircall keeps calls for six months"), "{output}");
    assert_eq!(stack.sandbox.count("sellsy", "POST /phone-calls").await?, 130);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn without_a_credential_for_aircall_ingest_takes_webhooks_all_the_same() -> Result<()> {
    let mut stack = Stack::new("no_key").await?;
    stack.environment.insert("RECONCILE_EVERY".into(), "1s".into());
    let key = stack.environment.remove("AIRCALL_API_ID").context("a key")?;
    let ingest = stack.start("ingest").await?;
    ingest.until_ready(SOON).await?;
    assert!(ingest.output().contains("are not looked for"), "{}", ingest.output());
    stack.environment.insert("AIRCALL_API_ID".into(), key);
    let others = [stack.start("resolver").await?, stack.start("logger").await?];
    stack.sandbox.deliver_to(&ingest.url).await?;
    let call = stack.sandbox.play(&past_call(1800)).await?;
    stack.sandbox.logged(call, SOON).await?;
    assert_eq!(stack.sandbox.count("aircall", "GET /v1/calls").await?, 0);
    drop((ingest, others));
    stack.down().await
}

#[tokio::test]
async fn after_a_ledger_or_a_queue_is_lost_each_call_is_still_logged_once() -> Result<()> {
    let mut stack = Stack::new("restored").await?;
    stack.environment.insert(crate::ASKING.0.into(), crate::ASKING.1.into());
    let mut workers = stack.start_all().await?;
    let mut calls = Vec::new();
    for n in 0..3 {
        calls.push(stack.sandbox.play(&past_call(7200 + n)).await?);
    }
    each_logged_once(&stack, &calls).await?;
    // The decision on a fourth call is in the ledger, but the broker lost its message to the logger.
    calls.push(crate::searched::decided_and_not_logged(&mut stack, &mut workers, past_call(7200)).await?);
    let queue = stack.names.work(Stage::Logger);
    let waits = || async { (stack.depth(&queue).await.ok()? == 1).then_some(()) };
    eventually(SOON, waits).await.context("its message waits")?;
    stack.purge(&queue).await?;
    // The ledger knows nothing of the first three any more: an older one was restored.
    drop(workers);
    let ledger = stack.ledger().await?;
    ledger.lose_logged_calls().await?;
    let workers = stack.start_all().await?;
    let (said, fine) = stack.callbridge(&["backfill", "--since", "1d"]).await?;
    assert!(fine, "{said}");
    each_logged_once(&stack, &calls).await?;
    let known = || async {
        let rows = ledger.calls().await.ok()?;
        (rows.iter().filter(|row| row.log.is_some()).count() == 4).then_some(())
    };
    eventually(SOON, known).await.context("the ledger knows all four logs")?;
    assert_eq!(stack.sandbox.count("sellsy", "POST /phone-calls").await?, 4);
    drop(workers);
    stack.down().await
}

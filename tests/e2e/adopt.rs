//! A log whose id the ledger does not know is found in Sellsy by its marker, however Sellsy gives its text back and however
//! many other logs its record has.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use harness::{
    Ledger, Stack, TEXTS,
    build::{After, Before, Call, call, sellsy},
    eventually,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{CLIENT, SOON};

/// Waits until each of these calls has a log that is known and written.
async fn all_are_written(stack: &Stack, ledger: &Ledger, calls: &[i64]) -> Result<()> {
    let written = || async {
        ledger.pauses_end().await.ok()?;
        stack.delays_end().await.ok()?;
        let rows = ledger.calls().await.ok()?;
        let ours = rows.iter().filter(|row| calls.contains(&row.id) && row.written && row.intent.is_none());
        (ours.count() == calls.len()).then_some(())
    };
    eventually(2 * SOON, written).await.with_context(|| format!("not all is written: {:?}", stack.logs))
}

/// Three calls whose creations get no answer, although Sellsy has made the logs.
async fn with_answers_lost(stack: &Stack, request: &str) -> Result<Vec<i64>> {
    let refused = sellsy("POST /phone-calls").answers(402);
    let others = [refused].into_iter().filter(|_| request == "POST /comments");
    let lost = (0..3).map(|_| sellsy(request).breaks(After).once());
    stack.sandbox.set_faults(lost.chain(others)).await?;
    let mut calls = Vec::new();
    for _ in 0..3 {
        calls.push(stack.sandbox.play(&call(CLIENT).at_once()).await?);
    }
    let ledger = stack.ledger().await?;
    for id in &calls {
        ledger.call_that(*id, SOON, |row| row.intent.is_some() && !row.leased).await.context("the answer is lost")?;
    }
    all_are_written(stack, &ledger, &calls).await?;
    Ok(calls)
}

#[tokio::test]
async fn a_log_is_recognised_although_its_lines_are_joined() -> Result<()> {
    is_recognised("joined_texts", &["joined"]).await
}

#[tokio::test]
#[ignore = "nightly: two minutes"]
async fn a_log_is_recognised_however_its_text_is_given_back() -> Result<()> {
    is_recognised("texts", &TEXTS).await
}

async fn is_recognised(name: &str, ways: &[&str]) -> Result<()> {
    let mut stack = Stack::new(name).await?;
    stack.environment.insert("LOG_FALLBACK".into(), "comment".into());
    let workers = stack.start_all().await?;
    let mut wrong = Vec::new();
    for texts in ways {
        stack.sandbox.set_texts(texts).await?;
        for id in with_answers_lost(&stack, "POST /phone-calls").await? {
            let logs = stack.sandbox.logs_of(id).await?.len();
            wrong.extend((logs != 1).then(|| format!("{texts}: {logs} logs of call {id}")));
        }
    }
    for texts in ways {
        stack.sandbox.set_texts(texts).await?;
        for id in with_answers_lost(&stack, "POST /comments").await? {
            let comments = stack.sandbox.comments_of(id).await?.len();
            wrong.extend((comments != 1).then(|| format!("{texts}: {comments} comments of call {id}")));
        }
    }
    ensure!(wrong.is_empty(), "{wrong:#?} {:?}", stack.logs);
    assert_eq!(stack.dead_letters().await?, []);
    drop(workers);
    stack.down().await
}

/// A marker in a note is only a quotation: it does not make the log that of the other call.
#[tokio::test]
#[ignore = "nightly"]
async fn a_log_that_quotes_another_calls_marker_is_not_taken_for_its_log() -> Result<()> {
    let (stack, workers) = Stack::running("quoted").await?;
    stack.sandbox.set_texts("blanks").await?;
    let quoted = 3_811_699_002;
    let note = harness::build::note(&format!("Suite de Aircall call {quoted}"));
    let quoting = stack.sandbox.play(&call(CLIENT).id(3_811_699_001).after(1, note)).await?;
    stack.sandbox.log_of(quoting, SOON, harness::says(&["Suite de Aircall call"])).await?;
    // Nothing was created, so the search must find nothing.
    stack.sandbox.set_faults([sellsy("POST /phone-calls").breaks(Before).once()]).await?;
    stack.sandbox.play(&call(CLIENT).id(quoted).at_once()).await?;
    stack.sandbox.struck(SOON).await?;
    let ledger = stack.ledger().await?;
    all_are_written(&stack, &ledger, &[quoting, quoted]).await?;
    let ids = [ledger.call(quoting).await?, ledger.call(quoted).await?].map(|row| row.and_then(|row| row.log));
    assert_ne!(ids[0], ids[1], "{:?}", stack.logs);
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 2);
    drop(workers);
    stack.down().await
}

/// More than a page of Sellsy's, and enough that logs which are created anew would push many out of the newest page.
const MANY: usize = 130;

/// A call that ended a quarter of an hour ago, so that reconciliation does not leave it to the webhooks.
fn past_call(n: i64) -> Call {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs().cast_signed());
    let call = call(CLIENT).lasting(60).started_at(now_s - 1_000 - n).at_once();
    call.losing(&["call.created", "call.ringing_on_agent", "call.answered", "call.hungup"])
}

/// A person corrects the time, the direction and the owner of a log.
async fn edited_by_hand(stack: &Stack, id: i64) -> Result<()> {
    let http = reqwest::Client::new();
    let key = json!({
        "grant_type": "client_credentials", "client_id": "sandbox-sellsy-client", "client_secret": "sandbox-sellsy-secret",
    });
    let url = |path: &str| format!("{}/sellsy{path}", stack.sandbox.url());
    let token: Value = http.post(url("/oauth2/access-tokens")).json(&key).send().await?.json().await?;
    let token = token["access_token"].as_str().context("a token")?;
    let body = json!({ "date": "2026-11-20T08:00:00+01:00", "source": "outcoming", "owner_id": 102 });
    let request = http.request(Method::PUT, url(&format!("/v2/phone-calls/{id}"))).bearer_auth(token).json(&body);
    request.send().await?.error_for_status()?;
    Ok(())
}

/// Loses what the ledger knows of the logs, and has `callbridge backfill` bring the calls in again.
async fn ledger_lost(stack: &mut Stack, calls: &[i64]) -> Result<u64> {
    let searches = async |stack: &Stack| stack.sandbox.count("sellsy", "POST /phone-calls/search").await;
    let (before, ledger) = (searches(stack).await?, stack.ledger().await?);
    ledger.lose_logged_calls().await?;
    let workers = [stack.start("resolver").await?, stack.start("logger").await?];
    let (said, fine) = stack.callbridge(&["backfill", "--since", "1d"]).await?;
    ensure!(fine, "{said}");
    all_are_written(stack, &ledger, calls).await?;
    drop(workers);
    Ok(searches(stack).await? - before)
}

#[tokio::test]
async fn a_ledger_lost_with_many_logs_on_one_record_doubles_none() -> Result<()> {
    let mut stack = Stack::new("many_logs").await?;
    let workers = stack.start_all().await?;
    let mut calls = Vec::new();
    for n in 0..MANY {
        calls.push(stack.sandbox.play(&past_call(i64::try_from(n)?)).await?);
    }
    all_are_written(&stack, &stack.ledger().await?, &calls).await?;
    drop(workers);
    assert_eq!(stack.sandbox.phone_calls().await?.len(), MANY);
    let edited = stack.sandbox.logs_of(calls[7]).await?[0]["id"].as_i64().context("a log")?;
    edited_by_hand(&stack, edited).await?;

    let searches = ledger_lost(&mut stack, &calls).await?;
    let logs = stack.sandbox.phone_calls().await?.len();
    ensure!(logs == MANY, "{logs} logs of {MANY} calls: {:?}", stack.logs);
    // One search finds a call, unless a hundred logs have come before its own.
    ensure!(searches <= u64::try_from(2 * MANY - 100)?, "{searches} searches for {MANY} calls");

    stack.sandbox.ignore_filters(true).await?;
    ledger_lost(&mut stack, &calls).await?;
    let logs = stack.sandbox.phone_calls().await?.len();
    ensure!(logs == MANY, "{logs} logs of {MANY} calls when filters are ignored: {:?}", stack.logs);
    assert_eq!(stack.sandbox.count("sellsy", "POST /phone-calls").await?, u64::try_from(MANY)?);
    assert_eq!(stack.dead_letters().await?, []);
    stack.down().await
}

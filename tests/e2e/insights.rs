//! AI insights on their way into the log: what is asked of Aircall for them, and what is not.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result};
use harness::{Stack, WORKERS, eventually};
use serde_json::{Value, json};

use crate::{CLIENT, GATHERED, SOON};

/// The resources of conversation intelligence that a log is made of.
const RESOURCES: [&str; 5] = ["summary", "topics", "sentiments", "action_items", "custom_summary_result"];
/// The first wait of the delay ladder.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// Plays an answered call on one of our numbers with what comes `after` it.
async fn play(stack: &Stack, number_id: i64, after: &Value) -> Result<i64> {
    let call = json!({
        "direction": "inbound", "raw_digits": CLIENT, "number_id": number_id, "user_id": 501, "answered": true, "duration": 90,
        "pace_ms": 5, "after": after,
    });
    stack.sandbox.play(&call).await
}

fn says<'a>(words: &'a [&'a str]) -> impl Fn(&Value) -> bool + 'a {
    move |log| words.iter().all(|words| log["description"].as_str().is_some_and(|text| text.contains(words)))
}

/// How often each of Aircall's endpoints was asked.
const CARD: &str = "POST /v1/calls/{id}/insight_cards";

async fn asked(stack: &Stack) -> Result<BTreeMap<String, u64>> {
    Ok(serde_json::from_value(stack.sandbox.get("/counts").await?["aircall"]["by_endpoint"].clone())
        .unwrap_or_default())
}

/// What the insights worker did with the one insight of a call: its line on the timeline, and the reason or the code.
async fn noted(stack: &Stack, call: i64, what: &str) -> Result<String> {
    let database = stack.database().await?;
    let line = || async {
        let sql = "select coalesce(detail->>'reason', detail->>'code', '') from timeline
                    where call_id = $1 and stage = 'insights' and what = $2";
        database.query_opt(sql, &[&call, &what]).await.ok()?.map(|row| row.get(0))
    };
    eventually(2 * SOON, line).await.with_context(|| format!("call {call} is {what}"))
}

async fn send(stack: &Stack, events: &[Value]) -> Result<()> {
    let events: Vec<_> = events.iter().map(|body| json!({ "body": body })).collect();
    stack.sandbox.control(reqwest::Method::POST, "/aircall/events", Some(&json!({ "events": events }))).await.map(drop)
}

/// Ids are strings here and numbers elsewhere.
fn summary(call: i64, content: &Value) -> Value {
    json!({
        "resource": "conversation_intelligence", "event": "summary.created", "timestamp": 1_795_425_500,
        "data": { "id": "81330225", "call_id": call.to_string(), "content": content },
    })
}

#[tokio::test]
async fn all_kinds_stand_in_one_log_and_cost_no_request() -> Result<()> {
    let (stack, workers) = Stack::running("insights").await?;
    let budget = |content: &str| json!([{ "name": "Budget", "content": content }]);
    let after = json!([
        { "event": "transcription.created", "at_s": 100 },
        { "event": "summary.created", "at_s": 100, "content": "Le client veut un devis." },
        { "event": "topics.created", "at_s": 101, "content": ["devis", "livraison"] },
        { "event": "action_item.created", "at_s": 102, "content": "Envoyer le devis" },
        { "event": "action_item.created", "at_s": 102, "content": "Rappeler lundi" },
        { "event": "custom_summary.result_created", "at_s": 103, "name": "BANT", "results": budget("9 k") },
        { "event": "custom_summary.result_created", "at_s": 103, "name": "MEDDIC", "results": budget("inconnu") },
        // Corrected within the second. The first one would win if the order of their texts decided.
        { "event": "custom_summary.result_updated", "at_s": 103, "name": "BANT", "results": budget("8 k") },
        { "event": "summary.created", "at_s": 130, "content": "Le client veut deux devis." },
    ]);
    let call = play(&stack, 1001, &after).await?;
    let sentiment = json!([
        { "participant_type": "external", "phone_number": "+33639984107", "value": "NEGATIVE" },
        { "participant_type": "internal", "user_id": "501", "value": "PUZZLED" },
    ]);
    send(
        &stack,
        &[json!({
            "resource": "conversation_intelligence", "event": "sentiment.created", "timestamp": 1_795_425_500,
            "data": { "id": call, "call_id": call.to_string(), "participants": sentiment },
        })],
    )
    .await?;
    let words = [
        "Résumé (IA) :\n  Le client veut deux devis.",
        "Sujets (IA) : devis, livraison",
        "Sentiment de l’interlocuteur (IA) : négatif",
        "Sentiment du collaborateur (IA) : puzzled",
        "- Envoyer le devis\n- Rappeler lundi",
        "BANT (IA) :\n- Budget :\n  8 k",
        "MEDDIC (IA) :\n- Budget :\n  inconnu",
    ];
    let log = stack.sandbox.log_of(call, GATHERED, says(&words)).await?;
    assert!(!says(&["un devis."])(&log) && !says(&["9 k"])(&log), "what was corrected is gone: {log}");
    assert!(noted(&stack, call, "skipped").await?.contains("transcription.created"));
    assert_eq!(stack.sandbox.count("sellsy", "POST /phone-calls").await?, 1);
    let asked = asked(&stack).await?;
    // A card that comes too late is not sent.
    assert!(asked.keys().all(|request| request == CARD), "{asked:?}");
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn what_a_webhook_lacks_is_fetched_once_and_none_is_an_answer() -> Result<()> {
    let (stack, workers) = Stack::running("lacking").await?;
    let after = json!([
        { "event": "summary.created", "at_s": 100, "content": "Le client veut un devis.", "bare": true },
        { "event": "topics.created", "at_s": 101, "content": ["devis"], "bare": true },
        { "event": "sentiment.created", "at_s": 102, "value": "POSITIVE", "bare": true },
        { "event": "action_item.created", "at_s": 103, "content": "Envoyer le devis", "bare": true },
        { "event": "custom_summary.result_created", "at_s": 104, "name": "BANT", "results": [{ "name": "Budget", "content": "5 k" }], "bare": true },
    ]);
    let lacking = play(&stack, 1001, &after).await?;
    let words =
        ["un devis.", "Sujets (IA) : devis", "(IA) : positif", "- Envoyer le devis", "BANT (IA) :\n- Budget :\n  5 k"];
    stack.sandbox.log_of(lacking, GATHERED, says(&words)).await?;
    let fetched = asked(&stack).await?;
    for resource in RESOURCES {
        assert_eq!(fetched.get(&format!("GET /v1/calls/{{id}}/{resource}")), Some(&1), "{fetched:?}");
    }
    let cards = fetched.get(CARD).copied().unwrap_or_default();
    assert!(cards <= 1 && fetched.values().sum::<u64>() == 5 + cards, "these and a card: {fetched:?}");

    // Aircall says in three ways that it has none: one request, and a ping to tell 403 from a wrong credential.
    for (status, pings) in [(404, 0), (403, 1), (200, 1)] {
        let fault = json!({ "kind": "status", "status": status, "body": { "summary": { "content": null } } });
        let fault =
            json!([{ "api": "aircall", "method": "GET", "path": "/v1/calls/{id}/summary", "times": 1, "do": fault }]);
        stack.sandbox.set_faults(&fault).await?;
        let none = json!([{ "event": "summary.created", "at_s": 100, "content": "Not to be had.", "bare": true }]);
        let none = play(&stack, 1001, &none).await?;
        let reason = noted(&stack, none, "skipped").await?;
        assert!(reason.contains("summary.created has no content"), "{status}: {reason}");
        let asked = asked(&stack).await?;
        assert_eq!(asked.get("GET /v1/ping").copied().unwrap_or_default(), pings, "{status}: {asked:?}");
    }
    assert_eq!(asked(&stack).await?.get("GET /v1/calls/{id}/summary"), Some(&4));
    assert_eq!(stack.depth(&stack.names.dead(base::ids::Stage::Insights)).await?, 0);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_wrong_credential_is_not_taken_for_none() -> Result<()> {
    let mut stack = Stack::new("credential").await?;
    let right = stack.environment.insert("AIRCALL_API_TOKEN".into(), "wrong".into()).context("a token")?;
    let mut workers = stack.start_all().await?;
    // So late that the end of the call is known.
    let bare =
        json!([{ "event": "summary.created", "at_s": 700, "content": "Le client veut un devis.", "bare": true }]);
    let call = play(&stack, 1001, &bare).await?;
    assert_eq!(noted(&stack, call, "retried").await?, "AIRCALL_CREDENTIAL");
    // The resolver's card was refused as well; the insights worker asked for the summary and for the ping.
    let asked = asked(&stack).await?;
    assert_eq!((asked.get("GET /v1/calls/{id}/summary"), asked.get("GET /v1/ping")), (Some(&1), Some(&1)), "{asked:?}");
    // Somebody mends the setting: the insight has waited.
    let insights = workers.pop().context("the insights worker")?;
    assert_eq!(insights.name, "insights");
    drop(insights);
    stack.environment.insert("AIRCALL_API_TOKEN".into(), right);
    workers.push(stack.start("insights").await?);
    stack.sandbox.log_of(call, GATHERED + FIRST_WAIT, says(&["Le client veut un devis."])).await?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn an_early_insight_waits_and_holds_nobody_up() -> Result<()> {
    let mut stack = Stack::new("early").await?;
    stack.environment.insert("CONCURRENCY".into(), "1".into());
    stack.environment.insert("AIRCALL_NUMBER_IDS".into(), "1001".into());
    let workers = stack.start_all().await?;
    assert_eq!(workers.len(), WORKERS.len());
    // Of a call that nobody knows, and of one on a number that is not ours: Aircall is asked for it in the end.
    let other = json!([{ "event": "summary.created", "at_s": 100, "content": "Pas pour nous." }]);
    let (unknown, other) = (3_811_999_999, play(&stack, 1002, &other).await?);
    send(&stack, &[summary(unknown, &json!("De qui ?"))]).await?;

    // Of a call that goes on.
    let mut started = json!({
        "id": 3_811_888_888_i64, "direction": "inbound", "status": "initial", "started_at": 1_795_425_330, "duration": 0,
        "raw_digits": CLIENT, "number": { "id": 1001 },
    });
    let early = started["id"].as_i64().context("an id")?;
    let event = |event: &str, timestamp: i64, data: &Value| json!({ "resource": "call", "event": event, "timestamp": timestamp, "data": data });
    let created = event("call.created", 1_795_425_330, &started);
    send(&stack, &[created, summary(early, &json!("Trop tôt."))]).await?;
    assert_eq!(noted(&stack, early, "retried").await?, "INSIGHTS_BEFORE_CALL");

    // It could be held for as long as its call goes on; the one place of the worker is free for another call.
    let prompt = json!([{ "event": "summary.created", "at_s": 100, "content": "À temps." }]);
    let prompt = play(&stack, 1001, &prompt).await?;
    stack.sandbox.log_of(prompt, GATHERED, says(&["À temps."])).await?;

    started["status"] = json!("done");
    started["answered_at"] = json!(1_795_425_336);
    started["ended_at"] = json!(1_795_425_455);
    started["duration"] = json!(125);
    send(&stack, &[event("call.ended", 1_795_425_485, &started)]).await?;
    stack.sandbox.log_of(early, GATHERED, says(&["Trop tôt."])).await?;

    assert_eq!(noted(&stack, unknown, "skipped").await?, "no insights: Aircall does not know this call");
    assert_eq!(noted(&stack, other, "skipped").await?, "no insights: the call was on another number");
    assert!(stack.sandbox.logs_of(other).await?.is_empty());
    drop(workers);
    stack.down().await
}

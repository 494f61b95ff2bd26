//! AI insights on their way into the log: which of them are requested from Aircall, and which are not.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result};
use harness::{
    Line, Process, RETRIED, SKIPPED, Stack, WORKERS,
    build::{
        Call, NUMBER, STARTED_AT, Webhook, action_item, aircall, call, custom_summary, event, sentiment, summary,
        topics, webhook,
    },
    says,
};
use serde_json::{Value, json};

use crate::{CLIENT, GATHERED, SOON};

/// The conversation-intelligence resources that a log is made of.
const RESOURCES: [&str; 5] = ["summary", "topics", "sentiments", "action_items", "custom_summary_result"];
/// The first retry delay.
const FIRST_WAIT: Duration = Duration::from_secs(5);

fn talk() -> Call {
    call(CLIENT).lasting(90).paced(5)
}

/// The number of requests to each of Aircall's endpoints.
const CARD: &str = "POST /v1/calls/{id}/insight_cards";

async fn asked(stack: &Stack) -> Result<BTreeMap<String, u64>> {
    Ok(serde_json::from_value(stack.sandbox.get("/counts").await?["aircall"]["by_endpoint"].clone())
        .unwrap_or_default())
}

/// The insights worker's line on the timeline for the one insight of a call, and the reason or the code.
async fn noted(stack: &Stack, call: i64, what: &str) -> Result<String> {
    let such = |line: &Line| line.stage == "insights" && line.is(what);
    let line = stack.ledger().await?.line_that(call, 2 * SOON, such).await.context(what.to_owned())?;
    Ok(if line.reason().is_empty() { line.code().to_owned() } else { line.reason().to_owned() })
}

/// Ids are strings here and numbers elsewhere.
fn summary_of(call: i64, content: impl Into<Value>) -> Webhook {
    let data = json!({ "id": "81330225", "call_id": call.to_string(), "content": content.into() });
    webhook("summary.created", data).at(STARTED_AT + 170)
}

#[tokio::test]
async fn all_kinds_are_in_one_log_and_cost_no_request() -> Result<()> {
    let (stack, workers) = Stack::running("insights").await?;
    let talk = talk().after(100, event("transcription.created"));
    let talk = talk.after(100, summary("Le client veut un devis.")).after(101, topics(&["devis", "livraison"]));
    let talk = talk.after(102, action_item("Envoyer le devis")).after(102, action_item("Rappeler lundi"));
    let talk = talk.after(103, custom_summary("BANT", "9 k")).after(103, custom_summary("MEDDIC", "inconnu"));
    // Corrected within the second. The first one would win if the order of their texts decided.
    let talk = talk.after(103, custom_summary("BANT", "8 k").named("custom_summary.result_updated"));
    let talk = talk.after(130, summary("Le client veut deux devis."));
    let call = stack.sandbox.play(&talk).await?;
    let sentiment = json!([
        { "participant_type": "external", "phone_number": "+33639984107", "value": "NEGATIVE" },
        { "participant_type": "internal", "user_id": "501", "value": "PUZZLED" },
    ]);
    let sentiment = json!({ "id": call, "call_id": call.to_string(), "participants": sentiment });
    stack.sandbox.send([webhook("sentiment.created", sentiment).at(STARTED_AT + 170)]).await?;
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
    assert!(noted(&stack, call, SKIPPED).await?.contains("transcription.created"));
    assert_eq!(stack.sandbox.count("sellsy", "POST /phone-calls").await?, 1);
    let asked = asked(&stack).await?;
    // A card that comes too late is not sent.
    assert!(asked.keys().all(|request| request == CARD), "{asked:?}");
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_summary_that_is_a_list_is_read_as_far_as_it_can_be() -> Result<()> {
    let (stack, workers) = Stack::running("summary_list").await?;
    let call = stack.sandbox.play(&talk()).await?;
    stack.sandbox.logged(call, SOON).await?;
    let content = json!(["Le client veut un devis.", null, { "next": "Rappeler avant vendredi." }]);
    stack.sandbox.send([summary_of(call, content)]).await?;
    let words = "Résumé (IA) :\n  Le client veut un devis.\n  Rappeler avant vendredi.";
    stack.sandbox.log_of(call, GATHERED, says(&[words])).await.with_context(|| format!("{:?}", stack.logs))?;
    let asked = asked(&stack).await?;
    assert!(asked.keys().all(|request| request == CARD), "it is not fetched: {asked:?}");
    assert_eq!(stack.dead_letters().await?, []);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn what_a_webhook_lacks_is_fetched_once_and_none_is_an_answer() -> Result<()> {
    let (stack, workers) = Stack::running("lacking").await?;
    let lacking = talk()
        .after(100, summary("Le client veut un devis.").bare())
        .after(101, topics(&["devis"]).bare())
        .after(102, sentiment("POSITIVE").bare())
        .after(103, action_item("Envoyer le devis").bare())
        .after(104, custom_summary("BANT", "5 k").bare());
    let lacking = stack.sandbox.play(&lacking).await?;
    let words =
        ["un devis.", "Sujets (IA) : devis", "(IA) : positif", "- Envoyer le devis", "BANT (IA) :\n- Budget :\n  5 k"];
    stack.sandbox.log_of(lacking, GATHERED, says(&words)).await?;
    let fetched = asked(&stack).await?;
    for resource in RESOURCES {
        assert_eq!(fetched.get(&format!("GET /v1/calls/{{id}}/{resource}")), Some(&1), "{fetched:?}");
    }
    let cards = fetched.get(CARD).copied().unwrap_or_default();
    assert!(cards <= 1 && fetched.values().sum::<u64>() == 5 + cards, "these and a card: {fetched:?}");

    // Aircall answers in three ways that it has none: one request, and a ping to tell 403 from a wrong credential.
    for (status, pings) in [(404, 0), (403, 1), (200, 1)] {
        let empty = json!({ "summary": { "content": null } });
        let request = aircall("GET /v1/calls/{id}/summary");
        let fault = if status == 200 { request.answers_with(status, empty) } else { request.answers(status) }.once();
        stack.sandbox.set_faults([fault]).await?;
        let none = stack.sandbox.play(&talk().after(100, summary("Not to be had.").bare())).await?;
        let reason = noted(&stack, none, SKIPPED).await?;
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
    let call = stack.sandbox.play(&talk().after(700, summary("Le client veut un devis.").bare())).await?;
    assert_eq!(noted(&stack, call, RETRIED).await?, "AIRCALL_CREDENTIAL");
    // The resolver's card was refused as well; the insights worker asked for the summary and for the ping.
    let asked = asked(&stack).await?;
    assert_eq!((asked.get("GET /v1/calls/{id}/summary"), asked.get("GET /v1/ping")), (Some(&1), Some(&1)), "{asked:?}");
    // The setting is fixed: the insight has waited.
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
    // For an unknown call Aircall is asked in the end; that the other one is on a number that is not ours is known.
    let unknown = 3_811_999_999;
    let other = stack.sandbox.play(&talk().on(1002).after(100, summary("Pas pour nous."))).await?;
    stack.sandbox.send([summary_of(unknown, "De qui ?")]).await?;

    // For a call that is still going on.
    let mut started = json!({
        "id": 3_811_888_888_i64, "direction": "inbound", "status": "initial", "started_at": STARTED_AT, "duration": 0,
        "raw_digits": CLIENT, "number": { "id": NUMBER },
    });
    let early = started["id"].as_i64().context("an id")?;
    let created = webhook("call.created", started.clone());
    stack.sandbox.send([created, summary_of(early, "Trop tôt.")]).await?;
    assert_eq!(noted(&stack, early, RETRIED).await?, "INSIGHTS_BEFORE_CALL");

    // This could wait for as long as its call lasts; the worker's single slot is free for another call.
    let prompt = stack.sandbox.play(&talk().after(100, summary("À temps."))).await?;
    stack.sandbox.log_of(prompt, GATHERED, says(&["À temps."])).await?;

    started["status"] = json!("done");
    started["answered_at"] = json!(STARTED_AT + 6);
    started["ended_at"] = json!(STARTED_AT + 125);
    started["duration"] = json!(125);
    stack.sandbox.send([webhook("call.ended", started).at(STARTED_AT + 155)]).await?;
    stack.sandbox.log_of(early, GATHERED, says(&["Trop tôt."])).await?;

    assert_eq!(noted(&stack, unknown, SKIPPED).await?, "no insights: Aircall does not know this call");
    assert_eq!(noted(&stack, other, SKIPPED).await?, "no insights: the call was on another number");
    assert!(stack.sandbox.logs_of(other).await?.is_empty());
    let climbed = stack.ledger().await?.lines(|line| line.call == other && line.is(RETRIED)).await?;
    assert_eq!(climbed, 0, "its number was known");
    drop(workers);
    stack.down().await
}

async fn all_but_insights(stack: &mut Stack) -> Result<[Process; 3]> {
    let workers = [stack.start("ingest").await?, stack.start("resolver").await?, stack.start("logger").await?];
    for worker in &workers {
        worker.until_ready(SOON).await?;
    }
    Ok(workers)
}

async fn all_and_insights(what: &str) -> Result<(Stack, [Process; 3], Process)> {
    let mut stack = Stack::new(what).await?;
    let workers = all_but_insights(&mut stack).await?;
    stack.directory_loaded(SOON).await?;
    let insights = stack.start("insights").await?;
    insights.until_ready(SOON).await?;
    stack.sandbox.deliver_to(&workers[0].url).await?;
    Ok((stack, workers, insights))
}

/// A webhook that came in the last second of a primary is answered, and unknown to the standby that takes over.
#[tokio::test]
#[ignore = "nightly: more than a minute"]
async fn insights_that_a_ledger_may_lack_are_asked_for() -> Result<()> {
    let (mut stack, workers, mut insights) = all_and_insights("lacking").await?;
    let now = jiff::Timestamp::now().as_second();
    let talk = |ago: i64| call(CLIENT).lasting(120).started_at(now - ago).at_once();
    let told = talk(1_800).after(30, summary("Rappelez demain.")).after(31, topics(&["délais"]));
    let told = stack.sandbox.play(&told).await?;
    let lost = talk(1_200).after(30, summary("Un devis, vite.")).losing(&["summary.created"]);
    let lost = stack.sandbox.play(&lost).await?;
    // One of two.
    let partly =
        talk(900).after(30, summary("Livré hier.")).after(31, topics(&["livraison"])).losing(&["topics.created"]);
    let partly = stack.sandbox.play(&partly).await?;
    stack.sandbox.log_of(told, GATHERED, says(&["Rappelez demain.", "délais"])).await?;
    stack.sandbox.log_of(partly, GATHERED, says(&["Livré hier."])).await?;
    stack.sandbox.logged(lost, SOON).await?;
    insights.terminate(SOON).await?;
    assert_eq!(stack.ledger().await?.lines(|line| line.is("insights_asked_for")).await?, 0);

    let database = stack.connection().await?;
    database.batch_execute("update ledger_is set since = now() - interval '1 minute'").await?;
    // It waits for one kind, whose message is lost as well.
    let awaited = "update calls set insights_awaited = '{sentiment.created}' where call_id = $1";
    database.execute(awaited, &[&lost]).await?;
    let insights = stack.start("insights").await?;
    insights.until_ready(SOON).await?;
    stack.sandbox.log_of(lost, GATHERED, says(&["Un devis, vite."])).await.context("it is not asked for")?;
    stack.sandbox.log_of(partly, GATHERED, says(&["Livré hier.", "livraison"])).await.context("the other is not")?;
    assert_eq!(stack.ledger().await?.lines(|line| line.is("insights_asked_for")).await?, 2);
    // Neither what a call has, nor what no call of the line has.
    let asked = async |what: &str| stack.sandbox.count("aircall", &format!("GET /v1/calls/{{id}}/{what}")).await;
    assert_eq!([asked("summary").await?, asked("topics").await?, asked("sentiments").await?], [1, 2, 0]);
    drop((workers, insights));
    stack.down().await
}

/// What kept the webhooks of a call away kept those of its insights away, too.
#[tokio::test]
async fn insights_of_a_call_that_the_list_brought_in_are_asked_for() -> Result<()> {
    let (mut stack, workers, mut insights) = all_and_insights("brought").await?;
    let now = jiff::Timestamp::now().as_second();
    let talk = |ago: i64| call(CLIENT).lasting(120).started_at(now - ago).at_once();
    let told = stack.sandbox.play(&talk(1_800).after(30, topics(&["délais"]))).await?;
    let lost = talk(1_200).after(30, topics(&["livraison"])).losing(&["topics.created"]);
    let lost = stack.sandbox.play(&lost).await?;
    let other = stack.sandbox.play(&talk(900)).await?;
    stack.sandbox.log_of(told, GATHERED, says(&["délais"])).await?;
    for call in [lost, other] {
        stack.sandbox.logged(call, SOON).await?;
    }
    insights.terminate(SOON).await?;
    // As after an outage of ingest. The other one came by webhooks.
    let brought = "update calls set reconciled_at = now() - interval '1 minute' where call_id = $1";
    stack.connection().await?.execute(brought, &[&lost]).await?;
    let insights = stack.start("insights").await?;
    insights.until_ready(SOON).await?;
    stack.sandbox.log_of(lost, GATHERED, says(&["livraison"])).await.context("it is not asked for")?;
    assert_eq!(stack.ledger().await?.lines(|line| line.is("insights_asked_for")).await?, 1, "and no other");
    drop((workers, insights));
    stack.down().await
}

/// More calls than are asked for at once: what was lost came within minutes of the end of its call.
#[tokio::test]
async fn calls_that_ended_closest_to_the_takeover_are_asked_for_first() -> Result<()> {
    let (mut stack, workers, mut insights) = all_and_insights("closest").await?;
    let now = jiff::Timestamp::now().as_second();
    let talk = |ago: i64| call(CLIENT).lasting(120).started_at(now - ago).at_once();
    let told = stack.sandbox.play(&talk(3_000).after(30, summary("Rappelez demain."))).await?;
    let lost = talk(900).after(30, summary("Un devis, vite.")).losing(&["summary.created"]);
    let lost = stack.sandbox.play(&lost).await?;
    let mut others = Vec::new();
    for n in 0..31 {
        others.push(stack.sandbox.play(&talk(2_000 + n)).await?);
    }
    stack.sandbox.log_of(told, GATHERED, says(&["Rappelez demain."])).await?;
    for other in others.into_iter().chain([lost]) {
        stack.sandbox.logged(other, SOON).await?;
    }
    insights.terminate(SOON).await?;
    stack.connection().await?.batch_execute("update ledger_is set since = now() - interval '12 minutes'").await?;
    let insights = stack.start("insights").await?;
    insights.until_ready(SOON).await?;
    stack.sandbox.log_of(lost, GATHERED, says(&["Un devis, vite."])).await.context("it is not asked for")?;
    drop((workers, insights));
    stack.down().await
}

/// A failover and the way back: what the first one lost is as close to it as anything.
#[tokio::test]
async fn a_second_takeover_does_not_hide_what_the_first_one_lost() -> Result<()> {
    let (mut stack, workers, mut insights) = all_and_insights("twice").await?;
    let now = jiff::Timestamp::now().as_second();
    let talk = |ago: i64| call(CLIENT).lasting(120).started_at(now - ago).at_once();
    let told = stack.sandbox.play(&talk(6_900).after(30, summary("Rappelez demain."))).await?;
    let lost = talk(2_580).after(30, summary("Un devis, vite.")).losing(&["summary.created"]);
    let lost = stack.sandbox.play(&lost).await?;
    let mut others = Vec::new();
    for n in 0..31 {
        others.push(stack.sandbox.play(&talk(700 + n)).await?);
    }
    stack.sandbox.log_of(told, GATHERED, says(&["Rappelez demain."])).await?;
    for other in others.into_iter().chain([lost]) {
        stack.sandbox.logged(other, SOON).await?;
    }
    insights.terminate(SOON).await?;
    let database = stack.connection().await?;
    // Forty minutes ago, and just now.
    let first = "update ledger_is set since = now() - interval '40 minutes', timeline = '00000000'";
    database.batch_execute(&format!("{first}; select ledger_noted()")).await?;
    let insights = stack.start("insights").await?;
    insights.until_ready(SOON).await?;
    stack.sandbox.log_of(lost, GATHERED, says(&["Un devis, vite."])).await.context("it is not asked for")?;
    drop((workers, insights));
    stack.down().await
}

/// Nobody has to wait for what will not come: the story says so after an hour, once.
#[tokio::test]
async fn a_call_that_gets_no_insights_within_an_hour_says_so() -> Result<()> {
    let mut stack = Stack::new("absent").await?;
    let workers = all_but_insights(&mut stack).await?;
    stack.sandbox.deliver_to(&workers[0].url).await?;
    let now = jiff::Timestamp::now().as_second();
    let play = async |seconds: i64, ago: i64| {
        stack.sandbox.play(&call(CLIENT).lasting(seconds).started_at(now - ago).at_once()).await
    };
    let (eligible, short, fresh) = (play(120, 7_200).await?, play(60, 7_200).await?, play(120, 1_800).await?);
    for id in [eligible, short, fresh] {
        stack.sandbox.logged(id, SOON).await?;
    }
    let ledger = stack.ledger().await?;
    for _ in 0..2 {
        let mut insights = stack.start("insights").await?;
        insights.until_ready(SOON).await?;
        ledger.line_that(eligible, SOON, |line| line.is("no_insights_came")).await?;
        insights.terminate(SOON).await?;
    }
    assert_eq!(ledger.lines(|line| line.is("no_insights_came")).await?, 1);
    drop(workers);
    stack.down().await
}

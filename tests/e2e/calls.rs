//! The path of a call from the webhook to its log, in each of the basic forms.

use std::time::Duration;

use anyhow::{Context, Result};
use harness::{
    Line, RETRIED, SKIPPED, Stack,
    build::{STARTED_AT, call, note, summary, tag, topics, webhook},
    eventually, related, says,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{CLIENT, GATHERED, SOON};

#[tokio::test]
async fn an_answered_call_gets_a_card_a_log_and_its_insights() -> Result<()> {
    let (stack, workers) = Stack::running("answered").await?;
    let call = call(CLIENT).by(502).for_teams(&[701]).started_at(STARTED_AT).ringing(6).lasting(125).recorded();
    let call = call.paced(40).after(2, tag("VIP")).after(87, note("Rappeler lundi").by(502));
    let call = call.after(100, summary("Le client veut un devis.")).after(101, topics(&["devis"]));
    let call = stack.sandbox.play(&call).await?;
    let words =
        ["répondu – Hugo Lefèvre", "Tags : VIP", "Rappeler lundi", "Le client veut un devis.", "Sujets (IA) : devis"];
    let log = stack.sandbox.log_of(call, GATHERED, says(&words)).await?;
    assert_eq!(related(&log), [("individual".to_owned(), 2001), ("opportunity".to_owned(), 6001)]);
    // The agent's e-mail is Hugo.Lefevre@… at Sellsy and hugo.lefevre@… at Aircall.
    assert_eq!(log["owner"]["id"], 102);
    assert_eq!((&log["duration"], &log["source"]), (&json!(125), &json!("incoming")));
    assert_eq!(log["result"]["id"], "connected");
    assert!(log["date"].as_str().is_some_and(|date| date.starts_with("2026-11-23T10:15:30+01:00")), "{}", log["date"]);

    let cards = stack.sandbox.get("/aircall/insight-cards").await?;
    let texts: Vec<&str> =
        cards[0]["contents"].as_array().context("a card")?.iter().filter_map(|line| line["text"].as_str()).collect();
    assert_eq!(texts[..4], ["Camille Moreau", "camille.moreau@example.com", "Client", "Cuisine sur mesure"]);
    assert_eq!(cards.as_array().map(Vec::len), Some(1));
    // The directory has the caller; one opportunity search serves both card and log.
    assert_eq!(stack.sandbox.count("sellsy", "GET /search").await?, 0);
    assert_eq!(stack.sandbox.count("sellsy", "POST /opportunities/search").await?, 1);
    assert_eq!(stack.sandbox.count("sellsy", "POST /phone-calls").await?, 1);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn who_transferred_a_call_stays_known_although_its_end_does_not_say_so() -> Result<()> {
    let (stack, workers) = Stack::running("handed_over").await?;
    let id = stack.sandbox.play(&call(CLIENT).by(502).started_at(STARTED_AT).losing(&["call.ended"])).await?;
    let played = || async { stack.sandbox.call(id).await.ok().filter(|call| !call["ended_at"].is_null()) };
    let ended = eventually(SOON, played).await.context("the call is over")?;
    let at = ended["ended_at"].as_i64().context("ended_at")?;
    let mut transferred = ended.clone();
    transferred["ended_at"] = Value::Null;
    transferred["status"] = json!("answered");
    transferred["transferred_by"] = json!({ "id": 501, "name": "Élodie Marchand" });
    transferred["transferred_to"] = transferred["user"].clone();
    assert!(ended["transferred_by"].is_null());
    stack
        .sandbox
        .send([webhook("call.transferred", transferred).at(at - 30), webhook("call.ended", ended).at(at)])
        .await?;
    stack.sandbox.log_of(id, GATHERED, says(&["Hugo Lefèvre", "Transfert : Élodie Marchand → Hugo Lefèvre"])).await?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn the_gate_lets_only_calls_of_eligible_duration_have_insights() -> Result<()> {
    let (stack, workers) = Stack::running("gate").await?;
    let mut calls = Vec::new();
    for (duration, eligible) in [(60, false), (61, true), (10_799, true), (10_800, false)] {
        let call = call(CLIENT).outbound().lasting(duration).after(100, summary("A summary."));
        calls.push((stack.sandbox.play(&call).await?, duration, eligible));
    }
    let ledger = stack.ledger().await?;
    for (call, duration, eligible) in calls {
        let handled = ledger.line_that(call, SOON, |line| line.stage == "insights" && !line.is(RETRIED)).await;
        let handled = handled.with_context(|| format!("{duration} s: the insight was handled"))?;
        if eligible {
            assert_eq!(handled.reason(), "", "{duration} s");
            stack.sandbox.log_of(call, GATHERED, says(&["A summary."])).await?;
        } else {
            assert!(handled.reason().contains(&format!("{duration} s")), "{duration} s is skipped with its reason");
        }
    }
    drop(workers);
    stack.down().await
}

/// Of individual 2007, which is archived.
const ARCHIVED: &str = "+33 6 39 98 00 07";

#[tokio::test]
async fn nobody_found_is_not_logged_and_says_why() -> Result<()> {
    let (stack, workers) = Stack::running("nobody").await?;
    // A second takes 40 ms, so that the look-up for the card is done when the call ends.
    let mut calls = Vec::new();
    for (call, why) in [
        (call("+33 6 39 98 99 99"), "no usable record has this number"),
        (call(ARCHIVED), "every record with this number is archived"),
        (call("anonymous"), "withheld"),
        (call("").without_number(), "withheld"),
        (call("301"), "internal"),
    ] {
        calls.push((stack.sandbox.play(&call.lasting(90).paced(40)).await?, why));
    }
    let ledger = stack.ledger().await?;
    for (call, why) in &calls {
        let skipped = |line: &Line| line.is(SKIPPED) && line.reason().starts_with("not logged");
        let line = ledger.line_that(*call, SOON, skipped).await.with_context(|| format!("skipped: {why}"))?;
        assert!(line.reason().contains(why), "{}", line.reason());
    }
    // The story of the call names the archived record as well as an explanation of its number does.
    let archived = calls[1].0.to_string();
    for arguments in [["call", archived.as_str()], ["explain", &archived], ["explain", ARCHIVED]] {
        let (said, fine) = stack.callbridge(&arguments).await?;
        assert!(fine && said.contains("individual 2007"), "{arguments:?}: {said}");
    }
    assert!(stack.sandbox.phone_calls().await?.is_empty());
    // Two numbers were looked up, once each; withheld and internal ones are not looked up.
    assert_eq!(stack.sandbox.count("sellsy", "GET /search").await?, 2);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn an_expired_token_is_replaced_and_nobody_notices() -> Result<()> {
    let (stack, workers) = Stack::running("token").await?;
    for _ in 0..2 {
        let call = stack.sandbox.play(&call(CLIENT)).await?;
        stack.sandbox.logged(call, SOON).await?;
        stack.sandbox.control(Method::POST, "/sellsy/expire-tokens", None).await?;
    }
    assert!(stack.sandbox.answers("sellsy", 401).await? > 0, "a token was refused");
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_log_that_a_person_deleted_stays_deleted() -> Result<()> {
    let (stack, workers) = Stack::running("deleted").await?;
    let call = stack.sandbox.play(&call(CLIENT)).await?;
    let log = stack.sandbox.logged(call, SOON).await?;
    stack.sandbox.delete(&format!("phone-calls/{}", log["id"])).await?;
    stack.sandbox.tag(call, &mut Value::Null, "too late").await?;
    stack.ledger().await?.call_that(call, SOON, |row| row.gone).await.context("the deletion is noticed")?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(stack.sandbox.logs_of(call).await?.is_empty());
    drop(workers);
    stack.down().await
}

/// A call that is transferred to another line of the company goes on as a second call: the two logs name each other.
#[tokio::test]
async fn the_two_calls_of_a_transfer_to_another_line_know_each_other() -> Result<()> {
    let (stack, workers) = Stack::running("pair").await?;
    let ledger = stack.ledger().await?;
    let first = stack.sandbox.play(&call(CLIENT).lasting(90).at_once()).await?;
    stack.sandbox.logged(first, SOON).await?;
    let mut transferred = stack.sandbox.call(first).await?;
    let ended_at = transferred["ended_at"].as_i64().context("ended_at")?;
    transferred["external_transferred_to"] = json!("+33 1 99 00 10 02");
    stack.sandbox.send([webhook("call.external_transferred", transferred).at(ended_at - 10)]).await?;
    // Somebody else rings that line at the same time, and the caller had rung it earlier.
    let on_support = |digits: &str| call(digits).on(1002).lasting(60).at_once();
    stack.sandbox.play(&on_support("+33 6 39 98 00 02").started_at(ended_at - 5)).await?;
    stack.sandbox.play(&on_support(CLIENT).started_at(ended_at - 9_000)).await?;
    let second = stack.sandbox.play(&on_support(CLIENT).started_at(ended_at - 5)).await?;
    for (one, other) in [(first, second), (second, first)] {
        let words =
            format!("Autre appel de ce transfert : {other} – https://dashboard.aircall.io/calls/{other}/timeline");
        let names_the_other = || async {
            ledger.gathering_ends().await.ok()?;
            stack.delays_end().await.ok()?;
            stack.sandbox.logs_of(one).await.ok()?.into_iter().find(says(&[&words]))
        };
        eventually(2 * SOON, names_the_other).await.with_context(|| format!("{words}: {:?}", stack.logs))?;
    }
    let named = stack.sandbox.phone_calls().await?.into_iter().filter(says(&["Autre appel de ce transfert"])).count();
    assert_eq!(named, 2);
    drop(workers);
    stack.down().await
}

/// The card says what Callbridge knows of the caller, for no request more.
#[tokio::test]
async fn the_card_shows_who_spoke_with_the_caller_and_what_was_missed() -> Result<()> {
    let (stack, workers) = Stack::running("card_past").await?;
    let now = jiff::Timestamp::now().as_second();
    let earlier = call(CLIENT).by(502).lasting(60).started_at(now - 86_400).at_once();
    stack.sandbox.logged(stack.sandbox.play(&earlier).await?, SOON).await?;
    let missed = call(CLIENT).by_nobody().missed().started_at(now - 3_600).at_once();
    stack.sandbox.logged(stack.sandbox.play(&missed).await?, SOON).await?;
    let before = stack.sandbox.requests("sellsy").await?;
    let live = stack.sandbox.play(&call(CLIENT).lasting(3_600).paced(1_000)).await?;
    let card = || async {
        let cards = stack.sandbox.get("/aircall/insight-cards").await.ok()?;
        cards.as_array()?.iter().find(|card| card["call_id"] == live).cloned()
    };
    let card = eventually(SOON, card).await.context("a card")?;
    let lines: Vec<String> = card["contents"]
        .as_array()
        .context("a card")?
        .iter()
        .map(|line| format!("{}: {}", line["label"].as_str().unwrap_or("="), line["text"].as_str().unwrap_or_default()))
        .collect();
    let text = lines.join("\n");
    for expected in
        ["\nPropriétaire: Élodie Marchand", "\nAppel manqué: ", ", sans rappel\nDerniers appels: ", " Hugo Lefèvre"]
    {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    // All of it is known.
    assert_eq!(stack.sandbox.requests("sellsy").await? - before, 0);
    drop(workers);
    stack.down().await
}

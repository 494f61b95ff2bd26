//! A call on its way from the webhook to its log, in each of the basic forms.

use std::time::Duration;

use anyhow::{Context, Result};
use harness::{Stack, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{CLIENT, GATHERED, SOON};

fn says<'a>(words: &'a [&'a str]) -> impl Fn(&Value) -> bool + 'a {
    move |log| words.iter().all(|words| log["description"].as_str().is_some_and(|text| text.contains(words)))
}

fn links(log: &Value) -> Vec<(String, i64)> {
    let related = log["related"].as_array().into_iter().flatten();
    related.filter_map(|related| Some((related["type"].as_str()?.to_owned(), related["id"].as_i64()?))).collect()
}

#[tokio::test]
async fn an_answered_call_gets_a_card_a_log_and_its_insights() -> Result<()> {
    let (stack, workers) = Stack::running("answered").await?;
    let call = json!({
        "direction": "inbound", "raw_digits": CLIENT, "number_id": 1001, "user_id": 502, "teams": [701],
        "answered": true, "ring_s": 6, "duration": 125, "recording": true, "started_at": 1_795_425_330, "pace_ms": 40,
        "after": [
            { "event": "call.tagged", "at_s": 2, "tags": ["VIP"] },
            { "event": "call.commented", "at_s": 87, "content": "Rappeler lundi", "user_id": 502 },
            { "event": "summary.created", "at_s": 100, "content": "Le client veut un devis." },
            { "event": "topics.created", "at_s": 101, "content": ["devis"] },
        ],
    });
    let call = stack.sandbox.play(&call).await?;
    let words =
        ["répondu – Hugo Lefèvre", "Tags : VIP", "Rappeler lundi", "Le client veut un devis.", "Sujets (IA) : devis"];
    let log = stack.sandbox.log_of(call, GATHERED, says(&words)).await?;
    assert_eq!(links(&log), [("individual".to_owned(), 2001), ("opportunity".to_owned(), 6001)]);
    // The agent's e-mail is Hugo.Lefevre@… at Sellsy and hugo.lefevre@… at Aircall.
    assert_eq!(log["owner"]["id"], 102);
    assert_eq!((&log["duration"], &log["source"]), (&json!(125), &json!("incoming")));
    assert_eq!(log["result"]["id"], "connected");
    assert!(log["date"].as_str().is_some_and(|date| date.starts_with("2026-11-23T10:15:30+01:00")), "{}", log["date"]);

    let cards = stack.sandbox.get("/aircall/insight-cards").await?;
    let texts: Vec<&str> =
        cards[0]["contents"].as_array().context("a card")?.iter().filter_map(|line| line["text"].as_str()).collect();
    assert_eq!(texts, ["Camille Moreau", "camille.moreau@example.com", "Client", "Cuisine sur mesure"]);
    assert_eq!(cards.as_array().map(Vec::len), Some(1));
    // The directory knows the caller; one opportunity search serves card and log together.
    assert_eq!(stack.sandbox.count("sellsy", "GET /search").await?, 0);
    assert_eq!(stack.sandbox.count("sellsy", "POST /opportunities/search").await?, 1);
    assert_eq!(stack.sandbox.count("sellsy", "POST /phone-calls").await?, 1);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn the_gate_lets_only_calls_of_eligible_duration_have_insights() -> Result<()> {
    let (stack, workers) = Stack::running("gate").await?;
    let mut calls = Vec::new();
    for (duration, eligible) in [(60, false), (61, true), (10_799, true), (10_800, false)] {
        let call = json!({
            "direction": "outbound", "raw_digits": CLIENT, "number_id": 1001, "user_id": 501, "answered": true, "duration": duration,
            "after": [{ "event": "summary.created", "at_s": 100, "content": "A summary." }],
        });
        calls.push((stack.sandbox.play(&call).await?, duration, eligible));
    }
    let database = stack.database().await?;
    for (call, duration, eligible) in calls {
        let answered = || async {
            let sql = "select detail->>'reason' from timeline where call_id = $1 and stage = 'insights'
                       and what <> 'retried' order by id limit 1";
            database.query_opt(sql, &[&call]).await.ok()?.map(|row| row.get::<_, Option<String>>(0))
        };
        let reason =
            eventually(SOON, answered).await.with_context(|| format!("{duration} s: the insight was handled"))?;
        if eligible {
            assert_eq!(reason, None, "{duration} s");
            stack.sandbox.log_of(call, GATHERED, says(&["A summary."])).await?;
        } else {
            assert!(
                reason.is_some_and(|reason| reason.contains(&format!("{duration} s"))),
                "{duration} s is skipped with its reason"
            );
        }
    }
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn nobody_found_is_not_logged_and_says_why() -> Result<()> {
    let (stack, workers) = Stack::running("nobody").await?;
    // A second takes 40 ms, so that the look-up for the card is there when the call ends.
    let play = |digits: Value| json!({ "direction": "inbound", "raw_digits": digits, "number_id": 1001, "user_id": 501, "duration": 90, "pace_ms": 40 });
    let mut calls = Vec::new();
    for (digits, why) in [
        (json!("+33 6 39 98 99 99"), "no usable record has this number"),
        (json!("+33 6 39 98 00 07"), "no usable record has this number"),
        (json!("anonymous"), "withheld"),
        (json!(null), "withheld"),
        (json!("301"), "internal"),
    ] {
        calls.push((stack.sandbox.play(&play(digits)).await?, why));
    }
    let database = stack.database().await?;
    for (call, why) in calls {
        let skipped = || async {
            let sql = "select detail->>'reason' from timeline where call_id = $1 and what = 'skipped' and detail->>'reason' like 'not logged%'";
            database.query_opt(sql, &[&call]).await.ok()?.map(|row| row.get::<_, String>(0))
        };
        let reason = eventually(SOON, skipped).await.with_context(|| format!("call {call} is skipped: {why}"))?;
        assert!(reason.contains(why), "{reason}");
    }
    assert!(stack.sandbox.phone_calls().await?.is_empty());
    // Two numbers were looked up, once each: withheld and internal ones are not.
    assert_eq!(stack.sandbox.count("sellsy", "GET /search").await?, 2);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn an_expired_token_is_replaced_and_nobody_notices() -> Result<()> {
    let (stack, workers) = Stack::running("token").await?;
    let call = json!({ "direction": "inbound", "raw_digits": CLIENT, "number_id": 1001, "user_id": 501, "answered": true, "duration": 90 });
    for _ in 0..2 {
        let call = stack.sandbox.play(&call).await?;
        stack.sandbox.log_of(call, SOON, |_| true).await?;
        stack.sandbox.control(Method::POST, "/sellsy/expire-tokens", None).await?;
    }
    let counts = stack.sandbox.get("/counts").await?;
    assert!(counts["sellsy"]["by_status"]["401"].as_u64().is_some_and(|n| n > 0), "a token was refused: {counts}");
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_log_that_a_person_deleted_stays_deleted() -> Result<()> {
    let (stack, workers) = Stack::running("deleted").await?;
    let call = json!({
        "direction": "inbound", "raw_digits": CLIENT, "number_id": 1001, "user_id": 501, "answered": true, "duration": 90,
    });
    let call = stack.sandbox.play(&call).await?;
    let log = stack.sandbox.log_of(call, SOON, |_| true).await?;
    stack.sandbox.control(Method::DELETE, &format!("/sellsy/phone-calls/{}", log["id"]), None).await?;
    stack.sandbox.tag(call, &mut Value::Null, "too late").await?;
    let database = stack.database().await?;
    let noticed = || async {
        let row =
            database.query_one("select gone_at is not null from calls where call_id = $1", &[&call]).await.ok()?;
        row.get::<_, bool>(0).then_some(())
    };
    eventually(SOON, noticed).await.context("the deletion is noticed")?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(stack.sandbox.logs_of(call).await?.is_empty());
    drop(workers);
    stack.down().await
}

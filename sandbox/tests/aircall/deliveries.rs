//! How webhooks arrive: retries, faults on request, recorded conversations and single envelopes.

use axum::http::StatusCode;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Aircall, TOKEN};

#[tokio::test]
async fn failures_are_retried_in_order_until_the_webhook_is_given_up() {
    let (aircall, receiver) = Aircall::with_receiver().await;
    aircall.put("/_sandbox/aircall/delivery", json!({"retry_ms": 5, "max_attempts": 4})).await;
    *receiver.answers.lock().unwrap() = vec![StatusCode::INTERNAL_SERVER_ERROR, StatusCode::SERVICE_UNAVAILABLE];
    aircall.play(json!({"direction": "inbound", "user_id": 501})).await;
    let report = aircall.until_delivered(5).await;
    assert_eq!((&report["attempts"], &report["failed_attempts"]), (&json!(7), &json!(2)));
    assert_eq!(
        receiver.events(),
        ["call.created", "call.ringing_on_agent", "call.answered", "call.hungup", "call.ended"]
    );
    assert_eq!((&report["log"][0]["status"], &report["log"][0]["attempt"]), (&json!(503), &json!(1)));

    *receiver.otherwise.lock().unwrap() = StatusCode::BAD_GATEWAY;
    aircall.play(json!({"direction": "inbound", "user_id": 501})).await;
    let report =
        aircall.until("dropped", |report| report["dropped"].as_u64() > Some(0) && report["pending"] == 0).await;
    assert_eq!((&report["failed_attempts"], &report["delivered"]), (&json!(6), &json!(5)));
    let webhook = aircall.get("/aircall/v1/webhooks").await["webhooks"][0].clone();
    assert_eq!(webhook["active"], false);

    *receiver.otherwise.lock().unwrap() = StatusCode::OK;
    let path = format!("/aircall/v1/webhooks/{}", webhook["webhook_id"].as_str().unwrap());
    aircall.put(&path, json!({"active": true})).await;
    aircall.play(json!({"direction": "inbound", "user_id": 501})).await;
    aircall.until("delivered again", |report| report["delivered"] == 10).await;
}

#[tokio::test]
async fn deliveries_can_be_doubled_swapped_and_late() {
    let (aircall, receiver) = Aircall::with_receiver().await;
    aircall.put("/_sandbox/aircall/delivery", json!({"duplicate": 1.0})).await;
    aircall.play(json!({"direction": "inbound", "user_id": 501})).await;
    aircall.until_delivered(10).await;

    receiver.got.lock().unwrap().clear();
    aircall.put("/_sandbox/aircall/delivery", json!({"reorder": 0.5, "late_ms": 50})).await;
    for _ in 0..10 {
        aircall.play(json!({"direction": "inbound", "user_id": 501})).await;
    }
    aircall.until_delivered(60).await;
    let mut per_call = std::collections::BTreeMap::<u64, Vec<String>>::new();
    for body in receiver.bodies() {
        per_call.entry(body["data"]["id"].as_u64().unwrap()).or_default().push(body["event"].as_str().unwrap().into());
    }
    let ordered = ["call.created", "call.ringing_on_agent", "call.answered", "call.hungup", "call.ended"];
    assert!(per_call.values().all(|events| events.len() == 5));
    assert!(per_call.values().any(|events| *events != ordered));

    receiver.got.lock().unwrap().clear();
    aircall.put("/_sandbox/aircall/delivery", json!({"late": 1.0, "late_ms": 20})).await;
    aircall.play(json!({"direction": "inbound", "user_id": 501})).await;
    aircall.until_delivered(65).await;
    assert_eq!(receiver.events(), ordered);
    let (status, _) = aircall.send(Method::PUT, "/_sandbox/aircall/delivery", Some(&json!({"reorder": 2.0}))).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn conversations_begin_now_and_can_be_played_twice() {
    let (aircall, receiver) = Aircall::with_receiver().await;
    let known = aircall.get("/_sandbox/aircall/conversations").await;
    assert_eq!(known["conversations"].as_array().unwrap().len(), 3);
    let before = jiff::Timestamp::now().as_second();
    let first = aircall.post("/_sandbox/aircall/conversations/failed-transfer", json!({})).await;
    aircall.until_delivered(10).await;
    let bodies = receiver.bodies();
    let begun = bodies[0]["timestamp"].as_i64().unwrap();
    assert!((before..before + 3).contains(&begun));
    let last = bodies.last().unwrap();
    assert_eq!(last["timestamp"], begun + 295);
    assert_eq!(
        (&last["data"]["tags"][0]["tagged_at"], &last["data"]["comments"][0]["posted_at"]),
        (&json!(begun + 210), &json!(begun + 295))
    );
    // The agent is a user of the data file.
    assert_eq!(last["data"]["user"]["email"], "ada@callbridge.example");

    let again = aircall.post("/_sandbox/aircall/conversations/failed-transfer", json!({})).await;
    aircall.until_delivered(20).await;
    assert_ne!(first, again);
    let id = again["call_ids"][0].as_u64().unwrap();
    let call = aircall.get(&format!("/aircall/v1/calls/{id}")).await["call"].clone();
    assert_eq!(call["direct_link"], format!("https://api.aircall.io/v1/calls/{id}"));
    assert_eq!((&call["duration"], &call["transferred_to"]["id"]), (&json!(208), &json!(502)));

    let both = aircall.post("/_sandbox/aircall/conversations/number-calls-number", json!({})).await;
    assert_eq!(both["call_ids"].as_array().unwrap().len(), 2);
    aircall.until_delivered(31).await;
    aircall.post("/_sandbox/aircall/conversations/callback-request", json!({})).await;
    aircall.until_delivered(36).await;
    assert_eq!(receiver.bodies()[35]["data"]["tags"][0]["tagged_by"], json!({}));
    let (status, body) = aircall.send(Method::POST, "/_sandbox/aircall/conversations/nobody", None).await;
    assert_eq!(status, 404, "{body}");
}

#[tokio::test]
async fn envelopes_go_out_as_they_are() {
    let (aircall, receiver) = Aircall::with_receiver().await;
    let call = json!({"id": 4_000_000_001u64, "status": "done", "started_at": 1_000, "raw_digits": null, "contact": {"id": 1, "first_name": "Ada"}});
    aircall
        .post("/_sandbox/aircall/events", json!({"events": [
            {"after_ms": 30, "body": {"resource": "call", "event": "call.some_future_event", "timestamp": 3, "token": "other", "data": {"id": 4_000_000_001u64, "new": {"a": [null]}}}},
            {"body": {"resource": "call", "event": "call.ended", "timestamp": 2, "data": call}},
            {"after_ms": 60, "body": {"resource": "conversation_intelligence", "event": "summary.created", "timestamp": 4, "data": {"id": "7", "call_id": "4000000001", "content": "Un devis"}}},
        ]}))
        .await;
    aircall.until_delivered(3).await;
    let bodies = receiver.bodies();
    assert_eq!((&bodies[0]["token"], &bodies[0]["data"]), (&json!(TOKEN), &call));
    assert_eq!((&bodies[1]["token"], &bodies[1]["data"]["new"]), (&json!("other"), &json!({"a": [null]})));
    let rest = async |query: &str| aircall.get(&format!("/aircall/v1/calls/4000000001{query}")).await;
    assert_eq!(rest("").await["call"]["contact"], Value::Null);
    assert_eq!(rest("?fetch_contact=true").await["call"]["contact"]["first_name"], "Ada");
    assert_eq!(rest("/summary").await["summary"], json!({"id": 7, "call_id": 4_000_000_001u64, "content": "Un devis"}));
}

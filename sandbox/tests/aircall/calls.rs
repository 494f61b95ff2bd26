//! Played calls: what their webhooks contain, what REST answers, and insight cards before the end.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Aircall, TOKEN, keys, seed};

#[tokio::test]
async fn an_answered_call_from_the_first_ring_to_the_last_insight() {
    let (aircall, receiver) = Aircall::with_receiver().await;
    let id = aircall
        .play(json!({
            "direction": "inbound", "raw_digits": "+33 6 39 98 00 11", "number_id": 1001, "user_id": 501, "teams": [701],
            "started_at": 1_767_258_000, "ring_s": 6, "duration": 125, "recording": true,
            "after": [
                {"event": "call.tagged", "at_s": 2, "tags": ["VIP", "Devis"]},
                {"event": "call.untagged", "at_s": 5, "tags": ["VIP"]},
                {"event": "call.comm_assets_generated", "at_s": 40},
                {"event": "call.commented", "at_s": 87, "content": "Rappeler", "user_id": 501},
                {"event": "transcription.created", "at_s": 95},
                {"event": "summary.created", "at_s": 100, "content": "Un devis"},
                {"event": "topics.created", "at_s": 101, "content": ["devis"]},
                {"event": "sentiment.created", "at_s": 102, "value": "POSITIVE"},
                {"event": "action_item.created", "at_s": 103, "content": "Envoyer"},
                {"event": "action_item.created", "at_s": 103, "content": "Rappeler"},
                {"event": "custom_summary.result_created", "at_s": 104, "name": "BANT", "results": [{"name": "Budget", "content": "10"}]},
                {"event": "call.archived", "at_s": 1740},
            ],
        }))
        .await;
    aircall.until_delivered(17).await;
    let expected = [
        "call.created",
        "call.ringing_on_agent",
        "call.answered",
        "call.hungup",
        "call.tagged",
        "call.untagged",
        "call.ended",
        "call.comm_assets_generated",
        "call.commented",
        "transcription.created",
        "summary.created",
        "topics.created",
        "sentiment.created",
        "action_item.created",
        "action_item.created",
        "custom_summary.result_created",
        "call.archived",
    ];
    assert_eq!(receiver.events(), expected);

    let bodies = receiver.bodies();
    assert_eq!(keys(&bodies[0]), ["data", "event", "resource", "timestamp", "token"]);
    assert_eq!(bodies[0]["token"], TOKEN);
    let created = &bodies[0]["data"];
    for absent in ["user", "contact", "assigned_to", "transferred_to", "transferred_by", "sid"] {
        assert!(created.get(absent).is_none(), "{absent}");
    }
    assert_eq!(
        (&created["status"], &created["duration"], &created["answered_at"]),
        (&json!("initial"), &json!(0), &Value::Null)
    );
    assert_eq!(bodies[0]["timestamp"], bodies[1]["timestamp"]);
    assert_eq!(bodies[1]["data"]["user"]["id"], 501);
    let hungup = &bodies[3]["data"];
    assert_eq!(
        (&hungup["duration"], &hungup["ended_at"], &hungup["tags"]),
        (&json!(125), &json!(1_767_258_125), &json!([]))
    );
    let names = |body: &Value| -> Vec<String> {
        body["data"]["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (names(&bodies[4]), names(&bodies[5]), names(&bodies[8])),
        (vec!["VIP".into(), "Devis".into()], vec!["Devis".into()], vec!["Devis".into()])
    );
    assert_eq!((&bodies[6]["data"]["asset"], &bodies[6]["timestamp"]), (&Value::Null, &json!(1_767_258_155)));
    assert_eq!(bodies[7]["data"]["asset"], format!("https://assets.aircall.io/calls/{id}/recording"));
    assert_eq!(bodies[8]["data"]["comments"][0]["posted_by"]["id"], 501);
    assert_eq!(
        (&bodies[10]["resource"], &bodies[10]["data"]["call_id"]),
        (&json!("conversation_intelligence"), &json!(id.to_string()))
    );

    let headers = receiver.got.lock().unwrap()[0].0.clone();
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["user-agent"], "axios/1.7.9");
    assert_eq!(headers["aircall-origin"], "webhooks");

    let call = aircall.get(&format!("/aircall/v1/calls/{id}")).await["call"].clone();
    assert_eq!((&call["contact"], &call["assigned_to"], &call["archived"]), (&Value::Null, &Value::Null, &json!(true)));
    assert!(call["sid"].as_str().unwrap().starts_with("CA") && call.get("call_uuid").is_none());
    assert!(call["tags"][0].get("tagged_by").is_none());
    let at = async |what: &str| aircall.get(&format!("/aircall/v1/calls/{id}/{what}")).await;
    assert_eq!(at("summary").await["summary"]["call_id"], id);
    assert_eq!(at("topics").await["topic"]["content"], json!(["devis"]));
    assert_eq!(at("sentiments").await["sentiment"]["participants"][0]["type"], "external");
    assert_eq!(at("sentiments").await["sentiment"]["participants"][0]["phone_number"], "+33639980011");
    assert_eq!(at("action_items").await["action_items"].as_array().unwrap().len(), 2);
    assert_eq!(at("transcription").await["transcription"]["content"]["utterances"].as_array().unwrap().len(), 2);
    assert_eq!(at("custom_summary_result").await["summary_template_results"][0]["name"], "Budget");
}

#[tokio::test]
async fn a_voicemail_is_signed_anew_in_each_event() {
    let (aircall, receiver) = Aircall::with_receiver().await;
    let id = aircall.play(json!({"direction": "inbound", "raw_digits": "anonymous", "user_id": 501, "ring_s": 17, "answered": false, "voicemail": true})).await;
    aircall.until_delivered(5).await;
    let bodies = receiver.bodies();
    let (hungup, ended, left) = (&bodies[2]["data"], &bodies[3]["data"], &bodies[4]["data"]);
    assert!(hungup.get("user").is_none() && hungup["voicemail"].is_null());
    assert_eq!(hungup["missed_call_reason"], "agents_did_not_answer");
    assert_eq!(hungup["participants"], json!([{"type": "external"}]));
    assert_eq!(ended["asset"], format!("https://assets.aircall.io/calls/{id}/voicemail"));
    assert_eq!(ended["asset"], left["asset"]);
    assert_ne!(ended["voicemail"], left["voicemail"]);
    let (status, _) = aircall.send(Method::GET, &format!("/aircall/v1/calls/{id}/summary"), None).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_call_played_at_once_has_happened_and_lost_webhooks_never_come() {
    let (aircall, receiver) = Aircall::with_receiver().await;
    let after = json!([{"event": "call.tagged", "at_s": 40, "tags": ["VIP"]}, {"event": "call.commented", "at_s": 50, "content": "x"}]);
    let play = async |lost: &Value| {
        let order = json!({"direction": "inbound", "at_once": true, "lost": lost, "after": after});
        let id = aircall.play(order).await;
        aircall.get(&format!("/aircall/v1/calls/{id}")).await["call"].clone()
    };
    let call = play(&json!(["call.tagged", "call.ended"])).await;
    assert_eq!(
        (&call["status"], &call["tags"][0]["name"], &call["comments"][0]["content"]),
        (&json!("done"), &json!("VIP"), &json!("x"))
    );
    aircall.until_delivered(4).await;
    assert_eq!(receiver.events(), ["call.created", "call.answered", "call.hungup", "call.commented"]);
    assert_eq!(play(&json!(["*"])).await["tags"][0]["name"], "VIP");
    play(&json!(["call.tagged"])).await;
    assert_eq!(aircall.until_delivered(9).await["delivered"], 9, "nothing of the call in between");
}

#[tokio::test]
async fn cards_only_while_the_call_is_going_on() {
    let (aircall, _) = Aircall::start(&seed()).await;
    let card = json!({"contents": [{"type": "title", "text": "Ada"}, {"type": "shortText", "label": "Type", "text": "client"}]});
    let push = async |id: u64, body: &Value| {
        aircall.send(Method::POST, &format!("/aircall/v1/calls/{id}/insight_cards"), Some(body)).await
    };
    // Slow enough that it still rings.
    let ringing = aircall.play(json!({"direction": "inbound", "user_id": 501, "pace_ms": 10_000})).await;
    assert_eq!(push(ringing, &card).await, (204, Value::Null));
    assert_eq!(push(ringing, &json!({"cards": []})).await.0, 400);
    assert_eq!(
        push(99, &card).await,
        (404, json!({"error": "Not Found", "troubleshoot": "Call with id 99 does not exist"}))
    );
    let cards = aircall.get("/_sandbox/aircall/insight-cards").await;
    assert_eq!(
        (cards.as_array().unwrap().len(), &cards[0]["call_id"], &cards[0]["contents"]),
        (1, &json!(ringing), &card["contents"])
    );

    let over = aircall.play(json!({"direction": "inbound", "user_id": 501})).await;
    loop {
        if aircall.get(&format!("/aircall/v1/calls/{over}")).await["call"]["status"] == "done" {
            break;
        }
    }
    let (status, body) = push(over, &card).await;
    assert_eq!((status, &body["error"]), (405, &json!("Method Not Allowed")));
}

#[tokio::test]
async fn orders_that_make_no_sense_are_refused() {
    let (aircall, _) = Aircall::start(&seed()).await;
    for order in [
        json!({}),
        json!({"direction": "inbound", "colour": "red"}),
        json!({"direction": "inbound", "user_id": 999}),
        json!({"direction": "inbound", "number_id": 999}),
        json!({"direction": "inbound", "teams": [999]}),
        json!({"direction": "inbound", "ring_s": 10, "duration": 5}),
        json!({"direction": "inbound", "voicemail": true}),
        json!({"direction": "inbound", "after": [{"event": "sentiment.created", "at_s": 1, "value": "GLAD"}]}),
        json!({"direction": "inbound", "after": [{"event": "call.hold", "at_s": -1000}]}),
    ] {
        let (status, body) = aircall.send(Method::POST, "/_sandbox/aircall/calls", Some(&order)).await;
        assert_eq!((status, body["error"].as_str()), (400, Some("Bad Request")), "{order}");
    }
}

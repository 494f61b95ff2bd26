//! Messages: their webhooks, who gets them, and what the delivery does with them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Aircall, Receiver, TOKEN, keys, seed};

#[tokio::test]
async fn a_message_comes_is_answered_and_read() {
    let (aircall, receiver) = Aircall::with_receiver().await;
    let play = async |order: Value| aircall.post("/_sandbox/aircall/messages", order).await["message_id"].clone();
    let at = 1_780_000_000;
    let first = json!({"direction": "received", "number": "+33639980011", "line": 1001, "body": "Bonjour", "at": at});
    let first = play(first).await;
    aircall.until_delivered(1).await;
    let answer = json!({"direction": "sent", "number": "+33639980011", "body": "Oui", "channel": "whatsapp", "media": ["https://a.example/plan.pdf"]});
    let answer = play(answer).await;
    aircall.until_delivered(2).await;
    let status = format!("/_sandbox/aircall/messages/{}/status", answer.as_str().unwrap());
    aircall.post(&status, json!({"status": "delivered"})).await;
    aircall.until_delivered(3).await;

    let bodies = receiver.bodies();
    assert_eq!(receiver.events(), ["message.received", "message.sent", "message.status_updated"]);
    assert_eq!(keys(&bodies[0]), ["data", "event", "resource", "timestamp", "token"]);
    assert_eq!((&bodies[0]["resource"], &bodies[0]["token"]), (&json!("message"), &json!(TOKEN)));
    assert_eq!((&bodies[0]["timestamp"], &bodies[0]["data"]["id"]), (&json!(at), &first));
    assert_eq!(bodies[0]["data"]["number"]["e164_digits"], "+33199001001");
    assert_eq!((&bodies[1]["data"]["channel"], &bodies[1]["data"]["status"]), (&json!("whatsapp"), &json!("sent")));
    assert_eq!((&bodies[2]["data"]["id"], &bodies[2]["data"]["status"]), (&answer, &json!("delivered")));

    let list = aircall.get("/_sandbox/aircall/messages").await;
    assert_eq!(list["messages"].as_array().unwrap().len(), 2);
    let log = aircall.get("/_sandbox/aircall/deliveries").await["log"][0].clone();
    assert_eq!((&log["call_id"], &log["message_id"]), (&Value::Null, &first));
}

#[tokio::test]
async fn only_a_webhook_that_wants_messages_gets_them_and_twice_if_need_be() {
    let (aircall, _account) = Aircall::start(&seed()).await;
    let (receiver, url) = Receiver::start().await;
    let webhook = aircall
        .send(Method::POST, "/aircall/v1/webhooks", Some(&json!({"url": url, "events": ["call.ended"]})))
        .await
        .1;
    let order = json!({"id": "01FC", "direction": "received", "number": "+33639980011", "body": "Bonjour"});
    aircall.post("/_sandbox/aircall/messages", order.clone()).await;
    assert_eq!(aircall.get("/_sandbox/aircall/deliveries").await["pending"], 0, "nobody wants it");

    let path = format!("/aircall/v1/webhooks/{}?events_action=add", webhook["webhook"]["webhook_id"].as_str().unwrap());
    aircall.put(&path, json!({"events": ["message.status_updated"]})).await;
    aircall.put("/_sandbox/aircall/delivery", json!({"duplicate": 1.0})).await;
    aircall.post("/_sandbox/aircall/messages/01FC/status", json!({"status": "read"})).await;
    aircall.until_delivered(2).await;
    assert_eq!(receiver.events(), ["message.status_updated"; 2]);

    let again = aircall.send(Method::POST, "/_sandbox/aircall/messages", Some(&order)).await;
    assert_eq!(again.0, 400, "{}", again.1);
    let typo = json!({"direction": "received", "number": "+33639980011", "text": "Bonjour"});
    assert_eq!(aircall.send(Method::POST, "/_sandbox/aircall/messages", Some(&typo)).await.0, 400);
    let unknown = Some(json!({"status": "read"}));
    assert_eq!(aircall.send(Method::POST, "/_sandbox/aircall/messages/x/status", unknown.as_ref()).await.0, 404);
}

//! Writing phone calls: what is required, what a partial update leaves unchanged, and how a lost one is found again.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Client, ids, unlimited};

fn call() -> Value {
    json!({
        "owner_id": 101,
        "date": "2026-11-23T10:15:30+01:00",
        "source": "incoming",
        "result": "connected",
        "duration": 125,
        "description": "Aircall call 3811600001",
        "related": [
            {"type": "contact", "id": 4001},
            {"type": "company", "id": 3001},
            {"type": "opportunity", "id": 6102},
        ],
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut body = call();
    body[field] = value;
    body
}

#[tokio::test]
async fn a_call_is_logged_changed_found_and_deleted() {
    let client = Client::start(unlimited()).await;
    let (status, item) = client.api(Method::POST, "/phone-calls", Some(call())).await;
    assert_eq!(status, 201);
    assert_eq!(item["result"], json!({"id": "connected", "name": "Appel abouti"}));
    assert_eq!(item["topic"]["id"], 41);
    assert_eq!((&item["company_id"], &item["contact_id"]), (&json!(3001), &json!(4001)));
    let id = item["id"].as_u64().unwrap();

    let (status, changed) =
        client.api(Method::PUT, &format!("/phone-calls/{id}"), Some(json!({"description": "neu"}))).await;
    assert_eq!(status, 200);
    assert_eq!((&changed["description"], &changed["duration"]), (&json!("neu"), &json!(125)));

    let lost = json!({
        "related_objects": [{"type": "opportunity", "id": 6102}],
        "created": {"start": item["created"]},
    });
    assert_eq!(ids(&client.find("/phone-calls/search?order=id&direction=desc", lost).await), [id]);
    assert_eq!(ids(&client.find("/phone-calls/search", json!({"companies": [3002]})).await), [] as [u64; 0]);
    let ignored = |ignores: bool| Some(json!({"phones": "digits", "ignores_filters": ignores}));
    client.control(Method::PUT, "/sellsy/search", ignored(true)).await;
    assert_eq!(ids(&client.find("/phone-calls/search", json!({"companies": [3002]})).await), [id]);
    client.control(Method::PUT, "/sellsy/search", ignored(false)).await;

    let seen = client.control(Method::GET, "/sellsy/phone-calls", None).await;
    let history: Vec<_> = seen[0]["history"].as_array().unwrap().iter().map(|write| &write["method"]).collect();
    assert_eq!(history, ["POST", "PUT"]);

    client.control(Method::DELETE, &format!("/sellsy/phone-calls/{id}"), None).await;
    assert_eq!(client.api(Method::PUT, &format!("/phone-calls/{id}"), Some(call())).await.0, 404);
    let (_, next) = client.api(Method::POST, "/phone-calls", Some(call())).await;
    assert_eq!(next["id"], id + 1, "ids are not given twice");
}

#[tokio::test]
async fn what_no_document_says_about_writes_is_a_tests_to_choose() {
    let client = Client::start(unlimited()).await;
    let rules = async |rules: Value| client.control(Method::PUT, "/sellsy/phone-call-rules", Some(rules)).await;
    let (_, made) = client.api(Method::POST, "/phone-calls", Some(call())).await;
    let path = format!("/phone-calls/{}", made["id"]);
    let put = async |body: Value| client.api(Method::PUT, &path, Some(body)).await;

    rules(json!({"put_is_whole": true})).await;
    let (_, changed) = put(json!({"duration": 7})).await;
    assert_eq!((&changed["description"], &changed["duration"]), (&json!(null), &json!(7)));
    let (_, changed) = put(json!({"description": "neu"})).await;
    assert_eq!((&changed["description"], &changed["duration"]), (&json!("neu"), &json!(0)));

    rules(json!({"longest": 5})).await;
    let (status, refused) = put(json!({"description": "longer"})).await;
    assert_eq!((status, refused["error"]["details"].get("description").is_some()), (400, true), "{refused}");
    rules(json!({"longest": 5, "cuts": true})).await;
    assert_eq!(put(json!({"description": "longer"})).await.1["description"], "longe");

    rules(json!({"owners": "own"})).await;
    let (status, refused) = put(json!({"owner_id": 102})).await;
    assert_eq!((status, refused["error"]["details"].get("owner_id").is_some()), (400, true), "{refused}");
    assert_eq!(put(json!({"owner_id": 103})).await.0, 200);
    rules(json!({"owners": "replaced"})).await;
    assert_eq!(put(json!({"owner_id": 102})).await.1["owner"]["id"], 103);
}

#[tokio::test]
async fn a_wrong_call_is_refused_with_the_field_that_is_wrong() {
    let client = Client::start(unlimited()).await;
    let wrong = [
        ("owner_id", json!(9)),
        ("owner_id", json!("101")),
        ("date", json!("2026-11-23T10:15:30")),
        ("result", json!("answered")),
        ("source", json!("outgoing")),
        ("related", json!([])),
        ("related", json!([{"type": "contact", "id": 4001}, {"type": "contact", "id": 4002}])),
        ("related", json!([{"type": "contact", "id": 1}])),
        ("related", json!([{"type": "staff", "id": 101}])),
        ("related", json!([{"type": "contact", "id": 4001, "name": "x"}])),
        ("duration", json!(1.5)),
        ("description", json!(1)),
        ("topic", json!(7)),
        ("priority", json!(2)),
    ];
    for (field, value) in wrong {
        let (status, answer) = client.api(Method::POST, "/phone-calls", Some(with(field, value.clone()))).await;
        assert_eq!(status, 400, "{field} {value}");
        assert!(answer["error"]["details"][field].is_string(), "{answer}");
    }
    let (status, answer) = client.api(Method::POST, "/phone-calls", Some(json!({}))).await;
    assert_eq!(status, 400);
    assert_eq!(answer["error"]["details"].as_object().unwrap().len(), 5);
    assert_eq!(client.get("/phone-calls").await["pagination"]["total"], 0);
    let (_, planned) = client.api(Method::POST, "/phone-calls", Some(with("result", json!("scheduled")))).await;
    assert_eq!(planned["duration"], 0);
}

#[tokio::test]
async fn a_comment_is_the_fallback() {
    let client = Client::start(unlimited()).await;
    let body = json!({"description": "Aircall call 1", "related": [{"type": "company", "id": 3001}]});
    let (status, comment) = client.api(Method::POST, "/comments", Some(body)).await;
    assert_eq!((status, &comment["company_id"], &comment["owner"]["id"]), (201, &json!(3001), &json!(103)));
    for wrong in [json!({}), json!({"description": "x", "owner_id": 101}), json!({"description": "x", "related": []})] {
        assert_eq!(client.api(Method::POST, "/comments", Some(wrong.clone())).await.0, 400, "{wrong}");
    }
    let search = async |filters: Value| {
        let path = "/comments/search?limit=100&order=id&direction=desc";
        let (status, page) = client.api(Method::POST, path, Some(json!({"filters": filters}))).await;
        assert_eq!(status, 200, "{page}");
        page["data"].as_array().unwrap().iter().map(|row| row["description"].clone()).collect::<Vec<_>>()
    };
    let (status, changed) = client
        .api(Method::PUT, &format!("/comments/{}", comment["id"]), Some(json!({"description": "Aircall call 1\nVIP"})))
        .await;
    assert_eq!((status, &changed["company_id"]), (200, &json!(3001)));
    let of_company = json!({"related_objects": [{"type": "company", "id": 3001}]});
    assert_eq!(search(of_company.clone()).await, ["Aircall call 1\nVIP"]);
    assert_eq!(search(json!({"companies": [3001], "owners": [103]})).await.len(), 1);
    assert!(search(json!({"related_objects": [{"type": "company", "id": 3002}]})).await.is_empty());
    client.control(Method::DELETE, &format!("/sellsy/comments/{}", comment["id"]), None).await;
    assert!(search(of_company).await.is_empty());
    let gone =
        client.api(Method::PUT, &format!("/comments/{}", comment["id"]), Some(json!({"description": "x"}))).await;
    assert_eq!(gone.0, 404);
}

#[tokio::test]
async fn every_answer_gives_texts_back_in_the_way_that_was_chosen() {
    let client = Client::start(unlimited()).await;
    client.control(Method::PUT, "/sellsy/texts", Some(json!({"as": "br"}))).await;
    let sent = "Aircall call 1\nVIP";
    let description = |row: &Value| row["description"].as_str().unwrap().to_owned();

    let (_, made) = client.api(Method::POST, "/phone-calls", Some(with("description", json!(sent)))).await;
    let path = format!("/phone-calls/{}", made["id"]);
    let (_, changed) = client.api(Method::PUT, &path, Some(json!({"duration": 1}))).await;
    let found = client.find("/phone-calls/search", json!({})).await;
    let listed = client.get("/phone-calls").await;
    for row in [&made, &changed, &found["data"][0], &listed["data"][0], &client.get(&path).await] {
        assert_eq!(description(row), "Aircall call 1<br>VIP");
    }

    let body = json!({"description": sent, "related": [{"type": "company", "id": 3001}]});
    let (_, comment) = client.api(Method::POST, "/comments", Some(body)).await;
    let path = format!("/comments/{}", comment["id"]);
    let (_, changed) = client.api(Method::PUT, &path, Some(json!({"description": sent}))).await;
    let found = client.find("/comments/search", json!({})).await;
    for row in [&comment, &changed, &found["data"][0]] {
        assert_eq!(description(row), "Aircall call 1<br>VIP");
    }

    // What was sent stays stored, and a test sees that.
    assert_eq!(description(&client.control(Method::GET, "/sellsy/phone-calls", None).await[0]), sent);
    assert_eq!(description(&client.control(Method::GET, "/sellsy", None).await["comments"][0]), sent);
    client.control(Method::PUT, "/sellsy/texts", Some(json!({"as": "as_sent"}))).await;
    assert_eq!(description(&client.find("/phone-calls/search", json!({})).await["data"][0]), sent);
}

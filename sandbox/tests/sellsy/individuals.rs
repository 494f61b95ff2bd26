//! Writing individuals: what is required, what a partial update leaves unchanged, and who hears of it.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Client, ids, unlimited};

fn individual() -> Value {
    json!({
        "type": "prospect",
        "last_name": "Garance",
        "first_name": "Lucie",
        "civility": "ms",
        "email": "lucie.garance@example.org",
        "mobile_number": "+33639987001",
        "reference": "AIRCALL-3811600001",
        "note": "Aircall call 3811600001",
        "owner_id": 102,
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut body = individual();
    body[field] = value;
    body
}

async fn create(client: &Client, body: Value) -> Value {
    let (status, item) = client.api(Method::POST, "/individuals", Some(body)).await;
    assert_eq!(status, 201, "{item}");
    item
}

#[tokio::test]
async fn a_new_individual_is_found_at_once_and_everywhere() {
    let client = Client::start(unlimited()).await;
    let before = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(2);
    let item = create(&client, individual()).await;
    assert_eq!(item["id"], 2015);
    for (field, value) in individual().as_object().unwrap() {
        let seen = if field == "owner_id" { &item["owner"]["id"] } else { &item[field] };
        assert_eq!(seen, value, "{field}");
    }
    assert_eq!(client.get("/individuals/2015").await, item);
    for filters in [
        json!({"created": {"start": before.to_string()}}),
        json!({"reference": ["AIRCALL-3811600001"]}),
        json!({"email": "lucie.garance@example.org"}),
        json!({"name": "garance", "type": "prospect"}),
    ] {
        assert_eq!(ids(&client.find("/individuals/search", filters.clone()).await), [2015], "{filters}");
    }
    let found = client.get("/search?q=0639987001&type[]=individual&limit=5").await;
    assert_eq!(found["data"][0]["object"], json!({"type": "individual", "sub_type": "prospect", "id": 2015}));

    let seen = client.control(Method::GET, "/sellsy/individuals/2015", None).await;
    assert_eq!((&seen["history"][0]["method"], &seen["history"][0]["body"]), (&json!("POST"), &individual()));
    let all = client.control(Method::GET, "/sellsy/individuals", None).await;
    let made: Vec<_> = all.as_array().unwrap().iter().filter(|one| one["history"] != json!([])).collect();
    assert_eq!(made, [&seen], "the others are the data file's");

    assert_eq!(client.api(Method::DELETE, "/individuals/2015", None).await, (204, Value::Null));
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(client.api(method.clone(), "/individuals/2015", None).await.0, 404, "{method}");
    }
    assert_eq!(client.api(Method::PUT, "/individuals/2015", Some(json!({}))).await.0, 404);
    assert_eq!(create(&client, individual()).await["id"], 2016, "ids are not given twice");
    assert_eq!(create(&client, individual()).await["id"], 2017, "nor does anything tell that it exists");
}

#[tokio::test]
async fn what_is_not_given_has_a_default() {
    let client = Client::start(unlimited()).await;
    let created = "2026-11-20T08:00:00Z";
    let item = create(&client, json!({"type": "client", "last_name": "Seul", "created": created, "x": 1})).await;
    assert_eq!(item["owner"], json!({"id": 103, "type": "staff"}), "the token's staff");
    assert_eq!((&item["created"], &item["note"]), (&json!("2026-11-20T09:00:00+01:00"), &json!("")));
    for field in ["first_name", "civility", "email", "website", "phone_number", "mobile_number", "reference"] {
        assert_eq!(item[field], Value::Null, "{field}");
    }
    assert_eq!(item["is_archived"], false);
    let short = client.api(Method::POST, "/individuals?field[]=id", Some(individual())).await;
    assert_eq!(short, (201, json!({"id": 2016})));
}

#[tokio::test]
async fn a_wrong_individual_is_refused_with_the_field_that_is_wrong() {
    let client = Client::start(unlimited()).await;
    let wrong = [
        ("type", json!("lead")),
        ("type", Value::Null),
        ("last_name", Value::Null),
        ("last_name", json!(" ")),
        ("last_name", json!("x".repeat(201))),
        ("first_name", json!(1)),
        ("civility", json!("dr")),
        ("email", json!("lucie")),
        ("website", json!("example.org")),
        ("mobile_number", json!(639_987_001)),
        ("note", Value::Null),
        ("owner_id", json!(9)),
        ("owner_id", json!("102")),
        ("is_archived", json!(0)),
        ("created", json!("2026-11-20")),
        ("rate_category_id", json!("1")),
        ("marketing_campaigns_subscriptions", json!(["fax"])),
        ("marketing_campaigns_subscriptions", json!(["sms", "sms"])),
        ("social", json!({"twitter": "lucie"})),
        ("sync", json!({"mailjet": 1})),
    ];
    for (field, value) in &wrong {
        let (status, answer) = client.api(Method::POST, "/individuals", Some(with(field, value.clone()))).await;
        assert_eq!(status, 400, "{field} {value}");
        assert!(answer["error"]["details"][field].is_string(), "{answer}");
    }
    let (status, answer) = client.api(Method::POST, "/individuals?verify=true", Some(json!({"note": "x"}))).await;
    assert_eq!(status, 400);
    let missing = json!({"type": "Ce champ est manquant", "last_name": "Ce champ est manquant"});
    assert_eq!(answer["error"]["details"], missing);

    let checked = client.api(Method::POST, "/individuals?verify=true", Some(individual())).await;
    assert_eq!(checked, (204, Value::Null), "checked and not created");
    assert_eq!(client.api(Method::POST, "/individuals?verify=maybe", Some(individual())).await.0, 400);
    assert_eq!(client.find("/individuals/search", json!({})).await["pagination"]["total"], 14);
}

#[tokio::test]
async fn a_put_changes_what_it_names() {
    let client = Client::start(unlimited()).await;
    let before = client.get("/individuals/2002").await;
    let changes = json!({"note": "Rappeler", "mobile_number": null, "owner_id": null, "type": "supplier"});
    let put = async |query: &str, body: &Value| {
        client.api(Method::PUT, &format!("/individuals/2002{query}"), Some(body.clone())).await
    };
    assert_eq!(put("?verify=true", &changes).await, (204, Value::Null));
    assert_eq!(put("", &json!({"last_name": null})).await.0, 400);
    assert_eq!(client.get("/individuals/2002").await, before, "neither changes anything");

    let (status, after) = put("", &changes).await;
    assert_eq!((status, &after["note"], &after["mobile_number"]), (200, &json!("Rappeler"), &Value::Null));
    assert_eq!(after["owner"]["id"], 103, "the token's staff");
    for kept in ["type", "first_name", "last_name", "email", "civility", "created", "phone_number", "is_archived"] {
        assert_eq!(after[kept], before[kept], "{kept}");
    }
    assert_ne!(after["updated_at"], before["updated_at"]);
    let history = client.control(Method::GET, "/sellsy/individuals/2002", None).await["history"].clone();
    assert_eq!((history.as_array().unwrap().len(), &history[0]["body"]), (1, &changes));
    // A person's change is no write of the API.
    client.control(Method::PATCH, "/sellsy/individuals/2002", Some(json!({"note": "Fait"}))).await;
    let seen = client.control(Method::GET, "/sellsy/individuals/2002", None).await;
    assert_eq!((&seen["note"], &seen["history"]), (&json!("Fait"), &history));
}

#[tokio::test]
async fn each_write_sends_a_notice() {
    let client = Client::start(unlimited()).await;
    let got: Arc<Mutex<Vec<Value>>> = Arc::default();
    let receive = async |State(got): State<Arc<Mutex<Vec<Value>>>>, Json(notice): Json<Value>| {
        got.lock().unwrap().push(json!([notice["eventType"], notice["event"], notice["relatedid"]]));
    };
    let router = Router::new().route("/hook", post(receive)).with_state(got.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    client.control(Method::POST, "/sellsy/webhook", Some(json!({"url": url, "json": true}))).await;

    let until = async |count: usize| {
        for _ in 0..500 {
            if got.lock().unwrap().len() >= count {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    client.api(Method::POST, "/individuals?verify=true", Some(individual())).await;
    create(&client, individual()).await;
    until(1).await;
    client.api(Method::PUT, "/individuals/2015", Some(json!({"note": "x"}))).await;
    until(2).await;
    client.api(Method::DELETE, "/individuals/2015", None).await;
    until(3).await;
    let expected = [
        json!(["prospect", "created", "2015"]),
        json!(["prospect", "updated", "2015"]),
        json!(["prospect", "deleted", "2015"]),
    ];
    assert_eq!(*got.lock().unwrap(), expected);
}

//! Writing tasks: what is required, what a partial update leaves unchanged, and how a lost one is found again.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Client, ids, unlimited};

fn task() -> Value {
    json!({
        "label_id": 53,
        "due_date": "2026-11-24T09:00:00Z",
        "title": "Rappeler Mme Verdier",
        "description": "Aircall call 3811600001",
        "owner_id": 101,
        "assigned_staff_ids": [101, 102],
        "priority": 1,
        "reminders": [{"medium": "email", "delay": "1day"}, {"medium": "inapp", "delay": "instant"}],
        "related": [{"type": "contact", "id": 4001}],
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut body = task();
    body[field] = value;
    body
}

async fn create(client: &Client, body: Value) -> Value {
    let (status, item) = client.api(Method::POST, "/tasks", Some(body)).await;
    assert_eq!(status, 201, "{item}");
    item
}

#[tokio::test]
async fn labels_come_by_their_rank_and_are_the_same_in_the_metas() {
    let client = Client::start(unlimited()).await;
    let labels = client.get("/tasks/labels").await;
    assert_eq!(ids(&labels), [53, 51, 52, 54]);
    let first = json!({"id": 53, "name": "À rappeler", "color": "2E86DE", "is_active": true, "rank": 0});
    assert_eq!(labels["data"][0], first);
    assert_eq!((&labels["data"][2]["is_active"], &labels["data"][2]["color"]), (&json!(false), &Value::Null));
    assert_eq!(ids(&client.get("/tasks/labels?order=id&direction=desc").await), [54, 53, 52, 51]);
    let page = client.get("/tasks/labels?limit=3").await;
    assert_eq!((&page["pagination"]["count"], &page["pagination"]["total"]), (&json!(3), &json!(4)));
    let offset = page["pagination"]["offset"].as_str().unwrap().replace('=', "%3D");
    assert_eq!(ids(&client.get(&format!("/tasks/labels?limit=3&offset={offset}")).await), [54]);

    let metas = client.get("/activities/crm/metas").await;
    let mut of_metas: Vec<_> = metas["task"]["labels"].as_array().unwrap().iter().map(|label| &label["id"]).collect();
    of_metas.sort_by_key(|id| id.as_u64());
    assert_eq!(of_metas, [51, 52, 53, 54]);
}

#[tokio::test]
async fn a_task_is_created_done_found_and_deleted() {
    let client = Client::start(unlimited()).await;
    let item = create(&client, task()).await;
    assert_eq!((&item["status"], &item["is_private"]), (&json!("todo"), &json!(false)));
    assert_eq!(item["label"]["name"], "À rappeler");
    assert_eq!(item["owner"], json!({"id": 101, "type": "staff"}));
    assert_eq!((&item["contact_id"], &item["company_id"]), (&json!(4001), &Value::Null));
    assert_eq!(item["due_date"], "2026-11-24T10:00:00+01:00", "in the account's zone");
    assert_eq!(
        item["reminders"],
        json!([
            {"medium": "email", "delay": "1day", "send_at": "2026-11-23T10:00:00+01:00"},
            {"medium": "inapp", "delay": "instant", "send_at": "2026-11-24T10:00:00+01:00"},
        ])
    );
    let id = item["id"].as_u64().unwrap();
    let path = format!("/tasks/{id}");

    let (status, done) = client.api(Method::PUT, &path, Some(json!({"status": "done"}))).await;
    assert_eq!((status, &done["status"]), (200, &json!("done")));
    for kept in ["title", "description", "due_date", "label", "owner", "reminders", "related", "created", "priority"] {
        assert_eq!(done[kept], item[kept], "{kept}");
    }
    let emptied = json!({"reminders": [], "related": [], "title": null, "assigned_staff_ids": null});
    let (_, emptied) = client.api(Method::PUT, &path, Some(emptied)).await;
    assert_eq!(
        (&emptied["reminders"], &emptied["related"], &emptied["contact_id"]),
        (&json!([]), &json!([]), &json!(null))
    );
    assert_eq!((&emptied["title"], &emptied["assigned_staff_ids"]), (&Value::Null, &Value::Null));
    assert_eq!(client.get(&path).await, emptied);

    let seen = client.control(Method::GET, "/sellsy/tasks", None).await;
    let history: Vec<_> = seen[0]["history"].as_array().unwrap().iter().map(|write| &write["method"]).collect();
    assert_eq!(history, ["POST", "PUT", "PUT"]);
    assert_eq!(seen[0]["history"][1]["body"], json!({"status": "done"}));

    assert_eq!(client.api(Method::DELETE, &path, None).await.0, 204);
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(client.api(method.clone(), &path, None).await.0, 404, "{method}");
    }
    assert_eq!(client.api(Method::PUT, &path, Some(json!({"status": "todo"}))).await.0, 404);
    assert_eq!(create(&client, task()).await["id"], id + 1, "ids are not given twice");
}

#[tokio::test]
async fn what_is_not_given_has_a_default() {
    let client = Client::start(unlimited()).await;
    let body = json!({
        "label_id": 51, "due_date": "2026-11-24T10:00:00+01:00", "related": [], "created": "2026-11-20T08:00:00Z", "x": 1,
    });
    let item = create(&client, body).await;
    assert_eq!(item["owner"]["id"], 103, "the token's staff");
    assert_eq!(item["created"], "2026-11-20T09:00:00+01:00");
    for (field, default) in [
        ("title", Value::Null),
        ("description", Value::Null),
        ("status", json!("todo")),
        ("is_private", json!(false)),
        ("assigned_staff_ids", Value::Null),
        ("priority", json!(0)),
        ("reminders", json!([])),
        ("related", json!([])),
    ] {
        assert_eq!(item[field], default, "{field}");
    }
}

#[tokio::test]
async fn a_wrong_task_is_refused_with_the_field_that_is_wrong() {
    let client = Client::start(unlimited()).await;
    let email = json!({"medium": "email", "delay": "1hour"});
    let wrong = [
        ("label_id", json!(9)),
        ("label_id", json!("53")),
        ("label_id", json!(52)),
        ("due_date", json!("2026-11-24T10:00:00")),
        ("due_date", json!("2026-11-24")),
        ("due_date", Value::Null),
        ("created", json!("2026-11-24 10:00:00")),
        ("owner_id", json!(9)),
        ("owner_id", Value::Null),
        ("assigned_staff_ids", json!([101, 9])),
        ("assigned_staff_ids", json!(101)),
        ("status", json!("open")),
        ("is_private", json!(1)),
        ("priority", json!(2)),
        ("title", json!(1)),
        ("description", json!(1)),
        ("related", Value::Null),
        ("related", json!([{"type": "contact", "id": 4001}, {"type": "company", "id": 3001}])),
        ("related", json!([{"type": "contact", "id": 1}])),
        ("related", json!([{"type": "invoice", "id": 1}])),
        ("related", json!([{"type": "contact", "id": 4001, "name": "x"}])),
        ("related", json!([["contact", 4001]])),
        ("related", json!({"type": "contact", "id": 4001})),
        ("reminders", Value::Null),
        ("reminders", json!([{"medium": "email"}])),
        ("reminders", json!([{"medium": "sms", "delay": "1hour"}])),
        ("reminders", json!([{"medium": "email", "delay": "2hours"}])),
        ("reminders", json!([{"medium": "email", "delay": "1hour", "send_at": "2026-11-24T09:00:00Z"}])),
        ("reminders", json!([email, email])),
    ];
    for (field, value) in &wrong {
        let (status, answer) = client.api(Method::POST, "/tasks", Some(with(field, value.clone()))).await;
        assert_eq!(status, 400, "{field} {value}");
        assert!(answer["error"]["details"][field].is_string(), "{answer}");
    }
    let (status, answer) = client.api(Method::POST, "/tasks", Some(json!({}))).await;
    assert_eq!(status, 400);
    let missing: Vec<_> = answer["error"]["details"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(missing.len(), 3, "{missing:?}");
    assert_eq!(client.find("/tasks/search", json!({})).await["pagination"]["total"], 0);

    let before = create(&client, task()).await;
    let path = format!("/tasks/{}", before["id"]);
    // Only a new task can say when it was created, so a PUT does not read that.
    for (field, value) in wrong.iter().filter(|(field, _)| *field != "created") {
        let body = json!({ *field: value, "priority": if *field == "priority" { value.clone() } else { json!(0) } });
        assert_eq!(client.api(Method::PUT, &path, Some(body)).await.0, 400, "{field} {value}");
    }
    assert_eq!(client.get(&path).await, before, "a refused write changes nothing");
    let (status, after) = client.api(Method::PUT, &path, Some(json!({"created": "x"}))).await;
    assert_eq!((status, &after["created"]), (200, &before["created"]));
}

#[tokio::test]
async fn searches_filter_by_what_is_documented() {
    let client = Client::start(unlimited()).await;
    let late = create(&client, task()).await;
    let soon = create(
        &client,
        json!({
            "label_id": 51, "due_date": "2026-11-23T18:00:00+01:00", "status": "done", "owner_id": 102,
            "related": [{"type": "opportunity", "id": 6102}], "created": "2026-11-01T10:00:00+01:00",
        }),
    )
    .await;
    let [late, soon] = [late, soon].map(|item| item["id"].as_u64().unwrap());
    for (filters, found) in [
        (json!({}), vec![late, soon]),
        (json!({"created": {"end": "2026-11-02T00:00:00+01:00"}}), vec![soon]),
        (json!({"due_date": {"start": "2026-11-24T10:00:00+01:00"}}), vec![late]),
        (json!({"owners": [102, 103]}), vec![soon]),
        (json!({"assigned_staffs": [102]}), vec![late]),
        (json!({"statuses": ["todo"]}), vec![late]),
        (json!({"statuses": ["todo", "done"]}), vec![late, soon]),
        (json!({"labels": [51]}), vec![soon]),
        (json!({"related_objects": [{"type": "opportunity", "id": 6102}]}), vec![soon]),
        (json!({"contacts": [4001]}), vec![late]),
        (json!({"companies": [3001]}), vec![]),
        (json!({"individuals": [2001]}), vec![]),
        (json!({"priority": {"min": 1}}), vec![late]),
        (json!({"priority": {"min": 0, "max": 0}}), vec![soon]),
        (json!({"description": "Aircall"}), vec![late, soon]),
    ] {
        assert_eq!(ids(&client.find("/tasks/search", filters.clone()).await), found, "{filters}");
    }
    assert_eq!(ids(&client.find("/tasks/search?order=due_date", json!({})).await), [soon, late]);
    assert_eq!(ids(&client.find("/tasks/search?order=id&direction=desc&limit=1", json!({})).await), [soon]);
    for (path, body) in [
        ("/tasks/search", json!({})),
        ("/tasks/search", json!({"filters": {"statuses": ["open"]}})),
        ("/tasks/search", json!({"filters": {"priority": {"min": 2}}})),
        ("/tasks/search", json!({"filters": {"priority": {"least": 1}}})),
        ("/tasks/search", json!({"filters": {}, "limit": 5})),
        ("/tasks/search?order=created", json!({"filters": {}})),
    ] {
        assert_eq!(client.api(Method::POST, path, Some(body.clone())).await.0, 400, "{path} {body}");
    }
    client.control(Method::PUT, "/sellsy/search", Some(json!({"phones": "digits", "ignores_filters": true}))).await;
    assert_eq!(ids(&client.find("/tasks/search", json!({"companies": [3001]})).await), [late, soon]);
}

#[tokio::test]
async fn a_person_edits_and_deletes_a_task() {
    let client = Client::start(unlimited()).await;
    let id = create(&client, task()).await["id"].clone();
    let page = format!("/sellsy/tasks/{id}");
    client.control(Method::PATCH, &page, Some(json!({"status": "done", "description": "Fait."}))).await;
    let seen = client.control(Method::GET, "/sellsy", None).await["tasks"][0].clone();
    assert_eq!((&seen["status"], &seen["description"]), (&json!("done"), &json!("Fait.")));
    assert_eq!(seen["history"].as_array().unwrap().len(), 1, "no request to the API");
    let refused = client.send(Method::PATCH, &format!("/_sandbox{page}"), Some(json!({"label_id": 9}))).await;
    assert_eq!(refused.unwrap().status(), 400);
    client.control(Method::DELETE, &page, None).await;
    assert_eq!(client.api(Method::GET, &format!("/tasks/{id}"), None).await.0, 404);
}

#[tokio::test]
async fn answers_give_texts_back_in_the_way_that_was_chosen() {
    let client = Client::start(unlimited()).await;
    client.control(Method::PUT, "/sellsy/texts", Some(json!({"as": "br"}))).await;
    let sent = "Aircall call 1\nVIP";
    let made = create(&client, with("description", json!(sent))).await;
    let path = format!("/tasks/{}", made["id"]);
    let (_, changed) = client.api(Method::PUT, &path, Some(json!({"priority": 0}))).await;
    let found = client.find("/tasks/search", json!({})).await;
    for row in [&made, &changed, &found["data"][0], &client.get(&path).await] {
        assert_eq!(row["description"], "Aircall call 1<br>VIP");
    }
    assert_eq!(client.control(Method::GET, "/sellsy/tasks", None).await[0]["description"], sent);
    assert_eq!(client.control(Method::GET, "/sellsy", None).await["tasks"][0]["description"], sent);
}

#[tokio::test]
async fn faults_hit_tasks_by_their_endpoint() {
    let client = Client::start(unlimited()).await;
    let cut = |method: &str, path: &str| json!({"api": "sellsy", "method": method, "path": path, "do": {"kind": "cut", "when": "after"}});
    client.fault(cut("POST", "/tasks")).await;
    assert!(client.send(Method::POST, "/sellsy/v2/tasks", Some(task())).await.is_err());
    let found = client.find("/tasks/search", json!({"contacts": [4001]})).await;
    let path = format!("/tasks/{}", found["data"][0]["id"]);
    client.fault(cut("PUT", "/tasks/{id}")).await;
    let done = Some(json!({"status": "done"}));
    assert!(client.send(Method::PUT, &format!("/sellsy/v2{path}"), done).await.is_err());
    assert_eq!(client.get(&path).await["status"], "done");
    let counts = client.control(Method::GET, "/counts", None).await;
    for endpoint in ["POST /tasks", "PUT /tasks/{id}"] {
        assert_eq!(counts["sellsy"]["by_endpoint"][endpoint], 1, "{counts}");
    }
}

//! Pipelines and steps, and moving opportunities.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Client, ids, unlimited};

async fn patch(client: &Client, query: &str, body: Value) -> (u16, Value) {
    client.api(Method::PATCH, &format!("/opportunities/6001?{query}"), Some(body)).await
}

#[tokio::test]
async fn pipelines_and_steps_come_by_their_rank() {
    let client = Client::start(unlimited()).await;
    let page = client.get("/opportunities/pipelines").await;
    assert_eq!(
        page["data"],
        json!([
            {"id": 11, "name": "Prospection", "is_default": true, "step": 5, "rank": 0},
            {"id": 12, "name": "Clients fidèles", "is_default": false, "step": 4, "rank": 1},
        ])
    );
    assert_eq!(ids(&client.get("/opportunities/pipelines?order=id&direction=desc&limit=1").await), [12]);

    let steps = client.find("/opportunities/steps/search", json!({})).await;
    assert_eq!(ids(&steps), [21, 31, 24, 32, 22, 33, 23, 34, 25], "of both pipelines");
    assert_eq!(steps["data"][0], json!({"id": 21, "name": "Piste", "probability": 10, "rank": 0}));
    for (path, filters, found) in [
        ("?order=id", json!({"name": "devis"}), vec![22, 33]),
        ("", json!({"id": [34, 25, 1]}), vec![34, 25]),
        ("?order=probability&direction=desc&limit=2", json!({}), vec![34, 25]),
        ("?order=id", json!({"id": [22], "pipeline": [12]}), vec![22]),
    ] {
        let page = client.find(&format!("/opportunities/steps/search{path}"), filters.clone()).await;
        assert_eq!(ids(&page), found, "{path} {filters}");
    }
    for (path, body) in [
        ("", json!({})),
        ("", json!({"filters": {"id": []}})),
        ("", json!({"filters": {"id": 22}})),
        ("", json!({"filters": {}, "pipeline": 11})),
        ("?order=name", json!({"filters": {}})),
    ] {
        let path = format!("/opportunities/steps/search{path}");
        assert_eq!(client.api(Method::POST, &path, Some(body.clone())).await.0, 400, "{path} {body}");
    }
}

#[tokio::test]
async fn opportunities_say_where_they_are_and_are_found_by_it() {
    let client = Client::start(unlimited()).await;
    let of_loyal = client.get("/opportunities/6106").await;
    assert_eq!(of_loyal["pipeline"], json!({"id": 12, "name": "Clients fidèles"}));
    assert_eq!(of_loyal["step"], json!({"id": 33, "name": "Devis envoyé"}));
    for (filters, found) in [
        (json!({"pipeline": [12]}), vec![6005, 6008, 6010, 6012, 6104, 6106]),
        (json!({"step": [33, 34], "statuses": ["open", "late"]}), vec![6012, 6106]),
        (json!({"pipeline": [11], "step": [33]}), vec![]),
    ] {
        assert_eq!(ids(&client.find("/opportunities/search", filters.clone()).await), found, "{filters}");
    }
    let of_one = json!({"related_objects": [{"type": "individual", "id": 2010}]});
    assert_eq!(ids(&client.find("/opportunities/search?order=step_rank", of_one).await), [6009, 6007, 6008, 6006]);
    // A person's new opportunity begins at the beginning.
    let new = json!({"name": "Neuf", "status": "open", "individual_id": 2001});
    let id = client.control(Method::POST, "/sellsy/opportunities", Some(new)).await["id"].clone();
    assert_eq!(client.get(&format!("/opportunities/{id}")).await["step"]["id"], 21);
}

#[tokio::test]
async fn a_patch_moves_an_opportunity_within_its_pipeline() {
    let client = Client::start(unlimited()).await;
    let before = client.get("/opportunities/6001").await;
    assert_eq!(before["step"], json!({"id": 21, "name": "Piste"}));
    assert_eq!(patch(&client, "only[]=step&verify=true", json!({"step": 22})).await, (204, Value::Null));
    for (query, body, wrong) in [
        ("only[]=step", json!({"step": 99}), "step"),
        ("only[]=step", json!({"step": 33}), "step"),
        ("only[]=step", json!({"step": "22"}), "step"),
        ("only[]=step", json!({"step": {"id": 22}}), "step"),
        ("only[]=step", json!({"step": null}), "step"),
        ("only[]=pipeline", json!({"pipeline": 99}), "pipeline"),
        ("only[]=pipeline&only[]=step", json!({"pipeline": 12, "step": 22}), "step"),
        ("only[]=step", json!({"step": 22, "source": 1}), "source"),
        ("only[]=related", json!({"step": 22}), "only"),
        ("", json!({"step": 22}), "only"),
        ("only=step", json!({"step": 22}), "only"),
        ("only[]=name", json!({"name": ""}), "name"),
        ("only[]=amount", json!({"amount": "10"}), "amount"),
        ("only[]=probability", json!({"probability": 101}), "probability"),
        ("only[]=due_date", json!({"due_date": "2026-12-31T00:00:00"}), "due_date"),
        ("only[]=status", json!({"status": "lost?"}), "status"),
    ] {
        let (status, answer) = patch(&client, query, body.clone()).await;
        assert_eq!(status, 400, "{query} {body}");
        assert!(answer["error"]["details"][wrong].is_string(), "{answer}");
    }
    assert_eq!(client.get("/opportunities/6001").await, before, "a refused write changes nothing");
    assert_eq!(client.api(Method::PATCH, "/opportunities/1?only[]=step", Some(json!({"step": 22}))).await.0, 404);

    let (status, after) = patch(&client, "only[]=step", json!({"step": 22, "name": "not listed"})).await;
    assert_eq!((status, &after["step"]), (200, &json!({"id": 22, "name": "Devis envoyé"})));
    for kept in ["pipeline", "name", "status", "amount", "probability", "updated_status", "related", "owner"] {
        assert_eq!(after[kept], before[kept], "{kept}");
    }
    assert_eq!(client.get("/opportunities/6001").await, after);
    let seen = client.control(Method::GET, "/sellsy/opportunities/6001", None).await;
    assert_eq!(seen["history"][0]["body"]["step"], 22);
    assert_eq!(seen["history"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_patch_changes_the_other_fields_that_it_lists() {
    let client = Client::start(unlimited()).await;
    let fields = ["name", "owner_id", "status", "amount", "probability", "origin", "due_date", "note"];
    let query = fields.map(|field| format!("only[]={field}")).join("&");
    let changes = json!({
        "name": "Cuisine", "owner_id": 102, "status": "won", "amount": 9000.5, "probability": 99.6, "origin": "x",
        "due_date": null, "note": "Signé",
    });
    let (status, after) = patch(&client, &query, changes).await;
    assert_eq!((status, &after["name"], &after["status"]), (200, &json!("Cuisine"), &json!("won")), "{after}");
    assert_eq!((&after["amount"]["value"], &after["probability"]), (&json!("9000.50"), &json!(100)));
    assert_eq!((&after["owner"]["id"], &after["due_date"]), (&json!(102), &Value::Null));
    assert!(after["updated_status"].is_string());
    let (_, moved) = patch(&client, "only[]=pipeline", json!({"pipeline": 12})).await;
    assert_eq!((&moved["pipeline"]["id"], &moved["step"]["id"]), (&json!(12), &json!(31)));
    let (_, moved) = patch(&client, "only[]=pipeline&only[]=step", json!({"pipeline": 11, "step": 23})).await;
    assert_eq!((&moved["pipeline"]["id"], &moved["step"]["id"]), (&json!(11), &json!(23)));
    let (_, moved) = patch(&client, "only[]=pipeline", json!({"pipeline": 11})).await;
    assert_eq!(moved["step"]["id"], 23, "it is there already");
}

#[tokio::test]
async fn a_person_moves_an_opportunity() {
    let client = Client::start(unlimited()).await;
    client.control(Method::PATCH, "/sellsy/opportunities/6001", Some(json!({"step": 34}))).await;
    let seen = client.control(Method::GET, "/sellsy/opportunities/6001", None).await;
    assert_eq!((&seen["pipeline"]["id"], &seen["step"]["id"]), (&json!(12), &json!(34)));
    assert_eq!(seen["history"], json!([]), "no request to the API");
    let unknown = Some(json!({"step": 99}));
    let refused = client.send(Method::PATCH, "/_sandbox/sellsy/opportunities/6001", unknown).await;
    assert_eq!(refused.unwrap().status(), 400);
}

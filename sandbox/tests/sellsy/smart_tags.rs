//! Smart-tags: what `POST` does with those that are there, how a tag is known, and what a person changes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Client, unlimited};

async fn post(client: &Client, record: &str, tags: Value) -> Vec<String> {
    let (status, page) = client.api(Method::POST, &format!("/{record}/smart-tags"), Some(tags)).await;
    assert_eq!(status, 200, "{page}");
    values(&page["data"])
}

fn values(tags: &Value) -> Vec<String> {
    tags.as_array().unwrap().iter().map(|tag| tag["value"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_post_replaces_what_is_there_unless_it_adds() {
    let client = Client::start(unlimited()).await;
    for record in ["individuals/2001", "companies/3001", "contacts/4001", "opportunities/6001"] {
        assert_eq!(client.get(&format!("/{record}/smart-tags")).await["data"], json!([]));
        assert_eq!(post(&client, record, json!([{"value": "VIP"}, {"id": 63}])).await, ["Presse", "VIP"]);
        assert_eq!(post(&client, record, json!([{"value": "Devis"}])).await, ["Devis"], "{record}");
    }
    let settings = client.control(Method::GET, "/sellsy/smart-tags", None).await;
    assert_eq!(settings, json!({"posts": "replace"}));
    client.control(Method::PUT, "/sellsy/smart-tags", Some(json!({"posts": "add"}))).await;
    assert_eq!(post(&client, "individuals/2001", json!([{"value": "VIP"}])).await, ["Devis", "VIP"]);
    assert_eq!(post(&client, "individuals/2001", json!([])).await, ["Devis", "VIP"]);
    client.control(Method::PUT, "/sellsy/smart-tags", Some(json!({"posts": "replace"}))).await;
    assert_eq!(post(&client, "individuals/2001", Value::Null).await, [] as [&str; 0], "null is an empty list");
}

#[tokio::test]
async fn a_tag_is_known_by_its_value_and_a_new_value_makes_a_new_tag() {
    let client = Client::start(unlimited()).await;
    let path = "/individuals/2014/smart-tags";
    let before = client.get(path).await["data"].clone();
    assert_eq!(before, json!([{"id": 61, "value": "Fidèle"}, {"id": 62, "value": "Salon 2026"}]));
    let tags = json!([{"value": "FIDELE"}, {"value": "Neuf"}, {"value": "neuf"}]);
    let (_, page) = client.api(Method::POST, path, Some(tags.clone())).await;
    assert_eq!(page["data"], json!([{"id": 61, "value": "Fidèle"}, {"id": 64, "value": "Neuf"}]));
    assert_eq!(client.get(path).await, page, "answered as it is read");

    let seen = client.control(Method::GET, "/sellsy/individuals/2014/smart-tags", None).await;
    assert_eq!((&seen["smart_tags"], &seen["history"][0]["body"]), (&page["data"], &tags));
    let seen = client.control(Method::GET, "/sellsy/individuals/2014", None).await;
    assert_eq!((&seen["smart_tags"], &seen["history"]), (&page["data"], &json!([])));
}

#[tokio::test]
async fn a_page_has_25_tags() {
    let client = Client::start(unlimited()).await;
    let tags: Vec<_> = (10..40).map(|n| json!({"value": format!("Tag {n}")})).collect();
    assert_eq!(post(&client, "companies/3002", json!(tags)).await.len(), 25);
    let page = client.get("/companies/3002/smart-tags").await;
    assert_eq!((&page["pagination"]["count"], &page["pagination"]["total"]), (&json!(25), &json!(30)));
    let all = client.get("/companies/3002/smart-tags?limit=100").await;
    assert_eq!(values(&all["data"]).last().unwrap(), "Tag 39");
}

#[tokio::test]
async fn a_wrong_list_changes_nothing() {
    let client = Client::start(unlimited()).await;
    let path = "/contacts/4008/smart-tags";
    for (tags, wrong) in [
        (json!([{"value": "VIP"}, {"id": 9}]), Some("1.id")),
        (json!([{"value": ""}]), Some("0.value")),
        (json!([{"value": 7}]), Some("0.value")),
        (json!([{}]), Some("0.value")),
        (json!(["VIP"]), Some("0.value")),
        (json!({"value": "VIP"}), None),
    ] {
        let (status, answer) = client.api(Method::POST, path, Some(tags.clone())).await;
        assert_eq!(status, 400, "{tags}");
        assert!(wrong.is_none_or(|field| answer["error"]["details"][field].is_string()), "{answer}");
    }
    assert_eq!(values(&client.get(path).await["data"]), ["Salon 2026"]);
    for record in ["individuals", "companies", "contacts", "opportunities"] {
        let path = format!("/{record}/1/smart-tags");
        assert_eq!(client.api(Method::GET, &path, None).await.0, 404, "{path}");
        assert_eq!(client.api(Method::POST, &path, Some(json!([]))).await.0, 404, "{path}");
    }
    let all = client.control(Method::GET, "/sellsy", None).await;
    assert_eq!(all["smart_tags"].as_array().unwrap().len(), 3, "a refused list makes no tags");
}

#[tokio::test]
async fn a_person_changes_them_and_they_go_with_their_record() {
    let client = Client::start(unlimited()).await;
    let page = "/sellsy/companies/3006/smart-tags";
    let edit = json!({"add": ["Neuf", "presse"], "remove": ["FIDELE", "Inconnu"]});
    let seen = client.control(Method::PATCH, page, Some(edit)).await;
    assert_eq!(
        seen,
        json!({"smart_tags": [{"id": 63, "value": "Presse"}, {"id": 64, "value": "Neuf"}], "history": []})
    );
    assert_eq!(values(&client.get("/companies/3006/smart-tags").await["data"]), ["Neuf", "Presse"]);
    for path in ["/sellsy/companies/1/smart-tags", "/sellsy/tasks/1/smart-tags"] {
        let answer = client.send(Method::GET, &format!("/_sandbox{path}"), None).await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }

    client.api(Method::DELETE, "/individuals/2014", None).await;
    let again = json!({"id": 2014, "type": "client", "last_name": "Retour"});
    client.control(Method::POST, "/sellsy/individuals", Some(again)).await;
    assert_eq!(client.get("/individuals/2014/smart-tags").await["data"], json!([]));
}

//! The faults of the control API as a client sees them, and the journal that lists them afterwards.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Client, unlimited};

fn comment() -> Option<Value> {
    Some(json!({"description": "x"}))
}

async fn comments(client: &Client) -> usize {
    client.control(Method::GET, "/sellsy", None).await["comments"].as_array().unwrap().len()
}

#[tokio::test]
async fn another_answer_comes_the_given_number_of_times_and_the_vendor_does_nothing() {
    let client = Client::start(unlimited()).await;
    client
        .fault(json!({
            "api": "sellsy", "method": "POST", "path": "/comments", "times": 2,
            "do": {"kind": "status", "status": 503, "body": "<html>busy</html>", "headers": {"Retry-After": "2"}},
        }))
        .await;
    for _ in 0..2 {
        let answer = client.send(Method::POST, "/sellsy/v2/comments", comment()).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "2"));
        assert_eq!(answer.text().await.unwrap(), "<html>busy</html>");
    }
    assert_eq!(comments(&client).await, 0);
    assert_eq!(client.api(Method::POST, "/comments", comment()).await.0, 201);
    let faults = client.control(Method::GET, "/faults", None).await;
    assert_eq!(faults["faults"][0]["fired"], 2);
}

#[tokio::test]
async fn a_cut_connection_hides_what_the_vendor_did() {
    let client = Client::start(unlimited()).await;
    for (when, done) in [("before", 0), ("after", 1)] {
        client.fault(json!({"path": "/comments", "times": 1, "do": {"kind": "cut", "when": when}})).await;
        assert!(client.send(Method::POST, "/sellsy/v2/comments", comment()).await.is_err());
        assert_eq!(comments(&client).await, done, "{when}");
    }
}

#[tokio::test]
async fn a_cut_connection_carries_no_answer() {
    let client = Client::start(unlimited()).await;
    client.fault(json!({"path": "*", "do": {"kind": "cut", "when": "before"}})).await;
    let mut connection = tokio::net::TcpStream::connect(client.base.trim_start_matches("http://")).await.unwrap();
    let request = b"GET /sellsy/v2/quotas HTTP/1.1\r\nhost: sandbox\r\nauthorization: Bearer x\r\n\r\n";
    connection.write_all(request).await.unwrap();
    let mut got = Vec::new();
    connection.read_to_end(&mut got).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&got), "");
}

#[tokio::test]
async fn a_hanging_answer_never_comes_but_the_work_may_be_done() {
    let client = Client::start(unlimited()).await;
    for (when, done) in [("before", 0), ("after", 1)] {
        client.fault(json!({"path": "/comments", "times": 1, "do": {"kind": "hang", "when": when}})).await;
        let waited = tokio::time::timeout(
            Duration::from_millis(300),
            client.send(Method::POST, "/sellsy/v2/comments", comment()),
        );
        assert!(waited.await.is_err(), "no answer");
        assert_eq!(comments(&client).await, done, "{when}");
    }
}

#[tokio::test]
async fn another_answer_may_hide_what_the_vendor_did() {
    let client = Client::start(unlimited()).await;
    for (handled, done) in [(false, 0), (true, 1)] {
        client
            .fault(
                json!({"path": "/comments", "times": 1, "do": {"kind": "status", "status": 408, "handled": handled}}),
            )
            .await;
        let answer = client.send(Method::POST, "/sellsy/v2/comments", comment()).await.unwrap();
        assert_eq!(answer.status().as_u16(), 408);
        assert_eq!(comments(&client).await, done, "{handled}");
    }
}

#[tokio::test]
async fn a_late_request_is_handled_when_its_client_has_gone() {
    let client = Client::start(unlimited()).await;
    client.fault(json!({"path": "/comments", "times": 1, "do": {"kind": "late", "ms": 400}})).await;
    let started = Instant::now();
    assert!(client.send(Method::POST, "/sellsy/v2/comments", comment()).await.is_err());
    assert!(started.elapsed() < Duration::from_millis(300));
    assert_eq!(comments(&client).await, 0);
    client.fault(json!({"path": "/comments", "times": 1, "do": {"kind": "late", "ms": 400, "hang": true}})).await;
    let answer = client.send(Method::POST, "/sellsy/v2/comments", comment());
    assert!(tokio::time::timeout(Duration::from_millis(300), answer).await.is_err(), "no answer");
    while comments(&client).await < 2 {
        assert!(started.elapsed() < Duration::from_secs(5), "both are handled in the end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn latency_delays_the_answer_and_wrong_json_is_json() {
    let client = Client::start(unlimited()).await;
    client.fault(json!({"path": "/staffs/{id}", "times": 1, "do": {"kind": "latency", "ms": 120}})).await;
    let started = Instant::now();
    client.get("/staffs/me").await;
    assert!(started.elapsed() >= Duration::from_millis(120));
    client.fault(json!({"path": "/staffs/{id}", "times": 1, "do": {"kind": "wrong_json"}})).await;
    assert!(client.get("/staffs/me").await.is_array());
}

#[tokio::test]
async fn the_journal_lists_requests_and_answers() {
    let client = Client::start(unlimited()).await;
    client.control(Method::DELETE, "/requests", None).await;
    client.api(Method::POST, "/comments?field[]=id", comment()).await;
    client.fault(json!({"path": "*", "do": {"kind": "cut", "when": "before"}})).await;
    assert!(client.send(Method::GET, "/sellsy/v2/phone-calls/12", None).await.is_err());
    let list = client.control(Method::GET, "/requests?api=sellsy", None).await;
    let first = &list[0];
    assert_eq!(
        (&first["method"], &first["path"], &first["status"]),
        (&json!("POST"), &json!("/comments"), &json!(201))
    );
    assert_eq!((&first["query"], &first["request_body"]), (&json!("field[]=id"), &comment().unwrap()));
    assert_eq!(first["response_body"], json!({"id": 1}));
    assert_eq!((&list[1]["status"], &list[1]["fault"]), (&Value::Null, &json!("cut before")));
    let counts = client.control(Method::GET, "/counts", None).await;
    let expect =
        json!({"total": 2, "by_status": {"201": 1}, "by_endpoint": {"POST /comments": 1, "GET /phone-calls/{id}": 1}});
    assert_eq!(counts["sellsy"], expect);

    client.control(Method::PUT, "/settings", Some(json!({"record_bodies": false}))).await;
    client.control(Method::PUT, "/faults", Some(json!({"faults": []}))).await;
    client.get("/staffs/me").await;
    let since = list[1]["seq"].as_u64().unwrap();
    let list = client.control(Method::GET, &format!("/requests?since_seq={since}"), None).await;
    assert_eq!((&list[0]["status"], &list[0]["response_body"]), (&json!(200), &Value::Null));
}

#[tokio::test]
async fn an_unsigned_request_gets_401_from_the_edge_also_during_a_fault() {
    let client = Client::start(unlimited()).await;
    client.fault(json!({"path": "*", "do": {"kind": "answer", "name": "backend"}})).await;
    let unsigned = async |path: &str| reqwest::get(format!("{}{path}", client.base)).await.unwrap().status().as_u16();
    assert_eq!(unsigned("/aircall/v1/ping").await, 401);
    assert_eq!(unsigned("/sellsy/v2/staffs").await, 401);
    assert_eq!(client.control(Method::GET, "/faults", None).await["faults"][0]["fired"], 0);
    assert_eq!(client.api(Method::GET, "/staffs", None).await.0, 503);
    let login = json!({"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"});
    let login = client.send(Method::POST, "/sellsy/oauth2/access-tokens", Some(login)).await.unwrap();
    assert_eq!(login.status().as_u16(), 503);
}

#[tokio::test]
async fn an_answer_by_its_name_is_not_the_vendors() {
    let client = Client::start(unlimited()).await;
    for (name, status, kind) in [
        ("maintenance", 302, "text/html"),
        ("firewall", 403, "text/html; charset=utf-8"),
        ("page_not_found", 404, "text/html; charset=utf-8"),
        ("route_not_found", 404, "application/json"),
        ("empty", 200, "text/html"),
        ("too_long", 400, "application/json"),
        ("retry_after_huge", 429, "application/json"),
    ] {
        client.fault(json!({"path": "*", "do": {"kind": "answer", "name": name}})).await;
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let request = http.get(format!("{}/sellsy/v2/staffs", client.base)).bearer_auth("any");
        let answer = request.send().await.unwrap();
        let found = (answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap());
        assert_eq!(found, (status, kind), "{name}");
    }
}

//! What every endpoint has in common: quotas, tokens, and the errors for what does not exist.

use std::time::Duration;

use reqwest::Method;
use sandbox::Options;
use serde_json::json;

use crate::harness::{Client, DATA, unlimited};

fn header(answer: &reqwest::Response, name: &str) -> Option<String> {
    answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_full_second_is_refused_and_refusals_count() {
    let options = Options { sellsy_per_second: Some(3), sellsy_per_minute: Some(100), ..Options::with_data(DATA) };
    let client = Client::start(options).await;
    let get = async || client.send(Method::GET, "/sellsy/v2/staffs/me", None).await.unwrap();
    for left in ["2", "1", "0"] {
        assert_eq!(header(&get().await, "x-quota-remaining-by-second").as_deref(), Some(left));
    }
    let refused = get().await;
    assert_eq!(refused.status(), 429);
    assert_eq!(header(&refused, "x-quota-remaining-by-second").as_deref(), Some("-1"));
    assert_eq!(header(&refused, "x-quota-remaining-by-minute").as_deref(), Some("96"));
    assert_eq!(header(&refused, "retry-after"), None);
    client
        .control(
            Method::PUT,
            "/sellsy/quotas",
            Some(json!({"second": 3, "minute": 4, "day": null, "retry_after": true})),
        )
        .await;
    let refused = get().await;
    assert_eq!(header(&refused, "retry-after").as_deref(), Some("60"));
    assert_eq!(header(&refused, "x-quota-remaining-by-day"), None);
    let error: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(error["error"]["code"], 429);
    client
        .control(
            Method::PUT,
            "/sellsy/quotas",
            Some(json!({"second": 3, "minute": null, "day": null, "retry_after": true})),
        )
        .await;
    tokio::time::sleep(Duration::from_millis(1050)).await;
    let quotas = client.get("/quotas").await;
    assert_eq!(quotas["api_rate_seconds"], json!({"limit": 3, "used": 1}));
    assert_eq!(quotas["api_rate_minutes"], json!({"limit": null, "used": 6}));
}

#[tokio::test]
async fn a_new_token_makes_older_ones_void_if_a_test_wants_it() {
    let client = Client::start(unlimited()).await;
    for (voids, status) in [(false, 200), (true, 401)] {
        client.control(Method::PUT, "/sellsy/tokens", Some(json!({"new_voids_older": voids}))).await;
        let credential = json!({
            "grant_type": "client_credentials",
            "client_id": "sandbox-sellsy-client",
            "client_secret": "sandbox-sellsy-secret",
        });
        client.send(Method::POST, "/sellsy/oauth2/access-tokens", Some(credential)).await.unwrap();
        assert_eq!(client.api(Method::GET, "/staffs/me", None).await.0, status);
    }
}

#[tokio::test]
async fn requests_need_a_token_and_tokens_expire() {
    let mut client = Client::start(unlimited()).await;
    client.control(Method::POST, "/sellsy/expire-tokens", None).await;
    let (status, error) = client.api(Method::GET, "/staffs/me", None).await;
    assert_eq!((status, &error["error"]["code"], &error["error"]["details"]), (401, &json!(401), &json!([])));
    client.log_in().await;
    assert_eq!(client.get("/staffs/me").await["id"], 103);
    let wrong =
        json!({"grant_type": "client_credentials", "client_id": "sandbox-sellsy-client", "client_secret": "no"});
    let answer = client.send(Method::POST, "/sellsy/oauth2/access-tokens", Some(wrong)).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["error"], "invalid_client");
}

#[tokio::test]
async fn what_does_not_exist_has_the_same_envelope() {
    let client = Client::start(unlimited()).await;
    for (method, path, expect) in [
        (Method::GET, "/nothing/here", 404),
        (Method::GET, "/contacts/1", 404),
        (Method::GET, "/contacts/x", 404),
        (Method::PATCH, "/phone-calls/1", 405),
    ] {
        let (status, body) = client.api(method, path, None).await;
        assert_eq!(
            (status, &body["error"]["code"], &body["error"]["details"]),
            (expect, &json!(expect), &json!([])),
            "{path}"
        );
    }
}

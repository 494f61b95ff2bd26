//! The REST API: credentials, limits, paging, people and the registration of webhooks.

use reqwest::Method;
use sandbox::aircall::Seed;
use serde_json::{Value, json};

use crate::harness::{Aircall, Receiver, keys, seed};

#[tokio::test]
async fn the_edge_knows_three_errors() {
    let (aircall, _) = Aircall::start(&seed()).await;
    let get = async |path: &str, credential: Option<(&str, &str)>| {
        let mut request = aircall.client.get(format!("{}/aircall{path}", aircall.base));
        if let Some((id, token)) = credential {
            request = request.basic_auth(id, Some(token));
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    assert_eq!(get("/v1/ping", None).await, (401, json!({"message": "Unauthorized"})));
    assert_eq!(get("/v1/ping", Some(("id", "wrong"))).await, (403, json!({"message": "Forbidden"})));
    assert_eq!(get("/v1/pong", Some(("id", "token"))).await, (404, json!({"message": "Not Found"})));
    assert_eq!(get("/v1/ping", Some(("id", "token"))).await, (200, json!({"ping": "pong"})));
}

#[tokio::test]
async fn the_rate_limit_is_one_for_the_company() {
    let (aircall, _) = Aircall::start(&Seed { requests_per_minute: Some(2), ..seed() }).await;
    let ping = async || {
        aircall
            .client
            .get(format!("{}/aircall/v1/ping", aircall.base))
            .basic_auth("id", Some("token"))
            .send()
            .await
            .unwrap()
    };
    let first = ping().await;
    assert_eq!((first.status().as_u16(), first.headers().contains_key("x-aircallapi-limit")), (200, false));
    aircall.put("/_sandbox/aircall/rate-limit", json!({"per_minute": 2, "headers": "always"})).await;
    assert_eq!(ping().await.headers()["x-aircallapi-remaining"], "0");
    let refused = ping().await;
    assert_eq!((refused.status().as_u16(), refused.headers()["x-aircallapi-limit"].to_str().unwrap()), (429, "2"));
    let reset: i64 = refused.headers()["x-aircallapi-reset"].to_str().unwrap().parse().unwrap();
    let now = jiff::Timestamp::now().as_second();
    assert!((now + 50..=now + 61).contains(&reset), "{reset} at {now}");
    assert_eq!(refused.json::<Value>().await.unwrap()["error"], "Too many requests");
    aircall.put("/_sandbox/aircall/rate-limit", json!({"per_minute": null})).await;
    assert_eq!(ping().await.status().as_u16(), 200);
}

#[tokio::test]
async fn calls_are_paged_and_the_links_can_be_followed() {
    let (aircall, _) = Aircall::start(&seed()).await;
    let first = jiff::Timestamp::now().as_second() - 5_000;
    for n in 0..5u64 {
        let user = 501 + n % 2;
        aircall.play(json!({"id": 9000 + n, "direction": "outbound", "raw_digits": "+33 6 39 98 00 0".to_owned() + &n.to_string(), "user_id": user, "started_at": first + n as i64})).await;
    }
    // More than six months ago.
    let long_ago = first - 190 * 86_400;
    aircall
        .play(json!({"id": 8999, "direction": "outbound", "raw_digits": "+33 6 39 98 00 03", "started_at": long_ago}))
        .await;
    assert_eq!(aircall.get("/aircall/v1/calls").await["meta"]["total"], 5);
    let ids = |page: &Value| -> Vec<u64> {
        page["calls"].as_array().unwrap().iter().map(|call| call["id"].as_u64().unwrap()).collect()
    };
    let page = aircall
        .get(&format!("/aircall/v1/calls?from={}&to={}&order=desc&per_page=3&fetch_contact=true", first + 1, first + 4))
        .await;
    assert_eq!(ids(&page), [9004, 9003, 9002]);
    let meta = &page["meta"];
    assert_eq!((&meta["count"], &meta["total"], &meta["previous_page_link"]), (&json!(3), &json!(4), &Value::Null));
    let next = meta["next_page_link"].as_str().unwrap();
    assert_eq!(
        next,
        format!("{}/aircall/v1/calls?from={}&to={}&order=desc&page=2&per_page=3", aircall.base, first + 1, first + 4)
    );
    let page = aircall.get(next.strip_prefix(&aircall.base).unwrap()).await;
    assert_eq!((ids(&page), &page["meta"]["next_page_link"]), (vec![9001], &Value::Null));

    let found = aircall.get("/aircall/v1/calls/search?user_id=501&direction=outbound").await;
    assert_eq!(ids(&found), [9000, 9002, 9004]);
    let found = aircall.get("/aircall/v1/calls/search?phone_number=%2B33639980003").await;
    assert_eq!(ids(&found), [9003]);
    assert_eq!(ids(&aircall.get("/aircall/v1/calls?from=9&to=1").await), Vec::<u64>::new());
    for wrong in ["per_page=51", "page=0", "order=up", "from=yesterday"] {
        let (status, _) = aircall.send(Method::GET, &format!("/aircall/v1/calls?{wrong}"), None).await;
        assert_eq!(status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn the_account_shows_its_people() {
    let (aircall, _) = Aircall::start(&seed()).await;
    assert_eq!(aircall.get("/aircall/v1/company").await["company"]["users_count"], 2);
    assert_eq!(aircall.get("/aircall/v2/users/502").await["user"]["email"], "Bo@callbridge.example");
    assert_eq!(aircall.get("/aircall/v2/users/bo@callbridge.example").await["user"]["id"], 502);
    assert_eq!(aircall.get("/aircall/v2/users?per_page=1&page=2").await["users"][0]["extension"], "002");
    assert_eq!(aircall.get("/aircall/v1/numbers/1001").await["number"]["digits"], "+33 1 99 00 10 01");
    assert_eq!(aircall.get("/aircall/v1/tags").await["tags"][0]["name"], "VIP");
    assert_eq!(aircall.get("/aircall/v1/teams").await["teams"][0]["id"], 701);
}

#[tokio::test]
async fn webhooks_by_rest_with_their_traps() {
    let (aircall, _) = Aircall::start(&seed()).await;
    let (receiver, url) = Receiver::start().await;
    let (status, made) = aircall
        .send(
            Method::POST,
            "/aircall/v1/webhooks",
            Some(&json!({"url": url, "events": ["call.ended", "call.created"]})),
        )
        .await;
    assert_eq!(status, 201);
    let webhook = &made["webhook"];
    assert!(webhook.get("id").is_none() && webhook.get("custom_name").is_none());
    let path = format!("/aircall/v1/webhooks/{}", webhook["webhook_id"].as_str().unwrap());
    assert!(aircall.get(&path).await["webhook"]["id"].is_u64());
    let list = aircall.get("/aircall/v1/webhooks").await;
    assert_eq!(keys(&list["meta"]), ["count", "current_page", "per_page", "total"]);

    aircall.play(json!({"direction": "inbound", "user_id": 501})).await;
    aircall.until_delivered(2).await;
    assert_eq!(receiver.events(), ["call.created", "call.ended"]);
    assert_eq!(receiver.bodies()[0]["token"], webhook["token"]);

    let put = aircall.put(&path, json!({"active": true})).await;
    assert!(put["webhook"]["events"].as_array().unwrap().len() > 60);
    assert_eq!(aircall.send(Method::DELETE, &path, None).await.0, 204);
    assert_eq!(aircall.send(Method::GET, &path, None).await.0, 404);
}

//! Sellsy's webhook: requests with the secret become hints for the resolver, and nothing else gets in.

use anyhow::{Context, Result};
use base::ids::Stage;
use harness::{Process, Stack, build, eventually};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::SOON;

const SECRET: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const CONTACT: &str =
    r#"{"eventType":"people","event":"updated","timestamp":"1778187955","relatedtype":"people","relatedid":"4001"}"#;
/// printf '%s' SECRET CONTACT | sha1sum
const SIGNATURE: &str = "4cc8b70642238013eca9d61413aa919beff11096";

/// An installation with only ingest, so that hints stay in the queue of hints.
async fn installation(what: &str) -> Result<(Stack, Process)> {
    let mut stack = Stack::new(what).await?;
    stack.environment.insert("SELLSY_WEBHOOK_SECRET".into(), SECRET.into());
    let ingest = stack.start("ingest").await?;
    // Before it has read the database once, an unknown secret may be a good one.
    ingest.until_whole(SOON).await?;
    // It is ready before it has a channel, because the inbox is available.
    let queue = stack.names.work(Stage::Hints);
    eventually(SOON, || async { stack.depth(&queue).await.ok() }).await.context("ingest declares the queues")?;
    Ok((stack, ingest))
}

async fn send(
    ingest: &Process,
    secret: &str,
    content_type: &str,
    signature: Option<&str>,
    body: &str,
) -> Result<(u16, Value)> {
    let request = Client::new().post(format!("{}/webhooks/sellsy/{secret}", ingest.url));
    let mut request = request.header("content-type", content_type).body(body.to_owned());
    if let Some(signature) = signature {
        request = request.header("X-Webhook-Signature", signature);
    }
    let response = request.send().await?;
    Ok((response.status().as_u16(), response.json().await?))
}

async fn hints(stack: &Stack) -> Result<u32> {
    stack.depth(&stack.names.work(Stage::Hints)).await
}

async fn until_hints(stack: &Stack, number: u32) -> Result<()> {
    let there = || async { (hints(stack).await.ok()? == number).then_some(()) };
    eventually(SOON, there).await.with_context(|| format!("{number} hints in the queue of hints"))
}

/// Takes every fact out of the queue of hints: kind, call and payload.
async fn taken(stack: &Stack) -> Result<Vec<(Value, Value, Value)>> {
    let mut facts = Vec::new();
    for message in stack.take(&stack.names.work(Stage::Hints)).await? {
        let mut fact: Value = serde_json::from_slice(&message.data)?;
        facts.push((fact["kind"].take(), fact["call_id"].take(), fact["payload"].take()));
    }
    facts.sort_by_key(|(_, _, payload)| payload.to_string());
    Ok(facts)
}

fn fact(kind: &str, id: i64) -> (Value, Value, Value) {
    (json!("directory.changed"), json!(0), json!({ "kind": kind, "id": id }))
}

#[tokio::test]
async fn only_what_has_the_secret_and_fits_its_signature_gets_in() -> Result<()> {
    let (stack, ingest) = installation("sellsy_in").await?;
    let wrong_secret = SECRET.replace('0', "1");
    for (what, secret, content_type, signature, status, code) in [
        ("another secret", wrong_secret.as_str(), JSON, Some(SIGNATURE), 404, "NOT_FOUND"),
        ("part of the secret", &SECRET[..31], JSON, None, 404, "NOT_FOUND"),
        ("no secret", "", JSON, None, 404, "NOT_FOUND"),
        ("broken escapes", "%ff%", JSON, None, 404, "NOT_FOUND"),
        ("another signature", SECRET, JSON, Some("3f786850e387550fdab836ed7e6dc881de23001b"), 401, "WRONG_SIGNATURE"),
        ("no hex", SECRET, JSON, Some("x"), 401, "WRONG_SIGNATURE"),
        ("a text", SECRET, "text/plain", None, 415, "NOT_A_NOTICE"),
    ] {
        let (answered, error) = send(&ingest, secret, content_type, signature, CONTACT).await.context(what)?;
        assert_eq!((answered, error["error"]["code"].as_str()), (status, Some(code)), "{what}: {error}");
    }
    let large = send(&ingest, SECRET, JSON, None, &" ".repeat(1024 * 1024 + 1)).await?;
    assert_eq!((large.0, &large.1["error"]["code"]), (413, &json!("TOO_LARGE")));

    // A ping, and bodies that no vendor sends.
    for (method, secret, status) in [
        (Method::GET, SECRET, 200),
        (Method::HEAD, SECRET, 200),
        (Method::GET, wrong_secret.as_str(), 404),
        (Method::PUT, SECRET, 405),
        (Method::PUT, wrong_secret.as_str(), 404),
    ] {
        let url = format!("{}/webhooks/sellsy/{secret}", ingest.url);
        let response = Client::new().request(method.clone(), url).send().await?;
        assert_eq!(response.status().as_u16(), status, "{method} {secret}");
    }

    // Signed and not, in both modes; nothing is kept of estimates.
    let third = CONTACT.replace(r#""people""#, r#""third""#).replace("4001", "3001");
    let form = "notif=%7B%22event%22%3A+%22updated%22%2C+%22relatedid%22%3A+%222001%22%2C+%22relatedtype%22%3A+%22client%22%7D";
    let estimate = CONTACT.replace(r#""people""#, r#""estimate""#);
    for (content_type, signature, body, ignored) in [
        (JSON, Some(SIGNATURE), CONTACT, Value::Null),
        ("Application/JSON; charset=utf-8", None, &third, Value::Null),
        (FORM, None, form, Value::Null),
        (JSON, None, &estimate, json!("other_record")),
    ] {
        let (status, answer) = send(&ingest, SECRET, content_type, signature, body).await?;
        assert_eq!((status, &answer["accepted"], &answer["ignored"]), (200, &json!(true), &ignored), "{body}");
    }
    let expected =
        [("company", 2001), ("company", 3001), ("contact", 4001), ("individual", 2001), ("individual", 3001)];
    let mut expected: Vec<_> = expected.into_iter().map(|(kind, id)| fact(kind, id)).collect();
    expected.sort_by_key(|(_, _, payload)| payload.to_string());
    assert_eq!(taken(&stack).await?, expected);

    let metrics = reqwest::get(format!("{}/metrics", ingest.url)).await?.text().await?;
    for (result, count) in [("published", 3), ("other_record", 1), ("ping", 2), ("wrong_signature", 2)] {
        let line = format!(r#"callbridge_webhooks_total{{source="sellsy",result="{result}"}} {count}"#);
        assert!(metrics.lines().any(|shown| shown == line), "{line} in:\n{metrics}");
    }
    assert!(!ingest.output().contains(SECRET), "the secret is in the log");
    drop(ingest);
    stack.down().await
}

#[tokio::test]
async fn what_is_no_notice_is_parked() -> Result<()> {
    let (stack, ingest) = installation("sellsy_odd").await?;
    let odd = ["", "{", "{}", "[]", "notif=%7B", "a=b", r#"{"relatedtype":"people"}"#, r#"{"relatedid":"4001"}"#];
    for body in odd {
        assert_eq!(send(&ingest, SECRET, JSON, None, body).await?.0, 200, "{body}");
    }
    stack.parked(Stage::Ingest, u32::try_from(odd.len())?, SOON).await.context("every odd body is parked")?;
    assert_eq!(hints(&stack).await?, 0);
    drop(ingest);
    stack.down().await
}

#[tokio::test]
async fn without_the_setting_there_is_no_such_way_in() -> Result<()> {
    let mut stack = Stack::new("sellsy_off").await?;
    let ingest = stack.start("ingest").await?;
    ingest.until_whole(SOON).await?;
    for secret in [SECRET, ""] {
        let (status, error) = send(&ingest, secret, JSON, None, CONTACT).await?;
        assert_eq!((status, &error["error"]["code"]), (404, &json!("NOT_FOUND")));
        let ping = reqwest::get(format!("{}/webhooks/sellsy/{secret}", ingest.url)).await?;
        assert_eq!(ping.status().as_u16(), 404);
    }
    drop(ingest);
    stack.down().await
}

#[tokio::test]
async fn a_change_in_sellsy_reaches_the_queue_of_hints() -> Result<()> {
    let (stack, ingest) = installation("sellsy_change").await?;
    let sandbox = &stack.sandbox;
    let url = format!("{}/webhooks/sellsy/{SECRET}", ingest.url);
    // The first webhook has the wrong key, so its notices are refused.
    for sign_key in ["another", SECRET] {
        let webhook = json!({ "url": url, "sign_key": sign_key, "json": true });
        sandbox.control(Method::POST, "/sellsy/webhook", Some(&webhook)).await?;
        sandbox.change("contacts/4001", &json!({ "note": sign_key.len().to_string() })).await?;
    }
    until_hints(&stack, 1).await?;
    let contact = sandbox.add(&build::contact("Neuf")).await?;
    sandbox.delete(&format!("contacts/{contact}")).await?;
    until_hints(&stack, 3).await?;

    let webhook = json!({ "url": url });
    sandbox.control(Method::POST, "/sellsy/webhook", Some(&webhook)).await?;
    let company = sandbox.add(&build::company("Nouvelle").client()).await?;
    sandbox.change("opportunities/6001", &json!({ "note": "x" })).await?;
    sandbox.change("opportunities/6002", &json!({ "status": "won" })).await?;
    until_hints(&stack, 6).await?;

    let mut expected = vec![
        fact("contact", 4001),
        fact("contact", contact),
        fact("contact", contact),
        fact("company", company),
        fact("individual", company),
        (json!("opportunity.changed"), json!(0), json!({ "id": 6002 })),
    ];
    expected.sort_by_key(|(_, _, payload)| payload.to_string());
    assert_eq!(taken(&stack).await?, expected);
    drop(ingest);
    stack.down().await
}

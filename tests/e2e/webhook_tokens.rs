//! A webhook that a command has made is accepted at once, without a restart; one that is deleted is not any more; and a stranger
//! cannot make ingest ask the database as often as it likes.

use std::time::Duration;

use anyhow::{Context, Result};
use base::ids::Stage;
use futures_util::future::join_all;
use harness::{Process, Stack, build::webhook, eventually};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::SOON;

/// An installation whose settings have no token.
async fn without_token(what: &str) -> Result<(Stack, Process)> {
    let mut stack = Stack::new(what).await?;
    stack.environment.remove("AIRCALL_WEBHOOK_TOKENS");
    let ingest = stack.start("ingest").await?;
    Ok((stack, ingest))
}

async fn send(ingest: &Process, token: &str, call: i64) -> Result<(u16, Value)> {
    let body = webhook("call.ended", json!({ "id": call })).with_token(token).body().to_string();
    let request = Client::new().post(format!("{}/webhooks/aircall", ingest.url));
    let response = request.header("content-type", "application/json").body(body).send().await?;
    Ok((response.status().as_u16(), response.json().await?))
}

async fn aircall(stack: &Stack, method: Method, path: &str) -> Result<Value> {
    let url = format!("{}/aircall{path}", stack.sandbox.url());
    let request = Client::new().request(method, url).basic_auth("sandbox-aircall-id", Some("sandbox-aircall-token"));
    let text = request.send().await?.error_for_status()?.text().await?;
    Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
}

/// Id and token of the webhook with this URL.
pub(crate) async fn made(stack: &Stack, url: &str) -> Result<(String, String)> {
    let all = aircall(stack, Method::GET, "/v1/webhooks").await?["webhooks"].take();
    let one = all.as_array().and_then(|all| all.iter().find(|one| one["url"] == url)).context("the webhook")?.clone();
    let text = |name: &str| one[name].as_str().map(str::to_owned).context("its id and token");
    Ok((text("webhook_id")?, text("token")?))
}

#[tokio::test]
async fn a_token_counts_from_the_moment_that_its_webhook_is_made_until_it_is_deleted() -> Result<()> {
    let (stack, ingest) = without_token("tokens_made").await?;
    // It says what it lacks, and which command gives it.
    let why = || async {
        let (ready, readiness) = ingest.readiness().await.ok()?;
        let why = readiness["missing"]["webhook token"].as_str().unwrap_or_default().to_owned();
        (!ready && why.contains("callbridge webhook install")).then_some(())
    };
    eventually(SOON, why).await.with_context(|| format!("not ready without a token: {}", ingest.output()))?;
    let (status, answer) = send(&ingest, "nobody's", 1).await?;
    assert_eq!((status, &answer["error"]["code"]), (401, &json!("WRONG_TOKEN")), "{answer}");
    assert!(ingest.output().contains("There is no token yet"), "{}", ingest.output());

    let (old, new) = (format!("{}/webhooks/aircall", ingest.url), format!("{}/webhooks/aircall/", ingest.url));
    let (said, fine) = stack.callbridge(&["webhook", "install", "--url", &old]).await?;
    assert!(fine && said.contains("without a restart"), "{said}");
    let (old_id, old_token) = made(&stack, &old).await?;
    // Already its first webhook.
    assert_eq!(send(&ingest, &old_token, 2).await?.0, 200);
    ingest.until_ready(SOON).await?;
    let (said, fine) = stack.callbridge(&["webhook", "status"]).await?;
    assert!(fine && !said.contains(&old_token), "{said}");

    // Nothing that is right is changed.
    let (said, fine) = stack.callbridge(&["webhook", "install", "--url", &new]).await?;
    assert!(fine && said.contains("nothing to do") && said.contains("noted in the database."), "{said}");

    // Another one takes its place: both count until the old one is deleted.
    let other = "https://calls.example.com/webhooks/aircall";
    assert!(stack.callbridge(&["webhook", "install", "--url", other]).await?.1);
    let (_, other_token) = made(&stack, other).await?;
    for token in [&old_token, &other_token] {
        assert_eq!(send(&ingest, token, 3).await?.0, 200);
    }
    aircall(&stack, Method::DELETE, &format!("/v1/webhooks/{old_id}")).await?;
    let (said, fine) = stack.callbridge(&["webhook", "install", "--url", other]).await?;
    assert!(fine && said.contains("are forgotten"), "{said}");
    let refused = || async { (send(&ingest, &old_token, 4).await.ok()?.0 == 401).then_some(()) };
    eventually(SOON, refused).await.context("a deleted webhook's token is refused")?;
    assert_eq!(send(&ingest, &other_token, 5).await?.0, 200);
    let (said, fine) = stack.callbridge(&["webhook", "remove", "--url", other]).await?;
    assert!(fine && said.contains("accepted no more"), "{said}");
    let refused = || async { (send(&ingest, &other_token, 6).await.ok()?.0 == 401).then_some(()) };
    eventually(SOON, refused).await.context("its token is refused")?;
    assert!(made(&stack, other).await.is_err(), "it is deleted at Aircall");

    // What the database holds opens nothing.
    let client = stack.connection().await?;
    assert_eq!(client.query("select 1 from webhook_tokens", &[]).await?.len(), 0);
    assert!(!ingest.output().contains(&old_token), "the token is in the log");
    assert!(stack.depth(&stack.names.work(Stage::Ended)).await? >= 4, "what came with a token that counted is there");
    drop(ingest);
    stack.down().await
}

#[tokio::test]
async fn sellsys_webhook_is_made_kept_and_deleted_and_its_notices_come_in() -> Result<()> {
    let (stack, ingest) = without_token("tokens_sellsy").await?;
    let url = format!("{}/webhooks/sellsy", ingest.url);
    let (said, fine) = stack.callbridge(&["webhook", "install", "--url", &url]).await?;
    assert!(fine && said.contains("Created.") && said.contains("without a restart"), "{said}");
    let queue = stack.names.work(Stage::Hints);
    let hints = |number: u32| {
        let (stack, queue) = (&stack, &queue);
        async move {
            let there = || async { (stack.depth(queue).await.ok()? >= number).then_some(()) };
            eventually(SOON, there).await.with_context(|| format!("{number} hints"))
        }
    };
    stack.sandbox.change("contacts/4001", &json!({ "note": "one" })).await?;
    hints(1).await?;

    // A second run changes nothing; one that a person has switched off is switched on again.
    let (said, _) = stack.callbridge(&["webhook", "install", "--url", &url]).await?;
    assert!(said.contains("nothing to do"), "{said}");
    let puts = stack.sandbox.count("sellsy", "PUT /webhooks/{id}").await?;
    assert_eq!((puts, stack.sandbox.count("sellsy", "POST /webhooks").await?), (0, 1));
    let (said, fine) = stack.callbridge(&["webhook", "remove", "--url", &url]).await?;
    assert!(fine && said.contains("It is deleted"), "{said}");
    stack.sandbox.change("contacts/4001", &json!({ "note": "two" })).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stack.depth(&queue).await?, 1);
    drop(ingest);
    stack.down().await
}

#[tokio::test]
async fn strangers_cannot_make_ingest_read_the_table_at_will() -> Result<()> {
    let (stack, ingest) = without_token("tokens_flood").await?;
    let client = stack.connection().await?;
    let ready = || async { client.query("select 1 from webhook_tokens", &[]).await.ok() };
    eventually(SOON, ready).await.context("the table")?;
    let began = tokio::time::Instant::now();
    let mut refused = 0;
    while began.elapsed() < Duration::from_secs(3) {
        let tokens: Vec<String> = (0..30).map(|n| format!("stranger {n}")).collect();
        let all = join_all(tokens.iter().map(|token| send(&ingest, token, 1))).await;
        refused += all.into_iter().filter(|sent| sent.as_ref().is_ok_and(|(status, _)| *status == 401)).count();
    }
    let sql = "select coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0)::bigint from pg_stat_user_tables where relname = 'webhook_tokens'";
    // Statistics come a little late.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let scans: i64 = client.query_one(sql, &[]).await?.get(0);
    assert!(refused >= 60, "{refused} strangers");
    // Two readings a second, of two vendors each, and what this test has read itself.
    assert!(scans < 40, "{scans} readings of the table for {refused} strangers");
    drop(ingest);
    stack.down().await
}

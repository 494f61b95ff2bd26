//! What a log hangs on is gone by the time that it changes: an opportunity, a record, or the log itself.

use std::time::Duration;

use anyhow::{Context, Result};
use base::ids::Stage;
use harness::{Stack, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{CLIENT, SOON};

/// A log and what tells it to change.
struct Log<'a> {
    stack: &'a Stack,
    call: i64,
    data: Value,
    tags: usize,
}

impl<'a> Log<'a> {
    async fn of(stack: &'a Stack, digits: &str) -> Result<Self> {
        let call = json!({ "direction": "inbound", "raw_digits": digits, "number_id": 1001, "user_id": 501, "answered": true });
        let call = stack.sandbox.play(&call).await?;
        stack.sandbox.log_of(call, SOON, |_| true).await?;
        Ok(Self { stack, call, data: Value::Null, tags: 0 })
    }

    async fn tag(&mut self) -> Result<String> {
        self.tags += 1;
        let tag = format!("tag{}.", self.tags);
        self.stack.sandbox.tag(self.call, &mut self.data, &tag).await.map(|()| tag)
    }

    /// Waits until a new tag is in the log.
    async fn change(&mut self) -> Result<()> {
        let tag = self.tag().await?;
        self.until(|log| log["description"].as_str().is_some_and(|text| text.contains(&tag))).await
    }

    /// What is put off becomes due at once, and another tag brings the call to the logger.
    async fn until(&mut self, enough: impl Fn(&Value) -> bool) -> Result<()> {
        for _ in 0..SOON.as_secs() {
            if self.stack.sandbox.log_of(self.call, Duration::from_secs(1), &enough).await.is_ok() {
                return Ok(());
            }
            self.stack.pauses_end().await?;
            self.tag().await?;
        }
        anyhow::bail!("call {}: {:?}", self.call, self.stack.logs)
    }

    async fn links(&self) -> Result<Vec<(String, i64)>> {
        let log = self.stack.sandbox.log_of(self.call, SOON, |_| true).await?;
        let related = log["related"].as_array().into_iter().flatten();
        Ok(related.filter_map(|one| Some((one["type"].as_str()?.to_owned(), one["id"].as_i64()?))).collect())
    }
}

async fn gone(stack: &Stack, what: &str) -> Result<()> {
    stack.sandbox.control(Method::DELETE, &format!("/sellsy/{what}"), None).await.map(drop)
}

/// How often Sellsy has answered this.
async fn answers(stack: &Stack, status: &str) -> Result<u64> {
    Ok(stack.sandbox.get("/counts").await?["sellsy"]["by_status"][status].as_u64().unwrap_or(0))
}

fn linked_to(log: &Value, kind: &str, id: i64) -> bool {
    log["related"].as_array().is_some_and(|related| related.contains(&json!({ "type": kind, "id": id })))
}

#[tokio::test]
async fn a_log_outlives_what_it_hangs_on_and_is_linked_anew() -> Result<()> {
    let (stack, workers) = Stack::running("links").await?;
    // The opportunity is deleted: the text is written at once, the link goes as soon as the caller was looked up again.
    let mut log = Log::of(&stack, CLIENT).await?;
    assert_eq!(log.links().await?[1], ("opportunity".into(), 6001));
    gone(&stack, "opportunities/6001").await?;
    log.change().await?;
    log.until(|log| !linked_to(log, "opportunity", 6001)).await?;
    assert_eq!(log.links().await?[0], ("individual".into(), 2001));

    // The record is merged into another one with the same number.
    let mut log = Log::of(&stack, "+33 6 39 98 00 04").await?;
    assert_eq!(log.links().await?[0], ("individual".into(), 2004));
    gone(&stack, "individuals/2004").await?;
    log.change().await?;
    log.until(|log| linked_to(log, "individual", 2005)).await?;

    // Nobody else has the number: the log stays where Sellsy has it, and only its text is written from then on.
    let mut log = Log::of(&stack, "+33 6 39 98 00 03").await?;
    let links = log.links().await?;
    gone(&stack, "individuals/2003").await?;
    log.change().await?;
    log.change().await?;
    // Until the caller was looked up again, only the text is written.
    let database = stack.database().await?;
    let again = || async {
        let sql = "select looked_up_at > reopened_at from calls where call_id = $1";
        database.query_one(sql, &[&log.call]).await.ok()?.get::<_, Option<bool>>(0)?.then_some(())
    };
    eventually(SOON, again).await.context("looked up again")?;
    log.change().await?;
    let before = answers(&stack, "400").await?;
    log.change().await?;
    assert_eq!(answers(&stack, "400").await?, before, "the links are not tried again");
    assert_eq!(log.links().await?, links);
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 3);
    for stage in Stage::ALL {
        assert_eq!(stack.depth(&stack.names.dead(stage)).await?, 0, "{stage:?}");
    }
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_log_deleted_after_its_adoption_stays_deleted() -> Result<()> {
    let (stack, workers) = Stack::running("adopted_deleted").await?;
    let faults = json!([
        { "api": "sellsy", "method": "POST", "path": "/phone-calls", "times": 1, "do": { "kind": "cut", "when": "after" } },
        { "api": "sellsy", "method": "PUT", "path": "/phone-calls/{id}", "times": 1, "do": { "kind": "status", "status": 503 } },
    ]);
    stack.sandbox.set_faults(&faults).await?;
    let mut log = Log::of(&stack, CLIENT).await?;
    let database = stack.database().await?;
    let wait_for = async |sql: &str| {
        let holds = || async {
            stack.pauses_end().await.ok()?;
            database.query_one(sql, &[&log.call]).await.ok()?.get::<_, bool>(0).then_some(())
        };
        eventually(SOON, holds).await.with_context(|| sql.to_owned())
    };
    wait_for("select intent_at < now() - interval '1 minute' and lease_until is null from calls where call_id = $1")
        .await?;
    stack.sandbox.tag(log.call, &mut log.data, "adopts").await?;
    stack.sandbox.struck(SOON).await?;
    gone(&stack, &format!("phone-calls/{}", stack.sandbox.logs_of(log.call).await?[0]["id"])).await?;
    stack.sandbox.tag(log.call, &mut log.data, "too late").await?;
    wait_for("select gone_at is not null and lease_until is null from calls where call_id = $1").await?;
    let before = answers(&stack, "404").await?;
    stack.sandbox.tag(log.call, &mut log.data, "still too late").await?;
    let skipped = "select count(*) > 0 from timeline where call_id = $1 and detail->>'reason' like '%deleted its log%'";
    wait_for(skipped).await?;
    assert_eq!(answers(&stack, "404").await?, before);
    assert_eq!(stack.sandbox.count("sellsy", "POST /phone-calls").await?, 1);
    assert!(stack.sandbox.phone_calls().await?.is_empty());
    drop(workers);
    stack.down().await
}

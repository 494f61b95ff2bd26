//! What a log hangs on is gone by the time that it changes: an opportunity, a record, or the log itself.

use std::time::Duration;

use anyhow::{Context, Result};
use harness::{
    CallRow, Stack,
    build::{After, call, sellsy},
    eventually, related, says,
};
use serde_json::{Value, json};

use crate::{CLIENT, SOON};

/// A log, and the tags that make it change.
struct Log<'a> {
    stack: &'a Stack,
    call: i64,
    data: Value,
    tags: usize,
}

impl<'a> Log<'a> {
    async fn of(stack: &'a Stack, digits: &str) -> Result<Self> {
        let call = stack.sandbox.play(&call(digits)).await?;
        stack.sandbox.logged(call, SOON).await?;
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
        self.until(says(&[&tag])).await
    }

    /// Deferred changes become due at once, and another tag brings the call to the logger.
    async fn until(&mut self, enough: impl Fn(&Value) -> bool) -> Result<()> {
        for _ in 0..SOON.as_secs() {
            if self.stack.sandbox.log_of(self.call, Duration::from_secs(1), &enough).await.is_ok() {
                return Ok(());
            }
            self.stack.ledger().await?.pauses_end().await?;
            self.tag().await?;
        }
        anyhow::bail!("call {}: {:?}", self.call, self.stack.logs)
    }

    async fn links(&self) -> Result<Vec<(String, i64)>> {
        Ok(related(&self.stack.sandbox.logged(self.call, SOON).await?))
    }
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
    stack.sandbox.delete("opportunities/6001").await?;
    log.change().await?;
    log.until(|log| !linked_to(log, "opportunity", 6001)).await?;
    assert_eq!(log.links().await?[0], ("individual".into(), 2001));

    // The record is merged into another one with the same number.
    let mut log = Log::of(&stack, "+33 6 39 98 00 04").await?;
    assert_eq!(log.links().await?[0], ("individual".into(), 2004));
    stack.sandbox.delete("individuals/2004").await?;
    log.change().await?;
    log.until(|log| linked_to(log, "individual", 2005)).await?;

    // Nobody else has the number: the log stays where Sellsy has it, and only its text is written from then on.
    let mut log = Log::of(&stack, "+33 6 39 98 00 03").await?;
    let links = log.links().await?;
    stack.sandbox.delete("individuals/2003").await?;
    log.change().await?;
    log.change().await?;
    // Until the caller was looked up again, only the text is written.
    stack.ledger().await?.call_that(log.call, SOON, |row| row.looked_up_again).await.context("looked up again")?;
    log.change().await?;
    let before = stack.sandbox.answers("sellsy", 400).await?;
    log.change().await?;
    assert_eq!(stack.sandbox.answers("sellsy", 400).await?, before, "the links are not tried again");
    assert_eq!(log.links().await?, links);
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 3);
    assert_eq!(stack.dead_letters().await?, []);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_log_deleted_after_its_adoption_stays_deleted() -> Result<()> {
    let (stack, workers) = Stack::running("adopted_deleted").await?;
    let unclear = sellsy("POST /phone-calls").breaks(After).once();
    stack.sandbox.set_faults([unclear, sellsy("PUT /phone-calls/{id}").answers(503).once()]).await?;
    let mut log = Log::of(&stack, CLIENT).await?;
    let (ledger, call) = (stack.ledger().await?, log.call);
    let wait_for = async |what: &'static str, such: fn(&CallRow) -> bool| {
        let holds = || async {
            ledger.pauses_end().await.ok()?;
            ledger.call(call).await.ok()?.filter(such)
        };
        eventually(SOON, holds).await.context(what).map(drop)
    };
    let old = |row: &CallRow| row.intent.is_some_and(|ago| ago > Duration::from_secs(60)) && !row.leased;
    wait_for("the intent is old enough", old).await?;
    stack.sandbox.tag(log.call, &mut log.data, "adopts").await?;
    stack.sandbox.struck(SOON).await?;
    stack.sandbox.delete(&format!("phone-calls/{}", stack.sandbox.logs_of(log.call).await?[0]["id"])).await?;
    stack.sandbox.tag(log.call, &mut log.data, "too late").await?;
    wait_for("the deletion is noticed", |row| row.gone && !row.leased).await?;
    let before = stack.sandbox.answers("sellsy", 404).await?;
    stack.sandbox.tag(log.call, &mut log.data, "still too late").await?;
    let skipped = || async {
        ledger.pauses_end().await.ok()?;
        ledger.timeline(call).await.ok()?.into_iter().find(|line| line.reason().contains("deleted its log"))
    };
    eventually(SOON, skipped).await.context("it is skipped")?;
    assert_eq!(stack.sandbox.answers("sellsy", 404).await?, before);
    assert_eq!(stack.sandbox.count("sellsy", "POST /phone-calls").await?, 1);
    assert!(stack.sandbox.phone_calls().await?.is_empty());
    drop(workers);
    stack.down().await
}

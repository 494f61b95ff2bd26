//! Aircall's events come in any order and more than once: the row and the log of a call end as if they had come in order, once.
//!
//! One test asks only the ledger, with its real SQL and two connections at a time, for thousands of orders; one sends some of
//! them as webhooks through all workers to Sellsy.

mod history;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use base::{
    db::Client,
    ids::{CallId, Stage},
};
use broker::topology;
use harness::{Ledger, Stack, build::Webhook, eventually};
use ledger::{
    calls::{self, Snapshot},
    insight::Insight,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use vendors::aircall::wire::Envelope;

use crate::SOON;
use history::{History, KNOWABLE, UNKNOWABLE};

/// For each history.
const ORDERS: i64 = 300;
const FIRST_CALL: i64 = 3_811_700_000;

/// Numbers that look random and are the same every time (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap_or_default()
    }

    /// Every event at least once, a third of them twice, in any order.
    fn shuffle<T: Clone>(&mut self, items: &[T]) -> Vec<T> {
        let mut all = items.to_vec();
        for item in items {
            if self.below(3) == 0 {
                all.push(item.clone());
            }
        }
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last + 1));
        }
        all
    }
}

fn wanted(webhook: &Webhook) -> bool {
    topology::wanted(webhook.event())
}

/// Stores a webhook in the ledger as the workers do.
async fn take_in(client: &Client, call_id: CallId, webhook: &Webhook) -> Result<()> {
    let body = webhook.body().to_string();
    let envelope = Envelope::parse(body.as_bytes())?;
    let at = envelope.timestamp.context("a timestamp")?;
    if envelope.event.starts_with("call.") {
        let call = envelope.call()?;
        calls::apply(client, Stage::Logger, call_id, &Snapshot::new(&envelope.event, at, &call)).await?;
    } else {
        calls::add_insight(client, call_id, &insight(&envelope.event, webhook.body())?).await?;
    }
    Ok(())
}

fn insight(event: &str, webhook: &Value) -> Result<Insight> {
    let data = &webhook["data"];
    let mut insight = match event {
        "summary.created" => json!({ "kind": "summary", "text": data["content"] }),
        "topics.created" => json!({ "kind": "topics", "topics": data["content"] }),
        "sentiment.created" => {
            let value = &data["participants"][0]["value"];
            json!({ "kind": "sentiment", "participants": [{ "internal": false, "value": value }] })
        }
        "action_item.created" => {
            json!({ "kind": "action_item", "id": data["id"].to_string(), "text": data["content"] })
        }
        _ => json!({ "kind": "custom_summary", "name": data["custom_summary"]["name"], "sections": [] }),
    };
    let body = webhook.to_string();
    insight["at"] = json!(Envelope::parse(body.as_bytes())?.timestamp);
    Ok(serde_json::from_value(insight)?)
}

/// Two workers that get half of the webhooks each.
async fn by_two(clients: &[Client; 2], call_id: CallId, webhooks: &[Webhook]) -> Result<()> {
    let half = async |one: usize| -> Result<()> {
        for webhook in webhooks.iter().skip(one).step_by(2) {
            take_in(&clients[one], call_id, webhook).await?;
        }
        Ok(())
    };
    let (one, other) = tokio::join!(half(0), half(1));
    one.and(other)
}

#[tokio::test]
async fn every_order_leaves_the_same_row() -> Result<()> {
    let mut stack = Stack::new("rows").await?;
    // Whichever worker starts first applies the migrations.
    let worker = stack.start("logger").await?;
    worker.until_ready(SOON).await?;
    drop(worker);
    let mut histories = JoinSet::new();
    for (n, history) in (0..).zip(KNOWABLE.iter().chain(UNKNOWABLE)) {
        let clients = [stack.connection().await?, stack.connection().await?];
        histories.spawn(leaves_one_row(stack.ledger().await?, clients, FIRST_CALL + n * 1000, history));
    }
    while let Some(history) = histories.join_next().await {
        history??;
    }
    stack.down().await
}

/// One call in order, the others not.
async fn leaves_one_row(ledger: Ledger, clients: [Client; 2], first: i64, history: &History) -> Result<()> {
    let mut webhooks = history.webhooks(first)?;
    webhooks.retain(wanted);
    for webhook in &webhooks {
        take_in(&clients[0], CallId(first), webhook).await?;
    }
    let mut dice = Dice(first.unsigned_abs());
    for order in 1..=ORDERS {
        by_two(&clients, CallId(first + order), &dice.shuffle(&webhooks)).await?;
    }
    let calls_and_rows = ledger.different_rows(first, first + ORDERS).await?;
    ensure!(calls_and_rows == (ORDERS + 1, 1), "{calls_and_rows:?} calls and different rows of history {first}");
    Ok(())
}

/// Sends each call's webhooks, all calls at the same time.
async fn send(stack: &Stack, calls: &BTreeMap<i64, Vec<Webhook>>, pace_ms: usize) -> Result<()> {
    for webhooks in calls.values() {
        stack.sandbox.send_every(pace_ms, webhooks.iter().cloned()).await?;
    }
    Ok(())
}

/// Everything that Sellsy has of a call, except its ids.
async fn log(stack: &Stack, call_id: i64) -> Option<Value> {
    let mut logs = stack.sandbox.logs_of(call_id).await.ok()?;
    let log = logs.pop().filter(|_| logs.is_empty())?;
    let description = log["description"].as_str()?.replace(&call_id.to_string(), "ID");
    // The seal of the end line is of a text with the call's id.
    let description = description.rsplit_once(" (").map_or(description.as_str(), |(text, _)| text).to_owned();
    let fields = ["owner", "date", "duration", "result", "source", "related"];
    let rest: BTreeMap<_, _> = fields.into_iter().map(|field| (field, log[field].clone())).collect();
    Some(json!({ "description": description, "rest": rest }))
}

/// Waits until everything that was sent has been handled.
async fn settled(stack: &Stack, calls: &BTreeMap<i64, Vec<Webhook>>) -> Result<()> {
    let sent = calls.values().flatten().filter(|webhook| wanted(webhook)).count();
    let ledger = stack.ledger().await?;
    let done = || async {
        let taken = ledger.lines(|line| calls.contains_key(&line.call) && line.is_arrival()).await.ok()?;
        let rows = ledger.calls().await.ok()?;
        (taken >= sent && rows.iter().all(|row| !row.leased || !calls.contains_key(&row.id))).then_some(())
    };
    eventually(2 * SOON, done).await.with_context(|| format!("the {sent} events are not all taken in"))
}

#[tokio::test]
async fn shuffled_and_doubled_webhooks_end_in_the_log_of_the_ordered_twin() -> Result<()> {
    let (stack, workers) = Stack::running("shuffled").await?;
    let mut dice = Dice(11);
    let mut twins = BTreeMap::new();
    let mut shuffled = BTreeMap::new();
    for (n, history) in (0..).zip(KNOWABLE) {
        let twin = FIRST_CALL + n * 1000;
        twins.insert(twin, history.webhooks(twin)?);
        for call in twin + 1..=twin + 4 {
            shuffled.insert(call, dice.shuffle(&history.webhooks(call)?));
        }
    }
    send(&stack, &twins, 30).await?;
    send(&stack, &shuffled, 0).await?;
    stack.sandbox.delivered(SOON).await?;
    settled(&stack, &twins).await?;
    settled(&stack, &shuffled).await?;
    for (n, history) in (0..).zip(KNOWABLE) {
        let twin = FIRST_CALL + n * 1000;
        says(&stack, twin, history).await?;
        for call in twin + 1..=twin + 4 {
            // The twin's as it is now: an insight may still have been on its way when its log said what matters here.
            let same = || async { (log(&stack, call).await? == log(&stack, twin).await?).then_some(()) };
            if eventually(crate::GATHERED, same).await.is_none() {
                bail!("{:#?}\nand not\n{:#?}", log(&stack, call).await, log(&stack, twin).await);
            }
        }
    }
    assert_eq!(stack.sandbox.phone_calls().await?.len(), twins.len() + shuffled.len(), "one log for each");
    drop(workers);
    stack.down().await
}

/// Waits until the log of the call that was sent in order says what happened last.
async fn says(stack: &Stack, twin: i64, history: &History) -> Result<()> {
    let right = || async {
        let log = log(stack, twin).await?;
        let text = log["description"].as_str()?;
        let right = history.says.iter().all(|words| text.contains(words))
            && !history.silent.iter().any(|words| text.contains(words));
        right.then_some(())
    };
    let found = eventually(crate::GATHERED, right).await;
    found.with_context(|| format!("{:?} was expected of call {twin}", history.says))
}

//! What people write into a log, and what they change in it, stays, and our block of its text is brought up to date beside it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use harness::{
    Ledger, Stack, TEXTS,
    build::{Call, call, sellsy, webhook},
    eventually, related, says,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{CLIENT, GATHERED, SOON, order::Dice};

fn plain_call() -> Call {
    call(CLIENT).lasting(150).at_once()
}

/// The log of a call, which is looked for by its id: a person may have removed the marker.
async fn log(stack: &Stack, id: i64) -> Result<Value> {
    let logs = stack.sandbox.phone_calls().await?;
    logs.into_iter().find(|log| log["id"] == id).context("the log")
}

fn text(log: &Value) -> &str {
    log["description"].as_str().unwrap_or_default()
}

async fn edit(stack: &Stack, id: i64, changes: &Value) -> Result<()> {
    stack.sandbox.change(&format!("phone-calls/{id}"), changes).await
}

/// Waits until nothing is left to do, without the time for which changes are gathered.
async fn settled(stack: &Stack, ledger: &Ledger, enough: impl AsyncFn() -> Option<()>) -> Result<()> {
    let rest = || async {
        ledger.gathering_ends().await.ok()?;
        stack.delays_end().await.ok()?;
        enough().await
    };
    eventually(2 * SOON, rest).await.with_context(|| format!("not all was written: {:?}", stack.logs))
}

/// A call, its log, and what a person has done to it so far.
struct Edited {
    call: i64,
    id: i64,
    /// What a person has written, each once.
    words: Vec<String>,
    fields: Vec<(&'static str, Value)>,
    /// What the block says.
    ours: Vec<String>,
    aircall: Value,
}

const FIELDS: [&str; 7] = ["result", "owner_id", "topic", "related", "duration", "date", "source"];

fn changed(field: &str) -> Value {
    match field {
        "result" => json!("transfer"),
        "owner_id" => json!(103),
        "topic" => json!(42),
        "related" => json!([{ "type": "company", "id": 3001 }]),
        "duration" => json!(77),
        "date" => json!("2026-11-20T09:00:00+01:00"),
        _ => json!("outcoming"),
    }
}

/// Whether the log has this value of a field, which answers show in another shape.
fn has(log: &Value, field: &str, value: &Value) -> bool {
    match field {
        "result" | "topic" => log[field]["id"] == *value,
        "owner_id" => log["owner"]["id"] == *value,
        "date" => {
            log["date"].as_str().and_then(|date| date.parse::<jiff::Timestamp>().ok())
                == value.as_str().and_then(|date| date.parse().ok())
        }
        _ => log[field] == *value,
    }
}

impl Edited {
    async fn new(stack: &Stack) -> Result<Self> {
        let call = stack.sandbox.play(&plain_call()).await?;
        let log = stack.sandbox.logged(call, SOON).await?;
        let (words, fields, ours) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { call, id: log["id"].as_i64().context("an id")?, words, fields, ours, aircall: Value::Null })
    }

    /// A person writes somewhere in the text, and half the time changes a field.
    async fn edit(&mut self, stack: &Stack, dice: &mut Dice, round: usize) -> Result<()> {
        let words = format!("[{} {round}] Rappeler « Paul » & co.", self.call);
        let log = log(stack, self.id).await?;
        let mut lines: Vec<String> = text(&log).lines().map(str::to_owned).collect();
        let at = dice.below(lines.len());
        match dice.below(5) {
            0 => lines.insert(0, words.clone()),
            1 => lines.push(words.clone()),
            2 => lines.insert(at, words.clone()),
            3 => lines[at].push_str(&format!(" {words}")),
            _ => lines[at] = format!("{words} {}", lines[at]),
        }
        let mut changes = json!({ "description": lines.join("\n") });
        self.words.push(words);
        if dice.below(2) == 0 {
            let field = FIELDS[dice.below(FIELDS.len())];
            changes[field] = changed(field);
            self.fields.push((field, changed(field)));
        }
        edit(stack, self.id, &changes).await
    }

    /// A tag, a note or an insight comes.
    async fn event(&mut self, stack: &Stack, dice: &mut Dice, round: usize) -> Result<()> {
        let words = format!("nouveau{round}");
        match dice.below(3) {
            0 => stack.sandbox.tag(self.call, &mut self.aircall, &words).await?,
            1 => stack.sandbox.note(self.call, &mut self.aircall, &words).await?,
            _ => {
                self.ours.retain(|ours| !ours.starts_with("résumé"));
                let words = format!("résumé{round}");
                let at = jiff::Timestamp::now().as_second() + round as i64;
                let data = json!({ "id": round + 1, "call_id": self.call, "content": words });
                stack.sandbox.send([webhook("summary.created", data).at(at)]).await?;
                self.ours.push(words);
                return Ok(());
            }
        }
        self.ours.push(words);
        Ok(())
    }

    fn is_current(&self, log: &Value) -> bool {
        let text = text(log);
        let block = text.split_once(&format!("Aircall call {}\n", self.call)).map(|(_, rest)| rest);
        let block = block.and_then(|rest| rest.split_once(&format!("\nEnd of Aircall call {} (", self.call)));
        block.is_some_and(|(block, _)| self.ours.iter().all(|ours| block.contains(ours)))
    }

    fn check(&self, log: &Value) -> Result<()> {
        for words in &self.words {
            let times = text(log).matches(words.as_str()).count();
            ensure!(times == 1, "{words} is there {times} times:\n{}", text(log));
        }
        for (field, value) in &self.fields {
            ensure!(has(log, field, value), "{field} of call {} is no longer {value}: {log}", self.call);
        }
        Ok(())
    }
}

#[tokio::test]
async fn nothing_that_a_person_wrote_is_lost_in_thirty_orders() -> Result<()> {
    let (stack, workers) = Stack::running("people").await?;
    let ledger = stack.ledger().await?;
    let mut dice = Dice(20);
    let mut calls = try_join_all((0..30).map(|_| Edited::new(&stack))).await?;
    for round in 0..4 {
        for call in &mut calls {
            call.edit(&stack, &mut dice, round).await?;
            if dice.below(3) == 0 {
                call.edit(&stack, &mut dice, round + 10).await?;
            }
            call.event(&stack, &mut dice, round).await?;
        }
        let all_are_current = async || {
            let logs = stack.sandbox.phone_calls().await.ok()?;
            let current = |call: &Edited| logs.iter().any(|log| log["id"] == call.id && call.is_current(log));
            calls.iter().all(current).then_some(())
        };
        settled(&stack, &ledger, all_are_current).await.with_context(|| format!("round {round}"))?;
        for call in &calls {
            call.check(&log(&stack, call.id).await?).with_context(|| format!("round {round}"))?;
        }
    }
    // The story of each call says so, and each log is still the only one.
    for call in &calls {
        let (story, _) = stack.callbridge(&["call", &call.call.to_string()]).await?;
        ensure!(story.contains("changed by a person; left alone"), "{story}");
    }
    assert_eq!(stack.sandbox.phone_calls().await?.len(), calls.len());
    assert_eq!(stack.dead_letters().await?, []);
    drop(workers);
    stack.down().await
}

/// However Sellsy gives texts back, their words stay, each once.
#[tokio::test]
async fn the_words_of_people_stay_however_texts_are_given_back() -> Result<()> {
    let (stack, workers) = Stack::running("texts_of_people").await?;
    let ledger = stack.ledger().await?;
    for texts in TEXTS {
        stack.sandbox.set_texts(texts).await?;
        let call = Edited::new(&stack).await?;
        let mut aircall = Value::Null;
        for (n, place) in ["before", "after", "inside"].into_iter().enumerate() {
            let old = text(&log(&stack, call.id).await?).to_owned();
            let words = format!("Réservé « {place} » & co.");
            let new = match place {
                "before" => format!("{words}\n{old}"),
                "after" => format!("{old}\n{words}"),
                _ => old.replacen("\nLigne :", &format!("\n{words}\nLigne :"), 1),
            };
            ensure!(new != old, "{old}");
            edit(&stack, call.id, &json!({ "description": new })).await?;
            let tag = format!("tag{n}");
            stack.sandbox.tag(call.call, &mut aircall, &tag).await?;
            let is_tagged = async || text(&log(&stack, call.id).await.ok()?).contains(&tag).then_some(());
            settled(&stack, &ledger, is_tagged).await?;
        }
        let log = log(&stack, call.id).await?;
        for place in ["before", "after", "inside"] {
            let times = text(&log).matches(&format!("Réservé « {place} » & co.")).count();
            ensure!(times == 1, "{texts}: {place} is there {times} times:\n{}", text(&log));
        }
        ensure!(text(&log).matches("Tags :").count() == 1, "{texts}: \n{}", text(&log));
    }
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_person_who_empties_our_block_is_left_in_peace() -> Result<()> {
    let (stack, workers) = Stack::running("emptied").await?;
    let ledger = stack.ledger().await?;
    let call = Edited::new(&stack).await?;
    edit(&stack, call.id, &json!({ "description": "Sans intérêt.", "result": "busy" })).await?;
    let mut aircall = Value::Null;
    for tag in ["VIP", "devis"] {
        stack.sandbox.tag(call.call, &mut aircall, tag).await?;
        let written = async || {
            let row = ledger.call(call.call).await.ok()??;
            (row.written && !row.due && !row.leased).then_some(())
        };
        settled(&stack, &ledger, written).await?;
    }
    let log = log(&stack, call.id).await?;
    assert_eq!((text(&log), &log["result"]["id"]), ("Sans intérêt.", &json!("busy")));
    drop(workers);
    stack.down().await
}

/// A ledger that was lost does not know what was left in Sellsy.
#[tokio::test]
async fn the_words_of_people_outlive_the_ledger() -> Result<()> {
    let (stack, mut workers) = Stack::running("people_restored").await?;
    let ledger = stack.ledger().await?;
    let call = Edited::new(&stack).await?;
    let old = text(&log(&stack, call.id).await?).to_owned();
    let inside = old.replacen("\nLigne :", "\nVu avec Paul.\nLigne :", 1);
    let changes = json!({ "description": format!("Pressé.\n{inside}\nDevis 12."), "owner_id": 103,
                          "related": [{ "type": "company", "id": 3001 }] });
    // Later than its creation, as Sellsy shows times in seconds.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    edit(&stack, call.id, &changes).await?;
    workers.remove(2).terminate(SOON).await?;
    ledger.set_back(3600).await?;
    let mut stack = stack;
    workers.push(stack.start("logger").await?);
    stack.sandbox.tag(call.call, &mut Value::Null, "VIP").await?;
    ledger.pauses_end().await?;
    let is_tagged = async || {
        ledger.pauses_end().await.ok()?;
        text(&log(&stack, call.id).await.ok()?).contains("VIP").then_some(())
    };
    settled(&stack, &ledger, is_tagged).await?;
    let log = log(&stack, call.id).await?;
    for words in ["Pressé.", "Vu avec Paul.", "Devis 12."] {
        ensure!(text(&log).matches(words).count() == 1, "{words}:\n{}", text(&log));
    }
    assert_eq!((related(&log), &log["owner"]["id"]), (vec![("company".into(), 3001)], &json!(103)));
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 1);
    drop(workers);
    stack.down().await
}

/// Of a comment, a person can change the text.
#[tokio::test]
async fn the_words_of_people_in_a_comment_stay() -> Result<()> {
    let mut stack = Stack::new("people_comment").await?;
    stack.environment.insert("LOG_FALLBACK".into(), "comment".into());
    let workers = stack.start_all().await?;
    stack.sandbox.set_faults([sellsy("POST /phone-calls").answers(402)]).await?;
    let ledger = stack.ledger().await?;
    let call = stack.sandbox.play(&plain_call()).await?;
    let comment = || async { stack.sandbox.comments_of(call).await.ok()?.into_iter().next() };
    let made = eventually(SOON, comment).await.context("a comment")?;
    let edited = format!("Pressé.\n{}\nDevis 12.", text(&made));
    let path = format!("/sellsy/comments/{}", made["id"]);
    stack.sandbox.control(Method::PATCH, &path, Some(&json!({ "description": edited }))).await?;
    stack.sandbox.tag(call, &mut Value::Null, "VIP").await?;
    let is_tagged = async || text(&comment().await?).contains("VIP").then_some(());
    settled(&stack, &ledger, is_tagged).await?;
    let text = text(&comment().await.context("a comment")?).to_owned();
    ensure!(text.starts_with("Pressé.\n") && text.ends_with("\nDevis 12."), "{text}");
    drop(workers);
    stack.down().await
}

/// Calls whose logs change once, so many milliseconds apart. Returns how many requests went to Sellsy for each log, beyond one POST and one PUT.
async fn more_requests(name: &str, calls: usize, apart: Duration, every: &str) -> Result<f64> {
    let mut stack = Stack::new(name).await?;
    stack.environment.insert("LOG_UPDATES_EVERY".into(), every.into());
    let workers = stack.start_all().await?;
    let before = stack.sandbox.get("/counts").await?["sellsy"]["by_endpoint"].clone();
    let mut ids = Vec::new();
    let mut due = tokio::time::interval(apart);
    // Each is tagged some calls after it was played.
    let late = 5;
    for n in 0..calls + late {
        due.tick().await;
        if n < calls {
            ids.push(stack.sandbox.play(&plain_call()).await?);
        }
        if n >= late {
            stack.sandbox.tag(ids[n - late], &mut Value::Null, "tard").await?;
        }
    }
    let all_are_tagged = || async {
        let logs = stack.sandbox.phone_calls().await.ok()?;
        (logs.iter().filter(|log| says(&["tard"])(log)).count() == calls).then_some(())
    };
    eventually(2 * GATHERED, all_are_tagged).await.context("all logs are tagged")?;
    let after = stack.sandbox.get("/counts").await?["sellsy"]["by_endpoint"].clone();
    let count = |endpoint: &str| after[endpoint].as_u64().unwrap_or(0) - before[endpoint].as_u64().unwrap_or(0);
    assert_eq!(count("POST /phone-calls"), calls as u64);
    // On a busy machine a tag may come before its log was made, and is in it then.
    let changes = count("PUT /phone-calls/{id}");
    ensure!(changes > calls as u64 * 9 / 10, "{changes} changes");
    let reads = count("POST /phone-calls/search") + count("GET /phone-calls/{id}");
    println!("{calls} calls, one every {apart:?}, LOG_UPDATES_EVERY={every}: {reads} reads");
    drop(workers);
    stack.down().await?;
    Ok(reads as f64 / changes as f64)
}

/// A tenth of the time that it takes in earnest: 100 calls in a minute.
#[tokio::test]
#[ignore = "nightly"]
async fn seeing_what_people_wrote_costs_a_fifth_of_a_request() -> Result<()> {
    let more = more_requests("cost", 100, Duration::from_millis(600), "4s").await?;
    ensure!(more <= 0.2, "{more} requests more for each call");
    Ok(())
}

#[tokio::test]
#[ignore = "nightly"]
async fn a_hundred_calls_in_ten_minutes_cost_a_fifth_of_a_request_more_each() -> Result<()> {
    let more = more_requests("cost10", 100, Duration::from_secs(6), "40s").await?;
    ensure!(more <= 0.2, "{more} requests more for each call");
    Ok(())
}

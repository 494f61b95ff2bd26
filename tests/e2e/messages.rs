//! Text messages become one comment a day and number on the record.

use anyhow::{Context, Result, ensure};
use harness::{
    Line, Process, Stack,
    build::{After, individual, sellsy},
    eventually,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{CLIENT, SOON, console::operator, followups::with_rules};

const STRANGER: &str = "+33 6 39 98 77 09";
const RULES: &str = "[messages]\nafter = \"1s\"\n";

/// A message that was sent so many seconds ago.
async fn message(stack: &Stack, direction: &str, number: &str, body: &str, seconds_ago: i64) -> Result<String> {
    let at = noon()? - seconds_ago;
    let order = json!({ "direction": direction, "number": number, "body": body, "at": at });
    send(stack, &order).await
}

async fn send(stack: &Stack, order: &Value) -> Result<String> {
    let answer = stack.sandbox.control(Method::POST, "/aircall/messages", Some(order)).await?;
    Ok(answer["message_id"].as_str().context("message_id")?.to_owned())
}

/// Of today in Paris, so that what is sent some minutes before is of the same day.
fn noon() -> Result<i64> {
    let today = jiff::Timestamp::now().in_tz("Europe/Paris")?.date();
    Ok(today.at(12, 0, 0, 0).in_tz("Europe/Paris")?.timestamp().as_second())
}

async fn comments(stack: &Stack) -> Result<Vec<Value>> {
    stack.sandbox.get("/sellsy").await?["comments"].as_array().cloned().context("comments")
}

fn text(comment: &Value) -> &str {
    comment["description"].as_str().unwrap_or_default()
}

/// The comments, once there are so many and this holds for the last; what is gathered becomes due.
async fn comments_that(stack: &Stack, count: usize, holds: impl Fn(&str) -> bool) -> Result<Vec<Value>> {
    let ledger = stack.ledger().await?;
    let found = || async {
        ledger.followups_are_due().await.ok()?;
        stack.delays_end().await.ok()?;
        let comments = comments(stack).await.ok()?;
        (comments.len() == count && comments.last().is_none_or(|last| holds(text(last)))).then_some(comments)
    };
    let found = eventually(SOON, found).await;
    found.with_context(|| format!("{count} comments: {:?}", stack.logs))
}

/// Until the ledger knows that all messages stand in their comments.
async fn all_written(stack: &Stack) -> Result<Vec<Value>> {
    let ledger = stack.ledger().await?;
    let written = || async {
        ledger.followups_are_due().await.ok()?;
        stack.delays_end().await.ok()?;
        let (said, good) = stack.callbridge(&["messages", "--json"]).await.ok()?;
        let report: Value = serde_json::from_str(&said).ok()?;
        let all = report["conversations"].as_array()?.clone();
        (good && !all.is_empty() && all.iter().all(|one| one["unwritten"] == 0)).then_some(all)
    };
    eventually(SOON, written).await.with_context(|| format!("not all are written: {:?}", stack.logs))
}

/// A line of any conversation's story.
async fn told(stack: &Stack, what: &str) -> Result<Vec<Line>> {
    let conversations = all_written(stack).await?;
    let mut lines = Vec::new();
    for conversation in conversations {
        let id = conversation["id"].as_i64().context("id")?;
        let line = stack.ledger().await?.line_that(id, std::time::Duration::from_secs(2), |line| line.is(what)).await;
        lines.extend(line.ok());
    }
    Ok(lines)
}

async fn asked(stack: &Stack, endpoint: &str) -> Result<u64> {
    stack.sandbox.count("sellsy", endpoint).await
}

async fn down(stack: Stack, workers: Vec<Process>) -> Result<()> {
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_conversation_is_one_comment_a_day_that_is_only_added_to() -> Result<()> {
    let (mut stack, mut workers) = with_rules("sms", RULES).await?;
    // Two replicas, and every event twice.
    workers.push(stack.start("followups").await?);
    stack.sandbox.control(Method::PUT, "/aircall/delivery", Some(&json!({ "duplicate": 1.0 }))).await?;
    let day = 24 * 3600;
    message(&stack, "received", CLIENT, "De la veille", day).await?;
    comments_that(&stack, 1, |text| text.contains("De la veille")).await?;
    message(&stack, "received", CLIENT, "Bonjour, un rendez-vous ?", 600).await?;
    let sent = message(&stack, "sent", CLIENT, "Oui, à 15 h", 540).await?;
    let both = |text: &str| {
        text.contains("SMS reçu, Accueil Paris : Bonjour") && text.contains("envoyé, Accueil Paris : Oui, à 15 h")
    };
    let found = comments_that(&stack, 2, both).await?;
    let comment = &found[1];
    ensure!(comment["related"] == json!([{ "type": "individual", "id": 2001 }]), "{comment:#}");
    ensure!(text(comment).starts_with("(Aircall messages +33") && text(comment).lines().count() == 4, "{comment:#}");
    all_written(&stack).await?;
    // A person changes what stands there and adds something; more comes, and one did not arrive.
    let edited = format!("{}\nVu avec Inès.", text(comment).replace("un rendez-vous", "un RDV"));
    stack.sandbox.change(&format!("comments/{}", comment["id"]), &json!({ "description": edited })).await?;
    let files = json!({ "direction": "received", "number": CLIENT, "channel": "whatsapp", "at": noon()? - 300, "times": "ms", "media": ["https://assets.example/plan.pdf"] });
    send(&stack, &files).await?;
    // In the second in which it was sent.
    let failed = json!({ "status": "failed", "at": noon()? - 540 });
    stack.sandbox.control(Method::POST, &format!("/aircall/messages/{sent}/status"), Some(&failed)).await?;
    let more = |text: &str| text.contains("https://assets.example/plan.pdf") && text.contains("non remis");
    let found = comments_that(&stack, 2, more).await?;
    let now = text(&found[1]);
    ensure!(now.starts_with(&edited), "what the person wrote is gone: {now}");
    for (words, times) in [("Bonjour, un RDV", 1), ("Oui, à 15 h", 2), ("WhatsApp reçu", 1), ("non remis", 1)] {
        ensure!(now.matches(words).count() == times, "{words}: {now}");
    }
    all_written(&stack).await?;
    ensure!(asked(&stack, "POST /comments").await? == 2, "a comment was created twice");
    // Nothing new: nothing is asked.
    let reads = asked(&stack, "GET /comments/{id}").await?;
    let ledger = stack.ledger().await?;
    ledger.followups_are_due().await?;
    let at_rest = || async { ledger.followups_rest().await.ok()?.then_some(()) };
    eventually(SOON, at_rest).await.context("they are not looked at")?;
    let (said, good) = stack.callbridge(&["messages", CLIENT]).await?;
    ensure!(good && said.contains(&format!("comment {}", comment["id"])), "{said}");
    ensure!(asked(&stack, "GET /comments/{id}").await? == reads);
    ensure!(told(&stack, "comment_created").await?.len() == 2);
    down(stack, workers).await
}

/// Samples of Aircall's lack nearly every field in turn.
#[tokio::test]
async fn a_failure_that_names_nobody_is_said_too() -> Result<()> {
    let (stack, workers) = with_rules("smsfailed", RULES).await?;
    let sent = message(&stack, "sent", CLIENT, "Oui, à 15 h", 540).await?;
    all_written(&stack).await?;
    let failed = json!({ "id": sent, "status": "failed" });
    stack.sandbox.send([harness::build::webhook("message.status_updated", failed)]).await?;
    comments_that(&stack, 1, |text| text.contains("non remis, Accueil Paris : Oui, à 15 h")).await?;
    down(stack, workers).await
}

#[tokio::test]
async fn a_write_without_an_answer_is_not_done_twice() -> Result<()> {
    let (stack, workers) = with_rules("smsunclear", RULES).await?;
    stack.sandbox.set_texts("paragraphs").await?;
    stack.sandbox.set_faults([sellsy("POST /comments").breaks(After).once()]).await?;
    message(&stack, "received", CLIENT, "Bonjour", 600).await?;
    all_written(&stack).await?;
    ensure!(told(&stack, "comment_adopted").await?.len() == 1);
    stack.sandbox.set_faults([sellsy("PUT /comments/{id}").breaks(After).once()]).await?;
    // The same words again.
    message(&stack, "received", CLIENT, "Bonjour", 599).await?;
    message(&stack, "received", CLIENT, "Bonjour à tous", 598).await?;
    let found = comments_that(&stack, 1, |text| text.contains("à tous")).await?;
    ensure!(text(&found[0]).matches("Bonjour").count() == 3, "{}", text(&found[0]));
    // No reply, so it is held until the request must have ended.
    let ledger = stack.ledger().await?;
    ledger.followup_leases_end().await?;
    all_written(&stack).await?;
    let found = comments(&stack).await?;
    ensure!(found.len() == 1 && text(&found[0]).matches("Bonjour").count() == 3, "{found:#?}");
    ensure!(asked(&stack, "PUT /comments/{id}").await? == 1 && asked(&stack, "POST /comments").await? == 1);
    down(stack, workers).await
}

#[tokio::test]
async fn a_conversation_with_a_stranger_waits_for_a_record() -> Result<()> {
    let (stack, workers) = with_rules("smslater", RULES).await?;
    message(&stack, "received", STRANGER, "C'est Colin", 600).await?;
    let ledger = stack.ledger().await?;
    // It is looked at by itself, and is not due again then.
    let waits = || async {
        let (said, _) = stack.callbridge(&["messages"]).await.ok()?;
        let lines = ledger.lines(|line| line.reason().starts_with("no comment: ")).await.ok()?;
        (said.contains("waits for a record") && lines > 0).then_some(())
    };
    eventually(SOON, waits).await.with_context(|| format!("it does not wait: {:?}", stack.logs))?;
    ensure!(comments(&stack).await?.is_empty());
    let record = stack.sandbox.add(&individual("Colin").client().mobile(STRANGER)).await?;
    let such = || async { (comments(&stack).await.ok()?.len() == 1).then_some(()) };
    eventually(SOON, such).await.context("no comment")?;
    let found = comments(&stack).await?;
    ensure!(found[0]["related"] == json!([{ "type": "individual", "id": record }]), "{found:#?}");
    // Another one, for whom somebody says who it is.
    let other = "+33 6 39 98 77 10";
    message(&stack, "received", other, "Dupré à l'appareil", 500).await?;
    let waits = || async {
        ledger.followups_are_due().await.ok()?;
        (ledger.lines(|line| line.reason().starts_with("no comment: ")).await.ok()? > 1).then_some(())
    };
    eventually(SOON, waits).await.context("the second does not wait")?;
    let (said, good) = stack.callbridge(&["pin", other, "individual:2003"]).await?;
    ensure!(good, "{said}");
    let such = || async { (comments(&stack).await.ok()?.len() == 2).then_some(()) };
    eventually(SOON, such).await.context("no comment after the pin")?;
    down(stack, workers).await
}

#[tokio::test]
async fn a_lost_ledger_finds_the_comments_that_it_had_written() -> Result<()> {
    let (stack, workers) = with_rules("smslost", RULES).await?;
    message(&stack, "received", CLIENT, "Premier", 600).await?;
    all_written(&stack).await?;
    // Only what it has received since is known to it.
    let ledger = stack.ledger().await?;
    ledger.lose_messages().await?;
    // And the number means somebody else since.
    let (said, good) = stack.callbridge(&["pin", CLIENT, "individual:2003"]).await?;
    ensure!(good, "{said}");
    message(&stack, "sent", CLIENT, "Deuxième", 500).await?;
    let found = comments_that(&stack, 1, |text| text.contains("Deuxième")).await?;
    ensure!(text(&found[0]).contains("Premier"), "{}", text(&found[0]));
    ensure!(told(&stack, "comment_adopted").await?.len() == 1);
    ensure!(asked(&stack, "POST /comments").await? == 1);
    down(stack, workers).await
}

#[tokio::test]
async fn what_a_person_deletes_stays_deleted_and_what_is_forgotten_too() -> Result<()> {
    let (stack, workers) = with_rules("smsgone", RULES).await?;
    message(&stack, "received", CLIENT, "Bonjour", 600).await?;
    let made = comments_that(&stack, 1, |_| true).await?;
    all_written(&stack).await?;
    stack.sandbox.delete(&format!("comments/{}", made[0]["id"])).await?;
    let second =
        json!({ "id": "SM-2", "direction": "received", "number": CLIENT, "body": "Encore", "at": noon()? - 300 });
    send(&stack, &second).await?;
    let ledger = stack.ledger().await?;
    let gone = || async {
        ledger.followups_are_due().await.ok()?;
        stack.delays_end().await.ok()?;
        (ledger.lines(|line| line.is("comment_deleted")).await.ok()? == 1).then_some(())
    };
    eventually(SOON, gone).await.with_context(|| format!("that is not seen: {:?}", stack.logs))?;
    ensure!(comments(&stack).await?.is_empty());
    let console = stack.start_console().await?;
    let page = operator(&console).await?.get("/messages?lang=en").await?;
    ensure!(page.contains("deleted by a person") && !page.contains("Bonjour"), "{page}");
    // What they said is not in the logs or on the story, and goes with the person.
    let (said, good) = stack.callbridge(&["forget", CLIENT, "--yes", "--json"]).await?;
    let report: Value = serde_json::from_str(&said).with_context(|| said.clone())?;
    ensure!(good && report["found"]["text_messages"] == 2, "{said}");
    ensure!(
        report["logs_in_sellsy"].as_array().is_some_and(|logs| logs.iter().any(|log| log["form"] == "comment")),
        "{said}"
    );
    ensure!(ledger.messages().await? == 0 && ledger.followups().await?.is_empty());
    // Aircall tries again: it is not stored a second time.
    let again = json!({ "id": "SM-2", "direction": "inbound", "external_number": CLIENT, "body": "Encore" });
    stack.sandbox.send([harness::build::webhook("message.received", again)]).await?;
    // Behind it comes another one.
    message(&stack, "received", STRANGER, "C'est Colin", 600).await?;
    let handled = || async { (ledger.messages().await.ok()? > 0).then_some(()) };
    eventually(SOON, handled).await.context("the next one is not stored")?;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    ensure!(ledger.messages().await? == 1);
    down(stack, workers).await
}

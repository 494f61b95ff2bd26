//! What tags do beside the log: tasks, smart-tags, steps of opportunities.

use anyhow::{Context, Result, ensure};
use harness::{
    Line, Process, Stack,
    build::{After, Call, call, individual, sellsy, tag},
    eventually,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{CLIENT, SOON, followups::with_rules};

const STRANGER: &str = "+33 6 39 98 77 06";
/// Individual 2001, with opportunity 6001 in the first step of its pipeline.
const RULES: &str = r#"[tags]
"Devis" = { task = "Préparer le devis", label = "devis à préparer", due = "4h", step = "Négociation", from = ["Piste", "Qualification"] }
"VIP" = { smart_tags = ["VIP", "Fidèle"] }
"Salon" = { smart_tags = "Salon 2026", on = "opportunity" }
"#;

fn tagged(number: &str, tags: &[&str]) -> Call {
    let ended = call(number).lasting(120).started_at(jiff::Timestamp::now().as_second() - 200).at_once();
    tags.iter().zip(1..).fold(ended, |call, (name, after)| call.after(after, tag(name)))
}

async fn smart_tags(stack: &Stack, of: &str) -> Result<Vec<String>> {
    let view = stack.sandbox.get(&format!("/sellsy/{of}/smart-tags")).await?;
    let tags = view["smart_tags"].as_array().context("smart_tags")?;
    let mut values: Vec<_> = tags.iter().filter_map(|tag| tag["value"].as_str().map(str::to_owned)).collect();
    values.sort();
    Ok(values)
}

async fn step(stack: &Stack, opportunity: i64) -> Result<String> {
    let opportunity = stack.sandbox.get(&format!("/sellsy/opportunities/{opportunity}")).await?;
    Ok(opportunity["step"]["name"].as_str().context("step")?.to_owned())
}

/// Until there is such a line of the call; what is gathered becomes due.
async fn until(stack: &Stack, call: i64, what: &str) -> Result<Line> {
    until_that(stack, call, |line| line.is(what)).await.with_context(|| format!("{what}: {:?}", stack.logs))
}

async fn until_that(stack: &Stack, call: i64, such: impl Fn(&Line) -> bool) -> Result<Line> {
    let ledger = stack.ledger().await?;
    let found = || async {
        ledger.followups_are_due().await.ok()?;
        stack.delays_end().await.ok()?;
        ledger.line_that(call, std::time::Duration::from_millis(300), &such).await.ok()
    };
    eventually(SOON, found).await.context("no such line")
}

async fn reason(stack: &Stack, call: i64, reason: &str) -> Result<()> {
    until_that(stack, call, |line| line.reason() == reason).await.with_context(|| reason.to_owned()).map(drop)
}

async fn down(stack: Stack, workers: Vec<Process>) -> Result<()> {
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_tag_makes_a_task_adds_smart_tags_and_moves_the_opportunity_once() -> Result<()> {
    let (mut stack, mut workers) = with_rules("tagsact", RULES).await?;
    // Two replicas, and every event twice.
    workers.push(stack.start("followups").await?);
    let delivery = json!({ "duplicate": 1.0 });
    stack.sandbox.control(Method::PUT, "/aircall/delivery", Some(&delivery)).await?;
    let presse = json!({ "add": ["Presse"] });
    stack.sandbox.control(Method::PATCH, "/sellsy/individuals/2001/smart-tags", Some(&presse)).await?;
    let id = stack.sandbox.play(&tagged(CLIENT, &["Devis", "vip", "Salon"])).await?;
    until(&stack, id, "task_created").await?;
    let moved = until(&stack, id, "step_moved").await?;
    ensure!(moved.detail["opportunity"] == 6001 && moved.detail["step"] == "Négociation", "{moved:?}");
    let both = || async {
        (stack.ledger().await.ok()?.lines(|line| line.is("smart_tags_added")).await.ok()? == 2).then_some(())
    };
    until(&stack, id, "smart_tags_added").await?;
    let ledger = stack.ledger().await?;
    eventually(SOON, || async {
        ledger.followups_are_due().await.ok()?;
        both().await
    })
    .await
    .context("not both")?;
    // Those that were there stay.
    ensure!(smart_tags(&stack, "individuals/2001").await? == ["Fidèle", "Presse", "VIP"]);
    ensure!(smart_tags(&stack, "opportunities/6001").await? == ["Salon 2026"]);
    ensure!(step(&stack, 6001).await? == "Négociation");
    let tasks = stack.sandbox.get("/sellsy/tasks").await?;
    let task = &tasks[0];
    ensure!(tasks.as_array().is_some_and(|tasks| tasks.len() == 1), "{tasks:#}");
    ensure!(task["title"].as_str().is_some_and(|title| title.starts_with("Préparer le devis – ")), "{task:#}");
    ensure!(
        task["label"]["name"] == "Devis à préparer" && task["related"] == json!([{ "type": "individual", "id": 2001 }])
    );
    // All of it comes again, and a person moves the opportunity back and takes a smart-tag off: nothing is done twice.
    let count = async |endpoint| stack.sandbox.count("sellsy", endpoint).await;
    stack.sandbox.change("opportunities/6001", &json!({ "step": 21 })).await?;
    let off = json!({ "remove": ["VIP"] });
    stack.sandbox.control(Method::PATCH, "/sellsy/individuals/2001/smart-tags", Some(&off)).await?;
    let mut again = Value::Null;
    stack.sandbox.tag(id, &mut again, "Autre").await?;
    stack.sandbox.delivered(SOON).await?;
    ledger.followups_are_due().await?;
    ensure!(count("POST /tasks").await? == 1 && count("PATCH /opportunities/{id}").await? == 1);
    ensure!(count("POST /individuals/{id}/smart-tags").await? == 1);
    ensure!(
        step(&stack, 6001).await? == "Piste" && smart_tags(&stack, "individuals/2001").await? == ["Fidèle", "Presse"]
    );
    down(stack, workers).await
}

#[tokio::test]
async fn an_opportunity_moves_only_forward_and_from_the_steps_of_the_rule() -> Result<()> {
    let rules = "[tags]\n\"Devis\" = { step = \"Négociation\", from = \"Qualification\" }\n\"Accord\" = { step = \"Devis envoyé\", from = \"Piste\" }\n";
    let (stack, workers) = with_rules("steps", rules).await?;
    let id = stack.sandbox.play(&tagged(CLIENT, &["Devis", "Accord"])).await?;
    let stays = "the opportunity stays in its step: ";
    reason(&stack, id, &format!("{stays}it is in the step “Piste”, from which the rule does not move it (RULES)"))
        .await?;
    reason(&stack, id, &format!("{stays}Sellsy has several steps “Devis envoyé”: write the id of one (RULES)")).await?;
    ensure!(stack.sandbox.count("sellsy", "PATCH /opportunities/{id}").await? == 0);
    ensure!(step(&stack, 6001).await? == "Piste");
    down(stack, workers).await
}

/// The answers are lost, and the requests were carried out.
#[tokio::test]
async fn what_was_done_without_an_answer_is_seen_and_not_done_again() -> Result<()> {
    let (stack, workers) = with_rules("tagsunclear", RULES).await?;
    stack
        .sandbox
        .set_faults([
            sellsy("POST /individuals/{id}/smart-tags").breaks(After).once(),
            sellsy("PATCH /opportunities/{id}").breaks(After).once(),
        ])
        .await?;
    let id = stack.sandbox.play(&tagged(CLIENT, &["Devis", "VIP"])).await?;
    until(&stack, id, "smart_tags_added").await?;
    until(&stack, id, "step_moved").await?;
    ensure!(stack.sandbox.count("sellsy", "POST /individuals/{id}/smart-tags").await? == 1);
    ensure!(stack.sandbox.count("sellsy", "PATCH /opportunities/{id}").await? == 1);
    ensure!(smart_tags(&stack, "individuals/2001").await? == ["Fidèle", "VIP"]);
    down(stack, workers).await
}

#[tokio::test]
async fn a_caller_who_is_found_later_gets_what_the_tags_mean() -> Result<()> {
    let (stack, workers) = with_rules("tagslater", RULES).await?;
    let id = stack.sandbox.play(&tagged(STRANGER, &["VIP"])).await?;
    let ledger = stack.ledger().await?;
    ledger.call_that(id, SOON, |row| row.resolved).await?;
    let record = stack.sandbox.add(&individual("Colin").client().mobile(STRANGER)).await?;
    stack.sandbox.logged(id, 2 * SOON).await?;
    until(&stack, id, "smart_tags_added").await?;
    ensure!(smart_tags(&stack, &format!("individuals/{record}")).await? == ["Fidèle", "VIP"]);
    down(stack, workers).await
}

/// Two calls of one caller, with two tags each: none loses what another adds.
#[tokio::test]
async fn two_at_once_on_one_record_lose_nothing() -> Result<()> {
    let rules = "[tags]\n\"A\" = { smart_tags = \"Un\" }\n\"B\" = { smart_tags = \"Deux\" }\n\"C\" = { smart_tags = \"Trois\" }\n\"D\" = { smart_tags = \"Quatre\" }\n";
    let (mut stack, mut workers) = with_rules("tagstwo", rules).await?;
    workers.push(stack.start("followups").await?);
    stack
        .sandbox
        .set_faults([sellsy("GET /individuals/{id}/smart-tags").takes(std::time::Duration::from_millis(300))])
        .await?;
    let first = stack.sandbox.play(&tagged(CLIENT, &["A", "B"])).await?;
    let second = stack.sandbox.play(&tagged(CLIENT, &["C", "D"])).await?;
    let ledger = stack.ledger().await?;
    let all = || async {
        ledger.followups_are_due().await.ok()?;
        stack.delays_end().await.ok()?;
        (ledger.lines(|line| line.is("smart_tags_added") && [first, second].contains(&line.call)).await.ok()? == 4)
            .then_some(())
    };
    eventually(2 * SOON, all).await.with_context(|| format!("not all: {:?}", stack.logs))?;
    ensure!(smart_tags(&stack, "individuals/2001").await? == ["Deux", "Quatre", "Trois", "Un"]);
    down(stack, workers).await
}

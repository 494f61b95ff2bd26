//! What follows from a call beside its log: tasks for missed calls and for action items.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use harness::{
    Line, Process, Stack,
    build::{After, Before, Call, action_item, call, individual, sellsy, webhook},
    eventually,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{CLIENT, SOON};

const STRANGER: &str = "+33 6 39 98 77 05";
const RULES: &str =
    "[missed]\nlabel = \"devis à préparer\"\nafter = \"0s\"\ntogether = \"1h\"\ndue = \"2h\"\n[action_items]\n";

pub(crate) async fn with_rules(what: &str, rules: &str) -> Result<(Stack, Vec<Process>)> {
    let mut stack = Stack::new(what).await?;
    let file = stack.logs.join("rules.toml");
    std::fs::write(&file, rules)?;
    stack.environment.insert("RULES".into(), file.display().to_string());
    stack.environment.insert("DIRECTORY_SYNC_EVERY".into(), "1s".into());
    let mut workers = stack.start_all().await?;
    workers.push(stack.start("followups").await?);
    workers[4].until_ready(SOON).await?;
    Ok((stack, workers))
}

async fn tasks(stack: &Stack) -> Result<Vec<Value>> {
    stack.sandbox.get("/sellsy/tasks").await?.as_array().cloned().context("tasks")
}

/// The tasks, once there are so many and this holds for the last; what is gathered becomes due.
async fn tasks_that(stack: &Stack, count: usize, holds: impl Fn(&Value) -> bool) -> Result<Vec<Value>> {
    let ledger = stack.ledger().await?;
    let found = || async {
        let tasks = tasks(stack).await.ok()?;
        if tasks.len() == count && tasks.last().is_none_or(&holds) {
            return Some(tasks);
        }
        ledger.followups_are_due().await.ok()?;
        stack.delays_end().await.ok()?;
        None
    };
    let found = eventually(SOON, found).await;
    found.with_context(|| format!("{count} tasks: {:?}", stack.logs))
}

/// The requests for tasks, by endpoint.
async fn asked(stack: &Stack) -> Result<BTreeMap<String, u64>> {
    let mut counts = stack.sandbox.get("/counts").await?["sellsy"]["by_endpoint"].take();
    let counts = counts.as_object_mut().context("counts")?;
    let of_tasks = counts.iter().filter(|(endpoint, _)| endpoint.contains("/tasks"));
    Ok(of_tasks.map(|(endpoint, count)| (endpoint.clone(), count.as_u64().unwrap_or_default())).collect())
}

fn says(text: &str) -> impl Fn(&Value) -> bool {
    let text = text.to_owned();
    move |task| task["description"].as_str().is_some_and(|description| description.contains(&text))
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn missed(number: &str, seconds_ago: i64) -> Call {
    call(number).missed().started_at(now() - seconds_ago).at_once()
}

/// Somebody calls the number, and is answered.
fn reached(number: &str) -> Call {
    call(number).outbound().ringing(5).lasting(30).started_at(now() - 40).at_once()
}

pub(crate) async fn line(stack: &Stack, call: i64, what: &str) -> Result<Line> {
    let such = |line: &Line| line.call == call && line.is(what);
    stack.ledger().await?.line_that(call, SOON, such).await.context(what.to_owned())
}

#[tokio::test]
async fn a_missed_call_is_a_task_until_somebody_has_spoken_with_the_caller() -> Result<()> {
    let (stack, workers) = with_rules("tasks", RULES).await?;
    let first = stack.sandbox.play(&missed(CLIENT, 600)).await?;
    let tasks = tasks_that(&stack, 1, says("Appel manqué")).await?;
    let task = &tasks[0];
    ensure!(task["related"] == json!([{ "type": "individual", "id": 2001 }]), "{task:#}");
    ensure!(task["label"]["name"] == "Devis à préparer" && task["status"] == "todo", "{task:#}");
    ensure!(task["assigned_staff_ids"] == json!([task["owner"]["id"]]), "{task:#}");
    let due: jiff::Timestamp = task["due_date"].as_str().context("due_date")?.parse()?;
    let in_hours = due.as_second() - now();
    ensure!((6_300..=6_620).contains(&in_hours), "due in {in_hours} s");
    line(&stack, first, "task_created").await?;

    // He rings again: one task, with both calls.
    stack.sandbox.play(&call(CLIENT).voicemail().started_at(now() - 300).at_once()).await?;
    tasks_that(&stack, 1, says("2 appels manqués")).await?;
    tasks_that(&stack, 1, says("Message vocal : https://")).await?;
    line(&stack, first, "task_updated").await?;

    let spoke = stack.sandbox.play(&reached(CLIENT)).await?;
    let tasks = tasks_that(&stack, 1, |task| task["status"] == "done").await?;
    ensure!(says("Rappelé par ")(&tasks[0]), "{:#}", tasks[0]);
    let done = line(&stack, first, "task_done").await?;
    ensure!(done.detail["spoke"] == spoke, "{done:?}");
    let counts = asked(&stack).await?;
    ensure!(counts["POST /tasks"] == 1 && counts["GET /tasks/labels"] == 1, "{counts:?}");
    ensure!(!counts.contains_key("POST /tasks/search"), "{counts:?}");

    // What is over is not opened again: the next missed call is a task of its own.
    let next = stack.sandbox.play(&missed(CLIENT, 5)).await?;
    tasks_that(&stack, 2, |task| task["status"] == "todo").await?;
    line(&stack, next, "task_created").await?;
    let rows = stack.ledger().await?.followups().await?;
    ensure!(rows.len() == 2 && rows[0].1 == "done" && rows[1].1 == "open", "{rows:?}");
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn somebody_who_is_reached_at_once_and_a_stranger_leave_no_task() -> Result<()> {
    let (stack, workers) = with_rules("notasks", &RULES.replace("\"0s\"", "\"5m\"")).await?;
    let first = stack.sandbox.play(&missed(CLIENT, 120)).await?;
    let open = || async { stack.ledger().await.ok()?.followups().await.ok().filter(|rows| rows.len() == 1) };
    eventually(SOON, open).await.context("it is not noted")?;
    stack.sandbox.play(&reached(CLIENT)).await?;
    let stranger = stack.sandbox.play(&missed(STRANGER, 600)).await?;
    let such = |line: &Line| line.call == first && line.reason() == "no task: somebody has spoken with the caller";
    stack.ledger().await?.line_that(first, SOON, such).await.context("its story does not say so")?;
    stack.ledger().await?.call_that(stranger, SOON, |row| row.resolved).await?;
    ensure!(asked(&stack).await?.is_empty() && tasks(&stack).await?.is_empty());
    let rows = stack.ledger().await?.followups().await?;
    ensure!(rows.len() == 1 && rows[0].1 == "not_needed", "{rows:?}");
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn callers_whom_sellsy_does_not_have_are_tasks_if_the_rules_say_so() -> Result<()> {
    let rules = RULES.replace("[action_items]", "unknown = \"task\"\nstaff = 103\n[action_items]");
    let (stack, workers) = with_rules("unknown", &rules).await?;
    stack.sandbox.play(&missed(STRANGER, 60)).await?;
    let tasks = tasks_that(&stack, 1, says("+33639987705")).await?;
    ensure!(tasks[0]["related"] == json!([]) && tasks[0]["owner"]["id"] == 103, "{:#}", tasks[0]);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_task_that_a_person_has_changed_or_deleted_is_left_alone() -> Result<()> {
    let (stack, workers) = with_rules("theirs", RULES).await?;
    let first = stack.sandbox.play(&missed(CLIENT, 600)).await?;
    let task = tasks_that(&stack, 1, |_| true).await?[0]["id"].as_i64().context("id")?;
    let edit = json!({ "title": "Vu avec elle, à relancer en janvier" });
    stack.sandbox.control(Method::PATCH, &format!("/sellsy/tasks/{task}"), Some(&edit)).await?;
    stack.sandbox.play(&reached(CLIENT)).await?;
    line(&stack, first, "task_left_alone").await?;
    let tasks = tasks(&stack).await?;
    ensure!(tasks[0]["status"] == "todo" && tasks[0]["title"] == edit["title"], "{:#}", tasks[0]);
    ensure!(!asked(&stack).await?.contains_key("PUT /tasks/{id}"));

    let second = stack.sandbox.play(&missed(CLIENT, 5)).await?;
    let task = tasks_that(&stack, 2, |_| true).await?[1]["id"].as_i64().context("id")?;
    stack.sandbox.delete(&format!("tasks/{task}")).await?;
    stack.sandbox.play(&call(CLIENT).outbound().ringing(1).lasting(1).started_at(now() - 2).at_once()).await?;
    line(&stack, second, "task_deleted").await?;
    ensure!(asked(&stack).await?["POST /tasks"] == 2);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_task_whose_creation_had_no_answer_is_found_and_not_made_twice() -> Result<()> {
    let (stack, workers) = with_rules("unanswered", RULES).await?;
    stack.sandbox.set_faults([sellsy("POST /tasks").breaks(After).once()]).await?;
    stack.sandbox.play(&missed(CLIENT, 60)).await?;
    let ledger = stack.ledger().await?;
    let adopted = || async {
        ledger.followups_are_due().await.ok()?;
        (ledger.lines(|line| line.is("task_adopted")).await.ok()? == 1).then_some(())
    };
    eventually(SOON, adopted).await.with_context(|| format!("it is not found: {:?}", stack.logs))?;
    // A change that had no answer, and was carried out.
    stack.sandbox.set_faults([sellsy("PUT /tasks/{id}").breaks(After).once()]).await?;
    stack.sandbox.play(&reached(CLIENT)).await?;
    let done = || async {
        // Nobody works on it until the request must have ended.
        ledger.followup_leases_end().await.ok()?;
        ledger.followups_are_due().await.ok()?;
        stack.delays_end().await.ok()?;
        (ledger.lines(|line| line.is("task_done")).await.ok()? == 1).then_some(())
    };
    eventually(SOON, done)
        .await
        .with_context(|| format!("our own change is taken for a person's: {:?}", stack.logs))?;
    tasks_that(&stack, 1, |task| task["status"] == "done").await?;
    ensure!(asked(&stack).await?["POST /tasks"] == 1);
    drop(workers);
    stack.down().await
}

/// The first change was carried out, although nobody heard of it; the second one, of a later call, was not. What stands there then is ours.
#[tokio::test]
async fn two_changes_without_an_answer_are_not_taken_for_a_persons() -> Result<()> {
    let (stack, workers) = with_rules("unanswered_twice", RULES).await?;
    let first = stack.sandbox.play(&missed(CLIENT, 600)).await?;
    tasks_that(&stack, 1, says("Appel manqué")).await?;
    line(&stack, first, "task_created").await?;
    let ledger = stack.ledger().await?;
    for (when, ago, requests) in [(After, 400, 1), (Before, 200, 2)] {
        stack.sandbox.set_faults([sellsy("PUT /tasks/{id}").breaks(when).once()]).await?;
        stack.sandbox.play(&missed(CLIENT, ago)).await?;
        let sent = || async {
            // Nobody works on it until the request before must have ended.
            ledger.followup_leases_end().await.ok()?;
            ledger.followups_are_due().await.ok()?;
            stack.delays_end().await.ok()?;
            (asked(&stack).await.ok()?.get("PUT /tasks/{id}").copied().unwrap_or_default() == requests).then_some(())
        };
        eventually(SOON, sent).await.with_context(|| format!("change {requests}: {:?}", stack.logs))?;
    }
    let written = || async {
        ledger.followup_leases_end().await.ok()?;
        ledger.followups_are_due().await.ok()?;
        stack.delays_end().await.ok()?;
        let tasks = tasks(&stack).await.ok()?;
        tasks.first().is_some_and(says("3 appels manqués")).then_some(())
    };
    eventually(SOON, written)
        .await
        .with_context(|| format!("our own change is taken for a person's: {:?}", stack.logs))?;
    ensure!(ledger.lines(|line| line.is("task_left_alone")).await? == 0);
    drop(workers);
    stack.down().await
}

/// A standby that lacks the last second has taken over: the ledger knows nothing of the last change.
#[tokio::test]
async fn a_change_that_the_ledger_has_lost_is_not_taken_for_a_persons() -> Result<()> {
    let (stack, workers) = with_rules("lostsecond", RULES).await?;
    let first = stack.sandbox.play(&missed(CLIENT, 600)).await?;
    tasks_that(&stack, 1, says("Appel manqué")).await?;
    line(&stack, first, "task_created").await?;
    let ledger = stack.ledger().await?;
    let rest = || async { ledger.followups_rest().await.ok()?.then_some(()) };
    eventually(SOON, rest).await.context("something is still to be done")?;
    ledger.keep_followups().await?;
    stack.sandbox.play(&missed(CLIENT, 400)).await?;
    tasks_that(&stack, 1, says("2 appels manqués")).await?;
    line(&stack, first, "task_updated").await?;
    eventually(SOON, rest).await.context("something is still to be done")?;
    ledger.followups_as_kept().await?;
    stack.sandbox.play(&reached(CLIENT)).await?;
    tasks_that(&stack, 1, |task| task["status"] == "done")
        .await
        .with_context(|| format!("our own change is taken for a person's: {:?}", stack.logs))?;
    ensure!(ledger.lines(|line| line.is("task_left_alone")).await? == 0);
    drop(workers);
    stack.down().await
}

/// Its caller was a stranger then, and has a record now: the task is on none.
#[tokio::test]
async fn a_task_on_another_record_is_found_and_not_made_twice() -> Result<()> {
    let rules = RULES.replace("[action_items]", "unknown = \"task\"\nstaff = 103\n[action_items]");
    let (stack, workers) = with_rules("elsewhere", &rules).await?;
    stack.sandbox.set_faults([sellsy("POST /tasks").breaks(After).once()]).await?;
    let call = stack.sandbox.play(&missed(STRANGER, 60)).await?;
    let one = || async { (tasks(&stack).await.ok()?.len() == 1).then_some(()) };
    eventually(SOON, one).await.context("no task")?;
    stack.sandbox.add(&individual("Colin").client().mobile(STRANGER)).await?;
    stack.sandbox.logged(call, 2 * SOON).await?;
    let ledger = stack.ledger().await?;
    let adopted = || async {
        ledger.followups_are_due().await.ok()?;
        (ledger.lines(|line| line.is("task_adopted")).await.ok()? == 1).then_some(())
    };
    eventually(SOON, adopted).await.with_context(|| format!("it is not found: {:?}", stack.logs))?;
    ensure!(tasks(&stack).await?.len() == 1 && asked(&stack).await?["POST /tasks"] == 1);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_lost_ledger_finds_the_tasks_that_it_had_made() -> Result<()> {
    let (mut stack, mut workers) = with_rules("losttasks", RULES).await?;
    let talk = call("+33 1 99 00 33 01").lasting(120).started_at(now() - 600).at_once();
    stack.sandbox.play(&talk.after(10, action_item("Envoyer le devis"))).await?;
    tasks_that(&stack, 1, says("Envoyer le devis")).await?;
    let first = stack.sandbox.play(&missed(CLIENT, 60)).await?;
    tasks_that(&stack, 2, says("Appel manqué")).await?;
    workers[4].terminate(SOON).await?;
    let ledger = stack.ledger().await?;
    ledger.lose_followups().await?;
    // The queue is lost, too: the ledger's turn notes what follows from the calls.
    workers[4] = stack.start("followups").await?;
    let found = || async {
        ledger.followups_are_due().await.ok()?;
        (ledger.lines(|line| line.is("task_adopted")).await.ok()? == 2).then_some(())
    };
    eventually(2 * SOON, found).await.with_context(|| format!("they are not found: {:?}", stack.logs))?;
    stack.sandbox.play(&reached(CLIENT)).await?;
    line(&stack, first, "task_done").await?;
    ensure!(tasks(&stack).await?.len() == 2 && asked(&stack).await?["POST /tasks"] == 2);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn each_action_item_is_one_task_whatever_comes_again() -> Result<()> {
    let (mut stack, mut workers) = with_rules("items", RULES).await?;
    // Two replicas, and every event twice.
    workers.push(stack.start("followups").await?);
    let delivery = json!({ "duplicate": 1.0 });
    stack.sandbox.control(Method::PUT, "/aircall/delivery", Some(&delivery)).await?;
    let talk = call(CLIENT).lasting(120).started_at(now() - 600).at_once();
    let talk = talk.after(10, action_item("Envoyer le devis")).after(11, action_item("Rappeler lundi"));
    let id = stack.sandbox.play(&talk).await?;
    let tasks = tasks_that(&stack, 2, says("Aircall call")).await?;
    let titles: Vec<_> = tasks.iter().filter_map(|task| task["title"].as_str()).collect();
    ensure!(titles.contains(&"Envoyer le devis") && titles.contains(&"Rappeler lundi"), "{titles:?}");
    let log = stack.sandbox.logged(id, SOON).await?;
    ensure!(tasks.iter().all(|task| task["owner"]["id"] == log["owner"]["id"]), "they are the agent's: {tasks:#?}");
    // It comes again, and says something else.
    let rows = stack.ledger().await?.followups().await?;
    let item = rows[0].0.rsplit(':').next().context("its id")?.to_owned();
    let changed = json!({ "id": item, "call_id": id.to_string(), "content": "Envoyer le devis et le contrat" });
    stack.sandbox.send([webhook("action_item.created", changed).at(now() + 5)]).await?;
    let ledger = stack.ledger().await?;
    let updated = || async {
        ledger.followups_are_due().await.ok()?;
        let tasks = self::tasks(&stack).await.ok()?;
        tasks.iter().any(|task| task["title"] == "Envoyer le devis et le contrat").then_some(())
    };
    eventually(SOON, updated).await.with_context(|| format!("the change is not written: {:?}", stack.logs))?;
    ensure!(self::tasks(&stack).await?.len() == 2 && asked(&stack).await?["POST /tasks"] == 2);
    drop(workers);
    stack.down().await
}

/// The queue of a worker that has nothing to do must not grow.
#[tokio::test]
async fn without_rules_nothing_is_collected_and_nothing_follows() -> Result<()> {
    let (stack, workers) = with_rules("norules", "").await?;
    let id = stack.sandbox.play(&missed(CLIENT, 60)).await?;
    stack.sandbox.logged(id, SOON).await?;
    let queue = stack.names.work(base::ids::Stage::Followups);
    ensure!(stack.depth(&queue).await? == 0);
    ensure!(tasks(&stack).await?.is_empty() && stack.ledger().await?.followups().await?.is_empty());
    drop(workers);
    stack.down().await
}

/// Sellsy refuses a task for good: it is a dead letter, and replayed it becomes a task.
#[tokio::test]
async fn a_task_that_sellsy_refuses_is_a_dead_letter_that_can_be_replayed() -> Result<()> {
    let (stack, workers) = with_rules("deadtask", RULES).await?;
    let fault = || sellsy("POST /tasks").answers(403);
    stack.sandbox.set_faults([fault()]).await?;
    let first = stack.sandbox.play(&missed(CLIENT, 60)).await?;
    line(&stack, first, "parked").await?;
    stack.sandbox.set_faults([]).await?;
    let (said, good) = stack.callbridge(&["dead", "replay", "--stage", "followups"]).await?;
    ensure!(good, "{said}");
    tasks_that(&stack, 1, says("Appel manqué")).await?;
    drop(workers);
    stack.down().await
}

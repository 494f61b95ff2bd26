//! Callers whom Sellsy does not have become prospects.

use anyhow::{Context, Result, ensure};
use harness::{
    Stack,
    build::{After, Call, call, note, sellsy, tag},
    eventually,
};
use serde_json::{Value, json};

use crate::{
    CLIENT, SOON,
    console::operator,
    followups::{line, with_rules},
};

const STRANGER: &str = "+33 6 39 98 77 07";
const RULES: &str = "[unknown]\nlonger_than = \"30s\"\ntags = [\"Prospect\"]\n";

fn talk(number: &str, seconds: i64) -> Call {
    call(number).lasting(seconds).started_at(jiff::Timestamp::now().as_second() - 300).at_once()
}

/// The individuals with this number, once there are so many; what is gathered becomes due.
async fn individuals(stack: &Stack, number: &str, count: usize) -> Result<Vec<Value>> {
    let digits: String = number.chars().filter(|c| !c.is_whitespace()).collect();
    let ledger = stack.ledger().await?;
    let such = || async {
        ledger.followups_are_due().await.ok()?;
        stack.delays_end().await.ok()?;
        let all = stack.sandbox.get("/sellsy/individuals").await.ok()?;
        let with = all.as_array()?.iter().filter(|one| one["phone_number"] == json!(digits)).cloned();
        Some(with.collect::<Vec<_>>()).filter(|found| found.len() == count)
    };
    eventually(SOON, such).await.with_context(|| format!("{count} with {number}: {:?}", stack.logs))
}

#[tokio::test]
async fn an_unknown_caller_becomes_one_prospect_with_the_log_of_the_call() -> Result<()> {
    let (mut stack, mut workers) = with_rules("prospect", RULES).await?;
    workers.push(stack.start("followups").await?);
    // Two calls at once, one of them with a note.
    let first = stack.sandbox.play(&talk(STRANGER, 90).after(1, note("Nom : COLIN Jeanne\nVeut un devis"))).await?;
    let second = stack.sandbox.play(&talk(STRANGER, 60)).await?;
    let found = individuals(&stack, STRANGER, 1).await?;
    let made = &found[0];
    ensure!(made["type"] == "prospect" && made["owner"]["id"] == 101, "{made:#}");
    let of_first = made["reference"] == json!(format!("aircall-{first}"));
    ensure!(of_first || made["reference"] == json!(format!("aircall-{second}")), "{made:#}");
    if of_first {
        ensure!(made["last_name"] == "COLIN" && made["first_name"] == "Jeanne", "{made:#}");
    }
    for call in [first, second] {
        let log = stack.sandbox.logged(call, SOON).await?;
        ensure!(log["individual_id"] == made["id"], "{log:#}");
    }
    line(&stack, if of_first { first } else { second }, "prospect_created").await?;
    ensure!(stack.sandbox.count("sellsy", "POST /individuals").await? == 1);
    // The next call needs neither.
    let searches = stack.sandbox.count("sellsy", "GET /search").await?;
    let third = stack.sandbox.play(&talk(STRANGER, 60)).await?;
    stack.sandbox.logged(third, SOON).await?;
    ensure!(stack.sandbox.count("sellsy", "GET /search").await? == searches, "it was searched");
    let (said, good) = stack.callbridge(&["prospects", "--json"]).await?;
    let report: Value = serde_json::from_str(&said).with_context(|| said.clone())?;
    ensure!(good && report["prospects"][0]["individual"] == made["id"], "{said}");
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn short_talks_and_missed_calls_make_no_prospect_unless_a_tag_says_so() -> Result<()> {
    let (stack, workers) = with_rules("noprospect", RULES).await?;
    let ledger = stack.ledger().await?;
    let missed = call(STRANGER).missed().started_at(jiff::Timestamp::now().as_second() - 60).at_once();
    for one in [talk(STRANGER, 20), missed, talk("anonymous", 90), talk(CLIENT, 90)] {
        let id = stack.sandbox.play(&one).await?;
        ledger.call_that(id, SOON, |row| row.resolved).await?;
    }
    ensure!(ledger.followups().await?.is_empty());
    let tagged = stack.sandbox.play(&talk(STRANGER, 20).after(1, tag("prospect"))).await?;
    individuals(&stack, STRANGER, 1).await?;
    stack.sandbox.logged(tagged, SOON).await?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_prospect_whose_creation_had_no_answer_is_found_and_not_made_twice() -> Result<()> {
    let (stack, workers) = with_rules("lostprospect", RULES).await?;
    stack.sandbox.set_faults([sellsy("POST /individuals").breaks(After).once()]).await?;
    let id = stack.sandbox.play(&talk(STRANGER, 90)).await?;
    let found = individuals(&stack, STRANGER, 1).await?;
    let ledger = stack.ledger().await?;
    let adopted = || async {
        ledger.followups_are_due().await.ok()?;
        (ledger.lines(|line| line.is("prospect_adopted")).await.ok()? == 1).then_some(())
    };
    // The directory may have been quicker: then the call is logged on it all the same.
    let _ = eventually(SOON, adopted).await;
    let log = stack.sandbox.logged(id, SOON).await?;
    ensure!(log["individual_id"] == found[0]["id"], "{log:#}");
    ensure!(stack.sandbox.count("sellsy", "POST /individuals").await? == 1);
    individuals(&stack, STRANGER, 1).await?;
    drop(workers);
    stack.down().await
}

/// Somebody has typed them in a moment ago, and the directory does not know.
#[tokio::test]
async fn somebody_whom_sellsy_has_by_then_is_no_prospect() -> Result<()> {
    let (mut stack, mut workers) = with_rules("typedin", RULES).await?;
    // No turn of the directory brings them.
    workers[1].terminate(SOON).await?;
    stack.environment.insert("DIRECTORY_SYNC_EVERY".into(), "1h".into());
    workers[1] = stack.start("resolver").await?;
    workers[1].until_ready(SOON).await?;
    let id = stack.sandbox.play(&talk(STRANGER, 90)).await?;
    let ledger = stack.ledger().await?;
    ledger.call_that(id, SOON, |row| row.resolved).await?;
    let record = harness::build::individual("Colin").client().mobile(STRANGER);
    let record = stack.sandbox.add(&record).await?;
    let such = || async {
        ledger.followups_are_due().await.ok()?;
        let such = |line: &harness::Line| line.reason() == "no prospect: Sellsy has a record with this number";
        ledger.line_that(id, std::time::Duration::from_millis(300), such).await.ok()
    };
    eventually(SOON, such).await.with_context(|| format!("its story does not say so: {:?}", stack.logs))?;
    let log = stack.sandbox.logged(id, SOON).await?;
    ensure!(log["individual_id"] == record, "{log:#}");
    ensure!(stack.sandbox.count("sellsy", "POST /individuals").await? == 0);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_prospect_is_undone_as_long_as_nobody_has_touched_it() -> Result<()> {
    let (stack, workers) = with_rules("undo", RULES).await?;
    let first = stack.sandbox.play(&talk(STRANGER, 90)).await?;
    individuals(&stack, STRANGER, 1).await?;
    line(&stack, first, "prospect_created").await?;
    stack.sandbox.logged(first, SOON).await?;
    let (said, good) = stack.callbridge(&["prospects", "undo", &first.to_string(), "--by", "Inès Caron"]).await?;
    ensure!(good && said.contains("is deleted in Sellsy"), "{said}");
    individuals(&stack, STRANGER, 0).await?;
    let undone = line(&stack, first, "prospect_undone").await?;
    ensure!(undone.detail["by"] == "Inès Caron", "{undone:?}");
    // It is not made again, and says so.
    let again = stack.sandbox.play(&talk(STRANGER, 90)).await?;
    stack.ledger().await?.call_that(again, SOON, |row| row.resolved).await?;
    stack.ledger().await?.followups_are_due().await?;
    let (said, good) = stack.callbridge(&["prospects", "undo", &first.to_string()]).await?;
    ensure!(!good && said.contains("undone before"), "{said}");
    individuals(&stack, STRANGER, 0).await?;

    // Another one, whom somebody has changed: from the console it is refused.
    let other = "+33 6 39 98 77 08";
    let second = stack.sandbox.play(&talk(other, 90)).await?;
    let made = individuals(&stack, other, 1).await?;
    line(&stack, second, "prospect_created").await?;
    let later = jiff::Timestamp::now().saturating_add(jiff::SignedDuration::from_secs(60))?;
    let change = json!({ "last_name": "Colin", "updated": later.to_string() });
    stack.sandbox.change(&format!("individuals/{}", made[0]["id"]), &change).await?;
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    let page = operator.get(&format!("/calls/{second}?lang=en")).await?;
    ensure!(page.contains("Delete this prospect in Sellsy"), "{page}");
    let (said, good) = stack.callbridge(&["prospects", "undo", &second.to_string()]).await?;
    ensure!(!good && said.contains("somebody has changed"), "{said}");
    individuals(&stack, other, 1).await?;
    drop(workers);
    stack.down().await
}

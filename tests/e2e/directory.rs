//! The phone directory: what a call costs with it, how it follows Sellsy, and calls that are matched later.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::{
    Process, Stack, WORKERS,
    build::{Call, STARTED_AT, call, individual, sellsy},
    eventually,
};
use reqwest::Method;
use serde_json::json;

use crate::{CLIENT, SOON};

/// A call that lasts long enough for its card.
fn slow_call(digits: &str) -> Call {
    call(digits).lasting(90).paced(40)
}

/// A stack whose directory looks for changes every second.
async fn following(what: &str) -> Result<(Stack, Vec<Process>)> {
    let mut stack = Stack::new(what).await?;
    stack.environment.insert("DIRECTORY_SYNC_EVERY".into(), "1s".into());
    let workers = stack.start_all().await?;
    Ok((stack, workers))
}

/// The record that a call was decided for, e.g. `individual 2001`, or the reason why there is none.
async fn decision(stack: &Stack, call: i64) -> Result<String> {
    let row = stack.ledger().await?.call_that(call, SOON, |row| row.resolved).await.context("the call is decided")?;
    Ok(row.record().unwrap_or_else(|| row.rule().to_owned()))
}

#[tokio::test]
async fn a_known_caller_costs_one_request_of_each_api() -> Result<()> {
    let (stack, workers) = Stack::running("cost").await?;
    // The strictest reading of Sellsy: its search ignores phone numbers. The directory does not need it.
    stack.sandbox.control(Method::PUT, "/sellsy/search", Some(&json!({ "phones": "off" }))).await?;
    // The first call of a contact asks for its companies; token and staffs are requested once.
    for digits in [CLIENT, "+33 6 39 98 40 01"] {
        let id = stack.sandbox.play(&slow_call(digits)).await?;
        stack.sandbox.logged(id, SOON).await?;
    }
    for (what, digits, sellsy) in [
        ("individual", CLIENT, 1),
        ("company", "+33 1 99 00 30 01", 1),
        ("contact", "+33 6 39 98 40 01", 1),
        ("supplier, which has no opportunity", "+33 2 61 91 00 09", 1),
    ] {
        let before = (stack.sandbox.requests("sellsy").await?, stack.sandbox.requests("aircall").await?);
        let id = stack.sandbox.play(&slow_call(digits)).await?;
        stack.sandbox.logged(id, SOON).await?;
        let after = (stack.sandbox.requests("sellsy").await?, stack.sandbox.requests("aircall").await?);
        assert_eq!((after.0 - before.0, after.1 - before.1), (sellsy, 1), "{what}");
    }
    // No record has it: a search and the two filters of contacts, and no request when the same number calls again.
    for expected in [3, 0] {
        let before = stack.sandbox.requests("sellsy").await?;
        let id = stack.sandbox.play(&slow_call("+33 6 39 98 99 01")).await?;
        assert_eq!(decision(&stack, id).await?, "no usable record has this number");
        assert_eq!(stack.sandbox.requests("sellsy").await? - before, expected);
    }
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn the_directory_follows_what_people_change_in_sellsy() -> Result<()> {
    let (stack, workers) = following("follow").await?;
    stack.sandbox.control(Method::PUT, "/sellsy/search", Some(&json!({ "phones": "off" }))).await?;
    let ledger = stack.ledger().await?;
    assert_eq!(ledger.numbers_of("individual", 2002).await?, "+33639980002");
    stack.sandbox.change("individuals/2002", &json!({ "mobile_number": "06 39 98 55 55" })).await?;
    stack.sandbox.change("companies/3002", &json!({ "is_archived": true })).await?;
    stack.sandbox.change("individuals/2003", &json!({ "type": "supplier" })).await?;
    let moved = || async { (ledger.numbers_of("individual", 2002).await.ok()? == "+33639985555").then_some(()) };
    eventually(SOON, moved).await.context("the new number is there and the old one is gone")?;
    let noticed = || async {
        let archived = ledger.is_archived("company", 3002).await.ok()?;
        let relation = ledger.relation_of("individual", 2003).await.ok()?;
        (archived && relation.as_deref() == Some("supplier")).then_some(())
    };
    eventually(SOON, noticed).await.context("archiving and conversion are noticed")?;
    let id = stack.sandbox.play(&slow_call("+33 1 99 00 30 02")).await?;
    assert_ne!(decision(&stack, id).await?, "company 3002", "an archived company does not match");
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn an_unmatched_call_is_logged_when_its_caller_appears() -> Result<()> {
    let (stack, workers) = following("rematch").await?;
    let id = stack.sandbox.play(&slow_call("+33 6 39 98 77 77").started_at(STARTED_AT)).await?;
    assert_eq!(decision(&stack, id).await?, "no usable record has this number");
    assert!(stack.sandbox.logs_of(id).await?.is_empty());
    stack.sandbox.add(&individual("Nouvelle").prospect().mobile("06.39.98.77.77")).await?;
    let log = stack.sandbox.logged(id, SOON).await?;
    assert!(
        log["date"].as_str().is_some_and(|date| date.starts_with("2026-11-23T10:15:30")),
        "its true date: {}",
        log["date"]
    );
    assert_eq!(stack.sandbox.logs_of(id).await?.len(), 1);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_record_that_is_gone_since_is_resolved_again() -> Result<()> {
    let (stack, workers) = Stack::running("stale").await?;
    // Two individuals share this number; the directory does not know yet that the first was deleted.
    stack.sandbox.delete("individuals/2004").await?;
    let id = stack.sandbox.play(&slow_call("+33 6 39 98 00 04")).await?;
    let log = stack.sandbox.logged(id, SOON).await?;
    assert_eq!(log["individual_id"], 2005, "{log}");
    assert_eq!(stack.sandbox.logs_of(id).await?.len(), 1);
    // No record has this number any more: the call ends unmatched, and nothing is parked.
    stack.sandbox.delete("individuals/2003").await?;
    let id = stack.sandbox.play(&slow_call("+33 6 39 98 00 03")).await?;
    let unmatched = stack.ledger().await?.call_that(id, SOON, |row| row.unmatched).await;
    unmatched.context("the call waits for somebody with its number")?;
    assert_eq!(stack.dead_letters().await?, []);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn the_first_load_goes_on_where_it_was_killed() -> Result<()> {
    let mut stack = Stack::new("resume").await?;
    for n in 0..400 {
        let number = format!("06 39 98 {:02} {:02}", n / 100, n % 100);
        stack.sandbox.add(&individual(&format!("Client {n}")).client().mobile(&number)).await?;
    }
    stack.sandbox.set_faults([sellsy("POST /individuals/search").takes(Duration::from_millis(700))]).await?;
    let mut first = stack.start(WORKERS[1]).await?;
    let ledger = stack.ledger().await?;
    let begun = || async { (ledger.directory_progress("individual").await.ok()? >= 200).then_some(()) };
    eventually(SOON, begun).await.context("the first pages are in")?;
    first.kill().await?;
    stack.sandbox.set_faults([]).await?;
    let second = stack.start(WORKERS[1]).await?;
    stack.directory_loaded(SOON).await?;
    let pages = stack.sandbox.count("sellsy", "POST /individuals/search").await?;
    assert!((5..=7).contains(&pages), "414 individuals are five pages, at most one or two are read again: {pages}");
    assert_eq!(ledger.directory_size_of("individual").await?, 414);
    drop((first, second));
    stack.down().await
}

#[tokio::test]
async fn two_replicas_synchronise_one_at_a_time() -> Result<()> {
    let (mut stack, mut workers) = following("turns").await?;
    workers.push(stack.start("resolver").await?);
    tokio::time::sleep(Duration::from_secs(3)).await;
    stack.sandbox.add(&individual("Tardif").client().mobile("06 39 98 66 66")).await?;
    // The replica that had the turn may die: the other goes on.
    workers[1].kill().await?;
    let ledger = stack.ledger().await?;
    let there = || async { (ledger.records_with("+33639986666").await.ok()? == 1).then_some(()) };
    eventually(SOON, there).await.context("the other replica reads the change")?;
    drop(workers);
    stack.down().await
}

/// Where an account means the newest, or counts archived records, the settings say so.
#[tokio::test]
async fn an_account_says_which_of_several_records_counts() -> Result<()> {
    let mut stack = Stack::new("matching").await?;
    stack.environment.insert("MATCH_FIRST".into(), "newest".into());
    stack.environment.insert("MATCH_ARCHIVED".into(), "match".into());
    let number = "+33 6 39 98 88 02";
    let mut ids = Vec::new();
    for name in ["Premier", "Deuxième", "Troisième"] {
        ids.push(stack.sandbox.add(&individual(name).client().mobile(number)).await?);
    }
    stack.sandbox.change(&format!("individuals/{}", ids[2]), &json!({ "is_archived": true })).await?;
    let workers = stack.start_all().await?;
    let (why, _) = stack.callbridge(&["explain", number]).await?;
    ensure!(why.contains(&format!("record       individual {}", ids[2])) && why.contains("the newest of 3"), "{why}");
    let call = stack.sandbox.play(&call(number).lasting(60).at_once()).await?;
    let log = stack.sandbox.logged(call, SOON).await?;
    assert_eq!(harness::related(&log), [("individual".to_owned(), ids[2])]);
    drop(workers);
    stack.down().await
}

//! Opportunities are read for all calls together; a call is decided by what holds when it ends.

use std::time::Duration;

use anyhow::{Context, Result};
use harness::{
    Process, Stack,
    build::{call, company, contact, individual, sellsy},
    eventually, related,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time;

use crate::{CLIENT, SOON};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const SEARCH: &str = "POST /opportunities/search";

/// Workers for which opportunities are fresh for so long; the directory, with the opportunities, has been read.
async fn fresh_for(what: &str, fresh: &str) -> Result<(Stack, Vec<Process>)> {
    let (stack, workers) = Stack::running_with(what, &[("OPPORTUNITIES_FRESH", fresh)]).await?;
    opportunities_read(&stack).await?;
    Ok((stack, workers))
}

/// Waits until they have been read, all of them.
async fn opportunities_read(stack: &Stack) -> Result<()> {
    let ledger = stack.ledger().await?;
    let read = || async { ledger.opportunities_known().await.ok().flatten() };
    eventually(SOON, read).await.context("the opportunities are read").map(drop)
}

async fn add(stack: &Stack, name: &str, of: (&str, i64)) -> Result<i64> {
    // Long ago, as most of them.
    let opportunity = json!({ "name": name, "status": "open", "created": "2026-05-04T09:00:00Z", of.0: of.1 });
    let added = stack.sandbox.control(Method::POST, "/sellsy/opportunities", Some(&opportunity)).await?;
    added["id"].as_i64().context("an id")
}

fn opportunity_of(log: &Value) -> Option<i64> {
    related(log).into_iter().find(|(kind, _)| kind == "opportunity").map(|(_, id)| id)
}

/// Plays a call and returns the opportunity on which it is logged.
async fn logged_on(stack: &Stack, number: &str) -> Result<Option<i64>> {
    let id = stack.sandbox.play(&call(number)).await?;
    let log = stack.sandbox.logged(id, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
    Ok(opportunity_of(&log))
}

#[tokio::test]
async fn a_call_is_logged_on_what_is_open_when_it_ends() -> Result<()> {
    let (stack, workers) = fresh_for("opportunity_won", "1s").await?;
    // It rings at once and ends four seconds later. Meanwhile the sale is made, and another one begins.
    let id = stack.sandbox.play(&call(CLIENT).ringing(1).lasting(79).paced(50)).await?;
    let shown = || async {
        let cards = stack.sandbox.get("/aircall/insight-cards").await.ok()?;
        cards.to_string().contains("Cuisine sur mesure").then_some(())
    };
    eventually(SOON, shown).await.context("the card shows the opportunity")?;
    stack.sandbox.change("opportunities/6001", &json!({ "status": "won" })).await?;
    let next = add(&stack, "Dressing", ("individual_id", 2001)).await?;
    let log = stack.sandbox.logged(id, SOON).await?;
    assert_eq!(opportunity_of(&log), Some(next), "{:?}", stack.logs);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn one_reading_serves_all_calls_and_all_replicas() -> Result<()> {
    let (mut stack, mut workers) = fresh_for("opportunities_together", "60s").await?;
    workers.push(stack.start("resolver").await?);
    workers.push(stack.start("resolver").await?);
    stack.directory_loaded(SOON).await?;
    let asked = stack.sandbox.count("sellsy", SEARCH).await?;
    // The last reading is too old.
    stack.ledger().await?.opportunities_age(120).await?;
    let mut calls = Vec::new();
    for _ in 0..30 {
        // No card is asked for, so that all of them are decided in the same moment.
        calls.push(stack.sandbox.play(&call(CLIENT).losing(&["call.created"])).await?);
    }
    let before = stack.sandbox.requests("sellsy").await?;
    for id in &calls {
        assert_eq!(opportunity_of(&stack.sandbox.logged(*id, SOON).await?), Some(6001));
    }
    assert_eq!(stack.sandbox.count("sellsy", SEARCH).await? - asked, 1, "{before}");
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_card_needs_no_answer_from_sellsy() -> Result<()> {
    let (stack, workers) = fresh_for("card_alone", "10s").await?;
    stack.sandbox.add(&contact("Ferrand").mobile("+33 6 39 98 71 21").of(&[3001])).await?;
    stack.sandbox.set_faults([sellsy("*").takes(Duration::from_secs(8))]).await?;
    // So old that it is not shown without a question, which is not answered in time.
    for age in [40, 4000] {
        stack.ledger().await?.opportunities_age(age).await?;
        let began = time::Instant::now();
        let id = stack.sandbox.play(&call(CLIENT).ringing(60).paced(200)).await?;
        let shown = || async {
            let cards = stack.sandbox.get("/aircall/insight-cards").await.ok()?;
            let of_call = cards.as_array()?.iter().find(|card| card["call_id"] == id)?.to_string();
            of_call.contains("Cuisine sur mesure").then_some(())
        };
        eventually(SOON, shown).await.with_context(|| format!("a card, {age} s old: {:?}", stack.logs))?;
        assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
        // It does not decide the call, not even for a worker of an earlier version, which goes by its age.
        let sql =
            "select looked_up_at < now() - interval '30 minutes' from calls where call_id = $1 and resolved_at is null";
        let is_old: bool = stack.connection().await?.query_one(sql, &[&id]).await?.get(0);
        assert!(is_old, "an earlier version would decide by it, {age} s old");
    }
    drop(workers);
    stack.down().await
}

/// More than a page of opportunities: what has changed is read, and all of them once a day.
#[tokio::test]
async fn of_many_opportunities_only_changes_are_read() -> Result<()> {
    let mut stack = Stack::new("many_opportunities").await?;
    stack.environment.insert("OPPORTUNITIES_FRESH".into(), "0s".into());
    let busy = stack.sandbox.add(&company("Beaucoup").client().phone("+33 2 61 91 71 00")).await?;
    let mut first = None;
    for n in 0..130 {
        let id = add(&stack, &format!("Affaire {n}"), ("company_id", busy)).await?;
        first.get_or_insert(id);
    }
    let first = first.context("an opportunity")?;
    let workers = stack.start_all().await?;
    opportunities_read(&stack).await?;
    stack.directory_loaded(SOON).await?;
    assert_eq!(logged_on(&stack, "+33 2 61 91 71 00").await?, Some(first));

    // Won, lost, begun, begun anew.
    let before = stack.sandbox.count("sellsy", SEARCH).await?;
    stack.sandbox.change(&format!("opportunities/{first}"), &json!({ "status": "won" })).await?;
    assert_eq!(logged_on(&stack, "+33 2 61 91 71 00").await?, Some(first + 1));
    let asked = stack.sandbox.count("sellsy", SEARCH).await? - before;
    // The card, and the decision: two requests each, however many opportunities there are.
    assert_eq!(asked, 4);
    stack.sandbox.change("opportunities/6001", &json!({ "status": "lost" })).await?;
    assert_eq!(logged_on(&stack, CLIENT).await?, None);
    let next = add(&stack, "Dressing", ("individual_id", 2001)).await?;
    stack.sandbox.change(&format!("opportunities/{next}"), &json!({ "created": jiff::Timestamp::now() })).await?;
    assert_eq!(logged_on(&stack, CLIENT).await?, Some(next));
    stack.sandbox.change("opportunities/6001", &json!({ "status": "open" })).await?;
    assert_eq!(logged_on(&stack, CLIENT).await?, Some(6001));

    // Nothing says that one was deleted, until the log is refused: then Sellsy is asked for this customer.
    stack.sandbox.delete("opportunities/6001").await?;
    assert_eq!(logged_on(&stack, CLIENT).await?, Some(next));
    drop(workers);
    stack.down().await
}

/// Far too many changes at once: Sellsy is asked for one customer until all of them have been read again.
#[tokio::test]
#[ignore = "nightly: a minute"]
async fn after_too_many_changes_all_are_read_again() -> Result<()> {
    let mut stack = Stack::new("opportunities_imported").await?;
    stack.environment.insert("OPPORTUNITIES_FRESH".into(), "0s".into());
    stack.environment.insert("DIRECTORY_SYNC_EVERY".into(), "1s".into());
    let busy = stack.sandbox.add(&company("Beaucoup").client()).await?;
    // With those of the account, exactly a page.
    let open = async || -> Result<usize> {
        let state = stack.sandbox.get("/sellsy").await?;
        let all = state["opportunities"].as_array().context("opportunities")?.clone();
        Ok(all.iter().filter(|o| o["status"] == "open" || o["status"] == "late").count())
    };
    for n in open().await?..100 {
        add(&stack, &format!("Affaire {n}"), ("company_id", busy)).await?;
    }
    let workers = stack.start_all().await?;
    opportunities_read(&stack).await?;
    let asked_for_a_call = async |requests: u64| -> Result<bool> {
        let before = stack.sandbox.count("sellsy", SEARCH).await?;
        assert_eq!(logged_on(&stack, CLIENT).await?, Some(6001));
        Ok(stack.sandbox.count("sellsy", SEARCH).await? - before == requests)
    };
    assert!(asked_for_a_call(2).await?, "a hundred are read with one request, for the card and for the decision");
    // An import, with dates of long ago.
    for n in 0..310 {
        add(&stack, &format!("Import {n}"), ("company_id", busy)).await?;
    }
    asked_for_a_call(0).await?;
    let ledger = stack.ledger().await?;
    let read = || async { (ledger.opportunities_of("company", busy).await.ok()? > 310).then_some(()) };
    eventually(2 * SOON, read).await.context("a pass reads all of them")?;
    // For a minute after it was found too old, the directory is not asked.
    let changes_only = || async { asked_for_a_call(4).await.ok().filter(|only| *only).map(drop) };
    eventually(3 * SOON, changes_only).await.context("only changes are read again")?;
    drop(workers);
    stack.down().await
}

/// Filters that Sellsy ignores, a list that it cuts short: it is asked for one customer, as long as that lasts.
#[tokio::test]
async fn a_list_that_cannot_be_believed_decides_nothing() -> Result<()> {
    let (stack, workers) = fresh_for("opportunities_short", "0s").await?;
    let empty = json!({ "data": [], "pagination": { "limit": 100, "count": 0, "total": 7 } });
    // The card reads, then the question for one customer; the decision only asks.
    stack.sandbox.set_faults([sellsy(SEARCH).answers_with(200, empty).once()]).await?;
    assert_eq!(logged_on(&stack, CLIENT).await?, Some(6001));
    stack.sandbox.struck(SOON).await?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_new_company_of_a_contact_counts_within_minutes() -> Result<()> {
    let (stack, workers) = fresh_for("contact_moves", "60s").await?;
    let number = "+33 6 39 98 71 22";
    let person = stack.sandbox.add(&contact("Ferrand").mobile(number).of(&[])).await?;
    let new_one = stack.sandbox.add(&company("Nouvelle").client()).await?;
    let id = stack.sandbox.play(&call(number)).await?;
    assert_eq!(related(&stack.sandbox.logged(id, SOON).await?), [("contact".to_owned(), person)]);
    stack
        .sandbox
        .change(&format!("contacts/{person}"), &json!({ "companies": [new_one], "updated": "2025-01-01T00:00:00Z" }))
        .await?;
    stack.ledger().await?.companies_age(360).await?;
    let id = stack.sandbox.play(&call(number)).await?;
    let on_both = [("contact".to_owned(), person), ("company".to_owned(), new_one)];
    assert_eq!(related(&stack.sandbox.logged(id, SOON).await?), on_both);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn somebody_who_is_forgotten_has_no_opportunity_here() -> Result<()> {
    let (stack, workers) = fresh_for("forgotten_opportunity", "60s").await?;
    stack.sandbox.add(&individual("Autre").client()).await?;
    assert_eq!(logged_on(&stack, CLIENT).await?, Some(6001));
    let (said, fine) = stack.callbridge(&["forget", CLIENT, "--yes"]).await?;
    assert!(fine, "{said}");
    assert_eq!(stack.ledger().await?.opportunities_of("individual", 2001).await?, 0);
    // The next call reads it again, because it is still in Sellsy.
    assert_eq!(logged_on(&stack, CLIENT).await?, Some(6001));
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn what_sellsy_reports_counts_at_once() -> Result<()> {
    let settings = [("OPPORTUNITIES_FRESH", "1h"), ("SELLSY_WEBHOOK_SECRET", SECRET)];
    let (stack, workers) = Stack::running_with("opportunity_reported", &settings).await?;
    opportunities_read(&stack).await?;
    let url = format!("{}/webhooks/sellsy/{SECRET}", workers[0].url);
    let webhook = json!({ "url": url, "sign_key": SECRET, "json": true });
    stack.sandbox.control(Method::POST, "/sellsy/webhook", Some(&webhook)).await?;
    let ledger = stack.ledger().await?;
    for (status, known) in [("won", 0), ("open", 1)] {
        stack.sandbox.change("opportunities/6001", &json!({ "status": status })).await?;
        let read = || async { (ledger.opportunities_of("individual", 2001).await.ok()? == known).then_some(()) };
        eventually(SOON, read).await.with_context(|| format!("{status}: {:?}", stack.logs))?;
        assert_eq!(logged_on(&stack, CLIENT).await?, (known == 1).then_some(6001), "{status}");
    }
    assert_eq!(stack.sandbox.count("sellsy", "GET /opportunities/{id}").await?, 2);
    // Also for a call that rang before, although what its card showed is not old.
    let id = stack.sandbox.play(&call(CLIENT).ringing(1).lasting(119).paced(50)).await?;
    let looked_up = |row: &harness::CallRow| !row.resolution.is_null();
    ledger.call_that(id, SOON, looked_up).await?;
    stack.sandbox.change("opportunities/6001", &json!({ "status": "won" })).await?;
    let log = stack.sandbox.logged(id, SOON).await?;
    assert_eq!(opportunity_of(&log), None, "{:?}", stack.logs);
    drop(workers);
    stack.down().await
}

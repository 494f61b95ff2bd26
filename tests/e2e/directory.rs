//! The phone directory: what a call costs with it, how it follows Sellsy, and calls that are matched later.

use std::time::Duration;

use anyhow::{Context, Result};
use harness::{Stack, WORKERS, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{CLIENT, SOON};

/// A call that lasts long enough for its card.
fn call(digits: &str) -> Value {
    json!({ "direction": "inbound", "raw_digits": digits, "number_id": 1001, "user_id": 501, "duration": 90, "pace_ms": 40 })
}

/// A stack whose directory looks for changes every second.
async fn following(what: &str) -> Result<(Stack, Vec<harness::Process>)> {
    let mut stack = Stack::new(what).await?;
    stack.environment.insert("DIRECTORY_SYNC_EVERY".into(), "1s".into());
    let workers = stack.start_all().await?;
    Ok((stack, workers))
}

/// The record that a call was decided for, e.g. `individual 2001`, or the reason why there is none.
async fn decision(stack: &Stack, call: i64) -> Result<String> {
    let database = stack.database().await?;
    let decided = || async {
        let sql = "select resolution->'record'->>'kind', resolution->'record'->>'id', resolution->>'rule'
                     from calls where call_id = $1 and resolved_at is not null";
        let row = database.query_opt(sql, &[&call]).await.ok()??;
        let (kind, id): (Option<String>, Option<String>) = (row.get(0), row.get(1));
        Some(kind.zip(id).map_or_else(|| row.get(2), |(kind, id)| format!("{kind} {id}")))
    };
    eventually(SOON, decided).await.with_context(|| format!("call {call} is decided"))
}

async fn requests(stack: &Stack, api: &str) -> Result<u64> {
    stack.sandbox.get("/counts").await?[api]["total"].as_u64().context("total")
}

#[tokio::test]
async fn a_known_caller_costs_two_sellsy_requests_and_one_of_aircall() -> Result<()> {
    let (stack, workers) = Stack::running("cost").await?;
    // The strictest reading of Sellsy: the search knows no phone numbers. The directory does not need it.
    stack.sandbox.control(Method::PUT, "/sellsy/search", Some(&json!({ "phones": "off" }))).await?;
    // The first call of a contact asks for its companies; token and staffs come once.
    for digits in [CLIENT, "+33 6 39 98 40 01"] {
        let id = stack.sandbox.play(&call(digits)).await?;
        stack.sandbox.log_of(id, SOON, |_| true).await?;
    }
    for (what, digits, sellsy) in [
        ("individual", CLIENT, 2),
        ("company", "+33 1 99 00 30 01", 2),
        ("contact", "+33 6 39 98 40 01", 2),
        ("supplier, which has no opportunity", "+33 2 61 91 00 09", 1),
    ] {
        let before = (requests(&stack, "sellsy").await?, requests(&stack, "aircall").await?);
        let id = stack.sandbox.play(&call(digits)).await?;
        stack.sandbox.log_of(id, SOON, |_| true).await?;
        let after = (requests(&stack, "sellsy").await?, requests(&stack, "aircall").await?);
        assert_eq!((after.0 - before.0, after.1 - before.1), (sellsy, 1), "{what}");
    }
    // Nobody has it: a search and the two filters of contacts, and nothing when the same number calls again.
    for expected in [3, 0] {
        let before = requests(&stack, "sellsy").await?;
        let id = stack.sandbox.play(&call("+33 6 39 98 99 01")).await?;
        assert_eq!(decision(&stack, id).await?, "no usable record has this number");
        assert_eq!(requests(&stack, "sellsy").await? - before, expected);
    }
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn the_directory_follows_what_people_change_in_sellsy() -> Result<()> {
    let (stack, workers) = following("follow").await?;
    stack.sandbox.control(Method::PUT, "/sellsy/search", Some(&json!({ "phones": "off" }))).await?;
    let numbers = |kind: &'static str, id: i64| {
        let database = stack.database();
        async move {
            let sql = "select coalesce(string_agg(number, ' ' order by number), '') from directory_numbers where kind = $1 and id = $2";
            anyhow::Ok(database.await?.query_one(sql, &[&kind, &id]).await?.get::<_, String>(0))
        }
    };
    assert_eq!(numbers("individual", 2002).await?, "+33639980002");
    let change = |path: &'static str, body: Value| {
        let sandbox = &stack.sandbox;
        async move { sandbox.control(Method::PATCH, path, Some(&body)).await }
    };
    change("/sellsy/individuals/2002", json!({ "mobile_number": "06 39 98 55 55" })).await?;
    change("/sellsy/companies/3002", json!({ "is_archived": true })).await?;
    change("/sellsy/individuals/2003", json!({ "type": "supplier" })).await?;
    let moved = || async { (numbers("individual", 2002).await.ok()? == "+33639985555").then_some(()) };
    eventually(SOON, moved).await.context("the new number is there and the old one is gone")?;
    let database = stack.database().await?;
    let noticed = || async {
        let sql = "select (select archived from directory_records where kind = 'company' and id = 3002)
                      and (select record->>'relation' = 'supplier' from directory_records where kind = 'individual' and id = 2003)";
        database.query_one(sql, &[]).await.ok()?.get::<_, Option<bool>>(0)?.then_some(())
    };
    eventually(SOON, noticed).await.context("archiving and conversion are noticed")?;
    let id = stack.sandbox.play(&call("+33 1 99 00 30 02")).await?;
    assert_ne!(decision(&stack, id).await?, "company 3002", "an archived company does not match");
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn an_unmatched_call_is_logged_when_its_caller_appears() -> Result<()> {
    let (stack, workers) = following("rematch").await?;
    let mut play = call("+33 6 39 98 77 77");
    play["started_at"] = json!(1_795_425_330);
    let id = stack.sandbox.play(&play).await?;
    assert_eq!(decision(&stack, id).await?, "no usable record has this number");
    assert!(stack.sandbox.logs_of(id).await?.is_empty());
    let person =
        json!({ "type": "prospect", "last_name": "Nouvelle", "mobile_number": "06.39.98.77.77", "owner_id": 101 });
    stack.sandbox.control(Method::POST, "/sellsy/individuals", Some(&person)).await?;
    let log = stack.sandbox.log_of(id, SOON, |_| true).await?;
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
    // Two individuals share this number; the directory does not yet know that the first is gone.
    stack.sandbox.control(Method::DELETE, "/sellsy/individuals/2004", None).await?;
    let id = stack.sandbox.play(&call("+33 6 39 98 00 04")).await?;
    let log = stack.sandbox.log_of(id, SOON, |_| true).await?;
    assert_eq!(log["individual_id"], 2005, "{log}");
    assert_eq!(stack.sandbox.logs_of(id).await?.len(), 1);
    // Of this number nobody is left: the call ends unmatched, and nothing is parked.
    stack.sandbox.control(Method::DELETE, "/sellsy/individuals/2003", None).await?;
    let id = stack.sandbox.play(&call("+33 6 39 98 00 03")).await?;
    let database = stack.database().await?;
    let unmatched = || async {
        let sql = "select unmatched_number is not null from calls where call_id = $1";
        database.query_opt(sql, &[&id]).await.ok()??.get::<_, bool>(0).then_some(())
    };
    eventually(SOON, unmatched).await.context("the call waits for somebody with its number")?;
    for stage in base::ids::Stage::ALL {
        assert_eq!(stack.depth(&stack.names.dead(stage)).await?, 0, "{stage:?}");
    }
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn the_first_load_goes_on_where_it_was_killed() -> Result<()> {
    let mut stack = Stack::new("resume").await?;
    for n in 0..400 {
        let person = json!({ "type": "client", "last_name": format!("Client {n}"), "mobile_number": format!("06 39 98 {:02} {:02}", n / 100, n % 100), "owner_id": 101 });
        stack.sandbox.control(Method::POST, "/sellsy/individuals", Some(&person)).await?;
    }
    let slow = json!([{ "api": "sellsy", "method": "POST", "path": "/individuals/search", "do": { "kind": "latency", "ms": 700 } }]);
    stack.sandbox.set_faults(&slow).await?;
    let mut first = stack.start(WORKERS[1]).await?;
    let database = stack.database().await?;
    let begun = || async {
        let sql = "select pass_rows from directory_sync where kind = 'individual'";
        let rows: i64 = database.query_opt(sql, &[]).await.ok()??.get(0);
        (rows >= 200).then_some(())
    };
    eventually(SOON, begun).await.context("the first pages are in")?;
    first.kill().await?;
    stack.sandbox.set_faults(&json!([])).await?;
    let second = stack.start(WORKERS[1]).await?;
    stack.directory_loaded(SOON).await?;
    let pages = stack.sandbox.count("sellsy", "POST /individuals/search").await?;
    assert!((5..=7).contains(&pages), "414 individuals are five pages, at most one or two are read again: {pages}");
    let records: i64 =
        database.query_one("select count(*) from directory_records where kind = 'individual'", &[]).await?.get(0);
    assert_eq!(records, 414);
    drop((first, second));
    stack.down().await
}

#[tokio::test]
async fn two_replicas_synchronise_one_at_a_time() -> Result<()> {
    let (mut stack, mut workers) = following("turns").await?;
    workers.push(stack.start("resolver").await?);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let person = json!({ "type": "client", "last_name": "Tardif", "mobile_number": "06 39 98 66 66", "owner_id": 101 });
    stack.sandbox.control(Method::POST, "/sellsy/individuals", Some(&person)).await?;
    // The one that had the turn may die: the other goes on.
    workers[1].kill().await?;
    let database = stack.database().await?;
    let there = || async {
        let sql = "select count(*) from directory_numbers where number = '+33639986666'";
        (database.query_one(sql, &[]).await.ok()?.get::<_, i64>(0) == 1).then_some(())
    };
    eventually(SOON, there).await.context("the other replica reads the change")?;
    drop(workers);
    stack.down().await
}

//! A person puts right what the rules got wrong: moves a call to another record, or pins a number to one.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use harness::{
    Stack,
    build::{call, individual, sellsy},
    eventually, related, says,
};
use serde_json::{Value, json};

use crate::{CLIENT, SOON};

/// Individual 2002 of the sandbox's data, with its opportunity.
const OTHER: i64 = 2002;
const OF_OTHER: [(&str, i64); 2] = [("individual", OTHER), ("opportunity", 6002)];

async fn is_on(stack: &Stack, call: i64, records: &[(&str, i64)], within: Duration) -> Result<Value> {
    let expected: Vec<_> = records.iter().map(|(kind, id)| ((*kind).to_owned(), *id)).collect();
    let log = stack.sandbox.log_of(call, within, |log| related(log) == expected).await;
    log.with_context(|| format!("the log is not on {records:?}: {:?}", stack.logs))
}

#[tokio::test]
async fn a_call_that_was_moved_stays_there_whatever_comes() -> Result<()> {
    let (stack, workers) = Stack::running("relink").await?;
    let ledger = stack.ledger().await?;
    let id = stack.sandbox.play(&call(CLIENT).lasting(90).at_once()).await?;
    let log = is_on(&stack, id, &[("individual", 2001), ("opportunity", 6001)], SOON).await?;
    // A person has written in it, and moved it in Sellsy.
    let path = format!("phone-calls/{}", log["id"]);
    let text = format!("Pressé.\n{}", log["description"].as_str().unwrap_or_default());
    let changes = json!({ "description": text, "related": [{ "type": "company", "id": 3001 }] });
    stack.sandbox.change(&path, &changes).await?;

    let (call_id, to) = (id.to_string(), format!("individual:{OTHER}"));
    let asked = Instant::now();
    let (said, fine) = stack.callbridge(&["relink", &call_id, "--to", &to, "--by", "Inès Caron"]).await?;
    ensure!(fine && said.contains(&format!("belongs to individual {OTHER}")), "{said}");
    let log = is_on(&stack, id, &OF_OTHER, SOON).await?;
    println!("moved after {:?}", asked.elapsed());
    ensure!(log["description"].as_str().is_some_and(|text| text.starts_with("Pressé.\n")), "{log}");

    // A late tag, and a hint that makes the caller be looked up again, change nothing about that.
    stack.sandbox.tag(id, &mut Value::Null, "VIP").await?;
    let is_tagged = || async {
        ledger.gathering_ends().await.ok()?;
        stack.delays_end().await.ok()?;
        stack.sandbox.logs_of(id).await.ok()?.into_iter().find(says(&["VIP"]))
    };
    let log = eventually(SOON, is_tagged).await.context("the tag is written")?;
    assert_eq!(related(&log), OF_OTHER.map(|(kind, id)| (kind.to_owned(), id)));

    let (story, _) = stack.callbridge(&["call", &call_id]).await?;
    ensure!(story.contains("moved to another record by a person") && !story.contains("message was lost"), "{story}");
    let (why, _) = stack.callbridge(&["explain", &call_id]).await?;
    ensure!(why.contains("moved here by Inès Caron, on 20"), "{why}");
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 1);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_call_that_nobody_was_found_for_is_linked_by_hand() -> Result<()> {
    let (stack, workers) = Stack::running("relink_nobody").await?;
    let ledger = stack.ledger().await?;
    let id = stack.sandbox.play(&call("+33 6 39 98 99 77").lasting(90).at_once()).await?;
    ledger.call_that(id, SOON, |row| row.unmatched).await?;
    let call_id = id.to_string();
    let (said, fine) = stack.callbridge(&["relink", &call_id, "--to", "individual:2001", "--no-opportunity"]).await?;
    ensure!(fine, "{said}");
    is_on(&stack, id, &[("individual", 2001)], SOON).await?;
    // What is refused says why, and changes nothing.
    for (arguments, expected) in [
        (["relink", &call_id, "--to", "individual:999999"], "Sellsy has no individual 999999"),
        (["relink", "77", "--to", "individual:2001"], "no such call"),
        (["relink", &call_id, "--to", "2001"], "write the kind and Sellsy's id"),
    ] {
        let (said, fine) = stack.callbridge(&arguments).await?;
        ensure!(!fine && said.contains(expected), "{arguments:?}: {said}");
    }
    // A record that Sellsy refuses is no reason to look the caller up again.
    let error = json!({ "error": { "code": 400, "message": "?", "details": { "related": "?" }, "context": null } });
    stack.sandbox.set_faults([sellsy("PUT /phone-calls/{id}").answers_with(400, error).once()]).await?;
    let to = format!("individual:{OTHER}");
    let (said, fine) = stack.callbridge(&["relink", &call_id, "--to", &to]).await?;
    ensure!(fine, "{said}");
    ledger.line_that(id, SOON, |line| line.is("links_refused")).await?;
    is_on(&stack, id, &[("individual", 2001)], SOON).await?;
    // Asked once more, it is moved.
    stack.callbridge(&["relink", &call_id, "--to", &to]).await?;
    is_on(&stack, id, &OF_OTHER, SOON).await?;
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 1);
    assert_eq!(stack.dead_letters().await?, []);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_number_means_the_record_that_it_is_pinned_to() -> Result<()> {
    let (stack, workers) = Stack::running("pin").await?;
    // Two people with one number: the rules choose the first.
    let number = "+33 6 39 98 88 01";
    let mut ids = Vec::new();
    for name in ["Premier", "Second"] {
        ids.push(stack.sandbox.add(&individual(name).client().mobile(number)).await?);
    }
    let play = async || stack.sandbox.play(&call(number).lasting(90).at_once()).await;
    is_on(&stack, play().await?, &[("individual", ids[0])], SOON).await?;

    let pinned = format!("individual:{}", ids[1]);
    let (said, fine) = stack.callbridge(&["pin", number, &pinned, "--by", "Inès Caron"]).await?;
    ensure!(fine && said.contains("From now on +33639988801 means"), "{said}");
    is_on(&stack, play().await?, &[("individual", ids[1])], SOON).await?;
    let (why, _) = stack.callbridge(&["explain", number]).await?;
    ensure!(why.contains("pinned by Inès Caron, on 20"), "{why}");

    // The record is gone: the rules count again, with a warning.
    stack.sandbox.delete(&format!("individuals/{}", ids[1])).await?;
    let (said, fine) = stack.callbridge(&["directory", "sync", "--everything"]).await?;
    ensure!(fine, "{said}");
    is_on(&stack, play().await?, &[("individual", ids[0])], SOON).await?;
    let (why, _) = stack.callbridge(&["explain", number]).await?;
    ensure!(why.contains(&format!("pinned to individual {}, which is gone", ids[1])), "{why}");
    let (said, _) = stack.callbridge(&["pins"]).await?;
    ensure!(said.contains("it is gone or archived"), "{said}");

    let (said, fine) = stack.callbridge(&["unpin", number]).await?;
    ensure!(fine, "{said}");
    let (why, _) = stack.callbridge(&["explain", number]).await?;
    ensure!(!why.contains("pinned"), "{why}");
    for (arguments, expected) in [
        (vec!["unpin", number], "is not pinned"),
        (vec!["pin", "personne", "individual:2001"], "not a phone number"),
        (vec!["pin", number, "individual:999999"], "Sellsy has no individual 999999"),
    ] {
        let (said, fine) = stack.callbridge(&arguments).await?;
        ensure!(!fine && said.contains(expected), "{arguments:?}: {said}");
    }
    drop(workers);
    stack.down().await
}

/// The writer that is creating the log at this moment does not take the move away with its own end.
#[tokio::test]
async fn a_call_that_is_moved_while_its_log_is_being_written_is_moved() -> Result<()> {
    let (stack, workers) = Stack::running("relink_race").await?;
    let slow = sellsy("POST /phone-calls").takes(Duration::from_secs(4)).once();
    stack.sandbox.set_faults([slow]).await?;
    let ledger = stack.ledger().await?;
    let id = stack.sandbox.play(&call(CLIENT).lasting(90).at_once()).await?;
    ledger.call_that(id, SOON, |row| row.leased && row.intent.is_some()).await?;
    // While the log may not exist yet, it would not be found on the other record.
    let call_id = id.to_string();
    let relink = ["relink", &call_id, "--to", "individual:2002"];
    let (said, fine) = stack.callbridge(&relink).await?;
    ensure!(!fine && said.contains("try again in a minute"), "{said}");
    is_on(&stack, id, &[("individual", 2001), ("opportunity", 6001)], SOON).await?;
    // While a change of it is being written, it can be moved.
    stack.sandbox.set_faults([sellsy("PUT /phone-calls/{id}").takes(Duration::from_secs(4)).once()]).await?;
    stack.sandbox.tag(id, &mut Value::Null, "VIP").await?;
    ledger.call_that(id, SOON, |row| row.due).await?;
    ledger.gathering_ends().await?;
    stack.delays_end().await?;
    ledger.call_that(id, SOON, |row| row.leased && row.intent.is_some()).await?;
    let (said, fine) = stack.callbridge(&relink).await?;
    ensure!(fine, "{said}");
    is_on(&stack, id, &OF_OTHER, 2 * SOON).await?;
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 1);
    drop(workers);
    stack.down().await
}

//! `callbridge forget`: afterwards no table or queue has anything about the person, and nothing comes back.

use anyhow::{Context, Result};
use base::ids::Stage;
use broker::topology;
use harness::{
    CallRow, Line, Process, SKIPPED, Stack,
    build::{AGENT, call, note, sellsy, webhook},
    eventually,
};
use serde_json::{Value, json};

use crate::{CLIENT, SOON};

/// The data of individual 2001, in every form in which it can reach us.
const TRACES: [&str; 7] = [
    "+33639984107",
    "0639984107",
    "+33 6 39 98 41 07",
    "06.39.98.41.07",
    "639984107",
    "Camille",
    "camille.moreau@example.com",
];
/// Another person in Sellsy.
const OTHER: &str = "+33 6 39 98 00 04";

/// Everything that the stack stores, as text.
async fn dump(stack: &Stack) -> Result<String> {
    let mut all = stack.ledger().await?.dump().await?;
    for queue in topology::queues(&stack.names) {
        for message in stack.peek(&queue.name).await? {
            all += &format!("{:?} {}", message.properties, String::from_utf8_lossy(&message.data));
        }
    }
    Ok(all)
}

fn traces(dump: &str) -> Vec<&'static str> {
    TRACES.into_iter().filter(|trace| dump.contains(trace)).collect()
}

async fn forget(stack: &Stack, arguments: &[&str]) -> Result<(String, Option<i32>)> {
    let mut process = stack.begin(&[&["forget", CLIENT], arguments].concat()).await?;
    let ended = process.wait(SOON).await?;
    Ok((process.output(), ended.code()))
}

/// The person calls and is logged, is mentioned in the notes of another call, and calls while Sellsy refuses logs; ingest has
/// a webhook with the number that it did not understand. The workers have ended, and a message waits in the inbox.
async fn known_everywhere(stack: &mut Stack) -> Result<(Vec<i64>, i64)> {
    let mut workers = stack.start_all().await?;
    let logged = stack.sandbox.play(&call(CLIENT)).await?;
    stack.sandbox.logged(logged, 2 * SOON).await?;
    let mentions = note("Rappeler Camille Moreau au 06.39.98.41.07").by(AGENT);
    let mentioned = stack.sandbox.play(&call(OTHER).after(1, mentions)).await?;
    let bystander = stack.sandbox.play(&call(OTHER)).await?;
    for call in [mentioned, bystander] {
        stack.sandbox.logged(call, 2 * SOON).await?;
    }
    let ledger = stack.ledger().await?;
    let noted = |row: &CallRow| row.snapshot.to_string().contains("06.39.98.41.07");
    ledger.call_that(mentioned, SOON, noted).await.context("the note is known")?;
    stack.sandbox.set_faults([sellsy("POST /phone-calls").answers(403)]).await?;
    let parked = stack.sandbox.play(&call(CLIENT)).await?;
    stack.sandbox.send([webhook("call.ended", json!({ "raw_digits": "0639984107" }))]).await?;
    stack.parked(Stage::Logger, 1, 2 * SOON).await?;
    stack.parked(Stage::Ingest, 1, 2 * SOON).await?;
    stack.sandbox.set_faults([]).await?;
    for worker in &mut workers {
        worker.terminate(SOON).await?;
    }
    let summary = json!({ "summary": { "kind": "summary", "at": "2026-11-23T09:00:00Z", "text": "Camille Moreau rappelle demain" } });
    ledger.set_insights(logged, &summary).await?;
    ledger.add_miss("+33639984107", 60).await?;
    for number in ["+33 6 39 98 41 07", "+33 6 39 98 41 08"] {
        ledger.add_to_inbox("call.ended", &json!({ "raw_digits": number }).to_string()).await?;
    }
    Ok((vec![logged, mentioned, parked], bystander))
}

#[tokio::test]
async fn nothing_is_left_of_a_person_who_is_forgotten() -> Result<()> {
    let mut stack = Stack::new("forget").await?;
    let (theirs, bystander) = known_everywhere(&mut stack).await?;
    let before = dump(&stack).await?;
    assert_eq!(traces(&before), TRACES, "there is something to be forgotten");

    let (said, code) = forget(&stack, &[]).await?;
    assert!(code == Some(2) && said.contains("--yes"), "nobody can be asked: {said}");
    let (said, code) = forget(&stack, &["--dry-run", "--json"]).await?;
    let report: Value = serde_json::from_str(&said).with_context(|| said.clone())?;
    assert_eq!((code, &report["erased"]), (Some(0), &json!(false)), "{said}");
    for (what, expected) in [
        ("calls", 3),
        ("ai_insights_of_calls", 1),
        ("records_of_the_phone_directory", 1),
        ("remembered_misses", 1),
        ("messages_in_the_inbox", 1),
        ("parked_messages", 2),
    ] {
        assert_eq!(report["found"][what], expected, "{what} in {said}");
    }
    let unchanged = || async { (traces(&dump(&stack).await.ok()?) == TRACES).then_some(()) };
    eventually(SOON, unchanged).await.context("a dry run changes nothing")?;

    let (said, code) = forget(&stack, &["--yes"]).await?;
    assert_eq!(code, Some(0), "{said}");
    for log in stack.sandbox.logs_of(theirs[0]).await? {
        assert!(said.contains(&format!("phone_call {} (Aircall call {})", log["id"], theirs[0])), "{said}");
    }
    assert!(said.contains("individual 2001"), "{said}");
    let after = dump(&stack).await?;
    assert_eq!(traces(&after), Vec::<&str>::new(), "{after}");
    let ledger = stack.ledger().await?;
    let kept = ledger.call(bystander).await?.context("others are left alone")?;
    assert!(!kept.snapshot.is_null() && kept.log.is_some(), "others are left alone: {kept:?}");
    assert_eq!(ledger.inbox().await?, 1);
    assert!(!ledger.timeline(bystander).await?.is_empty());
    assert_eq!(forget(&stack, &["--yes"]).await?.1, Some(1), "nothing is left to be found");
    assert_eq!(forget(&stack, &["--yes", "--json", "--dry-run"]).await?.1, Some(1));
    nothing_comes_back(&mut stack, &theirs).await?;
    stack.down().await
}

/// Aircall sends the calls' events once more.
async fn nothing_comes_back(stack: &mut Stack, theirs: &[i64]) -> Result<()> {
    let ledger = stack.ledger().await?;
    ledger.empty_inbox().await?;
    let logs = stack.sandbox.phone_calls().await?.len();
    let workers: Vec<Process> =
        vec![stack.start("ingest").await?, stack.start("resolver").await?, stack.start("logger").await?];
    for worker in &workers {
        worker.until_ready(SOON).await?;
    }
    stack.sandbox.deliver_to(&workers[0].url).await?;
    for call in theirs {
        let later = jiff::Timestamp::now().as_second() + 3600;
        stack.sandbox.send([webhook("call.ended", stack.sandbox.call(*call).await?).at(later)]).await?;
    }
    let skips = |line: &Line| line.is(SKIPPED) && line.reason().contains("its data were deleted");
    let skipped = || async { (ledger.lines(skips).await.ok()? >= theirs.len()).then_some(()) };
    eventually(2 * SOON, skipped).await.context("every late event is skipped")?;
    assert_eq!(stack.sandbox.phone_calls().await?.len(), logs, "no call is logged again");
    let rows = ledger.calls().await?;
    let back: Vec<_> =
        rows.iter().filter(|row| row.erased && !(row.snapshot.is_null() && row.resolution.is_null())).collect();
    assert!(back.is_empty(), "{back:?}");
    drop(workers);
    Ok(())
}

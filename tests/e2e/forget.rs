//! `callbridge forget`: afterwards nothing about the person is in any table or queue, and nothing comes back.

use anyhow::{Context, Result};
use base::ids::Stage;
use broker::topology;
use harness::{Process, Stack, eventually};
use lapin::{Connection, ConnectionProperties, options::BasicGetOptions};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{CLIENT, SOON};

/// Of individual 2001, in every form in which they can come to us.
const TRACES: [&str; 7] = [
    "+33639984107",
    "0639984107",
    "+33 6 39 98 41 07",
    "06.39.98.41.07",
    "639984107",
    "Camille",
    "camille.moreau@example.com",
];
/// Somebody else in Sellsy.
const OTHER: &str = "+33 6 39 98 00 04";

fn call(digits: &str) -> Value {
    json!({ "direction": "inbound", "raw_digits": digits, "number_id": 1001, "user_id": 501, "answered": true, "duration": 90 })
}

/// Everything that the stack keeps, as text.
async fn dump(stack: &Stack) -> Result<String> {
    let database = stack.database().await?;
    let tables = "select tablename::text from pg_tables where schemaname = 'public' order by 1";
    let mut all = String::new();
    for table in database.query(tables, &[]).await? {
        let table: String = table.get(0);
        let text = if table == "inbox" { "convert_from(body, 'UTF8')" } else { "t::text" };
        let sql = format!("select coalesce(string_agg({text}, E'\\n'), '') from {table} t");
        all += &database.query_one(&sql, &[]).await?.get::<_, String>(0);
    }
    let connection = Connection::connect(&stack.amqp_url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    for queue in topology::queues(&stack.names) {
        while let Some(message) = channel.basic_get(queue.name.as_str().into(), BasicGetOptions::default()).await? {
            all += &format!("{:?} {}", message.delivery.properties, String::from_utf8_lossy(&message.delivery.data));
        }
    }
    // What was not acked returns to its queue.
    connection.close(200, "done".into()).await?;
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

/// The person calls and is logged, is told of in the notes of another call, and calls while Sellsy refuses logs; ingest has a
/// webhook with the number that it did not understand. The workers have ended, and a message waits in the inbox.
async fn known_everywhere(stack: &mut Stack) -> Result<(Vec<i64>, i64)> {
    let mut workers = stack.start_all().await?;
    let logged = stack.sandbox.play(&call(CLIENT)).await?;
    stack.sandbox.log_of(logged, 2 * SOON, |_| true).await?;
    let mut of_another = call(OTHER);
    of_another["after"] = json!([{ "event": "call.commented", "at_s": 1, "content": "Rappeler Camille Moreau au 06.39.98.41.07", "user_id": 501 }]);
    let mentioned = stack.sandbox.play(&of_another).await?;
    let bystander = stack.sandbox.play(&call(OTHER)).await?;
    for call in [mentioned, bystander] {
        stack.sandbox.log_of(call, 2 * SOON, |_| true).await?;
    }
    let noted =
        format!("select count(*) from calls where call_id = {mentioned} and snapshot::text like '%06.39.98.41.07%'");
    let there = || async { (count(stack, &noted).await.ok()? == 1).then_some(()) };
    eventually(SOON, there).await.context("the note is known")?;
    let refused = json!([{ "api": "sellsy", "method": "POST", "path": "/phone-calls", "do": { "kind": "status", "status": 403 } }]);
    stack.sandbox.set_faults(&refused).await?;
    let parked = stack.sandbox.play(&call(CLIENT)).await?;
    let odd = json!({ "events": [{ "body": { "resource": "call", "event": "call.ended", "timestamp": 1_795_425_500, "data": { "raw_digits": "0639984107" } } }] });
    stack.sandbox.control(Method::POST, "/aircall/events", Some(&odd)).await?;
    let letters = async || {
        let (logger, ingest) = (stack.names.dead(Stage::Logger), stack.names.dead(Stage::Ingest));
        anyhow::Ok((stack.depth(&logger).await?, stack.depth(&ingest).await?))
    };
    let both = || async { (letters().await.ok()? == (1, 1)).then_some(()) };
    eventually(2 * SOON, both).await.context("two letters")?;
    stack.sandbox.set_faults(&json!([])).await?;
    for worker in &mut workers {
        worker.terminate(SOON).await?;
    }
    let summary = json!({ "summary": { "kind": "summary", "at": "2026-11-23T09:00:00Z", "text": "Camille Moreau rappelle demain" } });
    let by_hand = format!(
        "update calls set insights = '{summary}' where call_id = {logged};
         insert into directory_misses values ('+33639984107', now() + interval '1 hour');
         insert into inbox (kind, trace, body) values ('call.ended', 'x', convert_to('{{\"raw_digits\":\"+33 6 39 98 41 07\"}}', 'UTF8'));
         insert into inbox (kind, trace, body) values ('call.ended', 'x', convert_to('{{\"raw_digits\":\"+33 6 39 98 41 08\"}}', 'UTF8'))"
    );
    stack.database().await?.batch_execute(&by_hand).await?;
    Ok((vec![logged, mentioned, parked], bystander))
}

async fn count(stack: &Stack, sql: &str) -> Result<i64> {
    Ok(stack.database().await?.query_one(sql, &[]).await?.get(0))
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
    let told: Value = serde_json::from_str(&said).with_context(|| said.clone())?;
    assert_eq!((code, &told["erased"]), (Some(0), &json!(false)), "{said}");
    for (what, expected) in [
        ("calls", 3),
        ("ai_insights_of_calls", 1),
        ("records_of_the_phone_directory", 1),
        ("remembered_misses", 1),
        ("messages_in_the_inbox", 1),
        ("parked_messages", 2),
    ] {
        assert_eq!(told["found"][what], expected, "{what} in {said}");
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
    let kept = format!(
        "select count(*) from calls where call_id = {bystander} and snapshot is not null and sellsy_id is not null"
    );
    assert_eq!(count(&stack, &kept).await?, 1, "others are left alone");
    assert_eq!(count(&stack, "select count(*) from inbox").await?, 1);
    let lines = format!("select count(*) from timeline where call_id = {bystander}");
    assert!(count(&stack, &lines).await? > 0);
    assert_eq!(forget(&stack, &["--yes"]).await?.1, Some(1), "nothing is left to be found");
    assert_eq!(forget(&stack, &["--yes", "--json", "--dry-run"]).await?.1, Some(1));
    nothing_comes_back(&mut stack, &theirs).await?;
    stack.down().await
}

/// Aircall tells of the calls once more.
async fn nothing_comes_back(stack: &mut Stack, theirs: &[i64]) -> Result<()> {
    stack.database().await?.batch_execute("delete from inbox").await?;
    let logs = stack.sandbox.phone_calls().await?.len();
    let workers: Vec<Process> =
        vec![stack.start("ingest").await?, stack.start("resolver").await?, stack.start("logger").await?];
    for worker in &workers {
        worker.until_ready(SOON).await?;
    }
    stack.sandbox.deliver_to(&workers[0].url).await?;
    let calls = stack.sandbox.get("/aircall/calls").await?["calls"].clone();
    for call in
        calls.as_array().context("calls")?.iter().filter(|call| theirs.contains(&call["id"].as_i64().unwrap_or(0)))
    {
        let now = jiff::Timestamp::now().as_second() + 3600;
        let body = json!({ "resource": "call", "event": "call.ended", "timestamp": now, "data": call });
        stack.sandbox.control(Method::POST, "/aircall/events", Some(&json!({ "events": [{ "body": body }] }))).await?;
    }
    let skips =
        "select count(*) from timeline where what = 'skipped' and detail->>'reason' like '%its data were deleted%'";
    let expected = i64::try_from(theirs.len())?;
    let skipped = || async { (count(stack, skips).await.ok()? >= expected).then_some(()) };
    eventually(2 * SOON, skipped).await.context("every late event is skipped")?;
    assert_eq!(stack.sandbox.phone_calls().await?.len(), logs, "no call is logged again");
    let back =
        "select count(*) from calls where erased_at is not null and (snapshot is not null or resolution is not null)";
    assert_eq!(count(stack, back).await?, 0);
    drop(workers);
    Ok(())
}

//! Calls that make the workers use every endpoint of Sellsy that they know.

use std::time::Duration;

use anyhow::{Context, Result};
use harness::{Process, Sandbox, Stack, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{CLIENT, SOON};

/// An unclear POST rests for half a minute before anybody looks for it.
const UNTIL_ADOPTED: Duration = Duration::from_secs(60);

/// `workers` have loaded the directory, which takes the searches for all individuals, companies and contacts.
pub(super) async fn play(stack: &mut Stack, mut workers: Vec<Process>) -> Result<()> {
    let sandbox = &stack.sandbox;
    // Sellsy writes the first log, and its answer never comes: POST /phone-calls/search, in half a minute.
    sandbox.set_faults(&once(&json!({ "kind": "cut", "when": "after" }))).await?;
    let unclear = logged(sandbox, &answered("+33 6 39 98 00 02")).await?;

    // Sellsy takes no log on a record, so it is read again: GET /individuals/{id} and its like, and for the contact
    // GET /contacts/{id}/companies.
    for digits in ["+33 6 39 98 00 11", "+33 1 99 00 30 01", "+33 6 39 98 40 01"] {
        let error = json!({ "code": 400, "message": "?", "details": { "related": "?" }, "context": null });
        sandbox.set_faults(&once(&json!({ "kind": "status", "status": 400, "body": { "error": error } }))).await?;
        logged(sandbox, &answered(digits)).await?;
    }
    // The note comes when the log is there: PUT /phone-calls/{id}.
    let mut late = answered(CLIENT);
    late["pace_ms"] = json!(20);
    late["after"] = json!([{ "event": "call.commented", "at_s": 130, "content": "Rappeler lundi", "user_id": 501 }]);
    let noted = |log: &Value| log["description"].as_str().is_some_and(|text| text.contains("Rappeler lundi"));
    let late = sandbox.play(&late).await?;
    sandbox.log_of(late, SOON, noted).await?;
    various(sandbox).await?;
    newcomers(sandbox).await?;
    workers.remove(2).terminate(SOON).await?;
    workers.push(as_comment(stack).await?);

    let database = stack.database().await?;
    let adopted = || async {
        let sql = "select count(*) from timeline where call_id = $1 and what like '%adopted%'";
        let row = database.query_one(sql, &[&unclear]).await.ok()?;
        (row.get::<_, i64>(0) == 1).then_some(())
    };
    eventually(UNTIL_ADOPTED, adopted).await.context("the log is adopted")?;

    // One more replica: its first turn reads what has changed, contacts last.
    let before = stack.sandbox.count("sellsy", "POST /contacts/search").await?;
    workers.push(stack.start("resolver").await?);
    until_asked(&stack.sandbox, "POST /contacts/search", before + 1).await
}

/// Other forms of a log: an owner who is not the agent, nobody who answers, a voicemail; and a token that has ended.
async fn various(sandbox: &Sandbox) -> Result<()> {
    let mut stranger = answered("+44 7700 900014");
    stranger["user_id"] = json!(504);
    logged(sandbox, &stranger).await?;
    let missed = json!({ "direction": "outbound", "raw_digits": "+33 6 39 98 00 03", "number_id": 1001, "user_id": 502, "answered": false, "ring_s": 30, "pace_ms": 5 });
    logged(sandbox, &missed).await?;
    sandbox.control(Method::POST, "/sellsy/expire-tokens", None).await?;
    let voicemail = json!({ "direction": "inbound", "raw_digits": "+33 6 39 98 00 10", "number_id": 1001, "answered": false, "ring_s": 40, "voicemail": true, "pace_ms": 5 });
    logged(sandbox, &voicemail).await.map(drop)
}

/// A logger whose plan has no phone calls: POST /comments, whose answer never comes, then POST /comments/search and
/// PUT /comments/{id} for what it has made.
async fn as_comment(stack: &mut Stack) -> Result<Process> {
    let error = json!({ "code": 402, "message": "?", "details": [], "context": null });
    let faults = json!([
        { "api": "sellsy", "method": "POST", "path": "/phone-calls", "times": 1,
          "do": { "kind": "status", "status": 402, "body": { "error": error } } },
        { "api": "sellsy", "method": "POST", "path": "/comments", "times": 1, "do": { "kind": "cut", "when": "after" } },
    ]);
    stack.sandbox.set_faults(&faults).await?;
    stack.environment.insert("LOG_FALLBACK".into(), "comment".into());
    let logger = stack.start("logger").await?;
    let call = stack.sandbox.play(&answered(CLIENT)).await?;
    let database = stack.database().await?;
    let unclear = || async {
        let sql = "select intent_at is not null and lease_until is null and log_form = 'comment' from calls where call_id = $1";
        database.query_opt(sql, &[&call]).await.ok()??.get::<_, Option<bool>>(0)?.then_some(())
    };
    eventually(SOON, unclear).await.context("the comment's creation ended unclear")?;
    stack.pauses_end().await?;
    stack.sandbox.tag(call, &mut Value::Null, "VIP").await?;
    until_asked(&stack.sandbox, "PUT /comments/{id}", 1).await.map(|()| logger)
}

/// Those whom the directory does not know: GET /search, and for whom that does not find POST /contacts/search by each of
/// the two numbers.
async fn newcomers(sandbox: &Sandbox) -> Result<()> {
    let before = sandbox.count("sellsy", "POST /contacts/search").await?;
    sandbox.play(&answered("+33 6 39 98 99 01")).await?;
    until_asked(sandbox, "POST /contacts/search", before + 2).await?;
    for (path, phones, record) in [
        ("/sellsy/individuals", "digits", json!({ "type": "prospect", "mobile_number": "06.39.98.77.01" })),
        ("/sellsy/companies", "digits", json!({ "type": "client", "name": "Neuf", "phone_number": "+33639987702" })),
        ("/sellsy/contacts", "digits", json!({ "companies": [3001, 3002], "mobile_number": "06 39 98 77 03" })),
        ("/sellsy/contacts", "off", json!({ "mobile_number": "+33639987704" })),
    ] {
        let digits =
            record["phone_number"].as_str().or(record["mobile_number"].as_str()).context("a number")?.to_owned();
        let mut record = record;
        record["last_name"] = json!("Nouvelle");
        record["owner_id"] = json!(101);
        sandbox.control(Method::POST, path, Some(&record)).await?;
        sandbox.control(Method::PUT, "/sellsy/search", Some(&json!({ "phones": phones }))).await?;
        logged(sandbox, &answered(&digits)).await?;
    }
    sandbox.control(Method::PUT, "/sellsy/search", Some(&json!({ "phones": "digits" }))).await.map(drop)
}

fn answered(digits: &str) -> Value {
    json!({ "direction": "inbound", "raw_digits": digits, "number_id": 1001, "user_id": 501, "answered": true, "duration": 90, "pace_ms": 5 })
}

/// What happens to the next POST /phone-calls.
fn once(action: &Value) -> Value {
    json!([{ "api": "sellsy", "method": "POST", "path": "/phone-calls", "times": 1, "do": action }])
}

async fn logged(sandbox: &Sandbox, call: &Value) -> Result<i64> {
    let id = sandbox.play(call).await?;
    sandbox.log_of(id, SOON, |_| true).await?;
    Ok(id)
}

async fn until_asked(sandbox: &Sandbox, endpoint: &str, times: u64) -> Result<()> {
    let asked = || async { sandbox.count("sellsy", endpoint).await.ok().filter(|count| *count >= times) };
    eventually(SOON, asked).await.with_context(|| format!("{endpoint} is asked {times} times")).map(drop)
}

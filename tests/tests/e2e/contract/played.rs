//! Calls that make the workers use every endpoint of Sellsy that they know.

use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Stack, eventually};

use crate::{CLIENT, SOON};

/// An unclear POST rests for half a minute before anybody looks for it.
const UNTIL_ADOPTED: Duration = Duration::from_secs(60);

fn answered(digits: &str) -> Value {
    json!({ "direction": "inbound", "raw_digits": digits, "number_id": 1001, "user_id": 501, "answered": true, "duration": 90, "pace_ms": 5 })
}

pub(super) async fn play(stack: &Stack) -> Result<()> {
    let sandbox = &stack.sandbox;
    // Sellsy writes the first log, and its answer never comes: POST /phone-calls/search, in half a minute.
    let cut = json!([{ "api": "sellsy", "method": "POST", "path": "/phone-calls", "times": 1, "do": { "kind": "cut", "when": "after" } }]);
    sandbox.set_faults(&cut).await?;
    let unclear = sandbox.play(&answered("+33 6 39 98 00 02")).await?;
    sandbox.log_of(unclear, SOON, |_| true).await?;

    // An individual; the note comes when the log is there: PUT.
    let mut late = answered(CLIENT);
    late["pace_ms"] = json!(20);
    late["after"] = json!([{ "event": "call.commented", "at_s": 130, "content": "Rappeler lundi", "user_id": 501 }]);
    let late = sandbox.play(&late).await?;
    // A contact and its company: GET /contacts/{id}/companies.
    let contact = sandbox.play(&answered("+33 6 39 98 40 01")).await?;
    // A company, by a staff that Sellsy does not know; a call that nobody took; a voicemail.
    let mut company = answered("+33 1 99 00 30 01");
    company["user_id"] = json!(504);
    let company = sandbox.play(&company).await?;
    let missed = sandbox.play(&json!({ "direction": "outbound", "raw_digits": "+33 6 39 98 00 11", "number_id": 1001, "user_id": 502, "answered": false, "ring_s": 30, "pace_ms": 5 })).await?;
    let voicemail = sandbox.play(&json!({ "direction": "inbound", "raw_digits": "+33 6 39 98 00 10", "number_id": 1001, "answered": false, "ring_s": 40, "voicemail": true, "pace_ms": 5 })).await?;
    for call in [late, contact, company, missed, voicemail] {
        sandbox.log_of(call, SOON, |_| true).await?;
    }
    // Nobody: POST /contacts/search, with each of its two filters.
    sandbox.play(&answered("+33 6 39 98 99 01")).await?;
    until_asked(stack, "POST /contacts/search", 2).await?;
    // Somebody whom only the filter finds.
    sandbox.control(Method::PUT, "/sellsy/search", Some(&json!({ "phones": "off" }))).await?;
    let filtered = sandbox.play(&answered("+33 6 39 98 40 03")).await?;
    sandbox.log_of(filtered, SOON, |_| true).await?;
    sandbox.control(Method::PUT, "/sellsy/search", Some(&json!({ "phones": "digits" }))).await?;
    // The token ends: 401, and once more with a new one.
    sandbox.control(Method::POST, "/sellsy/expire-tokens", None).await?;
    let renewed = sandbox.play(&answered("+44 7700 900014")).await?;
    sandbox.log_of(renewed, SOON, |_| true).await?;

    let noted = |log: &Value| log["description"].as_str().is_some_and(|text| text.contains("Rappeler lundi"));
    sandbox.log_of(late, SOON, noted).await?;
    let database = stack.database().await?;
    let adopted = || async {
        let sql = "select count(*) from timeline where call_id = $1 and what like '%adopted%'";
        let row = database.query_one(sql, &[&unclear]).await.ok()?;
        (row.get::<_, i64>(0) == 1).then_some(())
    };
    eventually(UNTIL_ADOPTED, adopted).await.context("the log is adopted")
}

async fn until_asked(stack: &Stack, endpoint: &str, times: u64) -> Result<()> {
    let asked = || async { stack.sandbox.count("sellsy", endpoint).await.ok().filter(|count| *count >= times) };
    eventually(SOON, asked).await.with_context(|| format!("{endpoint} is asked {times} times")).map(drop)
}

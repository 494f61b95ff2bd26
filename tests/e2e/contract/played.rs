//! Calls that make the workers use every endpoint of Sellsy that they have code for.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::{
    CallRow, Line, Process, Sandbox, Stack,
    build::{AGENT, After, Call, call, company, contact, individual, note, sellsy, tag},
    eventually, says,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{CLIENT, SOON};

/// The topics are read for a rule that names one. The other rules make tasks, tags, steps and prospects.
pub(super) const RULES: &str = r#"
[tags]
"VIP" = { topic = "Support", result = "interrupt" }
"Suivi" = { task = "Préparer le devis", smart_tags = "Suivi", step = "Négociation", from = "Piste" }
"Salon" = { smart_tags = "Salon 2026", on = "opportunity" }
[missed]
after = "0s"
[unknown]
tags = "Prospect"
"#;

/// An unclear POST is left alone for 40 s before its log is searched for.
const UNTIL_ADOPTED: Duration = Duration::from_secs(60);

/// `workers` have loaded the directory, which covers the searches for all individuals, companies and contacts.
pub(super) async fn play(stack: &mut Stack, mut workers: Vec<Process>) -> Result<()> {
    let sandbox = &stack.sandbox;
    // Sellsy writes the first log, but its answer never arrives: POST /phone-calls/search, after 40 s.
    sandbox.set_faults([sellsy("POST /phone-calls").breaks(After).once()]).await?;
    let unclear = logged(sandbox, &answered("+33 6 39 98 00 02")).await?;

    // Sellsy accepts no log on a record, so the record is read again: GET /individuals/{id} and the equivalents, and for the
    // contact GET /contacts/{id}/companies.
    for digits in ["+33 6 39 98 00 11", "+33 1 99 00 30 01", "+33 6 39 98 40 01"] {
        let error = json!({ "code": 400, "message": "?", "details": { "related": "?" }, "context": null });
        sandbox.set_faults([sellsy("POST /phone-calls").answers_with(400, json!({ "error": error })).once()]).await?;
        logged(sandbox, &answered(digits)).await?;
    }
    // The note arrives when the log exists: PUT /phone-calls/{id}.
    let late = answered(CLIENT).paced(20).after(130, note("Rappeler lundi").by(AGENT));
    let late = sandbox.play(&late).await?;
    sandbox.log_of(late, SOON, says(&["Rappeler lundi"])).await?;
    // A person moves it to another record: GET /phone-calls/{id}.
    let (said, fine) = stack.callbridge(&["relink", &late.to_string(), "--to", "individual:2002"]).await?;
    ensure!(fine, "{said}");
    until_asked(sandbox, "GET /phone-calls/{id}", 1).await?;
    various(sandbox).await?;
    newcomers(sandbox).await?;
    let followups = stack.start("followups").await?;
    followups.until_ready(SOON).await?;
    workers.push(followups);
    follows(stack).await?;
    workers.remove(2).terminate(SOON).await?;
    workers.push(as_comment(stack).await?);

    let ledger = stack.ledger().await?;
    ledger.line_that(unclear, UNTIL_ADOPTED, Line::is_adoption).await.context("the log is adopted")?;

    // One more replica: its first turn reads what has changed, contacts last.
    let before = stack.sandbox.count("sellsy", "POST /contacts/search").await?;
    workers.push(stack.start("resolver").await?);
    until_asked(&stack.sandbox, "POST /contacts/search", before + 1).await
}

/// What follows from calls: tasks, one of which has no answer and is searched for, smart-tags on each kind of record, a step, a prospect.
async fn follows(stack: &Stack) -> Result<()> {
    let (sandbox, ledger) = (&stack.sandbox, stack.ledger().await?);
    sandbox.set_faults([sellsy("POST /tasks").breaks(After).once()]).await?;
    let tagged = |number: &str, name: &str| a_moment_ago(number).lasting(90).after(1, tag(name));
    sandbox.play(&tagged(CLIENT, "Suivi")).await?;
    sandbox.play(&tagged(CLIENT, "Salon")).await?;
    sandbox.play(&tagged("+33 1 99 00 30 01", "Suivi")).await?;
    sandbox.play(&tagged("+33 6 39 98 40 01", "Suivi")).await?;
    sandbox.play(&tagged("+33 6 39 98 77 05", "Prospect")).await?;
    sandbox.play(&a_moment_ago("+33 6 39 98 00 11").missed()).await?;
    let asked = async |endpoint: &str| {
        let asked = || async {
            ledger.followups_are_due().await.ok()?;
            stack.delays_end().await.ok()?;
            sandbox.count("sellsy", endpoint).await.ok().filter(|count| *count > 0)
        };
        eventually(SOON, asked).await.with_context(|| format!("{endpoint} is asked")).map(drop)
    };
    for endpoint in [
        "POST /tasks/search",
        "POST /individuals/{id}/smart-tags",
        "POST /companies/{id}/smart-tags",
        "POST /contacts/{id}/smart-tags",
        "POST /opportunities/{id}/smart-tags",
        "PATCH /opportunities/{id}",
        "POST /individuals",
    ] {
        asked(endpoint).await?;
    }
    let tasks = || async { (sandbox.get("/sellsy/tasks").await.ok()?.as_array()?.len() >= 4).then_some(()) };
    eventually(SOON, tasks).await.context("the tasks")?;
    // Somebody speaks with them: GET /tasks/{id}, PUT /tasks/{id}.
    sandbox.play(&a_moment_ago("+33 6 39 98 00 11").outbound().lasting(30)).await?;
    asked("PUT /tasks/{id}").await
}

fn a_moment_ago(number: &str) -> Call {
    call(number).started_at(jiff::Timestamp::now().as_second() - 120).at_once()
}

/// Other forms of a log: an owner who is not the agent, an unanswered call, a voicemail; and a token that has expired.
async fn various(sandbox: &Sandbox) -> Result<()> {
    logged(sandbox, &answered("+44 7700 900014").by(504)).await?;
    logged(sandbox, &call("+33 6 39 98 00 03").outbound().by(502).missed().ringing(30).paced(5)).await?;
    sandbox.control(Method::POST, "/sellsy/expire-tokens", None).await?;
    logged(sandbox, &call("+33 6 39 98 00 10").by_nobody().voicemail().ringing(40).paced(5)).await.map(drop)
}

/// A logger whose plan has no phone calls: POST /comments, whose answer never arrives, then POST /comments/search and
/// PUT /comments/{id} for the comment that it made.
async fn as_comment(stack: &mut Stack) -> Result<Process> {
    let error = json!({ "code": 402, "message": "?", "details": [], "context": null });
    let no_phone_calls = sellsy("POST /phone-calls").answers_with(402, json!({ "error": error })).once();
    stack.sandbox.set_faults([no_phone_calls, sellsy("POST /comments").breaks(After).once()]).await?;
    stack.environment.insert("LOG_FALLBACK".into(), "comment".into());
    let logger = stack.start("logger").await?;
    let call = stack.sandbox.play(&answered(CLIENT)).await?;
    let ledger = stack.ledger().await?;
    let unclear = |row: &CallRow| row.intent.is_some() && !row.leased && row.form.as_deref() == Some("comment");
    ledger.call_that(call, SOON, unclear).await.context("the comment's creation ended unclear")?;
    ledger.pauses_end().await?;
    stack.sandbox.tag(call, &mut Value::Null, "VIP").await?;
    until_asked(&stack.sandbox, "PUT /comments/{id}", 1).await?;
    // When it was made is not known, so it is read at its own address before the next change: GET /comments/{id}.
    ledger.forget_when_logs_were_made().await?;
    stack.sandbox.tag(call, &mut Value::Null, "Devis").await?;
    ledger.call_that(call, SOON, |row| row.due).await.context("the change is noticed")?;
    ledger.gathering_ends().await?;
    stack.delays_end().await?;
    until_asked(&stack.sandbox, "GET /comments/{id}", 1).await.map(|()| logger)
}

/// Callers who are not in the directory: GET /search, and for those that it does not find POST /contacts/search by each of
/// the two numbers.
async fn newcomers(sandbox: &Sandbox) -> Result<()> {
    let before = sandbox.count("sellsy", "POST /contacts/search").await?;
    sandbox.play(&answered("+33 6 39 98 99 01")).await?;
    until_asked(sandbox, "POST /contacts/search", before + 2).await?;
    for (digits, phones, record) in [
        ("06.39.98.77.01", "digits", individual("Nouvelle").prospect().mobile("06.39.98.77.01")),
        ("+33639987702", "digits", company("Neuf").client().phone("+33639987702")),
        ("06 39 98 77 03", "digits", contact("Nouvelle").of(&[3001, 3002]).mobile("06 39 98 77 03")),
        ("+33639987704", "off", contact("Nouvelle").mobile("+33639987704")),
    ] {
        sandbox.add(&record).await?;
        sandbox.control(Method::PUT, "/sellsy/search", Some(&json!({ "phones": phones }))).await?;
        logged(sandbox, &answered(digits)).await?;
    }
    sandbox.control(Method::PUT, "/sellsy/search", Some(&json!({ "phones": "digits" }))).await.map(drop)
}

fn answered(digits: &str) -> Call {
    call(digits).lasting(90).paced(5)
}

async fn logged(sandbox: &Sandbox, call: &Call) -> Result<i64> {
    let id = sandbox.play(call).await?;
    sandbox.logged(id, SOON).await?;
    Ok(id)
}

async fn until_asked(sandbox: &Sandbox, endpoint: &str, times: u64) -> Result<()> {
    let asked = || async { sandbox.count("sellsy", endpoint).await.ok().filter(|count| *count >= times) };
    eventually(SOON, asked).await.with_context(|| format!("{endpoint} is asked {times} times")).map(drop)
}

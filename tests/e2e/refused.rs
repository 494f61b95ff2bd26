//! Sellsy refuses something that is not the call's fault: the log is written all the same, as far as it can be.

use anyhow::{Context, Result};
use base::ids::Stage;
use harness::{
    Stack,
    build::{Fault, call, company, contact, individual, note, recording, sellsy},
    eventually, related, says,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{GATHERED, SOON};

const NUMBER: &str = "+33 6 39 98 67 67";
/// The staff member of the sandbox's account who is blocked.
const BLOCKED: i64 = 104;
const DEFAULT: i64 = 103;

/// Sellsy's answer to a log of which it does not accept this field.
fn refuses(requests: &str, field: &str) -> Fault {
    let details = json!({ field: "Cette valeur n'est pas valide" });
    let error = json!({ "error": { "code": 400, "message": "Les données sont invalides", "context": null, "details": details } });
    sellsy(requests).answers_with(400, error).once()
}

async fn nothing_is_parked(stack: &Stack) -> Result<()> {
    let letters = stack.dead_letters().await?;
    anyhow::ensure!(letters.is_empty(), "dead letters: {letters:?}; {:?}", stack.logs);
    Ok(())
}

/// What the timeline says about the call's opportunity.
async fn opportunity_rule(stack: &Stack, id: i64) -> Result<String> {
    let decided = stack.ledger().await?.line_that(id, SOON, |line| line.is("decided")).await?;
    Ok(decided.detail["opportunity_rule"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_log_gets_the_next_owner_in_line_if_one_cannot_own_it() -> Result<()> {
    let mut stack = Stack::new("owners").await?;
    stack.environment.insert("SELLSY_DEFAULT_OWNER_ID".into(), DEFAULT.to_string());
    let workers = stack.start_all().await?;
    let record = stack.sandbox.add(&individual("Perrot").client().mobile(NUMBER)).await?;
    stack.sandbox.change(&format!("individuals/{record}"), &json!({ "owner_id": BLOCKED })).await?;
    // Nobody answered, so there is no agent. Sellsy's list says that the record's owner is blocked.
    let missed = stack.sandbox.play(&call(NUMBER).missed()).await?;
    let log = stack.sandbox.logged(missed, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
    assert_eq!(log["owner"]["id"], DEFAULT);
    assert_eq!(stack.sandbox.answers("sellsy", 400).await?, 0, "no request was spent on finding out");

    // Elodie, staff 101, has left since the list was read.
    stack.sandbox.set_faults([refuses("POST /phone-calls", "owner_id")]).await?;
    let answered = stack.sandbox.play(&call(NUMBER).by(501)).await?;
    let log = stack.sandbox.logged(answered, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
    assert_eq!(log["owner"]["id"], DEFAULT);
    nothing_is_parked(&stack).await?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_text_that_is_refused_as_too_long_is_written_shorter() -> Result<()> {
    let (stack, workers) = Stack::running("too_long").await?;
    stack.sandbox.add(&individual("Tardif").client().mobile(NUMBER)).await?;
    let faults = [refuses("POST /phone-calls", "description"), refuses("POST /phone-calls", "description")];
    stack.sandbox.set_faults(faults).await?;
    let long = "Il demande si le devis comprend la pose. ".repeat(400);
    // Both before the end, so that the log is long when it is created.
    let talk = call(NUMBER).recorded().after(0, note(&long)).after(1, recording());
    let id = stack.sandbox.play(&talk).await?;
    let has_link = |log: &Value| says(&["Il demande si", "/recording", "[…]"])(log);
    let log = stack.sandbox.log_of(id, GATHERED, has_link).await.with_context(|| format!("{:?}", stack.logs))?;
    let text = log["description"].as_str().context("description")?;
    assert!(text.starts_with(&format!("Aircall call {id}")), "{text}");
    assert!(text.chars().count() <= 1_000, "{} characters", text.chars().count());
    nothing_is_parked(&stack).await?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_contact_whose_company_is_gone_is_logged_without_it() -> Result<()> {
    let (stack, workers) = Stack::running("company_gone").await?;
    let gone = stack.sandbox.add(&company("Partie").client()).await?;
    let person = stack.sandbox.add(&contact("Restant").mobile(NUMBER).of(&[gone])).await?;
    let first = stack.sandbox.play(&call(NUMBER)).await?;
    let on_both = [("contact".to_owned(), person), ("company".to_owned(), gone)];
    assert_eq!(related(&stack.sandbox.logged(first, SOON).await?), on_both);
    // The directory still has the company of the contact.
    stack.sandbox.delete(&format!("companies/{gone}")).await?;
    let second = stack.sandbox.play(&call(NUMBER)).await?;
    let log = stack.sandbox.logged(second, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
    assert_eq!(related(&log), [("contact".to_owned(), person)]);

    // Sellsy names a company that no log can be linked to.
    let merged = json!({ "data": [{ "id": gone, "name": "Partie", "type": "client", "is_archived": false }],
                         "pagination": { "limit": 25, "count": 1, "total": 1, "offset": 1 } });
    stack.sandbox.set_faults([sellsy("GET /contacts/{id}/companies").answers_with(200, merged)]).await?;
    let other = stack.sandbox.add(&contact("Autre").mobile("+33 6 39 98 67 68").of(&[])).await?;
    let third = stack.sandbox.play(&call("+33 6 39 98 67 68")).await?;
    let log = stack.sandbox.logged(third, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
    assert_eq!(related(&log), [("contact".to_owned(), other)]);
    nothing_is_parked(&stack).await?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_right_that_is_missing_costs_the_opportunity_and_not_the_log() -> Result<()> {
    let (stack, workers) = Stack::running_with("rights", &[crate::ASKING]).await?;
    let faults =
        [sellsy("POST /opportunities/search").answers(403), sellsy("GET /contacts/{id}/companies").answers(402)];
    stack.sandbox.set_faults(faults).await?;
    let at_work = stack.sandbox.add(&contact("Vidal").mobile(NUMBER).of(&[3001])).await?;
    for (number, record, rule) in [
        (crate::CLIENT, ("individual", 2001), "Sellsy does not let us read opportunities (SELLSY_FORBIDDEN): none"),
        (
            NUMBER,
            ("contact", at_work),
            "Sellsy does not let us read a contact's companies (SELLSY_PLAN): no opportunity",
        ),
    ] {
        let id = stack.sandbox.play(&call(number)).await?;
        let log = stack.sandbox.logged(id, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
        assert_eq!(related(&log), [(record.0.to_owned(), record.1)]);
        assert_eq!(opportunity_rule(&stack, id).await?, rule);
    }
    let asked = stack.sandbox.count("sellsy", "POST /opportunities/search").await?;
    let again = stack.sandbox.play(&call(crate::CLIENT).losing(&["call.created"])).await?;
    stack.sandbox.logged(again, SOON).await?;
    assert_eq!(stack.sandbox.count("sellsy", "POST /opportunities/search").await?, asked, "the refusal is remembered");
    nothing_is_parked(&stack).await?;
    drop(workers);
    stack.down().await
}

/// Somebody imports contacts into Sellsy, which reports each of them.
#[tokio::test]
async fn thousands_of_reported_changes_keep_no_call_waiting() -> Result<()> {
    const SECRET: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";
    const CHANGES: usize = 2_000;
    let mut stack = Stack::new("import").await?;
    stack.environment.insert("SELLSY_WEBHOOK_SECRET".into(), SECRET.into());
    // As a small plan has it.
    stack.environment.insert("SELLSY_REQUESTS_PER_SECOND".into(), "5".into());
    stack.environment.insert("SELLSY_REQUESTS_PER_MINUTE".into(), "149".into());
    let workers = stack.start_all().await?;
    let ledger = stack.ledger().await?;
    let url = format!("{}/webhooks/sellsy/{SECRET}", workers[0].url);
    let client = reqwest::Client::new();
    let notices = (0..CHANGES).map(|n| {
        let notice = json!({ "eventType": "people", "event": "updated", "timestamp": "1778187955", "relatedtype": "people",
                             "relatedid": (700_000 + n).to_string() });
        let (client, url) = (client.clone(), url.clone());
        async move { client.request(Method::POST, url).json(&notice).send().await?.error_for_status().map(drop) }
    });
    let mut notices: Vec<_> = notices.map(Box::pin).collect();
    while !notices.is_empty() {
        let some = notices.split_off(notices.len().saturating_sub(50));
        futures_util::future::try_join_all(some).await?;
    }
    let id = stack.sandbox.play(&call(crate::CLIENT)).await?;
    stack.sandbox.logged(id, SOON).await.with_context(|| format!("{:?}", stack.logs))?;
    let followed = || async { (stack.depth(&stack.names.work(Stage::Hints)).await.ok()? == 0).then_some(()) };
    eventually(SOON, followed).await.context("all hints are noted")?;
    let asked = stack.sandbox.count("sellsy", "GET /contacts/{id}").await?;
    assert!(asked < 200, "{asked} records were read one by one");
    let turned = || async { ledger.directory_has_turned_on_request().await.ok()?.then_some(()) };
    eventually(SOON, turned).await.context("one turn reads the changes instead")?;
    nothing_is_parked(&stack).await?;
    drop(workers);
    stack.down().await
}

//! What the buttons of the console do beside retrying and moving: each act works, is refused where it cannot be done, and stands in the audit.

use anyhow::{Context, Result, ensure};
use base::ids::Stage;
use harness::{
    Stack,
    build::{call, individual, sellsy},
    related,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Answer, Visitor, operator};
use crate::{CLIENT, SOON};

/// The last end of an act, as the audit has it: its result and of what.
async fn last(stack: &Stack, act: &str) -> Result<Value> {
    let (said, good) = stack.callbridge(&["audit", "--json", "--act", act]).await?;
    ensure!(good, "{said}");
    let kept: Vec<Value> = serde_json::from_str(&said)?;
    kept.into_iter().next().with_context(|| format!("{act} stands in the audit"))
}

/// The page was answered so, and the audit says so.
async fn ended(stack: &Stack, act: &str, answer: &Answer, status: StatusCode, result: &str) -> Result<Value> {
    ensure!(answer.status == status, "{act}: {} {}", answer.status, answer.text);
    let kept = last(stack, act).await?;
    ensure!(kept["result"] == result, "{act}: {kept}");
    Ok(kept)
}

/// A call's page of JSON, for the operator of the page.
async fn story(visitor: &Visitor, call: i64) -> Result<Value> {
    Ok(serde_json::from_str(&visitor.get(&format!("/api/calls/{call}")).await?)?)
}

#[tokio::test]
async fn a_log_is_written_again_when_somebody_asks() -> Result<()> {
    let (mut stack, mut workers) = Stack::running("acts_write").await?;
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    let ledger = stack.ledger().await?;
    let id = stack.sandbox.play(&call(CLIENT).lasting(90).at_once()).await?;
    let log = stack.sandbox.logged(id, SOON).await?;
    let path = format!("/calls/{id}");
    operator.says(&path, "Write the log again").await?;

    // The logger has become one that writes in French. It writes no log again by itself; what a person has written stays.
    let text = format!("Pressé.\n{}", log["description"].as_str().unwrap_or_default());
    stack.sandbox.change(&format!("phone-calls/{}", log["id"]), &json!({ "description": text })).await?;
    stack.environment.insert("LOG_LANGUAGE".into(), "fr".into());
    workers[2].terminate(SOON).await?;
    workers[2] = stack.start("logger").await?;
    let answer = operator.post(&format!("{path}/write-again"), &[]).await?;
    let kept = ended(&stack, "write_again", &answer, StatusCode::SEE_OTHER, "done").await?;
    ensure!(kept["subject"]["call"] == id && kept["who"] == "Inès Caron", "{kept}");
    let in_french = |log: &Value| {
        log["description"].as_str().is_some_and(|text| text.starts_with("Pressé.\n") && text.contains("Appel entrant"))
    };
    stack.sandbox.log_of(id, SOON, in_french).await.context("it is written")?;
    // Nothing has changed since: it is read, and nothing is sent.
    operator.post(&format!("{path}/write-again"), &[]).await?;
    ledger.line_that(id, SOON, |line| line.is("log_up_to_date")).await?;
    let story = operator.get(&path).await?;
    ensure!(
        story.contains("A person asked for the log to be written again") && !story.contains("message was lost"),
        "{story}"
    );
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 1);

    // What cannot be written says why.
    let unknown = stack.sandbox.play(&call("+33 6 39 98 99 01").lasting(90).at_once()).await?;
    ledger.call_that(unknown, SOON, |row| row.unmatched).await?;
    for (call, status) in [(77, StatusCode::NOT_FOUND), (unknown, StatusCode::CONFLICT)] {
        let answer = operator.post(&format!("/calls/{call}/write-again"), &[]).await?;
        ended(&stack, "write_again", &answer, status, "refused").await?;
    }
    stack.sandbox.set_faults([sellsy("POST /phone-calls").answers(403)]).await?;
    let parked = stack.sandbox.play(&call(CLIENT).lasting(90).at_once()).await?;
    stack.parked(Stage::Logger, 1, 2 * SOON).await?;
    let answer = operator.post(&format!("/calls/{parked}/write-again"), &[]).await?;
    let kept = ended(&stack, "write_again", &answer, StatusCode::CONFLICT, "refused").await?;
    ensure!(kept["detail"].as_str().is_some_and(|why| why.contains("dead letter")), "{kept}");
    stack.sandbox.set_faults([]).await?;
    // A log that a person has deleted is not made again.
    stack.sandbox.delete(&format!("phone-calls/{}", log["id"])).await?;
    operator.post(&format!("{path}/write-again"), &[]).await?;
    ledger.line_that(id, SOON, |line| line.is("log_deleted")).await?;
    let answer = operator.post(&format!("{path}/write-again"), &[]).await?;
    ended(&stack, "write_again", &answer, StatusCode::CONFLICT, "refused").await?;
    stack.callbridge(&["forget", CLIENT, "--yes"]).await?;
    let answer = operator.post(&format!("{path}/write-again"), &[]).await?;
    ensure!(answer.status == StatusCode::CONFLICT && answer.text.contains("deleted"), "{}", answer.text);
    drop((workers, console));
    stack.down().await
}

#[tokio::test]
async fn a_caller_is_looked_up_again_when_somebody_asks() -> Result<()> {
    let (stack, workers) = Stack::running("acts_look_up").await?;
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    let ledger = stack.ledger().await?;
    let number = "+33 6 39 98 99 02";
    let id = stack.sandbox.play(&call(number).lasting(90).at_once()).await?;
    ledger.call_that(id, SOON, |row| row.unmatched).await?;
    // So old that it is not logged by itself any more.
    ledger.call_ages(id, 30).await?;
    let path = format!("/calls/{id}");
    operator.says(&path, "Too old to be logged by itself").await?;
    let answer = operator.post(&format!("{path}/look-up"), &[]).await?;
    ended(&stack, "look_up_again", &answer, StatusCode::SEE_OTHER, "done").await?;
    ensure!(ledger.call(id).await?.is_some_and(|row| row.unmatched), "nobody has it");

    let person = stack.sandbox.add(&individual("Nadia Ferrand").client().mobile(number)).await?;
    let answer = operator.post(&format!("{path}/look-up"), &[]).await?;
    ended(&stack, "look_up_again", &answer, StatusCode::SEE_OTHER, "done").await?;
    let log = stack.sandbox.logged(id, SOON).await?;
    ensure!(related(&log) == [("individual".to_owned(), person)], "{log}");
    let told = story(&operator, id).await?;
    let lines = told["timeline"].as_array().context("a story")?;
    ensure!(lines.iter().filter(|line| line["key"] == "decided_again").count() == 2, "{told}");
    ensure!(lines.iter().all(|line| line["key"] != "handed_on"), "{told}");

    // Of a call that has a record it is only told, with the button that moves it.
    let answer = operator.post(&format!("{path}/look-up"), &[]).await?;
    ensure!(answer.text.contains("The same record and the same opportunity"), "{}", answer.text);
    stack.callbridge(&["relink", &id.to_string(), "--to", "individual:2002"]).await?;
    let answer = operator.post(&format!("{path}/look-up"), &[]).await?;
    ensure!(
        answer.text.contains("The call is logged elsewhere") && answer.text.contains("Move here"),
        "{}",
        answer.text
    );
    let answer = operator.post("/api/calls/77/look-up", &[]).await?;
    ended(&stack, "look_up_again", &answer, StatusCode::NOT_FOUND, "refused").await?;
    ensure!(answer.text.contains("error"), "{}", answer.text);
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 1);
    drop((workers, console));
    stack.down().await
}

/// Run by a button: what is wrong comes first, in both languages, and any console shows the result.
#[tokio::test]
async fn the_installation_is_checked_from_a_page() -> Result<()> {
    let (stack, workers) = Stack::running("acts_check").await?;
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    let page = operator.get("/check").await?;
    ensure!(page.contains("Nothing has been checked") && page.contains("requests to Aircall and"), "{page}");
    let (aircall, sellsy) = (stack.sandbox.requests("aircall").await?, stack.sandbox.requests("sellsy").await?);
    operator.get("/check").await?;
    let told: Value = serde_json::from_str(&operator.get("/api/check").await?)?;
    ensure!(told["works"].is_null() && told["checked_at"].is_null() && told["findings"] == json!([]), "{told}");
    ensure!(stack.sandbox.requests("aircall").await? == aircall, "a page sends nothing");

    crate::check::webhook(&stack, &json!({ "active": false })).await?;
    let aircall = aircall.max(stack.sandbox.requests("aircall").await?);
    let answer = operator.post("/check", &[]).await?;
    let kept = ended(&stack, "check", &answer, StatusCode::SEE_OTHER, "done").await?;
    ensure!(kept["detail"].as_str().is_some_and(|detail| detail.contains("checks, ")), "{kept}");
    let sent = |api: &str, before: u64, after: u64| {
        let most = told["requests"][api].as_u64().unwrap_or_default();
        ensure!((1..=most).contains(&(after - before)), "{api}: {} of at most {most}", after - before);
        Ok(())
    };
    sent("aircall", aircall, stack.sandbox.requests("aircall").await?)?;
    sent("sellsy", sellsy, stack.sandbox.requests("sellsy").await?)?;
    let page = operator.get("/check").await?;
    for text in ["by Inès Caron", "Sellsy scope phonecalls.write", "granted"] {
        ensure!(page.contains(text), "{text}: {page}");
    }
    let (failed, fine) = (page.find("id=\"failed\""), page.find("id=\"fine\""));
    ensure!(failed.is_some() && failed < fine, "{page}");
    let french = operator.get("/check?lang=fr").await?;
    for text in ["droit phonecalls.write dans Sellsy", "accordé", "il est désactivé", "En panne"] {
        ensure!(french.contains(text), "{text}: {french}");
    }
    for english in ["granted", "all three kinds", "connected", "disabled", "make sure that"] {
        ensure!(!french.contains(&format!(">{english}")), "{english}: {french}");
    }
    let told: Value = serde_json::from_str(&operator.get("/api/check?lang=en").await?)?;
    ensure!(told["works"] == false && told["findings"].as_array().is_some_and(|all| all.len() > 40), "{told}");
    ensure!(told["findings"][0]["state"] == "failed" && told["findings"][0]["cure"].is_string(), "{told}");

    // Of a second console, which has checked nothing.
    let other = stack.start_console().await?;
    let told: Value = serde_json::from_str(&super::operator(&other).await?.get("/api/check").await?)?;
    ensure!(told["by"] == "Inès Caron" && told["findings"].as_array().is_some_and(|all| all.len() > 40), "{told}");
    drop((workers, console, other));
    stack.down().await
}

#[tokio::test]
async fn the_webhook_is_looked_at_and_repaired_from_a_page() -> Result<()> {
    let mut stack = Stack::new("acts_webhook").await?;
    let url = "https://calls.example.com/webhooks/aircall";
    let (said, _) = stack.callbridge(&["webhook", "install", "--url", url]).await?;
    let token = said.split("AIRCALL_WEBHOOK_TOKENS=").nth(1).and_then(|rest| rest.split(' ').next());
    let token = token.with_context(|| said.clone())?.to_owned();
    stack.environment.insert("AIRCALL_WEBHOOK_TOKENS".into(), token.clone());
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    operator.get("/webhook").await?;
    let page = operator.post("/webhook", &[]).await?.text;
    ensure!(page.contains("A webhook delivers all that is needed") && page.contains(url), "{page}");
    // Aircall has disabled it.
    crate::check::webhook(&stack, &json!({ "active": false })).await?;
    let page = format!("{page}{}", operator.post("/webhook", &[]).await?.text);
    ensure!(page.contains("No webhook delivers all that is needed") && page.contains(">Repair</button>"), "{page}");
    let answer = operator.post("/webhook/install", &[("url", "https://calls.example.com/elsewhere")]).await?;
    ended(&stack, "webhook_install", &answer, StatusCode::BAD_REQUEST, "refused").await?;
    let answer = operator.post("/webhook/install", &[("url", url)]).await?;
    ended(&stack, "webhook_install", &answer, StatusCode::OK, "done").await?;
    ensure!(answer.text.contains("A webhook delivers all that is needed"), "{}", answer.text);
    let told: Value = serde_json::from_str(&operator.get("/api/webhook").await?)?;
    ensure!(told["delivers"] == true, "{told}");
    let all = [page, answer.text, told.to_string(), console.output()].join("\n");
    ensure!(!all.contains(&token), "no token is shown");
    // Aircall does not answer: that stands in the audit.
    stack.sandbox.set_faults([harness::build::aircall("GET /webhooks").answers(500)]).await?;
    let answer = operator.post("/webhook/install", &[("url", url)]).await?;
    ended(&stack, "webhook_install", &answer, StatusCode::SERVICE_UNAVAILABLE, "failed").await?;
    drop(console);
    stack.down().await
}

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
    let stack = Stack::new("acts_webhook").await?;
    let url = "https://calls.example.com/webhooks/aircall";
    let (said, fine) = stack.callbridge(&["webhook", "install", "--url", url]).await?;
    ensure!(fine, "{said}");
    let (_, token) = crate::webhook_tokens::made(&stack, url).await?;
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
    stack.sandbox.set_faults([harness::build::aircall("/v1/webhooks").answers(500)]).await?;
    let answer = operator.post("/webhook/install", &[("url", url)]).await?;
    ended(&stack, "webhook_install", &answer, StatusCode::SERVICE_UNAVAILABLE, "failed").await?;
    drop(console);
    stack.down().await
}

/// A call of some days ago, which no webhook has brought.
async fn past_call(stack: &Stack) -> Result<i64> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs().cast_signed();
    stack.sandbox.play(&call(CLIENT).lasting(90).started_at(now - 2 * 86_400)).await
}

pub(super) async fn json_of(visitor: &Visitor, path: &str) -> Result<Value> {
    Ok(serde_json::from_str(&visitor.get(path).await?)?)
}

#[tokio::test]
async fn missing_calls_are_brought_in_from_a_page() -> Result<()> {
    let mut stack = Stack::new("acts_backfill").await?;
    let missing = past_call(&stack).await?;
    let workers = stack.start_all().await?;
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    ensure!(operator.get("/backfill").await?.contains("Which period?"));
    let since = (jiff::Zoned::now().date() - jiff::Span::new().days(4)).to_string();
    let period = [("since", since.as_str()), ("until", "")];
    let page = operator.post("/backfill", &period).await?.text;
    ensure!(page.contains("1 calls in Aircall") && page.contains("about 1 requests"), "{page}");
    for wrong in ["", "2020-01-01", "2030-01-01", "soon"] {
        let answer = operator.post("/backfill/start", &[("since", wrong)]).await?;
        ended(&stack, "backfill", &answer, StatusCode::BAD_REQUEST, "refused").await?;
    }
    let over = async |path: &str, act: &str| -> Result<Value> {
        let answer = operator.post(path, &period).await?;
        ensure!(answer.status == StatusCode::SEE_OTHER, "{}", answer.text);
        let ended = || async {
            json_of(&operator, "/api/backfill").await.ok().filter(|told| told["last"]["ended_at"].is_string())
        };
        let told = harness::eventually(2 * SOON, ended).await.context("it ends")?;
        let has_result = || async { last(&stack, act).await.ok().filter(|kept| kept["result"] == "done") };
        let kept = harness::eventually(SOON, has_result).await.context("the audit has its end")?;
        ensure!(kept["subject"]["since"] == since.as_str() && kept["detail"] == "1 calls listed, 1 missing", "{kept}");
        Ok(told)
    };
    let told = over("/backfill/count", "backfill_count").await?;
    ensure!(told["last"]["dry_run"] == true && told["last"]["tally"]["missing"] == 1, "{told}");
    ensure!(stack.sandbox.phone_calls().await?.is_empty(), "only counted");
    let told = over("/backfill/start", "backfill").await?;
    ensure!(told["last"]["dry_run"] == false && told["last"]["by"] == "Inès Caron", "{told}");
    stack.sandbox.logged(missing, SOON).await?;
    // Another console shows it.
    let other = stack.start_console().await?;
    let page = super::operator(&other).await?.get("/backfill").await?;
    ensure!(page.contains("Missing calls, the last time") && page.contains("Inès Caron"), "{page}");
    drop((workers, console, other));
    stack.down().await
}

/// Its progress is in the database: one console carries it out, another one stops it, and it goes on from there.
#[tokio::test]
async fn a_backfill_is_stopped_from_another_console() -> Result<()> {
    let stack = Stack::new("acts_stop").await?;
    for _ in 0..3 {
        past_call(&stack).await?;
    }
    let (one, two) = (stack.start_console().await?, stack.start_console().await?);
    let (first, second) = (operator(&one).await?, operator(&two).await?);
    let answer = first.post("/backfill/stop", &[]).await?;
    ended(&stack, "backfill_stop", &answer, StatusCode::CONFLICT, "refused").await?;
    let slow = harness::build::aircall("GET /v1/calls").takes(std::time::Duration::from_secs(5));
    stack.sandbox.set_faults([slow]).await?;
    let since = (jiff::Zoned::now().date() - jiff::Span::new().days(4)).to_string();
    let answer = first.post("/backfill/start", &[("since", since.as_str())]).await?;
    ensure!(answer.status == StatusCode::SEE_OTHER, "{}", answer.text);
    second.says("/backfill", "Running").await?;
    let answer = second.post("/backfill/start", &[("since", since.as_str())]).await?;
    ended(&stack, "backfill", &answer, StatusCode::CONFLICT, "refused").await?;
    let answer = second.post("/backfill/stop", &[]).await?;
    ended(&stack, "backfill_stop", &answer, StatusCode::SEE_OTHER, "done").await?;
    let rests =
        || async { json_of(&first, "/api/backfill").await.ok().filter(|told| told["last"]["goes_on"] == false) };
    harness::eventually(SOON, rests).await.context("it stops")?;
    drop((one, two));
    stack.down().await
}

#[tokio::test]
async fn a_person_is_forgotten_from_a_page() -> Result<()> {
    let (stack, workers) = Stack::running("acts_forget").await?;
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    let id = stack.sandbox.play(&call(CLIENT).lasting(90).at_once()).await?;
    stack.sandbox.logged(id, SOON).await?;
    let page = operator.post("/forget", &[("number", CLIENT)]).await?.text;
    for text in
        ["What would be erased", "Erase for good", "To be erased in Sellsy by hand", "Come back with the directory"]
    {
        ensure!(page.contains(text), "{text}: {page}");
    }
    ensure!(stack.ledger().await?.call(id).await?.is_some_and(|row| row.resolved), "a preview changes nothing");
    // By the call's id, too.
    let page = operator.post("/forget", &[("number", &id.to_string())]).await?.text;
    ensure!(page.contains("Erase for good"), "{page}");
    let answer = operator.post("/forget/erase", &[("number", "what?")]).await?;
    ended(&stack, "forget", &answer, StatusCode::BAD_REQUEST, "refused").await?;
    let answer = operator.post("/forget/erase", &[("number", CLIENT)]).await?;
    let kept = ended(&stack, "forget", &answer, StatusCode::OK, "done").await?;
    let audit = stack.callbridge(&["audit", "--json"]).await?.0;
    ensure!(
        kept["subject"]["number"].is_string() && !audit.contains("639984107") && !audit.contains("39 98 41"),
        "{audit}"
    );
    operator.says(&format!("/calls/{id}"), "Erased").await?;
    let answer = operator.post("/forget/erase", &[("number", "+33 6 39 98 55 55")]).await?;
    ended(&stack, "forget", &answer, StatusCode::NOT_FOUND, "refused").await?;
    ensure!(!console.output().contains("63998"), "no number is logged");
    drop((workers, console));
    stack.down().await
}

#[tokio::test]
async fn numbers_are_pinned_and_rules_tried_from_pages() -> Result<()> {
    let (stack, workers) = Stack::running("acts_pins").await?;
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    ensure!(operator.get("/pins").await?.contains("No number is pinned"));
    let answer = operator.post("/pins", &[("number", CLIENT), ("to", "individual:2002")]).await?;
    let kept = ended(&stack, "pin", &answer, StatusCode::SEE_OTHER, "done").await?;
    ensure!(kept["subject"]["to"] == "individual:2002" && !kept.to_string().contains("639984107"), "{kept}");
    let page = operator.get("/pins").await?;
    ensure!(page.contains("+33639984107") && page.contains("Individual 2002") && page.contains("Inès Caron"), "{page}");
    for (number, to, status) in [
        ("what?", "individual:2002", StatusCode::BAD_REQUEST),
        (CLIENT, "2002", StatusCode::BAD_REQUEST),
        (CLIENT, "individual:999999", StatusCode::NOT_FOUND),
    ] {
        let answer = operator.post("/pins", &[("number", number), ("to", to)]).await?;
        ended(&stack, "pin", &answer, status, "refused").await?;
    }
    let id = stack.sandbox.play(&call(CLIENT).lasting(90).at_once()).await?;
    let log = stack.sandbox.logged(id, SOON).await?;
    ensure!(related(&log).first() == Some(&("individual".to_owned(), 2002)), "{log}");
    let answer = operator.post("/pins/remove", &[("number", CLIENT)]).await?;
    ended(&stack, "unpin", &answer, StatusCode::SEE_OTHER, "done").await?;
    let answer = operator.post("/pins/remove", &[("number", CLIENT)]).await?;
    ended(&stack, "unpin", &answer, StatusCode::NOT_FOUND, "refused").await?;

    ensure!(operator.get("/rules").await?.contains("RULES is not set"));
    let ignores = format!("[calls]\nignore = [\"{CLIENT}\"]\n");
    let page = operator.post("/rules", &[("rules", &ignores), ("days", "1")]).await?.text;
    ensure!(page.contains("not logged:") && page.contains(&format!("/calls/{id}")), "{page}");
    let page = operator.post("/rules", &[("rules", "[calls]\nnonsense = 1\n")]).await?.text;
    ensure!(page.contains("To correct (1)") && page.contains("nonsense"), "{page}");
    let french = operator.post("/rules?lang=fr", &[("rules", "[calls]\nnonsense = 1\nhours = 3\n")]).await?.text;
    for text in [
        "Ligne 2",
        "<code>nonsense</code> : clé inconnue pour <code>calls</code>",
        "écrivez own_lines, suppliers, ignore, inbound, outbound, lines ou hours",
        "commencez-la par [calls.hours]",
    ] {
        ensure!(french.contains(text), "{text}: {french}");
    }
    let page = operator.post("/rules", &[("rules", "[calls]\n")]).await?.text;
    ensure!(page.contains("nothing would have been different"), "{page}");

    // Everything is read again, and what it costs is said before.
    let page = operator.get("/directory").await?;
    ensure!(page.contains("Read everything again") && page.contains("about 3 requests"), "{page}");
    for (form, status, result) in [
        (&[("everything", "yes"), ("kind", "company")][..], StatusCode::SEE_OTHER, "done"),
        (&[("everything", "fewer")], StatusCode::SEE_OTHER, "done"),
        (&[("everything", "maybe")], StatusCode::BAD_REQUEST, "refused"),
        (&[("kind", "staff")], StatusCode::BAD_REQUEST, "refused"),
    ] {
        let answer = operator.post("/directory/sync", form).await?;
        ended(&stack, "directory_sync", &answer, status, result).await?;
    }
    drop((workers, console));
    stack.down().await
}

#[tokio::test]
async fn what_follows_from_calls_is_listed_and_tried_again() -> Result<()> {
    let (stack, workers) = Stack::running("acts_followups").await?;
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    ensure!(operator.get("/followups").await?.contains("Nothing follows"));
    let client = stack.connection().await?;
    client
        .batch_execute(
            "insert into followups (key, call_id, calls, number, sellsy_id, over, due_at, may_exist)
             values ('missed:7', 7, '{7}', '+33639984107', 9001, null, now() + interval '1 hour', false),
                    ('prospect:8', 8, '{8}', '+33639984108', 2099, 'deleted', null, false)",
        )
        .await?;
    let page = operator.get("/followups").await?;
    ensure!(page.contains("Task for a missed call") && page.contains("9001") && page.contains("Try now"), "{page}");
    let answer = operator.post("/followups/retry", &[("key", "missed:7")]).await?;
    ended(&stack, "followup_retry", &answer, StatusCode::SEE_OTHER, "done").await?;
    for (key, status) in [
        ("prospect:8", StatusCode::CONFLICT),
        ("missed:99", StatusCode::NOT_FOUND),
        ("nonsense", StatusCode::BAD_REQUEST),
    ] {
        let answer = operator.post("/followups/retry", &[("key", key)]).await?;
        ended(&stack, "followup_retry", &answer, status, "refused").await?;
    }
    let told = json_of(&operator, "/api/followups?state=over&kind=prospect").await?;
    ensure!(told["followups"].as_array().is_some_and(|all| all.len() == 1 && all[0]["key"] == "prospect:8"), "{told}");
    drop((workers, console));
    stack.down().await
}

//! What a stranger saw wrong on the pages: erased calls, searches that found nobody, outages that nothing said.

use anyhow::{Context, Result, ensure};
use base::ids::Stage;
use harness::{
    Stack,
    build::{call, sellsy},
    eventually,
};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::operator;
use crate::{CLIENT, SOON};

/// Whatever people type for a call finds it, and what was not understood is said.
#[tokio::test]
async fn a_search_finds_what_people_mean() -> Result<()> {
    let (stack, workers) = Stack::running("console_search").await?;
    let shared = stack.sandbox.play(&call("+33 6 39 98 00 04")).await?;
    let client = stack.sandbox.play(&call(CLIENT)).await?;
    let log = stack.sandbox.logged(client, SOON).await?;
    stack.sandbox.logged(shared, SOON).await?;
    let log = log["id"].as_i64().context("an id")?;
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    operator.says("/calls", &format!("/calls/{client}")).await?;
    for (query, found) in [
        ("Roussel Marc", true),
        ("marc+roussel", true),
        ("MARC", true),
        ("individual+2999", false),
        ("moreau+marc", false),
    ] {
        let page = operator.get(&format!("/calls?q={query}")).await?;
        ensure!(page.contains(&format!("href=\"/calls/{shared}\"")) == found, "{query}: {page}");
    }
    for query in ["individual+2001", "particulier%202001", &log.to_string(), "caMÍlle", "Camïlle+Moreau"] {
        let page = operator.get(&format!("/calls?q={query}")).await?;
        ensure!(page.contains(&format!("href=\"/calls/{client}\"")), "{query}: {page}");
        ensure!(!page.contains(&format!("href=\"/calls/{shared}\"")), "{query}: {page}");
    }
    for (query, says) in [
        ("q=07", "at least its last four digits"),
        ("agents=x", "There is no filter “agents”"),
        ("state=loged", "There is no state “loged”"),
        ("from=yesterday", "“From” is not a date"),
        ("sort=oldest", "2 calls"),
    ] {
        let page = operator.get(&format!("/calls?{query}")).await?;
        ensure!(page.contains(says), "{query}: {page}");
    }
    let sheet = operator.ask(Method::GET, "/calls.csv?q=moreau", &[], &[]).await?;
    ensure!(sheet.header("content-type").starts_with("text/csv"), "{}", sheet.text);
    ensure!(sheet.text.lines().count() == 2 && sheet.text.contains("Camille Moreau"), "{}", sheet.text);
    let oldest = operator.get("/calls?sort=oldest").await?;
    let place = |call: i64| oldest.find(&format!("href=\"/calls/{call}\"")).context("a call");
    ensure!(place(shared)? < place(client)?, "the one that was played first is first: {oldest}");
    drop((console, workers));
    stack.down().await
}

#[tokio::test]
async fn an_erased_call_says_so() -> Result<()> {
    let (stack, workers) = Stack::running("console_erased").await?;
    let id = stack.sandbox.play(&call(CLIENT).lasting(90).at_once()).await?;
    stack.sandbox.logged(id, SOON).await?;
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    let (said, good) = stack.callbridge(&["forget", CLIENT, "--yes"]).await?;
    ensure!(good, "{said}");
    let page = operator.says(&format!("/calls/{id}"), "were erased on").await?;
    ensure!(page.contains("is not touched") && !page.contains("Withheld"), "{page}");
    let list = operator.get("/calls").await?;
    ensure!(list.contains(&format!("Call {id}")) && list.contains(">Erased<"), "{list}");
    for wrong in ["Withheld number", "Moreau", "Nobody"] {
        ensure!(!list.contains(wrong), "{wrong}: {list}");
    }
    drop((console, workers));
    stack.down().await
}

/// A wrong key is the first thing that the first page says, and the worker that has noticed is not ready.
#[tokio::test]
async fn a_refused_credential_is_said_first() -> Result<()> {
    let mut stack = Stack::new("console_wrong_key").await?;
    stack.environment.insert("SELLSY_CLIENT_SECRET".into(), "a wrong one".into());
    let mut workers = Vec::new();
    for worker in harness::WORKERS {
        workers.push(stack.start(worker).await?);
    }
    workers[0].until_ready(SOON).await?;
    stack.sandbox.deliver_to(&workers[0].url).await?;
    stack.sandbox.play(&call(CLIENT)).await?;
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    let page = operator.says("/", "Sellsy refuses the credential").await?;
    ensure!(page.contains("resolver cannot work"), "{page}");
    let above = |text: &str| page.find(text).zip(page.find("id=\"tiles\"")).is_some_and(|(need, tiles)| need < tiles);
    ensure!(above("resolver cannot work"), "it stands above everything else: {page}");
    operator.says("/", "SELLSY_CREDENTIAL").await?;
    let french = operator.get("/?lang=fr").await?;
    ensure!(french.contains("resolver ne peut pas travailler"), "{french}");
    drop((console, workers));
    stack.down().await
}

/// Tiles count calls, and their sum is the first of them; a need names its code, its calls and what to do.
#[tokio::test]
async fn the_overview_groups_what_needs_somebody() -> Result<()> {
    let (stack, workers) = Stack::running("console_needs").await?;
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    operator.says("/", "Nothing needs your attention.").await?;
    let logged = stack.sandbox.play(&call(CLIENT)).await?;
    stack.sandbox.logged(logged, SOON).await?;
    stack.sandbox.play(&call("+33 6 39 98 99 01").missed()).await?;
    stack.sandbox.set_faults([sellsy("POST /phone-calls").answers(403)]).await?;
    for _ in 0..3 {
        stack.sandbox.play(&call(CLIENT)).await?;
    }
    stack.parked(Stage::Logger, 3, 2 * SOON).await?;
    let page = operator.says("/", "Replay group (3)").await?;
    ensure!(page.contains("SELLSY_FORBIDDEN") && page.contains("×3") && page.contains("since"), "{page}");
    let tile = |page: &str, class: &str| -> Option<i64> {
        let tile = page.split(&format!("class=\"tile {class}\"")).nth(1)?;
        tile.split("<strong>").nth(1)?.split('<').next()?.parse().ok()
    };
    let adds_up = || async {
        let page = operator.get("/").await.ok()?;
        let parts: Option<i64> =
            ["logged", "unmatched", "waiting", "parked"].iter().map(|class| tile(&page, class)).sum();
        (parts == Some(5) && tile(&page, "all") == Some(5)).then_some(())
    };
    eventually(SOON, adds_up).await.with_context(|| format!("the tiles add up: {page}"))?;
    for days in ["7", "30"] {
        let page = operator.get(&format!("/?days={days}")).await?;
        ensure!(tile(&page, "all") == Some(5) && page.contains("/calls?from="), "{days}: {page}");
    }
    // The call says how many messages it has, and what is written when.
    let page = operator.get("/calls?state=parked").await?;
    ensure!(page.matches("pill parked").count() == 3 && page.contains("3 calls"), "{page}");

    // A dead letter's numbers are masked until somebody asks for them, which stands in the audit.
    let page = operator.get("/dead").await?;
    let letter = page.split("/dead/letters/").nth(1).and_then(|rest| rest.split('"').next()).context("a letter")?;
    let address = format!("/dead/letters/{letter}");
    let page = operator.get(&address).await?;
    ensure!(page.contains("numbers are masked") && page.contains("callbridge-error-code"), "{page}");
    let shown = operator.post(&address, &[]).await?;
    ensure!(shown.status == StatusCode::OK && !shown.text.contains("numbers are masked"), "{}", shown.text);
    let (audit, _) = stack.callbridge(&["audit", "--act", "reveal", "--json"]).await?;
    let kept: Vec<Value> = serde_json::from_str(&audit)?;
    ensure!(kept.len() == 1 && kept[0]["who"] == "Inès Caron" && kept[0]["result"] == "done", "{audit}");
    ensure!(operator.ask(Method::GET, "/dead/letters/none", &[], &[]).await?.status == StatusCode::NOT_FOUND);
    drop((console, workers));
    stack.down().await
}

/// What the pages show and do, by JSON and a token.
#[tokio::test]
async fn programs_see_and_do_the_same() -> Result<()> {
    let (stack, workers) = Stack::running("console_api").await?;
    let id = stack.sandbox.play(&call(CLIENT).lasting(90).at_once()).await?;
    stack.sandbox.logged(id, SOON).await?;
    let console = stack.start_console().await?;
    let (token, good) = stack.callbridge(&["tokens", "add", "helpdesk", "--role", "operator"]).await?;
    ensure!(good, "{token}");
    let token = token.lines().find(|line| line.starts_with("cb_")).context("a token")?.to_owned();
    let http = reqwest::Client::new();
    let ask = async |method: Method, path: &str, body: Option<Value>| -> Result<(StatusCode, Value)> {
        let mut request = http.request(method, format!("{}{path}", console.url)).bearer_auth(&token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        Ok((answer.status(), answer.json().await?))
    };
    let get = async |path: &str| -> Result<Value> {
        let (status, answer) = ask(Method::GET, path, None).await?;
        ensure!(status == StatusCode::OK, "{path}: {status} {answer}");
        Ok(answer)
    };
    let list = get("/api/calls?q=moreau").await?;
    ensure!(list["calls"][0]["id"] == id && list["calls"][0]["record"] == "individual 2001", "{list}");
    let one = get(&format!("/api/calls/{id}")).await?;
    ensure!(
        one["decision"]["record"]["id"] == 2001 && one["timeline"].as_array().is_some_and(|all| all.len() > 3),
        "{one}"
    );
    ensure!(one["log"]["text"].as_str().is_some_and(|text| text.contains(&id.to_string())), "{one}");
    let overview = get("/api/overview?days=7").await?;
    ensure!(
        overview["calls"]["all"] == 1 && overview["needs"].is_array() && overview["queues"]["stages"].is_array(),
        "{overview}"
    );
    for path in ["/api/missed?days=30", "/api/messages", "/api/dead", "/api/directory"] {
        get(path).await?;
    }
    // Everything that is described answers, and nothing else.
    let described = get("/api/openapi.json").await?;
    ensure!(
        described["openapi"] == "3.1.0"
            && described["paths"]["/api/calls/{call}/relink"]["post"]["x-role"] == "operator",
        "{described}"
    );

    let (relink, pin) = (format!("/api/calls/{id}/relink"), format!("/api/calls/{id}/pin"));
    for path in ["/api/calls?q=%00", "/api/calls?agent=%00x", "/api/calls?after=%F0%9F%A6%80-1&state=\u{feff}"] {
        let (status, answer) = ask(Method::GET, path, None).await?;
        ensure!([StatusCode::OK, StatusCode::BAD_REQUEST].contains(&status), "{path}: {status} {answer}");
    }
    let replayed = ask(Method::POST, "/api/dead/replay", Some(serde_json::json!({ "call": id }))).await?;
    ensure!(replayed.1["result"] == "goes_on", "an id may be a number: {replayed:?}");
    let (status, done) = ask(Method::POST, &relink, Some(serde_json::json!({ "to": "individual:2002" }))).await?;
    ensure!(status == StatusCode::OK && done["result"] == "done", "{status} {done}");
    let moved = |log: &Value| harness::related(log).contains(&("individual".to_owned(), 2002));
    stack.sandbox.log_of(id, SOON, moved).await?;
    for (path, body, status) in [
        (relink.as_str(), serde_json::json!({ "to": "2002" }), StatusCode::BAD_REQUEST),
        (relink.as_str(), serde_json::json!({ "to": "individual:999999" }), StatusCode::NOT_FOUND),
        ("/api/dead/drop", serde_json::json!({ "all": "yes" }), StatusCode::FORBIDDEN),
        ("/api/calls/77/pin", serde_json::json!({ "to": "individual:2002" }), StatusCode::CONFLICT),
        // A field with a typing error must not unpin; an id may be a number; a list is no form.
        (pin.as_str(), serde_json::json!({ "record": "individual:2002" }), StatusCode::BAD_REQUEST),
        ("/api/dead/replay", serde_json::json!({ "call": id, "id": "x" }), StatusCode::BAD_REQUEST),
        ("/api/dead/replay", serde_json::json!(["all"]), StatusCode::BAD_REQUEST),
        ("/api/dead/replay", serde_json::json!({ "id": { "all": "yes" }, "all": "no\u{0}" }), StatusCode::BAD_REQUEST),
    ] {
        let (answered, why) = ask(Method::POST, path, Some(body)).await?;
        ensure!(
            answered == status && why["error"].as_str().is_some_and(|why| why.len() > 5),
            "{path}: {answered} {why}"
        );
    }
    let (status, why) = ask(Method::GET, "/api/audit", None).await?;
    ensure!(status == StatusCode::FORBIDDEN && why["error"].is_string(), "{status} {why}");
    let (audit, _) = stack.callbridge(&["audit", "--who", "helpdesk", "--json"]).await?;
    let kept: Vec<Value> = serde_json::from_str(&audit)?;
    ensure!(
        kept.iter().any(|kept| kept["act"] == "relink" && kept["result"] == "done" && kept["way"] == "json"),
        "{audit}"
    );
    let (_, good) = stack.callbridge(&["tokens", "revoke", "helpdesk"]).await?;
    let (status, why) = ask(Method::GET, "/api/calls", None).await?;
    ensure!(good && status == StatusCode::UNAUTHORIZED && why["error"].is_string(), "{status} {why}");
    drop((console, workers));
    stack.down().await
}

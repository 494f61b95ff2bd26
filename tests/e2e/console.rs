//! `callbridge console` over HTTP: who gets in, what the pages show, and what their buttons do.

mod access;
mod acts;
mod browser;
mod described;
mod lists;
mod shown;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base::ids::Stage;
use harness::{
    CONSOLE_PASSWORD, Process, Stack,
    build::{call, sellsy},
    eventually,
};
use reqwest::{Method, StatusCode, header::HeaderMap, redirect::Policy};

use crate::{CLIENT, SOON};

/// A browser without a screen: it keeps the cookie and the token of the forms.
pub(crate) struct Visitor {
    http: reqwest::Client,
    url: String,
    cookie: String,
    csrf: String,
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

fn stranger(console: &Process) -> Result<Visitor> {
    let http = reqwest::Client::builder().redirect(Policy::none()).build()?;
    Ok(Visitor { http, url: console.url.clone(), cookie: String::new(), csrf: String::new() })
}

/// A browser that has logged in.
pub(crate) async fn operator(console: &Process) -> Result<Visitor> {
    let mut visitor = stranger(console)?;
    let form = [("password", CONSOLE_PASSWORD), ("name", "Inès Caron"), ("next", "/calls")];
    let answer = visitor.post("/login", &form).await?;
    ensure!(answer.status == StatusCode::SEE_OTHER && answer.header("location") == "/calls", "{}", answer.text);
    visitor.cookie = answer.header("set-cookie").split(';').next().context("a cookie")?.to_owned();
    let page = visitor.get("/calls").await?;
    let (_, after) = page.split_once("name=\"csrf\" value=\"").context("a token")?;
    visitor.csrf = after.split('"').next().context("a token")?.to_owned();
    Ok(visitor)
}

impl Visitor {
    async fn ask(&self, method: Method, path: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Result<Answer> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !self.cookie.is_empty() {
            request = request.header("cookie", &self.cookie);
        }
        if method == Method::POST {
            request = request.form(form);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, text: response.text().await? })
    }

    /// The text of a page that must exist.
    pub(crate) async fn get(&self, path: &str) -> Result<String> {
        let answer = self.ask(Method::GET, path, &[], &[]).await?;
        ensure!(answer.status == StatusCode::OK, "GET {path}: {} {}", answer.status, answer.text);
        Ok(answer.text)
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Answer> {
        let mut form = form.to_vec();
        form.push(("csrf", &self.csrf));
        self.ask(Method::POST, path, &form, &[]).await
    }

    /// Waits until a page contains a text.
    async fn says(&self, path: &str, expected: &str) -> Result<String> {
        self.says_often(path, expected, 1).await
    }

    /// The same, at least this many times.
    async fn says_often(&self, path: &str, expected: &str, times: usize) -> Result<String> {
        let enough = |page: &String| page.matches(expected).count() >= times;
        match eventually(SOON, || async { self.get(path).await.ok().filter(enough) }).await {
            Some(page) => Ok(page),
            None => anyhow::bail!("{path} does not say {expected:?}: {}", self.get(path).await?),
        }
    }
}

#[tokio::test]
async fn only_who_knows_the_password_gets_in() -> Result<()> {
    let stack = Stack::new("console_door").await?;
    let console = stack.start_console().await?;
    let stranger = stranger(&console)?;
    for path in ["/", "/calls", "/calls?q=2001", "/calls/1", "/missed", "/messages", "/dead", "/directory", "/nonsense"]
    {
        let answer = stranger.ask(Method::GET, path, &[], &[]).await?;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert!(answer.header("location").starts_with("/login"), "{path}: {}", answer.header("location"));
    }
    let answer = stranger.post("/dead/drop", &[("all", "yes")]).await?;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.text);

    let form = stranger.ask(Method::GET, "/login", &[], &[("accept-language", "fr")]).await?;
    assert!(form.text.contains("Mot de passe"), "{}", form.text);
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'"),
    ] {
        assert!(form.header(name).starts_with(value), "{name}: {}", form.header(name));
    }
    assert!(!form.header("content-security-policy").contains("unsafe"), "no inline script or style");

    // Redirects lead only to our own pages, and over TLS the cookie is Secure.
    for next in ["https://evil.example/", "//evil.example/", "/\\evil.example"] {
        let form = [("password", CONSOLE_PASSWORD), ("next", next)];
        let answer = stranger.ask(Method::POST, "/login", &form, &[("x-forwarded-proto", "https")]).await?;
        assert_eq!(answer.header("location"), "/", "{next}");
        let cookie = answer.header("set-cookie");
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Secure"),
            "{cookie}"
        );
    }

    let operator = operator(&console).await?;
    let answer = operator.ask(Method::POST, "/dead/drop", &[("all", "yes")], &[]).await?;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "without the session's token");
    let form = [("all", "yes"), ("csrf", operator.csrf.as_str())];
    let answer = operator.ask(Method::POST, "/dead/drop", &form, &[("sec-fetch-site", "cross-site")]).await?;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "from another site");
    assert_eq!(operator.post("/dead/replay", &[]).await?.status, StatusCode::BAD_REQUEST, "a form without sense");
    assert_eq!(operator.ask(Method::GET, "/nonsense", &[], &[]).await?.status, StatusCode::NOT_FOUND);
    assert_eq!(operator.ask(Method::GET, "/calls/1", &[], &[]).await?.status, StatusCode::NOT_FOUND);

    let token = format!("Bearer {CONSOLE_PASSWORD}");
    let program = stranger.ask(Method::GET, "/calls", &[], &[("authorization", &token)]).await?;
    assert_eq!(program.status, StatusCode::OK, "programs send the password as a token");

    for _ in 0..5 {
        let answer = stranger.post("/login", &[("password", "hunter2")]).await?;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.text);
    }
    let answer = stranger.post("/login", &[("password", CONSOLE_PASSWORD)]).await?;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "nobody can try for a while");
    assert!(!answer.header("retry-after").is_empty());
    operator.get("/calls").await?;
    assert_eq!(operator.post("/logout", &[]).await?.status, StatusCode::SEE_OTHER);
    assert_eq!(operator.ask(Method::GET, "/", &[], &[]).await?.status, StatusCode::SEE_OTHER, "logged out");
    for secret in ["hunter2", CONSOLE_PASSWORD] {
        assert!(!console.output().contains(secret), "{}", console.output());
    }
    drop(console);
    stack.down().await
}

#[tokio::test]
async fn without_a_password_it_does_not_start() -> Result<()> {
    let mut stack = Stack::new("console_bare").await?;
    for (password, says) in [("", "CONSOLE_PASSWORD is missing"), ("short", "CONSOLE_PASSWORD is too short")] {
        stack.environment.insert("CONSOLE_PASSWORD".into(), password.into());
        let mut console = stack.begin(&["console"]).await?;
        assert_eq!(console.wait(SOON).await?.code(), Some(2));
        assert!(console.output().contains(says), "{}", console.output());
    }
    stack.down().await
}

#[tokio::test]
async fn pages_tell_where_calls_are_and_why() -> Result<()> {
    let (stack, workers) = Stack::running("console").await?;
    let (client, shared) =
        (stack.sandbox.play(&call(CLIENT)).await?, stack.sandbox.play(&call("+33 6 39 98 00 04")).await?);
    let unknown = stack.sandbox.play(&call("+33 6 39 98 99 01")).await?;
    for call in [client, shared] {
        stack.sandbox.logged(call, SOON).await?;
    }
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    operator.says(&format!("/calls/{unknown}"), "Unmatched").await?;

    // Every way to find the first call, and none that finds another.
    let lists = |page: &str, call: i64| page.contains(&format!("href=\"/calls/{call}\""));
    for query in
        ["q=06+39+98+41+07", "q=%2B33639984107", "q=984107", "q=moreau", "q=Camille", "q=2001", "state=logged&q=4107"]
    {
        let page = operator.get(&format!("/calls?{query}")).await?;
        assert!(lists(&page, client) && !lists(&page, shared) && !lists(&page, unknown), "{query}: {page}");
    }
    let page = operator.get(&format!("/calls?q={shared}")).await?;
    assert!(lists(&page, shared) && !lists(&page, client), "by its id: {page}");
    let page = operator.get("/calls?state=unmatched").await?;
    assert!(lists(&page, unknown) && !lists(&page, client), "by state: {page}");
    for (query, found) in [
        ("agent=%C3%89lodie+Marchand", true),
        ("agent=Nobody", false),
        ("from=2020-01-01&until=2020-01-31", false),
        ("from=2020-01-01", true),
    ] {
        assert_eq!(lists(&operator.get(&format!("/calls?{query}")).await?, client), found, "{query}");
    }
    assert!(operator.get("/calls?q=%25_%3F%21").await?.contains("No call matches."), "odd characters find nobody");

    let page = operator.get(&format!("/calls/{shared}")).await?;
    for text in [
        "the first of 2 records of kind individual",
        "Marc Roussel",
        "Anne Roussel",
        "Chosen",
        "POST /phone-calls",
        "→",
        "201",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(page.contains(&format!("Aircall call {shared}")), "the log as Sellsy has it: {page}");
    let french = operator.get(&format!("/calls/{shared}?lang=fr")).await?;
    assert!(
        french.contains("la première de 2 fiches de type particulier") && french.contains("lang=\"fr\""),
        "{french}"
    );

    // A process reports what it lacks, and reports again when it is ready.
    let page = operator.says_often("/", ">Ready<", 4).await?;
    for worker in harness::WORKERS {
        assert!(page.contains(worker), "{worker}: {page}");
    }

    let answer = operator.post("/directory", &[("number", "01 99 00 20 20")]).await?;
    assert!(
        answer.text.contains("individual before the other kinds") && answer.text.contains("Fabre et Filles"),
        "{}",
        answer.text
    );
    let answer = operator.post("/directory", &[("number", "what?")]).await?;
    assert!(answer.text.contains("That is not a phone number."), "{}", answer.text);
    assert_eq!(operator.post("/directory/sync", &[]).await?.status, StatusCode::SEE_OTHER);

    for secret in ["639984107", "63998", "Moreau"] {
        assert!(!console.output().contains(secret), "what was searched for is in no log: {}", console.output());
    }
    drop((workers, console));
    stack.down().await
}

#[tokio::test]
async fn a_process_that_dies_is_missed() -> Result<()> {
    let (stack, mut workers) = Stack::running("console_dead").await?;
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    operator.says_often("/", ">Ready<", 4).await?;
    workers.remove(3).terminate(SOON).await?;
    workers.remove(2).kill().await?;
    // A process sends a heartbeat every 10 s, and counts as dead after 30.
    stack.ledger().await?.replicas_age("logger").await?;
    let page = operator.says("/", "Not running").await?;
    let process = |worker: &str| -> Option<String> {
        let rest = page.split(&format!("<strong>{worker}</strong>")).nth(1)?;
        Some(rest.chars().take(80).collect())
    };
    assert!(process("logger").is_some_and(|text| text.contains("Silent")), "{page}");
    assert!(process("insights").is_some_and(|text| text.contains("Not running")), "it said goodbye: {page}");
    assert!(process("resolver").is_some_and(|text| text.contains("Ready")), "{page}");
    drop((workers, console));
    stack.down().await
}

/// Until now Sellsy did not let us log these calls. A logger remembers that, so a new one replaces it.
async fn parked(stack: &mut Stack, workers: &mut [Process], calls: u32) -> Result<Vec<i64>> {
    stack.sandbox.set_faults([sellsy("POST /phone-calls").answers(403)]).await?;
    let mut played = Vec::new();
    for _ in 0..calls {
        played.push(stack.sandbox.play(&call(CLIENT)).await?);
    }
    stack.parked(Stage::Logger, calls, 2 * SOON).await?;
    stack.sandbox.set_faults([]).await?;
    workers[2].terminate(SOON).await?;
    workers[2] = stack.start("logger").await?;
    Ok(played)
}

#[tokio::test]
async fn parked_messages_are_retried_one_by_one_by_group_and_all() -> Result<()> {
    let (mut stack, mut workers) = Stack::running("console_retry").await?;
    let calls = parked(&mut stack, &mut workers, 5).await?;
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    let page = operator.says("/calls?state=parked", &format!("/calls/{}", calls[4])).await?;
    assert!(calls.iter().all(|call| page.contains(&format!("/calls/{call}"))), "{page}");

    // The console accepts requests before it has a connection to the broker.
    operator.says("/dead", "Replay all (5)").await?;
    // From the call's own page, with one click.
    let address = format!("/calls/{}", calls[0]);
    let page = operator.get(&address).await?;
    assert!(page.contains("This call has a dead letter.") && page.contains("SELLSY_FORBIDDEN"), "{page}");
    let answer = operator.post("/dead/replay", &[("call", &calls[0].to_string())]).await?;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, address.as_str()));
    stack.sandbox.logged(calls[0], SOON).await?;
    let page = operator.says(&address, "pill logged").await?;
    assert!(page.contains("An operator replayed the message:") && !page.contains("has a dead letter"), "{page}");

    // One from the list, then the group, then all of an empty selection.
    let page = operator.says("/dead", "Replay group (4)").await?;
    assert!(page.contains("logger · ") && page.contains("the API client lacks a scope"), "{page}");
    let (_, after) = page.split_once("name=\"id\" value=\"").context("a letter")?;
    let id = after.split('"').next().context("a letter")?.to_owned();
    assert_eq!(operator.post("/dead/replay", &[("id", &id)]).await?.status, StatusCode::SEE_OTHER);
    let page = operator.says("/dead", "Replay group (3)").await?;
    assert!(page.contains("Replayed: 1 / 1"), "{page}");
    let group = [("stage", "logger"), ("code", "SELLSY_FORBIDDEN")];
    assert_eq!(operator.post("/dead/replay", &group).await?.status, StatusCode::SEE_OTHER);
    operator.says("/dead", "There are no dead letters.").await?;
    for call in &calls {
        stack.sandbox.logged(*call, SOON).await?;
    }
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 5, "each once");
    let rows = stack.ledger().await?.calls().await?;
    assert!(rows.iter().all(|row| row.parked == 0), "no call counts as parked any more: {rows:?}");

    // What is dropped is gone, and the group of another stage is not touched.
    parked(&mut stack, &mut workers, 2).await?;
    assert_eq!(
        operator.post("/dead/drop", &[("stage", "insights"), ("code", "SELLSY_FORBIDDEN")]).await?.status,
        StatusCode::SEE_OTHER
    );
    operator.says("/dead", "Replay all (2)").await?;
    assert_eq!(operator.post("/dead/drop", &group).await?.status, StatusCode::SEE_OTHER);
    let page = operator.says("/dead", "There are no dead letters.").await?;
    assert!(page.contains("Dropped: 2 / 2"), "{page}");
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 5);
    drop((workers, console));
    stack.down().await
}

/// While a dead letter is blocked, every viewer sees the progress of the replay, and a second replay is refused.
#[tokio::test]
async fn a_long_replay_shows_its_progress() -> Result<()> {
    let (mut stack, mut workers) = Stack::running("console_long").await?;
    parked(&mut stack, &mut workers, 3).await?;
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    operator.says("/dead", "Replay all (3)").await?;
    let lock = stack.ledger().await?;
    lock.lock_timeline().await?;
    assert_eq!(operator.post("/dead/replay", &[("all", "yes")]).await?.status, StatusCode::SEE_OTHER);
    let page = operator.says("/dead", "Replaying: 0 / 3").await?;
    assert!(page.contains("<progress"), "{page}");
    assert_eq!(operator.post("/dead/replay", &[("all", "yes")]).await?.status, StatusCode::CONFLICT);
    lock.unlock().await?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    operator.says("/dead", "Replayed: 3 / 3").await?;
    operator.says("/dead", "There are no dead letters.").await?;
    drop((workers, console));
    stack.down().await
}

#[tokio::test]
async fn a_call_is_moved_and_its_number_pinned_by_buttons() -> Result<()> {
    let (stack, workers) = Stack::running("console_by_hand").await?;
    let console = stack.start_console().await?;
    let operator = operator(&console).await?;
    let id = stack.sandbox.play(&call(CLIENT).lasting(90).at_once()).await?;
    stack.sandbox.logged(id, SOON).await?;
    let page = format!("/calls/{id}");
    operator.says(&page, "Pin the number here").await?;

    let answer = operator.post(&format!("{page}/relink"), &[("to", "individual:2002"), ("opportunity", "no")]).await?;
    ensure!(answer.status == StatusCode::SEE_OTHER && answer.header("location") == page, "{}", answer.text);
    let moved = |log: &serde_json::Value| harness::related(log) == [("individual".to_owned(), 2002)];
    stack.sandbox.log_of(id, SOON, moved).await?;
    operator.says(&page, "moved here by Inès Caron").await?;

    let answer = operator.post(&format!("{page}/pin"), &[("to", "individual:2002")]).await?;
    ensure!(answer.status == StatusCode::SEE_OTHER, "{}", answer.text);
    let next = stack.sandbox.play(&call(CLIENT).lasting(90).at_once()).await?;
    operator.says(&format!("/calls/{next}"), "pinned by Inès Caron").await?;
    let answer = operator.post(&format!("/calls/{next}/pin"), &[("to", "")]).await?;
    ensure!(answer.status == StatusCode::SEE_OTHER, "{}", answer.text);
    ensure!(stack.callbridge(&["pins"]).await?.0.contains("No number is pinned"));

    for (path, to, status) in [
        (format!("{page}/relink"), "2002", StatusCode::BAD_REQUEST),
        (format!("{page}/relink"), "individual:999999", StatusCode::NOT_FOUND),
        ("/calls/77/relink".to_owned(), "individual:2002", StatusCode::CONFLICT),
        ("/calls/77/pin".to_owned(), "individual:2002", StatusCode::CONFLICT),
    ] {
        let answer = operator.post(&path, &[("to", to)]).await?;
        ensure!(answer.status == status, "{path} {to}: {} {}", answer.status, answer.text);
    }
    // Without the token of the page nothing is done.
    let path = format!("{page}/relink");
    let answer = operator.ask(Method::POST, &path, &[("to", "individual:2001")], &[]).await?;
    ensure!(answer.status.is_client_error(), "{}", answer.status);
    drop((console, workers));
    stack.down().await
}

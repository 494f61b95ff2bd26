//! Lists of calls as people keep them: sorted by length, under names; and a log as Sellsy has it.

use anyhow::{Context, Result, ensure};
use harness::{Stack, build::call};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::operator;
use crate::{CLIENT, SOON};

const UNKNOWN: &str = "+33 6 39 98 99 01";

#[tokio::test]
async fn calls_are_sorted_by_their_length_and_filters_are_kept() -> Result<()> {
    let (stack, workers) = Stack::running("console_lists").await?;
    let mut calls = Vec::new();
    for seconds in [70, 310, 30] {
        let id = stack.sandbox.play(&call(CLIENT).lasting(seconds).at_once()).await?;
        stack.sandbox.logged(id, SOON).await?;
        calls.push(id);
    }
    let console = stack.start_console().await?;
    let visitor = operator(&console).await?;
    let page = visitor.says("/calls?sort=longest", "3 calls").await?;
    let place = |call: i64| page.find(&format!("href=\"/calls/{call}\"")).context("a call");
    let (short, long, shortest) = (place(calls[0])?, place(calls[1])?, place(calls[2])?);
    ensure!(long < short && short < shortest, "{page}");
    // The next page begins after the call that is named.
    let rest = visitor.get(&format!("/calls?sort=longest&after=70-{}", calls[0])).await?;
    ensure!(rest.contains(&format!("/calls/{}\"", calls[2])) && !rest.contains(&format!("/calls/{}\"", calls[1])));
    ensure!(visitor.get("/calls?sort=loudest").await?.contains("There is no order “loudest”"));

    // Times that cannot be read are none, and keep no other call from being sorted.
    let odd =
        "update calls set snapshot = snapshot || '{\"ended_at\": \"soon\", \"duration\": 30.5}' where call_id = $1";
    stack.connection().await?.execute(odd, &[&calls[2]]).await?;
    let page = visitor.says("/calls?sort=longest", "3 calls").await?;
    ensure!(page.find(&format!("/calls/{}\"", calls[0])) < page.find(&format!("/calls/{}\"", calls[2])), "{page}");
    for after in ["9223372036854775807-1", "99999999999999999999-1", "-5-7", "70--1", "💥"] {
        for sort in ["", "oldest", "longest"] {
            visitor.get(&format!("/calls?sort={sort}&after={after}")).await?;
        }
    }
    // What the database takes no text with is refused, by whichever way it comes.
    for (path, form) in [
        ("/calls/filters", [("name", "nothing"), ("q", "06\0"), ("state", "")]),
        ("/calls/filters/remove", [("name", "\0"), ("q", ""), ("state", "")]),
        ("/directory", [("number", "\0"), ("q", ""), ("state", "")]),
        ("/pins", [("number", UNKNOWN), ("to", "individual:2001\0"), ("state", "")]),
        ("/followups/retry", [("key", "task:1\0"), ("q", ""), ("state", "")]),
        ("/rules", [("rules", "\0"), ("days", "7"), ("state", "")]),
    ] {
        let answer = visitor.post(path, &form).await?;
        ensure!(answer.status == StatusCode::BAD_REQUEST, "{path}: {answer:?}");
    }

    // A filter under a name, for its person alone.
    let saved = visitor.post("/calls/filters", &[("name", " Not <matched> "), ("state", "unmatched")]).await?;
    ensure!(saved.header("location") == "/calls?state=unmatched", "{saved:?}");
    let odd = [("name", "«\u{202e}💥» & <b>"), ("q", "%00 ' \" \\ 06"), ("state", "no such")];
    ensure!(visitor.post("/calls/filters", &odd).await?.status == StatusCode::SEE_OTHER);
    ensure!(visitor.get("/calls").await?.contains("💥» &amp; &lt;b&gt;"));
    ensure!(visitor.post("/calls/filters/remove", &odd).await?.status == StatusCode::SEE_OTHER);
    ensure!(visitor.post("/calls/99999999999999999999/log", &[]).await?.status == StatusCode::BAD_REQUEST);
    let page = visitor.says("/calls", "Not &lt;matched&gt;").await?;
    ensure!(page.contains("href=\"/calls?state=unmatched\""), "{page}");
    let (name, q) = ("of one number", UNKNOWN);
    ensure!(visitor.post("/calls/filters", &[("name", name), ("q", q)]).await?.status == StatusCode::SEE_OTHER);
    for name in ["", &"x".repeat(61)] {
        let answer = visitor.post("/calls/filters", &[("name", name), ("state", "parked")]).await?;
        ensure!(answer.status == StatusCode::BAD_REQUEST, "{name:?}: {answer:?}");
    }
    let (token, _) = stack.callbridge(&["tokens", "add", "somebody-else", "--role", "admin"]).await?;
    let token = token.lines().find(|line| line.starts_with("cb_")).context("a token")?;
    let bearer = [("authorization", format!("Bearer {token}"))];
    let bearer: Vec<_> = bearer.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let of_other = visitor.ask(Method::GET, "/calls", &[], &bearer).await?;
    ensure!(of_other.status == StatusCode::OK && !of_other.text.contains("Not &lt;matched&gt;"), "{}", of_other.text);
    // A number in it is a person's: it goes with the person.
    let (said, good) = stack.callbridge(&["forget", UNKNOWN, "--yes"]).await?;
    ensure!(good && said.contains("filters saved at the console"), "{said}");
    ensure!(!visitor.get("/calls").await?.contains(name));
    visitor.post("/calls/filters/remove", &[("name", "Not <matched>")]).await?;
    ensure!(!visitor.get("/calls").await?.contains("Not &lt;matched&gt;"));
    for n in 0..31 {
        let answer = visitor.post("/calls/filters", &[("name", &format!("n{n}")), ("state", "logged")]).await?;
        ensure!((answer.status == StatusCode::CONFLICT) == (n == 30), "{n}: {answer:?}");
    }
    drop((console, workers));
    stack.down().await
}

#[tokio::test]
async fn the_log_as_sellsy_has_it_stands_beside_ours() -> Result<()> {
    let (stack, workers) = Stack::running("console_in_sellsy").await?;
    let id = stack.sandbox.play(&call(CLIENT).lasting(90).at_once()).await?;
    let log = stack.sandbox.logged(id, SOON).await?;
    let console = stack.start_console().await?;
    let visitor = operator(&console).await?;
    let address = format!("/calls/{id}/log");
    let page = visitor.post(&address, &[]).await?;
    ensure!(
        page.text.contains("Our part says what it is to say now.") && !page.text.contains("<mark>"),
        "{}",
        page.text
    );

    let path = format!("phone-calls/{}", log["id"]);
    let text = format!("Rappeler <lundi>.\n{}\nPressé.", log["description"].as_str().context("a text")?);
    stack.sandbox.change(&path, &json!({ "description": text })).await?;
    let before = stack.sandbox.requests("sellsy").await?;
    let page = visitor.post(&address, &[]).await?;
    for words in
        ["<mark>Rappeler &lt;lundi&gt;.</mark>", "<mark>Pressé.</mark>", "individual 2001", "Our part says what"]
    {
        ensure!(page.text.to_lowercase().contains(&words.to_lowercase()), "{words}: {}", page.text);
    }
    ensure!(stack.sandbox.requests("sellsy").await? == before + 1, "it costs one request");

    stack.sandbox.change(&path, &json!({ "description": text.replace("Aircall call", "Other call") })).await?;
    let page = visitor.post(&address, &[]).await?;
    ensure!(page.text.contains("Our part says something other"), "{}", page.text);
    stack.sandbox.delete(&path).await?;
    let page = visitor.post(&address, &[]).await?;
    ensure!(page.text.contains("Sellsy does not have this log any more"), "{}", page.text);
    // Without a log there is nothing to read.
    let ledger = stack.ledger().await?;
    let unmatched = stack.sandbox.play(&call(UNKNOWN).at_once()).await?;
    ledger.call_that(unmatched, SOON, |row| row.unmatched).await?;
    let page = visitor.get(&format!("/calls/{unmatched}")).await?;
    ensure!(!page.contains("/log#in-sellsy"), "{page}");
    let page = visitor.post(&format!("/calls/{unmatched}/log"), &[]).await?;
    ensure!(page.status == StatusCode::OK, "{page:?}");
    drop((console, workers));
    stack.down().await
}

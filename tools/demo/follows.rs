//! What follows from the calls beside their logs, and text messages: what is played, and what stands in Sellsy then.

use std::time::Duration;

use anyhow::{Context, Result};
use base::say;
use comfy_table::{ContentArrangement, Table, presets};
use harness::{Stack, eventually};
use serde::Deserialize;
use serde_json::{Value, json};

const UNTIL_CREATED: Duration = Duration::from_secs(60);
/// So that the last message is written after the comment was created.
const BETWEEN_TEXTS: Duration = Duration::from_secs(4);

/// A text message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Text {
    pub(crate) direction: String,
    pub(crate) number: String,
    pub(crate) body: String,
}

/// What must stand in Sellsy: in the description or name of such an object, all of these words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Follows {
    /// `task`, `prospect` or `comment`.
    pub(crate) what: String,
    /// Of a task: `todo` or `done`.
    #[serde(default)]
    pub(crate) status: Option<String>,
    pub(crate) says: Vec<String>,
}

pub(crate) async fn write(stack: &Stack, texts: &[Text]) -> Result<()> {
    for (sent, Text { direction, number, body }) in texts.iter().enumerate() {
        if sent > 0 {
            tokio::time::sleep(BETWEEN_TEXTS).await;
        }
        say!("  … an SMS, {direction}: {body}");
        let order = json!({ "direction": direction, "number": number, "body": body });
        stack.sandbox.control(reqwest::Method::POST, "/aircall/messages", Some(&order)).await?;
    }
    Ok(())
}

/// Until the missed call is a task: then somebody calls back.
pub(crate) async fn until_missed(stack: &Stack, words: &str) -> Result<()> {
    let there = || async { find(stack).await.ok()?.iter().any(|one| one.title.contains(words)).then_some(()) };
    eventually(UNTIL_CREATED, there).await.with_context(|| format!("no task says “{words}”"))
}

/// An object in Sellsy that follows from a call, or from text messages.
pub(crate) struct Followed {
    what: &'static str,
    title: String,
    text: String,
    on: String,
    status: Option<String>,
}

pub(crate) async fn find(stack: &Stack) -> Result<Vec<Followed>> {
    let all = stack.sandbox.get("/sellsy").await?;
    let list = |value: &Value| value.as_array().cloned().context("a list");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let on = |object: &Value| match &object["related"][0] {
        Value::Null => "–".to_owned(),
        related => format!("{} {}", text(&related["type"]), related["id"]),
    };
    let mut found = Vec::new();
    for task in list(&stack.sandbox.get("/sellsy/tasks").await?)? {
        let (title, description) = (text(&task["title"]), text(&task["description"]));
        let status = task["status"].as_str().map(str::to_owned);
        found.push(Followed { what: "task", title, text: description, on: on(&task), status });
    }
    for one in list(&stack.sandbox.get("/sellsy/individuals").await?)? {
        if one["reference"].as_str().is_some_and(|reference| reference.starts_with("aircall-")) {
            let title = format!("{} {}", text(&one["first_name"]), text(&one["last_name"]));
            let on = format!("individual {}", one["id"]);
            found.push(Followed { what: "prospect", title, text: text(&one["note"]), on, status: None });
        }
    }
    for comment in list(&all["comments"])? {
        let text = text(&comment["description"]);
        found.push(Followed { what: "comment", title: String::new(), text, on: on(&comment), status: None });
    }
    Ok(found)
}

/// What is missing.
pub(crate) fn problems(expected: &[Follows], found: &[Followed]) -> Vec<String> {
    let is_it = |expected: &Follows, one: &&Followed| {
        let says = format!("{}\n{}", one.title, one.text);
        one.what == expected.what && expected.says.iter().all(|words| says.contains(words))
    };
    let mut problems = Vec::new();
    for one in expected {
        let such: Vec<_> = found.iter().filter(|found| is_it(one, found)).collect();
        match such.as_slice() {
            [found] if one.status.is_none() || found.status == one.status => {}
            [found] => problems.push(format!("the {} “{}” is {:?}", found.what, found.title, found.status)),
            others => problems.push(format!("{} {}s say {:?}", others.len(), one.what, one.says)),
        }
    }
    problems
}

pub(crate) fn table(found: &[Followed]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["in Sellsy", "on", "what it says", ""]);
    for Followed { what, title, text, on, status } in found {
        // The first line is the marker, which programs read.
        let lines = text.lines().filter(|line| !line.starts_with("(Aircall ") && line != title);
        let says = Some(title.as_str()).filter(|title| !title.is_empty()).into_iter().chain(lines);
        let says = says.collect::<Vec<_>>().join("\n");
        table.add_row([(*what).to_owned(), on.clone(), says, status.clone().unwrap_or_default()]);
    }
    table
}

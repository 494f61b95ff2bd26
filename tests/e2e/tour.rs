//! `callbridge explain` and `callbridge directory sync` as an operator types them, and docs/tour.md, which shows ten
//! callers: its printed output must be what a reader gets.

use anyhow::{Context, Result};
use harness::{
    Stack, WORKERS,
    build::{individual, sellsy},
};
use serde_json::Value;

use crate::SOON;

const TOUR: &str = include_str!("../../docs/tour.md");
const PROMPT: &str = "    $ callbridge ";

/// The commands of the tour, each with the lines that follow it, without their indentation.
fn shown() -> Vec<(Vec<&'static str>, String)> {
    let blocks = TOUR.split(PROMPT).skip(1);
    let block = |block: &'static str| {
        let (command, rest) = block.split_once('\n').unwrap_or((block, ""));
        let lines = rest.lines().take_while(|line| line.starts_with("    ")).map(|line| &line[4..]);
        let arguments = command.splitn(2, ' ').map(|argument| argument.trim_matches('"')).collect();
        (arguments, lines.fold(String::new(), |text, line| text + line + "\n"))
    };
    blocks.map(block).collect()
}

/// The time of the look-up differs each time.
fn without_time(text: &str) -> String {
    let timeless = text.lines().map(|line| match line.strip_prefix("looked up    ") {
        Some(when) => format!("looked up    {}", when.split_once(", ").map_or("", |(_, how)| how)),
        None => line.to_owned(),
    });
    timeless.fold(String::new(), |text, line| text + line.as_str() + "\n")
}

#[tokio::test]
async fn the_tour_shows_what_explain_prints() -> Result<()> {
    let mut stack = Stack::new("tour").await?;
    let resolver = stack.start(WORKERS[1]).await?;
    stack.directory_loaded(SOON).await?;
    let shown = shown();
    assert_eq!(shown.len(), 10, "the tour shows ten callers");
    let mut printed = String::new();
    for (arguments, _) in &shown {
        let (output, good) = stack.callbridge(arguments).await?;
        assert!(good, "{output}");
        printed += &format!("$ callbridge {}\n{output}", arguments.join(" "));
    }
    let expected = shown.iter().fold(String::new(), |text, (arguments, output)| {
        text + format!("$ callbridge {}\n{output}", arguments.join(" ")).as_str()
    });
    assert!(without_time(&printed) == without_time(&expected), "docs/tour.md should show:\n{printed}");
    drop(resolver);
    stack.down().await
}

#[tokio::test]
async fn explain_says_what_it_cannot_know() -> Result<()> {
    let mut stack = Stack::new("explain").await?;
    let resolver = stack.start(WORKERS[1]).await?;
    stack.directory_loaded(SOON).await?;
    for (argument, why) in [("3811699999", "no decision is known for call 3811699999"), ("hello", "neither a call id")]
    {
        let (output, good) = stack.callbridge(&["explain", argument]).await?;
        assert!(!good && output.contains(why), "{output}");
    }
    stack.environment.remove("SELLSY_CLIENT_SECRET");
    let (output, good) = stack.callbridge(&["explain", "+33639984107"]).await?;
    assert!(!good && output.contains("SELLSY_CLIENT_SECRET is missing"), "{output}");
    drop(resolver);
    stack.down().await
}

#[tokio::test]
async fn directory_sync_reads_now_what_a_turn_would_read_later() -> Result<()> {
    let mut stack = Stack::new("sync").await?;
    let (output, good) = stack.callbridge(&["directory", "sync"]).await?;
    assert!(!good && output.contains("the first load has not begun"), "{output}");
    let resolver = stack.start(WORKERS[1]).await?;
    resolver.until_ready(SOON).await?;
    stack.directory_loaded(SOON).await?;
    let ledger = stack.ledger().await?;
    let knows = async |number: &str| anyhow::Ok(ledger.records_with(number).await? == 1);
    let person = stack.sandbox.add(&individual("Tardif").client().mobile("06 39 98 66 66")).await?;
    assert!(!knows("+33639986666").await?, "the next turn begins only in five minutes");
    let (output, good) = stack.callbridge(&["directory", "sync"]).await?;
    assert!(good && output.contains("individual"), "{output}");
    assert!(knows("+33639986666").await?, "{output}");
    // No event reports a deletion: only reading everything finds it.
    stack.sandbox.delete(&format!("individuals/{person}")).await?;
    let (output, good) = stack.callbridge(&["directory", "sync"]).await?;
    assert!(good && knows("+33639986666").await?, "{output}");
    let all_read = async |arguments: &[&str]| -> Result<Vec<String>> {
        let (output, _) = stack.callbridge(arguments).await?;
        let report: Value = serde_json::from_str(&output).with_context(|| output.clone())?;
        let kinds = report["kinds"].as_array().into_iter().flatten();
        Ok(kinds.filter_map(|kind| kind["loaded_at"].as_str()).map(ToOwned::to_owned).collect())
    };
    let before = all_read(&["directory", "status", "--json"]).await?;
    let (output, good) = stack.callbridge(&["directory", "sync", "--everything"]).await?;
    assert!(good && !knows("+33639986666").await?, "{output}");
    // The time is that of the last reading of all records, not that of the first.
    let after = all_read(&["directory", "sync", "--json"]).await?;
    assert!(
        before.len() == 3 && after.iter().zip(&before).all(|(after, before)| after > before),
        "{before:?} {after:?}"
    );
    // Failures are reported at once.
    stack.sandbox.set_faults([sellsy("/companies/search").answers(503)]).await?;
    let (output, good) = stack.callbridge(&["directory", "sync"]).await?;
    assert!(!good && output.contains("company: SELLSY_UNAVAILABLE"), "{output}");
    drop(resolver);
    stack.down().await
}

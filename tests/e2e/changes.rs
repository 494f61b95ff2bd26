//! The cost of a call: how many writes to Sellsy for how many changes, with two loggers and a slow Sellsy. No time is moved
//! here, so the minute is a real minute.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use harness::{
    Stack,
    build::{AGENT, Call, Event, call, note, recording, sellsy, sentiment, summary, tag, topics},
    says,
};
use serde_json::Value;

use crate::{CLIENT, SOON};

/// A second of these calls takes 20 ms.
const PACE_MS: u64 = 20;

/// With these events, each this many real seconds after its log is due.
fn with(call: Call, events: impl IntoIterator<Item = (f64, Event)>) -> Call {
    let at_s = |real_s: f64| 31 + ((real_s * 1000.0) as u64 / PACE_MS).cast_signed();
    events.into_iter().fold(call, |call, (real_s, event)| call.after(at_s(real_s), event))
}

fn plain_call() -> Call {
    call(CLIENT).lasting(150).paced(PACE_MS)
}

/// The writes that made the log of a call, once it contains all of these texts.
async fn writes(stack: &Stack, call: i64, within: Duration, words: &[&str]) -> Result<Vec<Value>> {
    let log = stack.sandbox.log_of(call, within, says(words)).await?;
    assert_eq!(stack.sandbox.logs_of(call).await?.len(), 1);
    log["history"].as_array().context("a history").cloned()
}

async fn minute(stack: &Stack) -> Result<()> {
    let late = [
        (2.0, tag("tag1")),
        (12.0, recording()),
        (24.0, note("note1").by(AGENT)),
        (36.0, summary("A summary.")),
        (48.0, topics(&["devis"])),
        (60.0, sentiment("POSITIVE")),
    ];
    let id = stack.sandbox.play(&with(plain_call().recorded(), late)).await?;
    let words = ["tag1", "/recording", "note1", "A summary.", "devis", "Sentiment"];
    let writes = writes(stack, id, Duration::from_secs(100), &words).await?;
    assert!(writes.len() <= 3, "{} writes for a minute of changes: {writes:?}", writes.len());
    Ok(())
}

async fn burst(stack: &Stack) -> Result<()> {
    // Within 20 ms, while the log is being created or was just created.
    let words: Vec<String> = (0..5).map(|n| format!("tag{n}")).chain((5..10).map(|n| format!("note{n}"))).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let tags = words[..5].iter().map(|name| (0.0, tag(name)));
    let notes = words[5..].iter().map(|text| (0.02, note(text).by(AGENT)));
    let id = stack.sandbox.play(&with(plain_call().recorded(), tags.chain(notes))).await?;
    let writes = writes(stack, id, SOON, &words).await?;
    assert!(writes.len() <= 2, "{} writes for a burst of ten changes", writes.len());
    Ok(())
}

async fn late_tag(stack: &Stack) -> Result<()> {
    let id = stack.sandbox.play(&plain_call().recorded()).await?;
    stack.sandbox.logged(id, SOON).await?;
    let tagged = Instant::now();
    stack.sandbox.tag(id, &mut Value::Null, "late").await?;
    let writes = writes(stack, id, SOON, &["late"]).await?;
    assert!(tagged.elapsed() < Duration::from_secs(18), "it took {:?}", tagged.elapsed());
    assert_eq!(writes.len(), 2);
    Ok(())
}

async fn plain(stack: &Stack) -> Result<i64> {
    let id = stack.sandbox.play(&plain_call()).await?;
    stack.sandbox.logged(id, SOON).await?;
    Ok(id)
}

#[tokio::test]
#[ignore = "nightly"]
async fn changes_go_out_together_and_none_is_lost() -> Result<()> {
    let (mut stack, mut workers) = Stack::running("changes").await?;
    workers.push(stack.start("logger").await?);
    let slow = ["POST /phone-calls", "PUT /phone-calls/{id}"];
    stack.sandbox.set_faults(slow.map(|write| sellsy(write).takes(Duration::from_millis(300)))).await?;
    let (_, _, _, plain) = tokio::try_join!(minute(&stack), burst(&stack), late_tag(&stack), plain(&stack))?;
    let log = stack.sandbox.logged(plain, SOON).await?;
    assert_eq!(log["history"].as_array().map(Vec::len), Some(1), "a call without changes is written once");
    // Nothing was written that is not in a history, and no other request was made for a log.
    let histories: usize =
        stack.sandbox.phone_calls().await?.iter().filter_map(|log| log["history"].as_array()).map(Vec::len).sum();
    let mut counts = [0; 4];
    for (count, endpoint) in counts.iter_mut().zip([
        "POST /phone-calls",
        "PUT /phone-calls/{id}",
        "POST /phone-calls/search",
        "POST /opportunities/search",
    ]) {
        *count = stack.sandbox.count("sellsy", endpoint).await?;
    }
    assert_eq!(counts[0], 4);
    assert_eq!(counts[0] + counts[1], u64::try_from(histories)?);
    assert_eq!(counts[3], 4);
    // Each change is preceded by a look at what people have written, and several share one.
    assert!(counts[2] <= counts[1], "{} reads for {} changes", counts[2], counts[1]);
    drop(workers);
    stack.down().await
}

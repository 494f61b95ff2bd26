//! A delay queue that does not give back what it holds is noticed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::{Process, Stack, eventually};
use lapin::{
    BasicProperties,
    options::{BasicPublishOptions, QueueDeleteOptions},
};

/// Ingest looks every quarter of a minute.
const NOTICED_WITHIN: Duration = Duration::from_secs(60);

async fn held_s(ingest: &Process) -> Result<f64> {
    let metrics = reqwest::get(format!("{}/metrics", ingest.url)).await?.text().await?;
    let of_5s = |line: &&str| line.starts_with("callbridge_delay_held_seconds") && line.contains("\"5s\"");
    let line = metrics.lines().find(of_5s).context("the metric")?;
    Ok(line.rsplit(' ').next().context("a value")?.parse()?)
}

#[tokio::test]
#[ignore = "nightly: it waits for ingest to look three times"]
async fn a_message_that_a_delay_queue_holds_is_noticed_until_one_comes_back() -> Result<()> {
    let (stack, workers) = Stack::running("delays").await?;
    let database = stack.connection().await?;
    let back = "select count(*) from delay_checks where delay = '5s' and back_of is not null and waits_since is null";
    let is_back = || async { (database.query_one(back, &[]).await.ok()?.get::<_, i64>(0) == 1).then_some(()) };
    eventually(NOTICED_WITHIN, is_back).await.context("no message has come back")?;
    let (said, _) = stack.callbridge(&["check"]).await?;
    ensure!(said.contains("they give messages back in time"), "{said}");

    // One that was sent long ago has not come back, and the next is not due yet.
    let hold = "update delay_checks set made_at = now(), sent_at = now() - interval '5 min', waits_since = now() - interval '5 min' where delay = '5s'";
    database.batch_execute(hold).await?;
    let noticed = || async { (held_s(&workers[0]).await.ok()? > 60.0).then_some(()) };
    eventually(NOTICED_WITHIN, noticed).await.context("it is not noticed")?;
    let (said, good) = stack.callbridge(&["check"]).await?;
    ensure!(!good && said.contains("messages are held past their time: 5s by"), "{said}");

    // It counts as lost, and another one is sent.
    database.batch_execute("update delay_checks set made_at = now() - interval '10 min' where delay = '5s'").await?;
    eventually(NOTICED_WITHIN, is_back).await.context("the next one has not come back")?;
    let over = || async { (held_s(&workers[0]).await.ok()? == 0.0).then_some(()) };
    eventually(NOTICED_WITHIN, over).await.context("it is not over")?;

    // What is not ours costs only itself, and a queue that somebody deletes is declared again.
    let broker = stack.broker().await?;
    let channel = broker.create_channel().await?;
    let (checked, delay) = (stack.names.checked(), stack.names.delay("5s"));
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    channel.basic_publish("".into(), checked.as_str().into(), options, b"{", properties).await?.await?;
    channel.queue_delete(delay.as_str().into(), QueueDeleteOptions::default()).await?;
    database.batch_execute("update delay_checks set made_at = now() - interval '10 min' where delay = '5s'").await?;
    let again = "select count(*) from delay_checks where delay = '5s' and waits_since is null and back_of > now() - interval '30 s'";
    let is_again = || async { (database.query_one(again, &[]).await.ok()?.get::<_, i64>(0) == 1).then_some(()) };
    eventually(3 * NOTICED_WITHIN, is_again).await.context("the deleted queue gives nothing back")?;
    drop(workers);
    stack.down().await
}

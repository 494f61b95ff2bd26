//! Calls a minute within the vendors' quotas: 149 requests a minute to Sellsy and 120 to Aircall, which the sandbox enforces.
//!
//! Ten minutes of calls at a steady rate, each with a tag, a recording, a note and three insights at realistic times after its
//! end. The rate is sustained if no request was refused, if no call waits for its log for longer than it should, and if all of it is in the
//! logs soon after the last call.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use harness::{
    Stack,
    build::{call, note, recording, sentiment, summary, tag, topics},
    eventually,
};
use serde_json::Value;

use crate::{
    Form,
    report::{Figure, Reach},
};

const SELLSY_PER_MINUTE: &str = "149";
const AIRCALL_PER_MINUTE: &str = "120";
const OFFERED_PER_MINUTE: u32 = 100;
const MINUTE: Duration = Duration::from_secs(60);
/// A second of a played call takes so long.
const PACE_MS: u64 = 20;
/// A new log waits for the changes of its first minute and a half, then up to half a minute in a delay queue, then for its turn.
const WAITS_AT_MOST: Duration = Duration::from_secs(150);
/// Changes wait for up to five minutes, and then for their turn.
const COMPLETE_WITHIN: Duration = Duration::from_secs(420);

pub(crate) async fn measure(form: Form) -> Result<Vec<Figure>> {
    let lasts = form.pick(MINUTE / 2, 10 * MINUTE);
    let quotas = [
        "--sellsy-per-second",
        "5",
        "--sellsy-per-minute",
        SELLSY_PER_MINUTE,
        "--aircall-per-minute",
        AIRCALL_PER_MINUTE,
    ];
    let mut stack = Stack::with_sandbox("bench", &quotas).await?;
    for (name, value) in [
        ("SELLSY_REQUESTS_PER_SECOND", "5"),
        ("SELLSY_REQUESTS_PER_MINUTE", SELLSY_PER_MINUTE),
        ("AIRCALL_REQUESTS_PER_MINUTE", AIRCALL_PER_MINUTE),
        ("LOG_UPDATES_EVERY", "40s"),
    ] {
        stack.environment.insert(name.into(), value.into());
    }
    let workers = stack.start_all().await?;
    // Loading the directory has used part of the minute's quota.
    tokio::time::sleep(form.pick(Duration::ZERO, MINUTE)).await;
    let at = |s: i64| s * 1_000 / i64::try_from(PACE_MS).unwrap_or(1);
    let call = call("+33 6 39 98 41 07").lasting(90).recorded().paced(PACE_MS).after(at(5), tag("VIP"));
    let call = call.after(at(15), recording()).after(at(40), note("Rappeler lundi."));
    let call = call.after(at(75), summary("Le client veut un devis.")).after(at(76), topics(&["devis"]));
    let call = call.after(at(77), sentiment("POSITIVE"));
    let (mut offered, mut turn, began) = (0, tokio::time::interval(MINUTE / OFFERED_PER_MINUTE), Instant::now());
    while began.elapsed() < lasts {
        turn.tick().await;
        stack.sandbox.play(&call).await?;
        offered += 1;
    }
    let took = began.elapsed();
    let waiting = offered - logs(&stack).await?.len();
    let at_most = (WAITS_AT_MOST.as_secs_f64() / 60.0 * f64::from(OFFERED_PER_MINUTE)) as usize;
    ensure!(
        waiting <= at_most,
        "the backlog grew: {waiting} calls wait for their log, and {at_most} come in within {WAITS_AT_MOST:?}"
    );
    let complete = || async {
        let logs = logs(&stack).await.ok()?;
        (logs.len() == offered && logs.iter().all(has_everything)).then_some(())
    };
    let ended = Instant::now();
    eventually(COMPLETE_WITHIN, complete).await.with_context(|| format!("not all of {offered} logs are complete"))?;
    let counts = stack.sandbox.get("/counts").await?;
    let refused = |api: &str| counts[api]["by_status"]["429"].as_u64().unwrap_or(0);
    ensure!(refused("sellsy") + refused("aircall") == 0, "requests were refused: {counts}");
    let requests = stack.sandbox.requests("sellsy").await? as f64;
    drop(workers);
    stack.down().await?;
    let per_minute = f64::from(u32::try_from(offered)?) * 60.0 / took.as_secs_f64();
    let what = format!(
        "calls a minute with late changes for {} min, Sellsy {SELLSY_PER_MINUTE}/min, Aircall {AIRCALL_PER_MINUTE}/min, no 429",
        lasts.as_secs() / 60
    );
    let figure = |key, name: &str, value, unit| Figure::new(key, name, value, unit);
    Ok(vec![
        figure("calls_per_minute_in_quota", &what, per_minute, "/min").reach(Reach::AtLeast(100.0)),
        figure("quota_requests", "Sellsy requests of such a call, directory included", requests / offered as f64, ""),
        figure("quota_waiting", "calls that wait for their log in the end", waiting as f64, ""),
        figure(
            "quota_complete_s",
            "everything is in the logs, after the last call",
            ended.elapsed().as_secs_f64(),
            "s",
        ),
    ])
}

async fn logs(stack: &Stack) -> Result<Vec<Value>> {
    stack.sandbox.phone_calls().await
}

fn has_everything(log: &Value) -> bool {
    let text = log["description"].as_str().unwrap_or_default();
    ["VIP", "/recording", "Rappeler lundi.", "Le client veut un devis.", "Sujets (IA)", "Sentiment"]
        .iter()
        .all(|words| text.contains(words))
}

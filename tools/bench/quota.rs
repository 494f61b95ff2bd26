//! Calls a minute within the vendors' quotas: 149 requests a minute to Sellsy and 120 to Aircall, which the sandbox enforces.
//!
//! Ten minutes of calls at a steady rate. The rate is sustained if every call is logged, the last ones as soon as the first,
//! and no request was refused.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use harness::{Stack, build::call, eventually};

use crate::{
    Form,
    report::{Figure, Reach},
};

const SELLSY_PER_MINUTE: &str = "149";
const AIRCALL_PER_MINUTE: &str = "120";
const OFFERED_PER_MINUTE: u32 = 71;
const MINUTE: Duration = Duration::from_secs(60);
/// After a while the budget lets background work (the directory's turns) go before bulk work.
const SETTLED_WITHIN: Duration = Duration::from_secs(20);

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
    ] {
        stack.environment.insert(name.into(), value.into());
    }
    let workers = stack.start_all().await?;
    // Loading the directory has used part of the minute's quota.
    tokio::time::sleep(form.pick(Duration::ZERO, MINUTE)).await;
    let call = call("+33 6 39 98 41 07").lasting(90).paced(20);
    let (mut offered, mut turn, began) = (0, tokio::time::interval(MINUTE / OFFERED_PER_MINUTE), Instant::now());
    while began.elapsed() < lasts {
        turn.tick().await;
        stack.sandbox.play(&call).await?;
        offered += 1;
    }
    let took = began.elapsed();
    let all = || async { (stack.sandbox.phone_calls().await.ok()?.len() == offered).then_some(()) };
    eventually(SETTLED_WITHIN, all).await.with_context(|| {
        format!(
            "the backlog grew: not all of {offered} calls were logged {} s after the last",
            SETTLED_WITHIN.as_secs()
        )
    })?;
    let counts = stack.sandbox.get("/counts").await?;
    let refused = |api: &str| counts[api]["by_status"]["429"].as_u64().unwrap_or(0);
    ensure!(refused("sellsy") + refused("aircall") == 0, "requests were refused: {counts}");
    drop(workers);
    stack.down().await?;
    let per_minute = f64::from(u32::try_from(offered)?) * 60.0 / took.as_secs_f64();
    let what = format!(
        "calls a minute for {} min, Sellsy {SELLSY_PER_MINUTE}/min, Aircall {AIRCALL_PER_MINUTE}/min, no 429",
        lasts.as_secs() / 60
    );
    Ok(vec![Figure::new("calls_per_minute_in_quota", what, per_minute, "/min").reach(Reach::AtLeast(70.0))])
}

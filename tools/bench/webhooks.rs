//! Ingest alone: webhooks accepted, each durable and confirmed before its 200, compared with a publisher that does nothing else.

use std::time::Duration;

use anyhow::Result;
use harness::Stack;

use crate::{
    Form,
    bare::Bare,
    load,
    report::{Figure, Reach, quantile_ms},
};

const NUMBER: &str = "+33 6 39 98 41 07";
const PER_S: u32 = 1000;

pub(crate) async fn measure(form: Form) -> Result<Vec<Figure>> {
    let lasts = form.pick(Duration::from_secs(3), Duration::from_secs(15));
    let mut stack = Stack::new("bench").await?;
    let ingest = stack.start("ingest").await?;
    ingest.until_ready(Duration::from_secs(30)).await?;
    let body = |n: i64| load::created(3_811_600_001 + n, NUMBER);
    let bare = Bare::open(&stack).await?;
    // Measured before and after, because a machine's speed varies.
    let warm = Duration::from_secs(1);
    load::fastest(&ingest.url, body, warm).await?;
    bare.publishes_per_s(body, warm).await?;
    let (mut accepted, mut published) = (0.0, 0.0);
    for _ in 0..2 {
        published += bare.publishes_per_s(body, lasts / 2).await? / 2.0;
        accepted += load::fastest(&ingest.url, body, lasts / 2).await? / 2.0;
    }
    let mut took = load::at_rate(&ingest.url, PER_S, body, lasts).await?;
    let mut confirmed = bare.at_rate(PER_S, body, lasts).await?;
    let ceiling = load::ceiling(lasts / 2).await?;
    drop(ingest);
    stack.down().await?;
    let p50 = (quantile_ms(&mut took, 0.5), quantile_ms(&mut confirmed, 0.5));
    let p99 = (quantile_ms(&mut took, 0.99), quantile_ms(&mut confirmed, 0.99));
    Ok(vec![
        Figure::ratio("ingest_ratio", "webhooks accepted, one ingest", accepted, "/s")
            .beside("bare publishes/s, 64 under way", published)
            .reach(Reach::RatioAtLeast(0.5)),
        Figure::new("ingest_p50_ms", "webhook to its 200 at 1,000/s, median", p50.0, "ms")
            .beside("ms: bare publish to confirmation", p50.1),
        Figure::ratio("ingest_p99_ratio", "webhook to its 200 at 1,000/s, p99", p99.0, "ms")
            .beside("ms: bare publish to confirmation", p99.1)
            .reach(Reach::RatioAtMost(3.0)),
        Figure::new("load_ceiling_per_s", "what the load generator itself reaches", ceiling, "/s"),
    ])
}

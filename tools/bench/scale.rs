//! APIs that take 100 ms to answer, and one, two, four replicas of resolver and logger.

use std::time::Duration;

use anyhow::Result;

use crate::{
    Form,
    flow::Site,
    people::THOUSAND,
    report::{Figure, Reach},
};

const LATENCY: Duration = Duration::from_millis(100);
/// More than four replicas hold, so that none waits for calls.
const LINES: usize = 256;
/// Few, so that neither the machine nor the calls in flight are what limits four replicas.
const CONCURRENCY: &str = "8";

pub(crate) async fn measure(form: Form) -> Result<Vec<Figure>> {
    let lasts = form.pick(Duration::from_secs(4), Duration::from_secs(20));
    let mut site = Site::up_with(&THOUSAND, &[("CONCURRENCY", CONCURRENCY)]).await?;
    site.closed_loop(8, Duration::from_secs(1)).await?;
    site.vendors.set_latency(LATENCY);
    let mut per_s = Vec::new();
    for (replicas, more) in [(1, 0), (2, 1), (4, 2)] {
        for _ in 0..more {
            site.one_more("resolver").await?;
            site.one_more("logger").await?;
        }
        // Lets every line start a call first.
        site.closed_loop(LINES, Duration::from_secs(3)).await?;
        per_s.push((replicas, site.closed_loop(LINES, lasts).await?.0));
    }
    site.vendors.set_latency(Duration::ZERO);
    site.down().await?;
    let [(_, one), (_, two), (_, four)] = per_s[..] else { anyhow::bail!("three counts of replicas") };
    Ok(vec![
        Figure::new("scale_1_per_s", "calls/s, APIs answer after 100 ms, 1 resolver and logger", one, "/s"),
        Figure::ratio("scale_2", "the same, 2 each", two, "/s")
            .beside("/s: 1 each", one)
            .reach(Reach::RatioAtLeast(1.9)),
        Figure::ratio("scale_4", "the same, 4 each", four, "/s")
            .beside("/s: 1 each", one)
            .reach(Reach::RatioAtLeast(3.6)),
    ])
}

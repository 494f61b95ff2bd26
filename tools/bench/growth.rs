//! Whether a call costs more when there is more in the ledger, or in the directory.
//!
//! One call at a time, so that nothing but the work itself counts: the median of calls, from the ring to the log. What is compared
//! takes turns, because the machine is not the same all the time.

use std::time::Duration;

use anyhow::Result;

use crate::{
    Form,
    flow::Site,
    people::{HUNDRED_THOUSAND, THOUSAND},
    report::{Figure, Reach, quantile_ms},
};

const TURNS: usize = 4;

pub(crate) async fn measure(form: Form) -> Result<Vec<Figure>> {
    let lasts = form.pick(Duration::from_millis(700), Duration::from_secs(4));
    // One that stays the same, to compare with the one that grows.
    let (small, grows) = (Site::up(&THOUSAND).await?, Site::up(&THOUSAND).await?);
    let mut figures = Vec::new();
    for calls in form.pick(vec![10_000], vec![10_000, 1_000_000]) {
        grows.fill_ledger(calls).await?;
        let (one, other) = compared(&small, &grows, lasts).await?;
        figures.push(
            figure("growth", format!("one call with {calls} in the ledger"), other, one).of(format!("ledger_{calls}")),
        );
    }
    grows.down().await?;
    let records = form.pick(None, Some(HUNDRED_THOUSAND));
    if let Some(records) = records {
        let large = Site::up(&records).await?;
        let (one, other) = compared(&small, &large, lasts).await?;
        figures.push(
            figure("growth", "one call with 100,000 records in the directory".into(), other, one)
                .of("directory_100000"),
        );
        large.down().await?;
    }
    small.down().await?;
    Ok(figures)
}

fn figure(key: &'static str, what: String, value: f64, smallest: f64) -> Figure {
    Figure::ratio(key, what, value, "ms")
        .beside("ms: a few calls and 1,000 records", smallest)
        .reach(Reach::RatioAtMost(1.2))
}

/// Medians in milliseconds.
async fn compared(one: &Site, other: &Site, lasts: Duration) -> Result<(f64, f64)> {
    let (mut of_one, mut of_other) = (Vec::new(), Vec::new());
    for turn in 0..=TURNS {
        let (first, second) = (one.whole_calls(lasts).await?, other.whole_calls(lasts).await?);
        // The first turn warms caches.
        if turn > 0 {
            of_one.extend(first);
            of_other.extend(second);
        }
    }
    Ok((quantile_ms(&mut of_one, 0.5), quantile_ms(&mut of_other, 0.5)))
}

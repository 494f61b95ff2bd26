//! A backlog: calls that ended while only ingest was running, then handled by one resolver and one logger.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use harness::eventually;

use crate::{
    Form,
    flow::Site,
    load::{self, Line, WINDOW},
    people::{THOUSAND, national},
    report::Figure,
};

const FIRST: i64 = 3_900_000_001;
const DRAINED_WITHIN: Duration = Duration::from_secs(900);

pub(crate) async fn measure(form: Form) -> Result<Vec<Figure>> {
    let waiting = form.pick(1_000, 50_000);
    let mut site = Site::up(&THOUSAND).await?;
    let bare = site.bare().await?;
    let body = |n: i64| load::ended(FIRST + n, "+33 6 39 98 41 07");
    let consumed = bare.consumes_per_s(waiting, body).await?;
    site.all_but_ingest_end().await?;
    let mut lines = tokio::task::JoinSet::new();
    for n in 0..WINDOW {
        let mut line = Line::to(&site.workers[0].url).await?;
        lines.spawn(async move {
            for nth in (n..waiting).step_by(WINDOW) {
                let number = format!("+33 {}", national(nth % 1000));
                line.send(&load::ended(FIRST + i64::try_from(nth)?, &number)).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(line) = lines.join_next().await {
        line??;
    }
    let (before, began) = (site.vendors.logged(), Instant::now());
    site.one_more("resolver").await?;
    site.one_more("logger").await?;
    let drained = || async { (site.vendors.logged() - before >= waiting).then_some(()) };
    eventually(DRAINED_WITHIN, drained).await.context("the backlog is drained")?;
    let per_s = waiting as f64 / began.elapsed().as_secs_f64();
    site.down().await?;
    let what = format!("backlog of {waiting} ended calls, to their logs, one resolver and one logger");
    Ok(vec![Figure::new("drain_per_s", what, per_s, "/s").beside("/s: bare consume and ack, 8 in flight", consumed)])
}

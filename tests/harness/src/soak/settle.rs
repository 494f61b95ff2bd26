//! After the last fault: wait until everything has settled, and measure how long that took.
//!
//! The changes of a log are gathered for up to a minute by design (decision 0006); this wait is always cut short here, and so are
//! the 75 minutes after which the ledger hands on a call whose message was lost (decision 0018). In a hurry, the stored times of everything else that waits are moved back as well, such as the leases of dead workers; the
//! measured time is then not the real one.

use std::time::Duration;

use anyhow::Result;
use base::ids::Stage;
use broker::topology::DELAYS;
use tokio::time::{Instant, sleep};

use super::{
    follows::Ordered,
    script::Truth,
    site::Site,
    verdict::{Verdict, judge},
};

/// The first retry delay, plus some time to work.
const A_WHILE: Duration = Duration::from_secs(7);
const QUIET_WITHIN: Duration = Duration::from_secs(120);

#[derive(Clone, Debug)]
pub struct Settled {
    pub verdict: Verdict,
    /// Measured from the end of the last fault: until every call had its log, and until everything was right.
    pub logged_after: Option<Duration>,
    pub right_after: Option<Duration>,
    /// While calls were made: the longest time without a new log.
    pub longest_pause: Duration,
}

pub(super) async fn settle(
    site: &Site,
    truths: &[Truth],
    ordered: Option<&Ordered>,
    healed: Instant,
    patience: Duration,
    hurry: bool,
) -> Result<Settled> {
    let (mut logged_after, mut moved, mut changed) = (None, Instant::now(), Instant::now());
    let mut right_after = None;
    let mut verdict = judge(truths, ordered, &site.found().await?);
    while right_after.is_none() && changed.elapsed() < patience {
        if logged_after.is_none() && verdict.all_are_logged() {
            logged_after = Some(healed.elapsed());
        }
        if verdict.is_clean() {
            right_after = Some(healed.elapsed());
            break;
        }
        sleep(Duration::from_secs(1)).await;
        site.stack.ledger().await?.gathering_ends().await?;
        if moved.elapsed() > A_WHILE {
            if hurry {
                site.time_passes().await?;
            } else {
                site.stack.ledger().await?.messages_are_overdue().await?;
            }
            moved = Instant::now();
        }
        let now = judge(truths, ordered, &site.found().await?);
        if now != verdict {
            // While work proceeds on its own, no time is moved, so a slow machine is not taken for a fault.
            (moved, changed) = (Instant::now(), Instant::now());
        }
        verdict = now;
    }
    let loud = if right_after.is_some() { until_quiet(site).await? } else { waiting(site).await? };
    verdict = judge(truths, ordered, &site.found().await?);
    verdict.parked = parked(site).await?;
    if let Some(loud) = loud {
        verdict.strange.push(loud);
    }
    Ok(Settled { verdict, logged_after, right_after, longest_pause: Duration::ZERO })
}

/// What is right now may still change before the last message is handled. Returns what is still waiting in the end.
async fn until_quiet(site: &Site) -> Result<Option<String>> {
    let began = Instant::now();
    loop {
        let loud = waiting(site).await?;
        if loud.is_none() || began.elapsed() > QUIET_WITHIN {
            return Ok(loud);
        }
        site.time_passes().await?;
        sleep(Duration::from_secs(3)).await;
    }
}

async fn waiting(site: &Site) -> Result<Option<String>> {
    let stack = &site.stack;
    let mut waiting = Vec::new();
    let undelivered = stack.sandbox.get("/aircall/deliveries?log=false").await?["pending"].as_u64().unwrap_or_default();
    let inbox = stack.ledger().await?.inbox().await?;
    for (where_to, count) in [("webhooks to be delivered", undelivered), ("facts in the inbox", inbox.unsigned_abs())] {
        if count > 0 {
            waiting.push(format!("{count} {where_to}"));
        }
    }
    let stages = Stage::ALL.into_iter().filter(|stage| stage.has_work_queue()).map(|stage| stack.names.work(stage));
    for queue in stages {
        let depth = stack.depth(&queue).await?;
        if depth > 0 {
            waiting.push(format!("{depth} messages in {queue}"));
        }
    }
    for (rung, _) in DELAYS {
        let delayed = stack.delayed(rung).await?;
        if delayed > 0 {
            waiting.push(format!("{delayed} messages are delayed by {rung}"));
        }
    }
    Ok((!waiting.is_empty()).then(|| format!("still waiting: {}", waiting.join(", "))))
}

async fn parked(site: &Site) -> Result<Vec<String>> {
    let mut letters = Vec::new();
    for (stage, depth) in site.stack.dead_letters().await? {
        let (output, _) = site.stack.callbridge(&["dead", "list", "--stage", stage.as_str()]).await?;
        letters.push(format!("{depth} of {}:\n{output}", stage.as_str()));
    }
    Ok(letters)
}

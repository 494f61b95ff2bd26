//! The ledger drives: what is due is handed on, and what messages should have noted is noted, by one replica at a time.

use std::time::Duration;

use base::{error::Result, trace::Traceparent};
use broker::amqp::Publisher;
use jiff::{SignedDuration, Timestamp};
use ledger::followups;
use tokio::time::{self, Instant};

use crate::{
    due::{FOLLOWUP_DUE, FollowupDue},
    notice::Notice,
};

const EVERY: Duration = Duration::from_secs(5);
const CATCH_UP_EVERY: Duration = Duration::from_secs(300);
const BATCH: i64 = 200;
/// Over a weekend.
const AS_FAR_BACK: SignedDuration = SignedDuration::from_hours(72);

pub(crate) async fn run(notice: Notice, publisher: Publisher) {
    let mut caught_up: Option<Instant> = None;
    loop {
        notice.database.available().await;
        publisher.available().await;
        if let Err(e) = hand_on(&notice, &publisher).await {
            tracing::warn!(error = %e, "What is due could not be handed on; it is tried again.");
        }
        if caught_up.is_none_or(|at| at.elapsed() >= CATCH_UP_EVERY) {
            caught_up = Some(Instant::now());
            match catch_up(&notice).await {
                Ok(waits_s) => metrics::gauge!("callbridge_missed_call_oldest_seconds").set(waits_s),
                Err(e) => {
                    tracing::warn!(error = %e, "What follows from calls could not be looked at; it is tried again.");
                }
            }
        }
        time::sleep(EVERY).await;
    }
}

async fn hand_on(notice: &Notice, publisher: &Publisher) -> Result<()> {
    if followups::due(&notice.database.client().await?, 1).await?.is_empty() {
        return Ok(());
    }
    let Some(client) = notice.database.lock("followups", Duration::ZERO).await? else { return Ok(()) };
    let (asked_at, due) = (client.now().await?, followups::due(&client, BATCH).await?);
    for key in &due {
        let (call, payload) = (key.call(), FollowupDue { key: key.to_string() });
        publisher.fact(FOLLOWUP_DUE, call, &payload, Traceparent::for_call(call)).await?;
    }
    followups::handed_on(&client, &due, asked_at).await
}

/// How long the oldest caller waits whom nobody has called back; 0 also while another replica looks.
async fn catch_up(notice: &Notice) -> Result<f64> {
    let Some(client) = notice.database.lock("missed calls", Duration::ZERO).await? else { return Ok(0.0) };
    let now = client.now().await?;
    let since = now.saturating_sub(AS_FAR_BACK).unwrap_or(Timestamp::UNIX_EPOCH);
    let oldest = notice.catch_up(&client, since).await?;
    Ok(oldest.map_or(0.0, |at| now.duration_since(at).as_secs_f64()))
}

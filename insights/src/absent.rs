//! Calls that could have insights: asks for those whose webhooks may have been lost with an older ledger, and notes on the timeline of calls without any
//! that none have come, so that nobody waits for them.

use std::time::Duration;

use base::{db::Database, error::Result, trace::Traceparent};
use broker::amqp::Publisher;
use ledger::{
    calls,
    timeline::{self, Entry, What},
};
use serde_json::json;
use tokio::time;

use crate::gate::{LESS_THAN_S, MORE_THAN_S};

const EVERY: Duration = Duration::from_secs(300);
/// While another replica has the turn, or its connection is still open after its end.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(30);
/// The event that brings a kind of insight. One that carries nothing has Aircall asked.
const EVENTS: [(&str, &str); 5] = [
    ("summary", "summary.created"),
    ("topics", "topics.created"),
    ("sentiment", "sentiment.created"),
    ("action_item", "action_item.created"),
    ("custom_summary", "custom_summary.result_created"),
];

/// One replica at a time.
pub(crate) async fn run(database: Database, publisher: Publisher) {
    loop {
        database.available().await;
        let pause = turn(&database, &publisher).await.unwrap_or_else(|e| {
            tracing::warn!(error = %e, "Calls without insights could not be looked at; it is tried again.");
            EVERY
        });
        time::sleep(pause).await;
    }
}

/// Returns how long to wait for the next one.
async fn turn(database: &Database, publisher: &Publisher) -> Result<Duration> {
    let Some(client) = database.lock("absent insights", Duration::ZERO).await? else { return Ok(LOOK_AGAIN_AFTER) };
    calls::note_absent_insights(&client, MORE_THAN_S, LESS_THAN_S).await?;
    for (call_id, lacking) in calls::may_have_lost_insights(&client, MORE_THAN_S, LESS_THAN_S).await? {
        for (_, event) in EVENTS.iter().filter(|(kind, _)| lacking.iter().any(|lacks| lacks == kind)) {
            publisher.fact(event, call_id, &json!({}), Traceparent::for_call(call_id)).await?;
        }
        // After a crash before this, they are asked for twice.
        timeline::add(&client, call_id, [Entry::new("insights", What::InsightsAskedFor {})]).await?;
    }
    Ok(EVERY)
}

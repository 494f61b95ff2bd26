//! Deletes what is older than `RETENTION_DAYS`: calls with all that is known of them, text messages, timelines, remembered misses; and, after
//! `AUDIT_DAYS`, what people did by hand.
//! Messages that never left the inbox are deleted by ingest.
//!
//! This is background work of the resolver because the resolver owns most of the data (resolutions, unmatched numbers,
//! misses, the directory), cannot work without the database anyway, and nobody waits for it as Aircall waits for
//! ingest. One replica at a time does it (an advisory lock), in small batches with pauses, so that no call ever waits
//! for a row that is being deleted. A call's age counts from when it was first seen. The phone directory is not
//! touched: it mirrors Sellsy.

use std::time::Duration;

use base::{
    db::{Client, Database},
    error::Result,
};
use ledger::{audit, erase, filtered, messages};
use tokio::time;

use crate::directory::store;

const EVERY: Duration = Duration::from_secs(600);
/// A batch takes some ten milliseconds.
const BATCH: i64 = 500;
const BETWEEN: Duration = Duration::from_millis(100);
/// Aircall sends AI events within minutes of a call.
const LATE_INSIGHTS: Duration = Duration::from_secs(7 * 24 * 3600);

pub(crate) async fn run(database: Database, age: Duration, audit: Duration) {
    loop {
        database.available().await;
        match turn(&database, age, audit).await {
            Ok(Some((calls, lines))) if calls + lines > 0 => {
                tracing::info!(calls, lines, "What was older than RETENTION_DAYS was deleted.");
            }
            Ok(_) => {}
            Err(e) => tracing::warn!(error = %e, "Old data could not be deleted; it is tried again."),
        }
        time::sleep(EVERY).await;
    }
}

/// How many calls and timeline lines were deleted; `None` while another replica is doing this.
async fn turn(database: &Database, age: Duration, audit: Duration) -> Result<Option<(u64, u64)>> {
    let Some(client) = database.lock("retention", Duration::ZERO).await? else { return Ok(None) };
    audit::forget_old(&client, audit).await?;
    delete(&client, age).await.map(Some)
}

async fn delete(client: &Client, age: Duration) -> Result<(u64, u64)> {
    let (mut calls, mut lines) = (0, 0);
    loop {
        let old = erase::old_calls(client, age, BATCH).await?;
        if old.is_empty() {
            break;
        }
        let erased = erase::calls(client, &old).await?;
        calls += erased.calls;
        lines += erased.timeline;
        time::sleep(BETWEEN).await;
    }
    loop {
        let removed = erase::old_lines(client, age, 10 * BATCH).await?;
        if removed == 0 {
            break;
        }
        lines += removed;
        time::sleep(BETWEEN).await;
    }
    loop {
        let old = messages::old(client, age, BATCH).await?;
        if old.is_empty() {
            break;
        }
        messages::erase(client, &old).await?;
        time::sleep(BETWEEN).await;
    }
    store::forget_old_misses(client).await?;
    filtered::forget_old(client, age.min(LATE_INSIGHTS)).await?;
    Ok((calls, lines))
}

//! After an upgrade: enters the calls from before into the tables beside their rows, by which the console searches (migration V30,
//! docs/decisions/0024). Triggers enter all others.
//!
//! One replica at a time does it, in small batches with pauses, so that no call ever waits for a row that is being entered. Until then the
//! console finds these calls in their rows, which is slower. It is done once: later starts find nothing to do.

use std::time::Duration;

use base::{db::Database, error::Result};
use ledger::calls;
use tokio::time;

/// Some twenty milliseconds.
const BATCH: i64 = 500;
const BETWEEN: Duration = Duration::from_millis(50);
const AGAIN_AFTER: Duration = Duration::from_secs(30);

pub(crate) async fn run(database: Database) {
    loop {
        database.available().await;
        match turn(&database).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(e) => {
                tracing::warn!(error = %e, "Calls could not be entered into the console's search; it is tried again.");
            }
        }
        time::sleep(AGAIN_AFTER).await;
    }
}

/// False while another replica is doing this.
async fn turn(database: &Database) -> Result<bool> {
    if !calls::any_to_enter(&database.client().await?).await? {
        return Ok(true);
    }
    let Some(client) = database.lock("enter calls", Duration::ZERO).await? else { return Ok(false) };
    let mut entered = 0;
    loop {
        match calls::enter(&client, BATCH).await? {
            0 => break,
            more => entered += more,
        }
        time::sleep(BETWEEN).await;
    }
    calls::all_entered(&client).await?;
    tracing::info!(calls = entered, "The calls from before are entered into the console's search.");
    Ok(true)
}

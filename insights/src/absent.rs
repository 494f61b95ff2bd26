//! Notes on the timeline that no insights have come for a call that could have some, so that nobody waits for them.

use std::time::Duration;

use base::db::Database;
use ledger::calls;
use tokio::time;

use crate::gate::{LESS_THAN_S, MORE_THAN_S};

const EVERY: Duration = Duration::from_secs(300);

/// One replica at a time.
pub(crate) async fn run(database: Database) {
    loop {
        database.available().await;
        let noted = async {
            let Some(client) = database.lock("absent insights", Duration::ZERO).await? else { return Ok(0) };
            calls::note_absent_insights(&client, MORE_THAN_S, LESS_THAN_S).await
        };
        if let Err(e) = noted.await {
            let e: base::error::Error = e;
            tracing::warn!(error = %e, "Calls without insights could not be noted; it is tried again.");
        }
        time::sleep(EVERY).await;
    }
}

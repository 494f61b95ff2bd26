//! The first call, as it happens: its story line by line, until its log stands in Sellsy.

use std::time::Duration;

use base::{db::Database, ids::CallId, say, settings::Settings, tell};
use jiff::Timestamp;
use ledger::timeline::{self, What};
use resolver::page_of_related;
use tokio::time::{Instant, sleep};

use crate::call;

const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Waits for a call that begins after `since`. False if none was logged in time.
pub(crate) async fn show(
    database: &Database,
    settings: &Settings,
    since: Timestamp,
    patience: Duration,
) -> anyhow::Result<bool> {
    let deadline = Instant::now() + patience;
    let (mut followed, mut shown): (Option<CallId>, usize) = (None, 0);
    loop {
        let client = database.client().await?;
        let next = call::since(&client, since).await?.first().map(|(id, _)| *id);
        if next.is_some() && next != followed {
            (followed, shown) = (next, 0);
        }
        if let Some(id) = followed {
            let lines = timeline::of(&client, id).await?;
            if shown == 0 && !lines.is_empty() {
                say!("\nCall {id}:");
            }
            for line in lines.iter().skip(shown) {
                say!("{}", call::told(line, &settings.time_zone).trim_end());
                match &line.what {
                    What::Logged { related, .. } => {
                        say!("\nIt is logged in Sellsy:");
                        for link in related.iter().filter_map(|of| page_of_related(of, &settings.sellsy.links)) {
                            say!("  {link}");
                        }
                        if let Some(link) = settings.aircall.call_link.of(id.0) {
                            say!("  in Aircall: {link}");
                        }
                        return Ok(true);
                    }
                    What::Skipped { .. } if line.stage == "logger" => {
                        tell!("  It is not logged. Call from a number that a record in Sellsy has.");
                    }
                    What::Parked(failure) => {
                        tell!("  docs/errors.md says what to do about {}.", failure.code);
                    }
                    _ => {}
                }
            }
            shown = lines.len();
        }
        if Instant::now() > deadline {
            return Ok(false);
        }
        drop(client);
        sleep(LOOK_EVERY).await;
    }
}

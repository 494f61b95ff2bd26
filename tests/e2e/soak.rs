//! Hundreds of calls under random faults, from another seed each time.

use std::time::Duration;

use anyhow::{Result, ensure};
use harness::soak::{Means, Soak, script::Load};

const LOAD: Load = Load { calls: 600, over: Duration::from_secs(30), old: 0.12, follows: true };

/// The seed is printed, with the command to repeat it.
#[tokio::test]
async fn every_call_is_logged_exactly_once_whatever_breaks() -> Result<()> {
    // Other tests may be using the broker: its links break, but it is not stopped.
    let settled =
        Soak::mixture(fastrand::u64(..), LOAD, Means { replicas: 2, own_broker: false, cluster: false, follows: true })
            .run()
            .await?;
    ensure!(settled.verdict.is_clean(), "{}", settled.verdict);
    Ok(())
}

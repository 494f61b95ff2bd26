//! How reliably webhooks are delivered: the shares of faults, the pauses between attempts, and when to give up.
//!
//! Set by `PUT /_sandbox/aircall/delivery`; a field that is left out gets its default again.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

const LONGEST_PAUSE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Settings {
    pub(super) duplicate: f64,
    pub(super) reorder: f64,
    pub(super) late: f64,
    pub(super) late_ms: u64,
    pub(super) seed: u64,
    pub(super) retry_ms: u64,
    pub(super) max_attempts: u32,
    pub(super) concurrency: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            duplicate: 0.0,
            reorder: 0.0,
            late: 0.0,
            late_ms: 500,
            seed: 1,
            retry_ms: 200,
            max_attempts: 50,
            concurrency: 8,
        }
    }
}

impl Settings {
    pub(super) fn check(&self) -> Result<(), String> {
        let shares = [self.duplicate, self.reorder, self.late];
        if shares.iter().any(|share| !(0.0..=1.0).contains(share)) {
            return Err("duplicate, reorder and late are shares between 0 and 1".into());
        }
        if self.max_attempts == 0 || self.concurrency == 0 || self.concurrency > Semaphore::MAX_PERMITS {
            return Err("max_attempts and concurrency start at 1".into());
        }
        Ok(())
    }

    pub(super) fn pause_after(&self, attempt: u32) -> Duration {
        let factor = 1u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX);
        Duration::from_millis(self.retry_ms.saturating_mul(factor)).min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap() {
        let settings = Settings::default();
        let pauses: Vec<u128> = (1..=7).map(|attempt| settings.pause_after(attempt).as_millis()).collect();
        assert_eq!(pauses, [200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(settings.pause_after(200), LONGEST_PAUSE);
    }

    #[test]
    fn shares_are_checked() {
        assert!(Settings { late: 1.5, ..Settings::default() }.check().is_err());
        assert!(Settings { concurrency: 0, ..Settings::default() }.check().is_err());
        assert!(Settings::default().check().is_ok());
    }
}

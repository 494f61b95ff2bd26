//! How long the changes of a log wait, so that several are written together.
//!
//! Every write costs a request of a quota that all workers share, and what becomes known after a call arrives in a
//! burst within a minute or two: recording, tags, notes, three or four insights. The log is created at once. Its first
//! change waits ten seconds. A later one waits half a minute, and in any case until the last write is 55 s old. So two
//! updates are at least 55 s apart, the changes of a minute cost at most two of them (three writes with the creation),
//! and none waits longer than 55 s (`docs/decisions/0006`).
//!
//! If requests have to wait for the budget, they are gathered longer, and a new log waits for what comes in its first minute and a half
//! (`docs/decisions/0025`).

use std::time::Duration;

/// For the first change after the creation: longer than the first retry delay, after which early insights come back.
const FIRST: Duration = Duration::from_secs(10);
const LATER: Duration = Duration::from_secs(30);
/// Together with [`FIRST`] more than a minute.
const APART: Duration = Duration::from_secs(55);

/// The same if requests wait for the budget anyway: with the wait for the next time at which logs are written (`LOG_UPDATES_EVERY`), none
/// waits for more than five minutes.
const LATER_CONTESTED: Duration = Duration::from_secs(60);
const APART_CONTESTED: Duration = Duration::from_secs(260);
/// A new log waits for what is added to its call within this time: recording, tags and notes, and mostly the AI's insights.
const NEW_CONTESTED: Duration = Duration::from_secs(90);

/// The delay queue of half a minute.
const HOP: Duration = Duration::from_secs(30);

/// How long a change noticed now waits, if the log was written `writes` times, the last time `age` ago. `contested`: there are more
/// requests than the quota allows, so a request that is saved carries another call.
pub(crate) fn wait(writes: i32, age: Duration, contested: bool) -> Duration {
    match (contested, writes) {
        (true, _) => LATER_CONTESTED.max(APART_CONTESTED.saturating_sub(age)),
        (false, ..=1) => FIRST,
        (false, _) => LATER.max(APART.saturating_sub(age)),
    }
}

/// How long the log of a call that was decided so long ago still waits to be created, if requests wait for the budget: for the next hop, so that
/// the wait is not rounded up to the next delay queue (two minutes).
pub(crate) fn wait_for_new(decided: Duration) -> Option<Duration> {
    Some(NEW_CONTESTED.saturating_sub(decided).min(HOP)).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_change_goes_soon_and_later_ones_keep_their_distance() {
        for (writes, age, expected) in [
            // A row from before writes were counted.
            (0, 500, 10),
            (1, 0, 10),
            (1, 3600, 10),
            (2, 0, 55),
            (2, 10, 45),
            (2, 24, 31),
            (2, 44, 30),
            (2, 86_400, 30),
            (9, 1, 54),
        ] {
            let waits = wait(writes, Duration::from_secs(age), false).as_secs();
            assert_eq!(waits, expected, "{writes} writes, {age} s ago");
        }
    }

    #[test]
    fn a_contested_quota_gathers_for_up_to_five_minutes() {
        for (writes, age, expected) in [(1, 0, 260), (1, 100, 160), (2, 0, 260), (2, 200, 60), (2, 3600, 60)] {
            let waits = wait(writes, Duration::from_secs(age), true).as_secs();
            assert_eq!(waits, expected, "{writes} writes, {age} s ago");
        }
        let left = |decided| wait_for_new(Duration::from_secs(decided)).map(|left| left.as_secs());
        assert_eq!([left(0), left(59), left(89), left(90), left(300)], [Some(30), Some(30), Some(1), None, None]);
    }

    /// Simulates changes at these seconds after the creation, handled as the writer does; returns when it writes.
    fn writes(changes: &[u64]) -> Vec<u64> {
        let (mut writes, mut due) = (vec![0], None);
        for now in 0..1000 {
            if due == Some(now) {
                writes.push(now);
                due = None;
            }
            if changes.contains(&now) && due.is_none() {
                let (count, last) = (i32::try_from(writes.len()).unwrap(), writes[writes.len() - 1]);
                due = Some(now + wait(count, Duration::from_secs(now - last), false).as_secs());
            }
        }
        writes
    }

    #[test]
    fn no_minute_of_changes_costs_more_than_three_writes() {
        for start in 0..90 {
            let every_second: Vec<u64> = (start..=start + 60).collect();
            assert!(writes(&every_second).len() <= 3, "{start}: {:?}", writes(&every_second));
            for step in 1..60 {
                let some: Vec<u64> = (start..=start + 60).step_by(step).collect();
                assert!(writes(&some).len() <= 3, "{start}, every {step} s: {:?}", writes(&some));
            }
        }
        // Tag, recording, note and three insights at typical times after the creation.
        assert_eq!(writes(&[1, 3, 57, 70, 71, 72]), [0, 11, 87]);
    }
}

//! Decides in which delay queue a failed message waits, and when it is parked. A rung is one of the delays in `DELAYS`.

use std::time::Duration;

use base::error::Remedy;

use crate::topology::DELAYS;

/// Where a failed message goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Wait in this delay queue; `attempts` is what the message then carries.
    Wait {
        rung: &'static str,
        attempts: u32,
    },
    Park,
}

/// `attempts` counts the failures before this one. A time that an API asked for can lengthen a wait, never shorten it.
pub(super) fn next(attempts: u32, remedy: Remedy) -> Step {
    match remedy {
        Remedy::Park => Step::Park,
        Remedy::Defer { after } => Step::Wait { rung: at_least(after, 0), attempts },
        Remedy::Retry { after } => match DELAYS.get(attempts as usize) {
            None => Step::Park,
            Some(_) => {
                Step::Wait { rung: at_least(after.unwrap_or_default(), attempts as usize), attempts: attempts + 1 }
            }
        },
        Remedy::AwaitDatabase | Remedy::AwaitApi => Step::Wait { rung: DELAYS[0].0, attempts },
    }
}

/// The first rung from `lowest` on that is at least `wait`; the longest if none is.
fn at_least(wait: Duration, lowest: usize) -> &'static str {
    let rungs = &DELAYS[lowest.min(DELAYS.len() - 1)..];
    rungs.iter().find(|(_, ttl)| *ttl >= wait).unwrap_or(&DELAYS[DELAYS.len() - 1]).0
}

/// How long a message has waited at least after the failure that was counted last.
pub(super) fn waited(attempts: u32) -> Duration {
    let last = attempts.checked_sub(1).and_then(|last| DELAYS.get(last as usize));
    last.map_or(Duration::ZERO, |(_, ttl)| *ttl)
}

/// The next rung for a message that must not come back late, the longest that fits into `wait`; and how much of the wait is left after it.
pub(super) fn hop(wait: Duration) -> (&'static str, Duration) {
    // The wait was calculated a moment ago, so a rung may be longer by the time since then.
    let fits = |ttl: Duration| ttl <= wait + Duration::from_secs(1);
    let (rung, ttl) = DELAYS.iter().rev().find(|(_, ttl)| fits(*ttl)).unwrap_or(&DELAYS[0]);
    (rung, wait.saturating_sub(*ttl))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_respect_the_api_and_end_in_parking() {
        let retry = |s: Option<u64>| Remedy::Retry { after: s.map(Duration::from_secs) };
        let wait = |rung, attempts| Step::Wait { rung, attempts };
        for (attempts, remedy, expected) in [
            (0, retry(None), wait("5s", 1)),
            (1, retry(None), wait("30s", 2)),
            (4, retry(None), wait("1h", 5)),
            (5, retry(None), Step::Park),
            (0, retry(Some(20)), wait("30s", 1)),
            (2, retry(Some(1)), wait("2m", 3)),
            (0, retry(Some(86_400)), wait("1h", 1)),
            (3, Remedy::Defer { after: Duration::from_secs(6) }, wait("30s", 3)),
            (9, Remedy::AwaitDatabase, wait("5s", 9)),
            (0, Remedy::Park, Step::Park),
        ] {
            assert_eq!(next(attempts, remedy), expected, "{attempts} {remedy:?}");
        }
    }

    #[test]
    fn a_message_has_waited_for_its_last_rung() {
        for (attempts, s) in [(0, 0), (1, 5), (2, 30), (3, 120), (5, 3600), (6, 0)] {
            assert_eq!(waited(attempts).as_secs(), s, "{attempts}");
        }
    }

    #[test]
    fn hops_do_not_overshoot() {
        for (wait_ms, rung, left_ms) in [
            (0, "5s", 0),
            (4_990, "5s", 0),
            (10_000, "5s", 5_000),
            (28_900, "5s", 23_900),
            (29_990, "30s", 0),
            (50_000, "30s", 20_000),
            (130_000, "2m", 10_000),
        ] {
            assert_eq!(hop(Duration::from_millis(wait_ms)), (rung, Duration::from_millis(left_ms)), "{wait_ms} ms");
        }
    }
}

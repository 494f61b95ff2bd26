//! How many requests an account has left, counted the way a strict vendor counts.
//!
//! Sliding windows over one exact log of instants, without buckets or rounding: a client that is even one request over a
//! limit in any window is refused. Both accounts use it: Aircall with a minute, Sellsy with a second, a minute, a day and a month. It
//! knows nothing of HTTP; the accounts turn its answers into their own headers and errors.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);
pub const DAY: Duration = Duration::from_secs(86_400);
pub const MONTH: Duration = Duration::from_secs(31 * 86_400);

/// One window: its length and how many requests fit into it; `None` means that they are only counted.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub length: Duration,
    pub requests: Option<u32>,
}

/// How many requests each window still allows, in the order in which the windows were given; `None` where there is no limit.
/// Negative when refused requests count and the client went on asking.
pub type Remaining = Vec<Option<i64>>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    pub remaining: Remaining,
    /// How long until every window has room again, if no request comes meanwhile.
    pub retry_after: Duration,
}

#[derive(Debug)]
pub struct Windows {
    limits: Vec<Limit>,
    /// For each window, the number (counted from the very first request) of the oldest request inside it.
    firsts: Vec<u64>,
    log: VecDeque<Instant>,
    forgotten: u64,
    refused_count: bool,
}

impl Windows {
    pub fn new(limits: &[Limit]) -> Windows {
        Windows {
            limits: limits.to_vec(),
            firsts: vec![0; limits.len()],
            log: VecDeque::new(),
            forgotten: 0,
            refused_count: false,
        }
    }

    /// Refused requests count too, as with Sellsy.
    pub fn counting_refused(mut self) -> Windows {
        self.refused_count = true;
        self
    }

    /// Changes the limits, in the order of the windows. Lengths and counted requests stay.
    pub fn set_limits(&mut self, requests: &[Option<u32>]) {
        for (limit, requests) in self.limits.iter_mut().zip(requests) {
            limit.requests = *requests;
        }
    }

    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// Counts a request and says whether it is allowed.
    pub fn count_request(&mut self, now: Instant) -> Result<Remaining, Exceeded> {
        self.forget(now);
        let retry_after = self.retry_after(now);
        if retry_after.is_none() || self.refused_count {
            self.log.push_back(now);
        }
        let remaining = self.remaining();
        match retry_after {
            None => Ok(remaining),
            Some(retry_after) => Err(Exceeded { remaining, retry_after }),
        }
    }

    /// How many requests each window holds now.
    pub fn used(&mut self, now: Instant) -> Vec<u64> {
        self.forget(now);
        let next = self.next();
        self.firsts.iter().map(|first| next - first).collect()
    }

    fn next(&self) -> u64 {
        self.forgotten + self.log.len() as u64
    }

    fn at(&self, number: u64) -> Option<Instant> {
        let index = usize::try_from(number.checked_sub(self.forgotten)?).ok()?;
        self.log.get(index).copied()
    }

    fn forget(&mut self, now: Instant) {
        for window in 0..self.limits.len() {
            let length = self.limits[window].length;
            let mut first = self.firsts[window].max(self.forgotten);
            while self.at(first).is_some_and(|at| now.saturating_duration_since(at) >= length) {
                first += 1;
            }
            self.firsts[window] = first;
        }
        let oldest = self.firsts.iter().copied().min().unwrap_or_else(|| self.next());
        while self.forgotten < oldest && self.log.pop_front().is_some() {
            self.forgotten += 1;
        }
    }

    fn remaining(&self) -> Remaining {
        let next = self.next();
        let remaining = |(limit, first): (&Limit, &u64)| {
            let used = i64::try_from(next - first).unwrap_or(i64::MAX);
            limit.requests.map(|limit| i64::from(limit) - used)
        };
        self.limits.iter().zip(&self.firsts).map(remaining).collect()
    }

    /// `None` while one more request fits into every window.
    fn retry_after(&self, now: Instant) -> Option<Duration> {
        let next = self.next();
        let wait = |(limit, first): (&Limit, &u64)| {
            let requests = u64::from(limit.requests?);
            let over = (next - first + 1).checked_sub(requests).filter(|over| *over > 0)?;
            // The window has room once the newest of the surplus requests has left it.
            let leaves = self
                .at(first + over - 1)
                .map_or(limit.length, |at| limit.length.saturating_sub(now.saturating_duration_since(at)));
            Some(leaves)
        };
        self.limits.iter().zip(&self.firsts).filter_map(wait).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(second: Option<u32>, minute: Option<u32>) -> Windows {
        Windows::new(&[Limit { length: SECOND, requests: second }, Limit { length: MINUTE, requests: minute }])
    }

    #[test]
    fn a_window_slides_instead_of_resetting() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut windows = windows(Some(2), None);
        assert_eq!(windows.count_request(at(0)), Ok(vec![Some(1), None]));
        assert_eq!(windows.count_request(at(900)), Ok(vec![Some(0), None]));
        let refused = windows.count_request(at(950)).unwrap_err();
        assert_eq!(refused.retry_after, Duration::from_millis(50));
        assert_eq!(windows.count_request(at(1000)), Ok(vec![Some(0), None]));
        assert!(windows.count_request(at(1100)).is_err(), "900 and 1000 are both within the last second");
        assert_eq!(windows.count_request(at(1900)), Ok(vec![Some(0), None]));
    }

    #[test]
    fn refused_requests_can_count_so_that_remaining_is_negative() {
        let start = Instant::now();
        let mut windows = windows(Some(1), Some(10)).counting_refused();
        assert!(windows.count_request(start).is_ok());
        assert_eq!(windows.count_request(start).unwrap_err().remaining, vec![Some(-1), Some(8)]);
        let again = windows.count_request(start + Duration::from_millis(999)).unwrap_err();
        assert_eq!(again.remaining, vec![Some(-2), Some(7)]);
        assert_eq!(again.retry_after, Duration::from_millis(1));
        assert_eq!(windows.used(start + Duration::from_millis(1500)), vec![1, 3]);
    }

    #[test]
    fn every_window_is_enforced_and_old_instants_are_forgotten() {
        let start = Instant::now();
        let mut windows = windows(Some(5), Some(6));
        for n in 0..6 {
            assert!(windows.count_request(start + SECOND * n).is_ok(), "request {n}");
        }
        let refused = windows.count_request(start + SECOND * 10).unwrap_err();
        assert_eq!(refused.retry_after, SECOND * 50);
        assert!(windows.count_request(start + MINUTE).is_ok());
        assert_eq!(windows.log.len(), 6);
    }
}

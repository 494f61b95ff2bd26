//! How a limit is enforced: pure arithmetic, whose result is stored as the budget's windows.
//!
//! A second and a minute are paced (GCRA): one request per interval, plus a small burst. Of `n` requests allowed in a
//! window, `b` are reserved for the burst and the rest sets the interval, so that no window of that length, wherever it
//! begins, sees more than `n`. The window is calculated a little longer than it is, because of network latency: a slow
//! request and a fast one after it arrive closer together than they were sent. A day and a month are too long to pace: requests
//! are counted.
//!
//! Lanes share the pace but differ in their burst: bulk leaves some of it to cards, and background is sent only when no other
//! request is ahead. So a card never waits behind logs, and logs never wait behind the directory.

use std::num::NonZeroU32;

use super::lane::Lane;

/// How much the latency may vary.
const JITTER_S: f64 = 0.25;
/// The same for windows of a second, where 0.25 s would cost too much.
const JITTER_OF_A_SECOND_S: f64 = 0.1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    Second,
    Minute,
    Day,
    Month,
}

impl Span {
    pub const ALL: [Span; 4] = [Span::Second, Span::Minute, Span::Day, Span::Month];

    pub fn as_str(self) -> &'static str {
        match self {
            Span::Second => "second",
            Span::Minute => "minute",
            Span::Day => "day",
            Span::Month => "month",
        }
    }

    pub fn length_s(self) -> f64 {
        match self {
            Span::Second => 1.0,
            Span::Minute => 60.0,
            Span::Day => 86_400.0,
            // A calendar month has no more.
            Span::Month => 31.0 * 86_400.0,
        }
    }
}

/// A limit and how it is enforced.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    pub span: Span,
    pub max_requests: i32,
    pub policy: Policy,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Policy {
    /// One request every so many seconds, and the burst by lane.
    Paced { every_s: f64, burst: [i32; Lane::COUNT] },
    /// The most requests in the window, by lane.
    Counted { cap: [i32; Lane::COUNT] },
}

pub fn window(span: Span, limit: NonZeroU32) -> Window {
    let max_requests = i32::try_from(limit.get()).unwrap_or(i32::MAX);
    let policy = match span {
        Span::Second => paced(max_requests, (max_requests / 3).max(2), span.length_s() + JITTER_OF_A_SECOND_S),
        // At least three, so that each lane has one more than the next.
        Span::Minute => paced(max_requests, (max_requests / 60).max(3), span.length_s() + JITTER_S),
        Span::Day | Span::Month => {
            let all_but = |share: i32| max_requests - max_requests / share;
            Policy::Counted { cap: [max_requests, all_but(50), all_but(10)] }
        }
    };
    Window { span, max_requests, policy }
}

fn paced(limit: i32, largest_burst: i32, length_s: f64) -> Policy {
    // At least one request must remain to set the pace.
    let interactive = largest_burst.min((limit - 1).max(1));
    let bulk = (interactive + 1) / 2;
    let pace = f64::from((limit - interactive).max(1));
    Policy::Paced { every_s: length_s / pace, burst: [interactive, bulk, 1] }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When requests are sent if there is always one more to send.
    fn greedy(every_s: f64, burst: i32, until_s: f64) -> Vec<f64> {
        let (mut sent, mut next_at, mut now) = (Vec::new(), 0.0_f64, 0.0_f64);
        while now < until_s {
            sent.push(now);
            next_at = next_at.max(now) + every_s;
            now = now.max(next_at - f64::from(burst - 1) * every_s);
        }
        sent
    }

    fn most_within(sent: &[f64], length_s: f64) -> usize {
        let within = |from: usize| sent[from..].iter().take_while(|at| **at < sent[from] + length_s).count();
        (0..sent.len()).map(within).max().unwrap_or(0)
    }

    #[test]
    fn no_window_sees_more_than_its_limit_whichever_lane_is_greedy() {
        for span in [Span::Second, Span::Minute] {
            for limit in (1..=60).chain([100, 120, 149, 600, 1000]) {
                let Policy::Paced { every_s, burst } = window(span, NonZeroU32::new(limit).unwrap()).policy else {
                    panic!("{span:?} is paced");
                };
                for burst in burst {
                    let sent = greedy(every_s, burst, 2.5 * span.length_s());
                    let most = most_within(&sent, span.length_s());
                    assert!(most <= limit as usize, "{span:?} {limit} burst {burst}: {most}");
                }
            }
        }
    }

    #[test]
    fn nearly_all_of_a_minute_is_used() {
        for limit in [300, 600, 1200] {
            let Policy::Paced { every_s, .. } = window(Span::Minute, NonZeroU32::new(limit).unwrap()).policy else {
                panic!("a minute is paced");
            };
            let used = 60.0 / every_s / f64::from(limit);
            assert!(used > 0.975, "{limit}: {used}");
        }
    }

    #[test]
    fn each_lane_leaves_something_to_the_one_before() {
        for (span, limit, expected) in [
            (Span::Minute, 60, [3, 2, 1]),
            (Span::Minute, 120, [3, 2, 1]),
            (Span::Minute, 600, [10, 5, 1]),
            (Span::Second, 5, [2, 1, 1]),
            (Span::Second, 24, [8, 4, 1]),
            (Span::Second, 1, [1, 1, 1]),
        ] {
            let Policy::Paced { burst, .. } = window(span, NonZeroU32::new(limit).unwrap()).policy else {
                panic!("{span:?} is paced");
            };
            assert_eq!(burst, expected, "{span:?} {limit}");
        }
        let day = window(Span::Day, NonZeroU32::new(1000).unwrap());
        assert_eq!(day.policy, Policy::Counted { cap: [1000, 980, 900] });
    }
}

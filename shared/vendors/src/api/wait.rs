//! How long an API asks us to wait.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderMap;

/// No wait is longer; after it the API is asked again, whatever it said.
const LONGEST: Duration = Duration::from_secs(3600);
const DAY_S: i64 = 86_400;
/// Smaller numbers are seconds from now. A UNIX time in seconds is larger, one in milliseconds a thousand times larger.
const FIRST_TIME: i64 = 1_000_000_000;
const FIRST_TIME_MS: i64 = 1_000_000_000_000;

/// `Retry-After` (a number or a date), or Aircall's reset time, whose unit is not documented. `None` if nothing usable is there,
/// such as zero or a time in the past. At most an hour or, if a day's or a month's requests are used up, until midnight (UTC).
///
/// Times are compared with the answer's `Date`, the vendor's clock, from which ours may differ.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let now_s = date(headers).unwrap_or_else(Timestamp::now).as_second();
    let usable = |name: &str| {
        let seconds = seconds(headers.get(name)?.to_str().ok()?.trim(), now_s)?;
        u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs)
    };
    let asked = ["retry-after", "x-aircallapi-reset"].into_iter().find_map(usable)?;
    Some(asked.min(longest(headers, now_s)))
}

fn seconds(value: &str, now_s: i64) -> Option<i64> {
    Some(match value.parse::<i64>() {
        Ok(seconds @ ..FIRST_TIME) => seconds,
        Ok(time @ ..FIRST_TIME_MS) => time - now_s,
        Ok(time_ms) => time_ms / 1000 - now_s,
        Err(_) => parse_date(value)?.as_second() - now_s,
    })
}

fn longest(headers: &HeaderMap, now_s: i64) -> Duration {
    let used_up = |name: &&str| super::number(headers, name).is_some_and(|remaining| remaining <= 0);
    if !["x-quota-remaining-by-day", "x-quota-remaining-by-month"].iter().any(used_up) {
        return LONGEST;
    }
    Duration::from_secs((DAY_S - now_s.rem_euclid(DAY_S)).unsigned_abs())
}

/// The time by the vendor's clock.
pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    parse_date(headers.get("date")?.to_str().ok()?)
}

fn parse_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp())
}

#[cfg(test)]
mod tests {
    use super::{super::tests::headers, *};

    #[test]
    fn reads_how_long_to_wait() {
        // 1_600_000_000 by the vendor's clock, 41_600 s before midnight.
        let date = ("date", "Sun, 13 Sep 2020 12:26:40 GMT");
        let s = Duration::from_secs;
        for (name, value, expected) in [
            ("retry-after", "7", Some(s(7))),
            ("retry-after", "soon", None),
            ("retry-after", "0", None),
            ("retry-after", "-5", None),
            ("retry-after", "Sun, 13 Sep 2020 12:27:00 GMT", Some(s(20))),
            ("retry-after", "Sun, 13 Sep 2020 12:26:00 GMT", None),
            ("retry-after", "99999999999", Some(LONGEST)),
            ("retry-after", "99999999999999999999", None),
            ("retry-after", "999999999", Some(LONGEST)),
            ("x-aircallapi-reset", "30", Some(s(30))),
            ("x-aircallapi-reset", "1600000020", Some(s(20))),
            ("x-aircallapi-reset", "1600000020000", Some(s(20))),
            ("x-aircallapi-reset", "1599999999", None),
            ("x-aircallapi-reset", "1600000000", None),
            ("x-aircallapi-reset", "9223372036854775807", Some(LONGEST)),
        ] {
            assert_eq!(retry_after(&headers(&[date, (name, value)])), expected, "{name}: {value}");
        }
        // Without a date our own clock is used.
        assert_eq!(retry_after(&headers(&[("x-aircallapi-reset", "1600000020")])), None);
        let both = [date, ("retry-after", "0"), ("x-aircallapi-reset", "1600000020")];
        assert_eq!(retry_after(&headers(&both)), Some(s(20)), "the one that is usable");
    }

    #[test]
    fn a_day_that_is_used_up_ends_at_midnight_at_the_latest() {
        let date = ("date", "Sun, 13 Sep 2020 12:26:40 GMT");
        for (name, remaining, asked, expected) in [
            ("x-quota-remaining-by-day", "0", "999999", 41_600),
            ("x-quota-remaining-by-month", "-3", "999999", 41_600),
            ("x-quota-remaining-by-day", "0", "7200", 7200),
            ("x-quota-remaining-by-day", "5", "999999", 3600),
            ("x-quota-remaining-by-minute", "0", "999999", 3600),
        ] {
            let found = retry_after(&headers(&[date, (name, remaining), ("retry-after", asked)]));
            assert_eq!(found, Some(Duration::from_secs(expected)), "{name} {remaining} {asked}");
        }
    }
}

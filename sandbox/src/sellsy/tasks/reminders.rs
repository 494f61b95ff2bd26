//! When and how Sellsy reminds of a task: so long before it is due, by e-mail or in the application.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::sellsy) struct Reminder {
    pub(in crate::sellsy) medium: Medium,
    pub(in crate::sellsy) delay: Delay,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::sellsy) enum Medium {
    Email,
    Inapp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub(in crate::sellsy) enum Delay {
    #[serde(rename = "instant")]
    Instant,
    #[serde(rename = "5min")]
    FiveMinutes,
    #[serde(rename = "15min")]
    QuarterOfAnHour,
    #[serde(rename = "30min")]
    HalfAnHour,
    #[serde(rename = "1hour")]
    Hour,
    #[serde(rename = "1day")]
    Day,
    #[serde(rename = "1week")]
    Week,
    #[serde(rename = "1month")]
    Month,
}

impl Reminder {
    /// Days and longer are the calendar's in the account's zone: the same time of day, also across a change of the clocks.
    pub(in crate::sellsy) fn send_at(self, due: Timestamp, zone: &TimeZone) -> Timestamp {
        let before: Span = match self.delay {
            Delay::Instant => Span::new(),
            Delay::FiveMinutes => 5.minutes(),
            Delay::QuarterOfAnHour => 15.minutes(),
            Delay::HalfAnHour => 30.minutes(),
            Delay::Hour => 1.hour(),
            Delay::Day => 1.day(),
            Delay::Week => 1.week(),
            Delay::Month => 1.month(),
        };
        // Fails only at the beginning of the calendar.
        due.to_zoned(zone.clone()).checked_sub(before).map_or(due, |at| at.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reminder_comes_before_the_task_in_the_accounts_zone() {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let check = |due: &str, delay: &str, expect: &str| {
            let reminder = serde_json::json!({"medium": "inapp", "delay": delay});
            let at = Reminder::deserialize(reminder).unwrap().send_at(due.parse().unwrap(), &zone);
            assert_eq!(at, expect.parse::<Timestamp>().unwrap(), "{delay} before {due}");
        };
        check("2026-11-23T10:00:00+01:00", "instant", "2026-11-23T10:00:00+01:00");
        check("2026-11-23T10:00:00+01:00", "5min", "2026-11-23T09:55:00+01:00");
        check("2026-11-23T10:00:00+01:00", "15min", "2026-11-23T09:45:00+01:00");
        check("2026-11-23T10:00:00+01:00", "30min", "2026-11-23T09:30:00+01:00");
        check("2026-11-23T10:00:00+01:00", "1hour", "2026-11-23T09:00:00+01:00");
        check("2026-10-25T10:00:00+01:00", "1day", "2026-10-24T10:00:00+02:00");
        check("2026-11-23T10:00:00+01:00", "1week", "2026-11-16T10:00:00+01:00");
        check("2026-03-31T10:00:00+02:00", "1month", "2026-02-28T10:00:00+01:00");
    }
}

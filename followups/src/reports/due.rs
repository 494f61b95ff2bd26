//! Which days are to be computed. A pure function of the time and of what is known.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, ToSpan, Zoned, civil::Date};
use ledger::reports::{KnownDay, bounds};

/// Today and yesterday, each time.
const OFTEN: i64 = 2;
/// And so many days once an hour: a caller may be called back, and the AI takes its time.
const HOURLY: i64 = 9;
const AN_HOUR: SignedDuration = SignedDuration::from_hours(1);

pub(super) struct Days {
    /// By the database's clock, in the zone whose days are meant.
    pub(super) now: Zoned,
    /// How long calls are kept.
    pub(super) retention: Duration,
    pub(super) first_call: Option<Timestamp>,
    /// How long figures are kept.
    pub(super) keep_days: i64,
    pub(super) known: Vec<KnownDay>,
}

impl Days {
    fn ago(&self, days: i64) -> Date {
        self.now.date().saturating_sub(days.days())
    }

    pub(super) fn day_of(&self, at: Timestamp) -> Date {
        at.to_zoned(self.now.time_zone().clone()).date()
    }

    pub(super) fn begin_of(&self, day: Date) -> Option<Timestamp> {
        bounds(day, self.now.time_zone()).map(|(begin, _)| begin)
    }

    /// Days from this one on are computed each time.
    pub(super) fn often_since(&self) -> Date {
        self.ago(OFTEN - 1)
    }

    /// Before this day no figures are kept.
    pub(super) fn oldest(&self) -> Date {
        self.ago(self.keep_days)
    }

    /// Of days before this one, calls may have been erased by their age: what was computed when all were there is right.
    pub(super) fn reach(&self) -> Date {
        let retention = SignedDuration::try_from(self.retention).unwrap_or(SignedDuration::MAX);
        let erased_before = self.now.timestamp().saturating_sub(retention).unwrap_or(Timestamp::MIN);
        self.day_of(erased_before).saturating_add(1.day())
    }

    /// Newest first. Of days before the reach, only those of which something is known to have changed: a backfill may bring calls in.
    pub(super) fn due(&self) -> Vec<Date> {
        let today = self.now.date();
        let Some(first) = self.first_call.map(|at| self.day_of(at)) else { return vec![today] };
        let first = first.max(self.reach()).min(today);
        let within = std::iter::successors(Some(today), |day| day.yesterday().ok()).take_while(|day| *day >= first);
        let mut due: Vec<Date> = within.filter(|day| self.is_due(*day)).collect();
        let before = self.known.iter().rev().filter(|known| known.day < first && known.day >= self.oldest());
        due.extend(before.filter(|known| known.has_changed).map(|known| known.day));
        due
    }

    fn is_due(&self, day: Date) -> bool {
        let Some(known) = self.known.iter().find(|known| known.day == day) else { return true };
        let Some(computed_at) = known.computed_at else { return true };
        let other_zone = self.now.time_zone().iana_name().is_some_and(|zone| zone != known.zone);
        if day >= self.often_since() || known.has_changed || other_zone {
            return true;
        }
        if day > self.ago(HOURLY) {
            return self.now.timestamp().duration_since(computed_at) >= AN_HOUR;
        }
        // It has to be computed once more when nothing of it is expected any more.
        let settled = self.begin_of(day.saturating_add(HOURLY.days()));
        settled.is_some_and(|settled| computed_at < settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-30T15:00:00[Europe/Paris]";

    /// `11-29 14:50` was computed then (in Paris), `11-20 -` not yet, `11-20 14:50 !` has changed since.
    fn known(text: &str) -> Vec<KnownDay> {
        let one = |text: &str| {
            let mut words = text.split_whitespace();
            let day: Date = format!("2026-{}", words.next().unwrap()).parse().unwrap();
            let at = words.next().unwrap();
            let computed_at = (at != "-").then(|| {
                let at: jiff::civil::DateTime = format!("2026-{at}").parse().unwrap();
                at.in_tz("Europe/Paris").unwrap().timestamp()
            });
            KnownDay { day, zone: "Europe/Paris".into(), computed_at, has_changed: words.next() == Some("!") }
        };
        text.split(", ").filter(|text| !text.is_empty()).map(one).collect()
    }

    fn due(first_call: &str, retention_days: u64, known: Vec<KnownDay>) -> Vec<String> {
        let days = Days {
            now: NOW.parse().unwrap(),
            retention: Duration::from_secs(retention_days * 86_400),
            first_call: Some(format!("2026-{first_call}T08:00:00Z").parse().unwrap()),
            keep_days: 60,
            known,
        };
        days.due().iter().map(|day| day.strftime("%m-%d").to_string()).collect()
    }

    #[test]
    fn which_days_are_computed() {
        for (first_call, retention, text, expected) in [
            // The past is filled, newest first, from the first call on.
            ("11-28", 90, "", "11-30 11-29 11-28"),
            ("11-01", 3, "", "11-30 11-29 11-28"),
            // Today and yesterday each time, and the days before once an hour.
            ("11-28", 90, "11-28 11-30T14:30, 11-29 11-30T14:59, 11-30 11-30T14:59", "11-30 11-29"),
            ("11-28", 90, "11-28 11-30T13:59, 11-29 11-30T14:59, 11-30 11-30T14:59", "11-30 11-29 11-28"),
            // Nothing is expected of this one any more, and it was computed since.
            (
                "11-20",
                11,
                "11-20 11-29T00:00, 11-21 11-30T14:00, 11-22 11-30T14:30",
                "11-30 11-29 11-28 11-27 11-26 11-25 11-24 11-23",
            ),
            // Nobody was there when it settled.
            (
                "11-20",
                11,
                "11-20 11-21T14:00, 11-21 11-30T14:30, 11-22 11-30T14:30",
                "11-30 11-29 11-28 11-27 11-26 11-25 11-24 11-23 11-20",
            ),
            // Something has changed late.
            ("11-29", 90, "11-29 11-30T14:59, 11-30 11-30T14:59", "11-30 11-29"),
            (
                "11-10",
                18,
                "11-13 11-29T14:00 !, 11-14 11-29T14:00",
                "11-30 11-29 11-28 11-27 11-26 11-25 11-24 11-23 11-22 11-21 11-20 11-19 11-18 11-17 11-16 11-15 11-13",
            ),
            // Calls of these days are partly erased, and one was brought in.
            ("11-29", 1, "11-05 11-14T00:00, 11-06 11-06T00:00 !, 10-06 - !, 09-01 - !", "11-30 11-06 10-06"),
        ] {
            let mut known = known(text);
            known.sort_by_key(|known| known.day);
            assert_eq!(due(first_call, retention, known).join(" "), expected, "{first_call} {retention} {text}");
        }
    }

    #[test]
    fn another_zone_has_other_days() {
        let elsewhere = |text: &str| {
            let mut known = known(text);
            known.iter_mut().for_each(|known| known.zone = "Europe/Lisbon".into());
            known
        };
        let text = "11-18 11-29T14:00, 11-19 11-29T14:00";
        assert!(!due("11-18", 90, known(text)).contains(&"11-19".to_owned()));
        assert!(due("11-18", 90, elsewhere(text)).ends_with(&["11-19".to_owned(), "11-18".to_owned()]));
    }

    #[test]
    fn without_calls_there_is_only_today() {
        let days = Days {
            now: NOW.parse().unwrap(),
            retention: Duration::from_secs(86_400),
            first_call: None,
            keep_days: 60,
            known: Vec::new(),
        };
        assert_eq!(days.due(), [days.now.date()]);
        assert_eq!(days.reach().to_string(), "2026-11-30");
    }
}

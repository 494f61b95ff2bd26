//! Figures of each day, for reports: how many calls, answered by whom, after how long, with what.
//!
//! A row is a part (all calls, an hour, a line, …) of a day, by a key of that part: some hundred rows a day, which a page adds up. They are
//! computed from the calls by followups, in turns ([`turns`]), and read by the console, the command and the weekly message ([`read`]). A row holds no
//! person who has called. Keys are ids wherever there are any, so that a name that changes, changes everywhere ([`names`]).
//!
//! What could lead to a person, if only to people who have Sellsy at hand, is kept no longer than the calls themselves, and deleted with them:
//! [`Part::is_kept_as_calls`]. There are far more rows of these, so the longest sums are kept ready ([`tops`]).

mod calls;
mod changed;
mod messages;
mod read;
mod store;
mod tops;

use std::collections::BTreeMap;

pub use calls::{DayCall, of_day, with_numbers};
pub use changed::{calls_changed, forget_details, mark, noted, search_begun};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
pub use messages::{Sent, claim, failed, sent, was_sent};
pub use read::{By, Progress, Summed, Top, are_complete, by_day, by_key, by_weekday_and_hour, names, progress};
use serde::Serialize;
pub use store::{Begun, KnownDay, begin, days, first_call, forget_before, store};
pub use tops::{TOP_DAYS, refresh_tops, top};

/// What the calls of a day are divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    All,
    Hour,
    Line,
    Team,
    Agent,
    Company,
    Opportunity,
    Topic,
}

impl Part {
    pub const ALL: [Self; 8] =
        [Self::All, Self::Hour, Self::Line, Self::Team, Self::Agent, Self::Company, Self::Opportunity, Self::Topic];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Hour => "hour",
            Self::Line => "line",
            Self::Team => "team",
            Self::Agent => "agent",
            Self::Company => "company",
            Self::Opportunity => "opportunity",
            Self::Topic => "topic",
        }
    }

    /// Its keys are of customers, or words of the AI about them: such rows live and die with the calls that they count.
    pub fn is_kept_as_calls(self) -> bool {
        matches!(self, Self::Company | Self::Opportunity | Self::Topic)
    }

    fn kept_as_calls() -> Vec<&'static str> {
        Self::ALL.into_iter().filter(|part| part.is_kept_as_calls()).map(Self::as_str).collect()
    }
}

macro_rules! sums {
    ($($(#[$doc:meta])+ $name:ident,)+) => {
        /// Counts of calls, and sums of seconds. Calls that go on, or are nobody's business (between colleagues, ignored by the rules), are in none.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct Sums {
            $($(#[$doc])+ pub $name: i64,)+
        }

        impl Sums {
            pub const NAMES: [&'static str; { [$(stringify!($name)),+].len() }] = [$(stringify!($name)),+];

            /// In the order of the names.
            pub fn values(&self) -> [i64; Self::NAMES.len()] {
                [$(self.$name),+]
            }

            fn of(values: impl IntoIterator<Item = i64>) -> Self {
                let mut values = values.into_iter();
                Self { $($name: values.next().unwrap_or(0)),+ }
            }
        }
    };
}

sums! {
    /// Calls that somebody made to the company.
    inbound,
    /// Of these, those that an agent answered.
    answered,
    /// And those that nobody answered, with a voicemail or without.
    missed,
    /// Of the missed ones, those with a voicemail.
    voicemail,
    /// Of the missed ones, those with whose caller nobody has spoken within a week.
    not_called_back,
    /// From the begin of answered inbound calls to their answer.
    waited_s,
    /// Answered inbound calls that waited no longer than so many seconds.
    within_10_s,
    /// The same.
    within_20_s,
    /// The same.
    within_30_s,
    /// The same.
    within_60_s,
    /// Calls that an agent made.
    outbound,
    /// Of these, those that were answered.
    reached,
    /// From the answer to the end, of all answered calls.
    talked_s,
    /// Calls with a tag, with a note, with insights of Aircall's AI.
    tagged,
    /// The same.
    noted,
    /// The same.
    with_insights,
    /// Inbound calls of somebody whom Sellsy had already.
    known,
    /// Inbound calls of somebody whom Sellsy did not have, and who had not called before.
    first_contact,
    /// Calls by the mood of the caller, as Aircall's AI tells it.
    positive,
    /// The same.
    neutral,
    /// The same.
    negative,
}

impl Sums {
    pub fn calls(&self) -> i64 {
        self.inbound + self.outbound
    }

    /// With somebody on both ends.
    pub fn spoken(&self) -> i64 {
        self.answered + self.reached
    }
}

impl std::ops::Add for Sums {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::of(self.values().into_iter().zip(other.values()).map(|(one, other)| one + other))
    }
}

impl std::iter::Sum for Sums {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| sum + one)
    }
}

/// The figures of one day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    pub sums: BTreeMap<(Part, String), Sums>,
    /// What the keys are called.
    pub names: BTreeMap<(Part, String), String>,
}

/// Where a day begins, and where it ends: it may have 23 or 25 hours.
pub fn bounds(day: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    let begin = |day: Date| day.to_zoned(zone.clone()).ok().map(|at| at.timestamp());
    begin(day).zip(begin(day.tomorrow().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_added_by_name() {
        let one = Sums { inbound: 1, negative: 2, ..Sums::default() };
        let all: Sums = [one, Sums { inbound: 4, outbound: 3, ..Sums::default() }].into_iter().sum();
        assert_eq!(all, Sums { inbound: 5, outbound: 3, negative: 2, ..Sums::default() });
        assert_eq!((all.calls(), Sums::NAMES[0], Sums::NAMES[20]), (8, "inbound", "negative"));
        assert_eq!(Sums::of(all.values()), all);
    }

    #[test]
    fn a_day_is_that_of_the_zone() {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        for (day, hours) in [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-30", 24)] {
            let (begin, end) = bounds(day.parse().unwrap(), &zone).unwrap();
            assert_eq!(end.duration_since(begin).as_hours(), hours, "{day}");
        }
        let (begin, _) = bounds("2026-11-30".parse().unwrap(), &zone).unwrap();
        assert_eq!(begin.to_string(), "2026-11-29T23:00:00Z");
    }

    #[test]
    fn what_leads_to_customers_goes_with_their_calls() {
        assert_eq!(Part::kept_as_calls(), ["company", "opportunity", "topic"]);
    }
}

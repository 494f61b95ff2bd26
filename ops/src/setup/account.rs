//! What the two accounts say of themselves, and which settings follow from that.
//!
//! [`propose`] is a pure function with its table of cases. Every proposal is a setting that has not been chosen yet; one that is set is
//! left alone.

use std::collections::BTreeMap;

use vendors::{
    aircall::wire::Number,
    budget::Span,
    sellsy::wire::{Staff, StaffStatus, TopicLabel},
};

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) lines: Vec<Number>,
    pub(crate) staffs: Vec<Staff>,
    /// `None` if the client may not read them.
    pub(crate) topics: Option<Vec<TopicLabel>>,
    /// `None` if the client may not read them.
    pub(crate) limits: Option<Vec<(Span, u32)>>,
}

/// A setting, and why it gets this value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proposal {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) because: String,
}

/// Countries whose people speak French at work, as far as there are numbers of Aircall's.
const FRENCH: [&str; 5] = ["FR", "BE", "CH", "LU", "MC"];

impl Account {
    /// For people, a line each.
    pub(crate) fn described(&self) -> Vec<String> {
        let names = |names: Vec<String>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let line = |line: &Number| {
            let of = |text: &Option<String>| text.clone().unwrap_or_default();
            format!("{} ({})", of(&line.name), of(&line.digits))
        };
        let active = self.active();
        let limits = match &self.limits {
            None => "cannot be read (scope accounts.read)".to_owned(),
            Some(limits) if limits.is_empty() => "none".to_owned(),
            Some(limits) => names(limits.iter().map(|(span, limit)| format!("{limit} a {}", span.as_str())).collect()),
        };
        let topics = match &self.topics {
            None => "cannot be read (scope activities.read)".to_owned(),
            Some(topics) => names(topics.iter().filter_map(|topic| topic.label.clone()).collect()),
        };
        vec![
            format!("Aircall's lines: {}", names(self.lines.iter().map(line).collect())),
            format!("Sellsy's staff: {}", active.len()),
            format!("Topics of phone calls: {topics}"),
            format!("Sellsy's quotas: {limits}"),
        ]
    }

    /// Those who can own a log.
    pub(crate) fn active(&self) -> Vec<&Staff> {
        self.staffs.iter().filter(|staff| matches!(staff.status, None | Some(StaffStatus::Ok))).collect()
    }
}

pub(crate) fn propose(account: &Account) -> Vec<Proposal> {
    let mut proposals = Vec::new();
    let mut add = |name, value: String, because: &str| {
        proposals.push(Proposal { name, value, because: because.to_owned() });
    };
    let countries = most_frequent(account.lines.iter().filter_map(|line| line.country.as_deref()));
    if let Some(first) = countries.first() {
        add("DEFAULT_REGION", countries.join(","), "the countries of the lines");
        let language = if FRENCH.contains(first) { "fr" } else { "en" };
        add("LOG_LANGUAGE", language.to_owned(), "the country of most lines");
    }
    let zones = most_frequent(account.lines.iter().filter_map(|line| line.time_zone.as_deref()));
    if let Some(zone) = zones.first().filter(|zone| jiff::tz::TimeZone::get(zone).is_ok()) {
        add("TIME_ZONE", (*zone).to_owned(), "the time zone of most lines");
    }
    if let [only] = account.active()[..] {
        add("SELLSY_DEFAULT_OWNER_ID", only.id.to_string(), "Sellsy shows only this member of the staff");
    }
    for (span, limit) in account.limits.iter().flatten() {
        let (name, usual) = match span {
            Span::Second => ("SELLSY_REQUESTS_PER_SECOND", 5),
            Span::Minute => ("SELLSY_REQUESTS_PER_MINUTE", 120),
            _ => continue,
        };
        if *limit < usual {
            // Some are left for other programs.
            add(
                name,
                (limit * 4 / 5).max(1).to_string(),
                "the account allows few requests, and other programs need some",
            );
        }
    }
    proposals
}

/// The most frequent first; of equally frequent ones, the first in the list.
fn most_frequent<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (at, one) in all.enumerate() {
        seen.entry(one).or_insert((0, at)).0 += 1;
    }
    let mut all: Vec<_> = seen.into_iter().collect();
    all.sort_by_key(|(_, (times, first))| (usize::MAX - times, *first));
    all.into_iter().map(|(one, _)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(country: &str, zone: &str) -> Number {
        Number { country: Some(country.into()), time_zone: Some(zone.into()), ..Number::default() }
    }

    #[test]
    fn what_follows_from_an_account() {
        let (paris, london, brussels) =
            (line("FR", "Europe/Paris"), line("GB", "Europe/London"), line("BE", "Europe/Brussels"));
        let staff = |id| Staff { id, ..Staff::default() };
        for (what, account, expected) in [
            ("nothing is known", Account::default(), vec![]),
            (
                "lines in two countries",
                Account { lines: vec![london.clone(), paris.clone(), paris], ..Account::default() },
                vec!["DEFAULT_REGION=FR,GB", "LOG_LANGUAGE=fr", "TIME_ZONE=Europe/Paris"],
            ),
            (
                "one in England",
                Account { lines: vec![london], ..Account::default() },
                vec!["DEFAULT_REGION=GB", "LOG_LANGUAGE=en", "TIME_ZONE=Europe/London"],
            ),
            (
                "a plan that shows one member of the staff",
                Account { lines: vec![brussels], staffs: vec![staff(101)], ..Account::default() },
                vec![
                    "DEFAULT_REGION=BE",
                    "LOG_LANGUAGE=fr",
                    "TIME_ZONE=Europe/Brussels",
                    "SELLSY_DEFAULT_OWNER_ID=101",
                ],
            ),
            (
                "low quotas",
                Account {
                    staffs: vec![staff(101), staff(102)],
                    limits: Some(vec![(Span::Second, 2), (Span::Minute, 60), (Span::Day, 10)]),
                    ..Account::default()
                },
                vec!["SELLSY_REQUESTS_PER_SECOND=1", "SELLSY_REQUESTS_PER_MINUTE=48"],
            ),
            (
                "enough quotas",
                Account { limits: Some(vec![(Span::Second, 5), (Span::Minute, 149)]), ..Account::default() },
                vec![],
            ),
        ] {
            let proposed: Vec<String> =
                propose(&account).into_iter().map(|one| format!("{}={}", one.name, one.value)).collect();
            assert_eq!(proposed, expected, "{what}");
        }
    }
}

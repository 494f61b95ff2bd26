//! One alert, before it gets the form that a receiver wants.

use base::settings::AlertKind;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    standing::Wrong,
    told::Due,
    words::{Link, Words},
};

/// What the message is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Begun,
    Over,
    /// Nothing is wrong: it tells how things are.
    Report,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Over => "over",
            Self::Report => "report",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    /// As programs know it.
    pub(super) kind: &'static str,
    pub(super) state: State,
    /// What it is about, for a subject line.
    pub(super) title: String,
    /// What is wrong and what to do, or that it is over.
    pub(super) text: String,
    /// Since when, or how long it lasted.
    pub(super) when: String,
    pub(super) at: Timestamp,
    pub(super) since: Timestamp,
    pub(super) lasted: Option<SignedDuration>,
    pub(super) details: Value,
    /// A page of the console, and what to call it.
    pub(super) link: Option<Link>,
}

pub(super) fn message(kind: AlertKind, due: Due, wrong: &[Wrong], words: &Words, now: Timestamp) -> Message {
    let (is_over, since, lasted) = match due {
        Due::Begun { since, .. } => (false, since, None),
        Due::Over { since, until } => (true, since, Some(until.duration_since(since).max(SignedDuration::ZERO))),
    };
    let wrong = if is_over { &[] } else { wrong };
    Message {
        kind: kind.as_str(),
        state: if is_over { State::Over } else { State::Begun },
        title: words.title(kind, is_over),
        text: words.text(kind, is_over, wrong),
        when: words.when(since, lasted),
        at: now,
        since,
        lasted,
        details: details(kind, wrong),
        link: words.link(kind),
    }
}

/// Counts, and the names of stages, workers, APIs and kinds of records.
fn details(kind: AlertKind, wrong: &[Wrong]) -> Value {
    let names = |sign: &str| -> Vec<&str> {
        wrong.iter().filter(|wrong| wrong.sign == sign).map(|wrong| wrong.name.as_str()).collect()
    };
    let by_name =
        || -> Map<String, Value> { wrong.iter().map(|wrong| (wrong.name.clone(), wrong.amount.into())).collect() };
    match kind {
        AlertKind::Parked => {
            let parked: i64 = wrong.iter().map(|wrong| wrong.amount).sum();
            json!({ "parked": parked, "by_stage": by_name() })
        }
        AlertKind::WebhookDisabled => json!({ "active": wrong.is_empty() }),
        AlertKind::BudgetExhausted => json!({ "day_used_up": names("used_up"), "waiting_long": names("waiting") }),
        AlertKind::WorkerGone => json!({ "workers": names("") }),
        AlertKind::QueueStands => {
            json!({ "waiting": by_name(), "no_consumer": names("no_consumer"), "not_falling": names("not_falling") })
        }
        AlertKind::DirectoryStale => json!({ "unread": names("unread"), "failing": names("problem") }),
        AlertKind::ApiRefused => json!({ "apis": names("") }),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use base::settings::Language;
    use jiff::tz::TimeZone;

    use super::*;

    /// So many minutes after midnight in Paris.
    pub(in crate::alerts) fn at(minutes: i64) -> Timestamp {
        "2026-11-22T23:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
    }

    pub(in crate::alerts) fn words(language: Language, console_url: Option<&str>) -> Words {
        let time_zone = TimeZone::get("Europe/Paris").unwrap();
        Words { language, time_zone, console_url: console_url.map(str::to_owned) }
    }

    /// Two messages are parked, or that is over.
    pub(in crate::alerts) fn parked(is_over: bool, language: Language, console_url: Option<&str>) -> Message {
        let wrong = [Wrong { sign: String::new(), name: "logger".into(), amount: 2 }];
        let (since, until) = (at(2), at(14));
        let due = if is_over { Due::Over { since, until } } else { Due::Begun { level: 2, since } };
        message(AlertKind::Parked, due, &wrong, &words(language, console_url), at(15))
    }

    #[test]
    fn details_are_counts_and_names() {
        use AlertKind::*;
        let one = |sign: &str, name: &str, amount: i64| Wrong { sign: sign.into(), name: name.into(), amount };
        for (kind, wrong, expected, over) in [
            (
                Parked,
                vec![one("", "ingest", 1), one("", "logger", 2)],
                json!({ "parked": 3, "by_stage": { "ingest": 1, "logger": 2 } }),
                json!({ "parked": 0, "by_stage": {} }),
            ),
            (WebhookDisabled, vec![one("", "aircall", 1)], json!({ "active": false }), json!({ "active": true })),
            (
                BudgetExhausted,
                vec![one("used_up", "sellsy", 1), one("waiting", "aircall", 1)],
                json!({ "day_used_up": ["sellsy"], "waiting_long": ["aircall"] }),
                json!({ "day_used_up": [], "waiting_long": [] }),
            ),
            (WorkerGone, vec![one("", "logger", 1)], json!({ "workers": ["logger"] }), json!({ "workers": [] })),
            (
                QueueStands,
                vec![one("no_consumer", "logger", 12), one("not_falling", "hints", 3)],
                json!({ "waiting": { "hints": 3, "logger": 12 }, "no_consumer": ["logger"], "not_falling": ["hints"] }),
                json!({ "waiting": {}, "no_consumer": [], "not_falling": [] }),
            ),
            (
                DirectoryStale,
                vec![one("problem", "company", 1), one("unread", "contact", 5000)],
                json!({ "unread": ["contact"], "failing": ["company"] }),
                json!({ "unread": [], "failing": [] }),
            ),
            (ApiRefused, vec![one("", "sellsy", 1)], json!({ "apis": ["sellsy"] }), json!({ "apis": [] })),
        ] {
            assert_eq!(details(kind, &wrong), expected);
            assert_eq!(details(kind, &[]), over);
        }
    }
}

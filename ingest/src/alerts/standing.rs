//! How each kind stands, from everything that is known.

use base::settings::AlertKind;
use jiff::Timestamp;

use crate::troubles::{State, Trouble};

/// What there is to say about a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nobody has looked yet.
    Unknown,
    /// `level`: how many messages are parked, or how many workers, queues and so on are concerned.
    Wrong { level: i64, since: Timestamp },
    /// All is well, but only for a moment.
    Ending,
    /// `until`: if something was wrong, when it ended.
    Well { until: Option<Timestamp> },
}

/// Something that is wrong right now: what it is about, the sign by which it is, and how much was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) sign: String,
    pub(super) name: String,
    pub(super) amount: i64,
}

/// How a kind stands, from all that is known.
pub(super) fn standing(kind: AlertKind, troubles: &[Trouble], now: Timestamp) -> Standing {
    let of_kind = || troubles.iter().filter(|trouble| trouble.kind == kind);
    if of_kind().next().is_none() {
        return Standing::Unknown;
    }
    // What is well for a moment only still counts, or each such moment would make it worse when it is over.
    let counting: Vec<_> = of_kind()
        .filter_map(|trouble| match trouble.state {
            State::Wrong { since } => Some((trouble, since)),
            State::Mended { since, .. } if !trouble.state.is_over(now) => Some((trouble, since)),
            _ => None,
        })
        .collect();
    let ended = of_kind().filter_map(|trouble| match trouble.state {
        State::Mended { until, .. } => Some(until),
        _ => None,
    });
    let Some(since) = counting.iter().map(|(_, since)| *since).min() else {
        return Standing::Well { until: ended.max() };
    };
    if counting.iter().all(|(trouble, _)| matches!(trouble.state, State::Mended { .. })) {
        return Standing::Ending;
    }
    let level = if kind == AlertKind::Parked {
        counting.iter().map(|(trouble, _)| trouble.amount).sum()
    } else {
        let mut names: Vec<_> = counting.iter().map(|(trouble, _)| split(&trouble.subject).1).collect();
        names.sort_unstable();
        names.dedup();
        i64::try_from(names.len()).unwrap_or(i64::MAX)
    };
    Standing::Wrong { level, since }
}

/// What of a kind is wrong right now.
pub(super) fn wrong(kind: AlertKind, troubles: &[Trouble]) -> Vec<Wrong> {
    let is_wrong = |trouble: &&Trouble| trouble.kind == kind && matches!(trouble.state, State::Wrong { .. });
    let wrong = |trouble: &Trouble| {
        let (sign, name) = split(&trouble.subject);
        Wrong { sign: sign.into(), name: name.into(), amount: trouble.amount }
    };
    troubles.iter().filter(is_wrong).map(wrong).collect()
}

/// The sign by which it is wrong, if it has one, and what it is about.
fn split(subject: &str) -> (&str, &str) {
    subject.split_once(':').unwrap_or(("", subject))
}

#[cfg(test)]
mod tests {
    use super::{super::message::tests::at, *};

    fn trouble(kind: AlertKind, subject: &str, amount: i64, state: State) -> Trouble {
        Trouble { kind, subject: subject.into(), amount, state }
    }

    #[test]
    fn a_kind_stands_as_what_it_is_about() {
        use AlertKind::*;
        let wrong = |minute: i64| State::Wrong { since: at(minute) };
        let mended = |since: i64, until: i64| State::Mended { since: at(since), until: at(until) };
        let suspected = State::Suspected { since: at(0), seen_at: at(60) };
        let now = at(60);
        for (kind, troubles, expected) in [
            (Parked, vec![], Standing::Unknown),
            (Parked, vec![("logger", 0, State::Well)], Standing::Well { until: None }),
            (
                Parked,
                vec![("logger", 2, wrong(9)), ("cards", 1, wrong(7)), ("ingest", 0, mended(3, 5))],
                Standing::Wrong { level: 3, since: at(7) },
            ),
            // It is over for less than a minute.
            (Parked, vec![("logger", 0, mended(9, 60))], Standing::Ending),
            (Parked, vec![("logger", 0, mended(9, 59))], Standing::Well { until: Some(at(59)) }),
            (
                Parked,
                vec![("logger", 0, mended(9, 30)), ("cards", 0, mended(2, 40))],
                Standing::Well { until: Some(at(40)) },
            ),
            (
                WorkerGone,
                vec![("logger", 1, wrong(5)), ("resolver", 1, suspected)],
                Standing::Wrong { level: 1, since: at(5) },
            ),
            (
                WorkerGone,
                vec![("logger", 1, wrong(5)), ("resolver", 1, mended(2, 60))],
                Standing::Wrong { level: 2, since: at(2) },
            ),
            (WorkerGone, vec![("resolver", 1, suspected)], Standing::Well { until: None }),
            // Two signs of one queue.
            (
                QueueStands,
                vec![
                    ("no_consumer:logger", 12, wrong(5)),
                    ("not_falling:logger", 12, wrong(6)),
                    ("no_consumer:hints", 3, wrong(7)),
                ],
                Standing::Wrong { level: 2, since: at(5) },
            ),
        ] {
            let mut all: Vec<_> =
                troubles.iter().map(|(subject, amount, state)| trouble(kind, subject, *amount, *state)).collect();
            all.push(trouble(DirectoryStale, "unread:company", 1, wrong(1)));
            assert_eq!(standing(kind, &all, now), expected, "{kind:?} {troubles:?}");
        }
    }

    #[test]
    fn only_what_counts_right_now_is_named() {
        let all = [
            trouble(AlertKind::WorkerGone, "logger", 1, State::Wrong { since: at(1) }),
            trouble(AlertKind::WorkerGone, "resolver", 1, State::Mended { since: at(1), until: at(2) }),
            trouble(AlertKind::WorkerGone, "insights", 1, State::Suspected { since: at(1), seen_at: at(2) }),
            trouble(AlertKind::Parked, "logger", 1, State::Wrong { since: at(1) }),
        ];
        let names: Vec<_> = wrong(AlertKind::WorkerGone, &all).into_iter().map(|wrong| wrong.name).collect();
        assert_eq!(names, ["logger"]);
    }
}

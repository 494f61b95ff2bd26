//! What is wrong, by what can be seen: pure functions.
//!
//! Each returns a look for everything it knows of, wrong or not, so that what was wrong is seen to be well again. A subject may begin with the sign by
//! which it is wrong: `waiting:sellsy`.

use base::{
    ids::{Stage, Vendor},
    settings::AlertKind,
};
use broker::amqp::depth::Depth;
use jiff::{SignedDuration, Timestamp};

use super::directory::Progress;
use crate::troubles::Look;

/// It is wrong at once.
const AT_ONCE: SignedDuration = SignedDuration::ZERO;
/// Under load, requests always wait a little for the budget. After this long there are more of them than the quota allows.
const LONG_WAIT: SignedDuration = SignedDuration::from_mins(5);
/// Longer than a process takes to be started again.
const GONE_FOR: SignedDuration = SignedDuration::from_mins(1);
/// While others are being started, this one may be about to be.
const GONE_WHILE_STARTING: SignedDuration = SignedDuration::from_mins(5);
const JUST_STARTED: SignedDuration = SignedDuration::from_mins(2);
/// Consumers come back within seconds when a worker has lost the broker.
const WITHOUT_CONSUMER: SignedDuration = SignedDuration::from_mins(1);
/// Twenty looks or more at which the number has not fallen.
const NOT_FALLING: SignedDuration = SignedDuration::from_mins(10);
/// How much earlier than it was read the directory counts as read, for Sellsy's clock.
const CLOCKS: SignedDuration = SignedDuration::from_mins(5);

const VENDORS: [Vendor; 2] = [Vendor::Aircall, Vendor::Sellsy];

fn look(kind: AlertKind, subject: impl Into<String>, amount: i64, is_wrong: bool, patience: SignedDuration) -> Look {
    Look { kind, subject: subject.into(), amount, is_wrong, patience }
}

pub(super) fn parked(dead: &[(Stage, u32)]) -> Vec<Look> {
    let one = |(stage, n): &(Stage, u32)| look(AlertKind::Parked, stage.as_str(), i64::from(*n), *n > 0, AT_ONCE);
    dead.iter().map(one).collect()
}

/// As reconciliation saw it last; `None` if it has not looked yet.
pub(super) fn webhook(is_active: Option<bool>) -> Vec<Look> {
    let one = |is_active: bool| look(AlertKind::WebhookDisabled, "aircall", 1, !is_active, AT_ONCE);
    is_active.map(one).into_iter().collect()
}

/// `used_up`: APIs whose requests of the day are used up. `waiting`: APIs for which requests wait right now.
pub(super) fn budget(used_up: &[String], waiting: &[String]) -> Vec<Look> {
    let of = |sign: &str, apis: &[String], patience| {
        VENDORS.map(|vendor| {
            let is_wrong = apis.iter().any(|api| api == vendor.as_str());
            look(AlertKind::BudgetExhausted, format!("{sign}:{}", vendor.as_str()), 1, is_wrong, patience)
        })
    };
    [of("used_up", used_up, AT_ONCE), of("waiting", waiting, LONG_WAIT)].concat()
}

/// A worker is gone if none of its processes is alive. One that ends says so, and one that died counts as alive for half a minute. While processes are
/// being started, as in an upgrade, there is more time. `alive`: the worker of each process, and when it was started.
pub(super) fn workers(workers: &[(&str, bool)], alive: &[(&str, Timestamp)], now: Timestamp) -> Vec<Look> {
    let is_starting = alive.iter().any(|(_, started_at)| now.duration_since(*started_at) < JUST_STARTED);
    let patience = if is_starting { GONE_WHILE_STARTING } else { GONE_FOR };
    let one = |(worker, is_needed): &(&str, bool)| {
        let runs = alive.iter().any(|(of, _)| of == worker);
        look(AlertKind::WorkerGone, *worker, 1, *is_needed && !runs, patience)
    };
    workers.iter().map(one).collect()
}

/// A queue stands if its messages have no consumer; that is certain. Or if it has consumers, and yet the number of messages that wait has at no look been
/// smaller than at the one before, for as long as no budget and no outage of an API explains that (`is_explained`). The broker says nothing of acks.
pub(super) fn queues(
    waiting: &[(Stage, Depth)],
    before: impl Fn(&str) -> Option<i64>,
    is_explained: bool,
) -> Vec<Look> {
    let one = |(stage, depth): &(Stage, Depth)| {
        let (messages, has_consumer) = (i64::from(depth.messages), depth.consumers > 0);
        let no_consumer = format!("no_consumer:{}", stage.as_str());
        let not_falling = format!("not_falling:{}", stage.as_str());
        let falls = before(&not_falling).is_none_or(|before| messages < before);
        let stands = messages > 0 && has_consumer && !falls && !is_explained;
        [
            look(AlertKind::QueueStands, no_consumer, messages, messages > 0 && !has_consumer, WITHOUT_CONSUMER),
            look(AlertKind::QueueStands, not_falling, messages, stands, NOT_FALLING),
        ]
    };
    waiting.iter().flat_map(one).collect()
}

/// The directory is stale if changes were not read for three turns: this sees that two were left out, and the third is its patience. While a pass reads
/// all records, changes wait for it, which is well as long as it gets on. Or if each turn fails, which is noted as a problem, for as long as a turn.
pub(super) fn directory(kinds: &[Progress], before: impl Fn(&str) -> Option<i64>, every: SignedDuration) -> Vec<Look> {
    let patience = every.max(SignedDuration::from_mins(1));
    let gets_on = kinds.iter().any(|kind| {
        kind.is_passing && before(&format!("unread:{}", kind.kind)).is_some_and(|before| before != kind.pass_rows)
    });
    let one = |kind: &Progress| {
        let is_late = kind.unread_for.is_some_and(|unread| unread > every.saturating_mul(2).saturating_add(CLOCKS));
        let unread = format!("unread:{}", kind.kind);
        [
            look(AlertKind::DirectoryStale, unread, kind.pass_rows, kind.is_loaded && is_late && !gets_on, patience),
            look(AlertKind::DirectoryStale, format!("problem:{}", kind.kind), 1, kind.has_problem, patience),
        ]
    };
    kinds.iter().flat_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The subjects that are wrong, each with its amount.
    fn wrong(looks: &[Look]) -> Vec<(&str, i64)> {
        looks.iter().filter(|look| look.is_wrong).map(|look| (look.subject.as_str(), look.amount)).collect()
    }

    #[test]
    fn what_is_parked_is_counted_by_stage() {
        let looks = parked(&[(Stage::Cards, 0), (Stage::Logger, 2), (Stage::Ingest, 1)]);
        assert_eq!(wrong(&looks), [("logger", 2), ("ingest", 1)]);
        assert_eq!(looks.len(), 3);
    }

    #[test]
    fn a_webhook_that_nobody_has_looked_at_is_not_wrong() {
        for (is_active, expected) in [(None, vec![]), (Some(true), vec![]), (Some(false), vec![("aircall", 1)])] {
            assert_eq!(wrong(&webhook(is_active)), expected, "{is_active:?}");
        }
        assert!(webhook(None).is_empty());
    }

    #[test]
    fn requests_are_used_up_or_wait() {
        let (none, sellsy) = (vec![], vec!["sellsy".to_owned()]);
        for (used_up, waiting, expected) in [
            (&none, &none, vec![]),
            (&sellsy, &none, vec![("used_up:sellsy", 1)]),
            (&none, &sellsy, vec![("waiting:sellsy", 1)]),
            (&sellsy, &sellsy, vec![("used_up:sellsy", 1), ("waiting:sellsy", 1)]),
        ] {
            let looks = budget(used_up, waiting);
            assert_eq!((wrong(&looks), looks.len()), (expected, 4));
        }
    }

    #[test]
    fn a_worker_without_a_process_is_gone_if_it_is_needed() {
        let now: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
        let needed = [("resolver", true), ("logger", true), ("followups", false)];
        for (alive, expected, patience) in [
            (&[("resolver", 3600), ("logger", 3600), ("logger", 7200)][..], vec![], GONE_FOR),
            (&[("resolver", 3600), ("ingest", 3600)], vec![("logger", 1)], GONE_FOR),
            (&[("ingest", 3600)], vec![("resolver", 1), ("logger", 1)], GONE_FOR),
            // Everything is being replaced.
            (&[("resolver", 119)], vec![("logger", 1)], GONE_WHILE_STARTING),
            (&[("resolver", 120)], vec![("logger", 1)], GONE_FOR),
        ] {
            let started = |(worker, ago_s): &(&'static str, i64)| (*worker, now - SignedDuration::from_secs(*ago_s));
            let looks = workers(&needed, &alive.iter().map(started).collect::<Vec<_>>(), now);
            assert_eq!((wrong(&looks), looks.len()), (expected, 3), "{alive:?}");
            assert!(looks.iter().all(|look| look.patience == patience), "{alive:?}");
        }
    }

    #[test]
    fn a_queue_stands_without_a_consumer_or_if_it_does_not_fall() {
        for (messages, consumers, before, is_explained, expected) in [
            (0, 0, Some(0), false, vec![]),
            (0, 2, Some(0), false, vec![]),
            (7, 0, Some(9), false, vec![("no_consumer:logger", 7)]),
            (7, 0, Some(7), true, vec![("no_consumer:logger", 7)]),
            (7, 2, Some(7), false, vec![("not_falling:logger", 7)]),
            (7, 2, Some(3), false, vec![("not_falling:logger", 7)]),
            // One message less is a message that was handled.
            (7, 2, Some(8), false, vec![]),
            // It waits for an API, or for its turn.
            (7, 2, Some(7), true, vec![]),
            (7, 2, None, false, vec![]),
        ] {
            let looks = queues(&[(Stage::Logger, Depth { messages, consumers })], |_| before, is_explained);
            assert_eq!(wrong(&looks), expected, "{messages} {consumers} {before:?} {is_explained}");
            assert!(looks.iter().all(|look| look.amount == i64::from(messages)), "the next look compares with it");
        }
    }

    #[test]
    fn the_directory_is_stale_if_turns_are_left_out_or_fail() {
        let every = SignedDuration::from_mins(5);
        let minutes = |minutes: i64| Some(SignedDuration::from_mins(minutes));
        let fine = Progress {
            kind: "company".into(),
            is_loaded: true,
            unread_for: minutes(9),
            pass_rows: 70,
            ..Progress::default()
        };
        for (progress, before, expected) in [
            (fine.clone(), Some(70), vec![]),
            (Progress { unread_for: minutes(15), ..fine.clone() }, Some(70), vec![]),
            (Progress { unread_for: minutes(16), ..fine.clone() }, Some(70), vec![("unread:company", 70)]),
            // A pass reads on, or stands.
            (Progress { unread_for: minutes(90), is_passing: true, ..fine.clone() }, Some(60), vec![]),
            (
                Progress { unread_for: minutes(90), is_passing: true, ..fine.clone() },
                Some(70),
                vec![("unread:company", 70)],
            ),
            (Progress { unread_for: minutes(90), ..fine.clone() }, Some(60), vec![("unread:company", 70)]),
            // The first pass may take hours.
            (Progress { unread_for: minutes(900), is_loaded: false, ..fine.clone() }, Some(70), vec![]),
            (Progress { is_loaded: false, has_problem: true, ..fine.clone() }, None, vec![("problem:company", 1)]),
            (Progress { has_problem: true, ..fine }, Some(70), vec![("problem:company", 1)]),
        ] {
            let looks = directory(std::slice::from_ref(&progress), |_| before, every);
            assert_eq!(wrong(&looks), expected, "{progress:?} {before:?}");
            assert!(looks.iter().all(|look| look.patience == every));
        }
    }
}

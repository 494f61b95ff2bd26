//! The faults, their durations, and a plan of them made from a seed.

use std::{fmt, time::Duration};

use fastrand::Rng;

use super::cluster::{NODE_FAULTS, NodeFault};
use crate::{
    WORKERS,
    build::{self, After, Before, aircall, sellsy},
    relay::State,
};

/// The requests that change something in Sellsy.
const WRITES: [&str; 13] = [
    "POST /phone-calls",
    "PUT /phone-calls/{id}",
    "POST /comments",
    "PUT /comments/{id}",
    "POST /tasks",
    "PUT /tasks/{id}",
    "POST /individuals",
    "POST /individuals/{id}/smart-tags",
    "POST /companies/{id}/smart-tags",
    "POST /contacts/{id}/smart-tags",
    "POST /opportunities/{id}/smart-tags",
    "PATCH /opportunities/{id}",
    "DELETE /individuals/{id}",
];

/// A service that the workers reach through relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Broker,
    Database,
}

/// How an API fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiFault {
    Status(u16),
    Hangs,
    CutBefore,
    /// The request is carried out, but no answer arrives.
    CutAfter,
    Html,
    /// Gateways and odd quotas: an answer that the sandbox knows by this name.
    Named(&'static str),
    /// The connection breaks, and what changes something in Sellsy is carried out this many seconds later.
    Late(u64),
}

/// All failures of an API but late writes, which only Sellsy has.
pub const API_FAULTS: [ApiFault; 15] = [
    ApiFault::Status(500),
    ApiFault::Status(502),
    // As in life, unsigned requests are answered with 401 meanwhile.
    ApiFault::Status(503),
    ApiFault::Status(429),
    ApiFault::Hangs,
    ApiFault::CutBefore,
    ApiFault::CutAfter,
    ApiFault::Html,
    ApiFault::Named("maintenance"),
    ApiFault::Named("firewall"),
    ApiFault::Named("page_not_found"),
    ApiFault::Named("reset_span"),
    ApiFault::Named("reset_past"),
    ApiFault::Named("retry_after_zero"),
    ApiFault::Named("limited"),
];

#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Only the built-in fault of the load: calls whose webhooks never arrive.
    None,
    /// kill -9; the worker is started again when the fault is over.
    Killed {
        worker: &'static str,
        replica: usize,
    },
    /// The link of one worker, or of all workers, to a service.
    Link {
        service: Service,
        of: Option<(&'static str, usize)>,
        state: State,
    },
    BrokerStopped,
    /// Of several brokers and databases.
    Node(NodeFault),
    /// For this share of its requests.
    Api {
        api: &'static str,
        fault: ApiFault,
        share: f64,
    },
    /// Every worker gets SIGTERM and is started again, one after the other.
    RollingRestart,
    /// The ledger forgets the logs of the last seconds, as if it had been restored, while no logger runs.
    LedgerSetBack {
        seconds: u32,
    },
    /// The broker loses all messages that are delayed.
    DelaysPurged,
    /// The clock of one worker is this many seconds ahead, or behind if that is negative.
    Clock {
        worker: &'static str,
        replica: usize,
        seconds: i64,
    },
    /// Sellsy gives descriptions back without line breaks: see [`crate::TEXTS`].
    Texts(&'static str),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// Measured from the beginning of the run.
    pub at: Duration,
    pub lasts: Duration,
    pub fault: Fault,
}

/// What the site has to offer for faults.
#[derive(Clone, Copy, Debug)]
pub struct Means {
    /// The number of replicas of each worker.
    pub replicas: usize,
    /// Whether the broker may be stopped.
    pub own_broker: bool,
    /// Whether there are several brokers and databases.
    pub cluster: bool,
    /// Whether `followups` is there.
    pub follows: bool,
}

/// The worker of what follows from calls.
pub const FOLLOWUPS: &str = "followups";

/// Sequential and overlapping faults until the time is over; each lasts at most `longest`, or from the beginning to the end.
pub fn plan(rng: &mut Rng, over: Duration, longest: Duration, means: Means) -> Vec<Planned> {
    let mut planned = Vec::new();
    // For the whole run, or only now and then.
    if rng.u32(..3) == 0 {
        planned.push(Planned { at: Duration::ZERO, lasts: over, fault: without_line_breaks(rng) });
    }
    let mut at = Duration::from_secs(2);
    while let Some(left) = over.checked_sub(at) {
        let lasts = Duration::from_millis(rng.u64(500..=millis(longest))).min(left);
        planned.push(Planned { at, lasts, fault: any(rng, means) });
        at += Duration::from_millis(rng.u64(300..=millis(longest) * 3 / 4));
    }
    planned
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn any(rng: &mut Rng, means: Means) -> Fault {
    match rng.u32(..100) {
        0..25 => {
            let (worker, replica) = somebody(rng, means);
            Fault::Killed { worker, replica }
        }
        40..56 if means.cluster => Fault::Node(NODE_FAULTS[rng.usize(..NODE_FAULTS.len())]),
        25..52 => {
            let service = [Service::Broker, Service::Database][rng.usize(..2)];
            let state = [State::Cut, State::Stalled, State::Refusing][rng.usize(..3)];
            let of = (rng.u32(..3) > 0).then(|| somebody(rng, means));
            Fault::Link { service, of, state }
        }
        52..56 if means.own_broker => Fault::BrokerStopped,
        56..60 => Fault::RollingRestart,
        60..65 => without_line_breaks(rng),
        65..71 => {
            let (worker, replica) = somebody(rng, means);
            Fault::Clock { worker, replica, seconds: [30, -30][rng.usize(..2)] }
        }
        71..75 => Fault::LedgerSetBack { seconds: [5, 20][rng.usize(..2)] },
        75..78 => Fault::DelaysPurged,
        78..82 => {
            let (late_s, share) = ([5, 15, 30][rng.usize(..3)], [1.0, 0.3][rng.usize(..2)]);
            Fault::Api { api: "sellsy", fault: ApiFault::Late(late_s), share }
        }
        _ => {
            let api = if rng.u32(..4) > 0 { "sellsy" } else { "aircall" };
            let share = [1.0, 0.3][rng.usize(..2)];
            Fault::Api { api, fault: API_FAULTS[rng.usize(..API_FAULTS.len())], share }
        }
    }
}

fn without_line_breaks(rng: &mut Rng) -> Fault {
    Fault::Texts(["blanks", "joined"][rng.usize(..2)])
}

fn somebody(rng: &mut Rng, means: Means) -> (&'static str, usize) {
    let workers: Vec<_> = WORKERS.into_iter().chain(means.follows.then_some(FOLLOWUPS)).collect();
    (workers[rng.usize(..workers.len())], rng.usize(1..=means.replicas))
}

impl Fault {
    /// As the sandbox expects it.
    pub fn at_api(&self) -> Vec<build::Fault> {
        let Self::Api { api, fault, share } = self else { return Vec::new() };
        let requests = if *api == "sellsy" { sellsy("*") } else { aircall("*") };
        let fault = match fault {
            ApiFault::Status(429) => requests.answers(429).header("retry-after", "1"),
            ApiFault::Status(status) => requests.answers(*status),
            ApiFault::Hangs => requests.hangs(Before),
            ApiFault::CutBefore => requests.breaks(Before),
            ApiFault::CutAfter => requests.breaks(After),
            ApiFault::Html => requests.answers_with(200, "<html>Back soon</html>").header("content-type", "text/html"),
            ApiFault::Named(name) => requests.answers_as(name),
            ApiFault::Late(_) => {
                let late = |requests| sellsy(requests).breaks_and_is_late(self.carried_out_after());
                return WRITES.map(|requests| late(requests).sometimes(*share)).into();
            }
        };
        vec![fault.sometimes(*share)]
    }

    /// The ledger is older afterwards, and lacks also what others have told it.
    pub fn loses_seconds(&self) -> bool {
        matches!(self, Self::Node(fault) if fault.loses_seconds())
    }

    /// How long after the end of the fault requests that met it may still be carried out.
    pub fn carried_out_after(&self) -> Duration {
        match self {
            Self::Api { fault: ApiFault::Late(seconds), .. } => Duration::from_secs(*seconds),
            _ => Duration::ZERO,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => write!(f, "no fault but webhooks that never come"),
            Self::Killed { worker, replica } => write!(f, "{worker} {replica} killed (kill -9)"),
            Self::Link { service, of, state } => {
                match of {
                    Some((worker, replica)) => write!(f, "{worker} {replica}: link to the ")?,
                    None => write!(f, "everybody's link to the ")?,
                }
                let service = if *service == Service::Broker { "broker" } else { "database" };
                let state = match state {
                    State::Open => "open",
                    State::Cut => "cut",
                    State::Stalled => "stalled",
                    State::Refusing => "refused",
                };
                write!(f, "{service} {state}")
            }
            Self::BrokerStopped => write!(f, "broker stopped"),
            Self::Node(fault) => write!(f, "{fault}"),
            Self::Api { api, fault, share } => {
                let api = if *api == "sellsy" { "Sellsy" } else { "Aircall" };
                match fault {
                    ApiFault::Status(status) => write!(f, "{api} answers {status}")?,
                    ApiFault::Hangs => write!(f, "{api} hangs")?,
                    ApiFault::CutBefore => write!(f, "{api} breaks connections")?,
                    ApiFault::CutAfter => write!(f, "{api} does the work and breaks the connection")?,
                    ApiFault::Html => write!(f, "{api} answers 200 with an HTML page")?,
                    ApiFault::Named(name) => write!(f, "{api} answers as a gateway or an odd quota ({name})")?,
                    ApiFault::Late(s) => write!(f, "{api} breaks connections and carries out writes {s} s later")?,
                }
                if *share < 1.0 { write!(f, ", {:.0} % of requests", share * 100.0) } else { Ok(()) }
            }
            Self::RollingRestart => write!(f, "every worker restarted in turn (SIGTERM)"),
            Self::LedgerSetBack { seconds } => write!(f, "the ledger set back by {seconds} s"),
            Self::DelaysPurged => write!(f, "the delay queues purged"),
            Self::Clock { worker, replica, seconds } => {
                let side = if *seconds < 0 { "behind" } else { "ahead" };
                write!(f, "the clock of {worker} {replica} {} s {side}", seconds.abs())
            }
            Self::Texts(texts) => write!(f, "Sellsy gives texts back without line breaks ({texts})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_planned_sooner_or_later_and_all_end_in_time() {
        let means = Means { replicas: 2, own_broker: true, cluster: false, follows: true };
        let (over, longest) = (Duration::from_secs(28_800), Duration::from_secs(10));
        let planned = plan(&mut Rng::with_seed(1), over, longest, means);
        assert!(planned.iter().all(|planned| planned.at + planned.lasts <= over));
        let kinds: std::collections::BTreeSet<_> = planned.iter().map(|planned| planned.fault.to_string()).collect();
        // 10 workers to kill, 66 links of one or all, 2 APIs with 15 failures and 2 shares, the broker, the restart.
        let before = 10 + 66 + 60 + 2;
        // 10 clocks in 2 ways, 2 ways of texts, 2 of the ledger, the delay queues, 3 delays of late writes with 2 shares.
        assert_eq!(kinds.len(), before + 20 + 2 + 2 + 1 + 6, "{kinds:#?}");
    }
}

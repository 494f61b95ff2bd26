//! Every fault alone, each with its own load, and how long recovery takes.
//!
//! One of each worker, so that no other replica replaces a killed one. Time is not moved here, except for the gathering of changes.

use std::time::Duration;

use anyhow::{Context, Result};
use base::say;
use harness::{
    WORKERS,
    relay::State,
    soak::{
        Settled, Soak,
        cluster::NODE_FAULTS,
        faults::{API_FAULTS, ApiFault, Fault, Planned, Service},
        script::Load,
    },
};

use crate::{docs, seconds, table};

const LASTS: Duration = Duration::from_secs(10);
const AT: Duration = Duration::from_secs(3);
const LATER: Duration = Duration::from_secs(10);
/// The time from an unclear creation until its log has been looked for.
const SEARCHED_WITHIN: Duration = Duration::from_secs(60);
const CALLS: usize = 150;
const OVER: Duration = Duration::from_secs(15);
const SEED: u64 = 1;

/// Each with the share of its calls that are half an hour old.
fn all() -> Vec<(Fault, f64)> {
    let mut all: Vec<(Fault, f64)> = Vec::new();
    all.extend(WORKERS.map(|worker| (Fault::Killed { worker, replica: 1 }, 0.0)));
    for service in [Service::Broker, Service::Database] {
        let states = [State::Cut, State::Stalled, State::Refusing];
        all.extend(states.map(|state| (Fault::Link { service, of: None, state }, 0.0)));
    }
    all.push((Fault::BrokerStopped, 0.0));
    all.extend(API_FAULTS.map(|fault| (Fault::Api { api: "sellsy", fault, share: 1.0 }, 0.0)));
    all.push((Fault::Api { api: "aircall", fault: ApiFault::Status(503), share: 1.0 }, 0.0));
    all.push((Fault::RollingRestart, 0.0));
    all.push((Fault::Texts("joined"), 0.0));
    for (worker, seconds) in WORKERS.into_iter().flat_map(|worker| [(worker, 30), (worker, -30)]) {
        all.push((Fault::Clock { worker, replica: 1, seconds }, 0.0));
    }
    let late = [5, 15, 30].map(|late_s| Fault::Api { api: "sellsy", fault: ApiFault::Late(late_s), share: 1.0 });
    all.extend(late.map(|fault| (fault, 0.0)));
    all.extend([Fault::LedgerSetBack { seconds: 10 }, Fault::DelaysPurged].map(|fault| (fault, 0.0)));
    all.push((Fault::None, 1.0));
    all
}

pub(crate) async fn each(only: Option<&str>, record: bool, cluster: bool) -> Result<bool> {
    let header = [
        "what was broken",
        "for",
        "calls",
        "to be logged",
        "lost",
        "doubled",
        "wrong, strange or parked",
        "all logged after",
        "all right after",
        "longest pause",
    ];
    let (mut rows, mut good) = (Vec::new(), true);
    let wanted = |fault: &Fault| only.is_none_or(|only| fault.to_string().contains(only));
    let (all, replicas) = if cluster { (nodes(), 2) } else { (all(), 1) };
    for (fault, old) in all.into_iter().filter(|(fault, _)| wanted(fault)) {
        say!("\n{fault}:");
        let soak = Soak {
            name: "fault",
            seed: SEED,
            load: Load { calls: CALLS, over: OVER, old, follows: false },
            faults: planned(&fault),
            replicas,
            patience: patience(&fault),
            hurry: false,
        };
        let settled = soak.run().await.with_context(|| fault.to_string())?;
        good &= settled.verdict.is_clean();
        rows.push(row(&fault, &settled));
        if record {
            // After each fault, so that measured results are not lost.
            docs::write(if cluster { "nodes" } else { "faults" }, &header, &rows, only.is_some())?;
        }
    }
    say!("\n{}", table(&header, &rows));
    Ok(good)
}

/// Less than the time that reconciliation leaves to the webhooks, unless it is what finds the calls again.
fn patience(fault: &Fault) -> Duration {
    let is_reconciled = matches!(fault, Fault::Node(node) if node.loses_seconds());
    Duration::from_secs(if is_reconciled { 600 } else { 240 })
}

/// What can happen to one of several nodes.
fn nodes() -> Vec<(Fault, f64)> {
    NODE_FAULTS.map(|fault| (Fault::Node(fault), 0.0)).into()
}

/// How texts are given back matters only where a log is looked for: after creations whose outcome is unclear.
fn planned(fault: &Fault) -> Vec<Planned> {
    let planned = |lasts, fault| Planned { at: AT, lasts, fault };
    match fault {
        // When there is something to lose.
        Fault::LedgerSetBack { .. } | Fault::DelaysPurged => {
            vec![Planned { at: LATER, lasts: LASTS, fault: fault.clone() }]
        }
        Fault::Texts(_) => {
            let unclear = Fault::Api { api: "sellsy", fault: ApiFault::CutAfter, share: 1.0 };
            vec![planned(LASTS, unclear), planned(LASTS + SEARCHED_WITHIN, fault.clone())]
        }
        // While the workers are replaced, too.
        Fault::Node(_) => vec![planned(LASTS, fault.clone()), planned(LASTS, Fault::RollingRestart)],
        fault => vec![planned(LASTS, fault.clone())],
    }
}

fn row(fault: &Fault, settled: &Settled) -> Vec<String> {
    let verdict = &settled.verdict;
    let lasts = match fault {
        Fault::Node(node) if node.has_its_time() => "–".into(),
        Fault::RollingRestart | Fault::LedgerSetBack { .. } | Fault::DelaysPurged | Fault::None => "–".into(),
        _ => format!("{} s", LASTS.as_secs()),
    };
    vec![
        fault.to_string(),
        lasts,
        verdict.sent.to_string(),
        verdict.expected.to_string(),
        verdict.lost.len().to_string(),
        verdict.doubled.len().to_string(),
        (verdict.wrong.len() + verdict.strange.len() + verdict.parked.len()).to_string(),
        seconds(settled.logged_after),
        seconds(settled.right_after),
        format!("{:.1} s", settled.longest_pause.as_secs_f64()),
    ]
}

//! What needs somebody: from the same facts as the pages, the most urgent first. Each has one action.
//!
//! [`Facts`] are read from the database and the broker; [`of`] is a pure function. A failure that passes by itself is none of these.

use std::collections::BTreeSet;

use base::{
    db::Client,
    error::Result,
    ids::{CallId, Stage},
};
use jiff::Timestamp;
use ledger::{
    delays::Delay,
    replicas::Seen,
    timeline::{Line, What},
};
use resolver::directory::store::Progress;
use serde::Serialize;
use vendors::budget::WindowStatus;

/// The workers without which nothing works.
pub(crate) const WORKERS: [&str; 4] = ["ingest", "resolver", "logger", "insights"];
/// Failures that a person has to look at, although their messages are still retried. Others pass, or become dead letters.
const LASTING: [&str; 12] = [
    "AIRCALL_CREDENTIAL",
    "AIRCALL_REJECTED",
    "SELLSY_CREDENTIAL",
    "SELLSY_FORBIDDEN",
    "SELLSY_PLAN",
    "SELLSY_REJECTED",
    "SELLSY_NO_OWNER",
    "LOG_TEMPLATE",
    "DATABASE_REJECTED",
    "HANDLER_CRASHED",
    "HANDLER_TIMEOUT",
    "MESSAGE_MALFORMED",
];
/// A directory is stale after so many of its turns have not been successful.
const TURNS_MISSED: i64 = 3;
/// Of a group's calls, how many are named.
const NAMED: usize = 5;

/// Dead letters of one stage with one code, as the ledger knows them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Group {
    pub(crate) stage: String,
    pub(crate) code: String,
    pub(crate) messages: i64,
    pub(crate) calls: i64,
    pub(crate) since: Timestamp,
    /// Of the last one.
    pub(crate) error: String,
    pub(crate) first_calls: Vec<CallId>,
}

/// What somebody has to look at.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Need {
    BrokerUnavailable {
        why: String,
    },
    /// No process of this worker runs.
    WorkerGone {
        worker: String,
    },
    /// None of its processes can work.
    WorkerNotReady {
        worker: String,
        condition: String,
        why: String,
    },
    /// Aircall has no active webhook for us.
    WebhookDisabled {},
    /// Nothing can be sent to this API until then.
    Paused {
        api: String,
        why: String,
        until: Timestamp,
    },
    /// The requests of the day or of the month are used up.
    UsedUp {
        api: String,
        span: String,
    },
    DeadLetters(Group),
    /// In the queue of a stage, and of no call that the ledger knows.
    OtherDeadLetters {
        stage: String,
        messages: i64,
    },
    /// The same failure again and again; its messages are still retried.
    Failing {
        code: String,
        times: usize,
        error: String,
        calls: Vec<CallId>,
    },
    Directory {
        of: Vec<String>,
        problem: String,
    },
    DirectoryStale {
        of: Vec<String>,
    },
    DelayHeld {
        delay: String,
        held_s: u64,
    },
    /// Callers with whom nobody has spoken.
    Missed {
        callers: usize,
    },
}

/// A need, and since when.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Needed {
    #[serde(flatten)]
    pub(crate) need: Need,
    pub(crate) since: Option<Timestamp>,
}

impl Need {
    /// Nothing is lost, and nothing stands still: it is for people who call back.
    pub(crate) fn is_calm(&self) -> bool {
        matches!(self, Need::Missed { .. } | Need::DelayHeld { .. } | Need::DirectoryStale { .. })
    }
}

pub(crate) struct Facts<'a> {
    pub(crate) now: Timestamp,
    /// Why the broker cannot be used.
    pub(crate) broker: Option<String>,
    /// Dead letters in the queue of each stage.
    pub(crate) depths: Vec<(Stage, i64)>,
    pub(crate) replicas: &'a [Seen],
    /// The rules want what the fifth worker does.
    pub(crate) has_followups: bool,
    pub(crate) webhook_active: Option<bool>,
    pub(crate) budgets: &'a [WindowStatus],
    pub(crate) groups: Vec<Group>,
    /// Failures of the last hour, newest first.
    pub(crate) failures: &'a [(CallId, Line)],
    pub(crate) directory: Vec<Progress>,
    pub(crate) sync_every_s: i64,
    pub(crate) delays: Vec<Delay>,
    pub(crate) missed: usize,
}

pub(crate) fn of(facts: &Facts<'_>) -> Vec<Needed> {
    let mut needs = Vec::new();
    let mut add = |need: Need, since: Option<Timestamp>| needs.push(Needed { need, since });
    if let Some(why) = &facts.broker {
        add(Need::BrokerUnavailable { why: why.clone() }, None);
    }
    for worker in WORKERS.into_iter().chain(facts.has_followups.then_some("followups")) {
        let of_worker = || facts.replicas.iter().filter(|seen| seen.replica.worker == worker && !seen.silent);
        let is_ready = of_worker().any(|seen| seen.missing.is_empty());
        match of_worker().find_map(|seen| seen.missing.iter().next()) {
            _ if is_ready => {}
            None => {
                let last =
                    facts.replicas.iter().filter(|seen| seen.replica.worker == worker).map(|seen| seen.seen_at).max();
                add(Need::WorkerGone { worker: worker.into() }, last);
            }
            Some((condition, why)) => {
                let (condition, why) = (condition.clone(), why.clone());
                add(Need::WorkerNotReady { worker: worker.into(), condition, why }, None);
            }
        }
    }
    if facts.webhook_active == Some(false) {
        add(Need::WebhookDisabled {}, None);
    }
    for window in facts.budgets {
        let is_long = matches!(window.span.as_str(), "day" | "month");
        if is_long && window.used.iter().sum::<i64>() >= i64::from(window.limit) {
            add(Need::UsedUp { api: window.api.clone(), span: window.span.clone() }, None);
        }
    }
    let mut paused = BTreeSet::new();
    for window in facts.budgets {
        if let (Some(until), Some(why)) = (window.paused_until, &window.why)
            && until > facts.now
            && paused.insert(&window.api)
        {
            add(Need::Paused { api: window.api.clone(), why: why.clone(), until }, None);
        }
    }
    for group in &facts.groups {
        add(Need::DeadLetters(group.clone()), Some(group.since));
    }
    for (stage, depth) in &facts.depths {
        let known: i64 = facts.groups.iter().filter(|group| group.stage == stage.as_str()).map(|g| g.messages).sum();
        if *depth > known {
            add(Need::OtherDeadLetters { stage: stage.as_str().into(), messages: depth - known }, None);
        }
    }
    needs.extend(failing(facts));
    needs.extend(directory(facts));
    for delay in facts.delays.iter().filter(|delay| delay.is_held()) {
        let need = Need::DelayHeld { delay: delay.delay.clone(), held_s: delay.held.as_secs() };
        needs.push(Needed { need, since: None });
    }
    if facts.missed > 0 {
        needs.push(Needed { need: Need::Missed { callers: facts.missed }, since: None });
    }
    needs
}

/// Kinds of records with the same problem are one need.
fn directory(facts: &Facts<'_>) -> Vec<Needed> {
    let mut found: Vec<Needed> = Vec::new();
    let is_overdue = |at: Timestamp| facts.now.duration_since(at).as_secs() > TURNS_MISSED * facts.sync_every_s.max(60);
    for progress in &facts.directory {
        let kind = progress.kind.clone();
        let (need, since) = match &progress.problem {
            Some(problem) => (Need::Directory { of: vec![kind], problem: problem.clone() }, progress.turned_at),
            None if progress.loaded_at.is_some() && progress.changes_until.is_some_and(is_overdue) => {
                (Need::DirectoryStale { of: vec![kind] }, progress.changes_until)
            }
            None => continue,
        };
        let joined = found.iter_mut().any(|other| match (&mut other.need, &need) {
            (Need::Directory { of: all, problem: known }, Need::Directory { of, problem }) if known == problem => {
                all.extend(of.iter().cloned());
                true
            }
            (Need::DirectoryStale { of: all }, Need::DirectoryStale { of }) => {
                all.extend(of.iter().cloned());
                true
            }
            _ => false,
        });
        if !joined {
            found.push(Needed { need, since });
        }
    }
    found
}

/// Failures that last, by their code, the most frequent first.
fn failing(facts: &Facts<'_>) -> Vec<Needed> {
    let mut found: Vec<Needed> = Vec::new();
    for (call_id, line) in facts.failures {
        let What::Retried(failure) = &line.what else { continue };
        let is_parked = facts.groups.iter().any(|group| group.code == failure.code);
        if is_parked || !LASTING.contains(&failure.code.as_str()) {
            continue;
        }
        let same = found.iter_mut().find_map(|needed| match &mut needed.need {
            Need::Failing { code, times, calls, .. } if *code == failure.code => {
                Some((times, calls, &mut needed.since))
            }
            _ => None,
        });
        if let Some((times, calls, since)) = same {
            *times += 1;
            *since = Some(line.at);
            if calls.len() < NAMED && !calls.contains(call_id) {
                calls.push(*call_id);
            }
        } else {
            let (code, error) = (failure.code.clone(), failure.error.clone());
            let need = Need::Failing { code, times: 1, error, calls: vec![*call_id] };
            found.push(Needed { need, since: Some(line.at) });
        }
    }
    found
}

/// The dead letters of calls, by stage and code, the most frequent first.
pub(crate) async fn groups(client: &Client) -> Result<Vec<Group>> {
    // As many lines of a call as it has dead letters: the ones before were retried.
    let sql = "select t.stage, t.detail->>'code', count(*), count(distinct s.call_id), min(t.at),
                      (array_agg(t.detail->>'error' order by t.at desc))[1], (array_agg(distinct s.call_id))[1:5]
                 from (select call_id from console_calls where state = 'parked' order by started_at desc limit 2000) s
                 join calls c using (call_id)
                cross join lateral (select stage, detail, at from timeline t where t.call_id = s.call_id and t.what = 'parked'
                                     order by t.id desc limit c.parked) t
                group by 1, 2 order by 3 desc, 1, 2";
    let group = |row: &tokio_postgres::Row| Group {
        stage: row.get(0),
        code: row.get::<_, Option<String>>(1).unwrap_or_else(|| "UNKNOWN".into()),
        messages: row.get(2),
        calls: row.get(3),
        since: row.get(4),
        error: row.get::<_, Option<String>>(5).unwrap_or_default(),
        first_calls: row.get::<_, Vec<i64>>(6).into_iter().map(CallId).collect(),
    };
    Ok(client.query(sql, &[]).await?.iter().map(group).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ledger::{replicas::Replica, timeline::Failure};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn process(worker: &str, missing: &[(&str, &str)], silent: bool) -> Seen {
        let replica = Replica { worker: worker.into(), ..Replica::of_this_process(worker) };
        let missing: BTreeMap<String, String> =
            missing.iter().map(|(name, why)| ((*name).to_owned(), (*why).to_owned())).collect();
        let seen_at = at("2026-11-30T09:00:00Z");
        Seen { replica, started_at: seen_at, seen_at, missing, silent }
    }

    fn all_ready() -> Vec<Seen> {
        WORKERS.iter().map(|worker| process(worker, &[], false)).collect()
    }

    fn facts(replicas: &[Seen]) -> Facts<'_> {
        Facts {
            now: at("2026-11-30T09:15:00Z"),
            broker: None,
            depths: Vec::new(),
            replicas,
            has_followups: false,
            webhook_active: Some(true),
            budgets: &[],
            groups: Vec::new(),
            failures: &[],
            directory: Vec::new(),
            sync_every_s: 300,
            delays: Vec::new(),
            missed: 0,
        }
    }

    fn group(stage: &str, code: &str, messages: i64) -> Group {
        let since = at("2026-11-30T09:12:00Z");
        let error = "scope phonecalls.write is missing".into();
        Group { stage: stage.into(), code: code.into(), messages, calls: 1, since, error, first_calls: vec![CallId(7)] }
    }

    fn kinds(facts: &Facts<'_>) -> Vec<String> {
        let kind = |needed: &Needed| serde_json::to_value(needed).unwrap()["kind"].as_str().unwrap().to_owned();
        of(facts).iter().map(kind).collect()
    }

    #[test]
    fn nothing_is_needed_while_all_is_well() {
        assert!(of(&facts(&all_ready())).is_empty());
    }

    #[test]
    fn a_worker_is_needed_if_none_of_its_processes_can_work() {
        let ready = all_ready();
        let mut with_followups = facts(&ready);
        with_followups.has_followups = true;
        assert_eq!(of(&with_followups)[0].need, Need::WorkerGone { worker: "followups".into() });
        for (processes, expected) in [
            (vec![process("logger", &[], false), process("logger", &[("broker", "away")], false)], None),
            (vec![process("logger", &[], true)], Some("worker_gone")),
            (vec![process("logger", &[("Sellsy", "refused")], false)], Some("worker_not_ready")),
            (vec![], Some("worker_gone")),
        ] {
            let mut replicas: Vec<Seen> =
                all_ready().into_iter().filter(|seen| seen.replica.worker != "logger").collect();
            replicas.extend(processes);
            assert_eq!(kinds(&facts(&replicas)).first().map(String::as_str), expected);
        }
    }

    #[test]
    fn dead_letters_are_grouped_and_others_of_the_queue_counted() {
        let ready = all_ready();
        let mut facts = facts(&ready);
        facts.groups = vec![group("logger", "SELLSY_FORBIDDEN", 3)];
        facts.depths = vec![(Stage::Logger, 3), (Stage::Ingest, 2)];
        assert_eq!(kinds(&facts), ["dead_letters", "other_dead_letters"]);
        facts.depths = vec![(Stage::Logger, 5)];
        assert_eq!(of(&facts)[1].need, Need::OtherDeadLetters { stage: "logger".into(), messages: 2 });
    }

    #[test]
    fn only_failures_that_last_need_somebody() {
        let ready = all_ready();
        let failed = |id: i64, code: &str, at_: &str| {
            let failure = Failure { code: code.into(), error: "no".into(), attempts: 1 };
            (CallId(id), Line { at: at(at_), stage: "logger".into(), what: What::Retried(failure) })
        };
        let failures = [
            failed(2, "SELLSY_CREDENTIAL", "2026-11-30T09:14:00Z"),
            failed(1, "SELLSY_CREDENTIAL", "2026-11-30T09:10:00Z"),
            failed(3, "CALL_BUSY", "2026-11-30T09:09:00Z"),
            failed(3, "SELLSY_RATE_LIMITED", "2026-11-30T09:09:00Z"),
        ];
        let mut facts = facts(&ready);
        facts.failures = &failures;
        let found = of(&facts);
        assert_eq!(found.len(), 1, "{found:?}");
        let calls = vec![CallId(2), CallId(1)];
        let need = Need::Failing { code: "SELLSY_CREDENTIAL".into(), times: 2, error: "no".into(), calls };
        assert_eq!(found[0], Needed { need, since: Some(at("2026-11-30T09:10:00Z")) });
        facts.groups = vec![group("logger", "SELLSY_CREDENTIAL", 1)];
        assert_eq!(kinds(&facts), ["dead_letters"], "it is said once");
    }
}

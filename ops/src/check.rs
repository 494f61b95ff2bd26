//! `callbridge check`: whether an installation works, and what to do if not.
//!
//! Every connection is tested for real, each with its own timeout and all at the same time: broker and topology, database
//! and migrations, both APIs with credentials, scopes and quotas, the webhook, clocks. Nothing is created or changed: what
//! is missing stays missing. Requests go through the budget like all others. A [`Finding`] says what was checked, its
//! state, and how to fix a fault. What depends on something broken is "not checked", with the reason. Findings contain
//! no secret and no personal data.

mod aircall;
mod broker;
mod by_rules;
mod clock;
mod database;
mod inspect;
pub(crate) mod kept;
mod print;
mod proven;
mod rules;
mod scope;
mod sellsy;
mod setup;
mod texts;

use std::{process::ExitCode, time::Duration};

use base::settings::{Needs, Settings};
use serde::{Deserialize, Serialize};

use base::said::{self, Text, name};
pub(crate) use scope::Scope;

/// For one check; longer than any client in it waits for one answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(25);

/// From the worst to the best: findings are shown in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Failed,
    NotChecked,
    Warning,
    Ok,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) state: State,
    pub(crate) says: Text,
    /// How to fix it.
    pub(crate) cure: Option<Text>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub(crate) what: Text,
    #[serde(flatten)]
    pub(crate) verdict: Verdict,
}

impl Verdict {
    fn ok(says: impl Into<Text>) -> Self {
        Self { state: State::Ok, says: says.into(), cure: None }
    }

    fn warning(says: impl Into<Text>, cure: impl Into<Text>) -> Self {
        Self { state: State::Warning, says: says.into(), cure: Some(cure.into()) }
    }

    fn failed(says: impl Into<Text>, cure: impl Into<Text>) -> Self {
        Self { state: State::Failed, says: says.into(), cure: Some(cure.into()) }
    }

    fn not_checked(because: impl Into<Text>) -> Self {
        Self { state: State::NotChecked, says: texts::BECAUSE.with([because.into()]), cure: None }
    }

    /// The verdict as a finding about `what`.
    fn about(self, what: impl Into<Text>) -> Finding {
        Finding { what: what.into(), verdict: self }
    }
}

/// Runs one check, with a timeout.
async fn look(what: impl Into<Text>, check: impl Future<Output = Verdict>) -> Finding {
    let verdict = tokio::time::timeout(CHECK_TIMEOUT, check).await.unwrap_or_else(|_| {
        Verdict::failed(texts::NO_ANSWER.with([name(CHECK_TIMEOUT.as_secs())]), texts::NO_ANSWER_CURE)
    });
    verdict.about(what)
}

pub(crate) async fn run(json: bool) -> anyhow::Result<ExitCode> {
    let findings = match crate::settings(Needs::default()) {
        Err(problems) => sorted(setup::invalid(&problems)),
        Ok(settings) => Box::pin(all(&settings)).await,
    };
    if json {
        print::json(&findings)?;
    } else {
        print::table(&findings);
    }
    Ok(if works(&findings) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The worst come first; those of a state stay in the order in which they were found, which is always the same.
fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| finding.verdict.state);
    findings
}

pub(crate) fn works(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| matches!(finding.verdict.state, State::Ok | State::Warning))
}

/// How many requests [`all`] sends to Aircall and to Sellsy at most.
pub(crate) fn requests(settings: &Settings) -> (usize, usize) {
    (aircall::requests(settings), sellsy::requests(settings))
}

/// The findings as programs get them, in English.
pub(crate) fn report(findings: &[Finding]) -> serde_json::Value {
    let one = |Finding { what, verdict: Verdict { state, says, cure } }: &Finding| serde_json::json!({ "what": what.english, "state": state, "says": says.english, "cure": cure.as_ref().map(|cure| &cure.english) });
    serde_json::json!({ "works": works(findings), "findings": findings.iter().map(one).collect::<Vec<_>>() })
}

pub(crate) async fn all(settings: &Settings) -> Vec<Finding> {
    let mut findings = setup::findings(settings);
    let database_and_apis = async {
        let (mut findings, database) = database::findings(settings).await;
        // One after the other, because every request to an API goes through the budget, which is in the database.
        let (aircall, sellsy) =
            tokio::join!(aircall::findings(settings, database.as_ref()), sellsy::findings(settings, database.as_ref()));
        findings.extend(aircall.into_iter().chain(sellsy));
        findings.extend(proven::findings(settings, database.as_ref()).await);
        findings
    };
    let (broker, rest) = tokio::join!(broker::findings(settings), database_and_apis);
    findings.extend(broker.into_iter().chain(rest));
    sorted(findings)
}

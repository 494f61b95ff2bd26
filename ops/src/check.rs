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
mod print;
mod rules;
mod scope;
mod sellsy;
mod setup;

use std::{process::ExitCode, time::Duration};

use base::settings::{Needs, Settings};
pub(crate) use scope::Scope;
use serde::Serialize;

/// For one check; longer than any client in it waits for one answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(25);

/// From the worst to the best: findings are shown in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Failed,
    NotChecked,
    Warning,
    Ok,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Verdict {
    state: State,
    says: String,
    /// How to fix it.
    cure: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    what: String,
    #[serde(flatten)]
    verdict: Verdict,
}

impl Verdict {
    fn ok(says: impl Into<String>) -> Self {
        Self { state: State::Ok, says: says.into(), cure: None }
    }

    fn warning(says: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { state: State::Warning, says: says.into(), cure: Some(cure.into()) }
    }

    fn failed(says: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { state: State::Failed, says: says.into(), cure: Some(cure.into()) }
    }

    fn not_checked(because: impl std::fmt::Display) -> Self {
        Self { state: State::NotChecked, says: format!("because {because}"), cure: None }
    }

    /// The verdict as a finding about `what`.
    fn about(self, what: impl Into<String>) -> Finding {
        Finding { what: what.into(), verdict: self }
    }
}

/// Runs one check, with a timeout.
async fn look(what: impl Into<String>, check: impl Future<Output = Verdict>) -> Finding {
    let verdict = tokio::time::timeout(CHECK_TIMEOUT, check).await.unwrap_or_else(|_| {
        let says = format!("no answer within {} s", CHECK_TIMEOUT.as_secs());
        Verdict::failed(says, "find out what delays the answer: a firewall, a proxy, an overloaded server")
    });
    verdict.about(what)
}

pub(crate) async fn run(json: bool) -> anyhow::Result<ExitCode> {
    let mut findings = match crate::settings(Needs::default()) {
        Err(problems) => setup::invalid(&problems),
        Ok(settings) => Box::pin(all(&settings)).await,
    };
    // Those of a state stay in the order in which they were found, which is always the same.
    findings.sort_by_key(|finding| finding.verdict.state);
    if json {
        print::json(&findings)?;
    } else {
        print::table(&findings);
    }
    let works = findings.iter().all(|f| matches!(f.verdict.state, State::Ok | State::Warning));
    Ok(if works { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn all(settings: &Settings) -> Vec<Finding> {
    let mut findings = setup::findings(settings);
    let database_and_apis = async {
        let (mut findings, database) = database::findings(settings).await;
        // One after the other, because every request to an API goes through the budget, which is in the database.
        let (aircall, sellsy) =
            tokio::join!(aircall::findings(settings, database.as_ref()), sellsy::findings(settings, database.as_ref()));
        findings.extend(aircall.into_iter().chain(sellsy));
        findings
    };
    let (broker, rest) = tokio::join!(broker::findings(settings), database_and_apis);
    findings.extend(broker.into_iter().chain(rest));
    findings
}

//! `callbridge check`: whether an installation works, and what to do if not.
//!
//! Every link is tested for real and on its own, with its own patience, all at the same time: broker and topology,
//! database and migrations, both APIs with credentials, scopes and quotas, the webhook, clocks. Nothing is created or
//! changed: what is missing stays missing. Requests go through the budget like all others. A [`Finding`] says what was
//! looked at, how it is and, if it is not well, what to do; what stands on something broken is "not checked", with the
//! reason. Findings hold no secret and no personal data.

mod aircall;
mod broker;
mod clock;
mod database;
mod inspect;
mod rules;
mod scope;
mod sellsy;
mod setup;
mod tell;

use std::{process::ExitCode, time::Duration};

use base::settings::{Needs, Settings};
use serde::Serialize;

/// For one thing that is looked at; longer than any client inside waits for one answer.
const PATIENCE: Duration = Duration::from_secs(25);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Ok,
    Warning,
    Failed,
    NotChecked,
}

/// How something is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Verdict {
    state: State,
    says: String,
    /// What to do.
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

    fn not_checked(because: &str) -> Self {
        Self { state: State::NotChecked, says: format!("because {because}"), cure: None }
    }

    fn of(self, what: impl Into<String>) -> Finding {
        Finding { what: what.into(), verdict: self }
    }
}

/// Looks at one thing, but not for ever.
async fn look(what: impl Into<String>, at: impl Future<Output = Verdict>) -> Finding {
    let verdict = tokio::time::timeout(PATIENCE, at).await.unwrap_or_else(|_| {
        let says = format!("no answer within {} s", PATIENCE.as_secs());
        Verdict::failed(says, "find out what holds it up on the way there: a firewall, a proxy, an overloaded server")
    });
    verdict.of(what)
}

pub(crate) async fn run(json: bool) -> anyhow::Result<ExitCode> {
    let findings = match Settings::from_environment(Needs::default()) {
        Err(problems) => setup::wrong(&problems),
        Ok(settings) => Box::pin(all(&settings)).await,
    };
    if json {
        tell::json(&findings)?;
    } else {
        tell::people(&findings);
    }
    let good = findings.iter().all(|f| matches!(f.verdict.state, State::Ok | State::Warning));
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn all(settings: &Settings) -> Vec<Finding> {
    let mut findings = setup::findings(settings);
    let behind_the_database = async {
        let (mut findings, database) = database::findings(settings).await;
        // Every request to an API goes through the budget, and that is in the database.
        let (aircall, sellsy) =
            tokio::join!(aircall::findings(settings, database.as_ref()), sellsy::findings(settings, database.as_ref()));
        findings.extend(aircall.into_iter().chain(sellsy));
        findings
    };
    let (broker, rest) = tokio::join!(broker::findings(settings), behind_the_database);
    findings.extend(broker.into_iter().chain(rest));
    findings
}

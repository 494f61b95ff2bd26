//! Alerts for installations without Prometheus: a JSON message to `ALERT_WEBHOOK_URL` when an operator has to act.
//!
//! Every half minute each replica checks what all replicas can see: how many messages are parked, whether Aircall delivers,
//! and whether the day's requests are used up or requests have been waiting for long. So it does not matter which worker
//! parked a message, or whether the broker did so itself, and no message waits for an alert. A row in PostgreSQL decides which
//! replica sends (`alerts/store.rs`). The receiver is not one of the vendors, so it has its own HTTP client and no budget.
//! A failure to send is logged and retried. Texts and details hold counts and the names of stages and APIs, nothing about
//! people.

mod store;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use base::{client, db::Database, error::Result, ids::Stage};
use broker::amqp::Publisher;
use jiff::Timestamp;
use ledger::reconciliation;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time;
use vendors::budget;

const EVERY: Duration = Duration::from_secs(30);
const FIRST_AFTER: Duration = Duration::from_secs(5);
/// Of one attempt.
const TIMEOUT: Duration = Duration::from_secs(10);
/// After each attempt; the last one has nothing to wait for.
const PAUSES: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(10), Duration::ZERO];
/// Under load, requests always wait a little for the budget. After this long there are more of them than the quota allows.
const LONG_WAIT: Duration = Duration::from_secs(300);

pub(crate) struct Alerts {
    database: Database,
    publisher: Publisher,
    http: reqwest::Client,
    url: SecretString,
    /// Since when requests have been waiting for the budget, by API.
    waiting: BTreeMap<String, Instant>,
}

/// The state of one thing that is watched. Level 0 means that all is well and nothing is sent.
#[derive(Clone, Debug, PartialEq)]
struct Alert {
    kind: &'static str,
    level: i64,
    text: String,
    details: Value,
}

impl Alerts {
    pub(crate) fn new(database: Database, publisher: Publisher, url: SecretString) -> anyhow::Result<Self> {
        Ok(Self { database, publisher, http: client::new(TIMEOUT)?, url, waiting: BTreeMap::new() })
    }

    pub(crate) async fn run(mut self) {
        time::sleep(FIRST_AFTER).await;
        loop {
            self.database.available().await;
            // Each on its own: a check that fails must not suppress the others.
            let checks = [self.check_parked().await, self.check_webhook().await, self.check_budget().await];
            for alert in checks {
                let sent = match alert {
                    Ok(Some(alert)) => self.send_once(&alert).await,
                    Ok(None) => Ok(()),
                    Err(e) => Err(e),
                };
                if let Err(e) = sent {
                    tracing::warn!(error = %e, "The check for alerts failed; it is retried.");
                }
            }
            time::sleep(EVERY).await;
        }
    }

    async fn check_parked(&self) -> Result<Option<Alert>> {
        Ok(Some(parked_alert(&self.publisher.count_dead().await?)))
    }

    /// As reconciliation saw it last; `None` if reconciliation has not looked yet.
    async fn check_webhook(&self) -> Result<Option<Alert>> {
        let client = self.database.client().await?;
        let progress = reconciliation::progress(&client, crate::reconcile::turns::NAME).await?;
        Ok(progress.and_then(|progress| progress.webhook_active).map(webhook_alert))
    }

    async fn check_budget(&mut self) -> Result<Option<Alert>> {
        let client = self.database.client().await?;
        let (used_up, waiting) = (budget::exhausted_apis(&client).await?, budget::waiting_apis(&client).await?);
        self.waiting.retain(|api, _| waiting.contains(api));
        for api in waiting {
            self.waiting.entry(api).or_insert_with(Instant::now);
        }
        let long = self.waiting.iter().filter(|(_, since)| since.elapsed() >= LONG_WAIT).map(|(api, _)| api.clone());
        Ok(Some(budget_alert(&used_up, &long.collect::<Vec<_>>())))
    }

    /// Sends the alert unless another replica does, or did recently.
    async fn send_once(&self, alert: &Alert) -> Result<()> {
        if !store::claim(&self.database.client().await?, alert.kind, alert.level).await? {
            return Ok(());
        }
        let message =
            json!({ "kind": alert.kind, "text": alert.text, "at": Timestamp::now(), "details": alert.details });
        for pause in PAUSES {
            match self.send(&message).await {
                Ok(()) => {
                    tracing::info!(kind = alert.kind, "An alert was sent.");
                    return Ok(());
                }
                Err(problem) => {
                    tracing::warn!(kind = alert.kind, problem, "An alert could not be sent; it is retried.");
                }
            }
            time::sleep(pause).await;
        }
        store::release(&self.database.client().await?, alert.kind).await
    }

    /// The URL may contain a secret, so no error text quotes it.
    async fn send(&self, message: &Value) -> Result<(), String> {
        let answer = self.http.post(self.url.expose_secret()).json(message).send().await;
        let status = answer.map_err(|e| e.without_url().to_string())?.status();
        if status.is_success() { Ok(()) } else { Err(format!("ALERT_WEBHOOK_URL answered {status}")) }
    }
}

fn parked_alert(parked: &[(Stage, u32)]) -> Alert {
    let level = parked.iter().map(|(_, n)| i64::from(*n)).sum();
    let stages: serde_json::Map<_, _> =
        parked.iter().filter(|(_, n)| *n > 0).map(|(stage, n)| (stage.as_str().to_owned(), (*n).into())).collect();
    let text = format!("Callbridge: {level} messages are parked. `callbridge dead list` says why.");
    Alert { kind: "parked", level, text, details: json!({ "parked": level, "by_stage": stages }) }
}

fn webhook_alert(active: bool) -> Alert {
    let text = "Callbridge: Aircall has no active webhook for it, so no event arrives. `callbridge webhook status` says \
                more, `callbridge webhook install` enables it.";
    Alert {
        kind: "webhook_disabled",
        level: i64::from(!active),
        text: text.into(),
        details: json!({ "active": active }),
    }
}

/// `used_up`: APIs whose requests of the day are used up. `waits`: APIs for which requests have been waiting for long.
fn budget_alert(used_up: &[String], waits: &[String]) -> Alert {
    let level = i64::from(!used_up.is_empty() || !waits.is_empty());
    let problem = match (used_up, waits) {
        ([], waits) => format!("requests to {} have been waiting for their turn for minutes", waits.join(" and ")),
        (used_up, _) => format!("the day's requests to {} are used up", used_up.join(" and ")),
    };
    let text = format!("Callbridge: {problem}. `callbridge budget` shows what uses them.");
    Alert { kind: "budget_exhausted", level, text, details: json!({ "day_used_up": used_up, "waiting_long": waits }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong_and_nothing_else() {
        let parked = parked_alert(&[(Stage::Cards, 0), (Stage::Logger, 2), (Stage::Ingest, 1)]);
        assert_eq!((parked.level, &parked.details["by_stage"]), (3, &json!({ "logger": 2, "ingest": 1 })));
        assert_eq!(parked_alert(&[(Stage::Logger, 0)]).level, 0);
        assert_eq!((webhook_alert(true).level, webhook_alert(false).level), (0, 1));
        let (none, sellsy) = (vec![], vec!["sellsy".to_owned()]);
        for (used_up, waits, level, says) in [
            (&none, &none, 0, ""),
            (&sellsy, &none, 1, "the day's requests to sellsy are used up"),
            (&none, &sellsy, 1, "requests to sellsy have been waiting"),
            (&sellsy, &sellsy, 1, "used up"),
        ] {
            let alert = budget_alert(used_up, waits);
            assert_eq!(alert.level, level);
            assert!(alert.text.contains(says), "{}", alert.text);
        }
    }
}

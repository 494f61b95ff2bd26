//! Alerts for those who have no Prometheus: a JSON message to `ALERT_WEBHOOK_URL` when somebody has to act.
//!
//! Every replica looks every half minute at what all of them can see: how much is parked, whether Aircall delivers, whether
//! the requests of a day are used up or work has waited for its turn for long. So it does not matter which worker parked what, or
//! whether the broker did it itself, and no message is held up by an alert. A row in PostgreSQL says who tells
//! (`alerts/store.rs`). The receiver is none of the vendors: it has an HTTP client of its own and no budget. What cannot be told
//! is logged and tried again. Texts and details hold numbers of messages and names of stages, nothing about people.

mod store;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Context;
use base::{db::Database, error::Result, ids::Stage};
use broker::amqp::Publisher;
use jiff::Timestamp;
use ledger::reconciliation;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time;
use vendors::budget;

const EVERY: Duration = Duration::from_secs(30);
const FIRST_AFTER: Duration = Duration::from_secs(5);
/// For one attempt; between attempts.
const TIMEOUT: Duration = Duration::from_secs(10);
const PAUSES: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(10), Duration::ZERO];
/// Work waits for its turn all the time when there is much of it; after so long it is more than the quota allows.
const WAITS_LONG: Duration = Duration::from_secs(300);

pub(crate) struct Alerts {
    database: Database,
    publisher: Publisher,
    http: reqwest::Client,
    url: SecretString,
    /// Since when requests have been waiting, by API.
    waiting: BTreeMap<String, Instant>,
}

/// Something that somebody should know.
#[derive(Clone, Debug, PartialEq)]
struct Alert {
    kind: &'static str,
    level: i64,
    text: String,
    details: Value,
}

impl Alerts {
    pub(crate) fn new(database: Database, publisher: Publisher, url: SecretString) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("callbridge/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("the HTTP client for alerts")?;
        Ok(Self { database, publisher, http, url, waiting: BTreeMap::new() })
    }

    pub(crate) async fn run(mut self) {
        time::sleep(FIRST_AFTER).await;
        loop {
            self.database.available().await;
            // Each for itself: what cannot be seen now says nothing of the others.
            let seen = [self.parked().await, self.webhook().await, self.budget().await];
            for alert in seen {
                let told = match alert {
                    Ok(Some(alert)) => self.tell(&alert).await,
                    Ok(None) => Ok(()),
                    Err(e) => Err(e),
                };
                if let Err(e) = told {
                    tracing::warn!(error = %e, "It could not be found out whether somebody has to be alerted.");
                }
            }
            time::sleep(EVERY).await;
        }
    }

    async fn parked(&self) -> Result<Option<Alert>> {
        Ok(Some(of_parked(&self.publisher.count_dead().await?)))
    }

    /// As reconciliation has seen it last; nothing is known without it.
    async fn webhook(&self) -> Result<Option<Alert>> {
        let client = self.database.client().await?;
        let seen = reconciliation::progress(&client, crate::reconcile::turns::NAME).await?;
        Ok(seen.and_then(|seen| seen.webhook_active).map(of_webhook))
    }

    async fn budget(&mut self) -> Result<Option<Alert>> {
        let client = self.database.client().await?;
        let (used_up, waiting) = (budget::exhausted_apis(&client).await?, budget::waiting_apis(&client).await?);
        self.waiting.retain(|api, _| waiting.contains(api));
        for api in waiting {
            self.waiting.entry(api).or_insert_with(Instant::now);
        }
        let long = self.waiting.iter().filter(|(_, since)| since.elapsed() >= WAITS_LONG).map(|(api, _)| api.clone());
        Ok(Some(of_budget(&used_up, &long.collect::<Vec<_>>())))
    }

    async fn tell(&self, alert: &Alert) -> Result<()> {
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
                    tracing::warn!(kind = alert.kind, problem, "An alert could not be sent; it is tried again.");
                }
            }
            time::sleep(pause).await;
        }
        store::take_back(&self.database.client().await?, alert.kind).await
    }

    /// The URL may be a secret, so no text of an error quotes it.
    async fn send(&self, message: &Value) -> Result<(), String> {
        let answer = self.http.post(self.url.expose_secret()).json(message).send().await;
        let status = answer.map_err(|e| e.without_url().to_string())?.status();
        if status.is_success() { Ok(()) } else { Err(format!("ALERT_WEBHOOK_URL answered {status}")) }
    }
}

fn of_parked(parked: &[(Stage, u32)]) -> Alert {
    let level = parked.iter().map(|(_, n)| i64::from(*n)).sum();
    let stages: serde_json::Map<_, _> =
        parked.iter().filter(|(_, n)| *n > 0).map(|(stage, n)| (stage.as_str().to_owned(), (*n).into())).collect();
    let text = format!("Callbridge: {level} messages are parked. `callbridge dead list` says why.");
    Alert { kind: "parked", level, text, details: json!({ "parked": level, "by_stage": stages }) }
}

fn of_webhook(active: bool) -> Alert {
    let text = "Callbridge: Aircall has no active webhook for it, so no event arrives. `callbridge webhook status` says \
                more, `callbridge webhook install` enables it.";
    Alert {
        kind: "webhook_disabled",
        level: i64::from(!active),
        text: text.into(),
        details: json!({ "active": active }),
    }
}

/// APIs whose requests of the day are used up, and those for which work has been waiting for long.
fn of_budget(used_up: &[String], waits: &[String]) -> Alert {
    let level = i64::from(!used_up.is_empty() || !waits.is_empty());
    let said = match (used_up, waits) {
        ([], waits) => format!("requests to {} have been waiting for their turn for minutes", waits.join(" and ")),
        (used_up, _) => format!("the day's requests to {} are used up", used_up.join(" and ")),
    };
    let text = format!("Callbridge: {said}. `callbridge budget` shows what uses them.");
    Alert { kind: "budget_exhausted", level, text, details: json!({ "day_used_up": used_up, "waiting_long": waits }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong_and_nothing_else() {
        let parked = of_parked(&[(Stage::Cards, 0), (Stage::Logger, 2), (Stage::Ingest, 1)]);
        assert_eq!((parked.level, &parked.details["by_stage"]), (3, &json!({ "logger": 2, "ingest": 1 })));
        assert_eq!(of_parked(&[(Stage::Logger, 0)]).level, 0);
        assert_eq!((of_webhook(true).level, of_webhook(false).level), (0, 1));
        let (none, sellsy) = (vec![], vec!["sellsy".to_owned()]);
        for (used_up, waits, level, says) in [
            (&none, &none, 0, ""),
            (&sellsy, &none, 1, "the day's requests to sellsy are used up"),
            (&none, &sellsy, 1, "requests to sellsy have been waiting"),
            (&sellsy, &sellsy, 1, "used up"),
        ] {
            let alert = of_budget(used_up, waits);
            assert_eq!(alert.level, level);
            assert!(alert.text.contains(says), "{}", alert.text);
        }
    }
}

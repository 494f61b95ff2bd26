//! The HTTP routes for health, readiness and metrics, and the conditions of readiness.
//!
//! Each part that must work before a worker can do its job holds a [`Condition`]. `GET /readyz` answers 200 when
//! all of them are met and otherwise 503 with the reasons, so that "not ready" always says why. `GET /healthz` only
//! says that the process is alive; `GET /metrics` answers in Prometheus' text format.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

/// The conditions of one worker.
#[derive(Clone, Default)]
pub struct Readiness(Arc<watch::Sender<State>>);

#[derive(Default)]
struct State {
    /// By name; `None` is met, otherwise why it is unmet.
    conditions: BTreeMap<&'static str, Option<String>>,
    /// Only one of these must be met.
    alternatives: Vec<&'static str>,
}

impl State {
    /// Those for which another condition serves, or all others.
    fn unmet(&self, replaced: bool) -> Vec<(&'static str, String)> {
        let met = |name: &&'static str| self.conditions.get(name).is_some_and(Option::is_none);
        let ignored: &[_] = if self.alternatives.iter().any(met) { &self.alternatives } else { &[] };
        let unmet = self.conditions.iter().filter(|(name, _)| ignored.contains(name) == replaced);
        unmet.filter_map(|(name, reason)| Some((*name, reason.clone()?))).collect()
    }
}

impl Readiness {
    /// A new condition, unmet until its owner says otherwise.
    pub fn condition(&self, name: &'static str) -> Condition {
        let condition = Condition { readiness: self.clone(), name };
        condition.unmet("starting".into());
        condition
    }

    /// Only one of these must be met: ingest accepts webhooks as long as the broker or the database is available.
    pub fn require_any(&self, names: &[&'static str]) {
        self.0.send_modify(|state| state.alternatives = names.to_vec());
    }

    /// The unmet conditions, as `(condition, reason)`.
    pub fn missing(&self) -> Vec<(&'static str, String)> {
        self.0.borrow().unmet(false)
    }

    /// The unmet conditions that do not prevent the worker's job, because another one serves.
    pub fn impaired(&self) -> Vec<(&'static str, String)> {
        self.0.borrow().unmet(true)
    }

    /// Returns as soon as the condition of this name is met; at once if there is none.
    pub async fn until_met(&self, name: &str) {
        let is_met = |state: &State| state.conditions.get(name).is_none_or(Option::is_none);
        // The sender lives in self, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(is_met).await;
    }

    fn set(&self, name: &'static str, unmet: Option<String>) {
        self.0.send_modify(|state| drop(state.conditions.insert(name, unmet)));
    }
}

#[derive(Clone)]
pub struct Condition {
    readiness: Readiness,
    name: &'static str,
}

impl Condition {
    pub fn met(&self) {
        self.readiness.set(self.name, None);
    }

    pub fn unmet(&self, reason: String) {
        self.readiness.set(self.name, Some(reason));
    }
}

/// The routes that every worker serves; ingest adds the webhooks to them.
pub fn routes(readiness: Readiness, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/healthz", get(|| async { Json(serde_json::json!({ "alive": true })) }))
        .route("/readyz", get(move || async move { ready(&readiness) }))
        .route("/metrics", get(move || async move { metrics.render() }))
}

fn ready(readiness: &Readiness) -> impl IntoResponse + use<> {
    let missing: BTreeMap<_, _> = readiness.missing().into_iter().collect();
    let impaired: BTreeMap<_, _> = readiness.impaired().into_iter().collect();
    let status = if missing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(serde_json::json!({ "ready": missing.is_empty(), "missing": missing, "impaired": impaired })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_condition_is_waited_for() {
        let readiness = Readiness::default();
        let condition = readiness.condition("Sellsy");
        let wait = || tokio::time::timeout(std::time::Duration::from_millis(20), readiness.until_met("Sellsy"));
        assert!(wait().await.is_err());
        let (waited, ()) = tokio::join!(wait(), async { condition.met() });
        assert!(waited.is_ok());
        readiness.until_met("nothing of this name").await;
    }

    #[test]
    fn one_alternative_is_enough_but_not_none() {
        let readiness = Readiness::default();
        let (broker, database) = (readiness.condition("broker"), readiness.condition("database"));
        readiness.require_any(&["broker", "database"]);
        assert_eq!(readiness.missing().len(), 2);
        assert!(readiness.impaired().is_empty());
        database.met();
        assert!(readiness.missing().is_empty());
        assert_eq!(readiness.impaired(), [("broker", "starting".to_owned())]);
        database.unmet("unavailable".into());
        broker.met();
        assert!(readiness.missing().is_empty());
    }
}

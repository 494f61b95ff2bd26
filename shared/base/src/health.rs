//! The HTTP routes for health, readiness and metrics, and the conditions of readiness.
//!
//! Each part that must work before a worker can do its job holds a [`Condition`]. `GET /readyz` answers 200 when
//! all of them are met and otherwise 503 with the reasons, so that "not ready" always says why. `GET /healthz` only
//! says that the process is alive; `GET /metrics` answers in Prometheus' text format.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;

/// The conditions of one worker.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// By name; `None` is met, otherwise why it is unmet.
    conditions: BTreeMap<&'static str, Option<String>>,
    /// Only one of these must be met.
    alternatives: Vec<&'static str>,
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
        self.state().alternatives = names.to_vec();
    }

    /// The unmet conditions, as `(condition, reason)`.
    pub fn missing(&self) -> Vec<(&'static str, String)> {
        let state = self.state();
        let met = |name: &&'static str| state.conditions.get(name).is_some_and(Option::is_none);
        let ignored: &[_] = if state.alternatives.iter().any(met) { &state.alternatives } else { &[] };
        let unmet = state.conditions.iter().filter(|(name, _)| !ignored.contains(name));
        unmet.filter_map(|(name, reason)| Some((*name, reason.clone()?))).collect()
    }

    fn set(&self, name: &'static str, unmet: Option<String>) {
        self.state().conditions.insert(name, unmet);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
    let status = if missing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(serde_json::json!({ "ready": missing.is_empty(), "missing": missing })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alternative_is_enough_but_not_none() {
        let readiness = Readiness::default();
        let (broker, database) = (readiness.condition("broker"), readiness.condition("database"));
        readiness.require_any(&["broker", "database"]);
        assert_eq!(readiness.missing().len(), 2);
        database.met();
        assert!(readiness.missing().is_empty());
        database.unmet("unavailable".into());
        broker.met();
        assert!(readiness.missing().is_empty());
    }
}

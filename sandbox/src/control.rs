//! `/_sandbox/…` for what concerns both accounts: the journal of requests, its counts, and the faults.
//!
//! What concerns one account is in that account's own control router. Nothing here is part of a vendor's API, so these
//! requests are neither counted nor recorded, and no fault hits them.

use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::observe::faults::Fault;
use crate::observe::{Api, Observer};

pub(crate) fn router(observer: Observer) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/requests", get(requests).delete(forget))
        .route("/counts", get(counts))
        .route("/settings", get(show_settings).put(set_settings))
        .route("/faults", get(show_faults).put(set_faults))
        .with_state(observer)
}

async fn health() -> Json<Value> {
    Json(json!({"ok": true}))
}

#[derive(Debug, Deserialize)]
struct Wanted {
    api: Option<Api>,
    #[serde(default)]
    since_seq: u64,
}

async fn requests(State(observer): State<Observer>, Query(wanted): Query<Wanted>) -> Json<Value> {
    Json(Value::Array(observer.journal.list(wanted.api, wanted.since_seq)))
}

async fn forget(State(observer): State<Observer>) -> Json<Value> {
    observer.journal.forget();
    Json(json!({"ok": true}))
}

async fn counts(State(observer): State<Observer>) -> Json<Value> {
    Json(observer.journal.counts())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    record_bodies: bool,
}

async fn show_settings(State(observer): State<Observer>) -> Json<Value> {
    Json(json!({"record_bodies": observer.journal.records_bodies()}))
}

async fn set_settings(State(observer): State<Observer>, Json(settings): Json<Settings>) -> Json<Value> {
    observer.journal.record_bodies(settings.record_bodies);
    show_settings(State(observer)).await
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct FaultList {
    faults: Vec<Fault>,
}

async fn show_faults(State(observer): State<Observer>) -> Json<FaultList> {
    Json(FaultList { faults: observer.faults.list() })
}

async fn set_faults(State(observer): State<Observer>, Json(list): Json<FaultList>) -> Json<FaultList> {
    observer.faults.replace(list.faults);
    show_faults(State(observer)).await
}

//! The routes of `/v1/webhooks`; what they do is in `webhooks`.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use super::Account;
use super::problem::{Problem, parse};
use super::rest::{Paging, Pairs};
use super::webhooks::EventsAction;

pub(super) fn routes() -> Router<Account> {
    Router::new()
        .route("/v1/webhooks", get(list).post(create))
        .route("/v1/webhooks/{id}", get(show).put(update).delete(delete))
}

async fn list(State(account): State<Account>, Query(pairs): Query<Pairs>) -> Result<Json<Value>, Problem> {
    let paging = Paging::read(&pairs)?;
    let board = account.engine().board();
    let all: Vec<Value> = board.webhooks.iter().map(|webhook| webhook.render(true)).collect();
    let total = all.len();
    let shown: Vec<Value> = all.into_iter().skip(paging.skip()).take(paging.per_page).collect();
    // As recorded, the meta of this list has no links.
    let meta = json!({"count": shown.len(), "total": total, "current_page": paging.page, "per_page": paging.per_page});
    Ok(Json(json!({"meta": meta, "webhooks": shown})))
}

async fn create(State(account): State<Account>, body: Bytes) -> Result<(StatusCode, Json<Value>), Problem> {
    let body: Map<String, Value> = parse(&body)?;
    let made = account.engine().board().webhooks.create(&body).map_err(Problem::bad_request)?;
    Ok((StatusCode::CREATED, Json(json!({"webhook": made}))))
}

async fn show(State(account): State<Account>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let board = account.engine().board();
    let webhook = board.webhooks.find(&id).ok_or_else(|| no_such_webhook(&id))?;
    Ok(Json(json!({"webhook": webhook.render(true)})))
}

async fn update(
    State(account): State<Account>,
    Path(id): Path<String>,
    Query(pairs): Query<Pairs>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let body: Map<String, Value> = parse(&body)?;
    let action = match pairs.iter().find(|(key, _)| key == "events_action").map(|(_, value)| value.as_str()) {
        None => EventsAction::Replace,
        Some("add") => EventsAction::Add,
        Some("remove") => EventsAction::Remove,
        Some(other) => {
            return Err(Problem::bad_request(format!("events_action cannot be {other}")));
        }
    };
    let changed = account.engine().board().webhooks.update(&id, &body, action).ok_or_else(|| no_such_webhook(&id))?;
    Ok(Json(json!({"webhook": changed.map_err(Problem::bad_request)?})))
}

async fn delete(State(account): State<Account>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let deleted = account.engine().board().webhooks.delete(&id);
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(no_such_webhook(&id)) }
}

fn no_such_webhook(id: &str) -> Problem {
    Problem::not_found(format!("Webhook with id {id} does not exist"))
}

//! `/_sandbox/sellsy/…`: a test looks inside the account, and changes it as a person in Sellsy's pages would.
//!
//! A test writes records in the data file's shape and reads them in the API's; phone calls, comments and tasks have the API's
//! shape, with their texts as they were sent. What the API can write has its history. Nothing here counts as a request to the
//! API.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use super::errors::Error;
use super::notices::Webhook;
use super::seed::{Quotas, SearchSettings, now};
use super::store::{Kind, Store, Task};
use super::texts::TextSettings;
use super::undocumented::Rules;
use super::{Account, pages, phone_calls, tasks, views};
use records::Collection;

mod records;
mod smart_tags;

pub(super) fn router() -> Router<Account> {
    Router::new()
        .route("/", get(state))
        .route("/phone-calls", get(show_phone_calls))
        .route("/phone-calls/{id}", patch(edit_phone_call).delete(delete_phone_call))
        .route("/tasks", get(show_tasks))
        .route("/tasks/{id}", patch(edit_task).delete(delete_task))
        .route("/comments/{id}", patch(edit_comment).delete(delete_comment))
        .route("/quotas", get(show_quotas).put(set_quotas))
        .route("/expire-tokens", post(expire_tokens))
        .route("/tokens", axum::routing::put(set_tokens))
        .route("/phone-call-rules", get(show_rules).put(set_rules))
        .route("/webhook-events", axum::routing::put(set_webhook_events))
        .route("/pages", get(pages::settings).put(pages::set))
        .route("/scopes", get(show_scopes).put(set_scopes))
        .route("/search", get(show_search).put(set_search))
        .route("/texts", get(show_texts).put(set_texts))
        .route("/webhook", post(set_webhook))
        .route("/smart-tags", get(smart_tags::settings).put(smart_tags::set))
        .route("/{kind}", get(records::list).post(records::add))
        .route("/{kind}/{id}", get(records::show).patch(records::change).delete(records::remove))
        .route("/{kind}/{id}/smart-tags", get(smart_tags::show).patch(smart_tags::change))
}

/// A refusal with its reason; 404 for what does not exist.
#[derive(Debug)]
struct Refusal(StatusCode, String);

impl Refusal {
    fn not_found() -> Refusal {
        Refusal(StatusCode::NOT_FOUND, "not found".to_owned())
    }
}

/// The store's reason to refuse a record.
impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Refusal {
        Refusal(StatusCode::BAD_REQUEST, error.to_string())
    }
}

/// The API's reason to refuse a write.
impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        let (status, details) = error.status_and_details();
        Refusal(status, details)
    }
}

impl From<serde_json::Error> for Refusal {
    fn from(error: serde_json::Error) -> Refusal {
        Refusal(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

async fn state(State(account): State<Account>) -> Json<Value> {
    let store = account.store();
    let zone = &store.zone;
    Json(json!({
        "staffs": store.staffs.values().map(|staff| views::staff(staff, zone)).collect::<Vec<_>>(),
        "individuals": Collection::Records(Kind::Individual).all(&store),
        "companies": Collection::Records(Kind::Company).all(&store),
        "contacts": Collection::Records(Kind::Contact).all(&store),
        "opportunities": Collection::Opportunities.all(&store),
        "smart_tags": store.smart_tags.all().collect::<Vec<_>>(),
        "phone_calls": with_history(&store),
        "tasks": tasks_with_history(&store),
        "comments": store.comments.values().map(|comment| views::comment(comment, &comment.description, zone)).collect::<Vec<_>>(),
    }))
}

async fn show_phone_calls(State(account): State<Account>) -> Json<Vec<Value>> {
    Json(with_history(&account.store()))
}

fn with_history(store: &Store) -> Vec<Value> {
    let show = |call| {
        let mut view = views::phone_call(call, call.description.as_deref(), &store.zone, &store.topics);
        view["history"] = json!(call.history);
        view
    };
    store.phone_calls.values().map(show).collect()
}

async fn show_tasks(State(account): State<Account>) -> Json<Vec<Value>> {
    Json(tasks_with_history(&account.store()))
}

fn tasks_with_history(store: &Store) -> Vec<Value> {
    let show = |task: &Task| {
        let mut view = views::task(task, task.description.as_deref(), &store.zone, &store.task_labels);
        view["history"] = json!(task.history);
        view
    };
    store.tasks.values().map(show).collect()
}

/// The body has the shape of the API's writes.
async fn edit_phone_call(
    State(account): State<Account>,
    Path(id): Path<u64>,
    Json(changes): Json<Map<String, Value>>,
) -> Result<StatusCode, Refusal> {
    phone_calls::edit(&mut account.store(), id, &changes)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The body has the shape of the API's PUT.
async fn edit_task(
    State(account): State<Account>,
    Path(id): Path<u64>,
    Json(changes): Json<Map<String, Value>>,
) -> Result<StatusCode, Refusal> {
    tasks::edit(&mut account.store(), id, &changes)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CommentEdit {
    description: String,
}

async fn edit_comment(
    State(account): State<Account>,
    Path(id): Path<u64>,
    Json(edit): Json<CommentEdit>,
) -> Result<StatusCode, Refusal> {
    let mut store = account.store();
    let comment = store.comments.get_mut(&id).ok_or_else(Refusal::not_found)?;
    (comment.description, comment.updated) = (edit.description, now());
    Ok(StatusCode::NO_CONTENT)
}

async fn delete_phone_call(State(account): State<Account>, Path(id): Path<u64>) -> Result<StatusCode, Refusal> {
    account.store().phone_calls.remove(&id).map(|_| StatusCode::NO_CONTENT).ok_or_else(Refusal::not_found)
}

async fn delete_task(State(account): State<Account>, Path(id): Path<u64>) -> Result<StatusCode, Refusal> {
    account.store().tasks.remove(&id).map(|_| StatusCode::NO_CONTENT).ok_or_else(Refusal::not_found)
}

async fn delete_comment(State(account): State<Account>, Path(id): Path<u64>) -> Result<StatusCode, Refusal> {
    account.store().comments.remove(&id).map(|_| StatusCode::NO_CONTENT).ok_or_else(Refusal::not_found)
}

async fn show_quotas(State(account): State<Account>) -> Json<Quotas> {
    Json(account.quota().settings())
}

async fn set_quotas(State(account): State<Account>, Json(quotas): Json<Quotas>) -> Json<Quotas> {
    account.quota().set(&quotas);
    show_quotas(State(account)).await
}

async fn expire_tokens(State(account): State<Account>) -> Json<Value> {
    account.tokens().expire_all();
    Json(json!({"ok": true}))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenSettings {
    new_voids_older: bool,
}

async fn set_tokens(State(account): State<Account>, Json(settings): Json<TokenSettings>) -> Json<Value> {
    account.tokens().set_new_voids_older(settings.new_voids_older);
    Json(json!({"new_voids_older": settings.new_voids_older}))
}

async fn show_rules(State(account): State<Account>) -> Json<Rules> {
    Json(account.store().rules)
}

async fn set_rules(State(account): State<Account>, Json(rules): Json<Rules>) -> Json<Rules> {
    account.store().rules = rules;
    Json(rules)
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookEvents {
    without: Vec<String>,
}

async fn set_webhook_events(State(account): State<Account>, Json(events): Json<WebhookEvents>) -> Json<Value> {
    account.store().without_events.clone_from(&events.without);
    Json(json!({"without": events.without}))
}

async fn show_scopes(State(account): State<Account>) -> Json<Value> {
    Json(json!({"scopes": account.tokens().scopes()}))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Scopes {
    scopes: Vec<String>,
}

async fn set_scopes(State(account): State<Account>, Json(scopes): Json<Scopes>) -> Json<Value> {
    account.tokens().grant(scopes.scopes);
    show_scopes(State(account)).await
}

async fn set_webhook(State(account): State<Account>, Json(webhook): Json<Webhook>) -> Json<Value> {
    *account.notices().webhook() = Some(webhook);
    Json(json!({"ok": true}))
}

async fn show_search(State(account): State<Account>) -> Json<SearchSettings> {
    Json(account.store().search)
}

async fn set_search(State(account): State<Account>, Json(settings): Json<SearchSettings>) -> Json<SearchSettings> {
    account.store().search = settings;
    Json(settings)
}

async fn show_texts(State(account): State<Account>) -> Json<TextSettings> {
    Json(TextSettings { texts: account.store().texts })
}

async fn set_texts(State(account): State<Account>, Json(settings): Json<TextSettings>) -> Json<TextSettings> {
    account.store().texts = settings.texts;
    Json(settings)
}

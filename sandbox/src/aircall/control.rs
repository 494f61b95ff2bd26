//! The control routes under `/_sandbox/aircall`: play what people on the phone do, and read what happened.
//!
//! Orders are JSON and checked strictly (unknown keys are refused with 400 and a reason), because a scenario that
//! silently plays something else costs more than one that fails.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Account;
use super::call::to_rest;
use super::conversation;
use super::delivery_settings::Settings;
use super::gate::RateLimit;
use super::messages::{PlayMessage, StatusChange};
use super::order::PlayCall;
use super::play::{Timed, now_s};
use super::problem::{Problem, parse};
use super::rest::Pairs;
use super::state::card_json;

type Answer = Result<Json<Value>, Problem>;

/// The control routes, to be nested under `/_sandbox/aircall`.
pub fn control(account: Account) -> Router {
    Router::new()
        .route("/calls", post(play_call).get(calls))
        .route("/messages", post(play_message).get(messages))
        .route("/messages/{id}/status", post(change_message))
        .route("/conversations", get(conversations))
        .route("/conversations/{name}", post(play_conversation))
        .route("/events", post(play_events))
        .route("/insight-cards", get(insight_cards))
        .route("/card-rules", get(card_rules).put(set_card_rules))
        .route("/deliveries", get(deliveries))
        .route("/delivery", get(delivery_settings).put(set_delivery))
        .route("/webhooks", post(register_webhook))
        .route("/rate-limit", get(rate_limit).put(set_rate_limit))
        .with_state(account)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewWebhook {
    url: String,
    token: String,
}

/// Like `--webhook-url` at the start: all events, with a token that the receiver knows already.
async fn register_webhook(State(account): State<Account>, body: Bytes) -> Answer {
    let webhook: NewWebhook = parse(&body)?;
    account.register_webhook(&webhook.url, &webhook.token);
    Ok(Json(json!({"url": webhook.url})))
}

async fn play_call(State(account): State<Account>, body: Bytes) -> Answer {
    let order: PlayCall = parse(&body)?;
    let call_id = account.play_call(order).map_err(Problem::bad_request)?;
    Ok(Json(json!({"call_id": call_id})))
}

async fn calls(State(account): State<Account>) -> Json<Value> {
    let (state, now) = (account.state(), now_s());
    let calls: Vec<Value> =
        state.calls_between(None, None).filter_map(|id| state.call(id, now)).map(|call| to_rest(call, true)).collect();
    Json(json!({"calls": calls}))
}

async fn play_message(State(account): State<Account>, body: Bytes) -> Answer {
    let order: PlayMessage = parse(&body)?;
    let message_id = account.play_message(order).map_err(Problem::bad_request)?;
    Ok(Json(json!({"message_id": message_id})))
}

async fn messages(State(account): State<Account>) -> Json<Value> {
    Json(json!({"messages": account.state().messages().collect::<Vec<_>>()}))
}

async fn change_message(State(account): State<Account>, Path(id): Path<String>, body: Bytes) -> Answer {
    let change: StatusChange = parse(&body)?;
    account.change_message(&id, change).ok_or_else(|| Problem::not_found(format!("no message {id}")))?;
    Ok(Json(json!({"message_id": id})))
}

async fn conversations() -> Answer {
    let all = conversation::all().map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(Json(json!({"conversations": all.iter().map(conversation::Conversation::describe).collect::<Vec<_>>()})))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pace {
    #[serde(default)]
    pace_ms: u64,
}

async fn play_conversation(State(account): State<Account>, Path(name): Path<String>, body: Bytes) -> Answer {
    let pace: Pace = parse(&body)?;
    let all = conversation::all().map_err(|error| Problem::bad_request(error.to_string()))?;
    let names: Vec<&str> = all.iter().map(|conversation| conversation.name.as_str()).collect();
    let unknown = || Problem::not_found(format!("no conversation {name}; there are {}", names.join(", ")));
    let conversation = all.iter().find(|conversation| conversation.name == name).ok_or_else(unknown)?;
    Ok(Json(json!({"call_ids": account.play_conversation(conversation, pace.pace_ms)})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Events {
    events: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    #[serde(default)]
    after_ms: u64,
    body: Value,
}

async fn play_events(State(account): State<Account>, body: Bytes) -> Answer {
    let Events { events } = parse(&body)?;
    if let Some(event) = events.iter().find(|event| event.body.get("event").and_then(Value::as_str).is_none()) {
        return Err(Problem::bad_request(format!("not an envelope: {}", event.body)));
    }
    let accepted = events.len();
    account
        .send_envelopes(events.into_iter().map(|event| Timed { after_ms: event.after_ms, body: event.body }).collect());
    Ok(Json(json!({"accepted": accepted})))
}

async fn insight_cards(State(account): State<Account>) -> Json<Value> {
    Json(account.state().cards.iter().map(card_json).collect())
}

async fn card_rules(State(account): State<Account>) -> Json<super::card_rules::Rules> {
    Json(account.state().card_rules)
}

async fn set_card_rules(
    State(account): State<Account>,
    body: Bytes,
) -> Result<Json<super::card_rules::Rules>, Problem> {
    account.state().card_rules = parse(&body)?;
    Ok(Json(account.state().card_rules))
}

/// `?log=false` gives only the counts, for a benchmark that polls.
async fn deliveries(State(account): State<Account>, Query(pairs): Query<Pairs>) -> Json<Value> {
    let with_log = !pairs.iter().any(|(key, value)| key == "log" && value == "false");
    Json(account.engine().report(with_log))
}

async fn delivery_settings(State(account): State<Account>) -> Json<Settings> {
    Json(account.engine().settings())
}

async fn set_delivery(State(account): State<Account>, body: Bytes) -> Result<Json<Settings>, Problem> {
    let settings: Settings = parse(&body)?;
    settings.check().map_err(Problem::bad_request)?;
    account.engine().configure(settings);
    Ok(Json(settings))
}

async fn rate_limit(State(account): State<Account>) -> Json<RateLimit> {
    Json(account.gate().rate_limit())
}

async fn set_rate_limit(State(account): State<Account>, body: Bytes) -> Result<Json<RateLimit>, Problem> {
    account.gate().set_rate_limit(parse(&body)?);
    Ok(Json(account.gate().rate_limit()))
}

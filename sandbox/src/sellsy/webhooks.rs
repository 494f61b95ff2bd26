//! The webhooks of the account over the API, and the events that they can report: those of clients, prospects, suppliers, people,
//! opportunities and tasks, as seen in working programs. What is not documented is read strictly: an event that is not in the list is
//! refused, and so is a field that the schema does not have.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::Account;
use super::body::{self, Reader, set};
use super::errors::Error;
use super::paging::{Key, Paging};
use super::registered::Registered;
use super::request::{self, Id, Parameters};

const FIELDS: [&str; 7] =
    ["name", "endpoint", "is_enabled", "object_in_payload", "json_content_type", "sign_key", "configuration"];
const EVENTS: [(&str, &str, &[&str]); 6] = [
    ("client", "Clients", &["created", "updated", "deleted"]),
    ("prospect", "Prospects", &["created", "updated", "deleted"]),
    ("supplier", "Fournisseurs", &["created", "updated", "deleted"]),
    ("people", "Contacts", &["created", "updated", "deleted"]),
    ("opportunity", "Opportunités", &["status"]),
    ("task", "Tâches", &["created"]),
];

pub(super) async fn events(State(account): State<Account>) -> Json<Value> {
    let without = account.store().without_events.clone();
    let event = |(id, label, names): &(&str, &str, &[&str])| {
        let names: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), json!(name))).collect();
        json!({"id": id, "description": label, "events": names})
    };
    Json(EVENTS.iter().filter(|(id, ..)| !without.iter().any(|one| one == id)).map(event).collect())
}

pub(super) async fn list(State(account): State<Account>, parameters: Parameters) -> Result<Json<Value>, Error> {
    let paging = Paging::parse(&parameters, &["id"])?;
    let all = account.notices().registered().clone();
    Ok(paging.page(all.into_iter().map(|one| (Key::id(one.id), one)).collect(), Registered::view))
}

pub(super) async fn get(State(account): State<Account>, id: Id) -> Result<Json<Value>, Error> {
    let all = account.notices().registered();
    all.iter().find(|one| one.id == id.0).map(|one| Json(one.view())).ok_or_else(Error::not_found)
}

pub(super) async fn create(State(account): State<Account>, body: Bytes) -> Result<(StatusCode, Json<Value>), Error> {
    let body = request::object(&body)?;
    let mut all = account.notices().registered();
    let id = all.last().map_or(9001, |last| last.id + 1);
    let blank = Registered {
        id,
        is_http: true,
        name: None,
        url: String::new(),
        json: false,
        sign_key: String::new(),
        is_enabled: true,
        object_in_payload: false,
        events: Vec::new(),
    };
    let known: Vec<&str> = FIELDS.iter().copied().chain(["type"]).collect();
    let made = changed(blank, &body, &["type", "endpoint"], &known)?;
    let view = made.view();
    all.push(made);
    Ok((StatusCode::CREATED, Json(view)))
}

pub(super) async fn update(State(account): State<Account>, id: Id, body: Bytes) -> Result<Json<Value>, Error> {
    let mut all = account.notices().registered();
    let one = all.iter_mut().find(|one| one.id == id.0).ok_or_else(Error::not_found)?;
    *one = changed(one.clone(), &request::object(&body)?, &[], &FIELDS)?;
    Ok(Json(one.view()))
}

pub(super) async fn delete(State(account): State<Account>, id: Id) -> Result<StatusCode, Error> {
    let mut all = account.notices().registered();
    let before = all.len();
    all.retain(|one| one.id != id.0);
    if all.len() == before { Err(Error::not_found()) } else { Ok(StatusCode::NO_CONTENT) }
}

fn changed(
    mut one: Registered,
    body: &Map<String, Value>,
    required: &[&str],
    known: &[&str],
) -> Result<Registered, Error> {
    let mut read = Reader::new(body, required);
    read.refuse_unknown(known);
    set(&mut one.is_http, read.field("type", kind));
    set(&mut one.name, read.field("name", body::text_or_null));
    set(&mut one.url, read.field("endpoint", address));
    set(&mut one.is_enabled, read.field("is_enabled", body::flag));
    set(&mut one.object_in_payload, read.field("object_in_payload", body::flag));
    set(&mut one.json, read.field("json_content_type", body::flag));
    set(&mut one.sign_key, read.field("sign_key", body::text));
    set(&mut one.events, read.field("configuration", configuration));
    read.into_result()?;
    Ok(one)
}

fn kind(value: &Value) -> Result<bool, &'static str> {
    match value.as_str() {
        Some("http") => Ok(true),
        Some("slack") => Ok(false),
        _ => Err(body::NOT_A_CHOICE),
    }
}

fn address(value: &Value) -> Result<String, &'static str> {
    let text = body::text(value)?;
    let is_url = reqwest::Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if is_url { Ok(text) } else { Err("Cette valeur n'est pas une URL valide") }
}

fn configuration(value: &Value) -> Result<Vec<(String, bool)>, &'static str> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct One {
        id: String,
        is_enabled: bool,
    }
    let all: Vec<One> = body::objects(value).ok_or("Chaque élément a un id et is_enabled")?;
    let is_known = |id: &str| {
        let (of, name) = id.split_once('.').unwrap_or_default();
        EVENTS.iter().any(|(kind, _, names)| *kind == of && names.contains(&name))
    };
    if all.iter().any(|one| !is_known(&one.id)) {
        return Err(body::NOT_A_CHOICE);
    }
    Ok(all.into_iter().map(|one| (one.id, one.is_enabled)).collect())
}

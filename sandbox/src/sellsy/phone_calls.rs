//! Phone calls: Sellsy's native log of a call, with its owner, result, duration and up to three related records.
//!
//! `result` and `topic` are ids when written and objects when read. `POST` requires five fields; `PUT` changes the fields it
//! names and leaves the others, unless a test chooses otherwise ([`super::undocumented`]). There is no idempotency key: a client that posts twice has logged twice.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::Account;
use super::body::NOT_A_CHOICE;
use super::errors::{Error, Problems};
use super::fields::Shape;
use super::filters::{Filters, Priorities, Range, Schema};
use super::paging::{Key, Paging};
use super::related;
use super::request::{self, Id, Parameters};
use super::seed::now;
use super::store::{PhoneCall, Store, Write};
use super::undocumented::Owners;
use super::views;
use changes::Changes;
pub(super) use changes::RESULTS;

mod changes;

type Answer = Result<Json<Value>, Error>;

/// What becomes of a write that the documentation allows.
fn apply_rules(body: &Map<String, Value>, is_put: bool, store: &Store, call: &mut PhoneCall) -> Result<(), Error> {
    let (mut problems, rules) = (Problems::default(), store.rules);
    if rules.put_is_whole && is_put {
        let is_named = |field| body.contains_key(field);
        if !is_named("description") {
            call.description = None;
        }
        if !is_named("duration") {
            call.duration = 0;
        }
        if !is_named("priority") {
            call.priority = 0;
        }
        if !is_named("topic") {
            call.topic = store.default_topic();
        }
    }
    if let (Some(longest), Some(text)) = (rules.longest, &mut call.description)
        && text.chars().count() > longest
    {
        if rules.cuts {
            *text = text.chars().take(longest).collect();
        } else {
            problems.invalid("description", "Cette chaîne est trop longue");
        }
    }
    match rules.owners {
        Owners::Any => {}
        Owners::Own if body.contains_key("owner_id") && call.owner_id != store.token_staff_id => {
            problems.invalid("owner_id", "Vous ne pouvez pas attribuer cet élément à un autre collaborateur");
        }
        Owners::Own => {}
        Owners::Replaced => call.owner_id = store.token_staff_id,
    }
    problems.into_result()
}

pub(super) async fn create(
    State(account): State<Account>,
    parameters: Parameters,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Error> {
    let shape = Shape::parse(&parameters)?;
    let body = request::object(&body)?;
    let mut store = account.store();
    let changes = Changes::parse(&body, &store, changes::REQUIRED)?;
    let id = store.next_phone_call();
    let at = now();
    let mut call = PhoneCall {
        id,
        owner_id: 0,
        source: String::new(),
        result: String::new(),
        date: at,
        description: None,
        duration: 0,
        topic: store.default_topic(),
        priority: 0,
        related: Vec::new(),
        created: at,
        updated: at,
        history: Vec::new(),
    };
    changes.apply(&mut call);
    apply_rules(&body, false, &store, &mut call)?;
    call.history.push(Write::now("POST", body));
    let answer = shape.apply(show(&call, &store));
    store.phone_calls.insert(id, call);
    Ok((StatusCode::CREATED, Json(answer)))
}

pub(super) async fn update(State(account): State<Account>, id: Id, parameters: Parameters, body: Bytes) -> Answer {
    let shape = Shape::parse(&parameters)?;
    let mut store = account.store();
    let mut call = store.phone_calls.get(&id.0).cloned().ok_or_else(Error::not_found)?;
    let body = request::object(&body)?;
    Changes::parse(&body, &store, &[])?.apply(&mut call);
    apply_rules(&body, true, &store, &mut call)?;
    call.updated = now();
    call.history.push(Write::now("PUT", body));
    let answer = shape.apply(show(&call, &store));
    store.phone_calls.insert(id.0, call);
    Ok(Json(answer))
}

/// A person changes these fields on the log's page. That is no request to the API.
pub(super) fn edit(store: &mut Store, id: u64, body: &Map<String, Value>) -> Result<(), Error> {
    let changes = Changes::parse(body, store, &[])?;
    let call = store.phone_calls.get_mut(&id).ok_or_else(Error::not_found)?;
    changes.apply(call);
    call.updated = now();
    Ok(())
}

pub(super) async fn get(State(account): State<Account>, id: Id, parameters: Parameters) -> Answer {
    let shape = Shape::parse(&parameters)?;
    let store = account.store();
    let call = store.phone_calls.get(&id.0).ok_or_else(Error::not_found)?;
    Ok(Json(shape.apply(show(call, &store))))
}

pub(super) async fn delete(State(account): State<Account>, id: Id) -> Result<StatusCode, Error> {
    match account.store().phone_calls.remove(&id.0) {
        Some(_) => Ok(StatusCode::NO_CONTENT),
        None => Err(Error::not_found()),
    }
}

pub(super) async fn list(State(account): State<Account>, parameters: Parameters) -> Answer {
    let paging = Paging::parse(&parameters, &["id"])?;
    Ok(page(&account.store(), &paging, |_| true))
}

pub(super) async fn search(State(account): State<Account>, parameters: Parameters, body: Bytes) -> Answer {
    let paging = Paging::parse(&parameters, &["id"])?;
    let wanted = Wanted::parse(Filters::parse(&body, Schema::Open, true)?)?;
    let store = account.store();
    let ignored = store.search.ignores_filters;
    Ok(page(&store, &paging, |call| ignored || wanted.meets(call)))
}

fn page(store: &Store, paging: &Paging, wanted: impl Fn(&PhoneCall) -> bool) -> Json<Value> {
    let found = store.phone_calls.values().filter(|call| wanted(call));
    let rows = found.map(|call| (Key::id(call.id), call)).collect();
    paging.page(rows, |call| show(call, store))
}

pub(super) fn show(call: &PhoneCall, store: &Store) -> Value {
    let texts = store.texts;
    let description = call.description.as_deref().map(|text| texts.give_back(text));
    views::phone_call(call, description.as_deref(), &store.zone, &store.topics)
}

#[derive(Debug)]
struct Wanted {
    created: Option<Range>,
    date: Option<Range>,
    owners: Option<Vec<u64>>,
    related: related::Wanted,
    topic: Option<u64>,
    result: Option<String>,
    source: Option<String>,
    priority: Option<Priorities>,
}

impl Wanted {
    fn parse(mut filters: Filters) -> Result<Wanted, Error> {
        let wanted = Wanted {
            created: filters.range("created"),
            date: filters.range("due_date"),
            owners: filters.list("owners"),
            related: related::Wanted::parse(&mut filters),
            topic: filters.number("topic"),
            result: filters.text("result"),
            source: filters.text("source"),
            priority: filters.priority(),
        };
        for (field, value, choices) in
            [("result", &wanted.result, RESULTS.as_slice()), ("source", &wanted.source, &changes::SOURCES)]
        {
            if value.as_ref().is_some_and(|value| !choices.contains(&value.as_str())) {
                filters.problems.invalid(field, NOT_A_CHOICE);
            }
        }
        filters.problems.into_result()?;
        Ok(wanted)
    }

    fn meets(&self, call: &PhoneCall) -> bool {
        self.created.is_none_or(|range| range.contains(call.created))
            && self.date.is_none_or(|range| range.contains(call.date))
            && self.owners.as_ref().is_none_or(|owners| owners.contains(&call.owner_id))
            && self.related.meets(&call.related)
            && self.topic.is_none_or(|topic| call.topic == Some(topic))
            && self.result.as_ref().is_none_or(|result| *result == call.result)
            && self.source.as_ref().is_none_or(|source| *source == call.source)
            && self.priority.is_none_or(|wanted| wanted.contains(call.priority))
    }
}

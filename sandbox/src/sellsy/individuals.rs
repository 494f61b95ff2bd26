//! Writing individuals; `directory` reads them.
//!
//! `POST` requires a type and a last name; `PUT` changes the fields it names, of which the type is none, and leaves the others.
//! With `?verify=true` a write is only checked. There is no idempotency key, and two individuals may be equal in everything but
//! their id. Like a person's change, each write sends a notice.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::Account;
use super::errors::Error;
use super::fields::Shape;
use super::notices::Change;
use super::request::{self, Id, Parameters};
use super::seed::{Record, now};
use super::store::{Kind, RelatedKind, Store, Write};
use super::views;
use changes::Changes;

mod changes;

pub(super) async fn create(
    State(account): State<Account>,
    parameters: Parameters,
    body: Bytes,
) -> Result<Response, Error> {
    let shape = Shape::parse(&parameters)?;
    let only_verify = parameters.only_verify()?;
    let body = request::object(&body)?;
    let mut store = account.store();
    let changes = Changes::of_post(&body, &store)?;
    if only_verify {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let mut record = Record { created: now(), ..Record::default() };
    changes.apply(&mut record);
    let record = keep(&account, &mut store, record, Write::now("POST", body), Change::Created)?;
    let answer = shape.apply(views::record(Kind::Individual, &record, &store.zone));
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

pub(super) async fn update(
    State(account): State<Account>,
    id: Id,
    parameters: Parameters,
    body: Bytes,
) -> Result<Response, Error> {
    let shape = Shape::parse(&parameters)?;
    let only_verify = parameters.only_verify()?;
    let mut store = account.store();
    let mut record = store.record(Kind::Individual, id.0).cloned().ok_or_else(Error::not_found)?;
    let body = request::object(&body)?;
    Changes::of_put(&body, &store)?.apply(&mut record);
    if only_verify {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    record.updated = Some(now());
    let record = keep(&account, &mut store, record, Write::now("PUT", body), Change::Updated)?;
    Ok(Json(shape.apply(views::record(Kind::Individual, &record, &store.zone))).into_response())
}

/// What belongs to the individual goes with it: its opportunities, its smart-tags, its contacts' links.
pub(super) async fn delete(State(account): State<Account>, id: Id) -> Result<StatusCode, Error> {
    let mut store = account.store();
    let kind_type = store.record(Kind::Individual, id.0).ok_or_else(Error::not_found)?.kind_type;
    store.remove_record(Kind::Individual, id.0);
    account.notices().send(Kind::Individual, kind_type, id.0, Change::Deleted, store.token_staff_id);
    Ok(StatusCode::NO_CONTENT)
}

/// Returns the record as it is stored.
fn keep(account: &Account, store: &mut Store, record: Record, write: Write, change: Change) -> Result<Record, Error> {
    let refused = |error: anyhow::Error| Error::bad_request(error.to_string());
    let id = store.put_record(Kind::Individual, record).map_err(refused)?;
    store.note(RelatedKind::Individual.with(id), write);
    let record = store.record(Kind::Individual, id).cloned().ok_or_else(Error::not_found)?;
    account.notices().send(Kind::Individual, record.kind_type, id, change, store.token_staff_id);
    Ok(record)
}

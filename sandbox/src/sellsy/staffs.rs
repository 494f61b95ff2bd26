//! Staffs: the people who work in the account. There is no filter by e-mail; a client has to list them all.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde_json::Value;

use super::Account;
use super::errors::Error;
use super::fields::Shape;
use super::filters::{Filters, Schema};
use super::paging::{Key, Paging};
use super::request::Parameters;
use super::seed::{Staff, StaffStatus};
use super::store::Store;
use super::views;

const ORDERS: [&str; 2] = ["id", "name"];

pub(super) async fn list(State(account): State<Account>, parameters: Parameters) -> Result<Json<Value>, Error> {
    let paging = Paging::parse(&parameters, &ORDERS)?;
    Ok(page(&account.store(), &paging, None))
}

pub(super) async fn search(
    State(account): State<Account>,
    parameters: Parameters,
    body: Bytes,
) -> Result<Json<Value>, Error> {
    let paging = Paging::parse(&parameters, &ORDERS)?;
    let mut filters = Filters::parse(&body, Schema::Open, false)?;
    let statuses = filters.list::<StaffStatus>("status");
    if statuses.as_ref().is_some_and(|list| list.is_empty() || list.contains(&StaffStatus::Deleted)) {
        filters.problems.invalid("status", "Cette valeur ne fait pas partie des choix possibles");
    }
    filters.problems.into_result()?;
    Ok(page(&account.store(), &paging, statuses.as_deref()))
}

pub(super) async fn get(
    State(account): State<Account>,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Json<Value>, Error> {
    let shape = Shape::parse(&parameters)?;
    let store = account.store();
    let id = if id == "me" { Some(store.token_staff_id) } else { id.parse().ok() };
    let staff = id.and_then(|id| store.staffs.get(&id)).ok_or_else(Error::not_found)?;
    Ok(Json(shape.apply(views::staff(staff, &store.zone))))
}

fn page(store: &Store, paging: &Paging, statuses: Option<&[StaffStatus]>) -> Json<Value> {
    let key = |staff: &Staff| match paging.order {
        "name" => Key::field(format!("{} {}", staff.lastname, staff.firstname).to_lowercase(), staff.id),
        _ => Key::id(staff.id),
    };
    let found = store.staffs.values().filter(|staff| statuses.is_none_or(|list| list.contains(&staff.status)));
    let rows = found.map(|staff| (key(staff), staff)).collect();
    paging.page(rows, |staff| views::staff(staff, &store.zone))
}

//! Opportunities: search and item. They belong to a company or an individual and cannot be filtered by contact.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;

use super::Account;
use super::directory::contains;
use super::errors::Error;
use super::fields::Shape;
use super::filters::{Filters, Range, Schema};
use super::paging::{Key, Paging};
use super::request::{Id, Parameters};
use super::seed::{Opportunity, Status};
use super::views;

const ORDERS: [&str; 4] = ["id", "created", "step_rank", "due_date"];
/// All opportunities are in the same step of the same pipeline, assigned to nobody.
const NEVER_MET: [&str; 5] = ["favourite_filter", "pipeline", "step", "amount", "assigned_staffs"];

pub(super) async fn search(
    State(account): State<Account>,
    parameters: Parameters,
    body: Bytes,
) -> Result<Json<Value>, Error> {
    let paging = Paging::parse(&parameters, &ORDERS)?;
    let wanted = Wanted::parse(Filters::parse(&body, Schema::Open, true)?)?;
    let store = account.store();
    let key = |row: &Opportunity| match paging.order {
        "created" => Key::field(row.created.to_string(), row.id),
        "due_date" => Key::field(row.due_date.map_or_else(String::new, |date| date.to_string()), row.id),
        "step_rank" => Key::field("1".to_owned(), row.id),
        _ => Key::id(row.id),
    };
    let found = store.opportunities.values().filter(|row| wanted.meets(row, &store.zone));
    let rows = found.map(|row| (key(row), row)).collect();
    Ok(paging.page(rows, |row| views::opportunity(row, &store.zone)))
}

pub(super) async fn get(State(account): State<Account>, id: Id, parameters: Parameters) -> Result<Json<Value>, Error> {
    let shape = Shape::parse(&parameters)?;
    let store = account.store();
    let opportunity = store.opportunities.get(&id.0).ok_or_else(Error::not_found)?;
    Ok(Json(shape.apply(views::opportunity(opportunity, &store.zone))))
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", content = "id", rename_all = "lowercase")]
enum Customer {
    Company(u64),
    Individual(u64),
}

#[derive(Debug)]
struct Wanted {
    nothing: bool,
    created: Option<Range>,
    updated_status: Option<Range>,
    due_date: Option<Range>,
    name: Option<String>,
    customers: Option<Vec<Customer>>,
    statuses: Option<Vec<Status>>,
}

impl Wanted {
    fn parse(mut filters: Filters) -> Result<Wanted, Error> {
        let statuses = filters.nullable_list("statuses");
        if statuses.as_ref().is_some_and(Vec::is_empty) {
            filters.problems.invalid("statuses", "Cette liste doit contenir au moins une valeur");
        }
        let wanted = Wanted {
            nothing: NEVER_MET.iter().any(|key| filters.has(key)),
            created: filters.range("created"),
            updated_status: filters.range("updated_status"),
            due_date: filters.range("due_date"),
            name: filters.text("name"),
            customers: filters.list("related_objects"),
            statuses,
        };
        filters.problems.into_result()?;
        Ok(wanted)
    }

    fn meets(&self, row: &Opportunity, zone: &TimeZone) -> bool {
        let of = |customer: &Customer| match customer {
            Customer::Company(id) => row.company_id == Some(*id),
            Customer::Individual(id) => row.individual_id == Some(*id),
        };
        let due = row.due_date.and_then(|date| Some(date.to_zoned(zone.clone()).ok()?.timestamp()));
        !self.nothing
            && self.created.is_none_or(|range| range.contains(row.created))
            && self.updated_status.is_none_or(|range| row.updated_status.is_some_and(|at| range.contains(at)))
            && self.due_date.is_none_or(|range| due.is_some_and(|at| range.contains(at)))
            && self.name.as_ref().is_none_or(|name| contains(&row.name, name))
            && self.customers.as_ref().is_none_or(|customers| customers.iter().any(of))
            && self.statuses.as_ref().is_none_or(|statuses| statuses.contains(&row.status))
    }
}

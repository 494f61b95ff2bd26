//! Opportunities: search, item and `PATCH`. They belong to a company or an individual and cannot be filtered by contact. Each
//! is in a step of a pipeline, see `steps`.
//!
//! `PATCH` changes the fields that its query names in `only`, and its schema is closed; with `?verify=true` it is only checked.
//! Of its changes, only a new status sends a notice.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;

use super::Account;
use super::directory::contains;
use super::errors::Error;
use super::fields::Shape;
use super::filters::{Filters, Range, Schema};
use super::paging::{Key, Paging};
use super::request::{self, Id, Parameters};
use super::seed::{Opportunity, Status, now};
use super::store::{RelatedKind, Store, Write};
use super::views;
use changes::Changes;
pub(super) use steps::{pipelines, search_steps};

mod changes;
mod steps;

const ORDERS: [&str; 4] = ["id", "created", "step_rank", "due_date"];
/// Documented filters on properties that no opportunity here has, or that no rule depends on.
const NEVER_MET: [&str; 3] = ["favourite_filter", "amount", "assigned_staffs"];

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
        "step_rank" => {
            let place = row.step.and_then(|step| store.pipelines.find(step));
            Key::number(place.map_or(0, |(_, step)| step.rank), row.id)
        }
        _ => Key::id(row.id),
    };
    let found = store.opportunities.values().filter(|row| wanted.meets(row, &store));
    let rows = found.map(|row| (key(row), row)).collect();
    Ok(paging.page(rows, |row| show(row, &store)))
}

pub(super) async fn get(State(account): State<Account>, id: Id, parameters: Parameters) -> Result<Json<Value>, Error> {
    let shape = Shape::parse(&parameters)?;
    let store = account.store();
    let opportunity = store.opportunities.get(&id.0).ok_or_else(Error::not_found)?;
    Ok(Json(shape.apply(show(opportunity, &store))))
}

pub(super) async fn change(
    State(account): State<Account>,
    id: Id,
    parameters: Parameters,
    body: Bytes,
) -> Result<Response, Error> {
    let shape = Shape::parse(&parameters)?;
    let only_verify = parameters.only_verify()?;
    let mut store = account.store();
    let mut opportunity = store.opportunities.get(&id.0).cloned().ok_or_else(Error::not_found)?;
    let only = changes::only(&parameters)?;
    let body = request::object(&body)?;
    let changes = Changes::parse(&body, &only, &opportunity, &store)?;
    if only_verify {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let before = opportunity.status;
    changes.apply(&mut opportunity);
    if opportunity.status != before {
        opportunity.updated_status = Some(now());
        account.notices().send_status(id.0, store.token_staff_id);
    }
    let answer = shape.apply(show(&opportunity, &store));
    store.note(RelatedKind::Opportunity.with(id.0), Write::now("PATCH", body));
    store.opportunities.insert(id.0, opportunity);
    Ok(Json(answer).into_response())
}

fn show(opportunity: &Opportunity, store: &Store) -> Value {
    views::opportunity(opportunity, &store.pipelines, &store.zone)
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
    pipelines: Option<Vec<u64>>,
    steps: Option<Vec<u64>>,
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
            pipelines: filters.list("pipeline"),
            steps: filters.list("step"),
        };
        filters.problems.into_result()?;
        Ok(wanted)
    }

    fn meets(&self, row: &Opportunity, store: &Store) -> bool {
        let of = |customer: &Customer| match customer {
            Customer::Company(id) => row.company_id == Some(*id),
            Customer::Individual(id) => row.individual_id == Some(*id),
        };
        let due = row.due_date.and_then(|date| Some(date.to_zoned(store.zone.clone()).ok()?.timestamp()));
        let place = row.step.and_then(|step| store.pipelines.find(step));
        let (pipeline, step) = (place.map(|(pipeline, _)| pipeline.id), place.map(|(_, step)| step.id));
        let one_of = |wanted: &Option<Vec<u64>>, is: Option<u64>| {
            wanted.as_ref().is_none_or(|wanted| is.is_some_and(|is| wanted.contains(&is)))
        };
        !self.nothing
            && self.created.is_none_or(|range| range.contains(row.created))
            && self.updated_status.is_none_or(|range| row.updated_status.is_some_and(|at| range.contains(at)))
            && self.due_date.is_none_or(|range| due.is_some_and(|at| range.contains(at)))
            && self.name.as_ref().is_none_or(|name| contains(&row.name, name))
            && self.customers.as_ref().is_none_or(|customers| customers.iter().any(of))
            && self.statuses.as_ref().is_none_or(|statuses| statuses.contains(&row.status))
            && one_of(&self.pipelines, pipeline)
            && one_of(&self.steps, step)
    }
}

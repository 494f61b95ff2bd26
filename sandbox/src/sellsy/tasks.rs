//! Tasks: what a staff has to do until a time, with a label of the account and related to at most one record.
//!
//! `label_id` and `owner_id` are ids when written and objects when read. `POST` requires three fields, of which `related` may be
//! empty; `PUT` changes the fields it names and leaves the others. There is no idempotency key and no search by text: a client
//! that got no answer to its `POST` has to look through the tasks of the record.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::Account;
use super::errors::Error;
use super::fields::Shape;
use super::filters::{Filters, Priorities, Range, Schema};
use super::paging::{Key, Paging};
use super::related;
use super::request::{self, Id, Parameters};
use super::seed::now;
use super::store::{Store, Task, TaskStatus, Write};
use super::views;
use changes::Changes;
pub(super) use reminders::Reminder;

mod changes;
mod reminders;

type Answer = Result<Json<Value>, Error>;

/// Sellsy sorts labels by their rank unless it is told otherwise, as the offset of a recorded page shows.
pub(super) async fn labels(State(account): State<Account>, parameters: Parameters) -> Answer {
    let paging = Paging::parse(&parameters, &["rank", "id"])?;
    let store = account.store();
    let rows = store.task_labels.iter().map(|label| {
        (if paging.order == "rank" { Key::number(label.rank, label.id) } else { Key::id(label.id) }, label)
    });
    Ok(paging.page(rows.collect(), |label| json!(label)))
}

pub(super) async fn create(
    State(account): State<Account>,
    parameters: Parameters,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Error> {
    let shape = Shape::parse(&parameters)?;
    let body = request::object(&body)?;
    let mut store = account.store();
    let changes = Changes::of_post(&body, &store)?;
    let id = store.next_task();
    let at = now();
    let mut task = Task {
        id,
        title: None,
        description: None,
        status: TaskStatus::Todo,
        is_private: false,
        due_date: at,
        label_id: 0,
        owner_id: store.token_staff_id,
        assigned_staff_ids: None,
        priority: 0,
        reminders: Vec::new(),
        related: Vec::new(),
        created: at,
        updated: at,
        history: Vec::new(),
    };
    changes.apply(&mut task);
    task.history.push(Write::now("POST", body));
    let answer = shape.apply(show(&task, &store));
    store.tasks.insert(id, task);
    Ok((StatusCode::CREATED, Json(answer)))
}

pub(super) async fn update(State(account): State<Account>, id: Id, parameters: Parameters, body: Bytes) -> Answer {
    let shape = Shape::parse(&parameters)?;
    let mut store = account.store();
    let mut task = store.tasks.get(&id.0).cloned().ok_or_else(Error::not_found)?;
    let body = request::object(&body)?;
    Changes::of_put(&body, &store)?.apply(&mut task);
    task.updated = now();
    task.history.push(Write::now("PUT", body));
    let answer = shape.apply(show(&task, &store));
    store.tasks.insert(id.0, task);
    Ok(Json(answer))
}

/// A person changes these fields on the task's page. That is no request to the API.
pub(super) fn edit(store: &mut Store, id: u64, body: &Map<String, Value>) -> Result<(), Error> {
    let changes = Changes::of_put(body, store)?;
    let task = store.tasks.get_mut(&id).ok_or_else(Error::not_found)?;
    changes.apply(task);
    task.updated = now();
    Ok(())
}

pub(super) async fn get(State(account): State<Account>, id: Id, parameters: Parameters) -> Answer {
    let shape = Shape::parse(&parameters)?;
    let store = account.store();
    let task = store.tasks.get(&id.0).ok_or_else(Error::not_found)?;
    Ok(Json(shape.apply(show(task, &store))))
}

pub(super) async fn delete(State(account): State<Account>, id: Id) -> Result<StatusCode, Error> {
    match account.store().tasks.remove(&id.0) {
        Some(_) => Ok(StatusCode::NO_CONTENT),
        None => Err(Error::not_found()),
    }
}

pub(super) async fn search(State(account): State<Account>, parameters: Parameters, body: Bytes) -> Answer {
    let paging = Paging::parse(&parameters, &["id", "due_date"])?;
    let wanted = Wanted::parse(Filters::parse(&body, Schema::Open, true)?)?;
    let store = account.store();
    let key = |task: &Task| match paging.order {
        "due_date" => Key::field(task.due_date.to_string(), task.id),
        _ => Key::id(task.id),
    };
    let ignored = store.search.ignores_filters;
    let found = store.tasks.values().filter(|task| ignored || wanted.meets(task));
    Ok(paging.page(found.map(|task| (key(task), task)).collect(), |task| show(task, &store)))
}

fn show(task: &Task, store: &Store) -> Value {
    let texts = store.texts;
    let description = task.description.as_deref().map(|text| texts.give_back(text));
    views::task(task, description.as_deref(), &store.zone, &store.task_labels)
}

#[derive(Debug)]
struct Wanted {
    created: Option<Range>,
    due_date: Option<Range>,
    owners: Option<Vec<u64>>,
    assigned_staffs: Option<Vec<u64>>,
    statuses: Option<Vec<TaskStatus>>,
    labels: Option<Vec<u64>>,
    related: related::Wanted,
    priority: Option<Priorities>,
}

impl Wanted {
    fn parse(mut filters: Filters) -> Result<Wanted, Error> {
        let wanted = Wanted {
            created: filters.range("created"),
            due_date: filters.range("due_date"),
            owners: filters.list("owners"),
            assigned_staffs: filters.list("assigned_staffs"),
            statuses: filters.list("statuses"),
            labels: filters.list("labels"),
            related: related::Wanted::parse(&mut filters),
            priority: filters.priority(),
        };
        filters.problems.into_result()?;
        Ok(wanted)
    }

    fn meets(&self, task: &Task) -> bool {
        let assigned = |wanted: &Vec<u64>| task.assigned_staff_ids.iter().flatten().any(|id| wanted.contains(id));
        self.created.is_none_or(|range| range.contains(task.created))
            && self.due_date.is_none_or(|range| range.contains(task.due_date))
            && self.owners.as_ref().is_none_or(|owners| owners.contains(&task.owner_id))
            && self.assigned_staffs.as_ref().is_none_or(assigned)
            && self.statuses.as_ref().is_none_or(|statuses| statuses.contains(&task.status))
            && self.labels.as_ref().is_none_or(|labels| labels.contains(&task.label_id))
            && self.related.meets(&task.related)
            && self.priority.is_none_or(|wanted| wanted.contains(task.priority))
    }
}

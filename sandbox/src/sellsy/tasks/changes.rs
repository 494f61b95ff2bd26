//! The fields of a write to a task, each checked against the documentation and against the account's records.
//!
//! Fields that the documentation does not know are ignored, because its schema is open; within `related` and `reminders` it is
//! closed. Whether an inactive label can be given to a task is not documented: here it cannot.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::reminders::Reminder;
use crate::sellsy::body::{self, Reader, set};
use crate::sellsy::errors::Error;
use crate::sellsy::related;
use crate::sellsy::store::{Related, Store, Task, TaskStatus};

const REQUIRED: [&str; 3] = ["label_id", "due_date", "related"];

#[derive(Debug, Default)]
pub(super) struct Changes {
    title: Option<Option<String>>,
    description: Option<Option<String>>,
    status: Option<TaskStatus>,
    is_private: Option<bool>,
    due_date: Option<Timestamp>,
    label_id: Option<u64>,
    owner_id: Option<u64>,
    assigned_staff_ids: Option<Option<Vec<u64>>>,
    priority: Option<u8>,
    reminders: Option<Vec<Reminder>>,
    related: Option<Vec<Related>>,
    created: Option<Timestamp>,
}

impl Changes {
    /// Only a new task can say when it was created.
    pub(super) fn of_post(body: &Map<String, Value>, store: &Store) -> Result<Changes, Error> {
        let mut read = Reader::new(body, &REQUIRED);
        let created = read.field("created", body::date);
        let changes = Changes { created, ..Changes::read(&mut read, store) };
        read.into_result()?;
        Ok(changes)
    }

    pub(super) fn of_put(body: &Map<String, Value>, store: &Store) -> Result<Changes, Error> {
        let mut read = Reader::new(body, &[]);
        let changes = Changes::read(&mut read, store);
        read.into_result()?;
        Ok(changes)
    }

    fn read(read: &mut Reader<'_>, store: &Store) -> Changes {
        Changes {
            title: read.field("title", body::text_or_null),
            description: read.field("description", body::text_or_null),
            status: read.field("status", body::choice),
            is_private: read.field("is_private", body::flag),
            due_date: read.field("due_date", body::date),
            label_id: read.field("label_id", |value| label(value, store)),
            owner_id: read.field("owner_id", |value| body::staff(value, store)),
            assigned_staff_ids: read.field("assigned_staff_ids", |value| staffs_or_null(value, store)),
            priority: read.field("priority", body::priority),
            reminders: read.field("reminders", reminders),
            related: read.field("related", |value| related(value, store)),
            created: None,
        }
    }

    pub(super) fn apply(self, task: &mut Task) {
        set(&mut task.title, self.title);
        set(&mut task.description, self.description);
        set(&mut task.status, self.status);
        set(&mut task.is_private, self.is_private);
        set(&mut task.due_date, self.due_date);
        set(&mut task.label_id, self.label_id);
        set(&mut task.owner_id, self.owner_id);
        set(&mut task.assigned_staff_ids, self.assigned_staff_ids);
        set(&mut task.priority, self.priority);
        set(&mut task.reminders, self.reminders);
        set(&mut task.related, self.related);
        set(&mut task.created, self.created);
    }
}

fn label(value: &Value, store: &Store) -> Result<u64, &'static str> {
    let id = body::integer(value)?;
    let label = store.task_labels.iter().find(|label| label.id == id).ok_or("Ce libellé n'existe pas")?;
    label.is_active.then_some(id).ok_or("Ce libellé n'est pas actif")
}

fn staffs_or_null(value: &Value, store: &Store) -> Result<Option<Vec<u64>>, &'static str> {
    if value.is_null() {
        return Ok(None);
    }
    let ids = value.as_array().ok_or("Cette valeur doit être une liste")?;
    ids.iter().map(|id| body::staff(id, store)).collect::<Result<_, _>>().map(Some)
}

fn related(value: &Value, store: &Store) -> Result<Vec<Related>, &'static str> {
    let related = related::read(value, store)?;
    if related.len() > 1 { Err("Cette liste ne doit pas contenir plus d'un élément") } else { Ok(related) }
}

/// Each one at most once, as documented.
fn reminders(value: &Value) -> Result<Vec<Reminder>, &'static str> {
    let reminders: Vec<Reminder> =
        body::objects(value).ok_or("Chaque rappel a un medium et un delay parmi les choix possibles, rien d'autre")?;
    let twice = reminders.iter().enumerate().any(|(n, one)| reminders[..n].contains(one));
    if twice { Err("Chaque rappel ne doit figurer qu'une fois") } else { Ok(reminders) }
}

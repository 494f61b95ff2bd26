//! `GET /activities/crm/metas`: what a form for an activity offers, among it the topics of phone calls and the labels of tasks.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Account;
use super::phone_calls::RESULTS;
use super::views;

pub(super) async fn metas(State(account): State<Account>) -> Json<Value> {
    let store = account.store();
    let authors: Vec<Value> = store.staffs.values().map(|staff| views::staff(staff, &store.zone)).collect();
    let topics = store.topics.iter().map(
        |topic| json!({ "id": topic.id, "label": topic.name, "color": "#f7dcf5", "is_default": topic.is_default }),
    );
    let task_labels = store.task_labels.iter();
    let task_labels = task_labels.map(|label| json!({ "id": label.id, "label": label.name, "color": label.color }));
    let statuses: Vec<Value> = RESULTS.iter().map(|result| json!({ "id": result, "label": result })).collect();
    Json(json!({
        "authors": authors,
        "task": { "labels": task_labels.collect::<Vec<_>>() },
        "event": { "labels": [{ "id": 1, "label": "Rendez-vous", "color": null }] },
        "phonecall": { "labels": topics.collect::<Vec<_>>(), "statuses": statuses },
        "permissions": { "favorite": true, "export": true },
        "working_days": [1, 2, 3, 4, 5],
        "working_hours": { "start_time": "09:00:00", "end_time": "18:00:00" },
    }))
}

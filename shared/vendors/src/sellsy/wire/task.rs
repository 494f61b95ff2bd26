//! The task: something to do by a date, on at most one record.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::Related;
use crate::tolerant::{self, discreet_debug, lenient};

/// A task as Sellsy returns it.
#[derive(Clone, Default, PartialEq, Deserialize)]
pub struct Task {
    #[serde(deserialize_with = "tolerant::id")]
    pub id: i64,
    #[serde(default, deserialize_with = "lenient::text")]
    pub title: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub description: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    pub status: Option<String>,
    #[serde(default, with = "tolerant::time")]
    pub due_date: Option<Timestamp>,
    #[serde(default, with = "tolerant::time")]
    pub created: Option<Timestamp>,
    #[serde(default, deserialize_with = "lenient::opt")]
    pub label: Option<TaskLabel>,
    #[serde(default, deserialize_with = "lenient::ids")]
    pub assigned_staff_ids: Vec<i64>,
}

/// `GET /tasks/labels`: each account has its own.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct TaskLabel {
    #[serde(deserialize_with = "tolerant::id")]
    pub id: i64,
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// Absent means yes.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub is_active: Option<bool>,
    #[serde(default, deserialize_with = "lenient::opt")]
    pub rank: Option<i64>,
}

/// The body of `POST /tasks`.
#[derive(Clone, PartialEq, Serialize)]
pub struct TaskCreate {
    pub title: String,
    pub description: String,
    pub label_id: i64,
    /// ISO 8601 with offset.
    pub due_date: String,
    pub owner_id: i64,
    pub assigned_staff_ids: Vec<i64>,
    /// At most one.
    pub related: Vec<Related>,
}

/// The body of `PUT /tasks/{id}`. What it leaves out stays.
#[derive(Clone, PartialEq, Serialize)]
pub struct TaskUpdate {
    pub title: String,
    pub description: String,
    /// `todo` or `done`.
    pub status: &'static str,
}

discreet_debug! {
    Task { id, status }
    TaskCreate { label_id, related }
    TaskUpdate { status }
}

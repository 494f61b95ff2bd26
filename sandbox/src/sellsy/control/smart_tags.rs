//! The smart-tags of a record or an opportunity, as a person sees and changes them, and what the API's `POST` does with them.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Refusal;
use super::records::Collection;
use crate::sellsy::Account;
use crate::sellsy::store::smart_tags::Posts;
use crate::sellsy::store::{Related, Store};

#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    posts: Posts,
}

pub(super) async fn settings(State(account): State<Account>) -> Json<Settings> {
    Json(Settings { posts: account.store().smart_tags.posts })
}

pub(super) async fn set(State(account): State<Account>, Json(settings): Json<Settings>) -> Json<Settings> {
    account.store().smart_tags.posts = settings.posts;
    Json(settings)
}

pub(super) async fn show(
    State(account): State<Account>,
    Path((collection, id)): Path<(String, u64)>,
) -> Result<Json<Value>, Refusal> {
    let record = Collection::parse(&collection)?.with(id);
    view(&account.store(), record)
}

/// The values that a person adds and takes away.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Edit {
    #[serde(default)]
    add: Vec<String>,
    #[serde(default)]
    remove: Vec<String>,
}

pub(super) async fn change(
    State(account): State<Account>,
    Path((collection, id)): Path<(String, u64)>,
    Json(edit): Json<Edit>,
) -> Result<Json<Value>, Refusal> {
    let record = Collection::parse(&collection)?.with(id);
    let mut store = account.store();
    if !store.knows(record) {
        return Err(Refusal::not_found());
    }
    edit.remove.iter().for_each(|value| store.smart_tags.remove(record, value));
    edit.add.iter().for_each(|value| store.smart_tags.add(record, value));
    view(&store, record)
}

fn view(store: &Store, record: Related) -> Result<Json<Value>, Refusal> {
    if !store.knows(record) {
        return Err(Refusal::not_found());
    }
    let tags: Vec<_> = store.smart_tags.of(record).collect();
    Ok(Json(json!({"smart_tags": tags, "history": store.smart_tags.history(record)})))
}

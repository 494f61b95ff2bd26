//! The records and opportunities, each collection under its name: a person adds, changes and deletes what is in it.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::Refusal;
use crate::sellsy::notices::Change;
use crate::sellsy::seed::{Opportunity, Record, now};
use crate::sellsy::store::{Kind, Related, RelatedKind, Store};
use crate::sellsy::{Account, views};

/// The collections in which a test can add, change and remove records.
#[derive(Debug, Clone, Copy)]
pub(super) enum Collection {
    Records(Kind),
    Opportunities,
}

impl Collection {
    pub(super) fn parse(name: &str) -> Result<Collection, Refusal> {
        match name {
            "individuals" => Ok(Collection::Records(Kind::Individual)),
            "companies" => Ok(Collection::Records(Kind::Company)),
            "contacts" => Ok(Collection::Records(Kind::Contact)),
            "opportunities" => Ok(Collection::Opportunities),
            _ => Err(Refusal::not_found()),
        }
    }

    pub(super) fn with(self, id: u64) -> Related {
        match self {
            Collection::Records(kind) => RelatedKind::from(kind).with(id),
            Collection::Opportunities => RelatedKind::Opportunity.with(id),
        }
    }

    /// Sends a notice of a change, if the record exists.
    fn notify(self, account: &Account, store: &Store, id: u64, change: Change) {
        if let Collection::Records(kind) = self
            && let Some(record) = store.record(kind, id)
        {
            account.notices().send(kind, record.kind_type, id, change, store.token_staff_id);
        }
    }

    /// As it is stored, in the data file's shape.
    fn stored(self, store: &Store, id: u64) -> Json<Value> {
        Json(match self {
            Collection::Records(kind) => json!(store.record(kind, id)),
            Collection::Opportunities => json!(store.opportunities.get(&id)),
        })
    }

    /// In the API's shape, with a contact's links, the smart-tags and the API's writes.
    fn seen(self, store: &Store, id: u64) -> Option<Value> {
        let mut view = match self {
            Collection::Records(kind) => {
                let record = store.record(kind, id)?;
                let mut view = views::record(kind, record, &store.zone);
                if kind == Kind::Contact {
                    view["companies"] = json!(record.companies);
                    view["individuals"] = json!(record.individuals);
                }
                view
            }
            Collection::Opportunities => {
                views::opportunity(store.opportunities.get(&id)?, &store.pipelines, &store.zone)
            }
        };
        let record = self.with(id);
        view["smart_tags"] = json!(store.smart_tags.of(record).collect::<Vec<_>>());
        view["history"] = json!(store.history(record));
        Some(view)
    }

    pub(super) fn all(self, store: &Store) -> Vec<Value> {
        let ids: Vec<u64> = match self {
            Collection::Records(kind) => store.records(kind).keys().copied().collect(),
            Collection::Opportunities => store.opportunities.keys().copied().collect(),
        };
        ids.into_iter().filter_map(|id| self.seen(store, id)).collect()
    }
}

pub(super) async fn list(
    State(account): State<Account>,
    Path(collection): Path<String>,
) -> Result<Json<Vec<Value>>, Refusal> {
    Ok(Json(Collection::parse(&collection)?.all(&account.store())))
}

pub(super) async fn show(
    State(account): State<Account>,
    Path((collection, id)): Path<(String, u64)>,
) -> Result<Json<Value>, Refusal> {
    let seen = Collection::parse(&collection)?.seen(&account.store(), id);
    seen.map(Json).ok_or_else(Refusal::not_found)
}

pub(super) async fn add(
    State(account): State<Account>,
    Path(collection): Path<String>,
    Json(body): Json<Value>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let collection = Collection::parse(&collection)?;
    let mut store = account.store();
    let id = match collection {
        Collection::Records(kind) => {
            let record: Record = serde_json::from_value(body)?;
            if store.record(kind, record.id).is_some() {
                return Err(Refusal(StatusCode::CONFLICT, format!("{} {} exists already", kind.name(), record.id)));
            }
            store.put_record(kind, record)
        }
        Collection::Opportunities => {
            let opportunity: Opportunity = serde_json::from_value(body)?;
            if store.opportunities.contains_key(&opportunity.id) {
                return Err(Refusal(StatusCode::CONFLICT, format!("opportunity {} exists already", opportunity.id)));
            }
            store.put_opportunity(opportunity)
        }
    }?;
    collection.notify(&account, &store, id, Change::Created);
    Ok((StatusCode::CREATED, collection.stored(&store, id)))
}

pub(super) async fn change(
    State(account): State<Account>,
    Path((collection, id)): Path<(String, u64)>,
    Json(changes): Json<Map<String, Value>>,
) -> Result<Json<Value>, Refusal> {
    let collection = Collection::parse(&collection)?;
    let mut store = account.store();
    match collection {
        Collection::Records(kind) => {
            let mut record: Record = changed(store.record(kind, id), &changes, id)?;
            if !changes.contains_key("updated") {
                record.updated = Some(now());
            }
            store.put_record(kind, record)
        }
        Collection::Opportunities => {
            let mut opportunity: Opportunity = changed(store.opportunities.get(&id), &changes, id)?;
            if changes.contains_key("status") && !changes.contains_key("updated_status") {
                opportunity.updated_status = Some(now());
                account.notices().send_status(id, store.token_staff_id);
            }
            store.put_opportunity(opportunity)
        }
    }?;
    collection.notify(&account, &store, id, Change::Updated);
    Ok(collection.stored(&store, id))
}

fn changed<T: Serialize + DeserializeOwned>(
    before: Option<&T>,
    changes: &Map<String, Value>,
    id: u64,
) -> Result<T, Refusal> {
    let mut after = json!(before.ok_or_else(Refusal::not_found)?);
    for (key, value) in changes {
        after[key] = value.clone();
    }
    after["id"] = json!(id);
    Ok(serde_json::from_value(after)?)
}

pub(super) async fn remove(
    State(account): State<Account>,
    Path((collection, id)): Path<(String, u64)>,
) -> Result<StatusCode, Refusal> {
    let mut store = account.store();
    let collection = Collection::parse(&collection)?;
    collection.notify(&account, &store, id, Change::Deleted);
    let removed = match collection {
        Collection::Records(kind) => store.remove_record(kind, id),
        Collection::Opportunities => store.remove_opportunity(id),
    };
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(Refusal::not_found()) }
}

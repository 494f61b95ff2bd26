//! Comments: the fallback where phone calls cannot be logged. A text, related to at most one record, by the token's staff.
//!
//! `PUT` changes the text and nothing else, and comments cannot be searched by their text: as with phone calls, a client that
//! got no answer to its `POST` has to look through the record's comments.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::Account;
use super::errors::{Error, Problems};
use super::fields::Shape;
use super::filters::{DateTime, Filters, Range, Schema};
use super::paging::{Key, Paging};
use super::related;
use super::request::{self, Id, Parameters};
use super::seed::now;
use super::store::{Comment, Related, Store};
use super::views;

const FIELDS: [&str; 6] = ["description", "timetracking", "related", "parent_id", "mentioned_staff_ids", "created"];

pub(super) async fn create(
    State(account): State<Account>,
    parameters: Parameters,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Error> {
    let shape = Shape::parse(&parameters)?;
    let body = request::object(&body)?;
    let mut problems = Problems::default();
    body.keys().filter(|key| !FIELDS.contains(&key.as_str())).for_each(|key| problems.unknown(key));
    let description: Option<String> = read(&body, "description", &mut problems);
    if !body.contains_key("description") {
        problems.missing("description");
    }
    let related: Option<OneRelated> = read(&body, "related", &mut problems);
    let parent_id: Option<u64> = read(&body, "parent_id", &mut problems);
    let created: Option<DateTime> = read(&body, "created", &mut problems);
    let mut store = account.store();
    if related.as_ref().is_some_and(|related| !store.knows(related.0)) {
        problems.invalid("related", "Cet élément n'existe pas");
    }
    if parent_id.is_some_and(|id| !store.comments.contains_key(&id)) {
        problems.invalid("parent_id", "Ce commentaire n'existe pas");
    }
    problems.into_result()?;
    let created = created.map_or_else(now, |created| created.0);
    let comment = Comment {
        id: store.next_comment(),
        owner_id: store.token_staff_id,
        description: description.unwrap_or_default(),
        created,
        updated: created,
        parent_id,
        related: related.map(|related| related.0).into_iter().collect(),
    };
    let answer = shape.apply(show(&comment, &store));
    store.comments.insert(comment.id, comment);
    Ok((StatusCode::CREATED, Json(answer)))
}

pub(super) async fn update(
    State(account): State<Account>,
    id: Id,
    parameters: Parameters,
    body: Bytes,
) -> Result<Json<Value>, Error> {
    let shape = Shape::parse(&parameters)?;
    let mut store = account.store();
    let mut comment = store.comments.get(&id.0).cloned().ok_or_else(Error::not_found)?;
    let body = request::object(&body)?;
    let mut problems = Problems::default();
    let description: Option<String> = read(&body, "description", &mut problems);
    problems.into_result()?;
    if let Some(description) = description {
        comment.description = description;
    }
    comment.updated = now();
    let answer = shape.apply(show(&comment, &store));
    store.comments.insert(id.0, comment);
    Ok(Json(answer))
}

pub(super) async fn get(State(account): State<Account>, id: Id, parameters: Parameters) -> Result<Json<Value>, Error> {
    let shape = Shape::parse(&parameters)?;
    let store = account.store();
    let comment = store.comments.get(&id.0).ok_or_else(Error::not_found)?;
    Ok(Json(shape.apply(show(comment, &store))))
}

pub(super) async fn search(
    State(account): State<Account>,
    parameters: Parameters,
    body: Bytes,
) -> Result<Json<Value>, Error> {
    let paging = Paging::parse(&parameters, &["id", "created", "updated"])?;
    let wanted = Wanted::parse(Filters::parse(&body, Schema::Open, true)?)?;
    let store = account.store();
    let key = |comment: &Comment| match paging.order {
        "created" => Key::field(comment.created.to_string(), comment.id),
        "updated" => Key::field(comment.updated.to_string(), comment.id),
        _ => Key::id(comment.id),
    };
    let ignored = store.search.ignores_filters;
    let rows = store.comments.values().filter(|comment| ignored || wanted.meets(comment));
    let rows = rows.map(|comment| (key(comment), comment));
    Ok(paging.page(rows.collect(), |comment| show(comment, &store)))
}

fn show(comment: &Comment, store: &Store) -> Value {
    views::comment(comment, &store.texts.give_back(&comment.description), &store.zone)
}

#[derive(Debug)]
struct Wanted {
    owners: Option<Vec<u64>>,
    created: Option<Range>,
    updated: Option<Range>,
    parent_id: Option<u64>,
    related: related::Wanted,
}

impl Wanted {
    fn parse(mut filters: Filters) -> Result<Wanted, Error> {
        let wanted = Wanted {
            owners: filters.list("owners"),
            created: filters.range("created"),
            updated: filters.range("updated"),
            parent_id: filters.number("parent_id"),
            related: related::Wanted::parse(&mut filters),
        };
        filters.problems.into_result()?;
        Ok(wanted)
    }

    fn meets(&self, comment: &Comment) -> bool {
        self.owners.as_ref().is_none_or(|owners| owners.contains(&comment.owner_id))
            && self.created.is_none_or(|range| range.contains(comment.created))
            && self.updated.is_none_or(|range| range.contains(comment.updated))
            && self.parent_id.is_none_or(|parent| comment.parent_id == Some(parent))
            && self.related.meets(&comment.related)
    }
}

fn read<T: DeserializeOwned>(body: &Map<String, Value>, field: &str, problems: &mut Problems) -> Option<T> {
    let value = T::deserialize(body.get(field)?);
    if value.is_err() {
        problems.invalid(field, "Cette valeur n'est pas du type attendu");
    }
    value.ok()
}

/// A list of exactly one object.
#[derive(Debug)]
struct OneRelated(Related);

impl<'de> Deserialize<'de> for OneRelated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <[Related; 1]>::deserialize(deserializer).map(|[related]| OneRelated(related))
    }
}

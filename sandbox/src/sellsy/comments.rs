//! Comments: the fallback where phone calls cannot be logged. Text, hung on at most one record, written by the token's staff.

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
use super::filters::DateTime;
use super::request::{self, Parameters};
use super::seed::now;
use super::store::{Comment, Related};
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
    let answer = shape.apply(views::comment(&comment, &store.zone));
    store.comments.insert(comment.id, comment);
    Ok((StatusCode::CREATED, Json(answer)))
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

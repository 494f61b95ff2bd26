//! Smart-tags of individuals, companies, contacts and opportunities: words by which people sort them.
//!
//! `POST` takes a list of tags, each by its id or by its value, and answers like `GET` afterwards. What it does with the tags
//! that are there already is up to `store::smart_tags`. The documentation shows a page as answer but no parameters for it, so
//! 25 tags are the most that a client gets without asking for more; their order is that of the embeds, alphabetical. A list
//! that is null or absent is documented, and counts as empty.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::{MethodRouter, get};
use serde_json::{Value, json};

use super::Account;
use super::errors::{Error, Problems};
use super::paging::{Key, Paging};
use super::request::{self, Id, Parameters};
use super::store::smart_tags::{Named, SmartTags, Tag, folded};
use super::store::{Related, RelatedKind, Store, Write};

type Answer = Result<Json<Value>, Error>;

/// Both methods, for the records of one kind.
pub(super) fn of(kind: RelatedKind) -> MethodRouter<Account> {
    let show = move |State(account): State<Account>, id: Id, parameters: Parameters| async move {
        list(&account.store(), kind.with(id.0), &parameters)
    };
    let link = move |State(account): State<Account>, id: Id, body: Bytes| async move {
        link(&mut account.store(), kind.with(id.0), &body)
    };
    get(show).post(link)
}

fn list(store: &Store, record: Related, parameters: &Parameters) -> Answer {
    let paging = Paging::parse(parameters, &["value", "id"])?;
    if !store.knows(record) {
        return Err(Error::not_found());
    }
    let key = |tag: &Tag<'_>| match paging.order {
        "value" => Key::field(folded(tag.value), tag.id),
        _ => Key::id(tag.id),
    };
    let rows = store.smart_tags.of(record).map(|tag| (key(&tag), tag));
    Ok(paging.page(rows.collect(), |tag| json!(tag)))
}

fn link(store: &mut Store, record: Related, body: &Bytes) -> Answer {
    if !store.knows(record) {
        return Err(Error::not_found());
    }
    let body = request::list_or_null(body)?;
    let tags = read(&body, &store.smart_tags)?;
    store.smart_tags.post(record, &tags, Write::now("POST", body));
    list(store, record, &Parameters::default())
}

/// Reads all tags before it refuses any.
fn read(tags: &[Value], known: &SmartTags) -> Result<Vec<Named>, Error> {
    let mut problems = Problems::default();
    let named = tags.iter().enumerate().filter_map(|(n, tag)| {
        one(tag, known).map_err(|(field, why)| problems.invalid(&format!("{n}.{field}"), why)).ok()
    });
    let named = named.collect();
    problems.into_result()?;
    Ok(named)
}

/// A tag, or the field that is wrong and why. Whether a value can be empty is not documented: here it cannot.
fn one(tag: &Value, known: &SmartTags) -> Result<Named, (&'static str, &'static str)> {
    match (&tag["value"], &tag["id"]) {
        (Value::String(value), _) if value.trim().is_empty() => Err(("value", "Ce champ est vide")),
        (Value::String(value), _) => Ok(Named::Value(value.clone())),
        (_, id) => {
            let id = id.as_u64().ok_or(("value", "Chaque élément a une value ou un id"))?;
            known.knows(id).then_some(Named::Id(id)).ok_or(("id", "Ce smart-tag n'existe pas"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_named_by_its_value_or_by_a_known_id() {
        let mut known = SmartTags::default();
        known.add(RelatedKind::Contact.with(4), "VIP");
        let check = |tag: Value, expect| assert_eq!(one(&tag, &known).map_err(|(field, _)| field), expect, "{tag}");
        check(json!({"value": "Devis"}), Ok(Named::Value("Devis".to_owned())));
        check(json!({"id": 1}), Ok(Named::Id(1)));
        check(json!({"id": 1, "value": null}), Ok(Named::Id(1)));
        check(json!({"id": 2}), Err("id"));
        check(json!({"value": " "}), Err("value"));
        check(json!({"value": 1}), Err("value"));
        check(json!("VIP"), Err("value"));
        check(json!({}), Err("value"));
    }
}

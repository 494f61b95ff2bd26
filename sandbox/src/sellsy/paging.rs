//! Pages of a list: `limit`, `offset`, `order`, `direction`.
//!
//! By default the API uses seek pagination: the first page is requested without an offset, and each answer has an opaque one
//! (base64 of the last row's sort key) for the next page. So rows that are added or removed meanwhile make no other row appear
//! twice or not at all. An offset that is a number counts rows instead.

use axum::Json;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::errors::{Error, Problems};
use super::fields::Shape;
use super::request::Parameters;

pub(super) const DEFAULT_LIMIT: usize = 25;
const LARGEST_LIMIT: usize = 100;
/// The largest number of rows that an offset may count, as documented.
const LARGEST_NUMERIC_OFFSET: usize = 100_000;

/// A row's sort key: the ordered field (absent when the order is `id`), then the id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    field: Option<String>,
    id: u64,
}

impl Key {
    pub(super) fn id(id: u64) -> Key {
        Key { field: None, id }
    }

    pub(super) fn field(field: String, id: u64) -> Key {
        Key { field: Some(field), id }
    }

    /// Fields are compared as texts.
    pub(super) fn number(field: u32, id: u64) -> Key {
        Key::field(format!("{field:010}"), id)
    }

    fn encode(&self) -> String {
        let id = self.id.to_string();
        let parts = match &self.field {
            Some(field) => json!([field, id]),
            None => json!([id]),
        };
        BASE64.encode(parts.to_string())
    }

    fn decode(text: &str) -> Option<Key> {
        let parts: Vec<String> = serde_json::from_slice(&BASE64.decode(text).ok()?).ok()?;
        match parts.as_slice() {
            [id] => Some(Key::id(id.parse().ok()?)),
            [field, id] => Some(Key::field(field.clone(), id.parse().ok()?)),
            _ => None,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Offset {
    Start,
    Rows(usize),
    After(Key, String),
}

#[derive(Debug)]
pub(super) struct Paging {
    limit: usize,
    offset: Offset,
    /// One of the fields by which the endpoint can sort.
    pub(super) order: &'static str,
    descending: bool,
    shape: Shape,
}

impl Paging {
    /// `orders`: the fields by which the endpoint can sort, the first of them unless the query names another.
    pub(super) fn parse(parameters: &Parameters, orders: &[&'static str]) -> Result<Paging, Error> {
        let mut problems = Problems::default();
        let limit = limit(parameters, &mut problems);
        let default = orders.first().copied().unwrap_or("id");
        let order = match parameters.one("order") {
            None => default,
            Some(wanted) => orders.iter().copied().find(|order| *order == wanted).unwrap_or_else(|| {
                problems.invalid("order", "Cette valeur ne fait pas partie des choix possibles");
                default
            }),
        };
        let descending = match parameters.one("direction") {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(_) => {
                problems.invalid("direction", "Cette valeur ne fait pas partie des choix possibles");
                false
            }
        };
        let offset = offset(parameters.one("offset"), order).unwrap_or_else(|| {
            problems.invalid("offset", "Cette valeur n'est pas une position valide");
            Offset::Start
        });
        problems.into_result()?;
        Ok(Paging { limit, offset, order, descending, shape: Shape::parse(parameters)? })
    }

    /// One page of `rows`, which may come in any order.
    pub(super) fn page<T>(&self, rows: Vec<(Key, T)>, view: impl Fn(&T) -> Value) -> Json<Value> {
        self.page_of(rows, None, view)
    }

    /// The same with at most `longest` rows, fewer than the limit that the answer names.
    pub(super) fn page_of<T>(
        &self,
        mut rows: Vec<(Key, T)>,
        longest: Option<usize>,
        view: impl Fn(&T) -> Value,
    ) -> Json<Value> {
        rows.sort_by(|(a, _), (b, _)| if self.descending { b.cmp(a) } else { a.cmp(b) });
        let start = match &self.offset {
            Offset::Start => 0,
            Offset::Rows(rows) => *rows,
            Offset::After(last, _) => {
                rows.partition_point(|(key, _)| if self.descending { key >= last } else { key <= last })
            }
        };
        let page: Vec<_> = rows.iter().skip(start).take(self.limit.min(longest.unwrap_or(self.limit))).collect();
        let data: Vec<_> = page.iter().map(|(_, row)| self.shape.apply(view(row))).collect();
        let offset = match (&self.offset, page.last()) {
            (Offset::Rows(rows), _) => json!(rows),
            (_, Some((last, _))) => json!(last.encode()),
            (Offset::After(_, sent), None) => json!(sent),
            (Offset::Start, None) => json!(0),
        };
        Json(json!({
            "data": data,
            "pagination": {"limit": self.limit, "count": data.len(), "total": rows.len(), "offset": offset},
        }))
    }
}

pub(super) fn limit(parameters: &Parameters, problems: &mut Problems) -> usize {
    let Some(text) = parameters.one("limit") else { return DEFAULT_LIMIT };
    match text.parse() {
        Ok(limit) if limit <= LARGEST_LIMIT => limit,
        _ => {
            problems.invalid("limit", "Cette valeur doit être comprise entre 0 et 100");
            DEFAULT_LIMIT
        }
    }
}

fn offset(text: Option<&str>, order: &str) -> Option<Offset> {
    let Some(text) = text else { return Some(Offset::Start) };
    if let Ok(rows) = text.parse() {
        return (rows <= LARGEST_NUMERIC_OFFSET).then_some(Offset::Rows(rows));
    }
    let key = Key::decode(text)?;
    // An offset is only valid for the order for which it was given.
    (key.field.is_some() == (order != "id")).then(|| Offset::After(key, text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(paging: &Paging, ids: &[u64]) -> (Vec<u64>, Value) {
        let rows = ids.iter().map(|id| (Key::id(*id), *id)).collect();
        let Json(answer) = paging.page(rows, |id| json!(id));
        let ids = answer["data"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect();
        (ids, answer["pagination"].clone())
    }

    fn paging(limit: usize, offset: Option<&str>, descending: bool) -> Paging {
        let offset = super::offset(offset, "id").unwrap();
        Paging { limit, offset, order: "id", descending, shape: Shape::default() }
    }

    #[test]
    fn seeking_survives_a_row_that_is_removed_between_pages() {
        let (first, pagination) = page(&paging(2, None, false), &[5, 3, 4, 9]);
        assert_eq!(first, [3, 4]);
        assert_eq!(pagination["offset"], "WyI0Il0=");
        let (second, pagination) = page(&paging(2, Some("WyI0Il0="), false), &[9, 5, 4]);
        assert_eq!(second, [5, 9]);
        let offset = pagination["offset"].as_str().unwrap().to_owned();
        let (past, pagination) = page(&paging(2, Some(&offset), false), &[9, 5, 4]);
        assert_eq!(past, [] as [u64; 0]);
        assert_eq!(pagination, json!({"limit": 2, "count": 0, "total": 3, "offset": offset}));
    }

    #[test]
    fn numbers_count_rows_and_direction_reverses_the_list() {
        assert_eq!(page(&paging(2, Some("1"), false), &[1, 2, 3, 4]).0, [2, 3]);
        let (first, pagination) = page(&paging(3, None, true), &[1, 2, 3, 4]);
        assert_eq!(first, [4, 3, 2]);
        assert_eq!(page(&paging(3, pagination["offset"].as_str(), true), &[1, 2, 3, 4]).0, [1]);
    }

    #[test]
    fn an_offset_of_another_order_is_refused() {
        let created = Key::field("2026-01-01".to_owned(), 4).encode();
        assert_eq!(offset(Some(&created), "id"), None);
        assert!(offset(Some(&created), "created").is_some());
        assert_eq!(offset(Some("not base64"), "id"), None);
        assert_eq!(offset(Some("100001"), "id"), None);
    }
}

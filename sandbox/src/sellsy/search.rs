//! `GET /search`: the global search, one ranked list over several kinds of record.
//!
//! Names and e-mail addresses match by substring. Whether and how phone numbers match is not documented, so a test chooses
//! (`/_sandbox/sellsy/search`). Archived records are left out unless requested. Rows are sorted by relevance, and equally
//! relevant ones by descending id, as recorded answers show: the first row is not the record with the lowest id.

use std::cmp::Reverse;

use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use super::Account;
use super::errors::{Error, Problems};
use super::paging::{self, DEFAULT_LIMIT};
use super::request::Parameters;
use super::seed::{PhoneSearch, Record, Type};
use super::store::{Kind, Store};
use super::views;

/// Other types of the documentation that this account has no records of, or does not search.
const OTHER_TYPES: [&str; 8] =
    ["opportunity", "purchase", "item", "declination", "document", "staff", "ticket", "redactor"];

pub(super) async fn search(State(account): State<Account>, parameters: Parameters) -> Result<Json<Value>, Error> {
    let mut problems = Problems::default();
    let q = parameters.one("q").map(str::trim).filter(|q| !q.is_empty()).unwrap_or_else(|| {
        problems.missing("q");
        ""
    });
    let scopes = parameters.list("type");
    let limit = paging::limit(&parameters, &mut problems);
    let types: Vec<_> = scopes.iter().filter_map(|name| Wanted::parse(name, &mut problems)).collect();
    let archived = parameters.flag("archived", &mut problems);
    problems.into_result()?;
    // Without types all kinds are searched, and the API chooses the limit.
    let (types, limit) = if scopes.is_empty() { (Wanted::everything(), DEFAULT_LIMIT) } else { (types, limit) };
    let query = Query::new(q, account.store().search.phones);
    Ok(answer(&account.store(), &query, &types, archived, limit))
}

fn answer(store: &Store, query: &Query, types: &[Wanted], archived: bool, limit: usize) -> Json<Value> {
    let mut counts = Map::new();
    let mut hits = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| types.iter().any(|wanted| wanted.kind == *kind)) {
        let found =
            store.records(kind).values().filter(|record| types.iter().any(|wanted| wanted.includes(kind, record)));
        let scored: Vec<_> = found.filter_map(|record| query.score(record).map(|score| (score, record))).collect();
        let (old, active): (Vec<_>, Vec<_>) = scored.into_iter().partition(|(_, record)| record.is_archived);
        if !active.is_empty() || !old.is_empty() {
            counts.insert(kind.name().to_owned(), json!([active.len(), old.len()]));
        }
        let chosen = if archived { old } else { active };
        hits.extend(chosen.into_iter().map(|(score, record)| (score, kind, record)));
    }
    hits.sort_by_key(|(score, kind, record)| (Reverse(*score), Reverse(record.id), *kind));
    let total = hits.len();
    hits.truncate(limit);
    let offset = hits.last().map_or(json!(0), |(score, kind, record)| {
        let relevance = f64::from(*score) / 10.0;
        json!(BASE64.encode(json!([relevance, record.id.to_string(), kind.name()]).to_string()))
    });
    let data: Vec<_> = hits.iter().map(|(_, kind, record)| views::search_row(store, *kind, record)).collect();
    Json(json!({
        "pagination": {"limit": limit, "count": data.len(), "total": total, "offset": offset},
        "data": data,
        "aggregations": {"count_by_type": counts},
    }))
}

/// One `type[]`: a kind, or a kind and a type of it.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    kind: Kind,
    sub_type: Option<Type>,
}

impl Wanted {
    fn everything() -> Vec<Wanted> {
        Kind::ALL.map(|kind| Wanted { kind, sub_type: None }).to_vec()
    }

    fn parse(name: &str, problems: &mut Problems) -> Option<Wanted> {
        let (kind, sub_type) = name.split_once('.').map_or((name, None), |(kind, sub_type)| (kind, Some(sub_type)));
        if OTHER_TYPES.contains(&kind) {
            return None;
        }
        let kind = Kind::ALL.into_iter().find(|known| known.name() == kind);
        let sub_type = match sub_type {
            None => Some(None),
            Some("client") => Some(Some(Type::Client)),
            Some("prospect") => Some(Some(Type::Prospect)),
            Some("supplier") => Some(Some(Type::Supplier)),
            Some(_) => None,
        };
        match (kind, sub_type) {
            (Some(kind), Some(sub_type)) if kind != Kind::Contact || sub_type.is_none() => {
                Some(Wanted { kind, sub_type })
            }
            _ => {
                problems.invalid("type", "Cette valeur ne fait pas partie des choix possibles");
                None
            }
        }
    }

    fn includes(self, kind: Kind, record: &Record) -> bool {
        self.kind == kind && (self.sub_type.is_none() || self.sub_type == record.kind_type)
    }
}

#[derive(Debug)]
struct Query {
    text: String,
    /// The last digits of the search text, which a stored number must contain; `None` if it has too few.
    digits: Option<String>,
    phones: PhoneSearch,
}

/// This many digits distinguish subscribers, whatever prefix is typed before them.
const SIGNIFICANT_DIGITS: usize = 8;

impl Query {
    fn new(q: &str, phones: PhoneSearch) -> Query {
        Query { text: q.to_lowercase(), digits: last_digits(q), phones }
    }

    /// In tenths, as an integer, so that equal relevance compares as equal.
    fn score(&self, record: &Record) -> Option<u32> {
        let name = record.display_name().to_lowercase();
        let email = record.email.as_deref().unwrap_or_default().to_lowercase();
        if name == self.text || email == self.text {
            Some(300)
        } else if name.starts_with(&self.text) || email.starts_with(&self.text) {
            Some(200)
        } else if self.phones(record) {
            Some(159)
        } else if name.contains(&self.text) || email.contains(&self.text) {
            Some(100)
        } else {
            None
        }
    }

    fn phones(&self, record: &Record) -> bool {
        let mut numbers = [&record.phone_number, &record.mobile_number, &record.fax_number].into_iter().flatten();
        match self.phones {
            PhoneSearch::Off => false,
            PhoneSearch::Word => numbers.any(|number| number.to_lowercase() == self.text),
            PhoneSearch::Literal => numbers.any(|number| number.to_lowercase().contains(&self.text)),
            PhoneSearch::Digits => {
                self.digits.as_deref().is_some_and(|wanted| numbers.any(|number| digits(number).contains(wanted)))
            }
        }
    }
}

pub(super) fn last_digits(text: &str) -> Option<String> {
    let digits = digits(text);
    digits.len().checked_sub(SIGNIFICANT_DIGITS).map(|start| digits[start..].to_owned())
}

pub(super) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_match_by_setting() {
        let record: Record =
            serde_json::from_value(json!({"last_name": "Doe", "phone_number": "06.39.98.00.01"})).unwrap();
        let check =
            |q, phones, expect| assert_eq!(Query::new(q, phones).score(&record).is_some(), expect, "{q} {phones:?}");
        check("+33639980001", PhoneSearch::Digits, true);
        check("0033 6 39 98 00 01", PhoneSearch::Digits, true);
        check("639980001", PhoneSearch::Digits, true);
        check("0639980002", PhoneSearch::Digits, false);
        check("98.00.01", PhoneSearch::Digits, false);
        check("98.00.01", PhoneSearch::Literal, true);
        check("+33639980001", PhoneSearch::Literal, false);
        check("06.39.98.00.01", PhoneSearch::Off, false);
        check("doe", PhoneSearch::Off, true);
    }
}

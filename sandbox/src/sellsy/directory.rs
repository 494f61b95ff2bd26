//! Individuals, companies and contacts: search, item, and the companies of a contact. `individuals` writes.
//!
//! Only contacts can be filtered by phone, by the exact text that is stored unless a test chooses otherwise; individuals and
//! companies refuse such a filter.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde_json::Value;

use super::Account;
use super::errors::Error;
use super::fields::Shape;
use super::filters::{Filters, Range, Schema};
use super::paging::{Key, Paging};
use super::request::{Id, Parameters};
use super::search;
use super::seed::{ContactFilters, Record, Type};
use super::store::{Kind, Store};
use super::views;

type Answer = Result<Json<Value>, Error>;

const INDIVIDUAL_FILTERS: &[&str] = &[
    "created",
    "updated_at",
    "name",
    "email",
    "type",
    "is_archived",
    "id",
    "favourite_filter",
    "country_code",
    "postal_code",
    "reference",
];
const COMPANY_FILTERS: &[&str] = &[
    "created",
    "updated_at",
    "name",
    "email",
    "type",
    "is_archived",
    "contacts",
    "siret",
    "id",
    "country_code",
    "postal_code",
    "favourite_filter",
    "reference",
    "number_of_employees",
];
/// Documented filters on properties that no record here has.
const NEVER_MET: [&str; 6] =
    ["favourite_filter", "country_code", "postal_code", "siret", "number_of_employees", "birth_date"];
const CUSTOMER_ORDERS: [&str; 4] = ["id", "name", "created_at", "updated_at"];
const CONTACT_ORDERS: [&str; 3] = ["id", "name", "created_at"];

pub(super) async fn search_individuals(State(account): State<Account>, parameters: Parameters, body: Bytes) -> Answer {
    let paging = Paging::parse(&parameters, &CUSTOMER_ORDERS)?;
    let wanted = Wanted::parse(Filters::parse(&body, Schema::Closed(INDIVIDUAL_FILTERS), true)?, Kind::Individual)?;
    Ok(page(&account.store(), Kind::Individual, &wanted, &paging))
}

pub(super) async fn search_companies(State(account): State<Account>, parameters: Parameters, body: Bytes) -> Answer {
    let paging = Paging::parse(&parameters, &CUSTOMER_ORDERS)?;
    let wanted = Wanted::parse(Filters::parse(&body, Schema::Closed(COMPANY_FILTERS), true)?, Kind::Company)?;
    Ok(page(&account.store(), Kind::Company, &wanted, &paging))
}

pub(super) async fn search_contacts(State(account): State<Account>, parameters: Parameters, body: Bytes) -> Answer {
    let paging = Paging::parse(&parameters, &CONTACT_ORDERS)?;
    let wanted = Wanted::parse(Filters::parse(&body, Schema::Open, true)?, Kind::Contact)?;
    Ok(page(&account.store(), Kind::Contact, &wanted, &paging))
}

pub(super) async fn get_individual(State(account): State<Account>, id: Id, parameters: Parameters) -> Answer {
    item(&account.store(), Kind::Individual, id, &parameters)
}

pub(super) async fn get_company(State(account): State<Account>, id: Id, parameters: Parameters) -> Answer {
    item(&account.store(), Kind::Company, id, &parameters)
}

pub(super) async fn get_contact(State(account): State<Account>, id: Id, parameters: Parameters) -> Answer {
    item(&account.store(), Kind::Contact, id, &parameters)
}

pub(super) async fn companies_of_contact(State(account): State<Account>, id: Id, parameters: Parameters) -> Answer {
    let paging = Paging::parse(&parameters, &["id"])?;
    let store = account.store();
    let contact = store.record(Kind::Contact, id.0).ok_or_else(Error::not_found)?;
    let rows = store.companies_of(contact).map(|company| (Key::id(company.id), company)).collect();
    Ok(paging.page(rows, |company| views::record(Kind::Company, company, &store.zone)))
}

fn item(store: &Store, kind: Kind, id: Id, parameters: &Parameters) -> Answer {
    let shape = Shape::parse(parameters)?;
    let record = store.record(kind, id.0).ok_or_else(Error::not_found)?;
    Ok(Json(shape.apply(views::record(kind, record, &store.zone))))
}

fn page(store: &Store, kind: Kind, wanted: &Wanted, paging: &Paging) -> Json<Value> {
    let key = |record: &Record| match paging.order {
        "name" => Key::field(record.display_name().to_lowercase(), record.id),
        "created_at" => Key::field(record.created.to_string(), record.id),
        "updated_at" => Key::field(record.updated().to_string(), record.id),
        _ => Key::id(record.id),
    };
    let records = store.records(kind).values().filter(|record| wanted.meets(store, record));
    let rows = records.map(|record| (key(record), record)).collect();
    paging.page_of(rows, store.search.longest_page, |record| views::record(kind, record, &store.zone))
}

/// The filters of one search; an absent one matches everything.
#[derive(Debug)]
struct Wanted {
    nothing: bool,
    created: Option<Range>,
    updated: Option<Range>,
    name: Option<String>,
    email: Option<String>,
    types: Option<Vec<Type>>,
    is_archived: Option<bool>,
    ids: Option<Vec<u64>>,
    references: Option<Vec<String>>,
    contacts: Option<Vec<u64>>,
    companies: Option<Vec<u64>>,
    individuals: Option<Vec<u64>>,
    is_linked: Option<bool>,
    phone_number: Option<String>,
    mobile_number: Option<String>,
}

impl Wanted {
    fn parse(mut filters: Filters, kind: Kind) -> Result<Wanted, Error> {
        let contact = kind == Kind::Contact;
        let wanted = Wanted {
            nothing: NEVER_MET.iter().any(|key| filters.has(key)),
            created: filters.range("created"),
            updated: filters.range(if contact { "updated" } else { "updated_at" }),
            name: filters.text(if contact { "last_name" } else { "name" }),
            email: filters.text("email"),
            types: if contact { None } else { filters.one_or_more("type") },
            is_archived: if contact { None } else { filters.flag("is_archived") },
            ids: filters.list("id"),
            references: if contact { None } else { filters.list("reference") },
            contacts: if contact { None } else { filters.list("contacts") },
            companies: filters.list("companies"),
            individuals: filters.list("individuals"),
            is_linked: filters.flag("is_linked"),
            phone_number: filters.text("phone_number"),
            mobile_number: filters.text("mobile_number"),
        };
        filters.problems.into_result()?;
        Ok(wanted)
    }

    fn meets(&self, store: &Store, record: &Record) -> bool {
        let exactly = |wanted: &Option<String>, is: &Option<String>| wanted.is_none() || wanted == is;
        let phone = |wanted: &Option<String>, is: &Option<String>| match store.search.contact_filters {
            ContactFilters::Exact => exactly(wanted, is),
            ContactFilters::Ignored => true,
            ContactFilters::Digits => wanted.as_deref().is_none_or(|wanted| {
                let digits = is.as_deref().map(search::digits).unwrap_or_default();
                search::last_digits(wanted).is_some_and(|last| digits.ends_with(&last))
            }),
        };
        let any = |wanted: &Option<Vec<u64>>, are: &[u64]| {
            wanted.as_ref().is_none_or(|wanted| are.iter().any(|id| wanted.contains(id)))
        };
        !self.nothing
            && self.created.is_none_or(|range| range.contains(record.created))
            && self.updated.is_none_or(|range| range.contains(record.updated()))
            && self.name.as_ref().is_none_or(|name| contains(&record.display_name(), name))
            && self
                .email
                .as_ref()
                .is_none_or(|email| record.email.as_ref().is_some_and(|is| is.eq_ignore_ascii_case(email)))
            && self.types.as_ref().is_none_or(|types| record.kind_type.is_some_and(|is| types.contains(&is)))
            && self.is_archived.is_none_or(|archived| record.is_archived == archived)
            && any(&self.ids, &[record.id])
            && self.references.as_ref().is_none_or(|list| record.reference.as_ref().is_some_and(|is| list.contains(is)))
            && self.contacts.as_ref().is_none_or(|contacts| {
                let linked =
                    |id| store.record(Kind::Contact, id).is_some_and(|contact| contact.companies.contains(&record.id));
                contacts.iter().any(|id| linked(*id))
            })
            && any(&self.companies, &record.companies)
            && any(&self.individuals, &record.individuals)
            && self
                .is_linked
                .is_none_or(|linked| linked != (record.companies.is_empty() && record.individuals.is_empty()))
            && phone(&self.phone_number, &record.phone_number)
            && phone(&self.mobile_number, &record.mobile_number)
    }
}

pub(super) fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

//! Asks Sellsy who has a number.
//!
//! `GET /search` finds all three kinds at once, but neither what it looks into nor how it compares is documented; the
//! contact filters are exact, but on what somebody typed. So each row is a suggestion: it counts only if one of its
//! numbers, normalised, is the caller's. Requests: one, and two more when the search brings nobody usable.

use shared::{
    error::Result,
    ledger::resolution::{Company, Kind, Record, Relation},
    phone::{E164, Region, parse},
    sellsy::{
        Sellsy,
        wire::{self, RecordKind, SearchRow, ThirdKind},
    },
};

/// Everybody in Sellsy with this number. A contact's companies come with it.
pub(crate) async fn candidates(sellsy: &Sellsy, number: &E164, region: Region) -> Result<Vec<Record>> {
    let rows = sellsy.search(number.significant_digits()).await?;
    let mut found: Vec<Record> =
        rows.iter().filter(|row| has(row.phones(), number, region)).filter_map(from_row).collect();
    if found.iter().all(|record| record.archived) {
        for filter in ["phone_number", "mobile_number"] {
            let contacts = sellsy.contacts_by(filter, number.as_str()).await?;
            let contacts = contacts.iter().filter(|contact| has(contact.phones(), number, region)).map(from_contact);
            for contact in contacts {
                if !found.iter().any(|known| known.id == contact.id) {
                    found.push(contact);
                }
            }
        }
    }
    Ok(found)
}

/// The contact's companies with their types, in Sellsy's order; search rows name them without type.
pub(crate) async fn companies(sellsy: &Sellsy, contact_id: i64) -> Result<Vec<Company>> {
    let companies = sellsy.companies_of_contact(contact_id).await?;
    let usable = companies.into_iter().filter(|company| !company.is_archived);
    Ok(usable
        .map(|c| Company { id: c.id, name: c.name.unwrap_or_default(), relation: relation(c.kind.as_ref()) })
        .collect())
}

fn has<'a>(mut typed: impl Iterator<Item = &'a str>, number: &E164, region: Region) -> bool {
    typed.any(|typed| parse(typed, region).as_ref() == Some(number))
}

fn from_row(row: &SearchRow) -> Option<Record> {
    let kind = match row.object.kind {
        RecordKind::Individual => Kind::Individual,
        RecordKind::Company => Kind::Company,
        RecordKind::Contact => Kind::Contact,
        _ => return None,
    };
    Some(Record {
        kind,
        id: row.object.id,
        name: row.name.clone().unwrap_or_else(|| full_name(row.first_name.as_deref(), row.last_name.as_deref())),
        relation: relation(row.object.sub_type.as_ref()),
        email: row.email.clone(),
        position: row.position.clone(),
        owner_id: staff(row.owner.as_ref()),
        archived: row.is_archived,
        companies: Vec::new(),
    })
}

fn from_contact(contact: &wire::Contact) -> Record {
    Record {
        kind: Kind::Contact,
        id: contact.id,
        name: full_name(contact.first_name.as_deref(), contact.last_name.as_deref()),
        relation: None,
        email: contact.email.clone(),
        position: contact.position.clone(),
        owner_id: staff(contact.owner.as_ref()),
        archived: contact.is_archived,
        companies: Vec::new(),
    }
}

fn full_name(first: Option<&str>, last: Option<&str>) -> String {
    [first, last].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn relation(kind: Option<&ThirdKind>) -> Option<Relation> {
    match kind? {
        ThirdKind::Client => Some(Relation::Client),
        ThirdKind::Prospect => Some(Relation::Prospect),
        ThirdKind::Supplier => Some(Relation::Supplier),
        ThirdKind::Other(_) => None,
    }
}

/// A record can also be owned by a third party's contact; that one cannot own a call.
fn staff(owner: Option<&wire::Related>) -> Option<i64> {
    owner.filter(|owner| owner.kind == RecordKind::Staff).map(|owner| owner.id)
}

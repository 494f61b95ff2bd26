//! Converts Sellsy's rows to the records and numbers that the rules and the directory use.

use base::{
    ids::Kind,
    phone::{E164, Regions},
    settings::Matching,
};
use jiff::Timestamp;
use ledger::resolution::{Company, Record, Relation};
use vendors::sellsy::wire::{self, RecordKind, SearchRow, ThirdKind};

use crate::numbers::Numbers;

/// A record with its numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listed {
    pub(crate) record: Record,
    pub(crate) numbers: Numbers,
    pub(crate) updated_at: Option<Timestamp>,
}

impl Listed {
    /// Whether it has the number, for whichever lines.
    pub(crate) fn has(&self, number: &E164) -> bool {
        self.numbers.read.iter().any(|read| read.number == *number)
    }
}

/// `None` for rows of other kinds.
pub(crate) fn from_row(row: &SearchRow, regions: &Regions) -> Option<Listed> {
    let kind = row.object.kind.of_record()?;
    let record = Record {
        name: row.name.clone().unwrap_or_else(|| full_name(row.first_name.as_deref(), row.last_name.as_deref())),
        relation: relation(row.object.sub_type.as_ref()),
        email: row.email.clone(),
        position: row.position.clone(),
        owner_id: staff(row.owner.as_ref()),
        archived: row.is_archived,
        ..empty(kind, row.object.id)
    };
    Some(Listed { record, numbers: Numbers::of(row.phones(), regions), updated_at: row.updated })
}

pub(crate) fn from_individual(individual: &wire::Individual, regions: &Regions) -> Listed {
    let record = Record {
        name: full_name(individual.first_name.as_deref(), individual.last_name.as_deref()),
        relation: relation(individual.kind.as_ref()),
        email: individual.email.clone(),
        owner_id: staff(individual.owner.as_ref()),
        archived: individual.is_archived,
        ..empty(Kind::Individual, individual.id)
    };
    Listed { record, numbers: Numbers::of(individual.phones(), regions), updated_at: individual.updated_at }
}

pub(crate) fn from_company(company: &wire::Company, regions: &Regions) -> Listed {
    let record = Record {
        name: company.name.clone().unwrap_or_default(),
        relation: relation(company.kind.as_ref()),
        email: company.email.clone(),
        owner_id: staff(company.owner.as_ref()),
        archived: company.is_archived,
        ..empty(Kind::Company, company.id)
    };
    Listed { record, numbers: Numbers::of(company.phones(), regions), updated_at: company.updated_at }
}

pub(crate) fn from_contact(contact: &wire::Contact, regions: &Regions) -> Listed {
    let record = Record {
        name: full_name(contact.first_name.as_deref(), contact.last_name.as_deref()),
        email: contact.email.clone(),
        position: contact.position.clone(),
        owner_id: staff(contact.owner.as_ref()),
        archived: contact.is_archived,
        ..empty(Kind::Contact, contact.id)
    };
    Listed { record, numbers: Numbers::of(contact.phones(), regions), updated_at: contact.updated }
}

/// A contact's companies in Sellsy's order, without archived ones if those do not match.
pub(crate) fn companies(companies: &[wire::Company], matching: Matching) -> Vec<Company> {
    let usable = companies.iter().filter(|company| matching.counts(company.is_archived));
    let company = |c: &wire::Company| Company {
        id: c.id,
        name: c.name.clone().unwrap_or_default(),
        relation: relation(c.kind.as_ref()),
    };
    usable.map(company).collect()
}

fn empty(kind: Kind, id: i64) -> Record {
    Record {
        kind,
        id,
        name: String::new(),
        relation: None,
        email: None,
        position: None,
        owner_id: None,
        archived: false,
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

/// A record can also be owned by a third party's contact, who cannot own a call.
fn staff(owner: Option<&wire::Related>) -> Option<i64> {
    owner.filter(|owner| owner.kind == RecordKind::Staff).map(|owner| owner.id)
}

//! The match rules, as the help page of the official integration states them.
//!
//! 1. An individual comes before a company, a company before a contact. Among several of one kind the first that
//!    Sellsy lists counts, which is the one with the lowest id (`MATCH_FIRST`). Archived records do not match; that is our addition, and
//!    can be switched off (`MATCH_ARCHIVED`). docs/matching.md says why.
//! 2. The opportunity is the earliest created one that is open or late. A supplier has none, and its call is logged on
//!    the supplier itself. A contact's opportunity is that of its company (the first that Sellsy lists); without a
//!    company there is none. Clients and prospects have their own.
//!
//! Nothing here queries a database or an API: candidates go in, the decision and its reason come out.

use base::{ids::Kind, settings::Matching};
use ledger::{
    resolution::{Company, Record, Relation},
    timeline::Reason,
};
use vendors::sellsy::wire::{Opportunity, OpportunityStatus, RecordKind, Related};

/// The statuses of opportunities that a call is logged on.
pub const OPPORTUNITY_STATUSES: [OpportunityStatus; 2] = [OpportunityStatus::Open, OpportunityStatus::Late];

/// Puts candidates in order of preference: usable before others, then kind, then Sellsy's order or the newest first.
pub fn sort(candidates: &mut [Record], matching: Matching) {
    candidates.sort_by_key(|record| (!matching.counts(record.archived), order(record, matching)));
}

/// Sellsy lists records by ascending id, and gives ids in the order in which they are made.
fn order(record: &Record, matching: Matching) -> (Kind, i64) {
    (record.kind, if matching.newest_first { -record.id } else { record.id })
}

/// The record that a call is logged on, and why.
pub fn choose(candidates: &[Record], matching: Matching) -> (Option<&Record>, Reason) {
    let usable = || candidates.iter().filter(|record| matching.counts(record.archived));
    let Some(chosen) = usable().min_by_key(|record| order(record, matching)) else {
        return (None, if candidates.is_empty() { Reason::NoRecord } else { Reason::AllArchived });
    };
    let kind = chosen.kind;
    let n = usable().filter(|record| record.kind == kind).count();
    let others = usable().count() - n;
    let why = match (n, others) {
        (1, 0) if candidates.len() == 1 => Reason::OnlyRecord,
        (1, 0) => Reason::OnlyUsableRecord,
        (2.., _) if matching.newest_first => Reason::NewestOfKind { n, kind },
        (_, 0) => Reason::FirstOfKind { n, kind },
        _ => Reason::KindFirst { kind, n },
    };
    (Some(chosen), why)
}

/// The company that a contact belongs to: the first that Sellsy lists. Archived companies are not among them: the code
/// that fetches a contact's companies leaves those out.
pub fn company_of(contact: &Record) -> Option<&Company> {
    contact.companies.first()
}

/// Whose opportunities count for this record, or why there are none that count.
pub fn opportunity_owner(record: &Record) -> Result<Related, Reason> {
    let related = |kind, id| Ok(Related { kind, id });
    match record.kind {
        Kind::Individual | Kind::Company if record.relation == Some(Relation::Supplier) => Err(Reason::Supplier),
        Kind::Individual => related(RecordKind::Individual, record.id),
        Kind::Company => related(RecordKind::Company, record.id),
        Kind::Contact => match company_of(record) {
            None => Err(Reason::NoCompany),
            Some(Company { relation: Some(Relation::Supplier), .. }) => Err(Reason::CompanyIsSupplier),
            Some(company) => related(RecordKind::Company, company.id),
        },
    }
}

/// The opportunity of `owner` among those in Sellsy's answer, and why. The answer is checked, because Sellsy ignores
/// filters that it does not know.
pub fn choose_opportunity<'a>(owner: &Related, found: &'a [Opportunity]) -> (Option<&'a Opportunity>, Reason) {
    let of_owner = |o: &&Opportunity| {
        let id = match owner.kind {
            RecordKind::Individual => o.individual_id,
            RecordKind::Company => o.company_id,
            _ => None,
        };
        id == Some(owner.id) || o.related.contains(owner)
    };
    let counts = |o: &&Opportunity| o.status.as_ref().is_some_and(|status| OPPORTUNITY_STATUSES.contains(status));
    // One without a creation date comes last.
    let order = |o: &&Opportunity| (o.created.is_none(), o.created, o.id);
    match found.iter().filter(of_owner).filter(counts).min_by_key(order) {
        Some(opportunity) => (Some(opportunity), Reason::EarliestOpportunity),
        None => (None, Reason::NoOpportunity),
    }
}

#[cfg(test)]
mod tests;

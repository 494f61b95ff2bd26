//! The match rules, as the help page of the official integration states them.
//!
//! 1. An individual comes before a company, a company before a contact. Among several of one kind the first that
//!    Sellsy lists counts, which is the one with the lowest id. Archived records never match.
//! 2. The opportunity is the earliest created one that is open or late. A supplier has none, and its call is logged on
//!    the supplier itself. A contact's opportunity is that of its company (the first that Sellsy lists); without a
//!    company there is none. Clients and prospects have their own.
//!
//! Nothing here asks anybody anything: candidates in, decision and its reason out.

use shared::{
    ledger::resolution::{Company, Kind, Record, Relation},
    sellsy::wire::{Opportunity, OpportunityStatus, RecordKind, Related},
};

/// The statuses of opportunities that a call is logged on.
pub const OPPORTUNITY_STATUSES: [OpportunityStatus; 2] = [OpportunityStatus::Open, OpportunityStatus::Late];

/// Puts candidates in order of preference: usable before archived, then kind, then Sellsy's order.
pub fn sort(candidates: &mut [Record]) {
    candidates.sort_by_key(|record| (record.archived, record.kind, record.id));
}

/// The record that a call is logged on, and why.
pub fn choose(candidates: &[Record]) -> (Option<&Record>, String) {
    let usable = || candidates.iter().filter(|record| !record.archived);
    let Some(chosen) = usable().min_by_key(|record| (record.kind, record.id)) else {
        let why = if candidates.is_empty() {
            "no usable record has this number"
        } else {
            "every record with this number is archived"
        };
        return (None, why.into());
    };
    let of_kind = usable().filter(|record| record.kind == chosen.kind).count();
    let others = usable().count() - of_kind;
    let kind = chosen.kind;
    let why = match (of_kind, others) {
        (1, 0) => "the only record with this number".into(),
        (1, _) => format!("{kind} before the other kinds"),
        (n, 0) => format!("the first of {n} records of kind {kind}"),
        (n, _) => format!("{kind} before the other kinds, and the first of {n}"),
    };
    (Some(chosen), why)
}

/// The company that a contact stands for: the first that Sellsy lists.
pub fn company_of(contact: &Record) -> Option<&Company> {
    contact.companies.first()
}

/// Whose opportunities count for this record, or why nobody's do.
pub fn opportunity_owner(record: &Record) -> Result<Related, &'static str> {
    let related = |kind, id| Ok(Related { kind, id });
    match record.kind {
        Kind::Individual | Kind::Company if record.relation == Some(Relation::Supplier) => {
            Err("a supplier has no opportunity")
        }
        Kind::Individual => related(RecordKind::Individual, record.id),
        Kind::Company => related(RecordKind::Company, record.id),
        Kind::Contact => match company_of(record) {
            None => Err("a contact without a company has no opportunity"),
            Some(Company { relation: Some(Relation::Supplier), .. }) => {
                Err("the contact's company is a supplier: no opportunity")
            }
            Some(company) => related(RecordKind::Company, company.id),
        },
    }
}

/// The opportunity of `owner` among what Sellsy answered, and why. The answer is checked: Sellsy ignores filters that
/// it does not know.
pub fn choose_opportunity<'a>(owner: &Related, found: &'a [Opportunity]) -> (Option<&'a Opportunity>, &'static str) {
    let of_owner = |o: &&Opportunity| {
        let id = if owner.kind == RecordKind::Company { o.company_id } else { o.individual_id };
        id == Some(owner.id) || o.related.contains(owner)
    };
    let counts = |o: &&Opportunity| o.status.as_ref().is_some_and(|status| OPPORTUNITY_STATUSES.contains(status));
    // One without a date of creation comes last.
    let order = |o: &&Opportunity| (o.created.is_none(), o.created, o.id);
    match found.iter().filter(of_owner).filter(counts).min_by_key(order) {
        Some(opportunity) => (Some(opportunity), "the earliest created one that is open or late"),
        None => (None, "no opportunity is open or late"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: Kind, id: i64) -> Record {
        Record {
            kind,
            id,
            name: String::new(),
            relation: None,
            email: None,
            position: None,
            owner_id: None,
            archived: false,
            companies: vec![],
        }
    }

    fn archived(kind: Kind, id: i64) -> Record {
        Record { archived: true, ..record(kind, id) }
    }

    #[test]
    fn chooses_the_record() {
        use Kind::{Company, Contact, Individual};
        for (candidates, expected, why) in [
            (vec![], None, "no usable record has this number"),
            (vec![archived(Individual, 1)], None, "every record with this number is archived"),
            (vec![record(Contact, 9)], Some((Contact, 9)), "the only record with this number"),
            (
                vec![record(Contact, 1), record(Company, 2), record(Individual, 3)],
                Some((Individual, 3)),
                "individual before the other kinds",
            ),
            (vec![record(Contact, 1), record(Company, 2)], Some((Company, 2)), "company before the other kinds"),
            (
                vec![record(Individual, 8), record(Individual, 5)],
                Some((Individual, 5)),
                "the first of 2 records of kind individual",
            ),
            (vec![archived(Individual, 1), record(Contact, 4)], Some((Contact, 4)), "the only record with this number"),
            (
                vec![record(Company, 8), record(Company, 5), record(Contact, 1)],
                Some((Company, 5)),
                "company before the other kinds, and the first of 2",
            ),
        ] {
            let (chosen, reason) = choose(&candidates);
            assert_eq!(chosen.map(|r| (r.kind, r.id)), expected, "{candidates:?}");
            assert_eq!(reason, why);
        }
    }

    #[test]
    fn knows_whose_opportunities_count() {
        let typed = |kind, relation| Record { relation: Some(relation), ..record(kind, 7) };
        let company = |id, relation| Company { id, name: String::new(), relation };
        let contact = |companies| Record { companies, ..record(Kind::Contact, 7) };
        for (record, expected) in [
            (typed(Kind::Individual, Relation::Client), Ok((RecordKind::Individual, 7))),
            (typed(Kind::Individual, Relation::Prospect), Ok((RecordKind::Individual, 7))),
            (typed(Kind::Individual, Relation::Supplier), Err("a supplier has no opportunity")),
            (typed(Kind::Company, Relation::Client), Ok((RecordKind::Company, 7))),
            (typed(Kind::Company, Relation::Prospect), Ok((RecordKind::Company, 7))),
            (typed(Kind::Company, Relation::Supplier), Err("a supplier has no opportunity")),
            (contact(vec![]), Err("a contact without a company has no opportunity")),
            (contact(vec![company(3, Some(Relation::Client))]), Ok((RecordKind::Company, 3))),
            (contact(vec![company(9, None), company(3, None)]), Ok((RecordKind::Company, 9))),
            (
                contact(vec![company(9, Some(Relation::Supplier)), company(3, None)]),
                Err("the contact's company is a supplier: no opportunity"),
            ),
        ] {
            let owner = opportunity_owner(&record);
            assert_eq!(owner.map(|r| (r.kind, r.id)), expected, "{record:?}");
        }
    }

    #[test]
    fn chooses_the_opportunity() {
        let opportunity = |id: i64, status: &str, created: &str, company: i64| -> Opportunity {
            serde_json::from_value(
                serde_json::json!({ "id": id, "status": status, "created": created, "company_id": company }),
            )
            .unwrap()
        };
        let (early, late) = ("2026-01-05T09:00:00+01:00", "2026-03-05T09:00:00+01:00");
        let owner = Related { kind: RecordKind::Company, id: 3 };
        for (found, expected) in [
            (vec![], None),
            (vec![opportunity(1, "open", early, 3)], Some(1)),
            (vec![opportunity(1, "open", late, 3), opportunity(2, "late", early, 3)], Some(2)),
            (vec![opportunity(2, "open", early, 3), opportunity(1, "late", early, 3)], Some(1)),
            (
                ["won", "lost", "cancelled", "closed", "new-word"]
                    .iter()
                    .map(|s| opportunity(1, s, early, 3))
                    .collect(),
                None,
            ),
            // Another company's: a filter was ignored.
            (vec![opportunity(1, "open", early, 4)], None),
        ] {
            let (chosen, _) = choose_opportunity(&owner, &found);
            assert_eq!(chosen.map(|o| o.id), expected, "{found:?}");
        }
    }
}

//! Every sentence of the rules, and every combination of what they depend on.

use serde_json::json;

use super::*;

/// Sellsy's records of one kind with the number, as (id, archived) in the order of its answer; and which of them is
/// "the first record that Sellsy lists", without the archived ones.
type Rows = &'static [(i64, bool)];
const OF_ONE_KIND: [(Rows, Option<i64>); 7] = [
    (&[], None),
    (&[(3, true)], None),
    (&[(5, false)], Some(5)),
    (&[(8, false), (5, false)], Some(5)),
    (&[(5, false), (8, false)], Some(5)),
    (&[(2, true), (9, false)], Some(9)),
    (&[(9, false), (2, true), (4, false), (1, true)], Some(4)),
];

/// "Individual first, then company, then contact": all combinations, forwards and backwards, whatever the types.
#[test]
fn the_record() {
    for (individuals, first_individual) in OF_ONE_KIND {
        for (companies, first_company) in OF_ONE_KIND {
            for (contacts, first_contact) in OF_ONE_KIND {
                let expected = match (first_individual, first_company, first_contact) {
                    (Some(id), _, _) => Some((Kind::Individual, id)),
                    (None, Some(id), _) => Some((Kind::Company, id)),
                    (None, None, Some(id)) => Some((Kind::Contact, id)),
                    (None, None, None) => None,
                };
                for relation in RELATIONS {
                    let rows = KINDS.into_iter().zip([individuals, companies, contacts]);
                    let mut records: Vec<Record> = rows
                        .flat_map(|(kind, rows)| {
                            let relation = relation.filter(|_| kind != Kind::Contact);
                            rows.iter().map(move |&(id, archived)| Record { relation, archived, ..record(kind, id) })
                        })
                        .collect();
                    for _ in 0..2 {
                        let chosen = choose(&records, SEED).0.map(|r| (r.kind, r.id));
                        assert_eq!(chosen, expected, "{records:?}");
                        records.reverse();
                    }
                }
            }
        }
    }
}

#[test]
fn why_this_record() {
    use Kind::{Company, Contact, Individual};
    let archived = |kind, id| Record { archived: true, ..record(kind, id) };
    for (candidates, expected, why) in [
        (vec![], None, Reason::NoRecord),
        (vec![archived(Individual, 1)], None, Reason::AllArchived),
        (vec![archived(Individual, 1), archived(Contact, 1)], None, Reason::AllArchived),
        (vec![record(Contact, 9)], Some((Contact, 9)), Reason::OnlyRecord),
        (vec![archived(Individual, 1), record(Contact, 4)], Some((Contact, 4)), Reason::OnlyUsableRecord),
        (
            vec![record(Contact, 1), record(Company, 2), record(Individual, 3)],
            Some((Individual, 3)),
            Reason::KindFirst { kind: Individual, n: 1 },
        ),
        (vec![record(Contact, 1), record(Company, 2)], Some((Company, 2)), Reason::KindFirst { kind: Company, n: 1 }),
        (
            vec![record(Individual, 8), record(Individual, 5)],
            Some((Individual, 5)),
            Reason::FirstOfKind { n: 2, kind: Individual },
        ),
        (
            vec![record(Contact, 8), archived(Contact, 2), record(Contact, 5), archived(Company, 1)],
            Some((Contact, 5)),
            Reason::FirstOfKind { n: 2, kind: Contact },
        ),
        (
            vec![record(Company, 8), record(Company, 5), record(Contact, 1)],
            Some((Company, 5)),
            Reason::KindFirst { kind: Company, n: 2 },
        ),
    ] {
        let (chosen, reason) = choose(&candidates, SEED);
        assert_eq!(chosen.map(|r| (r.kind, r.id)), expected, "{candidates:?}");
        assert_eq!(reason, why);
    }
}

/// The companies of a contact by their types, in the order in which Sellsy lists them. Their ids are [`LINKED`], so the
/// first one is never the one with the lowest id.
const LINKS: [&[&str]; 12] = [
    &[],
    &["client"],
    &["prospect"],
    &["supplier"],
    &["?"],
    &["client", "prospect"],
    &["client", "supplier"],
    &["prospect", "supplier", "client"],
    &["supplier", "client"],
    &["supplier", "prospect", "client"],
    &["supplier", "supplier"],
    &["?", "supplier", "client"],
];
const LINKED: [i64; 3] = [90, 50, 70];

/// The id of the calling record, whatever its kind. Ids count per kind, so records of other kinds have the same one.
const ID: i64 = 7;

/// The help page on opportunities. An unknown type does not count as "supplier".
fn whose(kind: &str, relation: &str, links: &[&str]) -> Result<&'static str, Reason> {
    match (kind, relation, links) {
        // "Contact: the opportunity of its linked company."
        ("contact", _, []) => Err(Reason::NoCompany),
        ("contact", _, ["supplier", ..]) => Err(Reason::CompanyIsSupplier),
        ("contact", _, ["client" | "prospect" | "?", ..]) => Ok("company 90"),
        // "Supplier: nothing is logged in an opportunity."
        (_, "supplier", _) => Err(Reason::Supplier),
        // "Client, prospect: their own."
        ("individual", _, _) => Ok("individual 7"),
        ("company", _, _) => Ok("company 7"),
        _ => unreachable!("{kind} {relation} {links:?}"),
    }
}

/// Every kind of caller: the record, and whose opportunities count for it according to the help page.
fn callers() -> Vec<(Record, Result<&'static str, Reason>)> {
    let mut callers = Vec::new();
    for kind in KINDS {
        for relation in ["client", "prospect", "supplier", "?"] {
            for links in LINKS {
                // Contacts have no type. Individuals and companies have no linked companies; if they had, it would not
                // matter.
                if kind == Kind::Contact && relation != "?" {
                    continue;
                }
                let companies = LINKED.into_iter().zip(links).map(|(id, word)| company(id, parsed(word))).collect();
                let record = Record { relation: parsed(relation), companies, ..record(kind, ID) };
                callers.push((record, whose(&kind.to_string(), relation, links)));
            }
        }
    }
    callers
}

fn parsed(relation: &str) -> Option<Relation> {
    serde_json::from_value(json!(relation)).ok()
}

#[test]
fn whose_opportunities() {
    let callers = callers();
    assert_eq!(callers.len(), (2 * 4 + 1) * LINKS.len());
    for (record, expected) in callers {
        let owner = opportunity_owner(&record).map(|owner| format!("{} {}", owner.kind.as_str(), owner.id));
        assert_eq!(owner.as_deref(), expected.as_ref().copied(), "{record:?}");
    }
}

/// The opportunities of one owner as (id, status, day of creation; 0 is unknown), and which one counts.
type Scene = (&'static [(i64, &'static str, u8)], Option<i64>);

/// "If there are several open or late opportunities, the one that was created first."
const SCENES: &[Scene] = &[
    (&[], None),
    (&[(1, "open", 5)], Some(1)),
    (&[(1, "late", 5)], Some(1)),
    (&[(1, "won", 5)], None),
    (&[(1, "lost", 5)], None),
    (&[(1, "closed", 5)], None),
    (&[(1, "cancelled", 5)], None),
    (&[(1, "negotiating", 5)], None),
    (&[(1, "Open", 5)], None),
    (&[(1, "", 5)], None),
    (&[(1, "won", 1), (2, "lost", 2), (3, "closed", 3), (4, "cancelled", 4), (5, "negotiating", 5)], None),
    (&[(1, "open", 0)], Some(1)),
    // Several: the date decides, not the status, the id or the place in the answer.
    (&[(1, "open", 5), (2, "late", 3)], Some(2)),
    (&[(1, "late", 5), (2, "open", 3)], Some(2)),
    (&[(2, "open", 3), (1, "late", 5)], Some(2)),
    (&[(4, "open", 9), (2, "open", 8), (3, "late", 7), (1, "late", 20)], Some(3)),
    // Closed ones do not keep a younger one from being chosen.
    (&[(1, "won", 1), (2, "lost", 2), (3, "late", 9), (4, "open", 8), (5, "cancelled", 3)], Some(4)),
    // Created at the same moment: the lowest id.
    (&[(2, "open", 3), (1, "late", 3)], Some(1)),
    (&[(9, "late", 3), (4, "open", 3), (6, "open", 3), (1, "open", 4), (2, "won", 3)], Some(4)),
    // One without a date comes last; among those, the lowest id comes first.
    (&[(1, "open", 0), (2, "late", 28)], Some(2)),
    (&[(3, "open", 0), (2, "late", 0)], Some(2)),
];

/// The field in which an opportunity names its owner.
type Says = fn(Opportunity, Related) -> Opportunity;

const SAYS: [Says; 3] = [
    |o, owner| match owner.kind {
        RecordKind::Company => Opportunity { company_id: Some(owner.id), ..o },
        _ => Opportunity { individual_id: Some(owner.id), ..o },
    },
    |o, owner| Opportunity { related: vec![owner], ..o },
    // The contact is named beside its company.
    |o, owner| {
        let contact = Related { kind: RecordKind::Contact, id: ID };
        Opportunity { related: vec![contact, owner], contact_ids: vec![ID], ..o }
    },
];

/// Every caller in every scene. All owners' opportunities are in the answer, as if Sellsy had ignored the filter, and
/// those of the wrong owners are older, open and have lower ids.
#[test]
fn the_opportunity() {
    let owners = ["individual 7", "company 7", "company 90", "company 50", "company 70"];
    for (caller, whose) in callers() {
        for (scene, expected) in SCENES {
            for says in SAYS {
                let mut found = Vec::new();
                for owner in owners {
                    let (kind, id) = owner.split_once(' ').unwrap();
                    let related = Related { kind: kind.to_owned().into(), id: id.parse().unwrap() };
                    if whose == Ok(owner) {
                        let of_owner = scene.iter().map(|(id, status, day)| opportunity(100 + id, status, *day));
                        found.extend(of_owner.map(|o| says(o, related.clone())));
                    } else {
                        found.push(says(opportunity(1, "open", 1), related));
                    }
                }
                // One without an owner, and one of the contact alone, which Sellsy does not allow.
                found.push(opportunity(1, "open", 1));
                found.push(Opportunity { contact_ids: vec![ID], ..opportunity(1, "late", 1) });
                let expected = whose.as_ref().ok().and(expected.map(|id| 100 + id));
                for _ in 0..2 {
                    let records = [caller.clone()];
                    let (record, chosen) = decide(&records, &found);
                    // A supplier's call is logged on the supplier, and so on: the record does not depend on the
                    // opportunity.
                    assert_eq!(record, Some(&caller));
                    assert_eq!(chosen, expected, "{caller:?} {whose:?} {scene:?}");
                    found.reverse();
                }
            }
        }
    }
}

#[test]
fn why_this_opportunity() {
    let owner = Related { kind: RecordKind::Company, id: 3 };
    let of = |id, status| Opportunity { company_id: Some(id), ..opportunity(1, status, 5) };
    for (found, why) in [
        (vec![], Reason::NoOpportunity),
        (vec![of(3, "won")], Reason::NoOpportunity),
        (vec![of(4, "open")], Reason::NoOpportunity),
        (vec![of(3, "open")], Reason::EarliestOpportunity),
    ] {
        assert_eq!(choose_opportunity(&owner, &found).1, why);
    }
    // The statuses that are requested are the statuses that count.
    assert_eq!(OPPORTUNITY_STATUSES.map(|status| status.to_string()), ["open", "late"]);
}

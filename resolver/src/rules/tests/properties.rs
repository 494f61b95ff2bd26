//! Generated records and opportunities, and an implementation of the rules that compares records pair by pair.

use std::collections::HashSet;

use proptest::{prelude::*, sample::select};

use super::*;

/// There are few ids, so kinds share them and opportunities meet their owners.
const IDS: std::ops::Range<i64> = 1..5;

fn companies() -> impl Strategy<Value = Vec<Company>> {
    let company = (IDS, select(&RELATIONS[..])).prop_map(|(id, relation)| company(id, relation));
    prop::collection::vec(company, 0..3)
}

/// Records as Sellsy has them: of one kind, no two with the same id. Contacts have no type, others no companies.
fn records() -> impl Strategy<Value = Vec<Record>> {
    let one = (select(&KINDS[..]), IDS, prop::bool::weighted(0.3), select(&RELATIONS[..]), companies());
    let one = one.prop_map(|(kind, id, archived, relation, companies)| match kind {
        Kind::Contact => Record { archived, companies, ..record(kind, id) },
        _ => Record { archived, relation, ..record(kind, id) },
    });
    prop::collection::vec(one, 0..7).prop_map(|mut records| {
        let mut seen = HashSet::new();
        records.retain(|r| seen.insert((r.kind, r.id)));
        records
    })
}

/// About half of these statuses count.
const WORDS: [&str; 10] = ["open", "open", "late", "late", "won", "lost", "closed", "cancelled", "negotiating", ""];

/// Opportunities with ids of their own, each of one company or one individual, named in one field or the other.
fn opportunities() -> impl Strategy<Value = Vec<Opportunity>> {
    let one = (select(&WORDS[..]), 0..4_u8, any::<bool>(), IDS, any::<bool>());
    let all = prop::collection::vec(one, 0..9).prop_map(|all| {
        let numbered = all.into_iter().enumerate();
        let all = numbered.map(|(index, (status, day, is_company, id, in_related))| {
            let o = opportunity(10 + i64::try_from(index).unwrap(), status, day);
            match (in_related, is_company) {
                (false, true) => Opportunity { company_id: Some(id), ..o },
                (false, false) => Opportunity { individual_id: Some(id), ..o },
                (true, true) => Opportunity { related: vec![Related { kind: RecordKind::Company, id }], ..o },
                (true, false) => Opportunity { related: vec![Related { kind: RecordKind::Individual, id }], ..o },
            }
        });
        all.collect::<Vec<_>>()
    });
    all.prop_shuffle()
}

/// The same items in two orders.
fn twice<T: Clone + std::fmt::Debug>(all: impl Strategy<Value = Vec<T>>) -> impl Strategy<Value = (Vec<T>, Vec<T>)> {
    all.prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()))
}

/// Whether the help page puts `a` before `b`.
fn is_preferred(a: &Record, b: &Record) -> bool {
    match (a.kind, b.kind) {
        (Kind::Individual, Kind::Company | Kind::Contact) | (Kind::Company, Kind::Contact) => true,
        (Kind::Company | Kind::Contact, Kind::Individual) | (Kind::Contact, Kind::Company) => false,
        _ => a.id < b.id,
    }
}

/// The record that is preferred over each of the others.
fn read_record(records: &[Record]) -> Option<&Record> {
    let usable: Vec<&Record> = records.iter().filter(|record| !record.archived).collect();
    let mut best = usable.iter().filter(|a| usable.iter().all(|b| a == &b || is_preferred(a, b)));
    let found = best.next().copied();
    assert_eq!(best.next(), None, "two are preferred over all others");
    found
}

fn read_opportunity(record: &Record, opportunities: &[Opportunity]) -> Option<i64> {
    let (is_company, id, relation) = match record.kind {
        Kind::Individual => (false, record.id, record.relation),
        Kind::Company => (true, record.id, record.relation),
        Kind::Contact => {
            let company = record.companies.first()?;
            (true, company.id, company.relation)
        }
    };
    if relation == Some(Relation::Supplier) {
        return None;
    }
    let mut found: Option<&Opportunity> = None;
    for o in opportunities {
        let beside = if is_company { o.company_id } else { o.individual_id };
        let kind = if is_company { "company" } else { "individual" };
        let related = o.related.iter().any(|r| r.kind.as_str() == kind && r.id == id);
        let status = o.status.as_ref().map_or("", |status| status.as_str());
        if (beside != Some(id) && !related) || (status != "open" && status != "late") {
            continue;
        }
        let is_earlier = |than: &Opportunity| match (o.created, than.created) {
            (Some(a), Some(b)) if a != b => a < b,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            _ => o.id < than.id,
        };
        if found.is_none_or(is_earlier) {
            found = Some(o);
        }
    }
    found.map(|o| o.id)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn any_decision_is_the_help_pages(
        (records, reordered) in twice(records()),
        (opportunities, other_order) in twice(opportunities()),
    ) {
        let (record, opportunity) = decide(&records, &opportunities);
        prop_assert_eq!(record, read_record(&records));
        prop_assert_eq!(opportunity, record.and_then(|record| read_opportunity(record, &opportunities)));
        // In any order, and with everybody's opportunities, not only those of the chosen record.
        prop_assert_eq!(decide(&reordered, &other_order), (record, opportunity));
        prop_assert_eq!(choose(&reordered, SEED), choose(&records, SEED));
        for record in &records {
            let found = opportunity_owner(record).ok().and_then(|o| choose_opportunity(&o, &opportunities).0);
            prop_assert_eq!(found.map(|o| o.id), read_opportunity(record, &opportunities));
        }
    }

    #[test]
    fn a_decision_taken_again_is_the_same((records, reordered) in twice(records()), all in opportunities()) {
        let (chosen, opportunity) = decide(&records, &all);
        // From the chosen record alone.
        let alone: Vec<Record> = chosen.into_iter().cloned().collect();
        let kept: Vec<Opportunity> = all.iter().filter(|o| Some(o.id) == opportunity).cloned().collect();
        prop_assert_eq!(decide(&alone, &kept), (chosen, opportunity));
        // From the candidates as they are stored: in order of preference, none lost, the choice at the top.
        let (mut sorted, mut resorted) = (records.clone(), reordered);
        sort(&mut sorted, SEED);
        sort(&mut resorted, SEED);
        prop_assert_eq!(&sorted, &resorted);
        sort(&mut resorted, SEED);
        prop_assert_eq!(&sorted, &resorted);
        prop_assert_eq!(decide(&sorted, &all), (chosen, opportunity));
        prop_assert_eq!(sorted.len(), records.len());
        prop_assert!(records.iter().all(|record| sorted.contains(record)));
        prop_assert_eq!(sorted.first().filter(|first| !first.archived), chosen);
        for pair in sorted.windows(2) {
            let (a, b) = (&pair[0], &pair[1]);
            let in_order = if a.archived == b.archived { is_preferred(a, b) } else { b.archived };
            prop_assert!(in_order);
        }
    }
}

//! Checks the rules against the help page of the official integration, in two independent ways.
//!
//! `table` goes through every combination by name, with the help page's sentences as the expectation. `properties`
//! generates records and opportunities and compares with an implementation that uses no keys and no sorting.
//!
//! Archived companies are in neither: a contact's companies arrive here without them (see `record::companies`).

use base::ids::Kind;
use jiff::Timestamp;
use ledger::resolution::{Company, Record, Relation};
use vendors::sellsy::wire::{Opportunity, RecordKind, Related};

use super::*;

mod properties;
mod table;

const SEED: Matching = Matching { newest_first: false, archived: false };

const KINDS: [Kind; 3] = [Kind::Individual, Kind::Company, Kind::Contact];

/// What Sellsy says about an individual or a company; `None` is a word that this program does not know.
const RELATIONS: [Option<Relation>; 4] =
    [Some(Relation::Client), Some(Relation::Prospect), Some(Relation::Supplier), None];

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

fn company(id: i64, relation: Option<Relation>) -> Company {
    Company { id, name: String::new(), relation }
}

/// An opportunity: `status` is Sellsy's word or empty for none, `day` counts from an arbitrary day or is 0 for no date.
fn opportunity(id: i64, status: &str, day: u8) -> Opportunity {
    let created = (day > 0).then(|| Timestamp::from_second(1_767_600_000 + i64::from(day) * 86_400).unwrap());
    let status = (!status.is_empty()).then(|| status.to_owned().into());
    Opportunity { id, status, created, ..Opportunity::default() }
}

/// Record and opportunity, combining the rules as the look-up does.
fn decide<'a>(records: &'a [Record], opportunities: &'a [Opportunity]) -> (Option<&'a Record>, Option<i64>) {
    let (chosen, _) = choose(records, SEED);
    let owner = chosen.and_then(|record| opportunity_owner(record).ok());
    let opportunity = owner.and_then(|owner| choose_opportunity(&owner, opportunities).0);
    (chosen, opportunity.map(|o| o.id))
}

#[test]
fn an_account_may_mean_the_newest_or_count_archived_records() {
    let archived = |record: Record| Record { archived: true, ..record };
    let all = [
        record(Kind::Company, 900),
        record(Kind::Individual, 3),
        record(Kind::Individual, 7),
        archived(record(Kind::Individual, 1)),
        archived(record(Kind::Individual, 9)),
    ];
    for (newest_first, counts_archived, expected, why) in [
        (false, false, 3, Reason::KindFirst { kind: Kind::Individual, n: 2 }),
        (true, false, 7, Reason::NewestOfKind { n: 2, kind: Kind::Individual }),
        (false, true, 1, Reason::KindFirst { kind: Kind::Individual, n: 4 }),
        (true, true, 9, Reason::NewestOfKind { n: 4, kind: Kind::Individual }),
    ] {
        let matching = Matching { newest_first, archived: counts_archived };
        let (chosen, reason) = choose(&all, matching);
        assert_eq!((chosen.map(|record| record.id), reason), (Some(expected), why), "{matching:?}");
        let mut sorted = all.to_vec();
        sort(&mut sorted, matching);
        assert_eq!(sorted[0].id, expected, "{matching:?}");
    }
}

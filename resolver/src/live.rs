//! Asks Sellsy who has a number, when the directory cannot say.
//!
//! `GET /search` finds all three kinds at once, but neither which fields it searches nor how it compares is documented.
//! The contact filters are exact, but compare with what somebody typed. So each row is only a suggestion: it counts
//! only if one of its numbers, normalised, is the caller's. Requests: one, two more when the search returns no
//! usable record, and two more when more records match than a page holds. A number whose plan has changed may stand in the
//! record as it was before; it is searched for as well, with one more request, if nobody is found under today's.
//!
//! Where `callbridge prove` has found how this account compares, only those spellings are asked for with which something can be found:
//! none, if the search does not look at phone numbers, or the filters find nothing that it does not.

use base::{
    error::Result,
    phone::{E164, Regions, Spelling},
    settings::Matching,
};
use vendors::sellsy::{
    Sellsy,
    wire::RecordKind::{Company, Contact, Individual},
};

use crate::record::{self, Listed};

/// All records in Sellsy with this number, for whichever lines; contacts without their companies.
pub(crate) async fn candidates(
    sellsy: &Sellsy,
    number: &E164,
    regions: &Regions,
    matching: Matching,
) -> Result<Vec<Listed>> {
    let is_nobody = |found: &[Listed]| !found.iter().any(|listed| matching.counts(listed.record.archived));
    let proven = sellsy.proven().await;
    let searched = proven.search.as_deref().unwrap_or(&[Spelling::Significant]);
    let mut found = Vec::new();
    for spelling in searched {
        for listed in search(sellsy, &spelling.of(number), number, regions).await? {
            add(&mut found, listed);
        }
    }
    if let Some(former) = number.former_digits().filter(|_| !searched.is_empty() && is_nobody(&found)) {
        for listed in search(sellsy, &former, number, regions).await? {
            add(&mut found, listed);
        }
    }
    // Each of them, also if one has found somebody: the match rules choose among all.
    let filtered = proven.contact_filters.as_deref().unwrap_or(&[Spelling::E164]);
    for spelling in filtered.iter().filter(|_| is_nobody(&found)).copied().collect::<Vec<_>>() {
        for filter in ["phone_number", "mobile_number"] {
            let contacts = sellsy.contacts_by(filter, &spelling.of(number)).await?;
            let contacts = contacts.iter().map(|contact| record::from_contact(contact, regions));
            contacts.filter(|contact| contact.has(number)).for_each(|contact| add(&mut found, contact));
        }
    }
    Ok(found)
}

async fn search(sellsy: &Sellsy, digits: &str, number: &E164, regions: &Regions) -> Result<Vec<Listed>> {
    let (mut rows, is_full) = sellsy.search(digits, &[Individual, Company, Contact]).await?;
    if is_full {
        // A switchboard's number is on every contact. The kinds that the rules prefer are searched on their own, so that no
        // number of contacts can hide them.
        for kind in [Individual, Company] {
            rows.extend(sellsy.search(digits, &[kind]).await?.0);
        }
    }
    let mut found = Vec::new();
    let listed = rows.iter().filter_map(|row| record::from_row(row, regions));
    listed.filter(|listed| listed.has(number)).for_each(|listed| add(&mut found, listed));
    Ok(found)
}

fn add(found: &mut Vec<Listed>, listed: Listed) {
    if !found.iter().any(|known| same(known, &listed)) {
        found.push(listed);
    }
}

fn same(a: &Listed, b: &Listed) -> bool {
    (a.record.kind, a.record.id) == (b.record.kind, b.record.id)
}

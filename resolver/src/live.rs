//! Asks Sellsy who has a number, when the directory cannot say.
//!
//! `GET /search` finds all three kinds at once, but neither which fields it searches nor how it compares is documented.
//! The contact filters are exact, but compare with what somebody typed. So each row is only a suggestion: it counts
//! only if one of its numbers, normalised, is the caller's. Requests: one, two more when the search returns no
//! usable record, and two more when more records match than a page holds.

use base::{
    error::Result,
    phone::{E164, Region},
};
use vendors::sellsy::{
    Sellsy,
    wire::RecordKind::{Company, Contact, Individual},
};

use crate::record::{self, Listed};

/// All records in Sellsy with this number; contacts without their companies.
pub(crate) async fn candidates(sellsy: &Sellsy, number: &E164, region: Region) -> Result<Vec<Listed>> {
    let digits = number.significant_digits();
    let (mut rows, is_full) = sellsy.search(digits, &[Individual, Company, Contact]).await?;
    if is_full {
        // A switchboard's number is on every contact. The kinds that the rules prefer are searched on their own, so that no
        // number of contacts can hide them.
        for kind in [Individual, Company] {
            rows.extend(sellsy.search(digits, &[kind]).await?.0);
        }
    }
    let mut found: Vec<Listed> = Vec::new();
    for listed in rows.iter().filter_map(|row| record::from_row(row, region)).filter(|listed| listed.has(number)) {
        if !found.iter().any(|known| same(known, &listed)) {
            found.push(listed);
        }
    }
    if found.iter().all(|listed| listed.record.archived) {
        for filter in ["phone_number", "mobile_number"] {
            let contacts = sellsy.contacts_by(filter, number.as_str()).await?;
            for contact in contacts.iter().map(|contact| record::from_contact(contact, region)) {
                if contact.has(number) && !found.iter().any(|known| same(known, &contact)) {
                    found.push(contact);
                }
            }
        }
    }
    Ok(found)
}

fn same(a: &Listed, b: &Listed) -> bool {
    (a.record.kind, a.record.id) == (b.record.kind, b.record.id)
}

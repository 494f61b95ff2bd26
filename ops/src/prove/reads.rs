//! What can be found out by reading.

use std::collections::{BTreeMap, HashSet};

use base::{
    error::Result,
    ids::Kind,
    phone::{self, E164, Spelling},
};
use serde_json::json;
use vendors::sellsy::wire::{Page, RecordKind, ThirdKind};

use super::{Asked, Found, Opened, choose, links};

/// Records of each kind are read from so many pages at most, until one is shorter than its limit.
const PAGES: usize = 3;
/// Numbers that are searched for: one of each spelling in which people have typed them in each field, and one of none; of contacts, and of others.
const SAMPLES: usize = 8;
/// With fewer that nothing finds, it is not known whether anything could be found.
const ENOUGH: usize = 3;
/// A caller whom the directory does not know is searched for in so many spellings at most, a request each; and filtered for in so many, two
/// requests each.
const MOST_SEARCHES: usize = 3;
const MOST_FILTERS: usize = 2;
/// Pages, an opportunity, searches, filters, quota, events.
pub(super) const MOST_REQUESTS: usize = 3 * (PAGES + 1) + 1 + 3 * SAMPLES * Spelling::ALL.len() + 2 + 1;

/// A number as it stands in a record.
struct Sample {
    kind: Kind,
    id: i64,
    field: &'static str,
    number: E164,
    spelling: Option<Spelling>,
}

/// A record as far as it matters here.
struct Row {
    id: i64,
    third_type: Option<String>,
    phone_number: Option<String>,
    mobile_number: Option<String>,
    is_archived: bool,
}

/// The records of a kind that were read.
struct Pages {
    rows: Vec<Row>,
    is_short: bool,
}

pub(super) async fn all(asked: &Asked<'_>, opened: Option<&Opened>, found: &mut Found) -> anyhow::Result<()> {
    let rate = asked.aircall.quota().await;
    found.aircall.rate = found.take("rate", rate);
    let quota = asked.sellsy.quota().await;
    found.sellsy.quota = found.take("quota", quota);
    let events = asked.sellsy.webhook_events().await;
    let events = found.take("webhook_events", events);
    found.sellsy.webhook_events = events.map(|events| events.into_iter().filter_map(|kind| kind.id).collect());

    let mut pages = BTreeMap::new();
    for kind in [Kind::Individual, Kind::Company, Kind::Contact] {
        match read(asked, kind).await {
            Ok(read) => _ = pages.insert(kind.as_str(), (kind, read)),
            Err(e) => found.open("short_pages", format!("{} could not be read: {}", kind.as_str(), e.message)),
        }
    }
    if pages.values().any(|(_, pages)| pages.is_short) {
        found.sellsy.short_pages = Some(true);
    } else if pages.len() == 3 {
        found.sellsy.short_pages = Some(false);
    }
    let region = asked.settings.regions.first();
    let of = |contacts: bool| {
        let pages = pages.values().filter(move |(kind, _)| (*kind == Kind::Contact) == contacts);
        samples(pages.flat_map(|(kind, pages)| pages.rows.iter().map(|row| (*kind, row))), region)
    };
    phones(asked, &of(true), &of(false), found).await;

    let example = |kind: Kind| pages.get(kind.as_str()).and_then(|(_, pages)| pages.rows.first());
    let page_of =
        |kind| example(kind).map(|row| asked.settings.sellsy.links.record(kind, row.third_type.as_deref(), row.id));
    let mut addresses: Vec<(&'static str, String)> = [Kind::Individual, Kind::Company, Kind::Contact]
        .into_iter()
        .filter_map(|kind| Some((kind.as_str(), page_of(kind)?)))
        .collect();
    let first = asked.sellsy.opportunities_page(&json!({}), None, vendors::sellsy::Order::Asc).await;
    let opportunity = found.take("links", first).and_then(|page| page.data.first().map(|opportunity| opportunity.id));
    addresses.extend(opportunity.map(|id| ("opportunity", asked.settings.sellsy.links.opportunity(id))));
    links::all(&addresses, opened, asked.before.0.links.as_ref(), found).await
}

async fn read(asked: &Asked<'_>, kind: Kind) -> Result<Pages> {
    let (mut all, mut offset) = (Pages { rows: Vec::new(), is_short: false }, None::<String>);
    let mut was_short = false;
    for _ in 0..=PAGES {
        let page = page(asked, kind, offset.as_deref()).await?;
        // After a page with fewer rows than its limit there should be none. An endpoint that shows a page again has no more either.
        let is_new = |row: &Row| all.rows.iter().all(|known| known.id != row.id);
        all.is_short |= was_short && page.data.iter().any(is_new);
        was_short = page.pagination.limit.is_some_and(|limit| (page.data.len() as u64) + page.unreadable < limit);
        let is_over = page.data.is_empty() || all.is_short;
        offset = page.pagination.offset.as_ref().map(ToString::to_string);
        all.rows.extend(page.data);
        if is_over || offset.is_none() {
            break;
        }
    }
    Ok(all)
}

async fn page(asked: &Asked<'_>, kind: Kind, offset: Option<&str>) -> Result<Page<Row>> {
    let (everything, sellsy) = (json!({}), &asked.sellsy);
    let row = |id, third_type: Option<ThirdKind>, [phone_number, mobile_number]: [_; 2], is_archived| {
        let third_type = third_type.map(|kind| kind.as_str().to_owned());
        Row { id, third_type, phone_number, mobile_number, is_archived }
    };
    Ok(match kind {
        Kind::Individual => {
            let page = sellsy.individuals(&everything, offset).await?;
            page.map(|one| row(one.id, one.kind, [one.phone_number, one.mobile_number], one.is_archived))
        }
        Kind::Company => {
            let page = sellsy.companies(&everything, offset).await?;
            page.map(|one| row(one.id, one.kind, [one.phone_number, one.mobile_number], one.is_archived))
        }
        Kind::Contact => {
            let page = sellsy.contacts(&everything, offset).await?;
            page.map(|one| row(one.id, None, [one.phone_number, one.mobile_number], one.is_archived))
        }
    })
}

/// One number of each spelling in each field, and one that is written in none of them.
fn samples<'a>(rows: impl Iterator<Item = (Kind, &'a Row)>, region: phone::Region) -> Vec<Sample> {
    let (mut samples, mut seen): (Vec<Sample>, HashSet<(&str, Option<Spelling>)>) = (Vec::new(), HashSet::new());
    // Sellsy's search leaves archived records out.
    for (kind, row) in rows.filter(|(_, row)| !row.is_archived) {
        for (field, text) in [("phone_number", &row.phone_number), ("mobile_number", &row.mobile_number)] {
            let Some(text) = text else { continue };
            // A field with several numbers is no example of a spelling.
            let Ok([only]) = <[phone::Found; 1]>::try_from(phone::read(text, region).unwrap_or_default()) else {
                continue;
            };
            let spelling = Spelling::typed(text, &only.number);
            if samples.len() < SAMPLES && seen.insert((field, spelling)) {
                samples.push(Sample { kind, id: row.id, field, number: only.number, spelling });
            }
        }
    }
    samples
}

/// What finds phone numbers: the search, and of what it does not find, the filters of contacts.
async fn phones(asked: &Asked<'_>, contacts: &[Sample], others: &[Sample], found: &mut Found) {
    if contacts.is_empty() && others.is_empty() {
        return found.open("search", "no record that was read has a phone number");
    }
    let samples: Vec<&Sample> = contacts.iter().chain(others).collect();
    let mut found_by = vec![Vec::new(); samples.len()];
    for spelling in Spelling::ALL {
        for (sample, by) in samples.iter().zip(&mut found_by) {
            match is_found(asked, sample, spelling).await {
                Ok(true) => by.push(spelling),
                Ok(false) => {}
                Err(e) => return found.open("search", e.message),
            }
        }
        // One that finds all is enough: the others would only cost requests.
        if found_by.iter().all(|by| by.contains(&spelling)) {
            break;
        }
    }
    let chosen = choose::fewest(&found_by, MOST_SEARCHES);
    let is_covered = |by: &[Spelling]| by.iter().any(|one| chosen.contains(one));
    // One that is typed in no spelling of ours cannot be found by an exact filter either.
    let rest = contacts.iter().zip(&found_by).filter(|(sample, by)| !is_covered(by) && sample.spelling.is_some());
    let rest: Vec<&Sample> = rest.map(|(sample, _)| sample).collect();
    if chosen.is_empty() && samples.len() < ENOUGH {
        return found.open("search", "it finds none of so few phone numbers: ask again when there are more records");
    }
    found.sellsy.search = Some(chosen.clone());
    if contacts.is_empty() {
        return found.open("contact_filters", "no contact that was read has a phone number");
    }
    let mut found_by = Vec::new();
    for sample in rest {
        match filtered(asked, sample).await {
            Ok(Some(by)) => found_by.push(by),
            // A filter that finds others as well is none.
            Ok(None) => {
                found_by.clear();
                break;
            }
            Err(e) => return found.open("contact_filters", e.message),
        }
    }
    found.sellsy.contact_filters = Some(choose::fewest(&found_by, MOST_FILTERS));
}

/// By the search.
async fn is_found(asked: &Asked<'_>, sample: &Sample, spelling: Spelling) -> Result<bool> {
    let kind = RecordKind::from(sample.kind.as_str().to_owned());
    let (rows, is_full) = asked.sellsy.search(&spelling.of(&sample.number), &[kind]).await?;
    // Of a number that hundreds have, it may be on a page that nobody sees.
    Ok(is_full || rows.iter().any(|row| row.object.id == sample.id))
}

/// The spellings with which the filter of its field finds it; `None` if it finds somebody who has another number.
async fn filtered(asked: &Asked<'_>, sample: &Sample) -> Result<Option<Vec<Spelling>>> {
    let region = asked.settings.regions.first();
    let has = |text: &Option<String>| {
        let numbers = text.as_deref().and_then(|text| phone::read(text, region).ok()).unwrap_or_default();
        numbers.iter().any(|found| found.number == sample.number)
    };
    let mut by = Vec::new();
    for spelling in Spelling::ALL {
        let rows = asked.sellsy.contacts_by(sample.field, &spelling.of(&sample.number)).await?;
        if rows.iter().any(|row| !has(&row.phone_number) && !has(&row.mobile_number)) {
            return Ok(None);
        }
        if rows.iter().any(|row| row.id == sample.id) {
            by.push(spelling);
        }
    }
    Ok(Some(by))
}

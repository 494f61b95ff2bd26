//! Any page of Sellsy's: no panic, paging ends, and the rows that are kept can be read again.

#![no_main]

use base::text;
use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};
use vendors::sellsy::wire::{Company, Contact, Individual, Opportunity, Page, PhoneCall, SearchRow, Staff};

fuzz_target!(|body: &[u8]| {
    let body = text::readable(body);
    kept::<Individual>(&body);
    kept::<Company>(&body);
    kept::<Contact>(&body);
    page::<SearchRow>(&body);
    page::<Opportunity>(&body);
    page::<PhoneCall>(&body);
    page::<Staff>(&body);
});

fn kept<T: Serialize + DeserializeOwned>(body: &[u8]) {
    let Some(page) = page::<T>(body) else { return };
    let kept = serde_json::to_vec(&page).expect("a page can be written");
    let again: Page<T> = serde_json::from_slice(&kept).expect("and read");
    assert_eq!((again.data.len(), again.unreadable), (page.data.len(), 0));
}

fn page<T: DeserializeOwned>(body: &[u8]) -> Option<Page<T>> {
    let page: Page<T> = serde_json::from_slice(body).ok()?;
    assert!(page.next_offset().is_none() || page.data.len() as u64 + page.unreadable > 0, "paging would never end");
    Some(page)
}

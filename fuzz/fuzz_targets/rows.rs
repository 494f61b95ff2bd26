//! Any page of Sellsy's: no panic, and the rows that are read can be read again as they are kept.

#![no_main]

use base::text;
use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};
use vendors::sellsy::wire::{Company, Contact, Individual, Opportunity, Page, PhoneCall, SearchRow, Staff};

fuzz_target!(|body: &[u8]| {
    let body = text::readable(body);
    page::<Individual>(&body);
    page::<Company>(&body);
    page::<Contact>(&body);
    page::<SearchRow>(&body);
    page::<Opportunity>(&body);
    page::<PhoneCall>(&body);
    page::<Staff>(&body);
});

fn page<T: Serialize + DeserializeOwned>(body: &[u8]) {
    let Ok(page) = serde_json::from_slice::<Page<T>>(body) else { return };
    let kept = serde_json::to_vec(&page).expect("a page can be written");
    let again: Page<T> = serde_json::from_slice(&kept).expect("and read");
    assert_eq!((again.data.len(), again.unreadable), (page.data.len(), 0));
    assert!(page.next_offset().is_none() || page.data.len() as u64 + page.unreadable > 0, "paging would never end");
}

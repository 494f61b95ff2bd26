//! Any text that somebody typed as a phone number: no panic, one normal form, and always masked when printed.

#![no_main]

use base::phone::{Caller, Region, classify, masked, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|typed: &str| {
    let _ = masked(typed);
    for region in ["FR", "DE", "US", "IT", "BR"] {
        let region: Region = region.parse().expect("a country");
        let Ok(numbers) = read(typed, region) else { continue };
        for found in &numbers {
            let again = read(found.number.as_str(), region).expect("it can be read");
            assert!(again.len() == 1 && again[0].number == found.number, "{found:?} is another number when read again: {again:?}");
            let shown = found.number.to_string().replace(' ', "");
            assert!(!shown.contains(found.number.significant_digits()), "not masked");
        }
        if let Caller::Number(number) = classify(Some(typed), region) {
            assert_eq!(number, numbers[0].number);
        }
    }
});

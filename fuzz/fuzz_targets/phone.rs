//! Any text that somebody typed as a phone number: no panic, one normal form, and always masked when printed.

#![no_main]

use base::phone::{Caller, Region, classify, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|typed: &str| {
    for region in ["FR", "CH", "US"] {
        let region: Region = region.parse().expect("a country");
        let Some(number) = parse(typed, region) else { continue };
        assert_eq!(parse(number.as_str(), region).as_ref(), Some(&number), "another number when read again");
        assert_eq!(classify(Some(typed), region), Caller::Number(number.clone()));
        assert!(!number.to_string().replace(' ', "").contains(number.significant_digits()), "not masked");
    }
});

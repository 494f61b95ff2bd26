//! Tests the wire types against bodies that the two APIs send.
//!
//! `fixtures/` has small bodies with invented people, one per hazard, so these tests are useful on any machine. If
//! `AIRCALL_PAYLOADS` or `SELLSY_PAYLOADS` names a folder of recorded answers and of examples from the vendor's documentation,
//! every one of them must parse too; if not, that test says so and passes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "wire/aircall.rs"]
mod aircall;
#[path = "wire/odd.rs"]
mod odd;
#[path = "wire/payloads.rs"]
mod payloads;
#[path = "wire/sellsy.rs"]
mod sellsy;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// A member of a fixture file, parsed as a wire type.
#[track_caller]
fn member<T: DeserializeOwned>(file: &str, name: &str) -> T {
    let file: Value = serde_json::from_str(file).unwrap();
    serde_json::from_str(&file[name].to_string()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

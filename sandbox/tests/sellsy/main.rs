//! The Sellsy account over HTTP, with the data file that the demo uses: one module per area, one sandbox per test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod directory;
mod faults;
mod harness;
mod individuals;
mod limits;
mod phone_calls;
mod program;
mod readme;
mod smart_tags;
mod steps;
mod tasks;

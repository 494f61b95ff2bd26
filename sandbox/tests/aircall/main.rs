//! The Aircall account over HTTP, on a free port.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod api;
mod calls;
mod deliveries;
mod harness;
mod messages;

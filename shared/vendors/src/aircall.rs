//! Aircall's API, the part that Callbridge uses.

mod client;
pub mod wire;

pub use client::{Aircall, CardAnswer, Resource};

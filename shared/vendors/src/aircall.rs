//! The part of Aircall's API that Callbridge uses.

mod client;
pub mod wire;

pub use client::{Aircall, CardAnswer, Resource};

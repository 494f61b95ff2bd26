//! The part of Sellsy's API v2 that Callbridge uses.
//!
//! The client manages its token: it fetches one when first needed, and another before it expires and after a 401.
//! The caller must check that the rows of a search match the query, because Sellsy ignores filters that it does not know.

mod client;
mod endpoints;
mod seal;
mod shared_token;
mod token;
pub mod wire;

pub use client::{Field, Order, Sellsy, WriteError};
pub use endpoints::Probe;

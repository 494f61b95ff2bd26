//! Sellsy's API v2, the part that Callbridge uses.
//!
//! The client owns its token: it is fetched when first needed, renewed before it runs out, and once more after a 401.
//! Rows that a search returns are checked by the caller against what was asked, because some of Sellsy's filters are
//! ignored when it does not know them.

mod client;
mod endpoints;
mod token;
pub mod wire;

pub use client::{Sellsy, WriteError};
pub use endpoints::Probe;

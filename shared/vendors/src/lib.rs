//! The two APIs: their wire types, their clients, and the budget that limits the requests.
//!
//! Nothing here knows the ledger or the broker, and no other crate can send a request to either API.

pub mod aircall;
pub mod api;
pub mod budget;
pub mod proven;
mod rows;
pub mod sellsy;
pub mod sent;
mod tolerant;
mod vendor;

pub use vendor::condition_of;

//! The two APIs: their wire types, their clients, and the budget that every request takes from.
//!
//! Nothing here knows the ledger or the broker, and nothing outside can send a request to either API.

pub mod aircall;
pub mod api;
pub mod budget;
pub mod sellsy;
pub mod sent;
mod tolerant;
mod vendor;

//! The ledger in PostgreSQL: one row per call, and its timeline.
//!
//! Each statement is one function beside the type that it stores. Functions take a client of the pool, so that a
//! caller can run several of them on one connection.

pub mod audit;
pub mod calls;
pub mod delays;
pub mod erase;
pub mod filtered;
pub mod followups;
pub mod form;
pub mod insight;
pub mod messages;
pub mod missed;
pub mod reconciliation;
pub mod replicas;
pub mod reports;
pub mod resolution;
pub mod snapshot;
pub mod timeline;
pub mod together;

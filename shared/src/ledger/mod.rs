//! The ledger in PostgreSQL: one row per call, its timeline, and the inbox for the time without a broker.
//!
//! Each statement is one function beside the type that it stores. Functions take a client of the pool, so that a
//! caller can run several of them on one connection.

pub mod alerts;
pub mod calls;
pub mod erase;
pub mod form;
pub mod inbox;
pub mod insight;
pub mod reconciliation;
pub mod replicas;
pub mod requests;
pub mod resolution;
pub mod search;
pub mod snapshot;
pub mod timeline;

//! The lowest layer: what every process needs before it knows of a call, an API or a broker.
//!
//! Ids, errors with their codes, settings, telemetry, the pool of the database and its migrations, health, phone
//! numbers. Nothing here knows a table, a vendor's endpoint or a queue.

pub mod client;
pub mod db;
pub mod error;
pub mod health;
pub mod http;
pub mod ids;
pub mod phone;
pub mod settings;
pub mod telemetry;
pub mod tls;
pub mod trace;

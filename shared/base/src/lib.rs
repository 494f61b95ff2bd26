//! The lowest layer: what every process needs, whatever it does.
//!
//! Ids, errors with their codes, settings, the file of rules, telemetry, the database pool and its migrations, health, phone numbers.
//! Nothing here knows a table, an endpoint of a vendor or a queue.

pub mod client;
pub mod db;
pub mod error;
pub mod health;
pub mod http;
pub mod ids;
pub mod out;
pub mod phone;
pub mod rules;
pub mod said;
pub mod settings;
pub mod telemetry;
pub mod text;
pub mod tls;
pub mod trace;

//! What all workers stand on: settings, telemetry, broker, database, ledger, and the clients of the two APIs.
//!
//! Nothing here knows a rule of the business: who is called, which record is right and what a log says is decided in
//! the worker that owns it. What is here is used by at least two of them.

pub mod aircall;
pub mod amqp;
pub mod api;
pub mod budget;
pub mod client;
pub mod db;
pub mod error;
pub mod event;
pub mod health;
pub mod http;
pub mod ledger;
pub mod phone;
pub mod sellsy;
pub mod settings;
pub mod telemetry;
pub mod tls;
mod tolerant;
pub mod topology;
pub mod trace;
pub mod worker;

//! The workers' access to the broker: connections that are restored, confirmed publishes, one consumer loop.
//!
//! lapin's automatic recovery stays off: during an outage its consumers are silent, and once its reconnect budget
//! is used up every await hangs. [`Link`] supervises instead: it reconnects for ever with a bounded pause, watches
//! the connection's status and notifies its users when the connection is lost; each user opens a new channel. Publishing
//! and consuming have separate links, so that back-pressure on publishes never delays acks.

mod consumer;
pub mod depth;
mod failure;
mod handler;
mod ladder;
mod link;
pub mod message;
mod prefetch;
mod publisher;
mod settle;
mod step;

pub use consumer::Consumer;
pub use failure::{broker_error, unavailable};
pub use handler::{Handler, Outcome};
pub use link::Link;
pub use message::{Incoming, Outgoing};
pub use publisher::{Destination, Publisher, Unpublished};

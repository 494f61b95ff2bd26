//! The broker as the workers see it: connections that come back, publishes that count, one consumer loop.
//!
//! lapin's automatic recovery stays off: during an outage its consumers are silent, and once its reconnect budget
//! is used up every await hangs. [`Link`] supervises instead: it reconnects for ever with a bounded pause, watches
//! the connection's status and tells everybody when it is gone; each user rebuilds its own channel. Publishing and
//! consuming use a link each, so that back-pressure on publishes never delays acks.

mod consumer;
pub mod depth;
mod failure;
mod handler;
mod ladder;
mod link;
pub mod message;
mod pace;
mod publisher;
mod settle;
mod step;

pub use consumer::Consumer;
pub use failure::{failed, unavailable};
pub use handler::{Handler, Outcome};
pub use link::Link;
pub use message::{Incoming, Outgoing};
pub use publisher::{Destination, Publisher};

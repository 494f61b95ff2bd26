//! Builders for what tests give to the sandbox and to ingest, instead of raw JSON: calls to play, Aircall webhooks, Sellsy
//! records, faults.

mod call;
mod fault;
mod record;
mod webhook;

pub use call::{
    AGENT, Call, Event, NUMBER, STARTED_AT, action_item, call, custom_summary, event, note, recording, sentiment,
    summary, tag, topics, untag,
};
pub use fault::{
    Fault, Requests,
    When::{self, After, Before},
    aircall, sellsy,
};
pub use record::{OWNER, Record, company, contact, individual};
pub use webhook::{Webhook, webhook};

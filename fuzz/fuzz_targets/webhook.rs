//! Any body at `POST /webhooks/aircall`: no panic, nothing is lost of a sender with a valid token, and nobody else is accepted.

#![no_main]

use broker::event::Event;
use ingest::{Verdict, judge};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use vendors::aircall::wire::Call;

const TOKEN: &str = "fuzz-token";

fuzz_target!(|body: &[u8]| {
    let token = |value: serde_json::Result<Value>| value.ok()?.get("token")?.as_str().map(str::to_owned);
    match judge::aircall(body, TOKEN) {
        Verdict::Refuse(refusal) => {
            assert_ne!(token(serde_json::from_slice(body)).as_deref(), Some(TOKEN), "lost: {}", refusal.label());
        }
        Verdict::Park { body: parked, .. } => {
            // Bytes that are not UTF-8 may occur in fields that the envelope skips.
            let token = token(serde_json::from_str(&String::from_utf8_lossy(body)));
            assert_eq!(token.as_deref(), Some(TOKEN), "parked without a token");
            let parked: Value = serde_json::from_slice(&parked).expect("what is parked is JSON");
            assert_eq!(parked.get("token"), None, "the token is parked");
        }
        Verdict::Publish(events) => events.iter().for_each(check_published),
        Verdict::Ignore(_) | Verdict::OtherNumber(_) => {}
    }
});

/// What the later stages read: the fact, and perhaps a call in it.
fn check_published(event: &Event) {
    let written = serde_json::to_vec(event).expect("a fact can be written");
    let read: Event = serde_json::from_slice(&written).expect("and read");
    assert_eq!((&read.kind, read.call_id), (&event.kind, event.call_id));
    assert_eq!(read.payload.get(), event.payload.get());
    let _ = serde_json::from_str::<Call>(event.payload.get());
}

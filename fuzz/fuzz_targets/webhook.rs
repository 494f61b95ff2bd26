//! Any body at `POST /webhooks/aircall`. It must not panic, whoever knows a token loses nothing, and nobody else gets in.

#![no_main]

use ingest::{Verdict, judge};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use shared::{aircall::wire::Call, event::Event};

const TOKEN: &str = "fuzz-token";

fuzz_target!(|body: &[u8]| {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    let token = value.as_ref().and_then(|value| value.get("token")).and_then(Value::as_str);
    match judge::aircall(body, TOKEN) {
        Verdict::Refuse(refusal) => assert_ne!(token, Some(TOKEN), "lost: {}", refusal.label()),
        Verdict::Park { body, .. } => {
            assert_eq!(token, Some(TOKEN), "parked without a token");
            let parked: Value = serde_json::from_slice(&body).expect("what is parked is JSON");
            assert_eq!(parked.get("token"), None, "the token is parked");
        }
        Verdict::Publish(events) => events.iter().for_each(published),
        Verdict::Ignore(_) => {}
    }
});

/// What the stages behind read: the fact, and in it perhaps a call.
fn published(event: &Event) {
    let written = serde_json::to_vec(event).expect("a fact can be written");
    let read: Event = serde_json::from_slice(&written).expect("and read");
    assert_eq!((&read.kind, read.call_id), (&event.kind, event.call_id));
    assert_eq!(read.payload.get(), event.payload.get());
    let _ = serde_json::from_str::<Call>(event.payload.get());
}

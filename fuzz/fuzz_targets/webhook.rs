//! Any body at `POST /webhooks/aircall`: no panic, nothing is lost of a sender with a valid token, and nobody else is accepted.

#![no_main]

use base::text;
use broker::event::Event;
use ingest::{Verdict, judge};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde_json::Value;
use vendors::aircall::wire::Call;

const TOKEN: &str = "fuzz-token";

/// What else a body has is skipped, also numbers that are too large for any type.
#[derive(Deserialize)]
struct Signed {
    token: String,
}

/// The token of a body; of two, either.
fn token(body: &[u8]) -> Option<String> {
    let body = text::readable(body);
    // A derived `Deserialize` would also take a list of the fields, which is no webhook.
    if !body.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let signed = serde_json::from_slice::<Signed>(&body).ok().map(|signed| signed.token);
    let token = signed.or_else(|| serde_json::from_slice::<Value>(&body).ok()?.get("token")?.as_str().map(str::to_owned));
    // All texts of a webhook are trimmed.
    token.map(|token| token.replace('\0', "").trim().to_owned())
}

fuzz_target!(|body: &[u8]| {
    match judge::aircall(body, TOKEN) {
        Verdict::Refuse(refusal) => {
            let value = serde_json::from_slice::<Value>(body).ok();
            assert!(value.is_none() || token(body).as_deref() != Some(TOKEN), "lost: {}", refusal.label());
        }
        Verdict::Park { body: parked, .. } => {
            assert_eq!(token(body).as_deref(), Some(TOKEN), "parked without a token");
            assert!(!String::from_utf8_lossy(&parked).contains(TOKEN), "the token is parked");
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

//! Any body at Sellsy's webhook: no panic, it is refused only for its signature, and its hints can be written as JSON.

#![no_main]

use broker::event::{OPPORTUNITY_CHANGED, OpportunityHint, RecordHint};
use ingest::{Verdict, judge};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    match judge::sellsy(body, None, "a-secret-of-the-path") {
        Verdict::Refuse(refusal) => panic!("lost: {}", refusal.label()),
        Verdict::Publish(events) => {
            for event in &events {
                let hint: OpportunityHint = serde_json::from_str(event.payload.get()).expect("a hint with an id");
                assert!(hint.id > 0, "no record has the id {}", hint.id);
                let named = event.kind == OPPORTUNITY_CHANGED || event.payload::<RecordHint>().is_ok();
                assert!(named, "{}", event.kind);
            }
        }
        Verdict::Ignore(_) | Verdict::OtherNumber(_) | Verdict::Park { .. } => {}
    }
});

//! Any call, as Aircall's webhooks and its list have it: what is kept of it reads the same again, and it is logged or has a reason.

#![no_main]

use std::sync::LazyLock;

use base::{
    ids::{CallId, Kind},
    settings::Language,
};
use jiff::Timestamp;
use ledger::{
    calls::{CallRow, Snapshot},
    insight::Insights,
    resolution::{Record, Resolution, Source},
    timeline::Reason,
};
use libfuzzer_sys::fuzz_target;
use logger::Logs;
use vendors::aircall::wire::Call;

static LOGS: LazyLock<Logs> = LazyLock::new(|| Logs::shipped(Language::French).expect("the template"));

fuzz_target!(|body: &[u8]| {
    let Ok(call) = serde_json::from_slice::<Call>(body) else { return };
    let keep = |call: &Call| serde_json::to_value(call).expect("a call can be kept");
    let read = |kept| serde_json::from_value::<Call>(kept).expect("what is kept can be read");
    // Something of which nothing could be read is kept as an empty object, which is read as nothing: a person in a tag at
    // once, then the tag.
    let once = read(keep(&read(keep(&call))));
    let twice = read(keep(&once));
    assert_eq!(keep(&twice), keep(&once));
    let place = |call| Snapshot::new("call.ended", Timestamp::UNIX_EPOCH, call).place();
    assert_eq!(place(&twice), place(&once));

    let id = call.id;
    let row = CallRow::of(CallId(id), call, resolution(), Insights::new());
    let text = LOGS.text(&row).expect("a text");
    assert!(text.starts_with(&format!("Aircall call {id}\n")) && text.chars().count() <= 16_000, "{text}");
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
});

fn resolution() -> Resolution {
    let record = Record {
        kind: Kind::Individual,
        id: 2001,
        name: "Camille Moreau".into(),
        relation: None,
        email: None,
        position: None,
        owner_id: None,
        archived: false,
        companies: Vec::new(),
    };
    Resolution {
        source: Source::Live,
        as_of: None,
        record: Some(record),
        rule: Reason::OnlyRecord,
        opportunity: None,
        opportunity_rule: Reason::NoOpportunity,
        holds_until: None,
        candidates: Vec::new(),
    }
}

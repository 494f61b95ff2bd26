//! Checks the plan against its table, and against generated call histories.
//!
//! `table` reads `cases.md`, which is written for people, and checks each of its lines. `properties` plays events in
//! any order, with all kinds of accidents, against a Sellsy and a ledger in memory (`world`).

use base::{
    error::Remedy,
    ids::{CallId, Kind},
    settings::LogFallback,
};
use jiff::Timestamp;
use ledger::{
    insight::{Content, Insight},
    resolution::{Record, Source},
};
use vendors::{
    aircall::wire::{Call, Tag},
    sellsy::wire::{CallResult, CallSource},
};

use super::*;
use crate::render;

mod properties;
mod table;
mod world;

const STARTED_AT: i64 = 1_795_425_330;

fn at(second: u8) -> Timestamp {
    Timestamp::from_second(STARTED_AT + i64::from(second)).unwrap()
}

/// Aircall's view of the call after this many tags.
fn view(tags: u8) -> Call {
    let tags = (0..tags).map(|tag| Tag { name: Some(format!("tag {tag}")), ..Tag::default() }).collect();
    Call { id: 1, started_at: Some(at(0)), ended_at: Some(at(60)), tags, ..Call::default() }
}

fn insight(version: u8) -> Insight {
    Insight { at: at(version), content: Content::Summary { text: format!("summary {version}") } }
}

pub(crate) fn resolution(record: Option<i64>) -> Resolution {
    let record = record.map(|id| Record {
        kind: Kind::Individual,
        id,
        name: String::new(),
        relation: None,
        email: None,
        position: None,
        owner_id: None,
        archived: false,
        companies: vec![],
    });
    Resolution {
        source: Source::Live,
        as_of: None,
        record,
        rule: Reason::OnlyRecord,
        opportunity: None,
        opportunity_rule: Reason::NoOpportunity,
        holds_until: None,
        candidates: vec![],
    }
}

/// The log that a call should have, without anything that only the template decides.
fn log(row: &CallRow) -> Option<PhoneCallCreate> {
    let ready = ready(row).ok()?;
    let tags = ready.call.tags.iter().filter_map(|tag| tag.name.clone());
    let insights = row.insights.values().map(|insight| format!("{:?}", insight.content));
    Some(PhoneCallCreate {
        owner_id: 11,
        date: ready.call.started_at?.to_string(),
        result: CallResult::Connected,
        source: CallSource::Incoming,
        related: render::related(ready.record, None),
        description: tags.chain(insights).collect::<Vec<_>>().join("\n"),
        duration: 60,
        topic: None,
    })
}

/// A call with its final decision and no log.
fn row() -> CallRow {
    CallRow::of(CallId(1), view(1), resolution(Some(7)), [].into())
}

/// A log that was written once, long ago, and says what it should.
fn stored(row: &CallRow, form: LogForm) -> Stored {
    Stored {
        form,
        id: 900,
        digest: log(row).map(|log| forms::digest(form, &log)),
        writes: 1,
        written_age: Duration::from_secs(3600),
        due_in: None,
        links: Links::Set,
        change: Change::Settled,
    }
}

fn plan_error() -> Error {
    Error::park(Code::SellsyPlan, "POST /phone-calls: answered 402")
}

#[test]
fn a_message_is_left_to_a_writer_that_is_alive() {
    for (seen_before, waited_s, held_for_s, is_done) in [
        // The writer will see the change.
        (false, 0, 1, true),
        // The message was delivered again: its writer may be the one that holds the lease, and be dead.
        (true, 0, 0, false),
        (true, 0, 40, false),
        // The lease is older than the wait, so it is still that of the writer that may be dead.
        (true, 30, 36, false),
        // Several messages of the call have waited for the lease to run out, and one of them has it now.
        (true, 120, 0, true),
    ] {
        let [waited, held_for] = [waited_s, held_for_s].map(Duration::from_secs);
        assert_eq!(
            not_claimed(seen_before, waited, held_for).is_ok(),
            is_done,
            "{seen_before}, {waited_s}, {held_for_s}"
        );
    }
}

//! Times that are stored in the ledger, or compared with stored ones, are the database's: the clocks of two machines differ. A worker
//! five seconds ahead once dated a decision later than what came after it, and the call was lost.
//!
//! So no source reads the clock of its machine, except where it is listed here with the reason why that time is never compared
//! with one of another clock. Time that passes is measured by `Instant`, which this test does not concern.

use std::collections::BTreeMap;

use crate::sources;

/// Crate, module, how often it reads the machine's clock, and why that is right.
const EXCEPTIONS: &[(&str, &str, usize, &str)] = &[
    ("base", "telemetry", 1, "a metric"),
    ("vendors", "api::wait", 1, "only if an answer of the API has no date of its own"),
    ("broker", "amqp::message", 3, "headers for people; no program compares them"),
    (
        "broker",
        "event",
        3,
        "the age of a ringing call, from ingest to the card, the time of our own facts, which nothing orders, and an age of \
         minutes, for which at worst one request more is sent",
    ),
    ("ingest", "aircall", 1, "only if an event has no time; events are dated by Aircall's clock"),
    ("ingest", "reconcile", 1, "only if an answer has no date; views are dated by Aircall's clock"),
    ("ingest", "sellsy", 1, "a hint, whose time nothing compares"),
    ("logger", "writer::claim", 1, "compared with the same clock, to notice that the machine slept"),
    ("ops", "backfill", 1, "what the operator means by a day ago"),
    ("ops", "budget", 1, "shown to people"),
    ("ops", "check::aircall", 1, "this machine's clock is what is checked"),
    ("ops", "check::clock", 1, "this machine's clock is what is checked"),
    ("ops", "check::database", 1, "this machine's clock is what is checked"),
    ("ops", "check::sellsy", 1, "this machine's clock is what is checked"),
    ("ops", "console::auth::oidc", 1, "compared with the identity provider's clock, with a minute of tolerance"),
    ("ops", "console::call", 3, "ages shown to people, and whether the page reloads itself"),
    ("ops", "console::checked", 1, "ages shown to people"),
    ("ops", "console::dead", 2, "ages shown to people"),
    ("ops", "console::directory", 2, "ages shown to people"),
    ("ops", "console::followups", 1, "ages shown to people"),
    ("ops", "console::letter", 1, "ages shown to people"),
    ("ops", "console::jobs", 1, "when a job of this console ended, shown to people"),
    ("ops", "dead::act", 2, "ages shown to people"),
    ("ops", "dead::print", 2, "ages shown to people"),
    ("ops", "directory", 1, "ages shown to people"),
];

#[test]
fn only_the_clock_of_the_database_dates_what_is_stored() {
    let mut found = BTreeMap::new();
    for name in sources::SHARED.into_iter().chain(sources::WORKERS).chain(["ops"]) {
        for (module, file) in sources::of(name) {
            let reads = file.paths.iter().filter(|path| reads_a_clock(path)).count();
            if reads > 0 {
                found.insert((name.to_owned(), module.join("::")), reads);
            }
        }
    }
    let listed: BTreeMap<_, _> = EXCEPTIONS
        .iter()
        .map(|(name, module, reads, _)| ((String::from(*name), String::from(*module)), *reads))
        .collect();
    let unlisted: Vec<_> = found.iter().filter(|(place, reads)| listed.get(place) != Some(reads)).collect();
    let outdated: Vec<_> = listed.iter().filter(|(place, reads)| found.get(place) != Some(reads)).collect();
    assert!(
        unlisted.is_empty() && outdated.is_empty(),
        "the machine's clock is read in {unlisted:?}, and the exceptions are {outdated:?}: stored times are written and compared \
         in SQL by now(), or with base::db::Client::now"
    );
}

/// `Timestamp::now`, `SystemTime::now` and the like, called or handed on; not `Instant::now`.
fn reads_a_clock(path: &[String]) -> bool {
    matches!(path, [.., clock, now] if now == "now" && ["Timestamp", "SystemTime", "Zoned", "Utc"].contains(&clock.as_str()))
}

#[test]
fn every_way_to_read_a_clock_is_seen() {
    let file = sources::read(
        "fn f() { Timestamp::now(); at.unwrap_or_else(jiff::Timestamp::now); std::time::SystemTime::now(); Instant::now(); }",
    );
    assert_eq!(file.paths.iter().filter(|path| reads_a_clock(path)).count(), 3);
}

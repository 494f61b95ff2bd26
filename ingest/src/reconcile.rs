//! Reconciliation: compares Aircall's list of calls with the ledger and brings in what no webhook brought.
//!
//! A [`Walk`] goes through the calls that started in a window of time, page by page, oldest first. A call that has ended
//! but is unknown here, or known without its end, tags, notes or recording, becomes a `call.ended` fact, which is accepted
//! in the same way as a webhook ([`Door::accept`]). Every later step is level-triggered, so one fact too many changes
//! nothing. For each call that was brought in, a digest of what the list showed is stored; as long as the digest is the same,
//! the call is not brought in again.
//!
//! It is slow on purpose. Requests use the background lane, and a walk waits while many of the calls that it brought in are
//! not logged yet, because they wait in the same queues as today's calls.
//!
//! `turns` is what ingest does regularly; `callbridge backfill` does the same for any window.

mod rules;
pub(crate) mod turns;

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use base::{
    db::Database,
    error::{Code, Error, Result},
    ids::CallId,
    settings,
};
use broker::{amqp::Publisher, event::Event};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use ledger::reconciliation;
use serde_json::value::to_raw_value;
use tokio::time;
use vendors::{
    aircall::{Aircall, wire::Call},
    budget::Lane,
};

use crate::door::Door;
pub use rules::Lack;
use rules::{Place, Verdict};

/// The walk waits while this many of the calls that were brought in are not logged yet.
const MOST_UNSETTLED: i64 = 50;
/// After this long it goes on all the same: perhaps no worker runs, and the facts are safe in their queue.
const UNSETTLED_FOR: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Aircall lists calls of the last six months only: nothing before this moment can be listed.
pub fn earliest(now: Timestamp) -> Timestamp {
    now.to_zoned(TimeZone::UTC).checked_sub(6.months()).map_or(now, |then| then.timestamp())
}

/// A view is dated by its request: what changed between request and answer must count as newer.
fn dated(asked_at: Option<Timestamp>) -> Timestamp {
    asked_at.unwrap_or_else(Timestamp::now)
}

#[derive(Clone)]
pub struct Reconciler {
    pub database: Database,
    pub aircall: Aircall,
    door: Door,
    /// Empty means all.
    number_ids: Vec<i64>,
}

/// The progress of going through the calls that started before `until`.
#[derive(Debug)]
pub struct Walk {
    next: Option<Place>,
    until: Timestamp,
    last_started: Timestamp,
    /// When the earliest call started that is still open: the next turn has to look at it again.
    open_since: Option<Timestamp>,
    pub how: How,
    pub tally: Tally,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    /// Only count what would be brought in.
    pub dry_run: bool,
    /// Also bring in what was brought in before.
    pub again: bool,
    /// Also bring in calls without a log although all is known: their message is parked, is queued, or was lost with the
    /// broker. Not for the regular turns, which would double the messages of every backlog.
    pub logs_too: bool,
}

/// What a walk has found. A call that appears on two lists is counted twice.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub listed: u64,
    pub open: u64,
    pub brought: BTreeMap<Lack, u64>,
}

impl Tally {
    pub fn brought_in(&self) -> u64 {
        self.brought.values().sum()
    }
}

impl Walk {
    pub fn new(from: Timestamp, until: Timestamp, how: How) -> Self {
        let next = Some(Place::beginning(from.as_second()));
        Self { next, until, last_started: from, open_since: None, how, tally: Tally::default() }
    }

    /// All calls that started before this need not be looked at again.
    pub fn reached(&self) -> Timestamp {
        let reached = if self.next.is_none() { self.until } else { self.last_started };
        self.open_since.map_or(reached, |open| open.min(reached))
    }
}

impl Reconciler {
    pub fn new(settings: &settings::Aircall, database: Database, publisher: Publisher, aircall: &Aircall) -> Self {
        let door = Door::new(publisher, database.clone());
        Self { database, aircall: aircall.on(Lane::Background), door, number_ids: settings.number_ids.clone() }
    }

    /// Handles one page of the list; after a failure, the next step repeats that page. False after the last page.
    pub async fn step(&self, walk: &mut Walk) -> Result<bool> {
        let Some(place) = walk.next.clone() else { return Ok(false) };
        let (listing, asked_at) = self.aircall.calls(place.from, walk.until.as_second(), place.page.as_deref()).await?;
        let asked_at = dated(asked_at);
        let calls = &listing.items;
        walk.tally.listed += calls.len() as u64;
        self.handle_page(calls, asked_at, walk).await?;
        let last = calls.iter().filter_map(|call| call.started_at).next_back();
        walk.last_started = last.map_or(walk.last_started, |last| last.max(walk.last_started));
        walk.next = place.after(last.map(Timestamp::as_second), listing.meta.next_page_link.as_deref());
        Ok(walk.next.is_some())
    }

    /// Calls that a list does not have, one by one.
    async fn look_at(&self, ids: &[i64], walk: &mut Walk) -> Result<()> {
        for id in ids {
            if let Some((call, asked_at)) = self.aircall.call_dated(CallId(*id)).await? {
                walk.tally.listed += 1;
                self.handle_page(&[call], dated(asked_at), walk).await?;
            }
        }
        Ok(())
    }

    async fn handle_page(&self, calls: &[Call], asked_at: Timestamp, walk: &mut Walk) -> Result<()> {
        let mut seen = HashSet::new();
        let calls: Vec<&Call> =
            calls.iter().filter(|call| call.is_on(&self.number_ids) && seen.insert(call.id)).collect();
        let ids: Vec<i64> = calls.iter().map(|call| call.id).collect();
        let mut known = reconciliation::known(&self.database.client().await?, &ids).await?;
        if walk.how.again {
            known.values_mut().for_each(|known| known.reconciled_view = None);
        }
        let mut lacking = Vec::new();
        for call in calls {
            match rules::judge(call, known.get(&call.id), asked_at, walk.how.logs_too) {
                Verdict::Settled => {}
                Verdict::Open => {
                    walk.tally.open += 1;
                    let started = call.started_at.unwrap_or(asked_at);
                    walk.open_since = Some(walk.open_since.map_or(started, |open| open.min(started)));
                }
                Verdict::Lacks(lack) => {
                    *walk.tally.brought.entry(lack).or_default() += 1;
                    lacking.push((call, lack));
                }
            }
        }
        if walk.how.dry_run || lacking.is_empty() {
            return Ok(());
        }
        self.bring_in(&lacking, asked_at).await?;
        self.keep_pace().await
    }

    /// Publishes the facts first and notes them afterwards: after a crash in between, they are published once more.
    async fn bring_in(&self, lacking: &[(&Call, Lack)], asked_at: Timestamp) -> Result<()> {
        let fact = |(call, _): &(&Call, Lack)| {
            let payload = to_raw_value(call).map_err(|e| Error::malformed("the call", &e))?;
            let event = Event::new("call.ended", CallId(call.id), asked_at, payload);
            Ok(Event { reconciled: true, ..event })
        };
        let events = lacking.iter().map(fact).collect::<Result<Vec<_>>>()?;
        if self.door.accept(&events).await.is_err() {
            let problem = "neither the broker nor the database can store what was found";
            return Err(Error::retry(Code::BrokerUnavailable, problem));
        }
        let (ids, views): (Vec<i64>, Vec<String>) =
            lacking.iter().map(|(call, _)| (call.id, rules::view(call))).unzip();
        reconciliation::note_brought(&self.database.client().await?, &ids, &views).await?;
        for (call, lack) in lacking {
            tracing::info!(
                call_id = call.id,
                lack = lack.as_str(),
                "Reconciliation found a call of which webhooks had not brought everything."
            );
            metrics::counter!("callbridge_reconciled_total", "lack" => lack.as_str()).increment(1);
        }
        Ok(())
    }

    async fn keep_pace(&self) -> Result<()> {
        let settled = async {
            while reconciliation::unsettled(&self.database.client().await?).await? >= MOST_UNSETTLED {
                time::sleep(LOOK_EVERY).await;
            }
            Ok(())
        };
        time::timeout(UNSETTLED_FOR, settled).await.unwrap_or(Ok(()))
    }
}

//! Reconciliation: Aircall's list of calls against the ledger, for what no webhook brought.
//!
//! A [`Walk`] goes through the calls that started in some window, page by page and oldest first. A call that has ended but
//! is not known here, or not with its end, tags, notes or recording, becomes a `call.ended` fact, which goes through the
//! same door as a webhook. All that follows is level-triggered, so one fact too many changes nothing. What was brought
//! in is written down with a digest of what the list showed, and is not brought in again as long as that is the same.
//!
//! It goes slowly. Requests take the background lane, and a walk waits while many of the calls that it brought in are not
//! logged yet, because they stand in the same queues as the calls of the moment.
//!
//! `turns` is what ingest does by itself; `callbridge backfill` does the same for any window.

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

/// Calls that were brought in and are not logged yet: more wait until there are fewer.
const MOST_UNSETTLED: i64 = 50;
/// After so long it goes on all the same: perhaps no worker runs, and the facts are safe in their queue.
const UNSETTLED_FOR: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Aircall keeps calls for so long: nothing before this moment can be listed.
pub fn earliest(now: Timestamp) -> Timestamp {
    now.to_zoned(TimeZone::UTC).checked_sub(6.months()).map_or(now, |then| then.timestamp())
}

#[derive(Clone)]
pub struct Reconciler {
    pub database: Database,
    pub aircall: Aircall,
    door: Door,
    /// Empty means all.
    number_ids: Vec<i64>,
}

/// Where somebody is who goes through the calls that started before `until`.
#[derive(Debug)]
pub struct Walk {
    next: Option<Place>,
    until: Timestamp,
    last_started: Timestamp,
    /// When the earliest call started that the next turn has to look at again.
    open_since: Option<Timestamp>,
    pub how: How,
    pub tally: Tally,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    /// Only tell what would be brought in.
    pub dry_run: bool,
    /// Also what was brought in before.
    pub again: bool,
    /// Also what has no log although all is known: its message is parked, waits, or is lost with the broker. Not for the
    /// turns, which would double the messages of every backlog.
    pub logs_too: bool,
}

/// What was found on a walk. A call that two lists show is counted twice.
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

    /// All calls that started before this have been dealt with for good.
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

    /// Deals with one page of the list; after a failure the same page is next. False when there is no more.
    pub async fn step(&self, walk: &mut Walk) -> Result<bool> {
        let Some(place) = walk.next.clone() else { return Ok(false) };
        // A view of a call is as old as the question for it.
        let asked_at = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_else(|_| Timestamp::now());
        let listing = self.aircall.calls(place.from, walk.until.as_second(), place.page.as_deref()).await?;
        let calls = &listing.items;
        walk.tally.listed += calls.len() as u64;
        self.deal_with(calls, asked_at, walk).await?;
        let last = calls.iter().filter_map(|call| call.started_at).next_back();
        walk.last_started = last.map_or(walk.last_started, |last| last.max(walk.last_started));
        walk.next = place.after(last.map(Timestamp::as_second), listing.meta.next_page_link.as_deref());
        Ok(walk.next.is_some())
    }

    async fn deal_with(&self, calls: &[Call], asked_at: Timestamp, walk: &mut Walk) -> Result<()> {
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

    /// First the facts, then the note that they are there: after a crash in between they come once more.
    async fn bring_in(&self, lacking: &[(&Call, Lack)], asked_at: Timestamp) -> Result<()> {
        let fact = |(call, _): &(&Call, Lack)| {
            let payload = to_raw_value(call).map_err(|e| Error::malformed("the call", &e))?;
            let event = Event::new("call.ended", CallId(call.id), asked_at, payload);
            Ok(Event { reconciled: true, ..event })
        };
        let events = lacking.iter().map(fact).collect::<Result<Vec<_>>>()?;
        if self.door.accept(&events).await.is_err() {
            let problem = "neither the broker nor the database can hold what was found";
            return Err(Error::retry(Code::BrokerUnavailable, problem));
        }
        let (ids, views): (Vec<i64>, Vec<String>) =
            lacking.iter().map(|(call, _)| (call.id, rules::view(call))).unzip();
        reconciliation::note_brought(&self.database.client().await?, &ids, &views).await?;
        for (call, lack) in lacking {
            tracing::info!(call_id = call.id, lack = lack.as_str(), "A call was found that no webhook told all of.");
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

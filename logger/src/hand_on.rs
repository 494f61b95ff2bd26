//! Hands on calls for which something is left to do although their message was lost.
//!
//! The ledger knows them (`ledger::calls::overdue`). One replica at a time looks for them. What it publishes is what a
//! worker would have published, so it does no harm if the message was not lost after all.

use std::time::Duration;

use base::{
    db::Database,
    error::{Error, Result},
    ids::CallId,
    trace::Traceparent,
};
use broker::{
    amqp::{Destination, Outgoing, Publisher},
    event::{CALL_RESOLVED, DIRECTORY_CHANGED, Event, RecordHint, Resolved},
};
use jiff::Timestamp;
use ledger::{
    calls::{self, CallRow, Decision, Overdue},
    timeline::{self, Entry, What},
};
use tokio::time::{self, Instant};
use vendors::aircall::wire::Call;

use crate::plan;

const CALL_ENDED: &str = "call.ended";
/// How often the ledger is asked.
const EVERY: Duration = Duration::from_secs(5);
const BATCH: usize = 200;
/// How often the other calls of transfers are looked for.
const PAIR_EVERY: Duration = Duration::from_secs(15);
/// A call that kills its workers is not handed on for ever.
const MOST: i16 = 3;

pub(crate) async fn run(database: Database, publisher: Publisher) {
    let mut paired = Instant::now();
    loop {
        time::sleep(EVERY).await;
        database.available().await;
        publisher.available().await;
        if paired.elapsed() >= PAIR_EVERY {
            paired = Instant::now();
            if let Err(e) = pair(&database).await {
                tracing::warn!(error = %e, "The other calls of transfers could not be looked for; it is tried again.");
            }
        }
        match turn(&database, &publisher).await {
            Ok(0) => {}
            Ok(calls) => tracing::warn!(calls, "The messages of some calls were lost; the ledger has handed them on."),
            Err(e) => tracing::warn!(error = %e, "Overdue calls could not be handed on; it is tried again."),
        }
    }
}

/// Finds the other calls of transfers; not while another replica is doing this.
async fn pair(database: &Database) -> Result<()> {
    if calls::any_unpaired(&database.client().await?).await?
        && let Some(client) = database.lock("pairs", Duration::ZERO).await?
    {
        calls::pair(&client).await?;
    }
    Ok(())
}

/// Returns how many calls were handed on; 0 also while another replica is doing this.
async fn turn(database: &Database, publisher: &Publisher) -> Result<usize> {
    if !calls::any_overdue(&database.client().await?).await? {
        return Ok(0);
    }
    let Some(client) = database.lock("hand on", Duration::ZERO).await? else { return Ok(0) };
    let mut handed_on = 0;
    loop {
        let mut overdue = calls::overdue(&client, BATCH as i64).await?;
        // A broker that was lost has taken its dead letters with it, and nobody can replay them.
        if overdue.iter().any(|call| call.parked)
            && publisher.count_dead().await?.iter().all(|(_, letters)| *letters == 0)
        {
            for call in overdue.iter_mut().filter(|call| call.parked) {
                calls::has_no_dead_letters(&client, call.row.call_id).await?;
                call.parked = false;
            }
        }
        for call in &overdue {
            let (call_id, facts) = (call.row.call_id, facts(call));
            if facts.is_empty() {
                calls::handed_on(&client, call_id, call.hand_ons, false).await?;
            } else if call.hand_ons >= MOST {
                tracing::error!(
                    call_id = call_id.0,
                    "A call was handed on {MOST} times, and no worker has finished with it."
                );
                calls::handed_on(&client, call_id, call.hand_ons, true).await?;
            } else {
                for fact in facts {
                    publish(publisher, call_id, call, fact).await?;
                }
                // If a person has moved the call or asked for its log, or the other call of a transfer was found, nothing was lost: there was no message.
                if !call.row.moved && !call.row.asked && call.row.other_call.is_none() {
                    timeline::add(&client, call_id, [Entry::new("logger", What::HandedOn {})]).await?;
                    handed_on += 1;
                }
                calls::handed_on(&client, call_id, call.hand_ons + 1, false).await?;
            }
        }
        if overdue.len() < BATCH {
            return Ok(handed_on);
        }
    }
}

/// What to publish.
#[derive(Debug, PartialEq)]
enum Fact<'a> {
    /// The call has ended and is not decided.
    Ended(&'a Call),
    /// The call is decided. The log, or a change of it, may be missing.
    Resolved,
    /// The caller has to be looked up again.
    LookUpAgain(RecordHint),
    /// An insight event of this kind came. What it carried is lost, so the insight is fetched from Aircall.
    Insight(&'a str),
}

/// What to publish about a call for which something was left to do for too long.
fn facts(overdue: &Overdue) -> Vec<Fact<'_>> {
    let CallRow { snapshot, decision, .. } = &overdue.row;
    let of_the_call = match decision {
        Decision::Erased => return Vec::new(),
        // A dead letter is replayed or dropped by an operator. A change that is due has a message of its own.
        // Nor is a call kept back that a person has moved, or asked for: there is no message that could be parked.
        _ if overdue.parked
            && !overdue.row.moved
            && !overdue.row.asked
            && overdue.row.stored().is_none_or(|log| log.due_in.is_none()) =>
        {
            None
        }
        // A call that has not ended, or has no view yet, is brought in by reconciliation.
        Decision::Undecided => snapshot.as_ref().filter(|call| call.has_ended()).map(Fact::Ended),
        Decision::Reopened(resolution) => plan::hint(resolution).map(Fact::LookUpAgain),
        Decision::Final { .. } => Some(Fact::Resolved),
    };
    let insights = overdue.insights_awaited.iter().map(|kind| Fact::Insight(kind));
    of_the_call.into_iter().chain(insights).collect()
}

async fn publish(publisher: &Publisher, call_id: CallId, overdue: &Overdue, fact: Fact<'_>) -> Result<()> {
    let trace = Traceparent::for_call(call_id);
    match fact {
        Fact::Ended(call) => publish_end(publisher, call_id, call, overdue.seen_at.unwrap_or_default()).await,
        Fact::Insight(kind) => publisher.fact(kind, call_id, &serde_json::json!({}), trace).await,
        Fact::LookUpAgain(hint) => publisher.fact(DIRECTORY_CHANGED, call_id, &hint, trace).await,
        Fact::Resolved => {
            let record = match &overdue.row.decision {
                Decision::Final { resolution, .. } => plan::hint(resolution),
                _ => None,
            };
            publisher.fact(CALL_RESOLVED, call_id, &Resolved { record, ..Resolved::default() }, trace).await
        }
    }
}

/// The end of a call as Aircall would send it once more.
pub(crate) async fn publish_end(publisher: &Publisher, call_id: CallId, call: &Call, at: Timestamp) -> Result<()> {
    let payload = serde_json::value::to_raw_value(call).map_err(|e| Error::malformed("a stored view", &e))?;
    let ended = Event::new(CALL_ENDED, call_id, at, payload);
    let outgoing = Outgoing::event(&ended, Traceparent::for_call(call_id))?;
    publisher.publish(Destination::Events { kind: CALL_ENDED }, &outgoing).await
}

#[cfg(test)]
mod tests;

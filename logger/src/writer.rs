//! Carries out what the plan says about the log of a call.
//!
//! [`plan`] decides, from the call's row and from the result of the last step. This file has the lease, the row and the
//! loop around the plan; the steps are in `writer/steps.rs`, how the work ends in `writer/ends.rs`.
//!
//! What if the process dies at an await? Before a request nothing has happened. From the recorded intent until the
//! ledger knows the answer, the outcome is unclear: the next attempt waits until the request has certainly ended. Then it
//! looks for our marker on the record and adopts the log that it finds, or writes the whole log again. Two messages of
//! one call never write at once: the second finds the lease taken and leaves its change to the worker that holds it. If
//! that worker may have died, which a redelivery indicates, the message comes back later instead.
//!
//! A change of an existing log waits a while for others. The message that noticed the change carries it: that message
//! goes through the delay queues and writes when the time has come, and the messages of later changes have nothing to
//! do. If the process dies, the message comes back as a redelivery, and a message that came back also carries the
//! change.

mod claim;
mod ends;
mod left_out;
mod steps;
mod stranded;

use std::{sync::Arc, time::Duration};

use base::{
    db::Database,
    error::{Code, Error, Remedy, Result},
    ids::{CallId, Stage},
    trace::Traceparent,
};
use broker::{
    amqp::{Handler, Incoming, Outcome, Publisher},
    event::{CALL_INSIGHTS, CALL_RESOLVED, Event, Resolved},
};
use ledger::{
    calls::{self, AsLeft, CallRow, Claimed, Claiming, Part, Record, Snapshot, Take, TakenAndClaimed},
    insight::Insight,
    timeline::Reason,
    together::Together,
};
use tokio::time;
use vendors::{
    aircall::wire::Call,
    sellsy::wire::{PhoneCall, PhoneCallCreate},
};

use crate::{
    forms::Forms,
    owners::Owners,
    plan::{self, Action, Context, News, Progress},
    reader::Reader,
    render::Renderer,
    tags::Tags,
};

pub(crate) use claim::Claim;
pub(crate) use left_out::LeftOut;
pub(crate) use stranded::Stranded;
pub(crate) use stranded::Unreleased;

/// The message of a decision looks this often whether the lease is free, because tags or notes that come in the same moment
/// hold it for some milliseconds only.
const LOOKS_MS: [u64; 5] = [50, 100, 200, 400, 800];
/// Then it comes back after this time.
const HELD: Duration = Duration::from_secs(5);

/// The messages of the logger's own queue.
pub(crate) struct Logged(pub(crate) Arc<Writer>);

pub(crate) struct Writer {
    pub(crate) database: Database,
    pub(crate) publisher: Publisher,
    pub(crate) forms: Forms,
    pub(crate) reader: Reader,
    pub(crate) owners: Owners,
    pub(crate) tags: Tags,
    pub(crate) left_out: LeftOut,
    pub(crate) renderer: Renderer,
    /// How far apart changes of logs are written.
    pub(crate) updates_every: Duration,
    pub(crate) stranded: Stranded,
    pub(crate) takes: Together<Take>,
    pub(crate) records: Together<Record>,
}

/// What the handling of a message works with.
#[derive(Clone, Copy)]
struct Work<'a> {
    claim: &'a Claim,
    row: &'a CallRow,
    trace: Traceparent,
    carries: bool,
    news: News,
}

/// The log that a call should have, and what was found out about the one in Sellsy.
struct Draft {
    log: PhoneCallCreate,
    /// As it stands, if it was read.
    stands: Option<PhoneCall>,
    /// Why it has not the topic that its tags mean.
    without_topic: Option<Reason>,
    written: Wrote,
}

/// What a write has left in Sellsy.
#[derive(Default)]
struct Wrote {
    left: Option<AsLeft>,
    /// What a person was found to have changed.
    theirs: Vec<Part>,
    /// Nothing had to be sent.
    is_as_wanted: bool,
}

impl Draft {
    fn new(log: PhoneCallCreate, without_topic: Option<Reason>) -> Self {
        Self { log, stands: None, without_topic, written: Wrote::default() }
    }
}

/// How the work on a row has ended, and the row read again if it has changed meanwhile.
type Ended = (Outcome, Option<CallRow>);

impl Handler for Logged {
    async fn handle(&self, message: &Incoming) -> Result<Outcome> {
        let call_id = message.event.call_id;
        let (claim, before) = self.0.begin(call_id);
        let handled = Box::pin(self.0.take_in(&claim, &before, message)).await;
        self.0.finish(call_id, claim, before, handled).await
    }
}

impl Writer {
    /// A claim that is still to be made, and what earlier work on the call has left unreleased.
    pub(crate) fn begin(&self, call_id: CallId) -> (Claim, Unreleased) {
        let before = self.stranded.remove(call_id);
        (Claim::new(before.last_request), before)
    }

    /// After a failure the lease is released, or kept for the call's next message; so are those from before, if this work has not taken them over.
    pub(crate) async fn finish(
        &self,
        call_id: CallId,
        claim: Claim,
        mut before: Unreleased,
        handled: Result<Outcome>,
    ) -> Result<Outcome> {
        if handled.is_err() && self.give_back(&claim, call_id).await.is_err() {
            before.leases.push(claim.lease);
            before.last_request = claim.last_request();
            self.stranded.keep(call_id, before);
        } else if !claim.is_granted() && !before.leases.is_empty() {
            self.stranded.keep(call_id, before);
        }
        handled
    }

    /// Stores what the message itself brings in the ledger, also if it comes back: a ledger that was set back meanwhile may have lost that. Then
    /// works on the call.
    async fn take_in(&self, claim: &Claim, unreleased: &Unreleased, message: &Incoming) -> Result<Outcome> {
        let (event, news) = (&message.event, news(&message.event, message.begun)?);
        let leaves = !message.seen_before;
        // No connection is held while the call is worked on, which may mean to wait for Sellsy.
        match event.kind.as_str() {
            CALL_RESOLVED => {}
            CALL_INSIGHTS => {
                let insight: Insight = event.payload()?;
                let waits = calls::add_insight(&self.database.client().await?, event.call_id, &insight).await?;
                if waits && leaves {
                    return Ok(Outcome::Done);
                }
            }
            kind => {
                let call: Call = event.payload()?;
                let view = Snapshot::new(kind, event.occurred_at, &call).noted(message.is_noted());
                let claiming = self.claiming(claim, unreleased, news, leaves);
                let taken =
                    calls::take_in_and_claim(&self.takes, Stage::Logger, event.call_id, &view, None, &claiming).await?;
                message.set_noted();
                let skip = |why: Reason| Ok(Outcome::Skip(Reason::NotWritten(why.into())));
                match taken {
                    TakenAndClaimed::Erased => return skip(Reason::Erased),
                    TakenAndClaimed::Undecided => return skip(Reason::NotResolved),
                    TakenAndClaimed::Waits => return Ok(Outcome::Done),
                    TakenAndClaimed::Merged => {}
                    TakenAndClaimed::Claimed { claimed, .. } => {
                        return self.claimed(claim, unreleased, claimed, message, news).await;
                    }
                }
            }
        }
        self.claim_and_settle(claim, unreleased, message, news).await
    }

    /// `leaves`: the message carries no change that was put off before.
    pub(crate) fn claiming<'a>(
        &self,
        claim: &Claim,
        unreleased: &'a Unreleased,
        news: News,
        leaves: bool,
    ) -> Claiming<'a> {
        Claiming {
            lease: claim.lease,
            ours: &unreleased.leases,
            sent: unreleased.last_request.sent(),
            // No other message creates a log without looking for one.
            form: self.forms.allowed().new_log().ok().filter(|_| news == News::FirstDecision),
            leaves,
        }
    }

    pub(crate) async fn claim_and_settle(
        &self,
        claim: &Claim,
        unreleased: &Unreleased,
        message: &Incoming,
        news: News,
    ) -> Result<Outcome> {
        let claimed = self.claim(claim, unreleased, message.event.call_id, news).await?;
        self.claimed(claim, unreleased, claimed, message, news).await
    }

    async fn claim(&self, claim: &Claim, unreleased: &Unreleased, call_id: CallId, news: News) -> Result<Claimed> {
        let client = self.database.client().await?;
        calls::claim(&client, call_id, &self.claiming(claim, unreleased, news, false)).await
    }

    pub(crate) async fn claimed(
        &self,
        claim: &Claim,
        unreleased: &Unreleased,
        mut claimed: Claimed,
        message: &Incoming,
        news: News,
    ) -> Result<Outcome> {
        let call_id = message.event.call_id;
        if news.is_decision() && matches!(claimed, Claimed::Held { .. }) && self.is_soon_free(call_id).await? {
            claimed = self.claim(claim, unreleased, call_id, news).await?;
        }
        match claimed {
            Claimed::Ours(row) => {
                claim.granted(&row);
                self.settle(claim, *row, message, news).await
            }
            // The holder does not create the log if its own message is about something else ([`plan`]), so this one is kept.
            Claimed::Held { .. } if news.is_decision() => {
                let remedy = Remedy::Defer { after: HELD };
                Err(Error::new(Code::CallBusy, remedy, "another worker holds this call"))
            }
            Claimed::Held { age } => {
                plan::not_claimed(message.seen_before, message.waited(), age).map(|()| Outcome::Done)
            }
            Claimed::NoCall => {
                plan::not_claimed(message.seen_before, Duration::ZERO, Duration::ZERO).map(|()| Outcome::Done)
            }
        }
    }

    /// Waits a moment for the holder of the lease; a look costs no write.
    async fn is_soon_free(&self, call_id: CallId) -> Result<bool> {
        for pause in LOOKS_MS {
            time::sleep(Duration::from_millis(pause)).await;
            if calls::is_free(&self.database.client().await?, call_id).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Releases the lease after a failure; does nothing if the lease was never ours.
    async fn give_back(&self, claim: &Claim, call_id: CallId) -> Result<()> {
        let client = self.database.client().await?;
        calls::abandon(&client, claim.lease, call_id, claim.last_request().sent()).await
    }

    /// Works on the row until it no longer changes meanwhile.
    async fn settle(&self, claim: &Claim, mut row: CallRow, message: &Incoming, news: News) -> Result<Outcome> {
        if let Some(hint) = plan::hint_again(&row, message.seen_before) {
            self.look_up_again(row.call_id, hint, message.trace).await?;
        }
        let mut carries = message.seen_before;
        loop {
            let (outcome, changed) = self.work(Work { claim, row: &row, trace: message.trace, carries, news }).await?;
            carries |= matches!(outcome, Outcome::Later(_));
            match changed {
                Some(changed) => row = changed,
                None => return Ok(outcome),
            }
        }
    }

    /// Carries out one step after the other, until the work has ended.
    async fn work(&self, work: Work<'_>) -> Result<Ended> {
        let ready = match plan::ready(work.row) {
            Ok(ready) => ready,
            Err(why) if self.is_decided_anew(work.row, &why).await? => return self.ended(work, Outcome::Done).await,
            Err(why) => return self.ended(work, Outcome::Skip(Reason::NotWritten(why.into()))).await,
        };
        let mut log = self.render(work.row, &ready).await?;
        let without_topic = self.tags.apply(ready.call, &mut log).await?;
        let mut draft = Draft::new(log, without_topic);
        let mut progress = Progress::Rendered(&draft.log);
        loop {
            let context = Context {
                carries: work.carries,
                news: work.news,
                allowed: self.forms.allowed(),
                contested: self.forms.is_contested(),
            };
            match plan::plan(work.row, &context, progress) {
                Action::Step(step) => {
                    progress = Progress::Answered(self.step(work, &ready, &mut draft, step).await?);
                }
                Action::End(end) => return self.end(work, draft, end).await,
            }
        }
    }
}

/// `begun`: a handler may have done part of the work.
pub(crate) fn news(fact: &Event, begun: bool) -> Result<News> {
    if fact.kind != CALL_RESOLVED {
        return Ok(News::Other);
    }
    let is_first = !begun && fact.payload::<Resolved>()?.first;
    Ok(if is_first { News::FirstDecision } else { News::Decision })
}

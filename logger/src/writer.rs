//! Writes the log of a call: creates it once, updates it when the call has changed, or leaves it alone.
//!
//! What if we die at any await? Before the POST nothing has happened. From the recorded intent until the ledger knows
//! the new id, the end is unclear: the next try looks for our marker on the record and adopts what it finds ([`create`]).
//! After that an update can be repeated at will, because it always carries the whole log ([`update`]). Two messages of
//! one call never write at once: the second finds the lease taken and leaves its change to whoever holds it. If its
//! holder may have died, which a redelivery tells, it comes back later instead.
//!
//! A change of a log that is there waits a while for others. The message that noticed it carries it: it goes through
//! the delay queues and writes when the time has come, and the messages of later changes have nothing to do. Its death
//! brings it back as a redelivery, and whatever came back carries.

mod create;
mod stranded;
mod update;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use base::{
    db::Database,
    error::{Code, Error, Result},
    ids::{CallId, Stage},
    trace::Traceparent,
};
use broker::{
    amqp::{Handler, Incoming, Outcome, Publisher},
    event::{CALL_INSIGHTS, CALL_RESOLVED, DIRECTORY_CHANGED, RecordHint},
};
use ledger::{
    calls::{self, Lease, Loggable, Snapshot},
    form::LogForm,
    insight::Insight,
    timeline::{self, Entry},
};
use vendors::{aircall::wire::Call, sellsy::wire::PhoneCallCreate};

use crate::{
    forms::{self, Forms},
    gather,
    owners::Owners,
    render::{self, Ready, Renderer},
};

use stranded::Left;
pub(crate) use stranded::Stranded;

pub(crate) struct Writer {
    pub(crate) database: Database,
    pub(crate) publisher: Publisher,
    pub(crate) forms: Forms,
    pub(crate) owners: Owners,
    pub(crate) renderer: Renderer,
    pub(crate) stranded: Stranded,
}

/// The right to write a call's log.
struct Hold {
    lease: Lease,
    /// An intent stands that is ours, and nothing has been sent for it.
    unsent: AtomicBool,
}

/// One call in hand: the right to write, its row, and the log that it should have.
struct Work<'a> {
    hold: &'a Hold,
    row: &'a Loggable,
    log: PhoneCallCreate,
    trace: Traceparent,
}

/// How the work on a row has ended.
enum Step {
    /// The lease is still ours.
    Ended(Outcome),
    /// With a write, and the lease was given back with the noting of it; or the row as it has become meanwhile.
    Written(Option<Box<Loggable>>),
}

impl Handler for Writer {
    async fn handle(&self, message: &Incoming) -> Result<Outcome> {
        let call_id = message.event.call_id;
        // What was put off has been taken in; once more would only be one more line on the timeline.
        if !message.delayed && !self.take_in(message).await? {
            return Ok(Outcome::Skip(format!("not written: {}", calls::ERASED)));
        }
        let mut left = self.stranded.take(call_id);
        let hold = Hold { lease: Lease::fresh(), unsent: AtomicBool::new(left.unsent) };
        let handled = Box::pin(self.claim_and_settle(&hold, &left, message)).await;
        if handled.is_err() && self.give_back(&hold, call_id).await.is_err() {
            left.leases.push(hold.lease);
            left.unsent = hold.unsent.into_inner();
            self.stranded.keep(call_id, left);
        }
        handled
    }
}

impl Writer {
    /// What the message itself brings into the ledger. False when the data of this call were deleted.
    async fn take_in(&self, message: &Incoming) -> Result<bool> {
        let event = &message.event;
        let client = self.database.client().await?;
        match event.kind.as_str() {
            CALL_RESOLVED => Ok(true),
            CALL_INSIGHTS => {
                let insight: Insight = event.payload()?;
                calls::add_insight(&client, event.call_id, &insight).await?;
                Ok(true)
            }
            kind => {
                let call: Call = event.payload()?;
                calls::apply(&client, Stage::Logger, event.call_id, &Snapshot::new(kind, event.occurred_at, &call))
                    .await
            }
        }
    }

    async fn claim_and_settle(&self, hold: &Hold, left: &Left, message: &Incoming) -> Result<Outcome> {
        let (call_id, form) = (message.event.call_id, self.forms.of_new_logs().ok());
        let client = self.database.client().await?;
        let claim = calls::claim(&client, call_id, hold.lease, &left.leases, left.unsent, form).await?;
        drop(client);
        match claim {
            Some(row) => {
                hold.unsent.store(row.intended, Relaxed);
                self.settle(hold, row, message).await
            }
            None if message.seen_before => {
                Err(Error::retry(Code::CallBusy, "another worker holds this call, or held it when it died"))
            }
            None => Ok(Outcome::Done),
        }
    }

    /// After a failure; does nothing if the lease was never ours.
    async fn give_back(&self, hold: &Hold, call_id: CallId) -> Result<()> {
        let unsent = hold.unsent.load(Relaxed);
        calls::abandon(&self.database.client().await?, hold.lease, call_id, unsent).await
    }

    /// Writes, or puts off, until the call has not changed meanwhile.
    async fn settle(&self, hold: &Hold, mut row: Loggable, message: &Incoming) -> Result<Outcome> {
        if row.undecided && message.seen_before {
            // Whoever had this message before may have died before it told the resolver.
            self.look_up_again(&row, message.trace).await?;
        }
        let mut carries = message.seen_before;
        loop {
            let step = match render::ready(&row) {
                Err(why) => {
                    self.withdraw(hold, row.call_id).await?;
                    Step::Ended(Outcome::Skip(format!("not written: {why}")))
                }
                Ok(ready) => self.write(hold, &row, &ready, message.trace, carries).await?,
            };
            let (outcome, changed) = match step {
                Step::Written(changed) => (Outcome::Done, changed.map(|row| *row)),
                Step::Ended(outcome) => {
                    carries |= matches!(outcome, Outcome::Later(_));
                    (outcome, calls::release(&self.database.client().await?, hold.lease, &row).await?)
                }
            };
            match changed {
                Some(changed) => row = changed,
                None => return Ok(outcome),
            }
        }
    }

    async fn write(
        &self,
        hold: &Hold,
        row: &Loggable,
        ready: &Ready<'_>,
        trace: Traceparent,
        carries: bool,
    ) -> Result<Step> {
        let agent = ready.call.user.as_ref().and_then(|user| user.email.as_deref());
        let owner_id = self.owners.of(agent, ready.record.owner_id).await?;
        let log = self.renderer.render(row, ready, owner_id)?;
        let work = Work { hold, row, log, trace };
        let Some(id) = row.sellsy_id else { return self.create(&work).await };
        let form = row.form.unwrap_or(LogForm::PhoneCall);
        if row.digest.as_deref() == Some(&forms::digest(form, &work.log)) {
            if row.due_in.is_some() {
                calls::nothing_due(&self.database.client().await?, hold.lease, row.call_id).await?;
            }
            return Ok(Step::Ended(Outcome::Done));
        }
        match row.due_in {
            // Adopted and not written since: what stands there may be old.
            None if row.digest.as_deref() == Some("") => self.update(&work, form, id).await,
            None => self.put_off(&work).await,
            Some(left) if !left.is_zero() => {
                Ok(Step::Ended(if carries { Outcome::Later(left) } else { Outcome::Done }))
            }
            Some(_) => self.update(&work, form, id).await,
        }
    }

    /// Withdraws an intent for which nothing was sent. A failure does that by itself, with the lease.
    async fn withdraw(&self, hold: &Hold, call_id: CallId) -> Result<()> {
        if hold.unsent.load(Relaxed) {
            calls::withdraw_intent(&self.database.client().await?, hold.lease, call_id).await?;
            hold.unsent.store(false, Relaxed);
        }
        Ok(())
    }

    async fn put_off(&self, work: &Work<'_>) -> Result<Step> {
        let (row, client) = (work.row, self.database.client().await?);
        let wait = gather::wait(row.writes, row.written_age);
        calls::put_off(&client, work.hold.lease, row.call_id, wait).await?;
        let entry = Entry::new("logger", "changed; it is written together with what else changes soon")
            .with("in_s", wait.as_secs());
        timeline::add(&client, row.call_id, [entry]).await?;
        Ok(Step::Ended(Outcome::Later(wait)))
    }

    /// Sellsy does not take this record or opportunity, which may have gone since it was looked up. False when the
    /// caller has been looked up again before.
    async fn reopen(&self, work: &Work<'_>, what: &str) -> Result<bool> {
        let client = self.database.client().await?;
        let reopened = calls::reopen(&client, work.row.call_id).await?;
        if reopened {
            let entry = Entry::new("logger", "refused by Sellsy; the caller is looked up again").with("error", what);
            timeline::add(&client, work.row.call_id, [entry]).await?;
            drop(client);
            self.look_up_again(work.row, work.trace).await?;
        }
        Ok(reopened)
    }

    async fn look_up_again(&self, row: &Loggable, trace: Traceparent) -> Result<()> {
        let Some(record) = row.resolution.as_ref().and_then(|r| r.record.as_ref()) else { return Ok(()) };
        let hint = RecordHint { kind: record.kind, id: record.id };
        self.publisher.fact(DIRECTORY_CHANGED, row.call_id, &hint, trace).await
    }
}

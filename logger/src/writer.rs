//! Writes the log of a call: creates it once, updates it when the call has changed, or leaves it alone.
//!
//! What if we die at any await? Before the POST nothing has happened. From the recorded intent until the ledger knows
//! the new id, the end is unclear: the next try looks for our marker on the record and adopts what it finds. After
//! that an update can be repeated at will, because it always carries the whole log. Two messages of one call never
//! write at once: the second finds the lease taken and leaves its change to whoever holds it. If its holder may have
//! died, which a redelivery tells, it comes back later instead.

use std::time::Duration;

use jiff::Timestamp;
use shared::{
    aircall::wire::Call,
    amqp::{Destination, Handler, Incoming, Outcome, Outgoing, Publisher},
    db::Database,
    error::{Code, Error, Remedy, Result},
    event::{CALL_INSIGHTS, CALL_RESOLVED, CallId, DIRECTORY_CHANGED, Event, RecordHint},
    ledger::{
        calls::{self, Lease, Loggable, Snapshot},
        insight::Insight,
        timeline::{self, Entry},
    },
    sellsy::{
        Sellsy, WriteError,
        wire::{PhoneCall, PhoneCallCreate, Related},
    },
    topology::Stage,
    trace::Traceparent,
};

use crate::{
    owners::Owners,
    render::{self, Ready, Renderer},
};

/// How many of a record's newest calls are looked through for one of ours whose creation ended unclear.
const LOOK_BACK: u32 = 100;
/// How long Sellsy may still be at work on a POST whose answer we did not get; longer than our own timeout (20 s).
const SETTLED: Duration = Duration::from_secs(25);

pub(crate) struct Writer {
    pub(crate) database: Database,
    pub(crate) publisher: Publisher,
    pub(crate) sellsy: Sellsy,
    pub(crate) owners: Owners,
    pub(crate) renderer: Renderer,
}

impl Handler for Writer {
    async fn handle(&self, message: &Incoming) -> Result<Outcome> {
        let call_id = message.event.call_id;
        self.take_in(message).await?;
        let claim = calls::claim(&*self.database.client().await?, call_id).await?;
        let Some((lease, row)) = claim else {
            if message.seen_before {
                return Err(Error::retry(Code::CallBusy, "another worker holds this call, or held it when it died"));
            }
            return Ok(Outcome::Done);
        };
        if row.reopened && message.seen_before {
            // Whoever had this message before may have died before it told the resolver.
            self.look_up_again(&row, message.trace).await?;
        }
        let settled = self.settle(lease, row, message.trace).await;
        if settled.is_err()
            && let Ok(client) = self.database.client().await
        {
            // If this fails too, the lease runs out by itself.
            let _ = calls::abandon(&client, lease, call_id).await;
        }
        settled
    }
}

impl Writer {
    /// What the message itself brings into the ledger.
    async fn take_in(&self, message: &Incoming) -> Result<()> {
        let event = &message.event;
        let client = self.database.client().await?;
        match event.kind.as_str() {
            CALL_RESOLVED => Ok(()),
            CALL_INSIGHTS => {
                let insight: Insight =
                    serde_json::from_str(event.payload.get()).map_err(|e| Error::malformed("the payload", &e))?;
                calls::add_insight(&client, event.call_id, &insight).await
            }
            kind => {
                let call: Call =
                    serde_json::from_str(event.payload.get()).map_err(|e| Error::malformed("the payload", &e))?;
                calls::apply(&client, Stage::Logger, event.call_id, &Snapshot::new(kind, event.occurred_at, &call))
                    .await
            }
        }
    }

    /// Writes until the call has not changed meanwhile.
    async fn settle(&self, lease: Lease, mut row: Loggable, trace: Traceparent) -> Result<Outcome> {
        loop {
            let outcome = match render::ready(&row) {
                Err(why) => Outcome::Skip(format!("not written: {why}")),
                Ok(ready) => match self.write(lease, &row, &ready).await {
                    Err(e) if e.code == Code::SellsyRejected && self.reopen(&row, &e).await? => {
                        self.look_up_again(&row, trace).await?;
                        Outcome::Done
                    }
                    written => written.map(|()| Outcome::Done)?,
                },
            };
            match calls::release(&*self.database.client().await?, lease, &row).await? {
                Some(changed) => row = changed,
                None => return Ok(outcome),
            }
        }
    }

    /// Sellsy takes no log on this record or opportunity, which may have gone since it was looked up. False when the
    /// caller has been looked up again before: then a person has to see it.
    async fn reopen(&self, row: &Loggable, e: &Error) -> Result<bool> {
        let client = self.database.client().await?;
        let reopened = calls::reopen(&client, row.call_id).await?;
        if reopened {
            let entry =
                Entry::new("logger", "refused by Sellsy; the caller is looked up again").with("error", &e.message);
            timeline::add(&client, row.call_id, &[entry]).await?;
        }
        Ok(reopened)
    }

    async fn look_up_again(&self, row: &Loggable, trace: Traceparent) -> Result<()> {
        let Some(record) = row.resolution.as_ref().and_then(|r| r.record.as_ref()) else { return Ok(()) };
        let hint = RecordHint { kind: record.kind, id: record.id };
        let fact = Event::of(DIRECTORY_CHANGED, row.call_id, &hint).map_err(|e| Error::malformed("the hint", &e))?;
        let message = Outgoing::event(&fact, trace).map_err(|e| Error::malformed("the hint", &e))?;
        self.publisher.publish(Destination::Events { kind: DIRECTORY_CHANGED }, &message).await
    }

    async fn write(&self, lease: Lease, row: &Loggable, ready: &Ready<'_>) -> Result<()> {
        let agent = ready.call.user.as_ref().and_then(|user| user.email.as_deref());
        let owner_id = self.owners.of(agent, ready.record.owner_id).await?;
        let log = self.renderer.render(row, ready, owner_id)?;
        let digest = digest(&log);
        if row.digest.as_deref() == Some(&digest) {
            return Ok(());
        }
        match row.sellsy_id {
            Some(id) => self.update(row.call_id, id, &log, &digest).await,
            None => self.create(lease, row, &log, &digest).await,
        }
    }

    async fn update(&self, call_id: CallId, id: i64, log: &PhoneCallCreate, digest: &str) -> Result<()> {
        let entry = match self.sellsy.update_phone_call(id, log).await {
            Ok(()) => Entry::new("logger", "log updated").with("phone_call", id),
            Err(WriteError::Missing) => {
                let client = self.database.client().await?;
                calls::record_gone(&client, call_id).await?;
                let entry = Entry::new("logger", "a person has deleted the log in Sellsy; it stays deleted")
                    .with("phone_call", id);
                return timeline::add(&client, call_id, &[entry]).await;
            }
            // An update may be repeated, whatever became of it.
            Err(WriteError::Unclear(e) | WriteError::Refused(e)) => return Err(e),
        };
        let client = self.database.client().await?;
        calls::record_written(&client, call_id, id, digest).await?;
        timeline::add(&client, call_id, &[entry]).await
    }

    async fn create(&self, lease: Lease, row: &Loggable, log: &PhoneCallCreate, digest: &str) -> Result<()> {
        let call_id = row.call_id;
        if let Some(since) = row.intent_at {
            if Timestamp::now().duration_since(since).unsigned_abs() < SETTLED {
                let remedy = Remedy::Retry { after: Some(SETTLED) };
                return Err(Error::new(Code::CallBusy, remedy, "a creation ended unclear a moment ago"));
            }
            if let Some(found) = self.find(call_id, &log.related).await? {
                return self.adopt(call_id, found.id, log, digest).await;
            }
        }
        if !calls::record_intent(&*self.database.client().await?, lease, call_id).await? {
            return Err(Error::retry(Code::CallBusy, "the lease ran out before the log could be written"));
        }
        let created = self.sellsy.create_phone_call(log).await;
        match created {
            Ok(phone_call) => {
                let client = self.database.client().await?;
                calls::record_written(&client, call_id, phone_call.id, digest).await?;
                let entry =
                    Entry::new("logger", "logged").with("phone_call", phone_call.id).with("related", &log.related);
                timeline::add(&client, call_id, &[entry]).await
            }
            // The intent stays: the next try looks first, once Sellsy has surely finished.
            Err(WriteError::Unclear(e)) => Err(Error { remedy: Remedy::Retry { after: Some(SETTLED) }, ..e }),
            Err(WriteError::Refused(e)) => self.refused(row, e).await,
            Err(WriteError::Missing) => {
                let message = "POST /phone-calls: answered 404, the record or the resource is not there";
                self.refused(row, Error::park(Code::SellsyRejected, message)).await
            }
        }
    }

    /// This POST made nothing. An earlier one may have, if its intent still stands.
    async fn refused(&self, row: &Loggable, e: Error) -> Result<()> {
        if row.intent_at.is_none() {
            calls::withdraw_intent(&*self.database.client().await?, row.call_id).await?;
        }
        Err(e)
    }

    /// Our log on the record, if the creation whose end we never learned made one.
    async fn find(&self, call_id: CallId, related: &[Related]) -> Result<Option<PhoneCall>> {
        let Some(record) = related.first() else { return Ok(None) };
        let marker = render::marker(call_id);
        let calls = self.sellsy.phone_calls_of(record, LOOK_BACK).await?;
        let ours = |call: &PhoneCall| {
            call.description.as_deref().is_some_and(|text| text.lines().any(|line| line.trim_end() == marker))
        };
        Ok(calls.into_iter().find(ours))
    }

    /// What stands there may be older than what the call has become: it is written again at once.
    async fn adopt(&self, call_id: CallId, id: i64, log: &PhoneCallCreate, digest: &str) -> Result<()> {
        let client = self.database.client().await?;
        calls::record_written(&client, call_id, id, "").await?;
        let entry =
            Entry::new("logger", "a log whose creation had ended unclear was found and adopted").with("phone_call", id);
        timeline::add(&client, call_id, &[entry]).await?;
        drop(client);
        self.update(call_id, id, log, digest).await
    }
}

fn digest(log: &PhoneCallCreate) -> String {
    let bytes = serde_json::to_vec(log).unwrap_or_default();
    blake3::hash(&bytes).to_hex().to_string()
}

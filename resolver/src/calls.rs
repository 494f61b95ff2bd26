//! `call.ended`: the decision where the call is logged.
//!
//! The ledger is written before `call.resolved` is published, and the message is acked last: dying in between brings
//! the same message again, which finds the decision made and only publishes it once more.

use std::{sync::Arc, time::Duration};

use base::{
    db::Database,
    error::{Code, Error, Result},
    ids::{CallId, Stage},
    phone::{Caller, E164},
    trace::Traceparent,
};
use broker::{
    amqp::{Handler, Incoming, Outcome, Publisher},
    event::{CALL_RESOLVED, DIRECTORY_CHANGED},
};
use jiff::Timestamp;
use ledger::{
    calls::{self, Known, Snapshot, Taken},
    resolution::Resolution,
    timeline::{self, Entry},
};
use serde_json::json;
use vendors::{aircall::wire::Call, sent};

use crate::{
    directory::store,
    hints::Hints,
    look_up::{self, LookUp},
};

/// How old the card's look-up may be to decide by it: few records change during a phone call.
const FRESH: Duration = Duration::from_secs(30 * 60);

pub(crate) struct Calls {
    pub(crate) database: Database,
    pub(crate) publisher: Publisher,
    pub(crate) look_up: LookUp,
}

/// What the resolver's queue brings: calls that ended, and records that may have changed.
pub(crate) struct Messages {
    pub(crate) calls: Arc<Calls>,
    pub(crate) hints: Hints,
}

impl Handler for Messages {
    async fn handle(&self, message: &Incoming) -> Result<Outcome> {
        match message.event.kind.as_str() {
            DIRECTORY_CHANGED => self.hints.handle(message).await,
            _ => self.calls.ended(message).await,
        }
    }
}

impl Calls {
    async fn ended(&self, message: &Incoming) -> Result<Outcome> {
        let (call_id, event) = (message.event.call_id, &message.event);
        let call: Call = event.payload()?;
        let client = self.database.client().await?;
        let snapshot = Snapshot::new(event.view(), event.occurred_at, &call);
        let number = self.number(&call);
        let taken = calls::end(&client, Stage::Resolver, call_id, &snapshot, FRESH, number.as_ref()).await?;
        drop(client);
        let Taken::In(known) = taken else { return Ok(Outcome::Skip(format!("not logged: {}", calls::ERASED))) };
        let known = match known {
            Some(known) if known.is_final => *known,
            _ => self.decide(call_id, &call, number.as_ref()).await?,
        };
        let just_decided = known.just_decided;
        let lines = if just_decided { lines(&known) } else { Vec::new() };
        if known.resolution.record.is_some() {
            // The lines are for people and the fact is for the logger: it need not wait for them.
            let publish = self.publish(call_id, message.trace, &known.resolution);
            let (told, published) = tokio::join!(self.tell(call_id, lines), publish);
            return told.and(published).map(|()| Outcome::Done);
        }
        self.tell(call_id, lines).await?;
        // Whoever joined the directory since the look-up has found no waiting call.
        let appeared = match number.filter(|_| just_decided) {
            Some(number) => store::knows(&self.database.client().await?, &number).await?,
            None => false,
        };
        if appeared && self.resolve_again(call_id).await? {
            return Ok(Outcome::Done);
        }
        Ok(Outcome::Skip(format!("not logged: {}", known.resolution.rule)))
    }

    async fn tell(&self, call_id: CallId, lines: Vec<Entry>) -> Result<()> {
        timeline::add(&self.database.client().await?, call_id, lines).await
    }

    /// For a call that nobody was found for, or whose record or opportunity Sellsy does not take any more. True if there
    /// is somebody now. A log that is there keeps its record if nobody is found; the logger hears of it all the same,
    /// because it has waited.
    pub(crate) async fn resolve_again(&self, call_id: CallId) -> Result<bool> {
        let Some(call) = calls::snapshot(&self.database.client().await?, call_id).await? else { return Ok(false) };
        // What has brought this about may have sent requests for other reasons and for other calls.
        Box::pin(sent::collect("resolver", self.look_up_again(call_id, &call))).await
    }

    async fn look_up_again(&self, call_id: CallId, call: &Call) -> Result<bool> {
        let resolution = self.look_up.resolve(call).await?;
        let client = self.database.client().await?;
        let decided = calls::decide_again(&client, call_id, &resolution, self.number(call).as_ref()).await?;
        let Some(decided) = decided else { return Ok(false) };
        timeline::add(&client, call_id, [look_up::entry("resolved again", &resolution)]).await?;
        drop(client);
        if decided.record.is_some() {
            self.publish(call_id, Traceparent::for_call(call_id), &decided).await?;
        }
        Ok(resolution.record.is_some())
    }

    fn number(&self, call: &Call) -> Option<E164> {
        match self.look_up.number_of(call) {
            Caller::Number(number) => Some(number),
            _ => None,
        }
    }

    /// For a call that the card's look-up cannot decide: there was none, or it is too old.
    async fn decide(&self, call_id: CallId, call: &Call, number: Option<&E164>) -> Result<Known> {
        let now = Timestamp::now();
        let resolution = self.look_up.resolve(call).await?;
        let client = self.database.client().await?;
        let just_decided = calls::decide(&client, call_id, &resolution, now, number).await?;
        // Another replica may have been faster; what it decided may have been logged already. Or a card was shown.
        let decided = calls::known(&client, call_id).await?;
        let decided = decided.ok_or_else(|| Error::retry(Code::CallBusy, "the call was deleted meanwhile"))?;
        Ok(Known { just_decided, ..decided })
    }

    async fn publish(&self, call_id: CallId, trace: Traceparent, resolution: &Resolution) -> Result<()> {
        let record = resolution.record.as_ref().map(|r| json!({ "kind": r.kind, "id": r.id }));
        let payload = json!({ "record": record, "opportunity": resolution.opportunity.as_ref().map(|o| o.id) });
        self.publisher.fact(CALL_RESOLVED, call_id, &payload, trace).await
    }
}

fn lines(known: &Known) -> Vec<Entry> {
    let mut lines = Vec::with_capacity(2);
    if !known.card_shown && known.resolution.record.is_some() {
        lines.push(Entry::new("resolver", "no card was shown during the call"));
    }
    lines.push(look_up::entry("decided", &known.resolution).with("looked_up_at", known.looked_up_at));
    lines
}

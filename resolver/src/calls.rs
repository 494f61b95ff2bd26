//! `call.ended`: decides which record the call is logged on, if the card's look-up does not (the logger tries that first, and passes the others on).
//!
//! The ledger is written before `call.resolved` is published, and the message is acked last. If the process dies in
//! between, the same message comes again, finds the decision made, and only publishes it once more.

mod by_rules;

use std::sync::Arc;

use base::{
    db::Database,
    error::{Code, Error, Result},
    ids::{CallId, Stage},
    phone::{Caller, E164},
    rules::Rules,
    trace::Traceparent,
};
use broker::{
    amqp::{Incoming, Outcome, Publisher},
    event::{CALL_RESOLVED, Resolved},
};
use jiff::tz::TimeZone;
use ledger::{
    calls::{self, Known, Snapshot, Taken},
    resolution::Resolution,
    timeline::{self, Decision, Entry, Reason, Timeline, What},
};
use vendors::{aircall::wire::Call, sent};

use crate::{
    look_up::LookUp,
    opportunities::Need,
    plan::{self, Action, Again, Ended},
};

#[derive(Clone)]
pub(crate) struct Calls {
    pub(crate) database: Database,
    pub(crate) timeline: Timeline,
    pub(crate) publisher: Publisher,
    pub(crate) look_up: LookUp,
    pub(crate) rules: Arc<Rules>,
    pub(crate) time_zone: TimeZone,
}

impl Calls {
    pub(crate) async fn ended(&self, message: &Incoming) -> Result<Outcome> {
        let (call_id, event) = (message.event.call_id, &message.event);
        let call: Call = event.payload()?;
        let snapshot = Snapshot::new(event.view(), event.occurred_at, &call).noted(message.is_noted());
        // A handler that held one connection and waited for another could be waiting for itself.
        let number = self.waits_for(&call).await?;
        let client = self.database.client().await?;
        let fresh = self.fresh(&client, message, &snapshot).await?;
        // The line of the event is written once, by the first statement that stores its view.
        let snapshot = snapshot.noted(message.is_noted());
        let taken = match fresh {
            Some(fresh) => calls::end(&client, Stage::Resolver, call_id, &snapshot, fresh, number.as_ref()).await?,
            None => calls::begin(&client, Stage::Resolver, call_id, &snapshot).await?,
        };
        message.set_noted();
        let taken = match taken {
            Taken::In(Some(known))
                if known.is_final && self.is_left_out_no_more(&client, call_id, &known.resolution.rule).await? =>
            {
                Taken::In(None)
            }
            taken => taken,
        };
        drop(client);
        let mut progress = Ended::TakenIn(taken);
        loop {
            progress = match plan::ended(progress, number.as_ref()) {
                Action::LookUp => Ended::Decided(self.decide(call_id, &call, number.as_ref()).await?),
                Action::Publish(known) => {
                    let first = known.just_decided && !message.begun && event.is_recent();
                    self.timeline.add(call_id, lines(&known));
                    self.publish(call_id, message.trace, &known.resolution, first).await?;
                    return Ok(Outcome::Done);
                }
                Action::Note(known) => {
                    self.timeline.add(call_id, lines(&known));
                    Ended::Noted(known)
                }
                Action::AskDirectory(known, number) => {
                    let line = self.look_up.line_of(&call);
                    let knows = self.look_up.directory_knows(number, line).await?;
                    Ended::DirectoryAsked { known, knows }
                }
                Action::ResolveAgain(known) => {
                    let found = self.resolve_again(call_id).await?;
                    Ended::ResolvedAgain { known, found }
                }
                Action::Skip(why) => return Ok(Outcome::Skip(Reason::NotLogged(why.into()))),
                Action::Done => return Ok(Outcome::Done),
            };
        }
    }

    /// The same, but Sellsy is asked for the opportunity: what is known of it was refused.
    pub(crate) fn doubting(&self) -> Self {
        Self { look_up: self.look_up.clone().with_need(Need::Doubt), ..self.clone() }
    }

    /// For a call without a match, or one whose record or opportunity Sellsy refuses. True if a record is found now.
    pub(crate) async fn resolve_again(&self, call_id: CallId) -> Result<bool> {
        let Some(call) = calls::snapshot(&self.database.client().await?, call_id).await? else { return Ok(false) };
        // The message that caused this may have sent requests for other reasons and for other calls.
        Box::pin(sent::collect("resolver", self.look_up_again(call_id, &call))).await
    }

    async fn look_up_again(&self, call_id: CallId, call: &Call) -> Result<bool> {
        let found = self.resolve(call).await?;
        let client = self.database.client().await?;
        let number = self.number(call).filter(|_| !found.rule.is_a_rule());
        let decided = calls::decide_again(&client, call_id, &found, number.as_ref()).await?;
        let again = plan::again(&found, decided.as_ref());
        if again != Again::Nothing {
            let entry = Entry::new("resolver", What::DecidedAgain(Decision::from(&found)));
            self.timeline.add(call_id, [entry]);
        }
        drop(client);
        if let Again::Found(decided) | Again::LogKeepsRecord(decided) = again {
            self.publish(call_id, Traceparent::for_call(call_id), decided, false).await?;
        }
        Ok(matches!(again, Again::Found(_)))
    }

    fn number(&self, call: &Call) -> Option<E164> {
        match self.look_up.number_of(call) {
            Caller::Number(number) => Some(number),
            _ => None,
        }
    }

    /// For a call that the card's look-up cannot decide: there was none, it is too old, or a rule leaves the call out.
    async fn decide(&self, call_id: CallId, call: &Call, number: Option<&E164>) -> Result<Box<Known>> {
        let (mut just_decided, rule) = self.decide_once(call_id, call, number).await?;
        let client = self.database.client().await?;
        let again = just_decided && self.is_left_out_no_more(&client, call_id, &rule).await?;
        drop(client);
        if again {
            (just_decided, _) = self.decide_once(call_id, call, number).await?;
        }
        let client = self.database.client().await?;
        // Another replica may have decided first, and the call may already be logged by that. Or a card was shown
        // meanwhile.
        let decided = calls::known(&client, call_id).await?;
        let decided = decided.ok_or_else(|| Error::retry(Code::CallBusy, "the call was deleted meanwhile"))?;
        Ok(Box::new(Known { just_decided, ..decided }))
    }

    /// Returns whether this decision counts, and its rule.
    async fn decide_once(&self, call_id: CallId, call: &Call, number: Option<&E164>) -> Result<(bool, Reason)> {
        let resolution = self.resolve(&self.whole(call_id, call).await?).await?;
        let client = self.database.client().await?;
        let number = number.filter(|_| !resolution.rule.is_a_rule());
        let just_decided = calls::decide(&client, call_id, &resolution, number).await?;
        Ok((just_decided, resolution.rule))
    }

    /// `first`: see [`Resolved`].
    async fn publish(&self, call_id: CallId, trace: Traceparent, resolution: &Resolution, first: bool) -> Result<()> {
        self.publisher.fact(CALL_RESOLVED, call_id, &Resolved::of(resolution, first), trace).await
    }
}

fn lines(known: &Known) -> Vec<Entry> {
    let Known { resolution, looked_up_at, card_shown, just_decided, .. } = known;
    if *just_decided { timeline::decided(resolution, *looked_up_at, *card_shown) } else { Vec::new() }
}

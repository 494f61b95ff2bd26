//! `call.ended`: a call whose caller is known is decided and logged at once, without a message to the resolver and another back.
//!
//! One statement stores the view, makes the look-up for the card the final decision and takes the lease of the log. If there was no such look-up,
//! the caller is looked up here, by the resolver's own code, as far as that needs no request to Sellsy. From the decision on all is as if the
//! resolver had made it: the message goes on as the `call.resolved` that would have followed, also if it has to come again. Every other call
//! is passed on to the resolver, and so is every message with which a handler had begun before.

use std::sync::Arc;

use base::{
    error::Result,
    ids::{CallId, Stage},
};
use broker::{
    amqp::{Handler, Incoming, Outcome},
    event::{CALL_RESOLVED, Event, Resolved},
};
use ledger::{
    calls::{self, CARD_DECIDES_FOR, Claimed, Claiming, Decide, JustDecided, Snapshot, TakenAndClaimed},
    timeline::{self, Reason, Timeline},
    together::Together,
};
use resolver::LookUp;
use vendors::aircall::wire::Call;

use crate::{
    plan::News,
    writer::{self, Claim, Unreleased, Writer},
};

pub(crate) struct Ended {
    pub(crate) writer: Arc<Writer>,
    pub(crate) timeline: Timeline,
    pub(crate) look_up: LookUp,
    pub(crate) decisions: Together<Decide>,
    /// The file of rules may leave a call out for more than its number: the resolver looks.
    pub(crate) by_rules: bool,
}

impl Handler for Ended {
    async fn handle(&self, message: &Incoming) -> Result<Outcome> {
        let (call_id, writer) = (message.event.call_id, &self.writer);
        let continued = message.continued();
        if continued.is_none() && (self.by_rules || message.begun || message.event.reconciled) {
            return Ok(Outcome::PassOn(Stage::Resolver));
        }
        let news = continued.map(|(_, fact)| writer::news(fact, message.begun)).transpose()?;
        let (claim, before) = writer.begin(call_id);
        let handled = match news {
            // Something became unavailable after the call was decided.
            Some(news) => Box::pin(writer.claim_and_settle(&claim, &before, message, news)).await,
            None => Box::pin(self.end(&claim, &before, message)).await,
        };
        writer.finish(call_id, claim, before, handled).await
    }
}

impl Ended {
    async fn end(&self, claim: &Claim, before: &Unreleased, message: &Incoming) -> Result<Outcome> {
        let event = &message.event;
        let call: Call = event.payload()?;
        let view = Snapshot::new(event.view(), event.occurred_at, &call).noted(message.is_noted());
        // A log is created without a search for one only soon after the call.
        let first = event.is_recent();
        let news = if first { News::FirstDecision } else { News::Decision };
        let claiming = self.writer.claiming(claim, before, news, false);
        let (call_id, fresh) = (event.call_id, Some(CARD_DECIDES_FOR));
        let taken =
            calls::take_in_and_claim(&self.writer.takes, Stage::Ended, call_id, &view, fresh, &claiming).await?;
        message.set_noted();
        let decided = match taken {
            TakenAndClaimed::Erased => return Ok(Outcome::Skip(Reason::NotLogged(Reason::Erased.into()))),
            TakenAndClaimed::Claimed { claimed, decided } => decided.map(|by| (claimed, by)),
            TakenAndClaimed::Undecided => self.decide(call_id, &call, &claiming).await?,
            TakenAndClaimed::Merged | TakenAndClaimed::Waits => None,
        };
        let Some((claimed, by)) = decided else { return Ok(Outcome::PassOn(Stage::Resolver)) };
        self.decided(message, &by, first)?;
        self.writer.claimed(claim, before, claimed, message, news).await
    }

    /// By what is at hand, if the call is not decided yet.
    async fn decide(
        &self,
        call_id: CallId,
        call: &Call,
        claiming: &Claiming<'_>,
    ) -> Result<Option<(Claimed, Box<JustDecided>)>> {
        let Some(resolution) = self.look_up.at_hand(call).await? else { return Ok(None) };
        calls::decide_and_claim(&self.decisions, call_id, resolution, claiming).await
    }

    fn decided(&self, message: &Incoming, by: &JustDecided, first: bool) -> Result<()> {
        let (call_id, JustDecided { resolution, looked_up_at, card_shown }) = (message.event.call_id, by);
        self.timeline.add(call_id, timeline::decided(resolution, *looked_up_at, *card_shown));
        let fact = Event::with_payload(CALL_RESOLVED, call_id, &Resolved::of(resolution, first))?;
        message.continue_as(Stage::Logger, fact);
        Ok(())
    }
}

//! What the file of rules changes about the decision of a call that has ended.
//!
//! A rule that looks at a call's end is asked about all that the ledger knows of the call: its views come in any order, and a view
//! without the voicemail may come last. If a voicemail comes after the decision, whoever stores it finds the decision and takes it back
//! (the logger, or this worker for Aircall's list); if it comes just before, this worker finds it right after.

use std::time::Duration;

use base::{
    db::Client,
    error::Result,
    ids::{CallId, Stage},
    phone::E164,
};
use broker::amqp::Incoming;
use ledger::{
    calls::{self, CARD_DECIDES_FOR, Snapshot, Taken},
    resolution::Resolution,
    timeline::Reason,
};
use vendors::aircall::wire::Call;

use super::Calls;
use crate::left_out;

impl Calls {
    /// The number for which the call waits if nobody has it.
    pub(super) async fn waits_for(&self, call: &Call) -> Result<Option<E164>> {
        let Some(number) = self.number(call) else { return Ok(None) };
        Ok(if self.look_up.left_out(&number).await?.is_some() { None } else { Some(number) })
    }

    /// How old the card's look-up may be to decide this call; `None` if it may not, because a rule leaves the call out. That includes a
    /// look-up that is stored at this moment.
    pub(super) async fn fresh(
        &self,
        client: &Client,
        message: &Incoming,
        view: &Snapshot<'_>,
    ) -> Result<Option<Duration>> {
        let (rules, call_id) = (&self.rules.calls, message.event.call_id);
        if !rules.look_at_end() && !rules.without_suppliers {
            return Ok(Some(CARD_DECIDES_FOR));
        }
        let Taken::In(known) = calls::begin(client, Stage::Resolver, call_id, view).await? else { return Ok(None) };
        message.set_noted();
        // One that is not there yet may be a supplier's when it is.
        let may_be_suppliers = || known.is_none_or(|known| left_out::is_suppliers(&known.resolution));
        let is_left_out =
            rules.without_suppliers && may_be_suppliers() || self.by_end(client, call_id).await?.is_some();
        Ok(Some(CARD_DECIDES_FOR).filter(|_| !is_left_out))
    }

    /// The decision by the call as it is known.
    pub(super) async fn resolve(&self, call: &Call) -> Result<Resolution> {
        self.look_up.whole(call, &self.time_zone).await
    }

    /// The call as all of its views together show it, if a rule may look at it; `call` is what one of them shows.
    pub(super) async fn whole(&self, call_id: CallId, call: &Call) -> Result<Call> {
        let whole = match self.rules.calls.look_at_end() {
            true => calls::snapshot(&self.database.client().await?, call_id).await?,
            false => None,
        };
        Ok(whole.unwrap_or_else(|| call.clone()))
    }

    /// True if the call was left out for its end, and is not any more: it has no decision then.
    pub(super) async fn is_left_out_no_more(&self, client: &Client, call_id: CallId, rule: &Reason) -> Result<bool> {
        let may_be = rule.looks_at_end() && self.by_end(client, call_id).await?.is_none();
        Ok(may_be && calls::undecide(client, call_id).await?.is_some())
    }

    async fn by_end(&self, client: &Client, call_id: CallId) -> Result<Option<Reason>> {
        let call = calls::snapshot(client, call_id).await?;
        Ok(call.and_then(|call| left_out::by_end(&self.rules, &self.time_zone, &call)))
    }
}

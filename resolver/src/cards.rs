//! `call.created`: the insight card, at most one per call, ever.
//!
//! A card is useful for seconds only, so no failure is retried: whatever prevents a card ends in a skip with its
//! reason. The card is claimed in the ledger before it is pushed. If the process dies in between, the card is lost; the
//! other order could show it twice.

use base::{
    db::{Client, Database},
    error::{Error, Remedy, Result},
    ids::{CallId, Stage},
    phone::Caller,
};
use broker::amqp::{Handler, Incoming, Outcome};
use ledger::{
    calls::{self, Snapshot, Taken},
    resolution::Resolution,
    timeline::{Decision, Entry, Reason, Timeline, What},
};
use vendors::aircall::{Aircall, CardAnswer, wire::Call};

use crate::{card, look_up::LookUp};

pub(crate) struct Cards {
    pub(crate) database: Database,
    pub(crate) timeline: Timeline,
    pub(crate) look_up: LookUp,
    pub(crate) aircall: Aircall,
    pub(crate) style: card::Style,
}

impl Handler for Cards {
    async fn handle(&self, message: &Incoming) -> Result<Outcome> {
        match self.show(message).await {
            Err(e) if e.remedy != Remedy::AwaitDatabase => Ok(skip(e.into())),
            result => result,
        }
    }
}

impl Cards {
    async fn show(&self, message: &Incoming) -> Result<Outcome> {
        let (call_id, event) = (message.event.call_id, &message.event);
        let call: Call = event.payload()?;
        let client = self.database.client().await?;
        let snapshot = Snapshot::new(&event.kind, event.occurred_at, &call).noted(message.is_noted());
        let Taken::In(known) = calls::begin(&client, Stage::Cards, call_id, &snapshot).await? else {
            return Ok(skip(Reason::Erased));
        };
        message.set_noted();
        // No database connection is held while an API is being called.
        drop(client);
        let (resolution, looked_up) = match known {
            Some(known) if known.is_final => return Ok(skip(Reason::CallEnded)),
            Some(known) if known.card_shown => return Ok(skip(Reason::ShownBefore)),
            Some(known) => (known.resolution, false),
            None => (self.look_up.resolve(&call).await?, true),
        };
        let client = self.database.client().await?;
        let is_found = resolution.record.is_some();
        let claim = async {
            if looked_up {
                let line = Entry::new("resolver", What::LookedUp(Decision::from(&resolution)));
                calls::keep_look_up(&client, call_id, &resolution, is_found, line).await
            } else {
                Ok(is_found && calls::claim_card(&client, call_id).await?)
            }
        };
        // On one connection: the second is sent before the first is answered.
        let (claimed, known) = tokio::join!(claim, self.known(&client, call_id, &call, &resolution));
        let (claimed, known) = (claimed?, known?);
        let language = self.look_up.language_of(&call).unwrap_or(self.style.language);
        let style = card::Style { language, ..self.style.clone() };
        let Some(card) = card::render(&resolution, &known, &style) else { return Ok(skip(resolution.rule)) };
        if !claimed {
            return Ok(skip(Reason::ShownBeforeOrEnded));
        }
        drop(client);
        let answer = self.aircall.show_card(call_id, &card).await;
        self.note(message, answer)
    }

    /// Earlier calls, and the owner's name: what the ledger holds, for no request.
    async fn known(&self, client: &Client, call_id: CallId, call: &Call, of: &Resolution) -> Result<card::Known> {
        let (Some(record), Caller::Number(number)) = (&of.record, self.look_up.number_of(call)) else {
            return Ok(card::Known::default());
        };
        let (mut calls, owner) = calls::past(client, call_id, &number, record.owner_id).await?;
        calls.retain(|past| self.look_up.is_with(past, &number));
        Ok(card::Known { calls, owner })
    }

    fn note(&self, message: &Incoming, answer: Result<CardAnswer, Error>) -> Result<Outcome> {
        let entry = match answer? {
            CardAnswer::Refused(status) => {
                return Ok(skip(Reason::CardRefused { status: status.to_string() }));
            }
            CardAnswer::Shown => Entry::new("resolver", What::CardShown {}),
        };
        self.timeline.add(message.event.call_id, [entry]);
        Ok(Outcome::Done)
    }
}

fn skip(why: Reason) -> Outcome {
    Outcome::Skip(Reason::NoCard(why.into()))
}

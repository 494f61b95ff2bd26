//! `call.created`: the insight card, at most one per call, ever.
//!
//! A card is useful for seconds only, so no failure is retried: whatever prevents a card ends in a skip with its
//! reason. The card is claimed in the ledger before it is pushed. If the process dies in between, the card is lost; the
//! other order could show it twice.

use std::time::Duration;

use base::{
    db::Database,
    error::{Error, Result},
    ids::Stage,
    phone::{Caller, E164},
};
use broker::amqp::{Handler, Incoming, Outcome};
use ledger::{
    calls::{self, First, FirstSeen, Past, Snapshot, Taken},
    resolution::Resolution,
    timeline::{Decision, Entry, Reason, Timeline, What},
    together::Together,
};
use tokio::time;
use vendors::aircall::{Aircall, CardAnswer, wire::Call};

use crate::{card, look_up::LookUp};

pub(crate) struct Cards {
    pub(crate) database: Database,
    pub(crate) timeline: Timeline,
    pub(crate) look_up: LookUp,
    pub(crate) aircall: Aircall,
    pub(crate) style: card::Style,
    pub(crate) firsts: Together<FirstSeen>,
}

impl Handler for Cards {
    async fn handle(&self, message: &Incoming) -> Result<Outcome> {
        match self.show(message).await {
            Err(e) if !e.is_of_database() => Ok(skip(e.into())),
            result => result,
        }
    }
}

/// For so long nothing is stored of a new call, because what is known of its caller may be stored with it.
const AT_ONCE: Duration = Duration::from_millis(50);

/// The result of a look-up, and what the card needs beside it.
struct Shows {
    resolution: Resolution,
    /// The call's one card is ours to show.
    claimed: bool,
    past: Past,
}

impl Cards {
    async fn show(&self, message: &Incoming) -> Result<Outcome> {
        let call: Call = message.event.payload()?;
        let shows = match self.look_up(message, &call).await? {
            Ok(shows) => shows,
            Err(why) => return Ok(skip(why)),
        };
        let Shows { resolution, claimed, past } = shows;
        let known = self.known(&call, past);
        let language = self.look_up.language_of(&call).unwrap_or(self.style.language);
        let style = card::Style { language, ..self.style.clone() };
        let Some(card) = card::render(&resolution, &known, &style) else { return Ok(skip(resolution.rule)) };
        if !claimed {
            return Ok(skip(Reason::ShownBeforeOrEnded));
        }
        let (sellsy, aircall) = (self.look_up.proven().await, self.aircall.proven().await);
        let card = card::fit(card, &resolution, &style.links, (&sellsy, &aircall));
        let answer = self.aircall.show_card(message.event.call_id, &card).await;
        self.note(message, answer)
    }

    /// Looks the caller up and stores that with the call; or says why there is no card.
    async fn look_up(&self, message: &Incoming, call: &Call) -> Result<Result<Shows, Reason>> {
        let mut look_up = Box::pin(self.look_up.resolve(call));
        let is_new = !message.begun && !message.is_noted() && !message.event.reconciled && !call.has_ended();
        let early = if is_new { time::timeout(AT_ONCE, look_up.as_mut()).await.ok() } else { None };
        if let Some(Ok(resolution)) = &early
            && let Some(first) = self.first(message, call, resolution).await?
        {
            let First { claimed, past } = first;
            return Ok(Ok(Shows { resolution: resolution.clone(), claimed, past }));
        }
        let looked_up = async {
            match early {
                Some(result) => result,
                None => look_up.await,
            }
        };
        self.step_by_step(message, call, looked_up).await
    }

    /// Stores the call and what is known of its caller at once; `None` if the ledger has the call already.
    async fn first(&self, message: &Incoming, call: &Call, resolution: &Resolution) -> Result<Option<First>> {
        let (call_id, event) = (message.event.call_id, &message.event);
        let view = Snapshot::new(&event.kind, event.occurred_at, call);
        let (number, staff) = self.asks_for(call, resolution);
        let lines = [
            Entry::new(Stage::Cards.as_str(), What::seen(&event.kind, event.occurred_at)),
            Entry::new(Stage::Resolver.as_str(), What::LookedUp(Decision::from(resolution))),
        ];
        let first = calls::first_seen(&self.firsts, call_id, &view, resolution, (number, staff), lines).await?;
        if first.is_some() {
            message.set_noted();
        }
        Ok(first)
    }

    /// The same for a call that the ledger knows, or whose caller is not known at once: the call is stored before anybody waits for Sellsy.
    async fn step_by_step(
        &self,
        message: &Incoming,
        call: &Call,
        look_up: impl Future<Output = Result<Resolution>>,
    ) -> Result<Result<Shows, Reason>> {
        let (call_id, event) = (message.event.call_id, &message.event);
        let client = self.database.client().await?;
        let view = Snapshot::new(&event.kind, event.occurred_at, call).noted(message.is_noted());
        let Taken::In(known) = calls::begin(&client, Stage::Cards, call_id, &view).await? else {
            return Ok(Err(Reason::Erased));
        };
        message.set_noted();
        // No database connection is held while an API is being called.
        drop(client);
        let (resolution, looked_up) = match known {
            Some(known) if known.is_final => return Ok(Err(Reason::CallEnded)),
            Some(known) if known.card_shown => return Ok(Err(Reason::ShownBefore)),
            Some(known) => (known.resolution, false),
            None => (look_up.await?, true),
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
        let past = async {
            match self.asks_for(call, &resolution) {
                (Some(number), staff) => calls::past(&client, call_id, &number, staff).await,
                (None, _) => Ok(Past::default()),
            }
        };
        // On one connection: the second is sent before the first is answered.
        let (claimed, past) = tokio::join!(claim, past);
        let (claimed, past) = (claimed?, past?);
        Ok(Ok(Shows { resolution, claimed, past }))
    }

    /// The number whose earlier calls a card shows, and the staff whose name it shows.
    fn asks_for(&self, call: &Call, of: &Resolution) -> (Option<E164>, Option<i64>) {
        match (&of.record, self.look_up.number_of(call)) {
            (Some(record), Caller::Number(number)) => (Some(number), record.owner_id),
            _ => (None, None),
        }
    }

    /// Without the calls of another number that has the same last digits.
    fn known(&self, call: &Call, Past { mut calls, staff }: Past) -> card::Known {
        if let Caller::Number(number) = self.look_up.number_of(call) {
            calls.retain(|past| self.look_up.is_with(past, &number));
        }
        card::Known { calls, owner: staff }
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

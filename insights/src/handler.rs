//! Handles one insight event: check the call's duration, read the insight, fetch what the webhook lacks, publish.
//!
//! The duration is in the ledger, because `call.ended` usually comes first. If it has not come yet, the event is retried with
//! growing delays. From the third attempt on, the call is fetched from Aircall, so that an insight of a call whose webhooks
//! were lost, or of a number that is filtered out, does not become a dead letter.

use base::{
    db::Database,
    error::{Code, Error, Remedy, Result},
    ids::CallId,
};
use broker::{
    amqp::{Handler, Incoming, Outcome, Publisher},
    event::CALL_INSIGHTS,
};
use ledger::{
    calls, filtered,
    insight::{Content, Insight},
    timeline::{Entry, Reason, Timeline, What},
};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use vendors::aircall::{
    Aircall, Resource,
    wire::{ActionItems, Call, CustomSummary, One, Sentiment, Summary, Topics},
};

use crate::{gate, read};

/// With this many failed attempts, a call that the ledger does not know as ended is fetched from Aircall.
const FETCH_FROM_ATTEMPT: u32 = 2;

pub(crate) struct Insights {
    pub(crate) database: Database,
    pub(crate) timeline: Timeline,
    pub(crate) publisher: Publisher,
    pub(crate) aircall: Aircall,
    /// Empty means all.
    pub(crate) number_ids: Vec<i64>,
}

impl Handler for Insights {
    /// An event that has to wait is noted in the ledger, which outlives the queue in which it waits.
    async fn handle(&self, message: &Incoming) -> Result<Outcome> {
        let handled = self.find(message).await;
        let (call_id, kind) = (message.event.call_id, message.event.kind.as_str());
        match &handled {
            Err(Error { remedy: Remedy::Retry { .. } | Remedy::Defer { .. } | Remedy::AwaitApi, .. }) => {
                calls::await_insight(&self.database.client().await?, call_id, kind).await?;
            }
            Err(Error { remedy: Remedy::AwaitDatabase, .. }) => {}
            // Done, or a dead letter, which is kept.
            Ok(_) | Err(Error { remedy: Remedy::Park, .. }) if message.seen_before || message.event.is_empty() => {
                calls::insight_handled(&self.database.client().await?, call_id, kind).await?;
            }
            Ok(_) | Err(_) => {}
        }
        handled
    }
}

impl Insights {
    async fn find(&self, message: &Incoming) -> Result<Outcome> {
        let (call_id, kind) = (message.event.call_id, message.event.kind.as_str());
        let Some(resource) = read::resource(kind) else {
            return Ok(Outcome::Skip(Reason::NothingForLog { event: kind.into() }));
        };
        let call = match self.ended_call(message).await? {
            Ok(call) => call,
            Err(why) => return Ok(Outcome::Skip(Reason::NoInsights(why.into()))),
        };
        if let Err(why) = gate::check(call.duration.unwrap_or_default()) {
            return Ok(Outcome::Skip(Reason::NoInsights(why.into())));
        }
        let (contents, fetched) = self.contents(call_id, resource, &message.event.payload).await?;
        if contents.is_empty() {
            return Ok(Outcome::Skip(Reason::NoContent { event: kind.into() }));
        }
        let keys = contents.iter().map(Content::key).collect();
        for content in contents {
            self.publish(message, content).await?;
        }
        let entry = Entry::new("insights", What::InsightsFound { insights: keys, fetched });
        self.timeline.add(call_id, [entry]);
        Ok(Outcome::Done)
    }

    /// The call if it has ended, or the reason to skip it. An error if it has not ended yet.
    async fn ended_call(&self, message: &Incoming) -> Result<Result<Call, Reason>> {
        let call_id = message.event.call_id;
        let client = self.database.client().await?;
        let known = calls::snapshot(&client, call_id).await?;
        // A call that was transferred to one of our numbers is known.
        let may_be_filtered = known.is_none() && !self.number_ids.is_empty();
        if let Some(call) = known.filter(Call::has_ended) {
            return Ok(Ok(call));
        }
        if calls::is_erased(&client, call_id).await? {
            return Ok(Err(Reason::Erased));
        }
        if may_be_filtered && filtered::has(&client, call_id).await? {
            return Ok(Err(Reason::OtherNumber));
        }
        drop(client);
        if message.attempts >= FETCH_FROM_ATTEMPT {
            match self.aircall.call(call_id).await? {
                None => return Ok(Err(Reason::UnknownToAircall)),
                Some(call) if !call.is_on(&self.number_ids) => {
                    filtered::note(&self.database.client().await?, call_id).await?;
                    return Ok(Err(Reason::OtherNumber));
                }
                Some(call) if call.has_ended() => return Ok(Ok(call)),
                Some(_) => {}
            }
        }
        Err(Error::retry(Code::InsightsBeforeCall, "the insight came before the end of its call"))
    }

    /// What the webhook carries, else what the REST resource answers; true if it was fetched.
    async fn contents(&self, call_id: CallId, resource: Resource, payload: &RawValue) -> Result<(Vec<Content>, bool)> {
        match resource {
            Resource::Summary => {
                self.read::<Summary, One<Summary>>(call_id, resource, payload, read::summary, |one| one.item).await
            }
            Resource::Topics => {
                self.read::<Topics, One<Topics>>(call_id, resource, payload, read::topics, |one| one.item).await
            }
            Resource::Sentiments => {
                self.read::<Sentiment, One<Sentiment>>(
                    call_id,
                    resource,
                    payload,
                    |s| read::sentiment(&s),
                    |one| one.item,
                )
                .await
            }
            // These two answers are not wrapped.
            Resource::ActionItems => {
                self.read::<ActionItems, _>(call_id, resource, payload, read::action_items, |it| it).await
            }
            Resource::CustomSummary => {
                self.read::<CustomSummary, _>(call_id, resource, payload, read::custom_summary, |it| it).await
            }
        }
    }

    async fn read<T: DeserializeOwned, Answer: DeserializeOwned>(
        &self,
        call_id: CallId,
        resource: Resource,
        payload: &RawValue,
        contents: impl Fn(T) -> Vec<Content>,
        unwrap: impl Fn(Answer) -> T,
    ) -> Result<(Vec<Content>, bool)> {
        let carried: T = serde_json::from_str(payload.get()).map_err(|e| Error::malformed("the insight", &e))?;
        let carried = contents(carried);
        if !carried.is_empty() {
            return Ok((carried, false));
        }
        let answer: Option<Answer> = self.aircall.insight(call_id, resource).await?;
        Ok((answer.map(|answer| contents(unwrap(answer))).unwrap_or_default(), true))
    }

    async fn publish(&self, message: &Incoming, content: Content) -> Result<()> {
        let at = read::insight_time(&message.event.kind, message.event.occurred_at);
        let insight = Insight { at, content };
        self.publisher.fact(CALL_INSIGHTS, message.event.call_id, &insight, message.trace).await
    }
}

//! Smart-tags for the record or the opportunity of a call, as its tags mean. Those that are there stay: the request probably replaces them all, so
//! they are read and sent along.
//!
//! What is there already is not written, so this can be done again at any time: after an answer that never came, it is.

use base::{
    error::{Code, Error, Result},
    ids::CallId,
    rules::{On, folded},
};
use broker::amqp::Outcome;
use ledger::{
    followups::{self, Became, Followup, Over, Task},
    timeline::{Entry, Reason, What},
};
use vendors::sellsy::{
    WriteError,
    wire::{Page, RecordKind, Related, SmartTag, SmartTagRef},
};

use crate::{
    about::{self, About},
    carry::{Carry, Claim, HELD, NAME, Until, not_stored, settling},
    plan::{DECIDED_SOON, SETTLES},
};

/// Rows on a page, unless the answer says otherwise.
const USUAL_PAGE: u64 = 25;

impl Carry {
    pub(crate) async fn smart_tags(
        &self,
        row: &Followup,
        claim: Claim<'_>,
        call: CallId,
        tag: &str,
    ) -> Result<Outcome> {
        let rule = self.settings.rules.tags.acts_of(tag).and_then(|acts| acts.smart_tags.as_ref());
        let Some((about, now)) = self.about(call).await? else {
            return self.release(claim, Until::Touched, None).await;
        };
        let (Some(rule), Some(_)) = (rule, about.tagged_at(tag)) else {
            return match not_stored(row) {
                Until::Touched => self.no_smart_tags(claim, Reason::TagTakenOff).await,
                again => self.release(claim, again, None).await,
            };
        };
        if about.is_old(now) && matches!(row.task, Task::None { .. }) {
            return self.release(claim, Until::Over(Over::NotNeeded), None).await;
        }
        if !about.is_decided {
            return self.release(claim, Until::Again(DECIDED_SOON), None).await;
        }
        // A record, and with it an opportunity, may still be found.
        let Some(to) = to(&about, rule.on) else { return self.release(claim, Until::Touched, None).await };
        if let Some(again) = settling(&row.task) {
            return self.release(claim, again, None).await;
        }
        let mut client = self.database.client().await?;
        if !followups::reserve(&mut client, claim.key, claim.lease, &format!("{}:{}", to.kind, to.id)).await? {
            drop(client);
            return self.release(claim, Until::Again(HELD), None).await;
        }
        drop(client);
        let Some(there) = self.sellsy.smart_tags(&to).await? else {
            return self.no_smart_tags(claim, gone(&to)).await;
        };
        let missing = missing(&rule.values, &there.data);
        if missing.is_empty() {
            // Ours, if a request for them had no answer.
            let added = matches!(row.task, Task::Unclear { .. });
            let reason = Reason::NoSmartTags(Reason::AlreadyThere.into());
            let what = if added { added_to(to, &rule.values) } else { What::Skipped { reason } };
            return self.release(claim, Until::Over(Over::Done), Some(Entry::new(NAME, what))).await;
        }
        if !is_complete(&there) {
            let message =
                "Sellsy does not list all smart-tags that are there, and writing these could remove the others";
            return Err(Error::park(Code::SellsyRejected, message));
        }
        let check = self.before_write(claim, Became::Creating);
        match self.sellsy.set_smart_tags(&to, &with(&there.data, &missing), &check).await {
            Ok(()) => {
                metrics::counter!("callbridge_followups_total", "what" => "smart_tags").increment(1);
                let line = Entry::new(NAME, added_to(to, &missing));
                self.release(claim, Until::Over(Over::Done), Some(line)).await
            }
            Err(WriteError::Unclear(_)) => self.release(claim, Until::Again(SETTLES), None).await,
            Err(WriteError::Refused(e, _)) => {
                self.record(claim, &Became::NotCreated, None).await?;
                Err(e)
            }
            Err(WriteError::Missing) => {
                self.record(claim, &Became::NotCreated, None).await?;
                self.no_smart_tags(claim, gone(&to)).await
            }
        }
    }

    async fn no_smart_tags(&self, claim: Claim<'_>, why: Reason) -> Result<Outcome> {
        let taken_off = why == Reason::TagTakenOff;
        let line = Entry::new(NAME, What::Skipped { reason: Reason::NoSmartTags(why.into()) });
        // It may be put on again.
        let until = if taken_off { Until::Touched } else { Until::Over(Over::NotNeeded) };
        self.release(claim, until, Some(line)).await
    }
}

fn gone(to: &Related) -> Reason {
    if to.kind == RecordKind::Opportunity { Reason::OpportunityGone } else { Reason::RecordGone }
}

fn added_to(to: Related, smart_tags: &[String]) -> What {
    What::SmartTagsAdded { to, smart_tags: smart_tags.to_vec() }
}

fn to(about: &About, on: On) -> Option<Related> {
    match on {
        On::Record => about.record().map(about::related),
        On::Opportunity => {
            let opportunity = about.resolution.as_ref()?.opportunity.as_ref()?;
            Some(Related { kind: RecordKind::Opportunity, id: opportunity.id })
        }
    }
}

/// Of these words, the ones that are not there, each once.
fn missing(wanted: &[String], there: &[SmartTag]) -> Vec<String> {
    let mut known: Vec<String> = there.iter().filter_map(|tag| tag.value.as_deref()).map(folded).collect();
    let mut missing = Vec::new();
    for word in wanted {
        if !known.contains(&folded(word)) {
            known.push(folded(word));
            missing.push(word.clone());
        }
    }
    missing
}

/// Whether these are known to be all that are there, each with what it takes to send it along.
fn is_complete(there: &Page<SmartTag>) -> bool {
    let shown = there.data.len() as u64;
    let are_all = match (there.pagination.total, there.pagination.limit) {
        (Some(total), _) => total <= shown,
        (None, limit) => shown < limit.unwrap_or(USUAL_PAGE),
    };
    are_all && there.unreadable == 0 && there.data.iter().all(|tag| tag.id.is_some() || tag.value.is_some())
}

/// What is there, with these.
fn with(there: &[SmartTag], missing: &[String]) -> Vec<SmartTagRef> {
    let known = there.iter().filter_map(|tag| match tag {
        SmartTag { id: Some(id), .. } => Some(SmartTagRef::Id(*id)),
        SmartTag { value: Some(value), .. } => Some(SmartTagRef::Value(value.clone())),
        _ => None,
    });
    known.chain(missing.iter().cloned().map(SmartTagRef::Value)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_list_that_may_lack_some_is_not_written_back() {
        let page = |tags: i64, pagination: &Value, odd: Option<Value>| -> Page<SmartTag> {
            let data: Vec<Value> =
                (1..=tags).map(|id| json!({ "id": id, "value": format!("t{id}") })).chain(odd).collect();
            serde_json::from_value(json!({ "data": data, "pagination": pagination })).unwrap()
        };
        for (tags, pagination, odd, expected) in [
            (0, json!({ "limit": 25, "count": 0, "total": 0 }), None, true),
            (25, json!({ "limit": 25, "count": 25, "total": 25 }), None, true),
            (25, json!({ "limit": 25, "count": 25, "total": 26 }), None, false),
            (25, json!({ "limit": 25 }), None, false),
            (24, json!({}), None, true),
            (25, json!({}), None, false),
            (2, json!({ "total": 3 }), Some(json!({})), false),
            (2, json!({ "total": 3 }), Some(json!({ "id": 9 })), true),
        ] {
            assert_eq!(is_complete(&page(tags, &pagination, odd)), expected, "{tags} {pagination}");
        }
    }

    #[test]
    fn what_is_there_stays_and_what_is_missing_comes_with_it() {
        let there = |tags: &[(i64, &str)]| -> Vec<SmartTag> {
            let tag = |(id, value): &(i64, &str)| SmartTag {
                id: (*id > 0).then_some(*id),
                value: Some((*value).to_owned()).filter(|value| !value.is_empty()),
            };
            tags.iter().map(tag).collect()
        };
        for (wanted, tags, expected_missing, expected) in [
            (&["VIP"][..], &[][..], &["VIP"][..], "[{\"value\":\"VIP\"}]"),
            (&["VIP"], &[(7, "Salon 2026")], &["VIP"], "[{\"id\":7},{\"value\":\"VIP\"}]"),
            (&["VIP"], &[(7, " vip ")], &[], "[{\"id\":7}]"),
            (&["VIP", "vip", "Devis"], &[(7, "Devis")], &["VIP"], "[{\"id\":7},{\"value\":\"VIP\"}]"),
            (
                &["VIP"],
                &[(0, "Salon 2026"), (8, "")],
                &["VIP"],
                "[{\"value\":\"Salon 2026\"},{\"id\":8},{\"value\":\"VIP\"}]",
            ),
        ] {
            let wanted: Vec<String> = wanted.iter().map(|word| (*word).to_owned()).collect();
            let missing = missing(&wanted, &there(tags));
            assert_eq!(missing, expected_missing, "{wanted:?} {tags:?}");
            assert_eq!(serde_json::to_string(&with(&there(tags), &missing)).unwrap(), expected, "{wanted:?} {tags:?}");
        }
    }
}

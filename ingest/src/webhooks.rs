//! The webhooks of the Aircall account: whether one of them delivers the events that we need, and how to create or repair it.
//!
//! Aircall disables a webhook whose receiver keeps failing. A PUT without `events` that enables it again subscribes it to all
//! events there are, so every request of ours names the events: those that the webhook has and those that we need. No event
//! is ever removed.

use base::{
    db::Client,
    error::{Code, Error, Result},
    ids::Vendor,
    rules::Rules,
};
use secrecy::ExposeSecret;
use vendors::aircall::{
    Aircall,
    wire::{Webhook, WebhookRequest},
};

use crate::tokens::{self, Tokens};

/// What every installation needs.
const EVENTS: &[&str] = &[
    "call.created",
    "call.ended",
    "call.tagged",
    "call.untagged",
    "call.transferred",
    "call.external_transferred",
    "call.ivr_option_selected",
    "call.commented",
    "call.voicemail_left",
    "call.comm_assets_generated",
    "summary.created",
    "topics.created",
    "sentiment.created",
    "action_item.created",
    "transcription.created",
    "custom_summary.result_created",
    "custom_summary.result_updated",
];

/// For text messages, if the rules want them.
const MESSAGES: &[&str] = &["message.received", "message.sent", "message.status_updated"];

/// Aircall's names of all events that are needed by these rules.
pub fn needed(rules: &Rules) -> Vec<&'static str> {
    EVENTS.iter().chain(MESSAGES.iter().filter(|_| rules.messages.is_some())).copied().collect()
}

/// The state of the best among the webhooks that have one of our tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    Delivers,
    /// It is active, but it is not subscribed to these events.
    Lacks(Vec<&'static str>),
    Disabled,
    None,
}

pub fn health(all: &[Webhook], tokens: &Tokens, needed: &[&'static str]) -> Health {
    let mut ours = all.iter().filter(|webhook| has_token(webhook, tokens)).peekable();
    if ours.peek().is_none() {
        return Health::None;
    }
    let lacking = ours.filter(|webhook| webhook.active).map(|webhook| missing(webhook, needed)).min_by_key(Vec::len);
    match lacking {
        None => Health::Disabled,
        Some(missing) if missing.is_empty() => Health::Delivers,
        Some(missing) => Health::Lacks(missing),
    }
}

pub fn has_token(webhook: &Webhook, tokens: &Tokens) -> bool {
    webhook.token.as_ref().is_some_and(|token| tokens.has(token.expose_secret()))
}

/// The events that we need and that the webhook is not subscribed to.
pub fn missing(webhook: &Webhook, needed: &[&'static str]) -> Vec<&'static str> {
    needed.iter().filter(|event| !webhook.events.iter().any(|has| has == *event)).copied().collect()
}

pub fn has_url(webhook: &Webhook, url: &str) -> bool {
    webhook.url.as_ref().is_some_and(|has| has.trim_end_matches('/') == url.trim_end_matches('/'))
}

/// What [`install`] had to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Installed {
    Created,
    Repaired { enabled: bool, added: Vec<String> },
    WasThere,
}

/// Creates or repairs the webhook with this URL, so that Aircall delivers the events that we need.
pub async fn install(aircall: &Aircall, url: &str, needed: &[&'static str]) -> Result<(Installed, Webhook)> {
    let mut all = aircall.webhooks().await?;
    all.retain(|webhook| has_url(webhook, url));
    // Of several, the one that needs the fewest changes.
    all.sort_by_key(|webhook| (!webhook.active, missing(webhook, needed).len()));
    let Some(found) = all.into_iter().next() else {
        let custom_name = Some("Callbridge".into());
        let request = WebhookRequest {
            url: url.into(),
            custom_name,
            events: needed.iter().map(|event| (*event).to_owned()).collect(),
            active: None,
        };
        let made = aircall.create_webhook(&request).await?;
        return Ok((Installed::Created, checked(made, &request)?));
    };
    let added = missing(&found, needed);
    if found.active && added.is_empty() {
        return Ok((Installed::WasThere, found));
    }
    let id = id_of(&found)?;
    let request = WebhookRequest {
        url: found.url.clone().unwrap_or_else(|| url.into()),
        custom_name: found.custom_name.clone(),
        events: found.events.iter().cloned().chain(added.iter().map(|event| (*event).to_owned())).collect(),
        active: Some(true),
    };
    let changed = checked(aircall.update_webhook(&id, &request).await?, &request)?;
    let token = changed.token.clone().or(found.token);
    let added = added.into_iter().map(str::to_owned).collect();
    Ok((Installed::Repaired { enabled: !found.active, added }, Webhook { token, ..changed }))
}

/// Deletes those with this URL, and returns their ids.
pub async fn remove(aircall: &Aircall, url: &str) -> Result<Vec<String>> {
    let mut removed = Vec::new();
    for webhook in aircall.webhooks().await?.iter().filter(|webhook| has_url(webhook, url)) {
        let id = id_of(webhook)?;
        aircall.delete_webhook(&id).await?;
        removed.push(id);
    }
    Ok(removed)
}

/// Forgets the tokens of webhooks that Aircall has no more. It is asked for each by its id: a list could be short.
pub async fn forget_deleted(aircall: &Aircall, client: &Client) -> Result<u64> {
    let mut forgotten = 0;
    for noted in tokens::noted(client, Vendor::Aircall).await? {
        if aircall.webhook(&noted.webhook_id).await?.is_none() {
            forgotten += tokens::forget(client, Vendor::Aircall, &noted.webhook_id).await?;
        }
    }
    Ok(forgotten)
}

/// Its id for requests.
pub fn id_of(webhook: &Webhook) -> Result<String> {
    let id = webhook.webhook_id.clone().or_else(|| webhook.id.map(|id| id.to_string()));
    id.ok_or_else(|| Error::retry(Code::AircallAnswer, "the webhook has no id"))
}

/// The webhook as Aircall answered it, or an error if that is not what was requested.
fn checked(webhook: Webhook, request: &WebhookRequest) -> Result<Webhook> {
    let missing: Vec<&str> =
        request.events.iter().filter(|event| !webhook.events.contains(event)).map(String::as_str).collect();
    if !missing.is_empty() {
        let problem = format!("the webhook exists, but without {}", missing.join(", "));
        return Err(Error::retry(Code::AircallAnswer, problem));
    }
    if !webhook.active {
        return Err(Error::retry(Code::AircallAnswer, "the webhook exists, but is not active"));
    }
    Ok(webhook)
}

#[cfg(test)]
mod tests {
    use broker::topology;
    use serde_json::json;

    use super::*;

    #[test]
    fn asks_for_what_the_queues_bind_and_nothing_else() {
        assert!(EVENTS.iter().chain(MESSAGES).all(|event| topology::wanted(event)));
        assert!(topology::WORK_QUEUES.iter().flat_map(|queue| queue.binds_always).eq(MESSAGES));
        let (without, with) = (Rules::default(), base::rules::parse("[messages]", "FR".parse().unwrap()).unwrap());
        assert_eq!((needed(&without).len(), needed(&with).len()), (EVENTS.len(), EVENTS.len() + MESSAGES.len()));
        let ours = ["call.resolved", "call.insights", "directory.changed", "opportunity.changed", "followup.due"];
        for bind in topology::WORK_QUEUES.iter().flat_map(|queue| queue.binds).filter(|bind| !ours.contains(bind)) {
            let prefix = bind.trim_end_matches('*');
            assert!(
                EVENTS.iter().any(|event| event == bind || (prefix != *bind && event.starts_with(prefix))),
                "{bind}"
            );
        }
    }

    #[test]
    fn knows_whether_events_are_delivered() {
        let webhook = |token: &str, active: bool, events: &[&str]| -> Webhook {
            serde_json::from_value(
                json!({ "url": "https://x/webhooks/aircall", "token": token, "active": active, "events": events }),
            )
            .unwrap()
        };
        let tokens = Tokens { set: vec!["one".into(), "two".into()], noted: Vec::new() };
        let some = &EVENTS[2..];
        for (all, expected) in [
            (vec![], Health::None),
            (vec![webhook("other", true, EVENTS)], Health::None),
            (vec![webhook("two", true, EVENTS)], Health::Delivers),
            (vec![webhook("two", false, EVENTS)], Health::Disabled),
            (vec![webhook("two", false, EVENTS), webhook("other", true, EVENTS)], Health::Disabled),
            (vec![webhook("two", false, EVENTS), webhook("one", true, EVENTS)], Health::Delivers),
            (vec![webhook("one", true, some)], Health::Lacks(vec!["call.created", "call.ended"])),
            (vec![webhook("one", true, some), webhook("two", true, EVENTS)], Health::Delivers),
        ] {
            assert_eq!(health(&all, &tokens, EVENTS), expected, "{all:?}");
        }
        assert!(has_url(&webhook("", true, &[]), "https://x/webhooks/aircall/"));
        assert!(!has_url(&webhook("", true, &[]), "https://y/webhooks/aircall"));
    }
}

//! The registered webhooks, with the traps of the vendor's CRUD.
//!
//! No `events` means *all* events, on creation and on every PUT without `events_action`: a PUT that only enables a
//! webhook again subscribes it to everything. The answers to creation and update have no legacy numeric `id`, the others do;
//! the token is shown in clear; events are listed in another order than they were given.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// All names in the reference; any other is refused.
const EVENTS: &[&str] = &[
    "ai_voice_agent.ended",
    "ai_voice_agent.escalated",
    "ai_voice_agent.started",
    "ai_voice_agent.summary",
    "analytics.report_created",
    "analytics.report_failed",
    "call.agent_declined",
    "call.answered",
    "call.archived",
    "call.assigned",
    "call.comm_assets_generated",
    "call.commented",
    "call.created",
    "call.ended",
    "call.external_transferred",
    "call.hold",
    "call.hungup",
    "call.ivr_option_selected",
    "call.ringing_on_agent",
    "call.tagged",
    "call.transferred",
    "call.unhold",
    "call.unsuccessful_transfer",
    "call.untagged",
    "call.voicemail_left",
    "contact.created",
    "contact.deleted",
    "contact.updated",
    "action_item.created",
    "call_evaluation.created",
    "call_evaluation.updated",
    "custom_summary.result_created",
    "custom_summary.result_updated",
    "playbook_result.created",
    "playbook_result.updated",
    "realtime_transcription.utterances_received",
    "sentiment.created",
    "summary.created",
    "topics.created",
    "transcription.created",
    "group_message.received",
    "group_message.sent",
    "group_message.status_updated",
    "message.received",
    "message.sent",
    "message.status_updated",
    "integration.deleted",
    "number.closed",
    "number.created",
    "number.deleted",
    "number.opened",
    "user.closed",
    "user.connected",
    "user.created",
    "user.deleted",
    "user.disconnected",
    "user.opened",
    "user.wut_end",
    "user.wut_start",
    "user.closed.v2",
    "user.connected.v2",
    "user.created.v2",
    "user.deleted.v2",
    "user.disconnected.v2",
    "user.opened.v2",
    "user.wut_end.v2",
    "user.wut_start.v2",
];
const MOST_WEBHOOKS: usize = 100;

#[derive(Debug, Clone)]
pub(super) struct Webhook {
    /// The legacy numeric id; also our own key.
    pub(super) id: u64,
    uuid: String,
    custom_name: Option<String>,
    pub(super) url: String,
    pub(super) active: bool,
    pub(super) token: String,
    events: BTreeSet<String>,
    created_at: String,
}

#[derive(Debug, Default)]
pub(super) struct Webhooks {
    list: Vec<Webhook>,
    made: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventsAction {
    Replace,
    Add,
    Remove,
}

impl Webhooks {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Webhook> {
        self.list.iter()
    }

    pub(super) fn get(&self, id: u64) -> Option<&Webhook> {
        self.list.iter().find(|webhook| webhook.id == id)
    }

    pub(super) fn find(&self, uuid_or_id: &str) -> Option<&Webhook> {
        self.list.iter().find(|webhook| webhook.is(uuid_or_id))
    }

    pub(super) fn deactivate(&mut self, id: u64) {
        if let Some(webhook) = self.list.iter_mut().find(|webhook| webhook.id == id) {
            webhook.active = false;
        }
    }

    /// Adds a webhook for all events with a known token.
    pub(super) fn register(&mut self, url: &str, token: &str) {
        let webhook = self.new_webhook(url.to_owned(), None, all_events(), token.to_owned());
        self.list.push(webhook);
    }

    pub(super) fn create(&mut self, body: &Map<String, Value>) -> Result<Value, String> {
        let url = checked_url(body.get("url").ok_or("url is missing")?)?;
        if self.list.len() >= MOST_WEBHOOKS {
            return Err(format!("a company can have {MOST_WEBHOOKS} webhooks"));
        }
        let events = match body.get("events") {
            None => all_events(),
            Some(events) => checked_events(events)?,
        };
        let name = checked_name(body)?;
        let token = uuid::Uuid::now_v7().simple().to_string();
        let webhook = self.new_webhook(url, name, events, token);
        let shown = webhook.render(false);
        self.list.push(webhook);
        Ok(shown)
    }

    fn new_webhook(
        &mut self,
        url: String,
        custom_name: Option<String>,
        events: BTreeSet<String>,
        token: String,
    ) -> Webhook {
        self.made += 1;
        let created_at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        let uuid = uuid::Uuid::now_v7().to_string();
        Webhook { id: 71_000_000 + self.made, uuid, custom_name, url, active: true, token, events, created_at }
    }

    /// `None` if there is no such webhook.
    pub(super) fn update(
        &mut self,
        key: &str,
        body: &Map<String, Value>,
        action: EventsAction,
    ) -> Option<Result<Value, String>> {
        let webhook = self.list.iter_mut().find(|webhook| webhook.is(key))?;
        Some(webhook.change(body, action).map(|()| webhook.render(false)))
    }

    pub(super) fn delete(&mut self, key: &str) -> bool {
        let before = self.list.len();
        self.list.retain(|webhook| !webhook.is(key));
        self.list.len() < before
    }
}

impl Webhook {
    fn is(&self, key: &str) -> bool {
        self.uuid == key || self.id.to_string() == key
    }

    /// An event that the reference does not know goes to all webhooks, because none could have subscribed to it by name.
    pub(super) fn wants(&self, event: &str) -> bool {
        self.active && (self.events.contains(event) || !EVENTS.contains(&event))
    }

    fn change(&mut self, body: &Map<String, Value>, action: EventsAction) -> Result<(), String> {
        let url = body.get("url").map(checked_url).transpose()?;
        let name = checked_name(body)?;
        let given = body.get("events").map(checked_events).transpose()?;
        let active = match body.get("active") {
            None => self.active,
            Some(active) => active.as_bool().ok_or("active must be a boolean")?,
        };
        match (action, given) {
            (EventsAction::Replace, None) => self.events = all_events(),
            (EventsAction::Replace, Some(given)) => self.events = given,
            (EventsAction::Add, given) => self.events.extend(given.unwrap_or_default()),
            (EventsAction::Remove, given) => {
                let removed = given.unwrap_or_default();
                self.events.retain(|event| !removed.contains(event));
            }
        }
        self.active = active;
        self.url = url.unwrap_or_else(|| self.url.clone());
        self.custom_name = name.or_else(|| self.custom_name.take());
        Ok(())
    }

    pub(super) fn render(&self, with_id: bool) -> Value {
        let mut fields = Map::new();
        if with_id {
            fields.insert("id".into(), json!(self.id));
        }
        if let Some(name) = &self.custom_name {
            fields.insert("custom_name".into(), json!(name));
        }
        fields.insert("webhook_id".into(), json!(self.uuid));
        fields.insert("direct_link".into(), json!(format!("https://api.aircall.io/v1/webhooks/{}", self.uuid)));
        fields.insert("created_at".into(), json!(self.created_at));
        fields.insert("url".into(), json!(self.url));
        fields.insert("active".into(), json!(self.active));
        fields.insert("token".into(), json!(self.token));
        // As recorded, the order differs from the request's.
        fields.insert("events".into(), self.events.iter().rev().map(|event| json!(event)).collect());
        Value::Object(fields)
    }
}

fn all_events() -> BTreeSet<String> {
    EVENTS.iter().map(|event| (*event).to_owned()).collect()
}

fn checked_url(url: &Value) -> Result<String, String> {
    let url = url.as_str().ok_or("url must be a string")?;
    let parsed = reqwest::Url::parse(url).map_err(|_| "url is not valid")?;
    // The vendor requires https; plain http is accepted because receivers under test listen on loopback.
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
        return Err("url is not valid".into());
    }
    Ok(url.to_owned())
}

fn checked_name(body: &Map<String, Value>) -> Result<Option<String>, String> {
    match body.get("custom_name") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) => Ok(Some(name.clone())),
        Some(_) => Err("custom_name must be a string".into()),
    }
}

fn checked_events(events: &Value) -> Result<BTreeSet<String>, String> {
    let events = events.as_array().ok_or("events must be an array")?;
    let mut names = BTreeSet::new();
    for event in events {
        let name = event.as_str().ok_or("events must be strings")?;
        if !EVENTS.contains(&name) {
            return Err(format!("{name} is not an event"));
        }
        names.insert(name.to_owned());
    }
    // An empty list counts as none.
    Ok(if names.is_empty() { all_events() } else { names })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_put_without_events_subscribes_to_all() {
        let mut webhooks = Webhooks::default();
        let made = webhooks.create(&body(r#"{"url":"http://127.0.0.1:1/","events":["call.ended"]}"#)).unwrap();
        let key = made["webhook_id"].as_str().unwrap().to_owned();
        assert_eq!(made["events"], json!(["call.ended"]));
        let put =
            |webhooks: &mut Webhooks, text: &str, action| webhooks.update(&key, &body(text), action).unwrap().unwrap();

        let added = put(&mut webhooks, r#"{"events":["call.created"]}"#, EventsAction::Add);
        assert_eq!(added["events"], json!(["call.ended", "call.created"]));
        let removed = put(&mut webhooks, r#"{"events":["call.created"]}"#, EventsAction::Remove);
        assert_eq!(removed["events"], json!(["call.ended"]));
        let trapped = put(&mut webhooks, r#"{"active":true}"#, EventsAction::Replace);
        assert_eq!(trapped["events"].as_array().unwrap().len(), EVENTS.len());
    }

    #[test]
    fn creation_refuses_what_is_invalid() {
        let mut webhooks = Webhooks::default();
        for text in [
            r#"{}"#,
            r#"{"url":"nonsense"}"#,
            r#"{"url":"ftp://example.com/"}"#,
            r#"{"url":"https://a.example/","events":["call.missed"]}"#,
        ] {
            assert!(webhooks.create(&body(text)).is_err(), "{text}");
        }
    }
}

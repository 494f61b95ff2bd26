//! Messages between a line and the outside (SMS, MMS, WhatsApp), and the webhooks that tell of them.
//!
//! A message has no call and no agent here. Its id is a text. The other party's number goes out as the order spells it. The
//! sources say that times come as texts or as milliseconds, so the order chooses. They show `media_details` only as an empty
//! list: what stands in it is a guess, and a client should rely on no more than how many there are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::iso;
use super::directory::Directory;
use super::random;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Direction {
    Received,
    Sent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Channel {
    Whatsapp,
}

/// How times are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Times {
    #[default]
    Iso,
    Ms,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlayMessage {
    id: Option<String>,
    direction: Direction,
    /// The other party's.
    number: String,
    /// The id of the line; absent: the first one.
    line: Option<u64>,
    body: Option<String>,
    #[serde(default)]
    media: Vec<String>,
    /// Null: SMS or MMS.
    channel: Option<Channel>,
    /// UNIX seconds; absent: now.
    at: Option<i64>,
    #[serde(default)]
    times: Times,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatusChange {
    status: String,
    /// UNIX seconds; absent: now.
    at: Option<i64>,
}

#[derive(Debug)]
pub(super) struct Message {
    pub(super) id: String,
    order: PlayMessage,
    line: u64,
    status: String,
    created_at: i64,
    /// In UNIX seconds: also when its last event happened.
    pub(super) updated_at: i64,
}

#[derive(Debug, Default)]
pub(super) struct Messages {
    list: BTreeMap<String, Message>,
    made: u64,
}

impl Messages {
    pub(super) fn begin(&mut self, order: PlayMessage, directory: &Directory, now: i64) -> Result<&Message, String> {
        let line = order.line.or_else(|| directory.first_number()).ok_or("the data file has no numbers")?;
        if !directory.has_number(line) {
            return Err(format!("number {line} is not in the data file"));
        }
        if order.body.is_none() && order.media.is_empty() {
            return Err("a message has a body or media".into());
        }
        let id = order.id.clone().unwrap_or_else(|| self.fresh_id());
        if self.list.contains_key(&id) {
            return Err(format!("message {id} exists already"));
        }
        let at = order.at.unwrap_or(now);
        let status = if order.direction == Direction::Received { "received" } else { "sent" };
        let message =
            Message { id: id.clone(), order, line, status: status.to_owned(), created_at: at, updated_at: at };
        Ok(self.list.entry(id).or_insert(message))
    }

    /// `None` if there is no such message.
    pub(super) fn change(&mut self, id: &str, change: StatusChange, now: i64) -> Option<&Message> {
        let message = self.list.get_mut(id)?;
        message.status = change.status;
        message.updated_at = change.at.unwrap_or(now);
        Some(message)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Message> {
        self.list.values()
    }

    fn fresh_id(&mut self) -> String {
        self.made += 1;
        format!("SM{:016x}", random::mix(self.made))
    }
}

impl Message {
    /// The event by which it comes.
    pub(super) fn event(&self) -> &'static str {
        match self.order.direction {
            Direction::Received => "message.received",
            Direction::Sent => "message.sent",
        }
    }

    /// The `data` of its webhooks.
    pub(super) fn webhook(&self, directory: &Directory) -> Value {
        let sent = self.order.direction == Direction::Sent;
        let time = |at: i64| match self.order.times {
            Times::Iso => json!(iso(at)),
            Times::Ms => json!(at.saturating_mul(1_000)),
        };
        json!({
            "id": self.id,
            "direct_link": format!("https://api.aircall.io/v1/messages/{}", self.id),
            "direction": if sent { "outbound" } else { "inbound" },
            "external_number": self.order.number,
            "body": self.order.body,
            "status": self.status,
            "channel": self.order.channel,
            "raw_digits": self.order.number,
            "created_at": time(self.created_at),
            "sent_at": sent.then(|| time(self.created_at)),
            "updated_at": time(self.updated_at),
            "media_details": self.order.media.iter().map(|url| media(url)).collect::<Vec<_>>(),
            "number": directory.number_in_message(self.line),
            "contact": null,
        })
    }
}

fn media(url: &str) -> Value {
    json!({"file_name": url.rsplit('/').next(), "url": url})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aircall::seed::{Number, Seed};

    fn directory() -> Directory {
        let number = Number {
            id: 1001,
            name: "Accueil".into(),
            digits: "+33 1 99 00 10 01".into(),
            country: "FR".into(),
            time_zone: "Europe/Paris".into(),
        };
        let (api_id, api_token) = ("id".to_owned(), "token".to_owned());
        Directory::new(&Seed {
            api_id,
            api_token,
            requests_per_minute: None,
            users: Vec::new(),
            numbers: vec![number],
            teams: Vec::new(),
            tags: Vec::new(),
        })
    }

    fn order(text: &str) -> PlayMessage {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_received_sms_looks_as_documented() {
        let (mut messages, directory) = (Messages::default(), directory());
        let sms = order(
            r#"{"id":"01FC","direction":"received","number":"+33 6 39 98 00 11","body":"Bonjour","at":1780000000}"#,
        );
        let message = messages.begin(sms, &directory, 5).unwrap();
        assert_eq!((message.event(), message.updated_at), ("message.received", 1_780_000_000));
        let expected = json!({
            "id": "01FC",
            "direct_link": "https://api.aircall.io/v1/messages/01FC",
            "direction": "inbound",
            "external_number": "+33 6 39 98 00 11",
            "body": "Bonjour",
            "status": "received",
            "channel": null,
            "raw_digits": "+33 6 39 98 00 11",
            "created_at": "2026-05-28T20:26:40.000Z",
            "sent_at": null,
            "updated_at": "2026-05-28T20:26:40.000Z",
            "media_details": [],
            "number": {
                "id": 1001,
                "name": "Accueil",
                "digits": "+33 1 99 00 10 01",
                "e164_digits": "+33199001001",
                "country": "FR",
            },
            "contact": null,
        });
        assert_eq!(message.webhook(&directory), expected);
    }

    #[test]
    fn what_was_sent_has_a_time_and_gets_another_status() {
        let (mut messages, directory) = (Messages::default(), directory());
        let sent = r#"{"direction":"sent","number":"+33639980011","media":["https://a.example/x/plan.pdf"],"channel":"whatsapp","times":"ms"}"#;
        let id = messages.begin(order(sent), &directory, 5).unwrap().id.clone();
        let change = StatusChange { status: "delivered".into(), at: Some(7) };
        let data = messages.change(&id, change.clone(), 9).unwrap().webhook(&directory);
        assert_eq!(
            (&data["created_at"], &data["sent_at"], &data["updated_at"]),
            (&json!(5_000), &json!(5_000), &json!(7_000))
        );
        assert_eq!(
            (&data["status"], &data["channel"], &data["body"]),
            (&json!("delivered"), &json!("whatsapp"), &Value::Null)
        );
        assert_eq!(data["media_details"][0]["file_name"], "plan.pdf");
        assert!(messages.change("unknown", change, 9).is_none());
        assert_ne!(messages.begin(order(sent), &directory, 5).unwrap().id, id);
    }

    #[test]
    fn an_order_that_makes_no_sense_is_refused() {
        let (mut messages, directory) = (Messages::default(), directory());
        let mut refused = |text: &str| messages.begin(order(text), &directory, 5).is_err();
        assert!(refused(r#"{"direction":"received","number":"+33639980011"}"#));
        assert!(refused(r#"{"direction":"received","number":"+33639980011","body":"x","line":9}"#));
        assert!(!refused(r#"{"direction":"received","number":"+33639980011","body":"x","id":"1"}"#));
        assert!(refused(r#"{"direction":"received","number":"+33639980011","body":"x","id":"1"}"#));
        assert!(serde_json::from_str::<PlayMessage>(r#"{"direction":"in","number":"1","body":"x"}"#).is_err());
        assert!(serde_json::from_str::<PlayMessage>(r#"{"direction":"sent","number":"1","channel":"sms"}"#).is_err());
    }
}

//! Stores a text message, and notes that the comment of its conversation lacks it.

use std::time::Duration;

use base::{
    error::Result,
    phone::{self, Caller, Regions},
    rules::Rules,
};
use broker::amqp::{Incoming, Outcome};
use jiff::{Timestamp, tz::TimeZone};
use ledger::{
    followups::Key,
    messages::{self, New},
};
use resolver::region_on;
use vendors::aircall::wire::{Direction, Message, Number};

use crate::notice::Notice;

pub(crate) const KINDS: &str = "message.";
/// Without rules for messages: until a worker that has some takes it.
const UNTIL_RULES: Duration = Duration::from_secs(60);
const RECEIVED: &str = "message.received";
const SENT: &str = "message.sent";
/// Of a message that did not reach whom it was sent to. The sources name `failed`; the others are what such services say.
const FAILED: [&str; 5] = ["failed", "undelivered", "undeliverable", "rejected", "error"];

impl Notice {
    pub(crate) async fn take_message(&self, incoming: &Incoming) -> Result<Outcome> {
        // Ingest has them only if its rules want them. While a file of rules is replaced, this worker may still have the other one: nothing of it is lost.
        let after = self.settings.rules.messages.as_ref().map_or(UNTIL_RULES, |rules| rules.after);
        let (event, settings) = (&incoming.event, &self.settings);
        let account = Account { rules: &settings.rules, regions: &settings.regions, zone: &settings.time_zone };
        let message: Message = event.payload()?;
        let client = self.database.client().await?;
        let conversation = match (read(&message, &event.kind, event.occurred_at, account), &message.id) {
            (Some(new), _) => messages::store(&client, &new).await?,
            // An event that only changes the state may name nobody.
            (None, Some(id)) if has_failed(&message) => messages::has_failed(&client, id).await?,
            (None, _) => None,
        };
        let result = if conversation.is_some() { "stored" } else { "left_out" };
        metrics::counter!("callbridge_text_messages_total", "result" => result).increment(1);
        let Some(Key::Messages { number, day }) = conversation else { return Ok(Outcome::Done) };
        let begins = day.to_zoned(self.settings.time_zone.clone()).map_or(Timestamp::UNIX_EPOCH, |at| at.timestamp());
        let is_old = messages::may_be_lost(&client, begins).await?;
        let key = Key::Messages { number: number.clone(), day };
        self.begin_or_touch(&client, key, Some(number), after, is_old).await?;
        Ok(Outcome::Done)
    }
}

/// How an account reads its messages.
#[derive(Clone, Copy)]
struct Account<'a> {
    rules: &'a Rules,
    regions: &'a Regions,
    zone: &'a TimeZone,
}

/// It did not reach whom it was sent to.
fn has_failed(message: &Message) -> bool {
    message.status.as_deref().is_some_and(|status| FAILED.contains(&status.to_lowercase().as_str()))
}

/// `None` if nobody can be found by it: the other party has no number, or the rules leave it out.
fn read(message: &Message, kind: &str, occurred_at: Timestamp, account: Account<'_>) -> Option<New> {
    let Account { rules, regions, zone } = account;
    let line = || message.number.as_ref().map(Number::line).unwrap_or_default();
    let country = region_on(rules, regions, line, message.line_country());
    let Caller::Number(number) = phone::classify(message.other_party(), country) else { return None };
    if rules.calls.ignore(&number) || rules.messages.as_ref().is_some_and(|rules| !rules.has_comments(&line())) {
        return None;
    }
    let sent_at = message.at().unwrap_or(occurred_at);
    let outbound = match (kind, &message.direction) {
        (RECEIVED, _) => false,
        (SENT, _) => true,
        (_, Some(direction)) => *direction == Direction::Outbound,
        (_, None) => message.status.as_deref() != Some("received"),
    };
    let stored = messages::Message {
        sent_at,
        outbound,
        line: message.number.as_ref().and_then(|number| number.name.clone()),
        country,
        channel: message.channel.clone(),
        body: message.body.clone(),
        media: message.media.iter().map(|attachment| attachment.link.clone()).collect(),
        is_failed: has_failed(message),
    };
    Some(New {
        id: message.id.clone()?,
        conversation: Key::Messages { number, day: sent_at.to_zoned(zone.clone()).date() },
        message: stored,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rules(text: &str) -> Rules {
        base::rules::parse(text, "FR".parse().unwrap()).unwrap()
    }

    fn read_with(rules: &Rules, kind: &str, data: Value) -> Option<New> {
        let (regions, zone) = ("FR".parse::<phone::Region>().unwrap().into(), TimeZone::get("Europe/Paris").unwrap());
        let message: Message = serde_json::from_value(data).unwrap();
        read(&message, kind, "2026-11-29T23:30:00Z".parse().unwrap(), Account { rules, regions: &regions, zone: &zone })
    }

    fn data(number: &str, more: &Value) -> Value {
        let mut data = json!({ "id": "01FC", "external_number": number, "body": "Bonjour", "number": { "id": 1, "name": "Accueil", "country": "FR" } });
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        data
    }

    #[test]
    fn whose_message_it_is_and_of_which_day() {
        let all = rules("[messages]");
        for (kind, more, expected) in [
            (RECEIVED, json!({}), "messages:+33639980011:2026-11-30 received"),
            (SENT, json!({ "direction": "inbound" }), "messages:+33639980011:2026-11-30 sent"),
            (RECEIVED, json!({ "created_at": "2026-11-29T22:59:59Z" }), "messages:+33639980011:2026-11-29 received"),
            (RECEIVED, json!({ "created_at": 1_764_000_000_000_i64 }), "messages:+33639980011:2025-11-24 received"),
            ("message.status_updated", json!({ "status": "Failed" }), "messages:+33639980011:2026-11-30 sent failed"),
            ("message.status_updated", json!({ "status": "received" }), "messages:+33639980011:2026-11-30 received"),
            (
                "message.status_updated",
                json!({ "direction": "inbound", "status": "read" }),
                "messages:+33639980011:2026-11-30 received",
            ),
        ] {
            let new = read_with(&all, kind, data("06 39 98 00 11", &more)).unwrap();
            let direction = if new.message.outbound { "sent" } else { "received" };
            let failed = if new.message.is_failed { " failed" } else { "" };
            assert_eq!(format!("{} {direction}{failed}", new.conversation), expected, "{kind} {more}");
        }
    }

    #[test]
    fn what_the_rules_leave_out_and_what_has_no_number() {
        let all = rules("[messages]");
        for (rules, number) in [
            (&rules("[messages.lines.\"accueil\"]\ncomments = \"off\""), "+33639980011"),
            (&rules("[messages]\n[calls]\nignore = [\"+33639980011\"]"), "0639980011"),
            (&all, "38001"),
            (&all, "MaBanque"),
            (&all, "anonymous"),
            (&all, ""),
        ] {
            assert_eq!(read_with(rules, RECEIVED, data(number, &json!({}))), None, "{number}");
        }
        assert_eq!(read_with(&all, RECEIVED, json!({ "external_number": "+33639980011" })), None);
    }
}

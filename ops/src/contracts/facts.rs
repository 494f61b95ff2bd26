//! AsyncAPI 3 of the exchange: which facts there are, what each carries, and how others may have them.

use broker::{
    amqp::message::PROBE,
    event::{
        CALL_INSIGHTS, CALL_RESOLVED, DIRECTORY_CHANGED, Event, OPPORTUNITY_CHANGED, OpportunityHint, RecordHint,
        Resolved,
    },
    topology::Names,
};
use followups::{FOLLOWUP_DUE, FollowupDue};
use ledger::insight::Insight;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// What a fact carries.
#[derive(Clone, Copy)]
enum Carries {
    /// As Aircall sent it, as the webhook's `data`: we pass it on and promise nothing about it.
    Aircalls,
    /// A type of ours.
    Ours(fn(&mut SchemaGenerator) -> Schema),
}

use Carries::{Aircalls, Ours};

fn ours<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Every fact: its kind, which is its routing key, when there is one, and what it carries.
const FACTS: &[(&str, &str, Carries)] = &[
    (
        "call.created",
        "A phone rings, or somebody dials. Not kept on disk: after 30 seconds it is worth nothing.",
        Aircalls,
    ),
    ("call.ended", "A call is over.", Aircalls),
    ("call.tagged", "Somebody has tagged a call; hours later, too.", Aircalls),
    ("call.untagged", "Somebody has taken a tag away.", Aircalls),
    ("call.commented", "Somebody has written a note.", Aircalls),
    ("call.transferred", "A call was passed on to a colleague or a team.", Aircalls),
    ("call.external_transferred", "A call was passed on to a number outside.", Aircalls),
    ("call.ivr_option_selected", "A caller has chosen in a menu.", Aircalls),
    ("call.voicemail_left", "A caller has left a message.", Aircalls),
    ("call.comm_assets_generated", "A recording or a voicemail can be listened to.", Aircalls),
    ("summary.created", "The AI has summarised a call: only its id is in it.", Aircalls),
    ("topics.created", "The AI has found topics in a call.", Aircalls),
    ("sentiment.created", "The AI has found moods in a call.", Aircalls),
    ("action_item.created", "The AI has found something to do.", Aircalls),
    ("transcription.created", "A call has been transcribed.", Aircalls),
    ("custom_summary.*", "A summary of your own kind was written.", Aircalls),
    ("message.received", "A text message came in.", Aircalls),
    ("message.sent", "A text message went out.", Aircalls),
    ("message.status_updated", "A text message was delivered, or failed.", Aircalls),
    (
        CALL_RESOLVED,
        "It is decided on which record a call is logged, and its log is still to be written. A call that is decided and logged in one step, as most are, has none.",
        Ours(ours::<Resolved>),
    ),
    (CALL_INSIGHTS, "An insight was read in Aircall, for the log.", Ours(ours::<Insight>)),
    (DIRECTORY_CHANGED, "A record in Sellsy may have changed.", Ours(ours::<RecordHint>)),
    (OPPORTUNITY_CHANGED, "An opportunity in Sellsy may have changed.", Ours(ours::<OpportunityHint>)),
    (FOLLOWUP_DUE, "Something that follows from a call is to be done.", Ours(ours::<FollowupDue>)),
];

pub(super) fn asyncapi() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    generator.subschema_for::<Event>();
    let (mut messages, mut of_channel) = (Map::new(), Map::new());
    for (kind, when, carries) in FACTS {
        let name = kind.trim_end_matches(".*");
        let payload = match carries {
            Aircalls => {
                json!({ "type": "object", "description": "As Aircall sent it as `data`, without its token; or the call as far as the ledger knows it; or {}." })
            }
            Ours(schema) => {
                let schema = Value::from(schema(&mut generator));
                json!({ "anyOf": [schema, { "type": "object", "maxProperties": 0 }], "description": "{} if the fact comes from the ledger." })
            }
        };
        let of_kind = match kind.strip_suffix(".*") {
            Some(prefix) => json!({ "pattern": format!("^{prefix}\\.[^.]+$") }),
            None => json!({ "const": kind }),
        };
        let mut amqp = json!({ "bindingVersion": "0.3.0" });
        if !kind.ends_with('*') {
            amqp["messageType"] = (*kind).into();
        }
        let message = json!({
            "name": kind,
            "title": kind,
            "summary": when,
            "contentType": "application/json",
            "headers": { "$ref": "#/components/schemas/Headers" },
            "payload": {
                "allOf": [
                    { "$ref": "#/components/schemas/Event" },
                    { "properties": { "kind": of_kind, "payload": payload } },
                ],
            },
            "bindings": { "amqp": amqp },
        });
        messages.insert(name.to_owned(), message);
        of_channel.insert(name.to_owned(), json!({ "$ref": format!("#/components/messages/{name}") }));
    }
    // So `callbridge check` sees whether every queue is bound.
    let probe = json!({
        "name": PROBE,
        "title": "No fact",
        "summary": "Sent by callbridge check, with the routing key of any fact and without a body. To be ignored.",
        "payload": { "type": "string", "maxLength": 0 },
        "bindings": { "amqp": { "messageType": PROBE, "bindingVersion": "0.3.0" } },
    });
    messages.insert("probe".into(), probe);
    of_channel.insert("probe".into(), json!({ "$ref": "#/components/messages/probe" }));
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Headers".into(), headers());
    let exchange = Names::new("callbridge").events();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Callbridge",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Facts about phone calls on the exchange. What is promised, and how to have a queue of your own: docs/contracts.md.",
            "license": { "name": "MIT" },
        },
        "defaultContentType": "application/json",
        "channels": {
            "events": {
                "address": exchange,
                "title": "All facts",
                "description": "A topic exchange; the routing key is the fact's kind. `callbridge` in its name is AMQP_NAMESPACE.",
                "messages": of_channel,
                "bindings": { "amqp": {
                    "is": "routingKey",
                    "exchange": { "name": exchange, "type": "topic", "durable": true, "autoDelete": false },
                    "bindingVersion": "0.3.0",
                } },
            },
        },
        "operations": {
            "publish": {
                "action": "send",
                "channel": { "$ref": "#/channels/events" },
                "summary": "Each fact, once the broker has confirmed it.",
                "description": "On disk before it is confirmed (delivery mode 2), but for call.created.",
                "bindings": { "amqp": { "timestamp": true, "bindingVersion": "0.3.0" } },
            },
        },
        "components": { "messages": messages, "schemas": schemas },
    })
}

fn headers() -> Value {
    json!({
        "type": "object",
        "properties": {
            "traceparent": { "type": "string", "description": "W3C trace context: all that is done for a call is one trace." },
            "callbridge-call-id": { "type": "string", "description": "The id of the call; 0: it is about none." },
        },
        "required": ["traceparent", "callbridge-call-id"],
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use broker::topology::WORK_QUEUES;

    use super::*;

    #[test]
    fn every_kind_that_is_published_is_described() {
        let bound: BTreeSet<_> =
            WORK_QUEUES.iter().flat_map(|queue| queue.binds.iter().chain(queue.binds_always)).collect();
        let told: BTreeSet<_> = FACTS.iter().map(|(kind, ..)| kind).collect();
        assert_eq!(bound, told);
    }
}

//! Turns Aircall's bodies, from a webhook or a REST answer, into the insights of a log.
//!
//! A body without content gives no insight: then the handler fetches the REST resource, whose body has the same shape.

use jiff::{SignedDuration, Timestamp};
use ledger::insight::{self, Content, Section};
use vendors::aircall::{
    Resource,
    wire::{ActionItems, CustomSummary, ParticipantKind, Sentiment, Summary, Topics},
};

/// What an event's kind is about; `None` for kinds that carry nothing for a log.
pub(crate) fn resource(kind: &str) -> Option<Resource> {
    match kind {
        "summary.created" => Some(Resource::Summary),
        "topics.created" => Some(Resource::Topics),
        "sentiment.created" => Some(Resource::Sentiments),
        "action_item.created" => Some(Resource::ActionItems),
        kind if kind.starts_with("custom_summary.") => Some(Resource::CustomSummary),
        _ => None,
    }
}

/// The time of an event's insight. Aircall's times are whole seconds: an update counts as newer than what it updates, even
/// within the same second.
pub(crate) fn insight_time(kind: &str, occurred_at: Timestamp) -> Timestamp {
    if kind.ends_with("_updated") { occurred_at + SignedDuration::from_millis(1) } else { occurred_at }
}

pub(crate) fn summary(summary: Summary) -> Vec<Content> {
    summary.content.map(|text| Content::Summary { text }).into_iter().collect()
}

pub(crate) fn topics(topics: Topics) -> Vec<Content> {
    if topics.content.is_empty() { vec![] } else { vec![Content::Topics { topics: topics.content }] }
}

pub(crate) fn sentiment(sentiment: &Sentiment) -> Vec<Content> {
    let participants: Vec<_> = sentiment
        .participants
        .iter()
        .filter_map(|participant| {
            let internal = matches!(
                participant.kind(),
                Some(ParticipantKind::Internal | ParticipantKind::User | ParticipantKind::AiVoiceAgent)
            );
            Some(insight::Sentiment { internal, value: participant.value.as_ref()?.to_string() })
        })
        .collect();
    if participants.is_empty() { vec![] } else { vec![Content::Sentiment { participants }] }
}

/// Each item is an insight of its own. An item without an id is identified by its text.
pub(crate) fn action_items(items: ActionItems) -> Vec<Content> {
    let items = items.items.into_iter().filter_map(|item| {
        let text = item.content?;
        let id = item.id.map_or_else(|| blake3::hash(text.as_bytes()).to_hex()[..16].to_owned(), |id| id.to_string());
        Some(Content::ActionItem { id, text })
    });
    items.collect()
}

pub(crate) fn custom_summary(summary: CustomSummary) -> Vec<Content> {
    let name = summary.name().unwrap_or("Custom summary").to_owned();
    let sections: Vec<_> = summary
        .sections
        .into_iter()
        .filter_map(|section| Some(Section { name: section.name.unwrap_or_default(), text: section.content? }))
        .collect();
    if sections.is_empty() { vec![] } else { vec![Content::CustomSummary { name, sections }] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    #[test]
    fn knows_what_an_event_is_about() {
        for (kind, expected) in [
            ("summary.created", Some(Resource::Summary)),
            ("topics.created", Some(Resource::Topics)),
            ("sentiment.created", Some(Resource::Sentiments)),
            ("action_item.created", Some(Resource::ActionItems)),
            ("custom_summary.result_created", Some(Resource::CustomSummary)),
            ("custom_summary.result_updated", Some(Resource::CustomSummary)),
            ("transcription.created", None),
            ("playbook_result.created", None),
        ] {
            assert_eq!(resource(kind), expected, "{kind}");
        }
    }

    #[test]
    fn an_update_is_newer_than_what_it_updates() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let time = |kind, second| insight_time(kind, at(second));
        assert_eq!(time("custom_summary.result_created", 5), at(5));
        assert!(time("custom_summary.result_updated", 5) > time("custom_summary.result_created", 5));
        assert!(time("custom_summary.result_updated", 5) < time("custom_summary.result_created", 6));
    }

    fn action(id: &str, text: &str) -> Content {
        Content::ActionItem { id: id.into(), text: text.into() }
    }

    fn mood(internal: bool, value: &str) -> insight::Sentiment {
        insight::Sentiment { internal, value: value.into() }
    }

    /// Webhooks write ids as strings or numbers, REST writes numbers; what is not there is absent, null or empty.
    #[test]
    fn reads_webhooks_and_rest_answers_alike() {
        for (body, expected) in [
            (json!({ "id": "81", "call_id": "7", "content": " Devis. " }), vec!["Devis."]),
            (
                json!({ "id": 81, "call_id": 7, "created_at": "2026-11-18T11:12:00.000Z", "content": "Devis." }),
                vec!["Devis."],
            ),
            (json!({ "id": 81, "call_id": 7, "content": "" }), vec![]),
            (json!({ "id": 81, "call_id": 7, "content": null }), vec![]),
            (json!({ "id": 81, "call_id": 7 }), vec![]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|text| Content::Summary { text: text.into() }).collect();
            assert_eq!(summary(from_value(body.clone()).unwrap()), expected, "{body}");
        }
        for (body, expected) in [
            (json!({ "content": ["devis", "", "prix"] }), vec!["devis", "prix"]),
            (json!({ "content": "devis" }), vec!["devis"]),
            (json!({ "content": [""] }), vec![]),
            (json!({ "content": null }), vec![]),
        ] {
            let topics = topics(from_value(body.clone()).unwrap());
            let expected: Vec<_> = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(
                topics,
                if expected.is_empty() { vec![] } else { vec![Content::Topics { topics: expected }] },
                "{body}"
            );
        }
    }

    #[test]
    fn reads_how_each_participant_sounded() {
        for (body, expected) in [
            (
                json!([{ "participant_type": "external", "phone_number": "+33639980001", "value": "NEGATIVE" }, { "participant_type": "internal", "user_id": "501", "value": "SO_SO" }]),
                vec![mood(false, "NEGATIVE"), mood(true, "SO_SO")],
            ),
            (
                json!([{ "type": "external", "value": "POSITIVE" }, { "type": "ai_voice_agent", "value": "NEUTRAL" }]),
                vec![mood(false, "POSITIVE"), mood(true, "NEUTRAL")],
            ),
            (json!([{ "type": "external", "value": null }, { "value": "NEUTRAL" }]), vec![mood(false, "NEUTRAL")]),
            (json!([{ "participant_type": "external" }]), vec![]),
            (json!(null), vec![]),
        ] {
            let read = sentiment(&from_value(json!({ "id": 7, "call_id": "7", "participants": body })).unwrap());
            let expected = (!expected.is_empty()).then_some(Content::Sentiment { participants: expected });
            assert_eq!(read, Vec::from_iter(expected), "{body}");
        }
    }

    #[test]
    fn reads_one_action_item_or_all() {
        for (body, expected) in [
            (json!({ "id": 55, "call_id": "7", "content": "Rappeler" }), vec![action("55", "Rappeler")]),
            (json!({ "id": "55", "call_id": 7, "content": "Rappeler" }), vec![action("55", "Rappeler")]),
            (
                json!({ "call_id": 7, "action_items": [{ "id": 4, "content": "Rappeler" }, { "id": 5, "content": null }] }),
                vec![action("4", "Rappeler")],
            ),
            (json!({ "id": 55, "call_id": "7", "content": null }), vec![]),
        ] {
            assert_eq!(action_items(from_value(body.clone()).unwrap()), expected, "{body}");
        }
        // Two items without ids are different insights; the same text again is the same insight.
        let nameless = |texts: [&str; 2]| action_items(from_value(json!({ "content": texts })).unwrap());
        let [one, other] = &nameless(["Rappeler", "Envoyer"])[..] else { panic!("not two") };
        assert_ne!(one.key(), other.key());
        assert_eq!(nameless(["Envoyer", "Rappeler"]), [other.clone(), one.clone()]);
    }

    #[test]
    fn reads_custom_summaries_by_their_names() {
        for (body, key) in [
            (
                json!({ "id": 9, "custom_summary": { "name": "BANT" }, "summary_template_results": [{ "name": "Budget", "content": "5 k" }, { "name": "Délai", "content": null }] }),
                Some("custom_summary:BANT"),
            ),
            (
                json!({ "custom_summary": null, "summary_template_results": [{ "name": "Budget", "content": "5 k" }] }),
                Some("custom_summary:Custom summary"),
            ),
            (json!({ "custom_summary": { "name": "BANT" }, "summary_template_results": [] }), None),
            (json!({ "id": "9", "call_id": "7" }), None),
        ] {
            let read = custom_summary(from_value(body.clone()).unwrap());
            assert_eq!(read.first().map(Content::key).as_deref(), key, "{body}");
            if let Some(Content::CustomSummary { sections, .. }) = read.first() {
                assert_eq!(sections, &[Section { name: "Budget".into(), text: "5 k".into() }]);
            }
        }
    }
}

//! From what Aircall says, in a webhook or in a REST answer, to the insights of a log.
//!
//! An insight without content is not one: then the caller asks the REST resource, whose body has the same shape.

use shared::{
    aircall::{
        Resource,
        wire::{ActionItems, CustomSummary, ParticipantKind, Sentiment, Summary, Topics},
    },
    ledger::insight::{self, Content, Section},
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

/// Each item stands for itself. One without an id is known by its text.
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
    fn reads_webhooks_and_rest_answers_alike() {
        let text = |text: &str| Content::Summary { text: text.into() };
        assert_eq!(
            summary(from_value(json!({ "id": "1", "call_id": "7", "content": "Devis." })).unwrap()),
            [text("Devis.")]
        );
        assert_eq!(summary(from_value(json!({ "id": 1, "call_id": 7, "content": "" })).unwrap()), []);
        assert_eq!(topics(from_value(json!({ "content": null })).unwrap()), []);
        let webhook = json!({ "participants": [{ "participant_type": "external", "value": "NEGATIVE" }, { "participant_type": "internal", "value": "SO_SO" }] });
        let rest = json!({ "participants": [{ "type": "external", "value": "NEGATIVE" }, { "type": "internal", "value": "SO_SO" }] });
        let both = [
            insight::Sentiment { internal: false, value: "NEGATIVE".into() },
            insight::Sentiment { internal: true, value: "SO_SO".into() },
        ];
        for body in [webhook, rest] {
            assert_eq!(sentiment(&from_value(body).unwrap()), [Content::Sentiment { participants: both.to_vec() }]);
        }
        let items = action_items(
            from_value(json!({ "action_items": [{ "id": 4, "content": "Rappeler" }, { "content": "Envoyer" }] }))
                .unwrap(),
        );
        assert_eq!(items.len(), 2);
        assert_eq!(items[0].key(), "action_item:4");
        let custom = json!({ "custom_summary": { "name": "BANT" }, "summary_template_results": [{ "name": "Budget", "content": "5 k" }] });
        assert_eq!(custom_summary(from_value(custom).unwrap())[0].key(), "custom_summary:BANT");
    }
}

//! The AI insights of a call: the events that announce them, and what the REST resources answer from then on.
//!
//! The REST shape is stored (numeric `call_id`); the webhook's shape is made from it when the event is sent (`call_id`
//! as a string, `call_uuid` beside it). The small differences between the two are easy to get wrong in a client, so both
//! are written out here.

use serde_json::{Map, Value, json};

use super::call::{call_uuid, iso};
use super::scenario::Insight;

#[derive(Debug, Default)]
pub(super) struct Insights {
    transcription: Option<Value>,
    summary: Option<Value>,
    topics: Option<Value>,
    sentiment: Option<Value>,
    action_items: Vec<Value>,
    custom_summary: Option<Value>,
}

/// What an insight needs to know about its call.
pub(super) struct About {
    pub(super) call_id: u64,
    pub(super) number_id: u64,
    pub(super) started_at: i64,
    pub(super) external: Option<String>,
    pub(super) user: Option<u64>,
    pub(super) voicemail: bool,
}

impl Insights {
    /// The body of `GET /v1/calls/:id/<resource>`, or nothing when there is none for this call.
    pub(super) fn resource(&self, name: &str, call_id: u64) -> Option<Value> {
        match name {
            "transcription" => self.transcription.as_ref().map(|value| json!({"transcription": value})),
            "summary" => self.summary.as_ref().map(|value| json!({"summary": value})),
            "topics" => self.topics.as_ref().map(|value| json!({"topic": value})),
            "sentiments" => self.sentiment.as_ref().map(|value| json!({"sentiment": value})),
            "action_items" if self.action_items.is_empty() => None,
            "action_items" => Some(json!({"call_id": call_id, "action_items": self.action_items})),
            "custom_summary_result" => self.custom_summary.clone(),
            _ => None,
        }
    }

    /// Keeps the insight for the REST resources and returns the webhook's `data`.
    pub(super) fn add(&mut self, about: &About, insight: &Insight, item_id: u64, at: i64) -> Value {
        match insight {
            Insight::Transcription { utterances } => self.add_transcription(about, utterances.as_deref(), item_id),
            Insight::Summary { content } => {
                let rest = json!({"id": item_id, "call_id": about.call_id, "created_at": iso(at), "content": content});
                // In the only recorded webhook of this kind, its own id is a string too.
                let data = webhook(&rest, about, &[("id", json!(item_id.to_string()))]);
                self.summary = Some(rest);
                data
            }
            Insight::Topics { content } => {
                let rest = json!({"id": item_id, "call_id": about.call_id, "created_at": iso(at), "content": content});
                let data = webhook(&rest, about, &[]);
                self.topics = Some(rest);
                data
            }
            Insight::Sentiment { value } => {
                let participant = |key: &str| json!({key: "external", "phone_number": about.external, "value": value});
                let rest =
                    |key| json!({"id": about.call_id, "call_id": about.call_id, "participants": [participant(key)]});
                self.sentiment = Some(rest("type"));
                webhook(&rest("participant_type"), about, &[])
            }
            Insight::ActionItem { content } => {
                let rest = json!({"id": item_id, "content": content, "ai_generated": true, "created_at": iso(at),
                    "created_by": null, "updated_at": null, "updated_by": null});
                let data = webhook(&rest, about, &[]);
                self.action_items.push(rest);
                data
            }
            Insight::CustomSummary { name, results, .. } => {
                let results: Vec<Value> =
                    results.iter().map(|result| json!({"name": result.name, "content": result.content})).collect();
                let rest = json!({
                    "id": item_id,
                    "call_id": about.call_id,
                    "number_id": about.number_id,
                    "language": "fr",
                    "custom_summary": {"name": name},
                    "summary_template_results": results,
                });
                let data = webhook(&rest, about, &[]);
                self.custom_summary = Some(rest);
                data
            }
        }
    }

    fn add_transcription(&mut self, about: &About, utterances: Option<&[Value]>, item_id: u64) -> Value {
        let kind = if about.voicemail { "voicemail" } else { "call" };
        let utterances = utterances.map_or_else(|| invented_utterances(about), <[Value]>::to_vec);
        self.transcription = Some(json!({
            "id": item_id,
            "call_id": about.call_id,
            "call_created_at": iso(about.started_at),
            "type": kind,
            "content": {"language": "fr", "utterances": utterances},
        }));
        let external = json!({"participant_type": "external", "phone_number": about.external});
        let internal = about.user.map(|user| json!({"participant_type": "internal", "user_id": user.to_string()}));
        let participants: Vec<Value> = std::iter::once(external).chain(internal).collect();
        // No utterances in the event: they have to be fetched.
        webhook(
            &json!({"id": item_id, "number_id": about.number_id, "type": kind, "participants": participants}),
            about,
            &[],
        )
    }

    /// Keeps what a raw envelope of this kind contains.
    pub(super) fn keep_raw(&mut self, event: &str, call_id: u64, data: &Map<String, Value>) {
        let mut rest = data.clone();
        rest.remove("call_uuid");
        if let Some(id) = rest.get("id").and_then(Value::as_str).and_then(|id| id.parse::<u64>().ok()) {
            rest.insert("id".into(), json!(id));
        }
        rest.insert("call_id".into(), json!(call_id));
        match event {
            "summary.created" => self.summary = Some(Value::Object(rest)),
            "topics.created" => self.topics = Some(Value::Object(rest)),
            "sentiment.created" => {
                for participant in rest.get_mut("participants").and_then(Value::as_array_mut).into_iter().flatten() {
                    if let Some(participant) = participant.as_object_mut()
                        && let Some(kind) = participant.remove("participant_type")
                    {
                        participant.insert("type".into(), kind);
                    }
                }
                self.sentiment = Some(Value::Object(rest));
            }
            "action_item.created" => {
                rest.remove("call_id");
                self.action_items.retain(|item| item.get("id") != rest.get("id"));
                self.action_items.push(Value::Object(rest));
            }
            "transcription.created" => {
                rest.remove("participants");
                rest.remove("number_id");
                rest.entry("content").or_insert(json!({"language": "fr", "utterances": []}));
                self.transcription = Some(Value::Object(rest));
            }
            "custom_summary.result_created" | "custom_summary.result_updated" => {
                self.custom_summary = Some(Value::Object(rest));
            }
            _ => {}
        }
    }
}

/// A webhook's `data` that only says that an insight exists, and for which call.
pub(super) fn bare(mut data: Value) -> Value {
    if let Some(fields) = data.as_object_mut() {
        for key in ["content", "participants", "custom_summary", "summary_template_results"] {
            fields.remove(key);
        }
    }
    data
}

fn webhook(rest: &Value, about: &About, replaced: &[(&str, Value)]) -> Value {
    let mut data = rest.clone();
    if let Some(fields) = data.as_object_mut() {
        fields.insert("call_id".into(), json!(about.call_id.to_string()));
        fields.insert("call_uuid".into(), json!(call_uuid(about.call_id)));
        for (key, value) in replaced {
            fields.insert((*key).to_owned(), value.clone());
        }
    }
    data
}

fn invented_utterances(about: &About) -> Vec<Value> {
    let mut utterances = Vec::new();
    if let Some(user) = about.user {
        utterances.push(json!({"start_time": 0.8, "end_time": 2.4, "text": "Bonjour, que puis-je pour vous ?",
            "participant_type": "internal", "user_id": user}));
    }
    utterances
        .push(json!({"start_time": 2.9, "end_time": 6.1, "text": "Bonjour, je vous appelle au sujet de mon devis.",
        "participant_type": "external", "phone_number": about.external}));
    utterances
}

//! A webhook that was made over the API, as the account keeps it.

use serde_json::{Value, json};

/// A webhook, in the shape of the API.
#[derive(Debug, Clone)]
pub(super) struct Registered {
    pub(super) id: u64,
    pub(super) is_http: bool,
    pub(super) name: Option<String>,
    pub(super) url: String,
    /// JSON mode; otherwise form mode.
    pub(super) json: bool,
    pub(super) sign_key: String,
    pub(super) is_enabled: bool,
    pub(super) object_in_payload: bool,
    pub(super) events: Vec<(String, bool)>,
}

impl Registered {
    pub(super) fn reports(&self, event: &str) -> bool {
        self.is_enabled && self.is_http && self.events.iter().any(|(id, enabled)| id == event && *enabled)
    }

    pub(super) fn view(&self) -> Value {
        let configuration: Vec<Value> =
            self.events.iter().map(|(id, enabled)| json!({"id": id, "is_enabled": enabled})).collect();
        json!({
            "id": self.id,
            "type": if self.is_http { "http" } else { "slack" },
            "name": self.name,
            "endpoint": self.url,
            "is_enabled": self.is_enabled,
            "object_in_payload": self.object_in_payload,
            "json_content_type": self.json,
            "sign_key": self.sign_key,
            "configuration": configuration,
            "created": "2026-11-30T09:00:00+01:00",
            "updated": null,
            "last_succeeded": null,
            "last_failed": null,
            "nb_failures": 0,
        })
    }
}

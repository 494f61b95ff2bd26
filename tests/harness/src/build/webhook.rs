//! A webhook as Aircall sends it: `webhook("call.ended", json!({ "id": 1 })).at(1_764_000_000)`.

use serde::Serialize;
use serde_json::{Value, json};

use super::STARTED_AT;

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Webhook(Value);

/// For the sandbox, which adds the token of each webhook that it delivers to.
pub fn webhook(event: &str, data: impl Into<Value>) -> Webhook {
    let resource = if event.starts_with("call.") { "call" } else { "conversation_intelligence" };
    Webhook(json!({ "resource": resource, "event": event, "timestamp": STARTED_AT, "data": data.into() }))
}

impl Webhook {
    /// In seconds since 1970.
    pub fn at(mut self, timestamp: i64) -> Self {
        self.0["timestamp"] = json!(timestamp);
        self
    }

    /// For a test that posts it to ingest itself.
    pub fn with_token(mut self, token: &str) -> Self {
        self.0["token"] = json!(token);
        self
    }

    pub fn body(&self) -> &Value {
        &self.0
    }

    pub fn event(&self) -> &str {
        self.0["event"].as_str().unwrap_or_default()
    }
}

//! The webhook of a Sellsy account, and the events for which there can be one.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use crate::tolerant::{self, lenient};

/// A webhook as Sellsy lists it. There are others than those over HTTP: these have another `kind`.
#[derive(Clone, Debug, Deserialize)]
pub struct Webhook {
    #[serde(deserialize_with = "tolerant::id")]
    pub id: i64,
    #[serde(rename = "type", default, deserialize_with = "lenient::text")]
    pub kind: Option<String>,
    /// Ends in a secret.
    #[serde(default, deserialize_with = "secret")]
    pub endpoint: Option<SecretString>,
    #[serde(default, deserialize_with = "tolerant::flag")]
    pub is_enabled: bool,
    #[serde(default, deserialize_with = "tolerant::flag")]
    pub json_content_type: bool,
    #[serde(default, deserialize_with = "secret")]
    pub sign_key: Option<SecretString>,
    #[serde(default, deserialize_with = "lenient::list")]
    pub configuration: Vec<WebhookEvent>,
}

/// Whether an event, such as `people.updated`, is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookEvent {
    pub id: String,
    #[serde(default)]
    pub is_enabled: bool,
}

/// The body of `POST /webhooks` and, without the kind, of `PUT /webhooks/{id}`.
#[derive(Clone, Debug, Serialize)]
pub struct WebhookRequest {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    pub name: &'static str,
    #[serde(serialize_with = "shown")]
    pub endpoint: SecretString,
    pub is_enabled: bool,
    /// A notice names its record; what the record holds is read from Sellsy.
    pub object_in_payload: bool,
    pub json_content_type: bool,
    #[serde(serialize_with = "shown")]
    pub sign_key: SecretString,
    pub configuration: Vec<WebhookEvent>,
}

/// The events of one kind of record, by the name that follows the kind's id in an event's.
#[derive(Clone, Debug, Deserialize)]
pub struct WebhookEvents {
    #[serde(default, deserialize_with = "lenient::text")]
    pub id: Option<String>,
    /// With the words that people read.
    #[serde(default, deserialize_with = "lenient::opt")]
    pub events: Option<BTreeMap<String, serde_json::Value>>,
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Ok(lenient::text(deserializer)?.map(SecretString::from))
}

fn shown<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

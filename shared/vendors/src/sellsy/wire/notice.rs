//! Sellsy's own webhooks, which say that a record changed. They are only a hint, since their signature is weak and their
//! shape is known only from deliveries; the record must be fetched again.

use base::text;
use serde::Deserialize;

use crate::tolerant;

/// A delivery, in JSON mode or in form mode.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Notice {
    /// `client`, `prospect`, `people`, `opportunity` …
    #[serde(rename = "eventType", default, deserialize_with = "tolerant::text")]
    pub event_type: Option<String>,
    /// `created`, `updated`, `deleted`, `archived` …
    #[serde(default, deserialize_with = "tolerant::text")]
    pub event: Option<String>,
    /// Unix seconds.
    #[serde(default, deserialize_with = "tolerant::number")]
    pub timestamp: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    pub corpid: Option<i64>,
    /// `people` is a contact, `third` and `client` are companies or individuals.
    #[serde(default, deserialize_with = "tolerant::text")]
    pub relatedtype: Option<String>,
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    pub relatedid: Option<i64>,
}

/// The body is neither of the two shapes.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    #[error("the form has no field `notif`")]
    NoNotif,
    #[error("not a notice in JSON")]
    Json(#[from] serde_json::Error),
}

impl Notice {
    /// Reads a body in JSON mode (`{…}`) or in form mode (`notif=` and the JSON, percent-encoded).
    pub fn parse(body: &[u8]) -> Result<Self, NoticeError> {
        if body.trim_ascii_start().starts_with(b"{") {
            return Ok(serde_json::from_slice(&text::readable(body))?);
        }
        let mut fields = form_urlencoded::parse(body.trim_ascii());
        let (_, notif) = fields.find(|(name, _)| name == "notif").ok_or(NoticeError::NoNotif)?;
        Ok(serde_json::from_slice(&text::readable(notif.as_bytes()))?)
    }
}

//! Only in the REST API: the wrapping of answers, request bodies, webhooks.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::envelope::secret;
use crate::tolerant::{self, discreet_debug};

/// An answer with one resource: `{"call": {…}}`. Aircall names the key after the resource; the aliases are the resources
/// that Callbridge reads.
#[derive(Clone, Debug, Deserialize)]
#[serde(bound(deserialize = "T: DeserializeOwned"))]
pub struct One<T> {
    #[serde(
        alias = "call",
        alias = "contact",
        alias = "custom_summary_result",
        alias = "number",
        alias = "sentiment",
        alias = "summary",
        alias = "tag",
        alias = "team",
        alias = "topic",
        alias = "user",
        alias = "webhook"
    )]
    pub item: T,
}

/// A page of a list: `{"calls": […], "meta": {…}}`, with the key named after the resource.
///
/// Items are read one by one: one that cannot be read is left out and counted.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Items", bound(deserialize = "T: DeserializeOwned"))]
pub struct Listing<T> {
    pub items: Vec<T>,
    pub meta: Meta,
    /// Items of the answer that could not be read.
    pub unreadable: u64,
}

#[derive(Deserialize)]
struct Items {
    #[serde(
        default,
        alias = "calls",
        alias = "contacts",
        alias = "numbers",
        alias = "tags",
        alias = "teams",
        alias = "users",
        alias = "webhooks",
        deserialize_with = "tolerant::list"
    )]
    items: Vec<Value>,
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    meta: Option<Meta>,
}

impl<T: DeserializeOwned> From<Items> for Listing<T> {
    fn from(list: Items) -> Self {
        let (items, unreadable) = tolerant::readable(list.items);
        Self { items, meta: list.meta.unwrap_or_default(), unreadable }
    }
}

/// The position of a page in the list. Page by `next_page_link`, not by the counts. The link lacks any `fetch_*` parameters
/// of the request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    #[serde(default, deserialize_with = "tolerant::count")]
    pub count: Option<u64>,
    #[serde(default, deserialize_with = "tolerant::count")]
    pub total: Option<u64>,
    #[serde(default, deserialize_with = "tolerant::count")]
    pub current_page: Option<u64>,
    #[serde(default, deserialize_with = "tolerant::count")]
    pub per_page: Option<u64>,
    #[serde(default, deserialize_with = "tolerant::text")]
    pub next_page_link: Option<String>,
    #[serde(default, deserialize_with = "tolerant::text")]
    pub previous_page_link: Option<String>,
}

/// The body of `POST /v1/calls/:id/insight_cards`: less than 10 kB, and only while the call is on.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct InsightCard {
    pub contents: Vec<CardLine>,
}

/// A line of the card that the agent sees. Links must be `https`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum CardLine {
    Title {
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<String>,
    },
    ShortText {
        label: String,
        text: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<String>,
    },
}

impl std::fmt::Debug for CardLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Title { .. } => "Title { .. }",
            Self::ShortText { .. } => "ShortText { .. }",
        })
    }
}

/// The body of `POST /v1/webhooks` and `PUT /v1/webhooks/:id`. `events` is always sent, because a body without it
/// subscribes to all events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WebhookRequest {
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_name: Option<String>,
    pub events: Vec<String>,
    /// `true` re-enables a webhook that Aircall has disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
}

/// A webhook of the Aircall account, with the token that its deliveries carry.
#[derive(Clone, Debug, Deserialize)]
pub struct Webhook {
    /// A UUID; this is the id to use.
    #[serde(default, deserialize_with = "tolerant::text")]
    pub webhook_id: Option<String>,
    /// An older, numeric id that some answers also have.
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    pub id: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::text")]
    pub custom_name: Option<String>,
    #[serde(default, deserialize_with = "tolerant::text")]
    pub url: Option<String>,
    #[serde(default, deserialize_with = "tolerant::flag")]
    pub active: bool,
    #[serde(default, deserialize_with = "secret")]
    pub token: Option<SecretString>,
    /// In no particular order.
    #[serde(default, deserialize_with = "tolerant::texts")]
    pub events: Vec<String>,
    #[serde(default, with = "tolerant::time")]
    pub created_at: Option<Timestamp>,
}

discreet_debug! {
    InsightCard { contents }
}

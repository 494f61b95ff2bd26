//! AI insights of a call. One type serves the webhook and the REST answer, since only the ids and the wrapping differ
//! (webhooks write ids as strings, REST wraps all but two answers in a key, see [`One`](super::One)).
//!
//! Any field may be missing. An insight without content is possible; then there is nothing to log.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use super::ParticipantKind;
use crate::tolerant::{self, discreet_debug, open_enum};

/// `summary.created`, `GET /v1/calls/:id/summary`.
#[derive(Clone, PartialEq, Deserialize)]
pub struct Summary {
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    pub call_id: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::prose")]
    pub content: Option<String>,
    #[serde(default, with = "tolerant::time")]
    pub created_at: Option<Timestamp>,
}

/// `topics.created`, `GET /v1/calls/:id/topics`.
#[derive(Clone, PartialEq, Deserialize)]
pub struct Topics {
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    pub call_id: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::phrases")]
    pub content: Vec<String>,
    #[serde(default, with = "tolerant::time")]
    pub created_at: Option<Timestamp>,
}

open_enum! {
    /// How somebody sounded.
    Mood {
        Positive = "POSITIVE",
        Neutral = "NEUTRAL",
        Negative = "NEGATIVE",
    }
}

/// `sentiment.created`, `GET /v1/calls/:id/sentiments`.
#[derive(Clone, PartialEq, Deserialize)]
pub struct Sentiment {
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    pub call_id: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::lenient::list")]
    pub participants: Vec<VoiceSentiment>,
}

/// How one participant sounded.
#[derive(Clone, PartialEq, Deserialize)]
pub struct VoiceSentiment {
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    participant_type: Option<ParticipantKind>,
    #[serde(rename = "type", default, deserialize_with = "tolerant::lenient::opt")]
    rest_type: Option<ParticipantKind>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub phone_number: Option<String>,
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    pub user_id: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    pub value: Option<Mood>,
}

impl VoiceSentiment {
    /// Webhooks say `participant_type`, REST says `type`.
    pub fn kind(&self) -> Option<&ParticipantKind> {
        self.participant_type.as_ref().or(self.rest_type.as_ref())
    }
}

/// `action_item.created`, `GET /v1/calls/:id/action_items`.
///
/// Whether the webhook carries one item or all of them is not documented; a single item is read as a list of one. So a
/// webhook's list must be added to the known items, while the REST answer is complete.
#[derive(Clone, PartialEq)]
pub struct ActionItems {
    pub call_id: Option<i64>,
    pub items: Vec<ActionItem>,
}

/// Something to do after the call.
#[derive(Clone, PartialEq, Deserialize)]
pub struct ActionItem {
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    pub id: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::prose")]
    pub content: Option<String>,
    #[serde(default, deserialize_with = "tolerant::flag")]
    pub ai_generated: bool,
    #[serde(default, with = "tolerant::time")]
    pub created_at: Option<Timestamp>,
}

impl<'de> Deserialize<'de> for ActionItems {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Either {
            #[serde(default, deserialize_with = "tolerant::opt_id")]
            call_id: Option<i64>,
            #[serde(default, deserialize_with = "tolerant::lenient::list")]
            action_items: Vec<ActionItem>,
            #[serde(default, deserialize_with = "tolerant::opt_id")]
            id: Option<i64>,
            #[serde(default, deserialize_with = "tolerant::phrases")]
            content: Vec<String>,
            #[serde(default, deserialize_with = "tolerant::flag")]
            ai_generated: bool,
            #[serde(default, with = "tolerant::time")]
            created_at: Option<Timestamp>,
        }

        let Either { call_id, action_items, id, content, ai_generated, created_at } =
            Either::deserialize(deserializer)?;
        // Several texts under one id become several items, and the id belongs to none of them.
        let id = id.filter(|_| content.len() == 1);
        let own = content.into_iter().map(|text| ActionItem { id, content: Some(text), ai_generated, created_at });
        Ok(Self { call_id, items: action_items.into_iter().chain(own).collect() })
    }
}

/// `custom_summary.result_created`, `custom_summary.result_updated`, `GET /v1/calls/:id/custom_summary_result`.
#[derive(Clone, PartialEq, Deserialize)]
pub struct CustomSummary {
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    pub id: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::opt_id")]
    pub call_id: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub language: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    custom_summary: Option<Named>,
    #[serde(rename = "summary_template_results", default, deserialize_with = "tolerant::lenient::list")]
    pub sections: Vec<SummarySection>,
}

#[derive(Clone, PartialEq, Deserialize)]
struct Named {
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    name: Option<String>,
}

impl CustomSummary {
    /// The company's name for this kind of summary, for example `BANT`.
    pub fn name(&self) -> Option<&str> {
        self.custom_summary.as_ref()?.name.as_deref()
    }
}

/// One heading of a custom summary and its text.
#[derive(Clone, PartialEq, Deserialize)]
pub struct SummarySection {
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "tolerant::prose")]
    pub content: Option<String>,
}

discreet_debug! {
    Summary { call_id }
    Topics { call_id }
    Sentiment { call_id }
    VoiceSentiment { user_id }
    ActionItems { call_id }
    ActionItem { id }
    CustomSummary { id, call_id }
    SummarySection { }
}

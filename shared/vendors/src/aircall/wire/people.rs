//! People and things attached to a call: the company's number, agents, teams, tags, notes, contacts, participants.
//!
//! Aircall sends all of them abridged, and any of their fields may be missing.

use base::{phone, rules::LineOf};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::tolerant::{self, discreet_debug, open_enum};

open_enum! {
    /// Who took part in a call or said something in it.
    ParticipantKind {
        User = "user",
        Contact = "contact",
        External = "external",
        Internal = "internal",
        AiVoiceAgent = "ai_voice_agent",
    }
}

/// One of the company's numbers, abridged.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Number {
    #[serde(deserialize_with = "tolerant::opt_id", skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// With spaces.
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub digits: Option<String>,
    /// Without spaces; newer webhooks only.
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub e164_digits: Option<String>,
    /// ISO 3166, two letters.
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

impl Number {
    /// As the rules look at it.
    pub fn line(&self) -> LineOf<'_> {
        let digits = self.e164_digits.as_deref().or(self.digits.as_deref());
        let region = self.country.as_deref().and_then(|country| country.parse().ok()).unwrap_or_default();
        LineOf {
            name: self.name.as_deref(),
            number: digits.and_then(|digits| phone::parse(digits, region)),
            zone: self.time_zone.as_deref(),
        }
    }
}

/// An agent, abridged.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct User {
    #[serde(deserialize_with = "tolerant::opt_id", skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    #[serde(deserialize_with = "tolerant::name", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// As the agent typed it: compare without regard to case.
    #[serde(deserialize_with = "tolerant::name", skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Team {
    #[serde(deserialize_with = "tolerant::opt_id", skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tag {
    #[serde(deserialize_with = "tolerant::opt_id", skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The meaning of a tag that Aircall itself set (`queue_callback` …); REST only.
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `None` if Aircall set the tag.
    #[serde(deserialize_with = "tolerant::opt", skip_serializing_if = "Option::is_none")]
    pub tagged_by: Option<User>,
    #[serde(with = "tolerant::time", skip_serializing_if = "Option::is_none")]
    pub tagged_at: Option<Timestamp>,
}

/// A note.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Comment {
    #[serde(deserialize_with = "tolerant::opt_id", skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// May have several lines.
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// `None` if the note came through the API.
    #[serde(deserialize_with = "tolerant::opt", skip_serializing_if = "Option::is_none")]
    pub posted_by: Option<User>,
    #[serde(with = "tolerant::time", skip_serializing_if = "Option::is_none")]
    pub posted_at: Option<Timestamp>,
}

/// An entry of Aircall's own address book.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Contact {
    #[serde(deserialize_with = "tolerant::opt_id", skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub company_name: Option<String>,
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub information: Option<String>,
    #[serde(deserialize_with = "tolerant::list", skip_serializing_if = "Vec::is_empty")]
    pub phone_numbers: Vec<ContactDetail>,
    #[serde(deserialize_with = "tolerant::list", skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<ContactDetail>,
    #[serde(with = "tolerant::time", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    #[serde(with = "tolerant::time", skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

/// A labelled phone number or e-mail address.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContactDetail {
    #[serde(deserialize_with = "tolerant::opt_id", skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A user has an id and a name but no number; anyone else has only a number.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Participant {
    #[serde(rename = "type", deserialize_with = "tolerant::opt", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ParticipantKind>,
    #[serde(deserialize_with = "tolerant::opt_id", skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
}

/// A choice that the caller made in the voice menu.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IvrOption {
    /// A number or a word.
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

discreet_debug! {
    Number { id }
    User { id }
    Comment { id, posted_at }
    Contact { id }
    ContactDetail { id }
    Participant { kind, id }
}

//! What Aircall sends and accepts, as plain types: webhook deliveries, REST answers, request bodies.
//!
//! These types contain no logic. A type lists the fields that some worker uses and ignores other fields. Unknown values of
//! an enum are kept in its `Other`. Absent, `null` and `{}` all mean "none" (webhooks leave keys out, REST answers write
//! `null`, the samples in the documentation write `{}`; all three were seen). Ids are read from numbers and numeric strings,
//! times from UNIX seconds and ISO strings, because different endpoints write the same field in either form.
//!
//! `Debug` prints only the ids of types that hold personal data. The token of a delivery and of a webhook is a
//! [`SecretString`](secrecy::SecretString).
//!
//! [`Envelope`] borrows from the request's body and does not parse its `data`, so that a delivery can be checked (token,
//! event) and passed on without being parsed and serialised again.

mod call;
mod envelope;
mod insight;
mod message;
mod people;
mod rest;

pub use call::{Call, Direction, MissedReason, Status};
pub use envelope::Envelope;
pub use insight::{
    ActionItem, ActionItems, CustomSummary, Mood, Sentiment, Summary, SummarySection, Topics, VoiceSentiment,
};
pub use message::{Attachment, Message};
pub use people::{Comment, Contact, ContactDetail, IvrOption, Number, Participant, ParticipantKind, Tag, Team, User};
pub use rest::{CardLine, InsightCard, Listing, Meta, One, Webhook, WebhookRequest};

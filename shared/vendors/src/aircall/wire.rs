//! What Aircall sends and accepts, as plain types: webhook deliveries, REST answers, request bodies.
//!
//! Nothing here decides anything. A type lists the fields that some worker uses; other fields are skipped while reading,
//! new words of an enum are kept in its `Other`, and absent, `null` and `{}` all mean "none" (webhooks leave keys out, REST
//! answers write `null`, the samples of the documentation write `{}`; all three were seen). Ids are read from numbers and from
//! numeric strings, times from unix seconds and from ISO strings, for the same field is written either way by
//! different endpoints.
//!
//! Types that hold personal data print only their ids under `Debug`. The token of a delivery and of a webhook is a
//! [`SecretString`](secrecy::SecretString).
//!
//! [`Envelope`] borrows from the request's body and leaves its `data` unread, so that a delivery can be judged (token,
//! event) and passed on without being parsed and written again.

mod call;
mod envelope;
mod insight;
mod people;
mod rest;

pub use call::{Call, Direction, MissedReason, Status};
pub use envelope::Envelope;
pub use insight::{
    ActionItem, ActionItems, CustomSummary, Mood, PredictedCsat, Sentiment, Summary, SummarySection, Topics,
    Transcription, TranscriptionContent, Utterance, VoiceSentiment,
};
pub use people::{Comment, Contact, ContactDetail, IvrOption, Number, Participant, ParticipantKind, Tag, Team, User};
pub use rest::{
    ApiError, CardLine, CommentRequest, Company, InsightCard, Listing, Meta, One, Ping, UserAvailability, Webhook,
    WebhookRequest,
};

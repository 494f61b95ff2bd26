//! The Call object of webhooks and REST answers.
//!
//! Every call event carries the whole call. The ledger stores it as its snapshot, so it is serialised and read back without
//! a change; empty fields are not serialised.

use base::rules::{LineOf, Outcome, Seen};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::people::{Comment, Contact, IvrOption, Number, Participant, Tag, Team, User};
use crate::tolerant::{self, discreet_debug, open_enum};

open_enum! {
    /// From the company's point of view.
    Direction {
        Inbound = "inbound",
        Outbound = "outbound",
    }
}

open_enum! {
    /// The progress of the call. Missed calls and voicemails are `Done` like all others: see `answered_at` and `voicemail`.
    Status {
        /// Ringing, in the voice menu or in the queue.
        Initial = "initial",
        Answered = "answered",
        Done = "done",
    }
}

open_enum! {
    /// Why nobody answered the call. Nearly always absent on outbound calls and on callback requests: only `answered_at`
    /// says whether a call was answered.
    MissedReason {
        OutOfOpeningHours = "out_of_opening_hours",
        ShortAbandoned = "short_abandoned",
        AbandonedInIvr = "abandoned_in_ivr",
        AbandonedInClassic = "abandoned_in_classic",
        NoAvailableAgent = "no_available_agent",
        AgentsDidNotAnswer = "agents_did_not_answer",
    }
}

/// A call as it was when the event was built. Only the id is always there.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Larger than 32 bits.
    #[serde(deserialize_with = "tolerant::id")]
    pub id: i64,
    /// `CA…`; webhooks call it `call_uuid`, see [`Call::uuid`].
    #[serde(default, deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub call_uuid: Option<String>,
    /// The same id; REST answers call it `sid`.
    #[serde(default, deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The URL of the call in the API, not of a web page.
    #[serde(default, deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub direct_link: Option<String>,
    #[serde(default, deserialize_with = "tolerant::opt", skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    #[serde(default, deserialize_with = "tolerant::opt", skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    #[serde(default, deserialize_with = "tolerant::opt", skip_serializing_if = "Option::is_none")]
    pub missed_call_reason: Option<MissedReason>,
    #[serde(default, with = "tolerant::time", skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    #[serde(default, with = "tolerant::time", skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    #[serde(default, with = "tolerant::time", skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Seconds from start to end, including ringing and waiting; 0 while the call is on.
    #[serde(default, deserialize_with = "tolerant::count", skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
    #[serde(default, deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub hangup_cause: Option<String>,
    /// A signed URL that works for minutes and differs in each event: compare and store `asset` instead.
    #[serde(default, deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub voicemail: Option<String>,
    /// A signed URL like `voicemail`.
    #[serde(default, deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
    /// The permanent page of the recording or voicemail, behind Aircall's login.
    #[serde(default, deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// The other party's number in both directions, pretty (`+33 1 23 45 67 89`), or `anonymous`.
    #[serde(default, deserialize_with = "tolerant::name", skip_serializing_if = "Option::is_none")]
    pub raw_digits: Option<String>,
    /// The company's number. Missing on some calls.
    #[serde(default, deserialize_with = "tolerant::opt", skip_serializing_if = "Option::is_none")]
    pub number: Option<Number>,
    /// The agent whose phone rings, then the one who answered. Missing before that and on missed calls.
    #[serde(default, deserialize_with = "tolerant::opt", skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// The other party in Aircall's own address book.
    #[serde(default, deserialize_with = "tolerant::opt", skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    #[serde(default, deserialize_with = "tolerant::opt", skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<User>,
    /// Also set after a failed transfer.
    #[serde(default, deserialize_with = "tolerant::opt", skip_serializing_if = "Option::is_none")]
    pub transferred_by: Option<User>,
    /// After a transfer to a team, its first user. Also set after a failed transfer.
    #[serde(default, deserialize_with = "tolerant::opt", skip_serializing_if = "Option::is_none")]
    pub transferred_to: Option<User>,
    #[serde(default, deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub external_transferred_to: Option<String>,
    #[serde(default, deserialize_with = "tolerant::text", skip_serializing_if = "Option::is_none")]
    pub external_caller_number: Option<String>,
    /// Inbound calls only.
    #[serde(default, deserialize_with = "tolerant::list", skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<Team>,
    /// The tags that the call has now.
    #[serde(default, deserialize_with = "tolerant::list", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// The notes that the call has now, at most five.
    #[serde(default, deserialize_with = "tolerant::list", skip_serializing_if = "Vec::is_empty")]
    pub comments: Vec<Comment>,
    /// The name of the field in webhooks.
    #[serde(default, deserialize_with = "tolerant::list", skip_serializing_if = "Vec::is_empty")]
    pub participants: Vec<Participant>,
    /// The name of the field in REST answers.
    #[serde(default, deserialize_with = "tolerant::list", skip_serializing_if = "Vec::is_empty")]
    pub conference_participants: Vec<Participant>,
    #[serde(default, deserialize_with = "tolerant::list", skip_serializing_if = "Vec::is_empty")]
    pub ivr_options_selected: Vec<IvrOption>,
    /// The call in which this callback was requested.
    #[serde(default, deserialize_with = "tolerant::opt_id", skip_serializing_if = "Option::is_none")]
    pub automatic_callback_call_id: Option<i64>,
    #[serde(default, deserialize_with = "tolerant::flag", skip_serializing_if = "tolerant::is_false")]
    pub archived: bool,
}

impl Call {
    /// `CA…`, which joins a call with its AI insights, under either name of the field.
    pub fn uuid(&self) -> Option<&str> {
        self.call_uuid.as_deref().or(self.sid.as_deref())
    }

    /// Of the line: ISO 3166, two letters.
    pub fn line_country(&self) -> Option<&str> {
        self.number.as_ref()?.country.as_deref()
    }

    /// Somebody answered: an agent, or the called party of an outbound call.
    pub fn was_answered(&self) -> bool {
        self.answered_at.is_some()
    }

    /// The caller left a voicemail, and nobody answered.
    pub fn has_voicemail(&self) -> bool {
        self.voicemail.is_some() || self.leads_to_voicemail()
    }

    /// The permanent link shows what it leads to: `…/calls/ID/voicemail` or `…/calls/ID/recording`, with or without
    /// `/info`.
    pub fn leads_to_voicemail(&self) -> bool {
        self.asset.as_deref().is_some_and(|asset| asset.rsplit('/').take(3).any(|part| part == "voicemail"))
    }

    /// The company's own number, as the rules look at it.
    pub fn line(&self) -> LineOf<'_> {
        self.number.as_ref().map(Number::line).unwrap_or_default()
    }

    /// A call that has ended, as the rules look at it.
    pub fn seen(&self) -> Seen<'_> {
        let outcome = match () {
            () if self.was_answered() => Outcome::Answered,
            () if self.has_voicemail() => Outcome::Voicemail,
            () => Outcome::Missed,
        };
        let outbound = self.direction == Some(Direction::Outbound);
        Seen { outbound, outcome, line: self.line(), started_at: self.started_at.or(self.ended_at) }
    }

    /// The call is over.
    pub fn has_ended(&self) -> bool {
        self.ended_at.is_some() || self.status == Some(Status::Done)
    }

    /// Seconds from the answer to the end, including time on hold; `None` if nobody answered or the call is still on.
    pub fn talk_seconds(&self) -> Option<u64> {
        let talked = self.ended_at?.duration_since(self.answered_at?);
        u64::try_from(talked.as_secs()).ok()
    }

    /// Whether the call was on one of these numbers of the company. An empty list means all numbers, and a call without a number
    /// matches any list.
    pub fn is_on(&self, numbers: &[i64]) -> bool {
        let number = self.number.as_ref().and_then(|number| number.id);
        numbers.is_empty() || number.is_none_or(|id| numbers.contains(&id))
    }
}

discreet_debug! {
    Call { id, direction, status }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_on_a_number_unless_it_names_another() {
        let on = |number: &str, numbers: &[i64]| {
            serde_json::from_str::<Call>(&format!(r#"{{"id": 1, "number": {number}}}"#)).unwrap().is_on(numbers)
        };
        for (number, numbers, expected) in [
            (r#"{"id": 7}"#, &[][..], true),
            (r#"{"id": 7}"#, &[5, 7], true),
            (r#"{"id": 7}"#, &[5], false),
            ("null", &[5], true),
            ("{}", &[5], true),
        ] {
            assert_eq!(on(number, numbers), expected, "{number} {numbers:?}");
        }
    }
}

//! A played call and the two ways the API shows it.
//!
//! A webhook leaves out what is not known (no `user`, no `contact`, no `transferred_to`); the REST API says null
//! instead and has other names for two fields (`sid`, `conference_participants`). Everything is rendered in the
//! webhook's shape first and then converted into the REST shape, so that calls which came in as raw envelopes are
//! treated the same.

use serde_json::{Map, Value, json};

use super::directory::Directory;
use super::random;

/// How long a signed link is valid, as recorded.
const SIGNED_FOR_S: i64 = 600;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Initial,
    Answered,
    Done,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Status::Initial => "initial",
            Status::Answered => "answered",
            Status::Done => "done",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct TagUse {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) by: Option<u64>,
    pub(super) at: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) content: String,
    pub(super) by: Option<u64>,
    pub(super) at: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) id: u64,
    pub(super) inbound: bool,
    pub(super) status: Status,
    pub(super) missed_call_reason: Option<String>,
    pub(super) started_at: i64,
    pub(super) answered_at: Option<i64>,
    pub(super) ended_at: Option<i64>,
    pub(super) raw_digits: Option<String>,
    pub(super) number: u64,
    pub(super) user: Option<u64>,
    pub(super) assigned_to: Option<u64>,
    pub(super) transferred_by: Option<u64>,
    pub(super) transferred_to: Option<u64>,
    pub(super) contact: Option<Value>,
    pub(super) teams: Vec<u64>,
    pub(super) tags: Vec<TagUse>,
    pub(super) comments: Vec<Comment>,
    pub(super) voicemail: bool,
    pub(super) recording: bool,
    pub(super) archived: bool,
}

impl Call {
    /// The `data` of a webhook built at `now`: unknown keys are absent, links are signed anew.
    pub(super) fn webhook(&self, directory: &Directory, now: i64) -> Value {
        let (id, link) = (self.id, |what: &str| signed_link(self.id, what, now));
        let asset = |what: &str| format!("https://assets.aircall.io/calls/{id}/{what}");
        let mut data = json!({
            "id": id,
            "direct_link": direct_link(id),
            "direction": if self.inbound { "inbound" } else { "outbound" },
            "call_uuid": call_uuid(id),
            "status": self.status.name(),
            "missed_call_reason": self.missed_call_reason,
            "started_at": self.started_at,
            "answered_at": self.answered_at,
            "ended_at": self.ended_at,
            "duration": self.ended_at.map_or(0, |ended| ended - self.started_at),
            "cost": "0.0",
            "hangup_cause": null,
            "voicemail": self.voicemail.then(|| link("voicemail")),
            "recording": self.recording.then(|| link("recording")),
            "asset": if self.recording { Some(asset("recording")) } else { self.voicemail.then(|| asset("voicemail")) },
            "raw_digits": self.raw_digits,
            "archived": self.archived,
            "teams": self.teams.iter().filter_map(|team| directory.team_in_call(*team)).collect::<Vec<_>>(),
            "comments": self.comments.iter().map(|comment| comment.render(directory)).collect::<Vec<_>>(),
            "tags": self.tags.iter().map(|tag| tag.render(directory)).collect::<Vec<_>>(),
            "participants": self.participants(directory),
        });
        if let Some(fields) = data.as_object_mut() {
            let people = [
                ("user", self.user),
                ("assigned_to", self.assigned_to),
                ("transferred_by", self.transferred_by),
                ("transferred_to", self.transferred_to),
            ];
            for (key, user) in people {
                insert_known(fields, key, user.and_then(|user| directory.user_in_call(user)));
            }
            insert_known(fields, "number", directory.number_in_call(self.number));
            insert_known(fields, "contact", self.contact.clone());
        }
        data
    }

    fn participants(&self, directory: &Directory) -> Vec<Value> {
        let external = match self.raw_digits.as_deref() {
            None | Some("anonymous") => json!({"type": "external"}),
            Some(digits) => json!({"type": "external", "phone_number": digits}),
        };
        let user = self.user.and_then(|id| {
            let name = directory.user_name(id)?;
            Some(json!({"id": id, "name": name, "type": "user"}))
        });
        std::iter::once(external).chain(user).collect()
    }
}

impl TagUse {
    fn render(&self, directory: &Directory) -> Value {
        // As recorded, a tag that the system has put has an empty object here.
        let by = self.by.and_then(|user| directory.user_in_call(user)).unwrap_or_else(|| json!({}));
        json!({"id": self.id, "name": self.name, "tagged_by": by, "tagged_at": self.at})
    }
}

impl Comment {
    fn render(&self, directory: &Directory) -> Value {
        let by = self.by.and_then(|user| directory.user_in_call(user));
        json!({"id": self.id, "content": self.content, "posted_by": by, "posted_at": self.at})
    }
}

fn insert_known(fields: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        fields.insert(key.to_owned(), value);
    }
}

pub(super) fn direct_link(id: u64) -> String {
    format!("https://api.aircall.io/v1/calls/{id}")
}

/// The telephony id of a call: always the same for one call, and not derived visibly from its id.
pub(super) fn call_uuid(id: u64) -> String {
    format!("CA{:016x}{:016x}", random::mix(id), random::mix(!id))
}

fn signed_link(id: u64, what: &str, now: i64) -> String {
    let expires = now + SIGNED_FOR_S;
    let signature = random::mix(id ^ random::mix(expires.unsigned_abs()));
    let file = format!("https://recordings.aircall.example/companies/1/calls/{id}/{what}.mp3");
    format!("{file}?expires={expires}&signature={signature:016x}")
}

/// Converts a call from the webhook's shape into that of `GET /v1/calls`.
pub(super) fn to_rest(webhook: Value, fetch_contact: bool) -> Value {
    let Value::Object(mut fields) = webhook else {
        return webhook;
    };
    let uuid = fields.remove("call_uuid").unwrap_or(Value::Null);
    fields.entry("sid").or_insert(uuid);
    let participants = fields.remove("participants").unwrap_or_else(|| json!([]));
    fields.entry("conference_participants").or_insert(participants);
    fields.remove("hangup_cause");
    for key in ["user", "contact", "assigned_to", "transferred_by", "transferred_to", "number"] {
        let known = fields.get(key).is_some_and(|value| value.as_object().is_some_and(|object| !object.is_empty()));
        if !known || (key == "contact" && !fetch_contact) {
            fields.insert(key.to_owned(), Value::Null);
        }
    }
    if let Some(number) = fields.get_mut("number").and_then(Value::as_object_mut) {
        number.remove("e164_digits");
    }
    for tag in fields.get_mut("tags").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(tag) = tag.as_object_mut() {
            let at = tag.remove("tagged_at").as_ref().and_then(Value::as_i64);
            tag.remove("tagged_by");
            tag.insert("created_at".into(), json!(at.map(iso)));
        }
    }
    Value::Object(fields)
}

/// The API's text form of a time, with milliseconds.
pub(super) fn iso(unix_s: i64) -> String {
    jiff::Timestamp::from_second(unix_s)
        .map(|moment| moment.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string())
        .unwrap_or_default()
}

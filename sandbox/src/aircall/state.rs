//! What the account holds while it runs: calls, insights, tags, insight cards and messages.
//!
//! One mutex guards all of it; no method awaits. A played call changes only by `advance`, which returns the webhook of that
//! change, so that the REST API and the webhooks can never disagree.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::call::{Call, Comment, Status, TagUse};
use super::directory::Directory;
use super::insights::{self, About, Insights};
use super::messages::{Message, Messages, PlayMessage, StatusChange};
use super::order::{Direction, PlayCall};
use super::scenario::{Change, Step};
use super::seed::Tag;

/// Above 2^31, like today's ids.
const FIRST_CALL_ID: u64 = 3_811_600_001;
const FIRST_ITEM_ID: u64 = 24_900_001;
const FIRST_OWN_TAG_ID: u64 = 1_090_001;

pub(super) struct State {
    pub(super) directory: Directory,
    pub(super) tags: Vec<Tag>,
    calls: HashMap<u64, Entry>,
    by_start: BTreeSet<(i64, u64)>,
    insights: HashMap<u64, Insights>,
    pub(super) cards: Vec<Card>,
    pub(super) card_rules: super::card_rules::Rules,
    messages: Messages,
    next_call_id: u64,
    next_item_id: u64,
}

enum Entry {
    Played(Box<Call>),
    /// Came in as an envelope: kept as it was, with the event's time, which decides which view is newest.
    Raw {
        data: Value,
        timestamp: i64,
    },
}

pub(super) struct Card {
    pub(super) call_id: u64,
    pub(super) contents: Value,
    pub(super) at_ms: i64,
}

/// One event, ready to be put into an envelope.
pub(super) struct Fact {
    pub(super) resource: &'static str,
    pub(super) event: &'static str,
    pub(super) timestamp: i64,
    pub(super) data: Value,
}

impl State {
    pub(super) fn new(directory: Directory, tags: Vec<Tag>) -> State {
        State {
            directory,
            tags,
            calls: HashMap::new(),
            by_start: BTreeSet::new(),
            insights: HashMap::new(),
            cards: Vec::new(),
            card_rules: super::card_rules::Rules::default(),
            messages: Messages::default(),
            next_call_id: FIRST_CALL_ID,
            next_item_id: FIRST_ITEM_ID,
        }
    }

    pub(super) fn knows_call(&self, id: u64) -> bool {
        self.calls.contains_key(&id)
    }

    pub(super) fn fresh_call_id(&mut self) -> u64 {
        while self.calls.contains_key(&self.next_call_id) {
            self.next_call_id += 1;
        }
        self.next_call_id += 1;
        self.next_call_id - 1
    }

    /// Creates a call in its initial state and returns its id.
    pub(super) fn begin(&mut self, order: &PlayCall, started_at: i64) -> Result<u64, String> {
        let id = match order.id {
            Some(id) if self.calls.contains_key(&id) => {
                return Err(format!("call {id} exists already"));
            }
            Some(id) => id,
            None => self.fresh_call_id(),
        };
        let number = order.number_id.or_else(|| self.directory.first_number()).ok_or("the data file has no numbers")?;
        let inbound = order.direction == Direction::Inbound;
        let call = Call {
            id,
            inbound,
            status: Status::Initial,
            missed_call_reason: None,
            started_at,
            answered_at: None,
            ended_at: None,
            raw_digits: order.raw_digits.clone(),
            number,
            // An inbound call has no agent until it rings.
            user: order.user_id.filter(|_| !inbound),
            assigned_to: None,
            transferred_by: None,
            transferred_to: None,
            contact: order.contact.clone(),
            teams: order.teams.clone(),
            tags: Vec::new(),
            comments: Vec::new(),
            voicemail: false,
            recording: false,
            archived: false,
        };
        self.by_start.insert((started_at, id));
        self.calls.insert(id, Entry::Played(Box::new(call)));
        Ok(id)
    }

    /// Applies one step of a played call. `None` if the call is not a played one (any more).
    pub(super) fn advance(&mut self, call_id: u64, step: &Step) -> Option<Fact> {
        self.next_item_id += 1;
        let item_id = self.next_item_id;
        if let Change::Tagged { tags, .. } = &step.change {
            for tag in tags {
                self.ensure_tag(tag);
            }
        }
        let Some(Entry::Played(call)) = self.calls.get_mut(&call_id) else {
            return None;
        };
        let (resource, data) = if let Change::Insight { insight, bare } = &step.change {
            let about = about(call);
            let data = self.insights.entry(call_id).or_default().add(&about, insight, item_id, step.at);
            ("conversation_intelligence", if *bare { insights::bare(data) } else { data })
        } else {
            apply(call, step, item_id, &self.tags);
            ("call", call.webhook(&self.directory, step.at))
        };
        Some(Fact { resource, event: step.change.event(), timestamp: step.at, data })
    }

    /// Keeps a message; returns its id and its webhook.
    pub(super) fn begin_message(&mut self, order: PlayMessage, now: i64) -> Result<(String, Fact), String> {
        let message = self.messages.begin(order, &self.directory, now)?;
        Ok((message.id.clone(), message_fact(message, message.event(), &self.directory)))
    }

    pub(super) fn change_message(&mut self, id: &str, change: StatusChange, now: i64) -> Option<Fact> {
        let message = self.messages.change(id, change, now)?;
        Some(message_fact(message, "message.status_updated", &self.directory))
    }

    /// All messages as their webhooks show them, by id.
    pub(super) fn messages(&self) -> impl Iterator<Item = Value> {
        self.messages.iter().map(|message| message.webhook(&self.directory))
    }

    /// A tag that is not in the data file is created, as an administrator would before agents can use it.
    fn ensure_tag(&mut self, name: &str) {
        if !self.tags.iter().any(|tag| tag.name == name) {
            let highest = self.tags.iter().map(|tag| tag.id).max().unwrap_or(0);
            self.tags.push(Tag { id: FIRST_OWN_TAG_ID.max(highest + 1), name: name.to_owned() });
        }
    }

    /// Keeps what an envelope contains, so that the REST API shows it too.
    pub(super) fn keep_envelope(&mut self, envelope: &Value) {
        let text = |key: &str| envelope.get(key).and_then(Value::as_str).unwrap_or_default();
        let Some(data) = envelope.get("data") else {
            return;
        };
        let timestamp = envelope.get("timestamp").and_then(Value::as_i64).unwrap_or_default();
        if text("event").starts_with("call.") {
            self.keep_call(data, timestamp);
        } else if let (Some(id), Some(fields)) = (number_or_text(data.get("call_id")), data.as_object()) {
            self.insights.entry(id).or_default().keep_raw(text("event"), id, fields);
        }
    }

    fn keep_call(&mut self, data: &Value, timestamp: i64) {
        let (Some(id), Some(started_at)) =
            (number_or_text(data.get("id")), data.get("started_at").and_then(Value::as_i64))
        else {
            return;
        };
        match self.calls.get(&id) {
            // A played call changes only by its steps, and an older view has nothing new.
            Some(Entry::Played(_)) => return,
            Some(Entry::Raw { timestamp: known, .. }) if *known > timestamp => return,
            Some(entry) => {
                self.by_start.remove(&(entry.started_at(), id));
            }
            None => {}
        }
        self.by_start.insert((started_at, id));
        self.calls.insert(id, Entry::Raw { data: data.clone(), timestamp });
    }

    /// The call in the webhook's shape, with freshly signed links.
    pub(super) fn call(&self, id: u64, now: i64) -> Option<Value> {
        self.calls.get(&id).map(|entry| entry.webhook(&self.directory, now))
    }

    pub(super) fn call_has_ended(&self, id: u64) -> Option<bool> {
        Some(match self.calls.get(&id)? {
            Entry::Played(call) => call.status == Status::Done,
            Entry::Raw { data, .. } => data.get("status").and_then(Value::as_str) == Some("done"),
        })
    }

    /// Ids of the calls that started within the bounds (both included), oldest first.
    pub(super) fn calls_between(
        &self,
        from: Option<i64>,
        to: Option<i64>,
    ) -> impl DoubleEndedIterator<Item = u64> + '_ {
        let bounds = (from.unwrap_or(i64::MIN), 0)..=(to.unwrap_or(i64::MAX), u64::MAX);
        // BTreeSet::range panics if the start is after the end; such a request simply finds nothing.
        let sane = bounds.start() <= bounds.end();
        let range = if sane { self.by_start.range(bounds) } else { self.by_start.range((i64::MAX, u64::MAX)..) };
        range.filter(move |_| sane).map(|(_, id)| *id)
    }

    pub(super) fn insight(&self, call_id: u64, resource: &str) -> Option<Value> {
        self.insights.get(&call_id)?.resource(resource, call_id)
    }
}

impl Entry {
    fn started_at(&self) -> i64 {
        match self {
            Entry::Played(call) => call.started_at,
            Entry::Raw { data, .. } => data.get("started_at").and_then(Value::as_i64).unwrap_or_default(),
        }
    }

    fn webhook(&self, directory: &Directory, now: i64) -> Value {
        match self {
            Entry::Played(call) => call.webhook(directory, now),
            Entry::Raw { data, .. } => data.clone(),
        }
    }
}

fn message_fact(message: &Message, event: &'static str, directory: &Directory) -> Fact {
    Fact { resource: "message", event, timestamp: message.updated_at, data: message.webhook(directory) }
}

fn apply(call: &mut Call, step: &Step, item_id: u64, known_tags: &[Tag]) {
    match &step.change {
        Change::Created | Change::VoicemailLeft | Change::Notice(_) | Change::Insight { .. } => {}
        Change::Ringing { user } => call.user = Some(*user),
        Change::Answered { user } => {
            call.status = Status::Answered;
            call.answered_at = Some(step.at);
            call.user = user.or(call.user);
        }
        Change::Hungup { reason } => {
            call.status = Status::Done;
            call.ended_at = Some(step.at);
            call.missed_call_reason.clone_from(reason);
            // As recorded, a missed inbound call loses the agent on whose phone it rang.
            if call.inbound && call.answered_at.is_none() {
                call.user = None;
            }
        }
        Change::Ended { voicemail, recording } => {
            call.voicemail = *voicemail;
            call.recording = *recording;
        }
        Change::Assets { recording } => call.recording = *recording,
        Change::Tagged { tags, by } => {
            for tag in known_tags.iter().filter(|tag| tags.contains(&tag.name)) {
                call.tags.retain(|used| used.id != tag.id);
                call.tags.push(TagUse { id: tag.id, name: tag.name.clone(), by: *by, at: step.at });
            }
        }
        Change::Untagged { tags } => call.tags.retain(|used| !tags.contains(&used.name)),
        Change::Commented { content, by } => {
            call.comments.push(Comment { id: item_id, content: content.clone(), by: *by, at: step.at });
        }
        Change::Archived => call.archived = true,
        Change::Assigned { user } => call.assigned_to = Some(*user),
        Change::Transferred { to } => {
            call.transferred_by = call.user;
            call.transferred_to = Some(*to);
            call.user = Some(*to);
        }
        // As recorded, both stay set after a transfer that failed.
        Change::TransferFailed { to } => {
            call.transferred_by = call.user;
            call.transferred_to = Some(*to);
        }
    }
}

fn about(call: &Call) -> About {
    let digits = call.raw_digits.as_deref().filter(|digits| *digits != "anonymous");
    About {
        call_id: call.id,
        number_id: call.number,
        started_at: call.started_at,
        external: digits.map(|digits| digits.chars().filter(|c| *c == '+' || c.is_ascii_digit()).collect()),
        user: call.user,
        voicemail: call.voicemail,
    }
}

/// Ids come as numbers or as numeric strings.
pub(super) fn number_or_text(value: Option<&Value>) -> Option<u64> {
    let value = value?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// The call that an envelope is about.
pub(super) fn call_of(envelope: &Value) -> Option<u64> {
    let data = envelope.get("data")?;
    let is_call = envelope.get("event").and_then(Value::as_str).is_some_and(|event| event.starts_with("call."));
    number_or_text(data.get(if is_call { "id" } else { "call_id" }))
}

pub(super) fn card_json(card: &Card) -> Value {
    json!({"call_id": card.call_id, "contents": card.contents, "at_ms": card.at_ms})
}

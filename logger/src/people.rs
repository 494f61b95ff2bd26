//! What people have changed in a log stays: the body of an update, made from the log as Callbridge left it, as it stands in Sellsy and as
//! it is to be.
//!
//! A field is ours as long as it is as we left it. Of the text, our block is ours ([`block`]). What is a person's is left out of the update.

use base::ids::CallId;
use jiff::{SignedDuration, Timestamp};
use ledger::{
    calls::{AsLeft, CallRow, Links, Part},
    form::LogForm,
};
use vendors::sellsy::wire::{CallResult, PhoneCall, PhoneCallCreate, PhoneCallUpdate, RecordKind, Related, Topic};

use crate::{
    block::{self, Inside},
    forms,
};

/// An update, and what is the person's in this log.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) update: PhoneCallUpdate,
    pub(crate) theirs: Vec<Part>,
    /// Of these, what was not known before.
    pub(crate) new: Vec<Part>,
    around: String,
}

/// The text of a log as it was sent, or left alone.
enum Text {
    Ours { text: String, around: String, has_lines: bool },
    LeftAlone,
}

/// The log without a look at what stands there: nobody can have changed it yet.
pub(crate) fn unseen(log: &PhoneCallCreate, links: Links) -> Merged {
    let mut update = PhoneCallUpdate::from(log.clone());
    if links == Links::Leave {
        (update.owner_id, update.related) = (None, None);
    }
    Merged { update, theirs: Vec::new(), new: Vec::new(), around: String::new() }
}

pub(crate) fn merge(
    row: &CallRow,
    left: Option<&AsLeft>,
    stands: &PhoneCall,
    log: &PhoneCallCreate,
    (form, links): (LogForm, Links),
) -> Merged {
    let (call_id, digest) = (row.call_id, row.stored().and_then(|stored| stored.digest.as_deref()));
    let from_standing = left.is_none().then(|| unchanged(call_id, stands, digest, log, form)).flatten();
    let left = left.or(from_standing.as_ref());
    let before: &[Part] = left.map_or(&[], |left| &left.theirs);
    let mut merged = unseen(log, links);
    let mut is_as_wanted = true;
    if form == LogForm::PhoneCall {
        for field in fields(left, stands, log) {
            // A person has moved the call by us, which counts more than what was done in Sellsy before.
            let is_moved = row.moved && field.part == Part::Links;
            if field.is_theirs(before) && !is_moved {
                merged.theirs.push(field.part);
            } else {
                is_as_wanted &= field.is_wanted;
            }
        }
    }
    match text(call_id, left, stands, log) {
        Text::Ours { text, around, has_lines } => {
            if has_lines || !around.is_empty() && left.is_none_or(|left| left.around != around) {
                merged.new.push(Part::Text);
            }
            is_as_wanted &= stands.description.as_deref() == Some(&text);
            (merged.update.description, merged.around) = (Some(text), around);
        }
        Text::LeftAlone => merged.theirs.push(Part::Text),
    }
    merged.new.extend(merged.theirs.iter().copied().filter(|part| !before.contains(part)));
    merged.leave_theirs();
    if is_as_wanted {
        merged.update = PhoneCallUpdate::default();
    }
    merged
}

impl Merged {
    /// Nothing has to be written.
    pub(crate) fn is_as_wanted(&self) -> bool {
        self.update == PhoneCallUpdate::default()
    }

    /// A person's text is sent along with this one.
    pub(crate) fn has_more_than(&self, ours: &str) -> bool {
        self.update.description.as_ref().is_some_and(|text| text.len() > ours.len())
    }

    fn leave_theirs(&mut self) {
        let update = &mut self.update;
        for part in &self.theirs {
            match part {
                Part::Owner => update.owner_id = None,
                Part::Date => update.date = None,
                Part::Direction => update.source = None,
                Part::Result => update.result = None,
                Part::Duration => update.duration = None,
                Part::Topic => update.topic = None,
                Part::Links => update.related = None,
                Part::Text => update.description = None,
            }
        }
    }
}

/// A field of a log in Sellsy.
struct Field {
    part: Part,
    is_wanted: bool,
    /// What the answer of our last write did not show cannot be told from a person's change: it is left alone.
    is_as_left: bool,
}

impl Field {
    /// A person has changed it: now, or before and it is still not what we want.
    fn is_theirs(&self, before: &[Part]) -> bool {
        !self.is_wanted && (!self.is_as_left || before.contains(&self.part))
    }
}

fn fields(left: Option<&AsLeft>, stands: &PhoneCall, log: &PhoneCallCreate) -> [Field; 7] {
    let now = seen(stands);
    let wanted: Option<Timestamp> = log.date.parse().ok();
    // What was sent unheard is ours as well.
    let field = |part, is_wanted, is_as_left: &dyn Fn(&AsLeft) -> bool| Field {
        part,
        is_wanted,
        is_as_left: left
            .is_some_and(|left| is_as_left(left) || left.sent.iter().any(|sent| is_as_sent(part, sent, &now))),
    };
    let mut result =
        field(Part::Result, now.result.as_ref().is_none_or(|is| *is == log.result), &|left| left.result == now.result);
    // A missed call can become a voicemail later, so this one says nothing about a person.
    result.is_as_left |= left.is_none() && now.result == Some(CallResult::NoAnswer);
    [
        field(Part::Owner, now.owner_id.is_none_or(|is| is == log.owner_id), &|left| left.owner_id == now.owner_id),
        field(Part::Date, now.date.is_none() || now.date == wanted, &|left| left.date == now.date),
        field(Part::Direction, now.source.as_ref().is_none_or(|is| *is == log.source), &|left| {
            left.source == now.source
        }),
        result,
        field(Part::Duration, now.duration.is_none_or(|is| is == log.duration), &|left| left.duration == now.duration),
        // Without a topic of ours, that of the log is left out anyway.
        field(Part::Topic, log.topic.is_none() || now.topic == log.topic, &|left| left.topic == now.topic),
        field(Part::Links, now.related.is_empty() || sorted(&now.related) == sorted(&log.related), &|left| {
            sorted(&left.related) == sorted(&now.related)
        }),
    ]
}

/// What stands in this field is what was sent then.
fn is_as_sent(part: Part, sent: &PhoneCallUpdate, now: &AsLeft) -> bool {
    match part {
        Part::Owner => sent.owner_id.is_some() && sent.owner_id == now.owner_id,
        Part::Date => sent.date.is_some() && time(sent.date.as_deref()) == now.date,
        Part::Direction => sent.source.is_some() && sent.source == now.source,
        Part::Result => sent.result.is_some() && sent.result == now.result,
        Part::Duration => sent.duration.is_some() && sent.duration == now.duration,
        Part::Topic => sent.topic.is_some() && sent.topic == now.topic,
        Part::Links => sent.related.as_ref().is_some_and(|related| sorted(related) == sorted(&now.related)),
        // The block has its seal.
        Part::Text => false,
    }
}

/// The fields that this update makes other ones than they were left. `None` if it has none, as most have: they change the text only.
pub(crate) fn to_send(update: &PhoneCallUpdate, left: &AsLeft) -> Option<PhoneCallUpdate> {
    let sent = PhoneCallUpdate {
        owner_id: update.owner_id.filter(|to| Some(*to) != left.owner_id),
        date: update.date.clone().filter(|to| time(Some(to)) != left.date),
        result: update.result.clone().filter(|to| Some(to) != left.result.as_ref()),
        source: update.source.clone().filter(|to| Some(to) != left.source.as_ref()),
        related: update.related.clone().filter(|to| sorted(to) != sorted(&left.related)),
        duration: update.duration.filter(|to| Some(*to) != left.duration),
        topic: update.topic.filter(|to| Some(*to) != left.topic),
        ..PhoneCallUpdate::default()
    };
    Some(sent).filter(|sent| *sent != PhoneCallUpdate::default() && !left.sent.contains(sent))
}

fn time(date: Option<&str>) -> Option<Timestamp> {
    date.and_then(|date| date.parse().ok())
}

fn sorted(related: &[Related]) -> Vec<(&str, i64)> {
    let mut all: Vec<_> = related.iter().map(|one| (one.kind.as_str(), one.id)).collect();
    all.sort_unstable();
    all
}

fn text(call_id: CallId, left: Option<&AsLeft>, stands: &PhoneCall, log: &PhoneCallCreate) -> Text {
    let given = stands.description.as_deref().unwrap_or_default();
    let given = block::plain(given, left.map(|left| left.as_sent), call_id);
    let parts = block::parts(&given, call_id);
    let lines = match block::inside(&parts, left.and_then(|left| left.block.as_deref()), &log.description, call_id) {
        Inside::Emptied => return Text::LeftAlone,
        Inside::Ours => Vec::new(),
        Inside::Lines(lines) => lines,
    };
    let text = block::with(&parts, &log.description, &lines);
    Text::Ours { around: around(&text, call_id), has_lines: !lines.is_empty(), text }
}

/// A digest of what people have written around our block; empty if nothing.
fn around(text: &str, call_id: CallId) -> String {
    let parts = block::parts(text, call_id);
    let around: String = [parts.before, parts.after].concat().chars().filter(|c| !c.is_whitespace()).collect();
    if around.is_empty() { around } else { blake3::hash(around.as_bytes()).to_hex()[..12].to_owned() }
}

/// The log as it stands, if it is known that nobody has changed it: neither a person nor Callbridge since it was made, or it has the
/// digest of what was written last (by a version that did not keep more).
fn unchanged(
    call_id: CallId,
    stands: &PhoneCall,
    digest: Option<&str>,
    log: &PhoneCallCreate,
    form: LogForm,
) -> Option<AsLeft> {
    let is_ours = match digest {
        Some(digest) => written(stands, log, form).is_some_and(|written| forms::digest(form, &written) == digest),
        // A comment is dated back to its call, so its times say nothing.
        None => {
            let times = stands.created.zip(stands.updated).filter(|_| form == LogForm::PhoneCall);
            times
                .is_some_and(|(created, updated)| updated.duration_since(created).abs() <= SignedDuration::from_secs(1))
        }
    };
    let given = stands.description.as_deref().unwrap_or_default();
    let text = block::plain(given, None, call_id);
    let block = block::parts(&text, call_id).block.to_owned();
    is_ours.then(|| AsLeft { as_sent: text == given, block: Some(block), ..seen(stands) })
}

/// What was written, if Sellsy has kept all of it as it was sent.
fn written(stands: &PhoneCall, log: &PhoneCallCreate, form: LogForm) -> Option<PhoneCallCreate> {
    let description = stands.description.clone()?;
    if form == LogForm::Comment {
        return Some(PhoneCallCreate { description, ..log.clone() });
    }
    // How a date is written depends on the time zone in the settings, for the new log as for the old one.
    let is_same_date = log.date.parse::<Timestamp>().is_ok_and(|date| Some(date) == stands.date);
    Some(PhoneCallCreate {
        owner_id: stands.owner.as_ref()?.id,
        date: is_same_date.then(|| log.date.clone())?,
        result: stands.result.clone()?,
        source: stands.source.clone()?,
        related: stands.related.clone(),
        description,
        duration: stands.duration?,
        topic: None,
    })
}

/// The fields of a log as Sellsy shows them.
fn seen(stands: &PhoneCall) -> AsLeft {
    AsLeft {
        created: stands.created,
        owner_id: stands.owner.as_ref().map(|owner| owner.id),
        date: stands.date,
        result: stands.result.clone(),
        source: stands.source.clone(),
        related: stands.related.clone(),
        duration: stands.duration,
        topic: stands.topic.as_ref().map(|topic| topic.id),
        ..AsLeft::default()
    }
}

/// The log as it is after this write. `answer` is what Sellsy has answered; what it does not say is as it was sent.
pub(crate) fn as_left(call_id: CallId, merged: Merged, answer: Option<&PhoneCall>, before: Option<AsLeft>) -> AsLeft {
    let Merged { update, theirs, around, .. } = merged;
    let sent = PhoneCall {
        owner: update.owner_id.map(|id| Related { kind: RecordKind::from("staff".to_owned()), id }),
        date: update.date.and_then(|date| date.parse().ok()),
        result: update.result,
        source: update.source,
        related: update.related.unwrap_or_default(),
        duration: update.duration,
        topic: update.topic.map(|id| Topic { id, name: None }),
        description: update.description.clone(),
        ..PhoneCall::default()
    };
    let stands = answer.unwrap_or(&sent);
    let created = stands.created.or(before.as_ref().and_then(|before| before.created));
    let (block, as_sent) = match (&update.description, &stands.description) {
        (Some(sent), Some(text)) => {
            let as_sent = sent == text;
            let text = block::plain(text, Some(as_sent), call_id);
            let parts = block::parts(&text, call_id);
            (Some(parts.block.to_owned()).filter(|_| !parts.is_lost), as_sent)
        }
        _ => (before.as_ref().and_then(|before| before.block.clone()), before.is_none_or(|before| before.as_sent)),
    };
    AsLeft { created, block, as_sent, around, theirs, ..seen(stands) }
}

#[cfg(test)]
mod tests;

//! What is known of a call after several views of it: their join.
//!
//! A view is a list of pieces: its fields, its notes, its tags. The join of views does not depend on the order in which
//! they come, nor on how often: for each piece the newest view that has it counts, however many newer views lack it. The
//! rule, with its cases, is in the documentation of [`Snapshot`]; the tests join generated histories in every order.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Place, Snapshot};

/// Fields that are as the newest view has them, also if it lacks them: the others are never lost. An agent whose phone rang
/// is not the agent of a missed call.
pub(crate) const FREE: [&str; 8] =
    ["id", "status", "duration", "user", "assigned_to", "archived", "missed_call_reason", "hangup_cause"];

/// The lists whose items are pieces of their own, and how a piece's key begins.
const LISTS: [(&str, &str); 2] = [("comments", NOTE), ("tags", TAG)];
const NOTE: &str = "note:";
const TAG: &str = "tag:";

/// Stored beside a call (`snapshot_parts`) if not all of it is from its newest view.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Parts {
    /// The newest view that had it, for each piece that the newest view of all lacks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    seen: BTreeMap<String, Place>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags_as_of: Option<Witness>,
}

/// The newest view that says which tags the call no longer has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Witness {
    at: Place,
    /// The keys of the tags that it has.
    tags: Vec<String>,
}

#[derive(Clone, Debug)]
struct Piece {
    value: Value,
    seen: Place,
    /// Its place in the list of the view that has it.
    index: usize,
}

/// Views of a call, joined.
#[derive(Clone, Debug)]
pub(crate) struct Joined {
    /// The newest view.
    pub(crate) base: Place,
    free: Map<String, Value>,
    pieces: BTreeMap<String, Piece>,
    witness: Option<Witness>,
}

impl Joined {
    /// A single view.
    pub(crate) fn of(view: &Snapshot<'_>) -> Self {
        let call = serde_json::to_value(view.call).unwrap_or_default();
        let mut joined = Self::stored(call, view.place(), Parts::default());
        if matches!(view.kind, "call.untagged" | "reconciled") {
            let tags = joined.pieces.keys().filter(|key| key.starts_with(TAG)).cloned().collect();
            joined.witness = Some(Witness { at: joined.base, tags });
        }
        joined
    }

    /// What was stored: a call, the place of its newest view, and its parts.
    pub(crate) fn stored(call: Value, base: Place, parts: Parts) -> Self {
        let Value::Object(mut fields) = call else { return Self::stored(Value::Object(Map::new()), base, parts) };
        let seen = |key: &str| parts.seen.get(key).copied().unwrap_or(base);
        let mut pieces = BTreeMap::new();
        for (list, prefix) in LISTS {
            let Some(Value::Array(items)) = fields.remove(list) else { continue };
            for (index, value) in items.into_iter().enumerate() {
                let key = key(prefix, &value);
                let piece = Piece { value, seen: seen(&key), index };
                add(&mut pieces, key, piece);
            }
        }
        let mut free = Map::new();
        for (name, value) in fields {
            if FREE.contains(&name.as_str()) {
                free.insert(name, value);
            } else {
                let piece = Piece { value, seen: seen(&name), index: 0 };
                pieces.insert(name, piece);
            }
        }
        Self { base, free, pieces, witness: parts.tags_as_of }
    }

    pub(crate) fn join(self, other: Self) -> Self {
        let (newest, older) = if self.base >= other.base { (self, other) } else { (other, self) };
        let witness = [newest.witness, older.witness].into_iter().flatten().max_by_key(|witness| witness.at.time());
        let mut pieces = BTreeMap::new();
        for (key, piece) in newest.pieces.into_iter().chain(older.pieces) {
            let gone = key.starts_with(TAG) && witness.as_ref().is_some_and(|witness| !witness.leaves(&key, &piece));
            if !gone {
                add(&mut pieces, key, piece);
            }
        }
        Self { base: newest.base, free: newest.free, pieces: without_earlier_tags(pieces), witness }
    }

    /// The call as it is stored: first what the newest view has, in its order, then the rest by age.
    pub(crate) fn call(&self) -> Value {
        let mut call = self.free.clone();
        for (list, prefix) in LISTS {
            let mut items: Vec<_> = self.pieces.iter().filter(|(key, _)| key.starts_with(prefix)).collect();
            items.sort_by_key(|(key, piece)| {
                let from_newest = piece.seen == self.base;
                (!from_newest, if from_newest { piece.index } else { 0 }, date(&piece.value), *key)
            });
            if !items.is_empty() {
                call.insert(list.into(), items.into_iter().map(|(_, piece)| piece.value.clone()).collect());
            }
        }
        let is_field = |key: &str| LISTS.iter().all(|(_, prefix)| !key.starts_with(prefix));
        let fields = self.pieces.iter().filter(|(key, _)| is_field(key));
        call.extend(fields.map(|(key, piece)| (key.clone(), piece.value.clone())));
        Value::Object(call)
    }

    /// `None` if all of it is from the newest view, which has taken nothing away.
    pub(crate) fn parts(&self) -> Option<Parts> {
        let older = self.pieces.iter().filter(|(_, piece)| piece.seen != self.base);
        let seen = older.map(|(key, piece)| (key.clone(), piece.seen)).collect();
        let parts = Parts { seen, tags_as_of: self.witness.clone() };
        (parts != Parts::default()).then_some(parts)
    }
}

impl Witness {
    /// The call still has this tag: the witness itself has it, or it was added later. Only the tag's own date tells that, since a
    /// view can be much older than its event says. Without a date the tag was added when it was seen.
    fn leaves(&self, key: &str, tag: &Piece) -> bool {
        let (then, seen) = (self.at.at.as_second(), tag.seen.at.as_second());
        let is_later = match date(&tag.value) {
            Some(added) => added > then || added == then && seen > then,
            None => seen > then,
        };
        is_later || tag.seen == self.at && self.tags.iter().any(|own| own == key)
    }
}

/// Of the same piece, the newest view's counts.
fn add(pieces: &mut BTreeMap<String, Piece>, key: String, piece: Piece) {
    match pieces.get(&key) {
        Some(known) if known.seen.time() >= piece.seen.time() => {}
        _ => drop(pieces.insert(key, piece)),
    }
}

/// A tag that was removed and added again has two keys, with two dates: the later one counts.
fn without_earlier_tags(pieces: BTreeMap<String, Piece>) -> BTreeMap<String, Piece> {
    let mut latest: BTreeMap<String, (String, Piece)> = BTreeMap::new();
    let mut rest = BTreeMap::new();
    for (key, piece) in pieces {
        if !key.starts_with(TAG) {
            rest.insert(key, piece);
            continue;
        }
        let rank = |piece: &Piece| {
            let dated = date(&piece.value);
            (dated.unwrap_or(piece.seen.at.as_second()), dated.is_some(), piece.seen.time())
        };
        let tag = name(&piece.value);
        match latest.get(&tag) {
            Some((_, known)) if rank(known) >= rank(&piece) => {}
            _ => drop(latest.insert(tag, (key, piece))),
        }
    }
    rest.extend(latest.into_values());
    rest
}

/// A note never changes, so its id is enough. A tag that is added again has a new date, and is another piece.
fn key(prefix: &str, value: &Value) -> String {
    if prefix == NOTE {
        let id = value.get("id").filter(|id| !id.is_null()).unwrap_or(value);
        return format!("{NOTE}{id}");
    }
    let date = date(value).map(|second| second.to_string()).unwrap_or_default();
    format!("{TAG}{date}:{}", name(value))
}

/// Lists of calls and events name a tag alike; an id is not always there.
fn name(tag: &Value) -> String {
    let name = tag.get("name").and_then(Value::as_str).map(str::to_owned);
    name.unwrap_or_else(|| tag.get("id").unwrap_or(tag).to_string())
}

/// When a tag was added or a note was written, in seconds.
fn date(value: &Value) -> Option<i64> {
    let at = value.get("tagged_at").or_else(|| value.get("posted_at"))?;
    at.as_i64().or_else(|| at.as_str()?.parse::<Timestamp>().ok().map(Timestamp::as_second))
}

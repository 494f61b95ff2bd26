//! Aircall's view of a call, which of two views is the newer one, and what is known after several of them.
//!
//! Every call event carries the whole call as it was when the event was built, and Aircall gives that moment in whole
//! seconds. Events share seconds (notes and tags are saved together), arrive in any order, and are repeated. So the
//! order of views depends on nothing but the views, and it is total: the newest is the same one in whatever order they
//! arrive.
//!
//! An ended call never goes back: a view of a call that goes on is older than any of an ended one. Apart from that, the
//! time of the event decides. Within one second it is, in this order:
//! 1. what a call never loses: its phase (ringing, answered, ended), its notes, its recording and voicemail;
//! 2. fewer tags from before this second: they can only have been removed, since a tag that is added again has a new
//!    date;
//! 3. `call.untagged` after all other kinds, and of two the one that leaves fewer tags: a tag is added before it is
//!    removed;
//! 4. more tags of this second, because tags are added one after the other;
//! 5. the usual order of the kinds, and a digest, for views that nothing else distinguishes.
//!
//! A tag without a date counts as one of this second. The first two follow from what a call is and are never wrong. The
//! third is wrong when in one second a tag is removed and then another one added: the log then lacks the new tag until
//! the call's next event. The same views also result from adding a tag and removing it again, a slip of the finger,
//! which is the likelier of the two.
//!
//! A view that is read from the REST API has no event. Its place is the second in which it was requested, with a kind
//! that is not an event, so that it ranks below an event of that second.

pub(super) mod merge;

use std::cmp::Ordering;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vendors::aircall::wire::Call;

/// Aircall's view of a call, with its place in the order of views.
///
/// **A view never takes away.** An event can lack what an earlier one had: `call.ended` may come without the link that
/// `call.comm_assets_generated` brought, and Aircall may send an old body again with a new time. So the ledger keeps what
/// follows from all views of the call that have arrived, in whatever order ([`merge`]):
///
/// - The newest view counts for the agent, the status, the duration and the like, which may also become empty.
/// - Each other field and each note is as the newest view has it that has it at all.
/// - A tag that a view shows is there, until a newer view that knows better lacks it. Only two kinds know better:
///   `call.untagged`, which Aircall sends because a tag was removed, and Aircall's list of calls, which shows the call as it
///   is at the moment at which we ask, and which alone shows a removal whose event was lost. Any other view may be stale.
/// - Those two take away only tags that were added before them, by the tag's own date. Without a date, a tag was added when
///   it was seen. A tag that was added in the very second of a removal counts as removed, unless a later event shows it.
///
/// | stored | then comes | stays |
/// | --- | --- | --- |
/// | recording, asset, voicemail | any view without | they stay |
/// | a note | any view without | it stays |
/// | the end, the answer | a view of before, whatever its time | the call has ended, was answered |
/// | who transferred the call | `call.ended` without | it stays |
/// | the agent whose phone rang | `call.ended` of a missed call, without an agent | no agent |
/// | tag A | any other event without A | A |
/// | tag A | `call.untagged` without A | no A |
/// | A removed at 12:05 | an event with A, added at 12:00 | no A |
/// | A removed at 12:05 | an event with A, added at 12:06 | A |
/// | A added at 12:06 | `call.untagged` of 12:05 without A, late | A |
/// | A | Aircall's list, asked now, without A (its removal was lost) | no A |
/// | A added after the list was asked | Aircall's list without A, late | A |
#[derive(Clone, Debug)]
pub struct Snapshot<'a> {
    pub(super) call: &'a Call,
    pub(super) kind: &'a str,
    place: Place,
    pub(super) noted: bool,
}

impl<'a> Snapshot<'a> {
    pub fn new(kind: &'a str, at: Timestamp, call: &'a Call) -> Self {
        Self { call, kind, place: Place { at, rank: rank(kind, at, call) }, noted: false }
    }

    /// With `true`, the line of the event is on the timeline already and is not written again.
    #[must_use]
    pub fn noted(self, noted: bool) -> Self {
        Self { noted, ..self }
    }

    /// The greater one is the newer one. Two views with the same place are the same view.
    pub fn place(&self) -> Place {
        self.place
    }
}

/// The place of a view in the order of all views of its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub(super) at: Timestamp,
    pub(super) rank: i64,
}

impl Place {
    /// The order by time alone, in which an event may be newer than one of an ended call: for what does not depend on the phase.
    pub(super) fn time(self) -> (Timestamp, i64) {
        (self.at, self.rank)
    }
}

/// The phase is the first part of the rank.
pub(super) const PHASE_SHIFT: u32 = 56;

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = |place: &Self| (place.rank >> PHASE_SHIFT, place.at, place.rank);
        order(self).cmp(&order(other))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order within a second as one number, the weightiest part first.
fn rank(kind: &str, at: Timestamp, call: &Call) -> i64 {
    let phase = match call {
        call if call.has_ended() => 2,
        call if call.was_answered() => 1,
        _ => 0,
    };
    let assets = [&call.voicemail, &call.recording, &call.asset].into_iter().flatten().count();
    let of_this_second = |tagged_at: Timestamp| tagged_at.as_second() >= at.as_second();
    // A tag without a date counts as new.
    let new_tags = call.tags.iter().filter(|tag| tag.tagged_at.is_none_or(of_this_second)).count();
    let old_tags = call.tags.len() - new_tags;
    let untagged = kind == "call.untagged";
    // Each part with its number of bits.
    let parts = [
        (phase, 2),
        (more(call.comments.len()), 6),
        (more(assets), 2),
        (fewer(old_tags), 6),
        (u8::from(untagged), 1),
        (if untagged { fewer(new_tags) } else { more(new_tags) }, 6),
        (usual_order(kind), 3),
    ];
    let known = parts.into_iter().fold(0, |rank, (part, bits)| rank << bits | i64::from(part));
    let digest = blake3::hash(&serde_json::to_vec(call).unwrap_or_default());
    let [a, b, c, d, ..] = digest.as_bytes();
    known << 32 | i64::from(u32::from_be_bytes([*a, *b, *c, *d]))
}

/// The most that six bits hold. A call has at most five notes, and no agent chooses sixty tags.
const MANY: u8 = 63;

fn more(count: usize) -> u8 {
    u8::try_from(count).unwrap_or(MANY).min(MANY)
}

fn fewer(count: usize) -> u8 {
    MANY - more(count)
}

/// When an event of this kind usually comes, for views that do not differ in anything that counts more.
fn usual_order(kind: &str) -> u8 {
    match kind {
        "call.created" => 1,
        "call.ended" => 3,
        "call.voicemail_left" => 4,
        "call.comm_assets_generated" => 5,
        kind if kind.starts_with("call.") => 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;

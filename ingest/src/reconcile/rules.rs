//! The rules of reconciliation, as pure functions: what of a listed call is missing here, and where the list goes on.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use ledger::reconciliation::Known;
use sha1::{Digest, Sha1};
use vendors::aircall::wire::{Call, Tag};

/// How long webhooks have to bring what the list shows: Aircall sends `call.ended` half a minute after the hang-up, and
/// sends again what it could not deliver.
pub(super) const GRACE: SignedDuration = SignedDuration::from_mins(5);
/// Aircall's lists end after 10,000 items. At 50 a page this is half of that, so there is room for calls that are added
/// meanwhile.
const MOST_PAGES: u32 = 100;

/// What no webhook brought: the first that applies, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    Call,
    End,
    Tags,
    Notes,
    Recording,
    /// All is known, but there is no log.
    Log,
}

impl Lack {
    pub fn as_str(self) -> &'static str {
        match self {
            Lack::Call => "call",
            Lack::End => "end",
            Lack::Tags => "tags",
            Lack::Notes => "notes",
            Lack::Recording => "recording",
            Lack::Log => "log",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on, or webhooks may still bring the rest: the next turn looks again.
    Open,
    /// All is known, or was brought in before.
    Settled,
    Lacks(Lack),
}

/// What to do about a listed call. `asked_at` is when the list was requested; `logs_too` as in [`super::How`].
pub(super) fn judge(call: &Call, known: Option<&Known>, asked_at: Timestamp, logs_too: bool) -> Verdict {
    let is_recent = |at: Timestamp| asked_at.duration_since(at) < GRACE;
    if !call.has_ended() || call.ended_at.is_some_and(is_recent) {
        return Verdict::Open;
    }
    if known.is_some_and(|known| known.erased) {
        return Verdict::Settled;
    }
    if let Some(known) = known.filter(|known| known.reconciled_view.as_ref() == Some(&view(call))) {
        match known.reconciled_at.filter(|at| !known.parked && !has_arrived(known, *at)) {
            None => return Verdict::Settled,
            Some(at) if is_recent(at) => return Verdict::Open,
            // Its message was lost.
            Some(_) => {}
        }
    }
    if known.and_then(|known| known.snapshot_at).is_some_and(is_recent) {
        return Verdict::Open;
    }
    let log = || known.is_some_and(|known| known.unlogged && logs_too).then_some(Lack::Log);
    lack(call, known).or_else(log).map_or(Verdict::Settled, Verdict::Lacks)
}

/// A view is not brought in while the last one is recent. So one that is not much older than that moment is it, or a newer one.
fn has_arrived(known: &Known, brought_at: Timestamp) -> bool {
    known.snapshot_at.is_some_and(|seen| brought_at.duration_since(seen) < GRACE)
}

fn lack(call: &Call, known: Option<&Known>) -> Option<Lack> {
    let Some(Known { snapshot: Some(snapshot), resolved, .. }) = known else { return Some(Lack::Call) };
    if !resolved {
        return Some(Lack::End);
    }
    let is_new = |listed: &Option<String>, here: &Option<String>| listed.is_some() && here.is_none();
    if tags(call) != tags(snapshot) {
        Some(Lack::Tags)
    } else if !notes(call).is_subset(&notes(snapshot)) {
        Some(Lack::Notes)
    } else if is_new(&call.recording, &snapshot.recording)
        || is_new(&call.voicemail, &snapshot.voicemail)
        || is_new(&call.asset, &snapshot.asset)
    {
        Some(Lack::Recording)
    } else {
        None
    }
}

/// A digest of all that [`judge`] compares. Of the signed links, which change, it holds only whether they exist.
pub(super) fn view(call: &Call) -> String {
    let links = [&call.recording, &call.voicemail, &call.asset].map(Option::is_some);
    let all = format!("{:?} {:?} {links:?}", tags(call), notes(call));
    Sha1::digest(all.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn tags(call: &Call) -> BTreeSet<String> {
    let name = |tag: &Tag| tag.name.clone().or_else(|| tag.id.map(|id| id.to_string()));
    call.tags.iter().filter_map(name).collect()
}

fn notes(call: &Call) -> BTreeSet<i64> {
    call.comments.iter().filter_map(|note| note.id).collect()
}

/// The next page of Aircall's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Where the list begins, in UNIX seconds.
    pub(super) from: i64,
    /// The query of the page, from the link in the page before it; `None` for the first page.
    pub(super) page: Option<String>,
    /// How many pages of this list have been read.
    pub(super) pages: u32,
}

impl Place {
    pub(super) fn beginning(from: i64) -> Self {
        Self { from, page: None, pages: 0 }
    }

    /// The page after this one, whose last call started at `last_started`; `None` at the end. Long before the limit of a list,
    /// a new list begins a second before the last call seen: whether `from` itself is included is not documented.
    pub(super) fn after(&self, last_started: Option<i64>, next_page_link: Option<&str>) -> Option<Self> {
        let (_, query) = next_page_link?.split_once('?')?;
        let further = last_started.map(|started| started - 1).filter(|from| *from > self.from);
        match further {
            Some(from) if self.pages + 1 >= MOST_PAGES => Some(Self::beginning(from)),
            _ => Some(Self { from: self.from, page: Some(query.to_owned()), pages: self.pages + 1 }),
        }
    }
}

#[cfg(test)]
mod tests;

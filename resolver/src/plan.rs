//! What is done about a call that has ended, or that is to be resolved again: two pure functions.
//!
//! In goes how far the work has come, with what the ledger knows and what was found; out comes what is to be done next. Nothing
//! here asks anybody anything. `plan/cases.md` is the table of all cases.

use base::phone::E164;
use ledger::{
    calls::{Known, Taken},
    resolution::Resolution,
    timeline::Reason,
};

/// How far the work on a call that has ended has come.
#[derive(Debug)]
pub(crate) enum Ended {
    /// What the ledger knows of the caller. A look-up that is fresh enough has been made final.
    TakenIn(Taken),
    /// The final decision, by whichever replica.
    Decided(Box<Known>),
    /// Our decision is on the timeline.
    Noted(Box<Known>),
    DirectoryAsked {
        known: Box<Known>,
        knows: bool,
    },
    ResolvedAgain {
        known: Box<Known>,
        found: bool,
    },
}

#[derive(Debug)]
pub(crate) enum Action<'a> {
    /// Look the caller up now, and decide by that.
    LookUp,
    /// Publish `call.resolved`, and note the decision on the timeline if it was just made.
    Publish(Box<Known>),
    /// Write the decision on the timeline.
    Note(Box<Known>),
    /// Ask the directory whether it knows the number by now.
    AskDirectory(Box<Known>, &'a E164),
    ResolveAgain(Box<Known>),
    /// The call is not logged, and this is why.
    Skip(Reason),
    Done,
}

/// Where a call that has ended is logged. `number` is the caller's, if it can be looked up.
pub(crate) fn ended(progress: Ended, number: Option<&E164>) -> Action<'_> {
    let nobody = |known: Box<Known>| Action::Skip(known.resolution.rule);
    match progress {
        Ended::TakenIn(Taken::Erased) => Action::Skip(Reason::Erased),
        Ended::TakenIn(Taken::In(Some(known))) if known.is_final => decided(known),
        // There was no look-up for a card, or it is too old.
        Ended::TakenIn(Taken::In(_)) => Action::LookUp,
        Ended::Decided(known) => decided(known),
        // A record that has joined the directory since the look-up has found no waiting call.
        Ended::Noted(known) => match number {
            Some(number) => Action::AskDirectory(known, number),
            None => nobody(known),
        },
        Ended::DirectoryAsked { known, knows: true } => Action::ResolveAgain(known),
        Ended::ResolvedAgain { found: true, .. } => Action::Done,
        Ended::DirectoryAsked { known, .. } | Ended::ResolvedAgain { known, .. } => nobody(known),
    }
}

fn decided(known: Box<Known>) -> Action<'static> {
    match (&known.resolution.record, known.just_decided) {
        (Some(_), _) => Action::Publish(known),
        (None, true) => Action::Note(known),
        (None, false) => Action::Skip(known.resolution.rule),
    }
}

/// What follows when a caller was looked up again, with the decision to publish.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Again<'a> {
    /// There was nothing to decide again.
    Nothing,
    Found(&'a Resolution),
    /// Nobody was found, and the log keeps its record. The logger waits for the decision, so it is published all the
    /// same.
    LogKeepsRecord(&'a Resolution),
    Nobody,
}

/// `found` is what the look-up has brought, `decided` what the ledger has made of it, if it was still to be decided.
pub(crate) fn again<'a>(found: &Resolution, decided: Option<&'a Resolution>) -> Again<'a> {
    match (&found.record, decided) {
        (_, None) => Again::Nothing,
        (Some(_), Some(decided)) => Again::Found(decided),
        (None, Some(decided)) if decided.record.is_some() => Again::LogKeepsRecord(decided),
        (None, Some(_)) => Again::Nobody,
    }
}

#[cfg(test)]
mod tests;

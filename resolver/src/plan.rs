//! What to do about a call that has ended, or that is to be resolved again: two pure functions.
//!
//! Input: how far the work has come, what the ledger knows and what was found. Output: what to do next. Nothing here
//! queries a database or an API. `plan/cases.md` is the table of all cases.

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
    /// The final decision, whichever replica made it.
    Decided(Box<Known>),
    /// Our decision has been written to the timeline.
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
    /// Look the caller up now, and decide by the result.
    LookUp,
    /// Publish `call.resolved`, and note the decision on the timeline if it was just made.
    Publish(Box<Known>),
    /// Write the decision on the timeline.
    Note(Box<Known>),
    /// Ask the directory whether it knows the number by now.
    AskDirectory(Box<Known>, &'a E164),
    ResolveAgain(Box<Known>),
    /// The call is not logged, for this reason.
    Skip(Reason),
    Done,
}

/// What to do next about a call that has ended. `number` is the caller's, if it can be looked up.
pub(crate) fn ended(progress: Ended, number: Option<&E164>) -> Action<'_> {
    let nobody = |known: Box<Known>| Action::Skip(known.resolution.rule);
    match progress {
        Ended::TakenIn(Taken::Erased) => Action::Skip(Reason::Erased),
        Ended::TakenIn(Taken::In(Some(known))) if known.is_final => decided(known),
        // There was no look-up for a card, or it is too old.
        Ended::TakenIn(Taken::In(_)) => Action::LookUp,
        Ended::Decided(known) => decided(known),
        // A record that was added to the directory after the look-up did not find this call waiting for it.
        // What a rule leaves out waits for nobody.
        Ended::Noted(known) => match number.filter(|_| !known.resolution.rule.is_a_rule()) {
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

/// The outcome of looking a caller up again, with the decision to publish.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Again<'a> {
    /// There was nothing to decide again.
    Nothing,
    Found(&'a Resolution),
    /// Nobody was found, and the log keeps its record. The logger waits for the decision, so it is published anyway.
    LogKeepsRecord(&'a Resolution),
    Nobody,
}

/// `found` is the result of the look-up; `decided` is the decision that the ledger stored for it, if there was one to
/// make.
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

//! What is done about a task: a pure function of what the ledger knows of it, of what it should be, and of what was found out on the way.
//!
//! | in the ledger | found out | open | it ends, or the next step |
//! | --- | --- | --- | --- |
//! | none | – | no | not needed |
//! | none | – | yes, undecided | again later |
//! | none | – | yes | create |
//! | none, perhaps in Sellsy | – | | search |
//! | unclear, lately | – | | again when it has settled |
//! | unclear | – | | search |
//! | searched | nothing | no / yes | not needed / create |
//! | there, as it should be | – | no / yes | done / nothing to do |
//! | there | – | | read |
//! | there | gone / a person's / ours | | deleted / left alone / update |

use std::time::Duration;

use ledger::followups::{Over, Task};

use crate::face::Whose;

/// A request that has no answer has surely ended by then, and was carried out or not.
pub(crate) const SETTLES: Duration = Duration::from_secs(40);
/// The look-up of its caller is under way.
pub(crate) const DECIDED_SOON: Duration = Duration::from_secs(30);

/// What should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted<'a> {
    pub(crate) is_open: bool,
    /// It is known on which record.
    pub(crate) is_decided: bool,
    pub(crate) digest: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Gone,
    Task(Whose),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Search,
    Create,
    Read,
    Update,
    /// There is nothing to do until something happens.
    Rest,
    Again(Duration),
    End(Over),
}

pub(crate) fn plan(task: &Task, wanted: Wanted<'_>, found: Option<Found>) -> Action {
    let nothing_there = || match wanted {
        Wanted { is_open: false, .. } => Action::End(Over::NotNeeded),
        Wanted { is_decided: false, .. } => Action::Again(DECIDED_SOON),
        _ => Action::Create,
    };
    match (task, found) {
        (Task::Unclear { age }, None) if *age < SETTLES => Action::Again(SETTLES.saturating_sub(*age)),
        (Task::None { may_exist: true }, None) if wanted.is_open && !wanted.is_decided => Action::Again(DECIDED_SOON),
        (Task::Unclear { .. } | Task::None { may_exist: true }, None) => Action::Search,
        (Task::None { .. } | Task::Unclear { .. }, _) => nothing_there(),
        (Task::There(there), _) if there.digest.as_deref() == Some(wanted.digest) => {
            if wanted.is_open {
                Action::Rest
            } else {
                Action::End(Over::Done)
            }
        }
        (Task::There(_), None | Some(Found::Nothing)) => Action::Read,
        (Task::There(_), Some(Found::Gone)) => Action::End(Over::Deleted),
        (Task::There(_), Some(Found::Task(Whose::Theirs))) => Action::End(Over::LeftAlone),
        (Task::There(_), Some(Found::Task(Whose::Ours))) => Action::Update,
    }
}

#[cfg(test)]
mod tests {
    use ledger::followups::There;

    use super::*;

    #[test]
    fn every_line_of_the_table() {
        let there = |digest: &str| {
            Task::There(There { id: 6_000_001, digest: Some(digest.into()), stands: None, writing: None })
        };
        let found_again = Task::There(There { id: 6_000_001, digest: None, stands: None, writing: None });
        let unclear = |seconds| Task::Unclear { age: Duration::from_secs(seconds) };
        let (none, perhaps) = (Task::None { may_exist: false }, Task::None { may_exist: true });
        let (open, over) = ((true, true), (false, true));
        let again = |seconds| Action::Again(Duration::from_secs(seconds));
        for (task, (is_open, is_decided), found, expected) in [
            (&none, open, None, Action::Create),
            (&none, over, None, Action::End(Over::NotNeeded)),
            (&none, (true, false), None, again(30)),
            (&none, (false, false), None, Action::End(Over::NotNeeded)),
            (&perhaps, open, None, Action::Search),
            (&perhaps, over, None, Action::Search),
            (&perhaps, (true, false), None, again(30)),
            (&perhaps, open, Some(Found::Nothing), Action::Create),
            (&perhaps, over, Some(Found::Nothing), Action::End(Over::NotNeeded)),
            (&unclear(10), open, None, again(30)),
            (&unclear(10), over, None, again(30)),
            (&unclear(40), open, None, Action::Search),
            (&unclear(40), open, Some(Found::Nothing), Action::Create),
            (&unclear(40), over, Some(Found::Nothing), Action::End(Over::NotNeeded)),
            (&there("now"), open, None, Action::Rest),
            (&there("now"), over, None, Action::End(Over::Done)),
            (&there("before"), open, None, Action::Read),
            (&there("before"), open, Some(Found::Task(Whose::Ours)), Action::Update),
            (&there("before"), over, Some(Found::Task(Whose::Ours)), Action::Update),
            (&there("before"), over, Some(Found::Task(Whose::Theirs)), Action::End(Over::LeftAlone)),
            (&there("before"), over, Some(Found::Gone), Action::End(Over::Deleted)),
            (&found_again, open, None, Action::Read),
            (&found_again, open, Some(Found::Task(Whose::Ours)), Action::Update),
        ] {
            let wanted = Wanted { is_open, is_decided, digest: "now" };
            assert_eq!(plan(task, wanted, found), expected, "{task:?} {wanted:?} {found:?}");
        }
    }
}

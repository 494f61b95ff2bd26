//! How a task stood when it was last written, so that what a person does with it is seen.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vendors::sellsy::wire::Task;

use crate::text::{self, Text};

/// All that a person may change, without its texts: these are hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Face {
    title: String,
    text: String,
    is_done: bool,
    due: Option<Timestamp>,
    label: Option<i64>,
    staffs: Vec<i64>,
}

/// Whose the task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// As we left it, or as a write of ours has left it whose outcome was unclear, or that the ledger has lost.
    Ours,
    /// A person has changed or closed it.
    Theirs,
}

impl Face {
    pub(crate) fn of(task: &Task) -> Self {
        let mut staffs = task.assigned_staff_ids.clone();
        staffs.sort_unstable();
        Self {
            title: hash(task.title.as_deref().unwrap_or_default()),
            text: hash(task.description.as_deref().unwrap_or_default()),
            is_done: task.status.as_deref() == Some("done"),
            due: task.due_date,
            label: task.label.as_ref().map(|label| label.id),
            staffs,
        }
    }

    /// As it stands after this was written.
    pub(crate) fn with(&self, text: &Text, is_done: bool) -> Self {
        Self { title: hash(&text.title), text: hash(&text.description), is_done, ..self.clone() }
    }

    pub(crate) fn stored(&self) -> Value {
        serde_json::to_value(self).unwrap_or_else(|_| json!({}))
    }
}

/// `stands` and `writing`: as it stood when it was written, and as it stands if a later write was carried out. A text that fits its seal is ours,
/// too, and the rest, which we never change, is as it was then. Of a task that was found nothing else is known: it is ours while it is open.
///
/// `is_open`: what should be. A task that we have closed is not opened again by a ledger that has lost why: that is left alone.
pub(crate) fn whose(read: &Task, is_open: bool, stands: Option<&Value>, writing: Option<&Value>) -> Whose {
    let now = Face::of(read);
    let (title, text) = (read.title.as_deref().unwrap_or_default(), read.description.as_deref().unwrap_or_default());
    let is_sealed = !(is_open && now.is_done) && text::is_sealed(title, text, now.is_done);
    let is = |face: Face| {
        let Face { title, text, is_done, .. } = now.clone();
        face == now || is_sealed && Face { title, text, is_done, ..face } == now
    };
    let is_ours = match stands {
        None => is_sealed || !now.is_done,
        Some(_) => [stands, writing].into_iter().flatten().filter_map(|face| Face::deserialize(face).ok()).any(is),
    };
    if is_ours { Whose::Ours } else { Whose::Theirs }
}

/// Sellsy may give a text back with other blanks, tags or entities.
fn hash(text: &str) -> String {
    blake3::hash(logger::squashed(&logger::plain(text)).as_bytes()).to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_changes_is_seen_and_what_sellsy_does_to_blanks_is_not() {
        let task = |change: fn(&mut Task)| {
            let mut task = Task {
                id: 6_000_001,
                title: Some("Rappeler Jeanne Martin".into()),
                description: Some("Appel manqué\nNuméro : +33639984107\nAircall missed call 5".into()),
                status: Some("todo".into()),
                due_date: Timestamp::from_second(1_795_425_330).ok(),
                assigned_staff_ids: vec![102, 101],
                ..Task::default()
            };
            change(&mut task);
            task
        };
        let stands = Face::of(&task(|_| {})).stored();
        let text = Text { title: "Rappeler Jeanne Martin".into(), description: "Rappelé".into() };
        let writing = Face::of(&task(|_| {})).with(&text, true).stored();
        fn is_done(task: &mut Task) {
            task.status = Some("done".into());
        }
        // What the ledger has lost.
        fn later(task: &mut Task) {
            let text =
                Text { title: "Rappeler Jeanne".into(), description: "(Aircall missed call 5)\nRappelé".into() };
            (task.title, task.description) = (Some(text.title.clone()), Some(text.sealed(true).description));
            is_done(task);
        }
        for (what, now, expected) in [
            ("nothing", task(|_| {}), Whose::Ours),
            (
                "blanks",
                task(|t| {
                    t.description = Some("Appel manqué Numéro&nbsp;: +33639984107<br>Aircall missed call 5".into());
                }),
                Whose::Ours,
            ),
            (
                "joined",
                task(|t| t.description = Some("Appel manquéNuméro : +33639984107Aircall missed call 5".into())),
                Whose::Ours,
            ),
            ("the order of staffs", task(|t| t.assigned_staff_ids = vec![101, 102]), Whose::Ours),
            (
                "written",
                task(|t| {
                    t.description = Some("Rappelé".into());
                    is_done(t);
                }),
                Whose::Ours,
            ),
            ("written later", task(later), Whose::Ours),
            (
                "written later, and reopened",
                task(|t| {
                    later(t);
                    t.status = Some("todo".into());
                }),
                Whose::Theirs,
            ),
            (
                "written later, and given to somebody else",
                task(|t| {
                    later(t);
                    t.assigned_staff_ids = vec![103];
                }),
                Whose::Theirs,
            ),
            ("a word", task(|t| t.description = Some("Vu avec elle. Aircall missed call 5".into())), Whose::Theirs),
            ("the title", task(|t| t.title = None), Whose::Theirs),
            ("closed", task(is_done), Whose::Theirs),
            ("another day", task(|t| t.due_date = None), Whose::Theirs),
            ("somebody else's", task(|t| t.assigned_staff_ids = vec![103]), Whose::Theirs),
        ] {
            assert_eq!(whose(&now, false, Some(&stands), Some(&writing)), expected, "{what}");
        }
        // A task that was found again.
        assert_eq!(whose(&task(|t| t.title = None), true, None, None), Whose::Ours);
        assert_eq!(whose(&task(is_done), false, None, None), Whose::Theirs);
        assert_eq!(whose(&task(later), false, None, None), Whose::Ours);
        // We have closed it, and the ledger has lost why.
        assert_eq!(whose(&task(later), true, None, None), Whose::Theirs);
        assert_eq!(whose(&task(later), true, Some(&stands), Some(&writing)), Whose::Theirs);
    }
}

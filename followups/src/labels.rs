//! The labels of tasks in Sellsy, which each account names as it likes. A task must have one.

use std::{sync::Arc, time::Duration};

use base::{
    error::{Code, Error, Result},
    rules::folded,
};
use tokio::{sync::Mutex, time::Instant};
use vendors::sellsy::{Sellsy, wire::TaskLabel};

const KEEP: Duration = Duration::from_secs(3600);
/// A name that is not on the list may be new, and one that Sellsy refuses may be gone.
const KEEP_IF_DOUBTED: Duration = Duration::from_secs(600);

pub(crate) struct Labels {
    sellsy: Sellsy,
    known: Mutex<Option<(Instant, Arc<Vec<TaskLabel>>)>>,
}

impl Labels {
    pub(crate) fn new(sellsy: Sellsy) -> Self {
        Self { sellsy, known: Mutex::default() }
    }

    /// The label of this name, or else Sellsy's first.
    pub(crate) async fn of(&self, name: Option<&str>) -> Result<i64> {
        let mut known = self.known.lock().await;
        let keep = |labels: &[TaskLabel]| {
            if chosen(labels, name).is_some_and(|(_, named)| named) { KEEP } else { KEEP_IF_DOUBTED }
        };
        let labels = match &*known {
            Some((at, labels)) if at.elapsed() < keep(labels) => labels.clone(),
            _ => {
                let labels = Arc::new(self.sellsy.task_labels().await?);
                *known = Some((Instant::now(), labels.clone()));
                labels
            }
        };
        drop(known);
        let Some((id, named)) = chosen(&labels, name) else {
            let message = "Sellsy has no label for tasks: create one in Sellsy, then replay this";
            return Err(Error::park(Code::SellsyRejected, message));
        };
        if !named {
            tracing::warn!("Sellsy has no active label of tasks with the name in RULES; its first one is used.");
        }
        Ok(id)
    }

    /// Sellsy has refused one.
    pub(crate) async fn forget(&self) {
        *self.known.lock().await = None;
    }
}

/// The id, and whether it is the one that was asked for.
fn chosen(labels: &[TaskLabel], name: Option<&str>) -> Option<(i64, bool)> {
    let active = || labels.iter().filter(|label| label.is_active != Some(false));
    let is_named = |label: &&TaskLabel| label.name.as_deref().map(folded) == name.map(folded);
    if let Some(label) = name.and_then(|_| active().find(is_named)) {
        return Some((label.id, true));
    }
    active().min_by_key(|label| label.rank.unwrap_or(i64::MAX)).map(|label| (label.id, name.is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_label_or_the_first_that_is_in_use() {
        let label = |id, name: &str, rank, is_active| TaskLabel {
            id,
            name: Some(name.into()),
            rank: Some(rank),
            is_active: Some(is_active),
        };
        let labels = [label(1, "Ancien", 0, false), label(2, "Rappel", 2, true), label(3, "À faire", 1, true)];
        for (labels, name, expected) in [
            (&labels[..], Some(" rappel"), Some((2, true))),
            (&labels, None, Some((3, true))),
            (&labels, Some("Ancien"), Some((3, false))),
            (&labels, Some("Devis"), Some((3, false))),
            (&labels[..1], None, None),
            (&[], Some("Rappel"), None),
        ] {
            assert_eq!(chosen(labels, name), expected, "{name:?}");
        }
    }
}

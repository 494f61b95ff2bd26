//! What a phone call, a comment or a task is related to: as a write names it, and as a search asks for it.

use serde::Deserialize;
use serde_json::Value;

use super::body::objects;
use super::filters::Filters;
use super::store::{Related, RelatedKind, Store};

/// The documented list: objects with a type and an id, and no other key. Types that this account cannot hold are refused like
/// records that do not exist.
pub(super) fn read(value: &Value, store: &Store) -> Result<Vec<Related>, &'static str> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Closed {
        r#type: RelatedKind,
        id: u64,
    }
    let closed: Vec<Closed> =
        objects(value).ok_or("Chaque élément a un type possible et un id entier, rien d'autre")?;
    let related: Vec<_> = closed.into_iter().map(|Closed { r#type: kind, id }| Related { kind, id }).collect();
    let known = related.iter().all(|one| store.knows(*one));
    known.then_some(related).ok_or("Un des éléments liés n'existe pas")
}

/// The filters by which a search names records.
#[derive(Debug)]
pub(super) struct Wanted {
    any: Option<Vec<Related>>,
    by_kind: [(RelatedKind, Option<Vec<u64>>); 3],
}

impl Wanted {
    pub(super) fn parse(filters: &mut Filters) -> Wanted {
        Wanted {
            any: filters.list("related_objects"),
            by_kind: [
                (RelatedKind::Company, filters.list("companies")),
                (RelatedKind::Individual, filters.list("individuals")),
                (RelatedKind::Contact, filters.list("contacts")),
            ],
        }
    }

    pub(super) fn meets(&self, related: &[Related]) -> bool {
        let hangs_on = |(kind, wanted): &(RelatedKind, Option<Vec<u64>>)| {
            let any = |ids: &Vec<u64>| related.iter().any(|one| one.kind == *kind && ids.contains(&one.id));
            wanted.as_ref().is_none_or(any)
        };
        self.any.as_ref().is_none_or(|wanted| related.iter().any(|one| wanted.contains(one)))
            && self.by_kind.iter().all(hangs_on)
    }
}

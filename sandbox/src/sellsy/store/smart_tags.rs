//! The account's smart-tags, and the records and opportunities that have them.
//!
//! As documented, a tag is known by its value without regard to case and accents, and a value that is not known yet makes a new
//! tag. Whether `POST` replaces the tags of a record or adds to them is not documented: there is no endpoint to take one away,
//! which speaks for replacing. So a test chooses. Tags are never deleted, only taken from records.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use serde::{Deserialize, Serialize};

use super::{Related, RelatedKind, Write, next_id};
use crate::sellsy::seed::SmartTag;

/// What a `POST` does with the tags that a record has already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::sellsy) enum Posts {
    #[default]
    Replace,
    Add,
}

/// A tag as a write names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sellsy) enum Named {
    Id(u64),
    Value(String),
}

/// A tag as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::sellsy) struct Tag<'a> {
    pub(in crate::sellsy) id: u64,
    pub(in crate::sellsy) value: &'a str,
}

#[derive(Debug, Default)]
pub(in crate::sellsy) struct SmartTags {
    pub(in crate::sellsy) posts: Posts,
    values: BTreeMap<u64, String>,
    linked: BTreeMap<Related, Linked>,
}

#[derive(Debug, Default)]
struct Linked {
    tags: BTreeSet<u64>,
    /// As for phone calls.
    history: Vec<Write>,
}

impl SmartTags {
    /// Adds a tag of the data file, and returns what has it.
    pub(super) fn put(&mut self, tag: &SmartTag) -> anyhow::Result<Vec<Related>> {
        ensure!(!self.knows(tag.id), "smart-tag {} occurs twice", tag.id);
        ensure!(self.find(&tag.value).is_none(), "there are two smart-tags {}", tag.value);
        self.values.insert(tag.id, tag.value.clone());
        let of = [
            (RelatedKind::Individual, &tag.individuals),
            (RelatedKind::Company, &tag.companies),
            (RelatedKind::Contact, &tag.contacts),
            (RelatedKind::Opportunity, &tag.opportunities),
        ];
        let of: Vec<Related> = of.iter().flat_map(|(kind, ids)| ids.iter().map(|id| kind.with(*id))).collect();
        for record in &of {
            self.linked.entry(*record).or_default().tags.insert(tag.id);
        }
        Ok(of)
    }

    pub(in crate::sellsy) fn knows(&self, id: u64) -> bool {
        self.values.contains_key(&id)
    }

    pub(in crate::sellsy) fn all(&self) -> impl Iterator<Item = Tag<'_>> {
        self.values.iter().map(|(id, value)| Tag { id: *id, value })
    }

    pub(in crate::sellsy) fn of(&self, record: Related) -> impl Iterator<Item = Tag<'_>> {
        let tags = self.linked.get(&record).into_iter().flat_map(|linked| &linked.tags);
        tags.filter_map(|id| Some(Tag { id: *id, value: self.values.get(id)? }))
    }

    /// What a `POST` does.
    pub(in crate::sellsy) fn post(&mut self, record: Related, tags: &[Named], write: Write) {
        let ids: BTreeSet<u64> = tags.iter().map(|tag| self.id_of(tag)).collect();
        let posts = self.posts;
        let linked = self.linked.entry(record).or_default();
        match posts {
            Posts::Replace => linked.tags = ids,
            Posts::Add => linked.tags.extend(ids),
        }
        linked.history.push(write);
    }

    /// A person adds a tag on the record's page.
    pub(in crate::sellsy) fn add(&mut self, record: Related, value: &str) {
        let id = self.id_of(&Named::Value(value.to_owned()));
        self.linked.entry(record).or_default().tags.insert(id);
    }

    /// A person takes a tag away. One that the record does not have is not there afterwards either.
    pub(in crate::sellsy) fn remove(&mut self, record: Related, value: &str) {
        if let (Some(id), Some(linked)) = (self.find(value), self.linked.get_mut(&record)) {
            linked.tags.remove(&id);
        }
    }

    pub(in crate::sellsy) fn history(&self, record: Related) -> &[Write] {
        self.linked.get(&record).map_or(&[], |linked| linked.history.as_slice())
    }

    pub(super) fn forget(&mut self, record: Related) {
        self.linked.remove(&record);
    }

    fn id_of(&mut self, tag: &Named) -> u64 {
        match tag {
            Named::Id(id) => *id,
            Named::Value(value) => self.find(value).unwrap_or_else(|| {
                let id = next_id(&self.values);
                self.values.insert(id, value.clone());
                id
            }),
        }
    }

    fn find(&self, value: &str) -> Option<u64> {
        let wanted = folded(value);
        self.values.iter().find(|(_, known)| folded(known) == wanted).map(|(id, _)| *id)
    }
}

/// The value without case and accents: the same text means the same tag.
pub(in crate::sellsy) fn folded(value: &str) -> String {
    let combining = |letter: &char| ('\u{300}'..='\u{36f}').contains(letter);
    value.to_lowercase().chars().filter(|letter| !combining(letter)).map(unaccented).collect()
}

/// For the letters of the languages around France.
fn unaccented(letter: char) -> char {
    match letter {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' => 'a',
        'ç' => 'c',
        'è' | 'é' | 'ê' | 'ë' => 'e',
        'ì' | 'í' | 'î' | 'ï' => 'i',
        'ñ' => 'n',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' => 'o',
        'ù' | 'ú' | 'û' | 'ü' => 'u',
        'ý' | 'ÿ' => 'y',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RECORD: Related = Related { kind: RelatedKind::Contact, id: 4 };

    fn post(tags: &mut SmartTags, named: &[Named]) -> Vec<u64> {
        tags.post(RECORD, named, Write::now("POST", json!([])));
        tags.of(RECORD).map(|tag| tag.id).collect()
    }

    fn value(text: &str) -> Named {
        Named::Value(text.to_owned())
    }

    #[test]
    fn case_and_accents_make_no_other_tag() {
        let mut tags = SmartTags::default();
        let named = ["Fidèle", "FIDELE", "fide\u{300}le", "fidele "].map(value);
        assert_eq!(post(&mut tags, &named), [1, 2]);
        let values: Vec<_> = tags.all().map(|tag| tag.value.to_owned()).collect();
        assert_eq!(values, ["Fidèle", "fidele "], "as first written");
    }

    #[test]
    fn a_post_replaces_or_adds() {
        let mut tags = SmartTags::default();
        assert_eq!(post(&mut tags, &[value("VIP")]), [1]);
        assert_eq!(post(&mut tags, &[value("Devis")]), [2]);
        tags.posts = Posts::Add;
        assert_eq!(post(&mut tags, &[Named::Id(1)]), [1, 2]);
        assert_eq!(post(&mut tags, &[]), [1, 2]);
        tags.posts = Posts::Replace;
        assert_eq!(post(&mut tags, &[]), [] as [u64; 0]);
        assert_eq!(tags.history(RECORD).len(), 5);
        assert!(tags.knows(1), "a tag that nobody has is still a tag");
    }

    #[test]
    fn a_person_adds_and_takes_away() {
        let mut tags = SmartTags::default();
        tags.add(RECORD, "Salon");
        tags.add(RECORD, "salon");
        tags.remove(RECORD, "Inconnu");
        assert_eq!(tags.of(RECORD).count(), 1);
        tags.remove(RECORD, "SALON");
        assert_eq!(tags.of(RECORD).count(), 0);
        assert!(tags.history(RECORD).is_empty(), "no request to the API");
    }
}

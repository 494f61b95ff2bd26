//! `[tags]`: what a tag of Aircall means for the log, its topic and its result, and what it does beside ([`Acts`]).

use std::collections::BTreeMap;

use toml::de::DeTable;

use super::{
    acts::{self, Acts},
    folded,
    reader::Reader,
    texts,
};

/// The results that a log may have. Sellsy has `scheduled` too, for a call that is still to be made.
pub const RESULTS: [&str; 9] =
    ["connected", "noanswer", "msgvocal", "msgdirect", "busy", "wrongnumber", "transfer", "interrupt", "unknown"];

const KEYS: [&str; 9] = ["topic", "result", "task", "label", "due", "smart_tags", "on", "step", "from"];

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tags(BTreeMap<String, Tag>);

#[derive(Clone, Debug, Default, PartialEq)]
struct Tag {
    /// The tag's name as the file has it.
    name: String,
    topic: Option<String>,
    result: Option<&'static str>,
    acts: Acts,
}

/// What the tags of a call say about its log; `None` is the default: Sellsy's own topic, the result by the call's outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meaning<'a> {
    pub topic: Option<&'a str>,
    pub result: Option<&'a str>,
}

impl Tags {
    /// Two tags that disagree about a field give its default.
    pub fn mean<'a>(&'a self, tags: impl IntoIterator<Item = &'a str>) -> Meaning<'a> {
        let known: Vec<&Tag> = tags.into_iter().filter_map(|tag| self.0.get(&folded(tag))).collect();
        Meaning {
            topic: agreed(known.iter().filter_map(|tag| tag.topic.as_deref())),
            result: agreed(known.iter().filter_map(|tag| tag.result)),
        }
    }

    /// What a tag does beside the log, if anything.
    pub fn acts_of(&self, tag: &str) -> Option<&Acts> {
        self.0.get(&folded(tag)).map(|tag| &tag.acts).filter(|acts| !acts.is_empty())
    }

    /// All that tags do.
    pub fn acts(&self) -> impl Iterator<Item = &Acts> {
        self.0.values().map(|tag| &tag.acts).filter(|acts| !acts.is_empty())
    }

    /// The topics that the rules name, each once.
    pub fn topics(&self) -> Vec<&str> {
        let mut topics: Vec<&str> = self.0.values().filter_map(|tag| tag.topic.as_deref()).collect();
        topics.sort_unstable_by_key(|topic| folded(topic));
        topics.dedup_by_key(|topic| folded(topic));
        topics
    }

    /// The tags' names, as they stand in the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(|tag| tag.name.as_str())
    }

    pub(super) fn read(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Self {
        let mut tags = BTreeMap::new();
        for (name, at, value) in reader.named(table, texts::THIS_TAG) {
            let Some(rule) = reader.table(value, texts::WHAT_A_TAG_MEANS, texts::WRITE_TAG) else { continue };
            let mut tag = Tag { name: name.trim().to_owned(), ..Tag::default() };
            for (key, value) in rule {
                match key.get_ref().as_ref() {
                    "topic" => tag.topic = reader.text("topic", value, texts::TOPIC),
                    "result" => tag.result = reader.one_of("result", value, &RESULTS.map(|result| (result, result))),
                    key if acts::KEYS.contains(&key) => {}
                    _ => reader.unknown(key, texts::A_TAG, &KEYS),
                }
            }
            tag.acts = Acts::read(reader, rule);
            if rule.is_empty() {
                reader.mistake(&at, texts::TAG_MEANS_NOTHING, texts::WRITE_TAG);
            }
            tags.insert(folded(&name), tag);
        }
        Self(tags)
    }
}

/// What all say, if they say the same.
fn agreed<'a>(said: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut said: Vec<&str> = said.collect();
    said.dedup_by_key(|word| folded(word));
    match said[..] {
        [one] => Some(one),
        _ => None,
    }
}

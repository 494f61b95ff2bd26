//! `[unknown]`: callers whom Sellsy does not have become prospects.

use std::{collections::BTreeMap, time::Duration};

use toml::de::DeTable;

use super::{
    agents::{self, StaffRef},
    folded,
    reader::Reader,
    tasks::ON,
    texts,
};

const KEYS: [&str; 6] = ["prospects", "longer_than", "tags", "after", "outbound", "staff"];
/// Whether somebody who was called is one, too.
const OUTBOUND: [(&str, bool); 2] = [("prospect", true), ("nobody", false)];

#[derive(Clone, Debug, PartialEq)]
pub struct UnknownRules {
    /// A talk that is longer makes one.
    longer_than: Option<Duration>,
    /// Whatever the call was like. By their names, folded.
    tags: BTreeMap<String, String>,
    outbound: bool,
    /// From the end of the call, or from its tag: until then, its agent writes down who it was.
    pub after: Duration,
    /// Whose they are; without one, the agent's.
    pub staff: Option<StaffRef>,
}

/// A call with somebody whom Sellsy does not have.
#[derive(Clone, Copy, Debug)]
pub struct WithUnknown<'a> {
    pub outbound: bool,
    /// `None` if nobody answered.
    pub talk: Option<Duration>,
    pub tags: &'a [&'a str],
}

impl UnknownRules {
    pub fn make_prospect(&self, call: WithUnknown<'_>) -> bool {
        let is_tagged = call.tags.iter().any(|tag| self.tags.contains_key(&folded(tag)));
        let is_long = || self.longer_than.is_some_and(|least| call.talk.is_some_and(|talk| talk > least));
        is_tagged || (self.outbound || !call.outbound) && is_long()
    }

    /// The tags' names, as they stand in the file.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.values().map(String::as_str)
    }

    /// `None` if they are off.
    pub(super) fn read(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Option<Self> {
        let after = Duration::from_secs(60);
        let mut rules = Self { longer_than: None, tags: BTreeMap::new(), outbound: true, after, staff: None };
        let mut is_on = true;
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "prospects" => is_on = reader.one_of("prospects", value, &ON).unwrap_or(true),
                "longer_than" => rules.longer_than = reader.span("longer_than", value),
                "tags" => {
                    let tags = reader.texts("tags", value, texts::TAGS);
                    rules.tags = tags.into_iter().map(|tag| (folded(&tag), tag)).collect();
                }
                "after" => rules.after = reader.after(value).unwrap_or(rules.after),
                "outbound" => rules.outbound = reader.one_of("outbound", value, &OUTBOUND).unwrap_or(true),
                "staff" => rules.staff = agents::staff(reader, value, texts::PROSPECTS_STAFF),
                _ => reader.unknown(key, texts::word("unknown"), &KEYS),
            }
        }
        let says_when = ["longer_than", "tags"].iter().any(|key| table.iter().any(|(name, _)| name.get_ref() == key));
        if is_on && !says_when {
            let at = table.iter().map(|(key, _)| key.span()).min_by_key(|at| at.start).unwrap_or(0..0);
            reader.mistake(&at, texts::NOBODY_BECOMES, texts::SAY_WHO);
        }
        is_on.then_some(rules)
    }
}

//! `[agents]`: the Sellsy staff of agents whose e-mail address is another one in Aircall.

use std::collections::BTreeMap;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{folded, reader::Reader, texts};
use crate::said::Sentence;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Agents(BTreeMap<String, StaffRef>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StaffRef {
    /// In lower case.
    Email(String),
    Id(i64),
}

impl Agents {
    /// The staff whom the file names for an agent.
    pub fn staff_of(&self, email: &str) -> Option<&StaffRef> {
        self.0.get(&folded(email))
    }

    pub fn staffs(&self) -> impl Iterator<Item = &StaffRef> {
        self.0.values()
    }

    pub(super) fn read(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Self {
        let mut agents = BTreeMap::new();
        for (email, at, value) in reader.named(table, texts::THIS_AGENT) {
            if !is_email(&email) {
                reader.mistake(&at, texts::NO_EMAIL, texts::WRITE_EMAIL);
            }
            if let Some(staff) = staff(reader, value, texts::AGENTS_STAFF) {
                agents.insert(folded(&email), staff);
            }
        }
        Self(agents)
    }
}

/// A staff by the e-mail address or the id.
pub(super) fn staff(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>, whose: Sentence) -> Option<StaffRef> {
    let staff = match value.get_ref() {
        DeValue::String(text) if is_email(text) => Some(StaffRef::Email(folded(text))),
        DeValue::Integer(id) => id.as_str().parse().ok().filter(|id| *id > 0).map(StaffRef::Id),
        _ => None,
    };
    if staff.is_none() {
        reader.mistake(&value.span(), texts::NO_STAFF.with([whose.into()]), texts::WRITE_STAFF);
    }
    staff
}

fn is_email(text: &str) -> bool {
    let parts: Vec<&str> = text.trim().split('@').collect();
    parts.len() == 2 && parts.iter().all(|part| !part.is_empty() && !part.contains(char::is_whitespace))
}

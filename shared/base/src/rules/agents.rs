//! `[agents]`: the Sellsy staff of agents whose e-mail address is another one in Aircall.

use std::collections::BTreeMap;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{folded, reader::Reader};

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
        for (email, at, value) in reader.named(table, "this agent") {
            if !is_email(&email) {
                reader.mistake(&at, "the agent is no e-mail address", "write the agent's e-mail in Aircall, in quotes");
            }
            if let Some(staff) = staff(reader, value, "the agent's staff") {
                agents.insert(folded(&email), staff);
            }
        }
        Self(agents)
    }
}

/// A staff by the e-mail address or the id.
pub(super) fn staff(reader: &mut Reader<'_>, value: &Spanned<DeValue<'_>>, whose: &str) -> Option<StaffRef> {
    let staff = match value.get_ref() {
        DeValue::String(text) if is_email(text) => Some(StaffRef::Email(folded(text))),
        DeValue::Integer(id) => id.as_str().parse().ok().filter(|id| *id > 0).map(StaffRef::Id),
        _ => None,
    };
    if staff.is_none() {
        reader.mistake(
            &value.span(),
            format!("{whose} is neither an e-mail address nor an id"),
            "write the staff's e-mail in Sellsy in quotes, or the staff's id without",
        );
    }
    staff
}

fn is_email(text: &str) -> bool {
    let parts: Vec<&str> = text.trim().split('@').collect();
    parts.len() == 2 && parts.iter().all(|part| !part.is_empty() && !part.contains(char::is_whitespace))
}

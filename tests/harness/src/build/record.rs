//! A record that a person adds to Sellsy: `individual("Tardif").client().mobile("06 39 98 66 66")`.

use serde::Serialize;
use serde_json::{Map, Value};

/// The owner of the records that tests add.
pub const OWNER: i64 = 101;

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Record {
    #[serde(skip)]
    pub(crate) kind: &'static str,
    fields: Map<String, Value>,
}

fn record(kind: &'static str) -> Record {
    Record { kind, fields: Map::new() }.with("owner_id", OWNER)
}

pub fn individual(last_name: &str) -> Record {
    record("individuals").with("last_name", last_name)
}

pub fn company(name: &str) -> Record {
    record("companies").with("name", name)
}

pub fn contact(last_name: &str) -> Record {
    record("contacts").with("last_name", last_name)
}

impl Record {
    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(key.to_owned(), value.into());
        self
    }

    pub fn client(self) -> Self {
        self.with("type", "client")
    }

    pub fn prospect(self) -> Self {
        self.with("type", "prospect")
    }

    pub fn supplier(self) -> Self {
        self.with("type", "supplier")
    }

    pub fn phone(self, typed: &str) -> Self {
        self.with("phone_number", typed)
    }

    pub fn mobile(self, typed: &str) -> Self {
        self.with("mobile_number", typed)
    }

    /// Only for a contact.
    pub fn of(self, companies: &[i64]) -> Self {
        self.with("companies", companies)
    }
}

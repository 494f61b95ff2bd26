//! The records of the account, as the data file has them and as a test adds or changes them.
//!
//! The file, the control API and the store share one shape. It has only the fields on which a rule depends; `views` adds the
//! many other fields of Sellsy's answers. Numbers are kept as they were typed, as in Sellsy.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    pub client_id: String,
    pub client_secret: String,
    pub token_expires_in: u64,
    /// The scopes that the client was granted; a request that needs another one gets 403.
    pub scopes: Vec<String>,
    /// The time zone in which dates are written.
    pub time_zone: String,
    /// The staff for whom the personal API client acts: `/staffs/me`, the author of comments, the owner of tasks.
    pub token_staff_id: u64,
    pub quotas: Quotas,
    #[serde(default)]
    pub search: SearchSettings,
    #[serde(default)]
    pub topics: Vec<Topic>,
    #[serde(default)]
    pub task_labels: Vec<TaskLabel>,
    #[serde(default)]
    pub pipelines: Vec<Pipeline>,
    #[serde(default)]
    pub smart_tags: Vec<SmartTag>,
    pub staffs: Vec<Staff>,
    #[serde(default)]
    pub individuals: Vec<Record>,
    #[serde(default)]
    pub companies: Vec<Record>,
    #[serde(default)]
    pub contacts: Vec<Record>,
    #[serde(default)]
    pub opportunities: Vec<Opportunity>,
}

/// Requests per window; null or 0 means no limit.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Quotas {
    #[serde(default)]
    pub second: Option<u32>,
    #[serde(default)]
    pub minute: Option<u32>,
    #[serde(default)]
    pub day: Option<u32>,
    #[serde(default)]
    pub month: Option<u32>,
    /// Whether a 429 has `Retry-After`; the documentation does not promise it.
    #[serde(default)]
    pub retry_after: bool,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SearchSettings {
    pub phones: PhoneSearch,
    /// Searches of phone calls, comments and tasks answer with everything, whatever the filters; others have seen Sellsy do so.
    #[serde(default)]
    pub ignores_filters: bool,
    /// What the phone filters of contacts do.
    #[serde(default)]
    pub contact_filters: ContactFilters,
    /// Pages of records are at most so long, whatever their limit: visibility rights can make them short.
    #[serde(default)]
    pub longest_page: Option<usize>,
}

/// How the filters `phone_number` and `mobile_number` of contacts compare. They are documented as exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ContactFilters {
    /// With the stored text.
    #[default]
    Exact,
    /// By the last eight digits, whatever the spelling.
    Digits,
    /// Not at all: every contact is found.
    Ignored,
}

/// How the global search matches phone fields, which Sellsy does not document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PhoneSearch {
    /// The stored number must contain the last eight digits of the search text.
    #[default]
    Digits,
    /// The stored text must contain the search text.
    Literal,
    /// The stored text must be the search text, as a search engine does that takes a number for one word.
    Word,
    /// Phone fields are not searched at all.
    Off,
}

/// A label for phone calls.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    pub id: u64,
    pub name: String,
    #[serde(default)]
    pub is_default: bool,
}

/// A label for tasks, in the API's shape.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TaskLabel {
    pub id: u64,
    pub name: String,
    #[serde(default)]
    pub color: Option<String>,
    #[serde(default = "active")]
    pub is_active: bool,
    #[serde(default)]
    pub rank: u32,
}

fn active() -> bool {
    true
}

/// A pipeline of opportunities, with its steps.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    pub id: u64,
    pub name: String,
    #[serde(default)]
    pub is_default: bool,
    #[serde(default)]
    pub rank: u32,
    pub steps: Vec<Step>,
}

/// A step of a pipeline, in the API's shape, which does not name the pipeline. Its id is the account's, its name and rank are the
/// pipeline's: others may have the same.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub id: u64,
    pub name: String,
    #[serde(default)]
    pub probability: u8,
    #[serde(default)]
    pub rank: u32,
}

/// A smart-tag, and what has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmartTag {
    pub id: u64,
    pub value: String,
    #[serde(default)]
    pub individuals: Vec<u64>,
    #[serde(default)]
    pub companies: Vec<u64>,
    #[serde(default)]
    pub contacts: Vec<u64>,
    #[serde(default)]
    pub opportunities: Vec<u64>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Staff {
    pub id: u64,
    pub firstname: String,
    pub lastname: String,
    pub email: String,
    #[serde(default)]
    pub status: StaffStatus,
    #[serde(default)]
    pub position: Option<String>,
    #[serde(default)]
    pub phone_number: Option<String>,
    #[serde(default)]
    pub mobile_number: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StaffStatus {
    #[default]
    Ok,
    Blocked,
    Deleted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    Prospect,
    Client,
    Supplier,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Civility {
    Mr,
    Mrs,
    Ms,
}

/// An individual, a company or a contact: `name` is a company's, first and last name are a person's, contacts have no type.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// 0: the next free id.
    #[serde(default)]
    pub id: u64,
    #[serde(default, rename = "type")]
    pub kind_type: Option<Type>,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub civility: Option<Civility>,
    #[serde(default)]
    pub first_name: Option<String>,
    #[serde(default)]
    pub last_name: Option<String>,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub website: Option<String>,
    #[serde(default)]
    pub phone_number: Option<String>,
    #[serde(default)]
    pub mobile_number: Option<String>,
    #[serde(default)]
    pub fax_number: Option<String>,
    #[serde(default)]
    pub position: Option<String>,
    #[serde(default)]
    pub reference: Option<String>,
    #[serde(default)]
    pub note: String,
    /// Absent: the staff for whom the API client acts.
    #[serde(default)]
    pub owner_id: Option<u64>,
    /// Absent: now.
    #[serde(default = "now")]
    pub created: Timestamp,
    /// Absent: the time of creation.
    #[serde(default)]
    pub updated: Option<Timestamp>,
    #[serde(default)]
    pub is_archived: bool,
    /// A contact's companies.
    #[serde(default)]
    pub companies: Vec<u64>,
    /// A contact's individuals.
    #[serde(default)]
    pub individuals: Vec<u64>,
}

impl Record {
    pub(super) fn updated(&self) -> Timestamp {
        self.updated.unwrap_or(self.created)
    }

    pub(super) fn display_name(&self) -> String {
        let parts = [&self.name, &self.first_name, &self.last_name];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Open,
    Won,
    Lost,
    Cancelled,
    Closed,
    Late,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Opportunity {
    /// 0: the next free id.
    #[serde(default)]
    pub id: u64,
    pub name: String,
    pub status: Status,
    /// Absent: now.
    #[serde(default = "now")]
    pub created: Timestamp,
    #[serde(default)]
    pub updated_status: Option<Timestamp>,
    #[serde(default)]
    pub due_date: Option<Date>,
    /// In euros, as Sellsy writes amounts: a string.
    #[serde(default = "nothing")]
    pub amount: String,
    /// It decides the pipeline too. Absent: the first step of the default pipeline.
    #[serde(default)]
    pub step: Option<u64>,
    #[serde(default)]
    pub probability: u8,
    #[serde(default)]
    pub note: String,
    /// Exactly one of the two.
    #[serde(default)]
    pub company_id: Option<u64>,
    #[serde(default)]
    pub individual_id: Option<u64>,
    #[serde(default)]
    pub contact_ids: Vec<u64>,
    #[serde(default)]
    pub owner_id: Option<u64>,
}

fn nothing() -> String {
    "0.00".to_owned()
}

/// In whole seconds, as Sellsy stores dates.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

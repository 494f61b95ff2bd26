//! What `callbridge prove` has found out about an account because no document says it, and how workers come to know.
//!
//! An answer that nobody has looked for is `None`, and then everything is as it would be without this table. What was found on another
//! account, with other keys or at another address, does not count.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base::{
    db::{Client, Database},
    error::Result,
    ids::Vendor,
    phone::Spelling,
    settings,
};
use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use secrecy::ExposeSecret;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::Instant;

/// A worker goes by new answers after this time at the latest.
const KEEP: Duration = Duration::from_secs(5);

/// The answers, each under the name of its question. One of a newer version that cannot be read is as if nobody had asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answers {
    /// The spellings with which Sellsy's search finds phone numbers, the fewest that find all that can be found; none if it does not
    /// look at phone numbers.
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub search: Option<Vec<Spelling>>,
    /// The same for the phone filters of contacts.
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub contact_filters: Option<Vec<Spelling>>,
    /// A page with fewer rows than its limit need not be the last one.
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub short_pages: Option<bool>,
    /// What Sellsy's answers say about the quota.
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// The kinds of records of which Sellsy's webhooks can tell.
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub webhook_events: Option<Vec<String>>,
    /// Whether the pages of Sellsy's records have the addresses of `SELLSY_LINKS`, by what they are pages of.
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub links: Option<BTreeMap<String, Page>>,
    /// How a description comes back.
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub texts: Option<Texts>,
    /// What a `PUT` does to the fields that it leaves out.
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub put: Option<Put>,
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub description: Option<Longest>,
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// A new access token makes the ones before void.
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub new_token_voids: Option<bool>,
    /// What Aircall's answers say about the rate limit.
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub rate: Option<Quota>,
    /// How Aircall takes insight cards.
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
}

/// What cannot be read is as if it were not there.
fn readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> std::result::Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

/// What the answers of an API say about how many requests there may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// The headers that came.
    pub headers: Vec<String>,
    /// Requests in a minute, if anything says so.
    pub per_minute: Option<u32>,
}

/// Where a link leads that is opened by somebody who is not signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Page {
    There,
    Missing,
    /// To the same place as an address that nobody has.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    pub breaks: Breaks,
    pub tags: Tags,
}

/// What has become of line breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Breaks {
    Kept,
    /// They are HTML now.
    Html,
    /// Blanks stand there.
    Blanks,
    /// Nothing stands there.
    Lost,
}

/// What has become of `<…>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tags {
    Kept,
    Escaped,
    /// With what stood in it.
    Stripped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Put {
    /// They stay.
    Partial,
    /// They are emptied.
    Whole,
}

/// Of a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Longest {
    /// Characters; `None` if as many as were tried are accepted.
    pub most: Option<usize>,
    /// What is longer is cut without a word; otherwise it is refused.
    pub cuts: bool,
}

/// Who can own a log that this API client writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "who")]
pub enum Owner {
    Anybody,
    /// Only the client's own staff.
    Only {
        id: i64,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The status of the first one.
    pub first: u16,
    /// Of a second one for the same call.
    pub second: u16,
    /// Of one after the call; `None` if it was not waited for.
    pub late: Option<u16>,
    /// The most lines that were accepted.
    pub lines: usize,
    /// More were refused.
    pub more_refused: bool,
}

impl Answers {
    pub fn is_missing(&self, page_of: &str) -> bool {
        self.links.as_ref().is_some_and(|links| links.get(page_of) == Some(&Page::Missing))
    }

    /// The one who owns every log, if nobody else can.
    pub fn only_owner(&self) -> Option<i64> {
        match self.owner {
            Some(Owner::Only { id }) => Some(id),
            _ => None,
        }
    }
}

/// An account of a vendor, as answers belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub vendor: Vendor,
    digest: String,
}

impl Account {
    pub fn of_sellsy(settings: &settings::Sellsy) -> Self {
        Self::new(Vendor::Sellsy, &settings.api_url, settings.client_id.expose_secret())
    }

    pub fn of_aircall(settings: &settings::Aircall) -> Self {
        Self::new(Vendor::Aircall, &settings.api_url, settings.api_id.expose_secret())
    }

    fn new(vendor: Vendor, address: &str, client: &str) -> Self {
        let digest = digest(&SHA256, format!("{address}\n{client}").as_bytes());
        let hex = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { vendor, digest: hex }
    }

    /// The answers, and when the oldest of them was found.
    pub async fn answers(&self, client: &Client) -> Result<(Answers, Option<Timestamp>)> {
        let sql = "select coalesce(jsonb_object_agg(question, answer), '{}'), min(found_at) from proven
                    where vendor = $1 and account = $2";
        let row = client.prepared_query_one(sql, &[&self.vendor.as_str(), &self.digest]).await?;
        Ok((base::db::readable(&row, 0).unwrap_or_default(), row.get(1)))
    }

    /// Whether answers are kept that were found on another account of this vendor.
    pub async fn has_others(&self, client: &Client) -> Result<bool> {
        let sql = "select exists (select from proven where vendor = $1 and account <> $2)";
        Ok(client.query_one(sql, &[&self.vendor.as_str(), &self.digest]).await?.get(0))
    }

    /// Keeps these, and leaves those alone that nobody has asked for this time.
    pub async fn keep(&self, client: &Client, answers: &Answers) -> Result<()> {
        let Ok(Value::Object(answers)) = serde_json::to_value(answers) else { return Ok(()) };
        let sql = "insert into proven (vendor, account, question, answer) values ($1, $2, $3, $4)
                   on conflict (vendor, account, question) do update set answer = excluded.answer, found_at = now()";
        for (question, answer) in answers {
            client.execute(sql, &[&self.vendor.as_str(), &self.digest, &question, &answer]).await?;
        }
        Ok(())
    }
}

/// Forgets all answers, of whichever account.
pub async fn forget(client: &Client) -> Result<u64> {
    Ok(client.execute("delete from proven", &[]).await?)
}

/// The answers as a worker knows them.
pub(crate) struct Known {
    database: Database,
    account: Account,
    read: Mutex<Option<(Instant, Arc<Answers>)>>,
    /// Held while they are read: the others go by the last ones.
    reading: tokio::sync::Mutex<()>,
}

impl Known {
    pub(crate) fn new(database: &Database, account: Account) -> Arc<Self> {
        Arc::new(Self {
            database: database.clone(),
            account,
            read: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        })
    }

    /// Without the database, the last that are known.
    pub(crate) async fn answers(&self) -> Arc<Answers> {
        let last = self.last();
        if let Some((at, answers)) = &last
            && at.elapsed() < KEEP
        {
            return answers.clone();
        }
        let _reading = match (self.reading.try_lock(), &last) {
            (Ok(reading), _) => reading,
            (Err(_), Some((_, last))) => return last.clone(),
            (Err(_), None) => self.reading.lock().await,
        };
        if let (None, Some((_, answers))) = (&last, self.last()) {
            return answers;
        }
        let read = async { self.account.answers(&self.database.client().await?).await };
        let answers = match (read.await, last) {
            (Ok((answers, _)), _) => Arc::new(answers),
            (Err(_), Some((_, last))) => last,
            (Err(_), None) => Arc::default(),
        };
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), answers.clone()));
        answers
    }

    fn last(&self) -> Option<(Instant, Arc<Answers>)> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_cannot_be_read_is_none_and_harms_no_other() {
        let answers: Answers = serde_json::from_value(serde_json::json!({
            "search": ["e164", "by_scent"], "contact_filters": ["international"], "put": "whole", "of_a_later_version": 7,
            "owner": {"who": "only", "id": 11}, "texts": {"breaks": "lost", "tags": "kept"}, "description": 5,
        }))
        .unwrap();
        assert_eq!(answers.search, None);
        assert_eq!(answers.contact_filters, Some(vec![Spelling::International]));
        assert_eq!(answers.put, Some(Put::Whole));
        assert_eq!(answers.only_owner(), Some(11));
        assert_eq!(answers.texts, Some(Texts { breaks: Breaks::Lost, tags: Tags::Kept }));
        assert_eq!(answers.description, None);
    }

    #[test]
    fn answers_belong_to_one_account() {
        let of = |address, client| Account::new(Vendor::Sellsy, address, client);
        assert_eq!(of("https://api.example/v2", "a"), of("https://api.example/v2", "a"));
        assert_ne!(of("https://api.example/v2", "a"), of("https://api.example/v2", "b"));
        assert_ne!(of("https://api.example/v2", "a"), of("https://api.other.example/v2", "a"));
    }
}

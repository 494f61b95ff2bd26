//! Text messages, by conversation: one number, one day. What was done about a conversation's comment is in [`crate::followups`].

use std::time::Duration;

use base::{
    db::Client,
    error::Result,
    ids::CallId,
    phone::{E164, Region},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::{Row, types::ToSql};

use crate::{erase::SEPARATORS, followups::Key};

/// A message as an event tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct New {
    pub id: String,
    pub conversation: Key,
    pub message: Message,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub sent_at: Timestamp,
    pub outbound: bool,
    /// The company's own number, by its name.
    pub line: Option<String>,
    /// In which the callers of the line dial.
    pub country: Region,
    pub channel: Option<String>,
    pub body: Option<String>,
    /// The files that came with it: their addresses, if they have one.
    pub media: Vec<Option<String>>,
    /// It did not reach whom it was sent to.
    pub is_failed: bool,
}

/// How a message stands in the comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrittenAs {
    Sent,
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub id: String,
    pub message: Message,
    /// `None`: it does not stand there yet.
    pub written_as: Option<WrittenAs>,
}

impl WrittenAs {
    fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

impl Message {
    /// How it has to stand in the comment.
    pub fn written_as(&self) -> WrittenAs {
        if self.is_failed { WrittenAs::Failed } else { WrittenAs::Sent }
    }
}

impl Stored {
    /// It has to be written, perhaps again.
    pub fn is_unwritten(&self) -> bool {
        self.written_as.is_none_or(|as_| as_ == WrittenAs::Sent && self.message.is_failed)
    }
}

/// Stores it, or what is new of it: it did not arrive, or an event that came before lacked what it says. Then it is written once more. Returns its conversation; `None` if it was erased.
pub async fn store(client: &Client, new: &New) -> Result<Option<Key>> {
    let sql = "insert into messages as known
                      (message_id, conversation, sent_at, outbound, line, channel, body, media, is_failed, country)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
               on conflict (message_id) do update
                  set is_failed = known.is_failed or excluded.is_failed,
                      written_as = case when known.body is null and excluded.body is not null or known.media = '[]' and excluded.media <> '[]'
                                        then null else known.written_as end,
                      body = coalesce(known.body, excluded.body),
                      media = case when known.media = '[]' then excluded.media else known.media end
                where known.erased_at is null
               returning conversation";
    let Message { sent_at, outbound, line, country, channel, body, media, is_failed } = &new.message;
    let (key, media, country) = (new.conversation.to_string(), json!(media), country.to_string());
    let values: [&(dyn ToSql + Sync); 10] =
        [&new.id, &key, sent_at, outbound, line, channel, body, &media, is_failed, &country];
    let row = client.prepared_query_opt(sql, &values).await?;
    Ok(row.and_then(|row| row.get::<_, Option<&str>>(0)?.parse().ok()))
}

/// One that is known did not arrive. Returns its conversation.
pub async fn has_failed(client: &Client, id: &str) -> Result<Option<Key>> {
    let sql = "update messages set is_failed = true where message_id = $1 and erased_at is null returning conversation";
    let row = client.prepared_query_opt(sql, &[&id]).await?;
    Ok(row.and_then(|row| row.get::<_, Option<&str>>(0)?.parse().ok()))
}

/// Those of a conversation, in their order.
pub async fn of(client: &Client, conversation: &Key) -> Result<Vec<Stored>> {
    let sql =
        "select message_id, sent_at, outbound, line, channel, body, media, is_failed, written_as, country from messages
                where conversation = $1 and erased_at is null order by sent_at, message_id";
    let rows = client.prepared_query(sql, &[&conversation.to_string()]).await?;
    Ok(rows.iter().map(stored).collect())
}

fn stored(row: &Row) -> Stored {
    let media: Option<Value> = row.get(6);
    let written_as = match row.get::<_, Option<&str>>(8) {
        None => None,
        Some("failed") => Some(WrittenAs::Failed),
        Some(_) => Some(WrittenAs::Sent),
    };
    let message = Message {
        sent_at: row.get(1),
        outbound: row.get(2),
        line: row.get(3),
        country: row.get::<_, Option<&str>>(9).and_then(|country| country.parse().ok()).unwrap_or_default(),
        channel: row.get(4),
        body: row.get(5),
        media: media.and_then(|media| serde_json::from_value(media).ok()).unwrap_or_default(),
        is_failed: row.get(7),
    };
    Stored { id: row.get(0), message, written_as }
}

/// These stand in the comment now, in these forms.
pub async fn are_written(client: &Client, messages: &[(String, WrittenAs)]) -> Result<()> {
    let (ids, forms): (Vec<&str>, Vec<&str>) = messages.iter().map(|(id, as_)| (id.as_str(), as_.as_str())).unzip();
    let sql = "update messages set written_as = form from unnest($1::text[], $2::text[]) as t (id, form)
                where message_id = id and erased_at is null";
    client.prepared_execute(sql, &[&ids, &forms]).await?;
    Ok(())
}

/// Conversations with these numbers, which had no record until now, are due.
pub async fn waiting_for(client: &Client, numbers: &[&str], days: f64) -> Result<()> {
    let sql = "update followups set due_at = now()
                where number = any($1) and key like 'messages:%' and over is null and sellsy_id is null
                  and created_at > now() - make_interval(secs => $2::float8 * 86400)";
    client.prepared_execute(sql, &[&numbers, &days]).await?;
    Ok(())
}

/// Conversations of the last day of which something is not written and nothing is under way: a ledger that took over may have lost that they are due, or a
/// worker had no rule for them. Not those that are dead letters, or that wait for a record.
pub async fn left_unwritten(client: &Client) -> Result<Vec<Key>> {
    let sql = "select distinct conversation from messages m left join followups f on f.key = m.conversation
                where sent_at > now() - interval '1 day' and erased_at is null
                  and (written_as is null or written_as = 'sent' and is_failed)
                  and (f.key is null or over is null and due_at is null and not exists (
                       select from timeline t where t.call_id = f.call_id
                          and (what = 'parked' or what = 'skipped' and f.sellsy_id is null)))";
    let rows = client.query(sql, &[]).await?;
    Ok(rows.iter().filter_map(|row| row.get::<_, &str>(0).parse().ok()).collect())
}

/// Whether what was written for this conversation may be unknown: since its day began, the ledger took over, or a conversation was erased.
pub async fn may_be_lost(client: &Client, day_begins: Timestamp) -> Result<bool> {
    let sql =
        "select exists (select from ledger_is where since > $1) or exists (select from messages where erased_at > $1)";
    Ok(client.prepared_query_one(sql, &[&day_begins]).await?.get(0))
}

/// A conversation, for people who look at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conversation {
    /// Under which its story is told.
    pub id: CallId,
    pub number: String,
    pub day: jiff::civil::Date,
    pub received: i64,
    pub sent: i64,
    /// That do not stand in the comment yet.
    pub unwritten: i64,
    pub last_at: Timestamp,
    /// In Sellsy.
    pub comment: Option<i64>,
    pub over: Option<String>,
    /// It is to be written, and nothing has to happen before.
    pub is_due: bool,
    /// Nobody whom Sellsy has is known to have the number.
    pub waits_for_record: bool,
}

/// Those with messages since then, the newest first; with one number, or all.
pub async fn conversations(client: &Client, since: Timestamp, number: Option<&E164>) -> Result<Vec<Conversation>> {
    let sql =
        "select f.key, f.sellsy_id, f.over, count(*) filter (where not outbound), count(*) filter (where outbound),
                      count(*) filter (where written_as is null or written_as = 'sent' and is_failed), max(sent_at), f.due_at is not null,
                      exists (select from timeline t where t.call_id = f.call_id and what = 'skipped')
                 from messages m join followups f on f.key = m.conversation
                where erased_at is null and ($2::text is null or f.number = $2)
                group by f.key having max(sent_at) >= $1 order by max(sent_at) desc";
    let rows = client.query(sql, &[&since, &number.map(E164::as_str)]).await?;
    Ok(rows.iter().filter_map(conversation).collect())
}

fn conversation(row: &Row) -> Option<Conversation> {
    let key: Key = row.get::<_, &str>(0).parse().ok()?;
    let Key::Messages { number, day } = &key else { return None };
    Some(Conversation {
        id: key.call(),
        number: number.as_str().to_owned(),
        day: *day,
        received: row.get(3),
        sent: row.get(4),
        unwritten: row.get(5),
        last_at: row.get(6),
        comment: row.get(1),
        over: row.get(2),
        is_due: row.get(7),
        waits_for_record: row.get(8),
    })
}

/// Everything of these conversations goes, except that their messages are known. Returns how many messages that are.
pub async fn erase(client: &tokio_postgres::Client, conversations: &[String]) -> Result<u64> {
    let ids: Vec<i64> = conversations.iter().map(|key| CallId::of_conversation(key).0).collect();
    // By the messages it is found again if this ends in the middle.
    client.execute("delete from followups where key = any($1)", &[&conversations]).await?;
    client.execute("delete from timeline where call_id = any($1)", &[&ids]).await?;
    Ok(client.execute(&format!("{ERASE} where conversation = any($1)"), &[&conversations]).await?)
}

const ERASE: &str = "update messages set erased_at = now(), conversation = null, sent_at = null, outbound = null, line = null, country = null, channel = null,
                                         body = null, media = null, is_failed = false";

/// A conversation that may be about a person.
#[derive(Clone, Debug)]
pub struct Talked {
    /// Its key.
    pub conversation: String,
    /// In Sellsy.
    pub comment: Option<i64>,
    pub messages: i64,
    /// It is with this number; else its text may mention it.
    pub is_with_it: bool,
    pub text: String,
}

/// The conversations with this number, and those whose text has its digits: they may belong to something else, the caller has to check.
pub async fn concerned(client: &Client, number: &E164) -> Result<Vec<Talked>> {
    // One of the two may be missing, if a process died.
    let sql = "select key, sellsy_id, count(message_id), split_part(key, ':', 2) = $1 as is_with_it, coalesce(string_agg(body, ' '), '')
                 from (select coalesce(m.conversation, f.key) as key, f.sellsy_id, message_id, body
                         from (select * from messages where erased_at is null) m
                         full join (select * from followups where key like 'messages:%') f on f.key = m.conversation) one
                group by key, sellsy_id
               having split_part(key, ':', 2) = $1 or translate(string_agg(body, ' '), $3, '') like '%' || $2 || '%'
                order by key";
    let rows = client.query(sql, &[&number.as_str(), &number.last_digits(), &SEPARATORS]).await?;
    let talked = |row: &Row| Talked {
        conversation: row.get(0),
        comment: row.get(1),
        messages: row.get(2),
        is_with_it: row.get(3),
        text: row.get(4),
    };
    Ok(rows.iter().map(talked).collect())
}

/// Conversations whose last message is older than `age`, up to `at_most`.
pub async fn old(client: &Client, age: Duration, at_most: i64) -> Result<Vec<String>> {
    let sql =
        "select conversation from messages where erased_at is null and sent_at < now() - make_interval(secs => $1)
                group by conversation limit $2";
    let rows = client.query(sql, &[&age.as_secs_f64(), &at_most]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

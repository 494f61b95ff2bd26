//! What follows from a call beside its log: which tasks there are, and what was done about each.
//!
//! What a task says is not stored: it follows from the calls and the rules ([`crate::missed`], the insights of a call), and is rendered when
//! the task is written. A row is due when something may have to be done; [`due`] hands it on, also if its message was lost.

use std::{fmt, str::FromStr, time::Duration};

use base::{db::Client, error::Result, ids::CallId, phone::E164};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::timeline::{Entry, Lines, WRITE};

/// Longer than a handler may run (90 s).
const LEASE: &str = "interval '2 minutes'";
/// Longer than the longest delay between two attempts of a message (1 h).
const HANDED_ON_AGAIN: &str = "interval '75 minutes'";

/// Which one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// By the first of its calls that was seen.
    Missed(CallId),
    /// By the id that Aircall gives the item, or by what it says.
    ActionItem { call: CallId, item: String },
}

impl Key {
    pub fn call(&self) -> CallId {
        match self {
            Self::Missed(call) | Self::ActionItem { call, .. } => *call,
        }
    }

    pub fn follows(&self) -> Follows {
        match self {
            Self::Missed(_) => Follows::MissedCall,
            Self::ActionItem { .. } => Follows::ActionItem,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missed(call) => write!(f, "missed:{call}"),
            Self::ActionItem { call, item } => write!(f, "action_item:{call}:{item}"),
        }
    }
}

impl FromStr for Key {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let call = |id: &str| id.parse().map(CallId).map_err(drop);
        match text.split_once(':') {
            Some(("missed", id)) => Ok(Self::Missed(call(id)?)),
            Some(("action_item", rest)) => {
                let (id, item) = rest.split_once(':').filter(|(_, item)| !item.is_empty()).ok_or(())?;
                Ok(Self::ActionItem { call: call(id)?, item: item.to_owned() })
            }
            _ => Err(()),
        }
    }
}

/// From what a task follows, as programs read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Follows {
    MissedCall,
    ActionItem,
}

impl Follows {
    /// The same for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissedCall => "missed_call",
            Self::ActionItem => "action_item",
        }
    }
}

/// Why nothing follows any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Somebody has spoken with the caller, and the task says so.
    Done,
    /// The same before there was a task.
    NotNeeded,
    /// A person has changed or closed the task.
    LeftAlone,
    /// A person has deleted it.
    Deleted,
}

impl Over {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotNeeded => "not_needed",
            Self::LeftAlone => "left_alone",
            Self::Deleted => "deleted",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Done, Self::NotNeeded, Self::LeftAlone, Self::Deleted].into_iter().find(|over| over.as_str() == text)
    }
}

/// The task of a row, as far as the ledger knows.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// None was created; perhaps by a ledger that was lost.
    None {
        may_exist: bool,
    },
    /// Its creation has no outcome yet.
    Unclear {
        age: Duration,
    },
    There(There),
}

#[derive(Clone, Debug, PartialEq)]
pub struct There {
    pub id: i64,
    /// Of what was last written; `None` if that is not known.
    pub digest: Option<String>,
    /// As it stood then, and as it stands if a later write was carried out.
    pub stands: Option<Value>,
    pub writing: Option<Value>,
}

#[derive(Clone, Debug)]
pub struct Followup {
    pub key: Key,
    pub calls: Vec<CallId>,
    pub number: Option<E164>,
    pub task: Task,
    pub over: Option<Over>,
}

/// A ledger that took over since then, or a while before, may lack that the task was created: a while, because AI insights are asked for again in these
/// hours.
const COLUMNS: &str = "key, calls, number, may_exist or exists (select from ledger_is where since > created_at - interval '3 hours') as may_exist, extract(epoch from now() - intent_at)::float8 as intent_age, sellsy_id, digest, stands, writing, over";

fn read(row: &Row) -> Option<Followup> {
    let task = match (row.get::<_, Option<i64>>("sellsy_id"), row.get::<_, Option<f64>>("intent_age")) {
        (Some(id), _) => {
            Task::There(There { id, digest: row.get("digest"), stands: row.get("stands"), writing: row.get("writing") })
        }
        (None, Some(age)) => Task::Unclear { age: Duration::from_secs_f64(age.max(0.0)) },
        (None, None) => Task::None { may_exist: row.get("may_exist") },
    };
    Some(Followup {
        key: row.get::<_, &str>("key").parse().ok()?,
        calls: row.get::<_, Vec<i64>>("calls").into_iter().map(CallId).collect(),
        number: row.get::<_, Option<&str>>("number").and_then(|number| number.parse().ok()),
        task,
        over: row.get::<_, Option<&str>>("over").and_then(Over::parse),
    })
}

/// What is to follow, from now on.
#[derive(Clone, Debug, PartialEq)]
pub struct New {
    pub key: Key,
    pub calls: Vec<CallId>,
    pub number: Option<E164>,
    pub due_in: Duration,
    /// It is older than what a ledger loses, or it is not known what that has lost.
    pub is_old: bool,
}

/// Stores it unless it is known. Returns whether it is new.
pub async fn begin(client: &Client, new: &New) -> Result<bool> {
    let sql = "insert into followups (key, call_id, calls, number, may_exist, due_at)
               select $1, $2, $3, $4, $5, now() + make_interval(secs => $6)
                where not exists (select from calls where call_id = $2 and erased_at is not null)
               on conflict (key) do nothing";
    let calls: Vec<i64> = new.calls.iter().map(|call| call.0).collect();
    let (key, number, due_in) = (new.key.to_string(), new.number.as_ref().map(E164::as_str), new.due_in.as_secs_f64());
    let stored =
        client.prepared_execute(sql, &[&key, &new.key.call().0, &calls, &number, &new.is_old, &due_in]).await?;
    Ok(stored == 1)
}

/// It has these calls now, and may have to be brought up to date by then.
pub async fn touch(client: &Client, key: &Key, calls: &[CallId], due_in: Duration) -> Result<()> {
    let sql = "update followups set calls = $2, due_at = least(due_at, now() + make_interval(secs => $3))
                where key = $1 and over is null";
    let calls: Vec<i64> = calls.iter().map(|call| call.0).collect();
    client.prepared_execute(sql, &[&key.to_string(), &calls, &due_in.as_secs_f64()]).await?;
    Ok(())
}

/// All of this caller's, also what is over.
pub async fn of_number(client: &Client, number: &E164) -> Result<Vec<Followup>> {
    let sql = format!("select {COLUMNS} from followups where number = $1 order by created_at");
    let rows = client.prepared_query(&sql, &[&number.as_str()]).await?;
    Ok(rows.iter().filter_map(read).collect())
}

/// The callers of whom something is open.
pub async fn open_numbers(client: &Client) -> Result<Vec<E164>> {
    let sql = "select distinct number from followups where number is not null and over is null";
    let rows = client.prepared_query(sql, &[]).await?;
    Ok(rows.iter().filter_map(|row| row.get::<_, &str>(0).parse().ok()).collect())
}

/// Of these, the ones that are known.
pub async fn known(client: &Client, keys: &[String]) -> Result<Vec<String>> {
    let sql = "select key from followups where key = any($1)";
    let rows = client.prepared_query(sql, &[&keys]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Another row is the same.
pub async fn drop_twin(client: &Client, key: &Key) -> Result<()> {
    let sql = "update followups set over = 'not_needed', due_at = null
                where key = $1 and over is null and sellsy_id is null and intent_at is null and lease is null";
    client.prepared_execute(sql, &[&key.to_string()]).await?;
    Ok(())
}

/// The most overdue ones, to be handed on. One replica at a time may ask.
pub async fn due(client: &Client, at_most: i64) -> Result<Vec<Key>> {
    let sql = "select key from followups where due_at <= now() order by due_at limit $1";
    let rows = client.prepared_query(sql, &[&at_most]).await?;
    Ok(rows.iter().filter_map(|row| row.get::<_, &str>(0).parse().ok()).collect())
}

/// Their messages are published: they are due again when these must have been lost. What has become due after `asked_at` has no message yet.
pub async fn handed_on(client: &Client, keys: &[Key], asked_at: Timestamp) -> Result<()> {
    let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
    let sql = format!("update followups set due_at = now() + {HANDED_ON_AGAIN} where key = any($1) and due_at <= $2");
    client.prepared_execute(&sql, &[&keys, &asked_at]).await?;
    Ok(())
}

#[derive(Debug)]
pub enum Claimed {
    Ours(Box<Followup>),
    /// Somebody works on it, or has died while working on it.
    Held,
    /// It is over, or there is none.
    Over,
}

pub async fn claim(client: &Client, key: &Key, lease: Uuid) -> Result<Claimed> {
    let sql = format!(
        "update followups set lease = $2, lease_until = now() + {LEASE}, due_at = now() + {HANDED_ON_AGAIN}
          where key = $1 and over is null and (lease_until is null or lease_until < now())
      returning {COLUMNS}"
    );
    let text = key.to_string();
    if let Some(row) = client.prepared_query_opt(&sql, &[&text, &lease]).await? {
        return Ok(read(&row).map_or(Claimed::Over, |row| Claimed::Ours(Box::new(row))));
    }
    let sql = "select exists (select from followups where key = $1 and over is null)";
    let is_held: bool = client.prepared_query_one(sql, &[&text]).await?.get(0);
    Ok(if is_held { Claimed::Held } else { Claimed::Over })
}

/// Gives it back after a failure: its message comes again, or is a dead letter, which an operator replays.
pub async fn give_back(client: &Client, key: &Key, lease: Uuid, parked: bool) -> Result<()> {
    let sql = "update followups set lease = null, lease_until = null, due_at = case when $3 then null else due_at end
                where key = $1 and lease = $2";
    client.prepared_execute(sql, &[&key.to_string(), &lease, &parked]).await?;
    Ok(())
}

/// What has become of a row that was claimed.
#[derive(Clone, Debug, PartialEq)]
pub enum Became {
    /// Its creation is about to be sent. The lease goes on.
    Creating,
    /// Surely nothing was created. The lease goes on.
    NotCreated,
    /// This is its task, of which nothing else is known. The lease goes on.
    Found(i64),
    /// This is its task, as it was written.
    Written(There),
    /// A change is about to be sent, after which it stands so. The lease goes on.
    Changing(Value),
}

/// Stores what has become of it, with lines for its story. False if the lease was lost: then nothing is stored, and nothing may be sent.
pub async fn record(
    client: &Client,
    key: &Key,
    lease: Uuid,
    became: &Became,
    lines: impl IntoIterator<Item = Entry>,
) -> Result<bool> {
    let (sets, id, digest, value) = match became {
        Became::Creating => ("intent_at = now(), lease_until = now() + interval '2 minutes'", None, None, None),
        Became::NotCreated => ("intent_at = null, may_exist = false", None, None, None),
        Became::Found(id) => ("intent_at = null, sellsy_id = $8", Some(*id), None, None),
        Became::Written(there) => (
            "intent_at = null, sellsy_id = $8, digest = $9, stands = $10, writing = null",
            Some(there.id),
            there.digest.clone(),
            there.stands.clone(),
        ),
        Became::Changing(to) => {
            ("writing = $10, lease_until = now() + interval '2 minutes'", None, None, Some(to.clone()))
        }
    };
    let lines = Lines::of(lines);
    let (stages, whats, details, ages) = lines.values();
    // Every parameter has to be used.
    let sql = format!(
        "with its as (update followups set {sets} where key = $6 and lease = $7 returning key),
              given as (select $8::bigint, $9::text, $10::jsonb),
              noted as ({} )
         select exists (select from its)",
        *WRITE
    );
    let call = key.call().0;
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 10] =
        [&call, &stages, &whats, &details, &ages, &key.to_string(), &lease, &id, &digest, &value];
    let stored = client.prepared_query_one(&sql, &values).await;
    Ok(lines.after(stored)?.get(0))
}

/// Ends the work on it: over, to be looked at again after a time, or until something happens.
pub async fn release(
    client: &Client,
    key: &Key,
    lease: Uuid,
    over: Option<Over>,
    again_in: Option<Duration>,
    lines: impl IntoIterator<Item = Entry>,
) -> Result<()> {
    let lines = Lines::of(lines);
    let (stages, whats, details, ages) = lines.values();
    // What has come up meanwhile has made it due sooner than the work on it did.
    let sql = format!(
        "with its as (update followups
                         set lease = null, lease_until = null, over = $8,
                             due_at = case when $8::text is not null then null
                                           when due_at <= now() + interval '70 minutes' then least(due_at, now() + make_interval(secs => $9))
                                           else now() + make_interval(secs => $9) end
                       where key = $6 and lease = $7 returning key),
              noted as ({} )
         select from its",
        *WRITE
    );
    let (call, key) = (key.call().0, key.to_string());
    let (over, again) = (over.map(Over::as_str), again_in.map(|again| again.as_secs_f64()));
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 9] =
        [&call, &stages, &whats, &details, &ages, &key, &lease, &over, &again];
    let released = client.prepared_query_opt(&sql, &values).await;
    lines.after(released).map(drop)
}

/// Action items of calls that began in the last day, by call. Those without text are none.
pub async fn recent_action_items(client: &Client) -> Result<Vec<Key>> {
    let sql = "select c.call_id, substr(key, length('action_item:') + 1)
                 from (select call_id from console_calls where started_at > now() - interval '1 day') s join calls c using (call_id),
                      jsonb_object_keys(insights) key
                where key like 'action_item:%' and erased_at is null";
    let rows = client.query(sql, &[]).await?;
    Ok(rows.iter().map(|row| Key::ActionItem { call: CallId(row.get(0)), item: row.get(1) }).collect())
}

/// The tasks of calls, for the pages that show them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Missed calls, or the call with the action item.
    pub calls: Vec<CallId>,
    pub task: Option<i64>,
    pub over: Option<String>,
}

/// Of missed calls that were seen since then.
pub async fn of_missed(client: &Client, since: Timestamp) -> Result<Vec<Shown>> {
    let sql = "select calls, sellsy_id, over from followups where number is not null and created_at >= $1";
    let rows = client.query(sql, &[&since]).await?;
    let shown = |row: &Row| Shown {
        calls: row.get::<_, Vec<i64>>(0).into_iter().map(CallId).collect(),
        task: row.get(1),
        over: row.get(2),
    };
    Ok(rows.iter().map(shown).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        for key in [
            Key::Missed(CallId(3_811_600_001)),
            Key::ActionItem { call: CallId(7), item: "55".into() },
            Key::ActionItem { call: CallId(7), item: "a:b".into() },
        ] {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for text in ["", "missed:", "missed:x", "action_item:7", "action_item:7:", "log:7"] {
            assert_eq!(text.parse::<Key>(), Err(()), "{text}");
        }
    }
}

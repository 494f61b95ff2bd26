//! What follows from a call beside its log, tasks and others: which there are, and what was done about each.
//!
//! What is to be written is not stored: it follows from the calls and the rules ([`crate::missed`], the insights and tags of a call), and is
//! rendered when it is written. A row is due when something may have to be done; [`due`] hands it on, also if its message was lost.

mod key;

use std::time::Duration;

use base::{
    db::{self, Client},
    error::Result,
    ids::CallId,
    phone::E164,
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::Row;
use uuid::Uuid;
use vendors::aircall::wire::Call;

pub use key::{Follows, Key};

use crate::timeline::{Entry, Lines, WRITE};

/// Longer than a handler may run (90 s).
const LEASE: &str = "interval '2 minutes'";
/// Longer than the longest delay between two attempts of a message (1 h).
const HANDED_ON_AGAIN: &str = "interval '75 minutes'";

/// Why nothing follows any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// It is as it should be: somebody has spoken with the caller, and the task says so.
    Done,
    /// There was nothing to do, any more or at all.
    NotNeeded,
    /// A person has changed or closed the task.
    LeftAlone,
    /// A person has deleted it, or what was to be changed.
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
    /// So many requests in a row had no clear outcome.
    pub unclear: i32,
    /// Since it was noted.
    pub age: Duration,
}

/// A ledger that took over since then, or a while before, may lack that the task was created: a while, because AI insights are asked for again in these
/// hours.
const COLUMNS: &str = "key, calls, number, may_exist or exists (select from ledger_is where since > created_at - interval '3 hours') as may_exist, extract(epoch from now() - intent_at)::float8 as intent_age, extract(epoch from now() - created_at)::float8 as age, sellsy_id, digest, stands, writing, over, unclear";

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
        unclear: row.get("unclear"),
        age: Duration::from_secs_f64(row.get::<_, f64>("age").max(0.0)),
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

/// Stores it unless it is known, or is a second prospect with the same number. Returns whether it is new.
pub async fn begin(client: &Client, new: &New) -> Result<bool> {
    let sql = "insert into followups (key, call_id, calls, number, may_exist, due_at)
               select $1, $2, $3, $4, $5, now() + make_interval(secs => $6)
                where not exists (select from calls where call_id = $2 and erased_at is not null)
                  and ($1 not like 'messages:%' or exists (select from messages where conversation = $1 and erased_at is null))
               on conflict do nothing";
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

/// All missed calls of this caller, also what is over.
pub async fn of_number(client: &Client, number: &E164) -> Result<Vec<Followup>> {
    let sql = format!("select {COLUMNS} from followups where number = $1 and key like 'missed:%' order by created_at");
    let rows = client.prepared_query(&sql, &[&number.as_str()]).await?;
    Ok(rows.iter().filter_map(read).collect())
}

/// The callers whose missed calls are open.
pub async fn open_numbers(client: &Client) -> Result<Vec<E164>> {
    let sql = "select distinct number from followups where number is not null and over is null and key like 'missed:%'";
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
    let sql = "select key from followups where due_at <= now() and split_part(key, ':', 1) = any($2) order by due_at limit $1";
    let rows = client.prepared_query(sql, &[&at_most, &&Key::KINDS[..]]).await?;
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
    let sql = "update followups set lease = null, lease_until = null, due_at = case when $3 then null else due_at end,
                      unclear = case when $3 then 0 else unclear end
                where key = $1 and lease = $2";
    client.prepared_execute(sql, &[&key.to_string(), &lease, &parked]).await?;
    Ok(())
}

/// Reserves what several may want to change, such as the tags of a record, until the row is released or its request has surely ended. False
/// if another row has it, or the lease was lost.
pub async fn reserve(client: &mut Client, key: &Key, lease: Uuid, target: &str) -> Result<bool> {
    let transaction = client.transaction().await?;
    // Two that ask at once would not see each other.
    transaction.execute("select pg_advisory_xact_lock(hashtextextended($1, 35))", &[&target]).await?;
    let sql = "update followups set target = $3
                where key = $1 and lease = $2
                  and not exists (select from followups other
                                   where other.target = $3 and other.key <> $1
                                     and (other.lease_until > now() or other.intent_at > now() - interval '1 minute'))";
    let reserved = transaction.execute(sql, &[&key.to_string(), &lease, &target]).await?;
    transaction.commit().await?;
    Ok(reserved == 1)
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
    /// A change is about to be sent: it stands as it was read just now, or after it so. An earlier change may have been carried out of which
    /// nobody heard, so what was read counts, and not what was written before. The lease goes on.
    Changing { from: Value, to: Value },
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
        Became::Creating => {
            ("intent_at = now(), lease_until = now() + interval '2 minutes', unclear = unclear + 1", None, None, None)
        }
        Became::NotCreated => ("intent_at = null, may_exist = false, unclear = 0", None, None, None),
        Became::Found(id) => ("intent_at = null, sellsy_id = $8, unclear = 0", Some(*id), None, None),
        Became::Written(there) => (
            "intent_at = null, sellsy_id = $8, digest = $9, stands = $10, writing = null, unclear = 0",
            Some(there.id),
            there.digest.clone(),
            there.stands.clone(),
        ),
        Became::Changing { from, to } => (
            "stands = $10::jsonb->'from', writing = $10::jsonb->'to', lease_until = now() + interval '2 minutes', unclear = unclear + 1",
            None,
            None,
            Some(json!({ "from": from, "to": to })),
        ),
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

/// A change whose outcome is unclear may be carried out until then: nobody works on the row before.
pub async fn hold(client: &Client, key: &Key, lease: Uuid, settles: Duration) -> Result<()> {
    let sql = "update followups set lease_until = now() + make_interval(secs => $3), due_at = now() + make_interval(secs => $3)
                where key = $1 and lease = $2";
    client.prepared_execute(sql, &[&key.to_string(), &lease, &settles.as_secs_f64()]).await?;
    Ok(())
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
                         set lease = null, lease_until = null, over = $8, intent_at = case when $8::text is null then intent_at end,
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

/// An individual in Sellsy that was created for an unknown caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Prospect {
    pub call: CallId,
    pub number: String,
    pub individual: i64,
    pub created_at: Timestamp,
    /// When Sellsy had changed it last, after its creation.
    #[serde(skip)]
    pub updated: Option<Timestamp>,
    /// An operator has undone it, or a person had deleted it when that was seen.
    pub is_gone: bool,
}

fn prospect(row: &Row) -> Prospect {
    let stands: Option<Value> = row.get(4);
    Prospect {
        call: CallId(row.get(0)),
        number: row.get::<_, Option<String>>(1).unwrap_or_default(),
        individual: row.get(2),
        created_at: row.get(3),
        updated: stands.and_then(|stands| stands.get("updated")?.as_str()?.parse().ok()),
        is_gone: row.get(5),
    }
}

const PROSPECTS: &str = "select call_id, number, sellsy_id, created_at, stands, over = 'deleted' from followups
                          where key like 'prospect:%' and sellsy_id is not null and over is not null";

/// Those that were created since then, oldest first.
pub async fn prospects(client: &Client, since: Timestamp) -> Result<Vec<Prospect>> {
    let rows = client.query(&format!("{PROSPECTS} and created_at >= $1 order by created_at"), &[&since]).await?;
    Ok(rows.iter().map(prospect).collect())
}

/// The one of this call, unless it was undone.
pub async fn prospect_of(client: &Client, call: CallId) -> Result<Option<Prospect>> {
    let row = client.query_opt(&format!("{PROSPECTS} and call_id = $1 and over <> 'deleted'"), &[&call.0]).await?;
    Ok(row.as_ref().map(prospect))
}

/// It is not created again for its number.
pub async fn prospect_is_undone(client: &Client, call: CallId) -> Result<()> {
    let sql = "update followups set over = 'deleted', due_at = null where key = $1";
    client.execute(sql, &[&Key::Prospect(call).to_string()]).await?;
    Ok(())
}

/// A call with tags, or with somebody whom Sellsy does not have.
#[derive(Clone, Debug)]
pub struct Recent {
    pub call_id: CallId,
    /// Only what is needed of it.
    pub call: Call,
    /// Nobody in Sellsy has its number.
    pub is_nobody: bool,
    /// The keys of what is known to follow from it.
    pub known: Vec<String>,
}

/// Those that began in the last day and are over.
pub async fn recent_calls(client: &Client) -> Result<Vec<Recent>> {
    let sql = "select c.call_id, jsonb_strip_nulls(to_jsonb(s) || jsonb_build_object('id', c.call_id)), unmatched_number is not null,
                      array(select key from followups f where f.call_id = c.call_id)
                 from (select call_id from console_calls where started_at > now() - interval '1 day') recent join calls c using (call_id),
                      lateral jsonb_to_record(c.snapshot) s(direction jsonb, status jsonb, started_at jsonb, answered_at jsonb, ended_at jsonb,
                                                            raw_digits jsonb, number jsonb, tags jsonb)
                where erased_at is null and s.ended_at is not null and (s.tags is not null or unmatched_number is not null)";
    let rows = client.query(sql, &[]).await?;
    let one = |row: &Row| {
        let call = db::readable(row, 1)?;
        Some(Recent { call_id: CallId(row.get(0)), call, is_nobody: row.get(2), known: row.get(3) })
    };
    Ok(rows.iter().filter_map(one).collect())
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
    let sql = "select calls, sellsy_id, over from followups where key like 'missed:%' and created_at >= $1 order by created_at";
    let rows = client.query(sql, &[&since]).await?;
    let shown = |row: &Row| Shown {
        calls: row.get::<_, Vec<i64>>(0).into_iter().map(CallId).collect(),
        task: row.get(1),
        over: row.get(2),
    };
    Ok(rows.iter().map(shown).collect())
}

/// One, for the page that lists them.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    pub key: String,
    pub kind: String,
    /// In whose story it is told.
    pub call: CallId,
    pub calls: Vec<CallId>,
    /// The task, the individual or the comment.
    pub sellsy_id: Option<i64>,
    pub over: Option<String>,
    pub created_at: Timestamp,
    /// When something may have to be done; `None`: when something happens, or a dead letter is replayed.
    pub due_at: Option<Timestamp>,
    /// Somebody works on it.
    pub is_held: bool,
}

impl Listed {
    pub fn can_be_tried(&self) -> bool {
        self.over.is_none() && !self.is_held
    }
}

/// The kinds of [`Listed`].
pub const KINDS: [&str; 7] = Key::KINDS;

/// Those that were noted since then, newest first.
pub async fn since(client: &Client, since: Timestamp, most: i64) -> Result<Vec<Listed>> {
    let sql = "select key, split_part(key, ':', 1), call_id, calls, sellsy_id, over, created_at, due_at, coalesce(lease_until > now(), false)
                 from followups where created_at >= $1 order by created_at desc limit $2";
    let rows = client.query(sql, &[&since, &most]).await?;
    let listed = |row: &Row| Listed {
        key: row.get(0),
        kind: row.get(1),
        call: CallId(row.get(2)),
        calls: row.get::<_, Vec<i64>>(3).into_iter().map(CallId).collect(),
        sellsy_id: row.get(4),
        over: row.get(5),
        created_at: row.get(6),
        due_at: row.get(7),
        is_held: row.get(8),
    };
    Ok(rows.iter().map(listed).collect())
}

/// What [`hurry`] has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hurried {
    /// It is handed on within seconds.
    Due,
    /// Somebody works on it at this moment.
    Held,
    /// It is over: a person has ended it, or there is nothing to do any more.
    Over,
    Unknown,
}

/// Has it looked at now.
pub async fn hurry(client: &Client, key: &Key) -> Result<Hurried> {
    let sql = "with due as (update followups set due_at = now()
                             where key = $1 and over is null and (lease_until is null or lease_until < now()) returning key)
               select exists (select from due), over is not null from followups where key = $1";
    let row = client.query_opt(sql, &[&key.to_string()]).await?;
    Ok(match row.map(|row| (row.get(0), row.get(1))) {
        None => Hurried::Unknown,
        Some((true, _)) => Hurried::Due,
        Some((_, true)) => Hurried::Over,
        Some(_) => Hurried::Held,
    })
}

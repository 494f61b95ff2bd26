//! The table of opportunities that are open or late, and how far it is known.

use std::time::Duration;

use base::{db::Client, error::Result, phone::E164};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_postgres::{Transaction, types::Json};
use vendors::sellsy::wire::{Opportunity, OpportunityStatus, RecordKind, Related};

use crate::rules::OPPORTUNITY_STATUSES;

/// How long after its end a pass is repeated. Between two of them Sellsy's answers do not say which opportunities were deleted, renamed or
/// given to another customer.
const PASS_EVERY_S: f64 = 24.0 * 3600.0;

/// A reading may be stored a little before the transaction that looks at it began.
const CLOCK_S: f64 = 5.0;

/// The opportunities of one customer.
#[derive(Debug)]
pub(crate) struct Stored {
    /// All that Sellsy knew at this moment is among them; `None` if some may be missing.
    pub(crate) read_at: Option<Timestamp>,
    pub(crate) age: Option<Duration>,
    pub(crate) opportunities: Vec<Opportunity>,
}

pub(crate) async fn of(client: &Client, customer: &Related) -> Result<Stored> {
    let sql = if customer.kind == RecordKind::Company {
        "select read_at, extract(epoch from now() - read_at)::float8, id, name, status, created_at
           from opportunities_read left join directory_opportunities on company_id = $1"
    } else {
        "select read_at, extract(epoch from now() - read_at)::float8, id, name, status, created_at
           from opportunities_read left join directory_opportunities on individual_id = $1"
    };
    let rows = client.prepared_query(sql, &[&customer.id]).await?;
    let opportunity = |row: &tokio_postgres::Row| {
        Some(Opportunity {
            id: row.get::<_, Option<i64>>(2)?,
            name: row.get(3),
            status: status(row.get(4)),
            created: row.get(5),
            ..Opportunity::default()
        })
    };
    let (read_at, age) = rows.first().map_or((None, None), |row| (row.get(0), row.get(1)));
    Ok(Stored::new(read_at, age, rows.iter().filter_map(opportunity).collect(), customer))
}

impl Stored {
    pub(super) fn new(
        read_at: Option<Timestamp>,
        age_s: Option<f64>,
        opportunities: Vec<Opportunity>,
        of: &Related,
    ) -> Self {
        let of_customer = |opportunity| Opportunity { related: vec![of.clone()], ..opportunity };
        Self { read_at, age: age(age_s), opportunities: opportunities.into_iter().map(of_customer).collect() }
    }
}

fn status(stored: &str) -> Option<OpportunityStatus> {
    serde_json::from_value(Value::String(stored.to_owned())).ok()
}

/// How far the table is known.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) read_at: Option<Timestamp>,
    pub(crate) pass_at: Option<Timestamp>,
    pub(crate) age: Option<Duration>,
    /// All are to be read again.
    pub(crate) pass_is_due: bool,
    /// How many there are.
    pub(crate) known: i64,
    /// The greatest id that a reading has seen. Not that of the table, which also has some that were read on their own.
    pub(crate) newest: i64,
}

pub(crate) async fn state(client: &Client) -> Result<State> {
    let sql = "select read_at, pass_at, extract(epoch from now() - read_at)::float8,
                      coalesce(pass_at < greatest(now() - make_interval(secs => $1), pass_requested_at), true),
                      (select count(*) from directory_opportunities), newest
                 from opportunities_read";
    let row = client.prepared_query_one(sql, &[&PASS_EVERY_S]).await?;
    Ok(State {
        read_at: row.get(0),
        pass_at: row.get(1),
        age: age(row.get(2)),
        pass_is_due: row.get(3),
        known: row.get(4),
        newest: row.get(5),
    })
}

/// `None` for a reading from the future: the database's clock was set back, so nobody knows how old it is.
fn age(seconds: Option<f64>) -> Option<Duration> {
    seconds.filter(|age| *age > -CLOCK_S).map(|age| Duration::from_secs_f64(age.max(0.0)))
}

/// Whether a call can be logged on it.
fn counts(opportunity: &Opportunity) -> bool {
    opportunity.status.as_ref().is_some_and(|status| OPPORTUNITY_STATUSES.contains(status))
}

/// Company and individual: one of them.
fn customer(opportunity: &Opportunity) -> (Option<i64>, Option<i64>) {
    let related = |kind: &RecordKind| opportunity.related.iter().find(|related| related.kind == *kind).map(|r| r.id);
    (
        opportunity.company_id.or_else(|| related(&RecordKind::Company)),
        opportunity.individual_id.or_else(|| related(&RecordKind::Individual)),
    )
}

/// Stores those that are open or late as they are now; others are removed.
pub(crate) async fn put(transaction: &Transaction<'_>, read: &[Opportunity]) -> Result<()> {
    let (open, over): (Vec<_>, Vec<_>) = read.iter().partition(|opportunity| counts(opportunity));
    let over: Vec<i64> = over.iter().map(|opportunity| opportunity.id).collect();
    transaction.execute("delete from directory_opportunities where id = any($1)", &[&over]).await?;
    let row = |opportunity: &&Opportunity| {
        let (company_id, individual_id) = customer(opportunity);
        json!({
            "id": opportunity.id, "company_id": company_id, "individual_id": individual_id,
            "name": opportunity.name.as_deref().unwrap_or_default(), "status": opportunity.status,
            "created_at": opportunity.created.map(|at| at.to_string()),
        })
    };
    let rows: Vec<Value> = open.iter().map(row).collect();
    // The same one twice, because it moved between two pages, must not be an error.
    let sql = "insert into directory_opportunities (id, company_id, individual_id, name, status, created_at)
               select distinct on (id) id, company_id, individual_id, name, status, created_at
                 from jsonb_to_recordset($1) as new(id bigint, company_id bigint, individual_id bigint, name text, status text,
                                                    created_at timestamptz)
               on conflict (id) do update
                  set company_id = excluded.company_id, individual_id = excluded.individual_id, name = excluded.name,
                      status = excluded.status, created_at = excluded.created_at, seen_at = clock_timestamp()";
    transaction.execute(sql, &[&Json(rows)]).await?;
    Ok(())
}

/// It no longer exists in Sellsy.
pub(crate) async fn remove(transaction: &Transaction<'_>, id: i64) -> Result<()> {
    transaction.execute("delete from directory_opportunities where id = $1", &[&id]).await?;
    Ok(())
}

/// All that Sellsy knew of at `read_at` is stored in this transaction: all of them, or what has changed since the last reading. False if nothing may
/// be stored: a later reading was stored before, or somebody was forgotten since the last one, so that changes are not enough.
pub(crate) async fn note_read(
    transaction: &Transaction<'_>,
    read_at: Timestamp,
    all: bool,
    read: &[Opportunity],
) -> Result<bool> {
    let newest = read.iter().map(|opportunity| opportunity.id).max().unwrap_or_default();
    let sql = "update opportunities_read
                  set read_at = $1, pass_at = case when $2 then $1 else pass_at end, newest = greatest(newest, $3)
                where case when read_at is null then $2 else read_at <= $1 or read_at > clock_timestamp() end";
    Ok(transaction.execute(sql, &[&read_at, &all, &newest]).await? == 1)
}

/// The answer had all of them: what it had not is over, or gone.
pub(crate) async fn keep_only(transaction: &Transaction<'_>, read: &[Opportunity]) -> Result<()> {
    let ids: Vec<i64> = read.iter().map(|opportunity| opportunity.id).collect();
    transaction.execute("delete from directory_opportunities where id <> all($1)", &[&ids]).await?;
    Ok(())
}

/// Before rows are written by whoever does not begin with [`note_read`]: all lock in this order.
pub(crate) async fn lock(transaction: &Transaction<'_>) -> Result<()> {
    transaction.execute("select from opportunities_read for update", &[]).await?;
    Ok(())
}

/// A pass that began then has read all of them, page by page, up to this id. What it has not seen is gone, and what has changed since it began is read
/// next. If all were to be read again meanwhile, because somebody was forgotten or much was reported, this pass may have missed it.
pub(crate) async fn end_pass(transaction: &Transaction<'_>, began: Timestamp, newest: i64) -> Result<()> {
    transaction.execute("delete from directory_opportunities where seen_at < $1", &[&began]).await?;
    let sql = "update opportunities_read
                  set pass_at = $1, read_at = case when pass_requested_at > $1 then read_at else $1 end,
                      newest = greatest(newest, $2)";
    transaction.execute(sql, &[&began, &newest]).await?;
    Ok(())
}

/// All are to be read again.
pub(crate) async fn request_pass(client: &Client) -> Result<()> {
    client.prepared_execute("update opportunities_read set pass_requested_at = clock_timestamp()", &[]).await?;
    Ok(())
}

/// Sellsy's answer for one customer, which may have others than those that are known.
pub(crate) async fn replace(transaction: &Transaction<'_>, customer: &Related, read: &[Opportunity]) -> Result<()> {
    let sql = if customer.kind == RecordKind::Company {
        "delete from directory_opportunities where company_id = $1"
    } else {
        "delete from directory_opportunities where individual_id = $1"
    };
    transaction.execute(sql, &[&customer.id]).await?;
    put(transaction, read).await
}

/// Deletes those of the people and companies with this number, until Sellsy is read again.
pub(crate) async fn forget(transaction: &Transaction<'_>, number: &E164) -> Result<()> {
    lock(transaction).await?;
    let gone = "delete from directory_opportunities o using directory_numbers n
                 where n.number = $1
                   and (n.kind = 'individual' and o.individual_id = n.id or n.kind = 'company' and o.company_id = n.id)";
    if transaction.execute(gone, &[&number.as_str()]).await? > 0 {
        let unknown = "update opportunities_read set read_at = null, pass_requested_at = clock_timestamp()";
        transaction.execute(unknown, &[]).await?;
    }
    Ok(())
}

/// What people are shown of it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Reading {
    /// Open or late.
    pub opportunities: i64,
    pub read_at: Option<Timestamp>,
}

pub async fn reading(client: &Client) -> Result<Reading> {
    let State { read_at, known, .. } = state(client).await?;
    Ok(Reading { opportunities: known, read_at })
}

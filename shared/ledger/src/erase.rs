//! Deleting what is stored about people: calls that are too old (`RETENTION_DAYS`), or those of one person.
//!
//! An erased call keeps its row, but nothing in it except its id, the id of its log in Sellsy and when it was erased.
//! Because of that row, a late event, a replayed dead letter or a backfill finds the call erased instead of new:
//! nothing is stored any more (`calls::apply` and the others look for `erased_at`), and the call is never logged a
//! second time. The row holds nothing about any person and is kept.

use std::time::Duration;

use base::{error::Result, ids::CallId};
use jiff::Timestamp;
use tokio_postgres::{Client, Row};

use crate::{form::LogForm, timeline::SellsyLog};

/// What was removed in one go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    pub calls: u64,
    pub timeline: u64,
}

/// Deletes everything of these calls except the proof that they existed. Those that are already erased are left alone.
pub async fn calls(client: &Client, ids: &[i64]) -> Result<Erased> {
    // All columns that are not named here are set when the row is created: the id, and counters that reveal nothing.
    let calls = "update calls
                    set erased_at = now(), snapshot = null, snapshot_at = null, snapshot_rank = null,
                        snapshot_parts = null, card_at = null,
                        resolution = null, looked_up_at = null, resolved_at = null, insights = '{}', digest = null,
                        intent_at = null, unmatched_number = null, reopened_at = null, due_at = null,
                        links_refused_at = null, forwarded_to = null, forwarded_at = null,
                        reconciled_at = null, reconciled_view = null, hand_on_at = null, insights_awaited = null, relinked_at = null, asked_at = null,
                        other_call = null
                  where call_id = any($1) and erased_at is null";
    // In the order in which all lock several calls.
    let lock = "select from calls where call_id = any($1) order by call_id for no key update";
    client.execute(lock, &[&ids]).await?;
    let calls = client.execute(calls, &[&ids]).await?;
    client.execute("delete from logs_as_left where call_id = any($1)", &[&ids]).await?;
    client.execute("delete from followups where call_id = any($1) or calls && $1", &[&ids]).await?;
    let timeline = client.execute("delete from timeline where call_id = any($1)", &[&ids]).await?;
    Ok(Erased { calls, timeline })
}

/// The oldest calls that were first seen longer ago than `age`, up to `at_most`. The expression is that of an index which does not
/// have the erased calls (migration V17), however many there are.
pub async fn old_calls(client: &Client, age: Duration, at_most: i64) -> Result<Vec<i64>> {
    let sql = "select call_id from calls
                where case when erased_at is null then created_at end < now() - make_interval(secs => $1)
                order by case when erased_at is null then created_at end limit $2";
    let rows = client.query(sql, &[&age.as_secs_f64(), &at_most]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Deletes lines of the timeline that are older than `age`: of calls that keep changing, and of erased calls that
/// received an event afterwards. Lines are numbered in the order in which they were written, so the oldest come first.
pub async fn old_lines(client: &Client, age: Duration, at_most: i64) -> Result<u64> {
    let sql = "delete from timeline where id in (
                   select id from (select id, at from timeline order by id limit $2) oldest
                    where at < now() - make_interval(secs => $1))";
    Ok(client.execute(sql, &[&age.as_secs_f64(), &at_most]).await?)
}

/// A call that may be about a person.
#[derive(Clone, Debug)]
pub struct Concerned {
    pub call_id: i64,
    pub sellsy_id: Option<i64>,
    pub log_form: Option<String>,
    /// In Sellsy, that follow from the call.
    pub tasks: Vec<i64>,
    /// The other party, as Aircall wrote it.
    pub raw_digits: Option<String>,
    /// Of the line.
    pub line_country: Option<String>,
    /// All text that is stored of the call.
    pub text: String,
    /// The person's record was among the call's candidates.
    pub by_record: bool,
    pub unmatched: bool,
    pub insights: i64,
    pub lines: i64,
}

/// What people write between the digits of a number.
pub const SEPARATORS: &str = " \t.-()/_\u{a0}\u{202f}\u{2009}\u{b7}\u{2010}\u{2011}\u{2013}";

/// Calls that contain these digits, with nothing but [`SEPARATORS`] between them, and calls that could be of one of
/// these records (kind and id). The digits may belong to something else: the caller has to check.
pub async fn concerned(client: &Client, digits: &str, records: &[(String, i64)]) -> Result<Vec<Concerned>> {
    let (kinds, ids): (Vec<&str>, Vec<i64>) = records.iter().map(|(kind, id)| (kind.as_str(), *id)).unzip();
    let sql = "with candidate as (
                   select c.*, concat_ws(' ', snapshot, resolution, insights, unmatched_number, forwarded_to) as text,
                          exists (select from unnest($2::text[], $3::bigint[]) r(kind, id)
                                   where c.resolution->'candidates' @> jsonb_build_array(jsonb_build_object('kind', r.kind, 'id', r.id))
                                      or c.resolution->'record' @> jsonb_build_object('kind', r.kind, 'id', r.id)) as by_record
                     from calls c where erased_at is null)
               select call_id, sellsy_id, log_form, snapshot->>'raw_digits', text, by_record, unmatched_number is not null,
                      (select count(*) from jsonb_object_keys(insights)),
                      (select count(*) from timeline t where t.call_id = candidate.call_id),
                      snapshot->'number'->>'country',
                      array(select f.sellsy_id from followups f where f.call_id = candidate.call_id and f.sellsy_id is not null and f.key not like 'prospect:%' order by 1)
                 from candidate
                where by_record or translate(text, $4, '') like '%' || $1 || '%'
                order by call_id";
    let rows = client.query(sql, &[&digits, &kinds, &ids, &SEPARATORS]).await?;
    let concerned = rows.iter().map(|r| Concerned {
        call_id: r.get(0),
        sellsy_id: r.get(1),
        log_form: r.get(2),
        raw_digits: r.get(3),
        text: r.get(4),
        by_record: r.get(5),
        unmatched: r.get(6),
        insights: r.get(7),
        lines: r.get(8),
        line_country: r.get(9),
        tasks: r.get(10),
    });
    Ok(concerned.collect())
}

/// What stays of a call whose data were deleted.
#[derive(Clone, Copy, Debug)]
pub struct Remains {
    pub call_id: CallId,
    pub erased_at: Timestamp,
    /// Its log in Sellsy, which is not deleted.
    pub log: Option<SellsyLog>,
}

/// Of those of these calls whose data were deleted.
pub async fn remains(client: &Client, ids: &[i64]) -> Result<Vec<Remains>> {
    let sql = "select call_id, erased_at, sellsy_id, log_form from calls where call_id = any($1) and erased_at is not null order by 1";
    let form = |row: &Row| row.get::<_, Option<&str>>(3).map_or(LogForm::PhoneCall, LogForm::parse);
    let remains = |row: &Row| Remains {
        call_id: CallId(row.get(0)),
        erased_at: row.get(1),
        log: row.get::<_, Option<i64>>(2).map(|id| SellsyLog::new(form(row), id)),
    };
    Ok(client.query(sql, &[&ids]).await?.iter().map(remains).collect())
}

/// Calls that are known only from a message, which is deleted: whatever arrives for them later is not stored.
pub async fn never_seen(client: &Client, ids: &[i64]) -> Result<()> {
    let sql = "insert into calls (call_id, erased_at) select unnest($1::bigint[]), now() on conflict do nothing";
    client.execute(sql, &[&ids]).await?;
    Ok(())
}

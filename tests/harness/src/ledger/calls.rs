//! The table of calls, with one row per call.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio_postgres::Row;

use super::Ledger;
use crate::eventually;

/// The columns of a call's row that tests use.
#[derive(Clone, Debug)]
pub struct CallRow {
    pub id: i64,
    /// The state as the console shows it: `undecided`, `unlogged`, `logged`, …
    pub state: String,
    /// Null before the first webhook, and for a call that was erased.
    pub snapshot: Value,
    /// Null if no look-up was made.
    pub resolution: Value,
    pub insights: Value,
    pub resolved: bool,
    /// The caller was looked up again because the record was found to be gone.
    pub looked_up_again: bool,
    /// The call waits for a record with its number.
    pub unmatched: bool,
    /// The log in Sellsy, and whether it is a `phone_call` or a `comment`.
    pub log: Option<i64>,
    pub form: Option<String>,
    /// The log is known to match the ledger.
    pub written: bool,
    /// How long ago the creation of a log began, while its outcome is not known yet.
    pub intent: Option<Duration>,
    /// A change waits until it is due.
    pub due: bool,
    pub leased: bool,
    /// A person deleted the log.
    pub gone: bool,
    pub erased: bool,
    /// The number of dead letters of the call.
    pub parked: i32,
    /// The call came from Aircall's list of calls.
    pub reconciled: bool,
}

const SELECT: &str = "select call_id, (select state from console_calls s where s.call_id = calls.call_id), coalesce(snapshot, 'null'), coalesce(resolution, 'null'), insights,
           resolved_at is not null, coalesce(looked_up_at > reopened_at, false), unmatched_number is not null, sellsy_id, log_form,
           coalesce(digest, '') <> '', extract(epoch from now() - intent_at)::float8, due_at is not null,
           lease_until is not null, gone_at is not null, erased_at is not null, parked, reconciled_at is not null
      from calls";

impl CallRow {
    fn of(row: &Row) -> Result<Self> {
        let intent_s: Option<f64> = row.try_get(11)?;
        Ok(Self {
            id: row.try_get(0)?,
            state: row.try_get(1)?,
            snapshot: row.try_get(2)?,
            resolution: row.try_get(3)?,
            insights: row.try_get(4)?,
            resolved: row.try_get(5)?,
            looked_up_again: row.try_get(6)?,
            unmatched: row.try_get(7)?,
            log: row.try_get(8)?,
            form: row.try_get(9)?,
            written: row.try_get(10)?,
            intent: intent_s.map(|s| Duration::from_secs_f64(s.max(0.0))),
            due: row.try_get(12)?,
            leased: row.try_get(13)?,
            gone: row.try_get(14)?,
            erased: row.try_get(15)?,
            parked: row.try_get(16)?,
            reconciled: row.try_get(17)?,
        })
    }

    /// The record that was found, such as `individual 2001`.
    pub fn record(&self) -> Option<String> {
        let record = &self.resolution["record"];
        record["kind"].as_str().zip(record["id"].as_i64()).map(|(kind, id)| format!("{kind} {id}"))
    }

    /// Why it was chosen, or why there is none.
    pub fn rule(&self) -> &str {
        self.resolution["rule"].as_str().unwrap_or_default()
    }
}

impl Ledger {
    /// When Sellsy made the logs is not known, as for those of older versions.
    pub async fn forget_when_logs_were_made(&self) -> Result<()> {
        self.run_all("update logs_as_left set created_at = null").await
    }

    /// None before any event of the call has arrived.
    pub async fn call(&self, call: i64) -> Result<Option<CallRow>> {
        let rows = self.rows(&format!("{SELECT} where call_id = $1"), &[&call]).await?;
        rows.first().map(CallRow::of).transpose()
    }

    pub async fn calls(&self) -> Result<Vec<CallRow>> {
        self.rows(SELECT, &[]).await?.iter().map(CallRow::of).collect()
    }

    /// The row of a call once `enough` accepts it.
    pub async fn call_that(&self, call: i64, within: Duration, enough: impl Fn(&CallRow) -> bool) -> Result<CallRow> {
        let found = || async { self.call(call).await.ok()?.filter(&enough) };
        match eventually(within, found).await {
            Some(row) => Ok(row),
            None => anyhow::bail!("call {call} is not as it should be: {:?}", self.call(call).await?),
        }
    }

    /// How often a logger has wanted to write the call's log, which is once for each handling of a message.
    pub async fn claims(&self, call: i64) -> Result<i64> {
        self.value("select wanted::bigint from calls where call_id = $1", &[&call]).await
    }

    /// The whole row of a call, as text.
    pub async fn whole_row(&self, call: i64) -> Result<String> {
        self.value("select calls::text from calls where call_id = $1", &[&call]).await
    }

    /// The number of calls for which something is left to do.
    pub async fn left_to_do(&self) -> Result<i64> {
        self.value("select count(*) from calls where hand_on_at is not null", &[]).await
    }

    /// How many calls have ids in this range, and how many different rows they have, ignoring ids and times of arrival.
    pub async fn different_rows(&self, first: i64, last: i64) -> Result<(i64, i64)> {
        let sql = "select count(*), count(distinct (snapshot, snapshot_at, snapshot_rank, snapshot_parts, insights, forwarded_to))
                     from calls where call_id between $1 and $2";
        let rows = self.rows(sql, &[&first, &last]).await?;
        let row = rows.first().context("a row")?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }

    /// Pretends that an insight has arrived.
    pub async fn set_insights(&self, call: i64, insights: &Value) -> Result<()> {
        self.run("update calls set insights = $2 where call_id = $1", &[&call, insights]).await.map(drop)
    }

    /// Pretends that an older ledger was restored: logged calls are missing, and the rest is one hour behind.
    pub async fn lose_logged_calls(&self) -> Result<()> {
        let lost = "delete from calls where sellsy_id is not null; delete from timeline; delete from reconciliations;
                    update calls set snapshot_at = snapshot_at - interval '1 hour'";
        self.run_all(lost).await
    }

    /// Pretends that some logger works on the call for so long, for another message than that of a decision.
    pub async fn lease(&self, call: i64, within: Duration) -> Result<()> {
        let sql = "update calls set lease = gen_random_uuid(), lease_until = now() + make_interval(secs => $2) where call_id = $1";
        anyhow::ensure!(self.run(sql, &[&call, &within.as_secs_f64()]).await? == 1, "call {call} is not in the ledger");
        Ok(())
    }

    /// Pretends that a ledger was restored, or has lost its last seconds, since this call was logged some minutes ago.
    pub async fn forget_log(&self, call: i64) -> Result<()> {
        let sql = "update calls set sellsy_id = null, log_form = null, digest = null, writes = 0, written_at = null,
                          intent_at = null, due_at = null, resolved_at = resolved_at - interval '10 minutes'
                    where call_id = $1 and sellsy_id is not null";
        anyhow::ensure!(self.run(sql, &[&call]).await? == 1, "call {call} is not logged");
        Ok(())
    }

    /// Pretends that the call was not decided and that Aircall's list had a newer view of it.
    pub async fn lose_decision(&self, call: i64) -> Result<()> {
        let sql =
            "update calls set resolved_at = null, reconciled_view = null, snapshot_at = snapshot_at - interval '1 hour'
              where call_id = $1";
        anyhow::ensure!(self.run(sql, &[&call]).await? == 1, "call {call} is not in the ledger");
        Ok(())
    }

    /// Pretends that Aircall's view of every tenth call, those whose ids end in this digit, has this field.
    pub async fn every_tenth(&self, digit: i64, field: &str, value: &Value) -> Result<u64> {
        let sql = "update calls set snapshot = jsonb_set(snapshot, array[$2::text], $3) where call_id % 10 = $1";
        self.run(sql, &[&digit, &field, value]).await
    }

    /// Pretends that the ledger has heard of its calls evenly over so many days.
    pub async fn spread_over(&self, days: f64) -> Result<()> {
        let sql = "update calls set created_at = now() - make_interval(secs => 86400 * $1::float8 * n / total)
                     from (select call_id, row_number() over (order by call_id desc) - 0.5 as n, count(*) over () as total from calls) o
                    where calls.call_id = o.call_id";
        self.run(sql, &[&days]).await.map(drop)
    }

    /// A digest of all calls and all lines, which is another one if anything was written.
    pub async fn digest(&self) -> Result<String> {
        let sql = "select md5((select string_agg(calls::text, '' order by call_id) from calls)
                               || (select string_agg(timeline::text, '' order by id) from timeline))";
        self.value(sql, &[]).await
    }

    /// Copies a logged call with its timeline until there are this many calls.
    pub async fn fill(&self, calls: i64) -> Result<()> {
        let fill = "with one as (select * from calls where sellsy_id is not null limit 1),
                         ids as (select generate_series(1, $1 - (select count(*) from calls)) as n)
                    insert into calls (call_id, created_at, snapshot, snapshot_at, snapshot_rank, card_at, resolution, looked_up_at,
                                       resolved_at, insights, sellsy_id, digest, written_at, log_form, writes)
                    select 1000000000 + (select count(*) from calls) + n, one.created_at - make_interval(secs => n),
                           jsonb_set(snapshot, '{started_at}', to_jsonb((snapshot->>'started_at')::bigint - n)), snapshot_at,
                           snapshot_rank, card_at, resolution, looked_up_at, resolved_at, insights, sellsy_id, digest, written_at,
                           log_form, writes
                      from one, ids";
        let lines = "insert into timeline (call_id, stage, what, detail)
                     select c.call_id, t.stage, t.what, t.detail
                       from calls c, (select * from timeline where call_id = (select call_id from calls where sellsy_id is not null
                                                                               order by call_id desc limit 1)) t
                      where c.call_id between 1000000000 and 2000000000
                        and not exists (select from timeline o where o.call_id = c.call_id)";
        self.run_all("set statement_timeout = 0").await?;
        self.run(fill, &[&calls]).await?;
        self.run(lines, &[]).await?;
        self.run_all("analyze calls; analyze timeline").await
    }
}

//! What PostgreSQL has written for the ledger.

use std::time::Duration;

use anyhow::Result;

use super::Ledger;

/// A connection that goes on working tells PostgreSQL's statistics within a second what it has done; one that is idle then, after ten.
const TOLD_AFTER: Duration = Duration::from_millis(11_500);

/// Since the server or the database was made.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Of the whole server.
    pub wal_bytes: i64,
    pub wal_records: i64,
    /// Of this database, as all else.
    pub commits: i64,
    /// New versions of rows of calls, and how many of them left the indexes alone.
    pub updates: i64,
    pub hot_updates: i64,
    pub lines: i64,
}

impl Ledger {
    /// Also waits until the statistics are complete.
    pub async fn cost(&self) -> Result<Cost> {
        tokio::time::sleep(TOLD_AFTER).await;
        let sql = "select w.wal_bytes::bigint, w.wal_records, d.xact_commit, c.n_tup_upd, c.n_tup_hot_upd, t.n_tup_ins
                     from pg_stat_wal w, pg_stat_database d, pg_stat_user_tables c, pg_stat_user_tables t
                    where d.datname = current_database() and c.relname = 'calls' and t.relname = 'timeline'";
        let rows = self.rows(sql, &[]).await?;
        let row = rows.first().ok_or_else(|| anyhow::anyhow!("the statistics have no such tables"))?;
        Ok(Cost {
            wal_bytes: row.try_get(0)?,
            wal_records: row.try_get(1)?,
            commits: row.try_get(2)?,
            updates: row.try_get(3)?,
            hot_updates: row.try_get(4)?,
            lines: row.try_get(5)?,
        })
    }

    /// From now on nothing is vacuumed, which happens when it happens.
    pub async fn without_vacuum(&self) -> Result<()> {
        let sql = "do $$ declare t regclass; begin
                       for t in select oid from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace loop
                           execute format('alter table %s set (autovacuum_enabled = false)', t);
                       end loop;
                   end $$";
        self.run_all(sql).await
    }

    /// From now on a page begins with few calls, so that each version of a call has room on it, however many are still seen by somebody.
    pub async fn with_room_for_versions(&self) -> Result<()> {
        self.run_all("alter table calls set (fillfactor = 10)").await
    }

    /// The number of calls whose log was written at least so often.
    pub async fn logs_written(&self, times: i32) -> Result<i64> {
        let sql = "select count(*) from calls where writes >= $1 and lease_until is null";
        self.value(sql, &[&times]).await
    }
}

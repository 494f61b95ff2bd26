//! Locks that make workers and commands wait, each held until [`Ledger::unlock`] or the end of this connection.

use std::time::Duration;

use anyhow::{Context, Result};

use super::Ledger;
use crate::eventually;

impl Ledger {
    /// No line can be written on any timeline.
    pub async fn lock_timeline(&self) -> Result<()> {
        self.run_all("begin; lock table timeline in exclusive mode").await
    }

    /// The row of this call cannot be changed.
    pub async fn lock_call(&self, call: i64) -> Result<()> {
        self.run_all("begin").await?;
        self.rows("select 1 from calls where call_id = $1 for update", &[&call]).await.map(drop)
    }

    /// Pretends that another command is reading the dead letters.
    pub async fn lock_dead_letters(&self) -> Result<()> {
        self.rows("select pg_advisory_lock(hashtext('callbridge dead letters'))", &[]).await.map(drop)
    }

    /// Releases row and table locks.
    pub async fn unlock(&self) -> Result<()> {
        self.run_all("commit").await
    }

    /// The number of connections that wait for a lock in this database.
    pub async fn held_up(&self) -> Result<i64> {
        self.value(&format!("select count(*) {WAITING}"), &[]).await
    }

    /// Waits until at least one connection waits for a lock.
    pub async fn holds_somebody_up(&self, within: Duration) -> Result<()> {
        let waits = || async { (self.held_up().await.ok()? > 0).then_some(()) };
        eventually(within, waits).await.context("nobody waits for a lock")
    }

    /// Ends the connections that wait for a lock; returns how many there were.
    pub async fn end_who_is_held_up(&self) -> Result<usize> {
        Ok(self.rows(&format!("select pg_terminate_backend(pid) {WAITING}"), &[]).await?.len())
    }
}

const WAITING: &str = "from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";

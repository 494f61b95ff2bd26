//! The timeline: what happened to a call, one line per event.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio_postgres::Row;

use super::Ledger;
use crate::eventually;

/// Values of the column `what` that tests look for.
pub const RETRIED: &str = "retried";
pub const PARKED: &str = "parked";
pub const SKIPPED: &str = "skipped";
pub const RECONCILED: &str = "reconciled";
pub const REPLAYED: &str = "replayed";
pub const DROPPED: &str = "dropped";
const INSIGHTS_FOUND: &str = "insights_found";
const ADOPTED: &str = "adopted";

#[derive(Clone, Debug)]
pub struct Line {
    pub call: i64,
    pub stage: String,
    pub what: String,
    pub detail: Value,
}

impl Line {
    pub fn is(&self, what: &str) -> bool {
        self.what == what
    }

    /// The reason why something was not done.
    pub fn reason(&self) -> &str {
        self.detail["reason"].as_str().unwrap_or_default()
    }

    /// The code and the message of an error.
    pub fn code(&self) -> &str {
        self.detail["code"].as_str().unwrap_or_default()
    }

    pub fn error(&self) -> &str {
        self.detail["error"].as_str().unwrap_or_default()
    }

    /// Sellsy already had the log.
    pub fn is_adoption(&self) -> bool {
        self.what.contains(ADOPTED)
    }

    /// A webhook was accepted.
    pub fn is_arrival(&self) -> bool {
        !self.detail["occurred_at"].is_null() || self.is(INSIGHTS_FOUND)
    }

    /// Whether it costs one of the message's attempts.
    pub fn is_attempt(&self) -> bool {
        self.is(RETRIED) || self.is(PARKED)
    }
}

impl Line {
    fn of(row: &Row) -> Result<Self> {
        Ok(Self { call: row.try_get(0)?, stage: row.try_get(1)?, what: row.try_get(2)?, detail: row.try_get(3)? })
    }
}

const SELECT: &str = "select call_id, stage, what, detail from timeline";

impl Ledger {
    /// The timeline of a call, oldest line first.
    pub async fn timeline(&self, call: i64) -> Result<Vec<Line>> {
        let rows = self.rows(&format!("{SELECT} where call_id = $1 order by id"), &[&call]).await?;
        rows.iter().map(Line::of).collect()
    }

    /// The timelines of all calls, in the order in which the lines were written.
    pub async fn whole_timeline(&self) -> Result<Vec<Line>> {
        self.rows(&format!("{SELECT} order by id"), &[]).await?.iter().map(Line::of).collect()
    }

    /// The number of matching lines.
    pub async fn lines(&self, such: impl Fn(&Line) -> bool) -> Result<usize> {
        Ok(self.whole_timeline().await?.iter().filter(|line| such(line)).count())
    }

    /// The first matching line of a call, once it is written.
    pub async fn line_that(&self, call: i64, within: Duration, such: impl Fn(&Line) -> bool) -> Result<Line> {
        let found = || async { self.timeline(call).await.ok()?.into_iter().find(&such) };
        let line = eventually(within, found).await;
        line.with_context(|| format!("call {call} has no such line on its timeline"))
    }

    /// Writes a line dated this many days ago.
    pub async fn write_line(&self, call: i64, what: &str, days_ago: i32) -> Result<()> {
        let sql = "insert into timeline (call_id, at, stage, what) values ($1, now() - make_interval(days => $3), 'logger', $2)";
        self.run(sql, &[&call, &what, &days_ago]).await.map(drop)
    }
}

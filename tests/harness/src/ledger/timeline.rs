//! The timeline: what happened to a call, a line for each thing.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio_postgres::Row;

use super::Ledger;
use crate::eventually;

/// The column `what` of lines that tests look for.
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

    /// Why something was not done.
    pub fn reason(&self) -> &str {
        self.detail["reason"].as_str().unwrap_or_default()
    }

    /// The code of an error, and what it says.
    pub fn code(&self) -> &str {
        self.detail["code"].as_str().unwrap_or_default()
    }

    pub fn error(&self) -> &str {
        self.detail["error"].as_str().unwrap_or_default()
    }

    /// Sellsy had the log already.
    pub fn is_adoption(&self) -> bool {
        self.what.contains(ADOPTED)
    }

    /// A webhook was taken in.
    pub fn is_arrival(&self) -> bool {
        !self.detail["occurred_at"].is_null() || self.is(INSIGHTS_FOUND)
    }

    /// Costs one of the attempts of a message.
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
    /// What happened to a call, first things first.
    pub async fn timeline(&self, call: i64) -> Result<Vec<Line>> {
        let rows = self.rows(&format!("{SELECT} where call_id = $1 order by id"), &[&call]).await?;
        rows.iter().map(Line::of).collect()
    }

    /// What happened to all calls, in the order in which it was written down.
    pub async fn whole_timeline(&self) -> Result<Vec<Line>> {
        self.rows(&format!("{SELECT} order by id"), &[]).await?.iter().map(Line::of).collect()
    }

    /// How many lines are such.
    pub async fn lines(&self, such: impl Fn(&Line) -> bool) -> Result<usize> {
        Ok(self.whole_timeline().await?.iter().filter(|line| such(line)).count())
    }

    /// The first line of a call that is such, once it is there.
    pub async fn line_that(&self, call: i64, within: Duration, such: impl Fn(&Line) -> bool) -> Result<Line> {
        let found = || async { self.timeline(call).await.ok()?.into_iter().find(&such) };
        let line = eventually(within, found).await;
        line.with_context(|| format!("call {call} has no such line on its timeline"))
    }

    /// As if something had happened to a call so many days ago.
    pub async fn write_line(&self, call: i64, what: &str, days_ago: i32) -> Result<()> {
        let sql = "insert into timeline (call_id, at, stage, what) values ($1, now() - make_interval(days => $3), 'logger', $2)";
        self.run(sql, &[&call, &what, &days_ago]).await.map(drop)
    }
}

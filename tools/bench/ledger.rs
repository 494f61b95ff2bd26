//! What PostgreSQL writes for a call: a plain one, and a tag that comes after its log.
//!
//! These are counts and not times, so they are the same on every machine. What the workers write without any call is measured
//! before, and does not count.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use harness::{Cost, Ledger};
use tokio::task::JoinSet;

use crate::{
    flow::Site,
    load::{self, Line},
    people::THOUSAND,
    report::{Figure, Reach},
};

const CALLS: usize = 300;
const LINES: usize = 8;
/// Fills pages, prepares statements, grows the budget's slices.
const BEFORE: usize = 50;
const IDLE: Duration = Duration::from_secs(15);
const ASK_EVERY: Duration = Duration::from_secs(1);
const WRITTEN_WITHIN: Duration = Duration::from_secs(120);

pub(crate) async fn measure() -> Result<Vec<Figure>> {
    let site = Site::up(&THOUSAND).await?;
    site.vendors.keep_logs();
    let ledger = site.stack.ledger().await?;
    ledger.without_vacuum().await?;
    site.some_calls(BEFORE, LINES).await?;
    let mut meter = Meter::idle(&ledger).await?;
    let ends = site.some_calls(CALLS, LINES).await?;
    let call = meter.per_call(BEFORE + CALLS, 1).await?;
    // All within a moment, as after a meeting: their changes are written together.
    let mut lines = JoinSet::new();
    for some in ends.chunks(CALLS.div_ceil(LINES)) {
        let (mut line, some) = (Line::to(&site.workers[0].url).await?, some.to_vec());
        lines.spawn(async move {
            for end in &some {
                line.send(&load::tagged(end)?).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(line) = lines.join_next().await {
        line??;
    }
    let tag = meter.per_call(CALLS, 2).await?;
    site.down().await?;
    let figure = Figure::new;
    Ok(vec![
        figure("ledger_wal_kb", "write-ahead log of a call", call.wal_kb, "kB").reach(Reach::AtMost(3.0)),
        figure("ledger_wal_records", "its records", call.wal_records, ""),
        figure("ledger_commits", "transactions of a call", call.commits, "").reach(Reach::AtMost(4.0)),
        figure("ledger_updates", "changes of a call's row", call.updates, ""),
        figure("ledger_hot_share", "those that leave the indexes alone", call.hot_share, "").reach(Reach::AtLeast(0.9)),
        figure("ledger_lines", "lines of a call's timeline", call.lines, ""),
        figure("late_wal_kb", "write-ahead log of a late tag", tag.wal_kb, "kB").reach(Reach::AtMost(1.2)),
        figure("late_wal_records", "its records", tag.wal_records, ""),
        figure("late_commits", "transactions of a late tag", tag.commits, "").reach(Reach::AtMost(3.0)),
        figure("late_updates", "changes of its call's row", tag.updates, ""),
        figure("late_hot_share", "those that leave the indexes alone", tag.hot_share, ""),
        figure("late_lines", "lines of its call's timeline", tag.lines, ""),
    ])
}

/// Reads what was written between two moments.
struct Meter<'a> {
    ledger: &'a Ledger,
    at: (Instant, Cost),
    idle: Rates,
}

/// What the workers write in a second without calls.
#[derive(Clone, Copy, Default)]
struct Rates {
    wal_bytes: f64,
    wal_records: f64,
    commits: f64,
}

struct PerCall {
    wal_kb: f64,
    wal_records: f64,
    commits: f64,
    updates: f64,
    hot_share: f64,
    lines: f64,
}

impl<'a> Meter<'a> {
    async fn idle(ledger: &'a Ledger) -> Result<Self> {
        let at = (Instant::now(), ledger.cost().await?);
        let mut meter = Self { ledger, at: (Instant::now(), at.1), idle: Rates::default() };
        tokio::time::sleep(IDLE).await;
        let (seconds, before, after) = meter.read().await?;
        let per_s = |before: i64, after: i64| (after - before) as f64 / seconds;
        meter.idle = Rates {
            wal_bytes: per_s(before.wal_bytes, after.wal_bytes),
            wal_records: per_s(before.wal_records, after.wal_records),
            commits: per_s(before.commits, after.commits),
        };
        Ok(meter)
    }

    /// How many seconds have passed since the last reading, that reading, and this one.
    async fn read(&mut self) -> Result<(f64, Cost, Cost)> {
        let cost = self.ledger.cost().await?;
        let (then, before) = std::mem::replace(&mut self.at, (Instant::now(), cost));
        Ok(((self.at.0 - then).as_secs_f64(), before, cost))
    }

    /// For each of [`CALLS`], as soon as this many logs were written so many times.
    async fn per_call(&mut self, logs: usize, times: i32) -> Result<PerCall> {
        let (ledger, logs) = (self.ledger, i64::try_from(logs)?);
        let mut asked = 0_u32;
        while ledger.logs_written(times).await? < logs {
            asked += 1;
            ensure!(ASK_EVERY * asked < WRITTEN_WITHIN, "{logs} logs were not written {times} times");
            tokio::time::sleep(ASK_EVERY).await;
        }
        let idle = self.idle;
        let (seconds, before, after) = self.read().await?;
        let each = |before: i64, after: i64, idle: f64| ((after - before) as f64 - idle * seconds) / CALLS as f64;
        let our_own = f64::from(asked + 1) / CALLS as f64;
        let updates = each(before.updates, after.updates, 0.0);
        Ok(PerCall {
            wal_kb: each(before.wal_bytes, after.wal_bytes, idle.wal_bytes) / 1000.0,
            wal_records: each(before.wal_records, after.wal_records, idle.wal_records),
            commits: each(before.commits, after.commits, idle.commits) - our_own,
            updates,
            hot_share: each(before.hot_updates, after.hot_updates, 0.0) / updates,
            lines: each(before.lines, after.lines, 0.0),
        })
    }
}

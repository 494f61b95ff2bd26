//! What PostgreSQL writes for a call: a plain one, a tag that comes after its log, and a call with all that usually becomes known later.
//!
//! These are counts and not times, so they are the same on every machine, except for the CPU of workers and PostgreSQL. What the workers
//! do without any call is measured before, and does not count.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use harness::{Cost, Ledger};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::{
    flow::Site,
    load::{self, Line},
    machine,
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
/// Between two things that become known of one call: together less than the ten seconds for which its log gathers changes.
const NEXT_AFTER: Duration = Duration::from_secs(1);
/// Between two calls of which something becomes known, on each line.
const TURN: Duration = Duration::from_millis(250);

pub(crate) async fn measure() -> Result<Vec<Figure>> {
    let site = Site::up(&THOUSAND).await?;
    site.vendors.keep_logs();
    let ledger = site.stack.ledger().await?;
    ledger.without_vacuum().await?;
    site.some_calls(BEFORE, LINES).await?;
    let mut meter = Meter::idle(&site, &ledger).await?;
    let ends = site.some_calls(CALLS, LINES).await?;
    let call = meter.per_call(BEFORE + CALLS, 1).await?;
    // All within a moment, as after a meeting: their changes are written together.
    on_lines(&site, ends, Duration::ZERO, &["call.tagged"]).await?;
    let tag = meter.per_call(CALLS, 2).await?;
    let ends = site.some_calls(CALLS, LINES).await?;
    on_lines(&site, ends, TURN, &load::ADDED).await?;
    let mixed = meter.per_call(CALLS + CALLS, 2).await?;
    all_added(&site).await?;
    site.down().await?;
    let figure = Figure::new;
    let mut figures = vec![
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
    ];
    figures.extend(beside_plain(&mixed, &call));
    Ok(figures)
}

/// A call with all that becomes known later, beside the plain call.
fn beside_plain(mixed: &PerCall, plain: &PerCall) -> [Figure; 9] {
    let figure = Figure::new;
    let commits = "transactions of a call with tag, recording, note and three insights";
    let cpu = "CPU of workers and PostgreSQL for such a call";
    [
        Figure::ratio("mixed_commits_ratio", commits, mixed.commits, "")
            .beside("of a plain call", plain.commits)
            .reach(Reach::RatioAtMost(2.0)),
        figure("mixed_commits", "the same", mixed.commits, ""),
        Figure::ratio("mixed_cpu_ratio", cpu, mixed.cpu_ms, "ms")
            .beside("ms: a plain call", plain.cpu_ms)
            .reach(Reach::RatioAtMost(2.0)),
        figure("mixed_cpu_ms", "the same", mixed.cpu_ms, "ms"),
        Figure::ratio("mixed_wal_ratio", "write-ahead log of such a call", mixed.wal_kb, "kB")
            .beside("kB: a plain call", plain.wal_kb),
        figure("mixed_wal_kb", "the same", mixed.wal_kb, "kB"),
        figure("mixed_wal_records", "its records", mixed.wal_records, ""),
        figure("mixed_updates", "changes of its row", mixed.updates, ""),
        figure("mixed_lines", "lines of its timeline", mixed.lines, ""),
    ]
}

/// Sends these events for each of the calls that have ended, all lines at once: for the next call after each `turn`, and for one call the next
/// event after [`NEXT_AFTER`].
async fn on_lines(site: &Site, ends: Vec<String>, turn: Duration, events: &'static [&str]) -> Result<()> {
    let mut lines = JoinSet::new();
    for some in ends.chunks(CALLS.div_ceil(LINES)) {
        let mut line = Line::to(&site.workers[0].url).await?;
        let mut calls = some.iter().map(|end| serde_json::from_str(end)).collect::<Result<Vec<Value>, _>>()?;
        lines.spawn(async move {
            let began = Instant::now();
            for (due, call, event) in in_turn(calls.len(), turn, events) {
                tokio::time::sleep_until((began + due).into()).await;
                line.send(&load::added(event, &mut calls[call])).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(line) = lines.join_next().await {
        line??;
    }
    Ok(())
}

/// When which event of which call is due.
fn in_turn(calls: usize, turn: Duration, events: &'static [&str]) -> Vec<(Duration, usize, &'static str)> {
    let of_call = |call: usize| {
        let at = move |n: usize| turn * call as u32 + NEXT_AFTER * n as u32;
        events.iter().enumerate().map(move |(n, event)| (at(n), call, *event))
    };
    let mut all: Vec<_> = (0..calls).flat_map(of_call).collect();
    all.sort_by_key(|(due, ..)| *due);
    all
}

/// What was counted is all only if nothing is left to be written.
async fn all_added(site: &Site) -> Result<()> {
    let logs = site.stack.sandbox.phone_calls().await?;
    let text = |log: &Value| log["description"].as_str().unwrap_or_default().to_owned();
    let complete = logs.iter().map(text).filter(|log| load::ADDED_TEXTS.iter().all(|part| log.contains(part))).count();
    ensure!(complete == CALLS, "{complete} of {CALLS} logs have all that became known");
    Ok(())
}

/// Reads what was written between two moments.
struct Meter<'a> {
    site: &'a Site,
    ledger: &'a Ledger,
    last: Reading,
    idle: Rates,
}

#[derive(Clone, Copy)]
struct Reading {
    at: Instant,
    cost: Cost,
    /// Of the workers and PostgreSQL.
    cpu: Duration,
}

impl Reading {
    async fn of(site: &Site, ledger: &Ledger) -> Result<Self> {
        let cost = ledger.cost().await?;
        let cpu = site.cpu()?.values().sum::<Duration>() + machine::of_postgres()?;
        Ok(Self { at: Instant::now(), cost, cpu })
    }

    fn cpu_ms_since(&self, before: &Self) -> f64 {
        self.cpu.saturating_sub(before.cpu).as_secs_f64() * 1000.0
    }
}

/// What the workers and PostgreSQL do in a second without calls.
#[derive(Clone, Copy, Default)]
struct Rates {
    wal_bytes: f64,
    wal_records: f64,
    commits: f64,
    cpu_ms: f64,
}

struct PerCall {
    wal_kb: f64,
    wal_records: f64,
    commits: f64,
    updates: f64,
    hot_share: f64,
    lines: f64,
    cpu_ms: f64,
}

impl<'a> Meter<'a> {
    async fn idle(site: &'a Site, ledger: &'a Ledger) -> Result<Self> {
        let last = Reading::of(site, ledger).await?;
        let mut meter = Self { site, ledger, last, idle: Rates::default() };
        tokio::time::sleep(IDLE).await;
        let (before, after) = meter.read().await?;
        let seconds = (after.at - before.at).as_secs_f64();
        let per_s = |of: fn(&Cost) -> i64| (of(&after.cost) - of(&before.cost)) as f64 / seconds;
        meter.idle = Rates {
            wal_bytes: per_s(|cost| cost.wal_bytes),
            wal_records: per_s(|cost| cost.wal_records),
            commits: per_s(|cost| cost.commits),
            cpu_ms: after.cpu_ms_since(&before) / seconds,
        };
        Ok(meter)
    }

    /// The last reading, and this one.
    async fn read(&mut self) -> Result<(Reading, Reading)> {
        let now = Reading::of(self.site, self.ledger).await?;
        Ok((std::mem::replace(&mut self.last, now), now))
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
        let (before, after) = self.read().await?;
        let seconds = (after.at - before.at).as_secs_f64();
        let each = |of: fn(&Cost) -> i64, idle: f64| {
            ((of(&after.cost) - of(&before.cost)) as f64 - idle * seconds) / CALLS as f64
        };
        let our_own = f64::from(asked + 1) / CALLS as f64;
        let updates = each(|cost| cost.updates, 0.0);
        Ok(PerCall {
            wal_kb: each(|cost| cost.wal_bytes, idle.wal_bytes) / 1000.0,
            wal_records: each(|cost| cost.wal_records, idle.wal_records),
            commits: each(|cost| cost.commits, idle.commits) - our_own,
            updates,
            hot_share: each(|cost| cost.hot_updates, 0.0) / updates,
            lines: each(|cost| cost.lines, 0.0),
            cpu_ms: (after.cpu_ms_since(&before) - idle.cpu_ms * seconds) / CALLS as f64,
        })
    }
}

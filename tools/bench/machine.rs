//! The CPU time and memory of a process, from `/proc`.

use std::{fs, time::Duration};

use anyhow::{Context, Result};
use harness::Process;

/// The kernel's unit of CPU time: 100 in a second on every Linux that we know (`getconf CLK_TCK`).
const TICKS_PER_S: f64 = 100.0;

/// User and system time since the start.
pub(crate) fn cpu(process: &Process) -> Result<Duration> {
    let stat = read(process, "stat")?;
    // The name before may contain spaces; after it, the 12th and 13th fields are utime and stime.
    let fields: Vec<&str> = stat.rsplit_once(')').context("/proc/…/stat")?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).context("/proc/…/stat")?.parse::<f64>().context("/proc/…/stat");
    Ok(Duration::from_secs_f64((ticks(11)? + ticks(12)?) / TICKS_PER_S))
}

/// Resident memory.
pub(crate) fn rss_mb(process: &Process) -> Result<f64> {
    let status = read(process, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kb: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kb / 1024.0)
}

fn read(process: &Process, file: &str) -> Result<String> {
    let pid = process.pid().context("the process has ended")?;
    fs::read_to_string(format!("/proc/{pid}/{file}")).with_context(|| format!("/proc/{pid}/{file}"))
}

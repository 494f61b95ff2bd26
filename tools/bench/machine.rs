//! CPU time and memory, of a process, of the services and of the whole machine, from `/proc`.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use harness::{Process, workspace};

/// The kernel's unit of CPU time: 100 in a second on every Linux that we know (`getconf CLK_TCK`).
const TICKS_PER_S: f64 = 100.0;

/// User and system time since the start.
pub(crate) fn cpu(process: &Process) -> Result<Duration> {
    Stat::of(&process.proc("stat")?).map(|stat| stat.own)
}

/// CPU time up to now; only differences mean something.
#[derive(Clone, Copy)]
pub(crate) struct Spent {
    /// By all processes and the kernel, whoever started them.
    pub(crate) machine: Duration,
    /// By this process.
    pub(crate) bench: Duration,
    pub(crate) postgres: Duration,
    pub(crate) broker: Duration,
}

impl Spent {
    pub(crate) fn now() -> Result<Self> {
        let own = fs::read_to_string("/proc/self/stat").context("/proc/self/stat")?;
        let machine = fs::read_to_string("/proc/stat").context("/proc/stat")?;
        Ok(Self {
            machine: busy(&machine)?,
            bench: Stat::of(&own)?.own,
            postgres: of_postgres()?,
            broker: of_service("broker", "beam.smp")?,
        })
    }
}

pub(crate) fn of_postgres() -> Result<Duration> {
    of_service("database", "postgres")
}

/// The first line: user, nice, system, idle, iowait, irq, softirq and steal; what guests take is part of user.
fn busy(stat: &str) -> Result<Duration> {
    let line = stat.lines().next().and_then(|line| line.strip_prefix("cpu ")).context("/proc/stat")?;
    let ticks: Vec<f64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>().context("/proc/stat")?;
    let busy = ticks.iter().take(8).enumerate().filter(|(at, _)| !matches!(at, 3 | 4)).map(|(_, ticks)| ticks);
    Ok(Duration::from_secs_f64(busy.sum::<f64>() / TICKS_PER_S))
}

/// Of all processes of that name, with their children that have ended. If `scripts/services.sh` has started the service as a process, only of
/// what that has started: others may have their own on this machine. Nothing, if it runs on another machine.
fn of_service(service: &str, name: &str) -> Result<Duration> {
    let started = started(service);
    let processes = fs::read_dir("/proc").context("/proc")?.flatten().filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        // It may have ended meanwhile.
        let stat = Stat::of(&fs::read_to_string(entry.path().join("stat")).ok()?).ok()?;
        let is_ours = started.is_none_or(|started| [pid, stat.parent, stat.session].contains(&started));
        (stat.name == name && is_ours).then_some(stat.own + stat.ended_children)
    });
    Ok(processes.sum())
}

/// The process that `scripts/services.sh` has recorded: PostgreSQL's first, whose children the others are, or the one that keeps the broker,
/// which is in its session.
fn started(service: &str) -> Option<u32> {
    let folder = std::env::var_os("SERVICES_DIR").map_or_else(|| "target/services".into(), PathBuf::from);
    let record = fs::read_to_string(workspace().join(folder).join(format!("{service}.pid"))).ok()?;
    record.split_whitespace().nth(1)?.parse().ok()
}

/// What `/proc/…/stat` says of a process.
#[derive(Debug, PartialEq)]
struct Stat {
    name: String,
    parent: u32,
    session: u32,
    /// User and system time.
    own: Duration,
    ended_children: Duration,
}

impl Stat {
    fn of(stat: &str) -> Result<Self> {
        // The name may contain anything.
        let (before, after) = stat.rsplit_once(')').context("/proc/…/stat")?;
        let fields: Vec<&str> = after.split_whitespace().collect();
        let field = |at: usize| fields.get(at).context("/proc/…/stat");
        let time = |at: usize| {
            let ticks = field(at)?.parse::<f64>()? + field(at + 1)?.parse::<f64>()?;
            anyhow::Ok(Duration::from_secs_f64(ticks / TICKS_PER_S))
        };
        Ok(Self {
            name: before.split_once('(').context("/proc/…/stat")?.1.to_owned(),
            parent: field(1)?.parse()?,
            session: field(3)?.parse()?,
            own: time(11)?,
            ended_children: time(13)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_the_machine_was_idle_does_not_count() {
        let stat = "cpu  100 20 300 4000 5000 6 7 67 800 900\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(busy(stat).unwrap(), Duration::from_secs(5));
    }

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let stat = "42 (post) (gres) S 7 8 9 0 -1 4194560 1 2 3 4 150 50 25 75 20 0 1 0 1000 1 1";
        let (own, ended_children) = (Duration::from_secs(2), Duration::from_secs(1));
        let expected = Stat { name: "post) (gres".into(), parent: 7, session: 9, own, ended_children };
        assert_eq!(Stat::of(stat).unwrap(), expected);
    }
}

//! `callbridge backfill`: the reconciliation that ingest runs every `RECONCILE_EVERY`, for any window of the last six months.
//!
//! It runs ingest's own code. The position is stored in the database after each page, so an interrupted run resumes there
//! when it is started again within a day. What was brought in once and has arrived is not brought in again, so an extra run changes
//! nothing. This command only publishes facts; the workers write the logs when the facts reach them.

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use base::{
    db::{Client, Database},
    error::with_causes,
    health::Readiness,
    say,
    settings::Settings,
    tell,
};
use broker::{
    amqp::{Link, Publisher},
    topology::Names,
};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ingest::reconcile::{How, Reconciler, Tally, Walk, earliest};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use ledger::reconciliation::{self, Progress};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use vendors::{aircall::Aircall, budget::Role};

use crate::arguments::{When, Wrong, when};
use crate::{audit::Deed, who::Who};

pub(crate) const EXAMPLES: &str = "Examples:\n  callbridge backfill --since 7d --dry-run\n  \
    callbridge backfill --since 7d --json | jq .missing\n  callbridge backfill --since 2026-11-01 --until 2026-11-15T12:00\n\n\
    An interrupted run resumes where it was when it is started again. Calls that lack nothing are left alone.";

/// Of the lock, and of the progress in the database.
pub(crate) const NAME: &str = "backfill";
/// The progress of one that only counts.
pub(crate) const COUNT: &str = "backfill count";
/// Calls on a page of Aircall's list.
pub(crate) const PER_PAGE: u64 = 50;
/// A run that was interrupted longer ago than this starts from the beginning.
const RESUME_WITHIN: SignedDuration = SignedDuration::from_hours(24);
/// How long to wait for the broker at the start; after that, facts are stored in the inbox.
const BROKER_TIMEOUT: Duration = Duration::from_secs(5);
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Args)]
pub(crate) struct Arguments {
    /// Start of the window: a date, a date and time (in TIME_ZONE unless it has an offset), or how long ago, such as 36h, 7d, 2mo
    #[arg(long, value_parser = when)]
    since: When,
    /// End of the window, in the same forms; a date means its beginning [default: now]
    #[arg(long, value_parser = when)]
    until: Option<When>,
    /// Only show how many calls are missing
    #[arg(long)]
    dry_run: bool,
    /// Start from the beginning, and bring in again what was brought in before but is still missing
    #[arg(long)]
    again: bool,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(crate) fn deed(&self) -> Option<Deed> {
        let subject = serde_json::json!({ "again": self.again });
        (!self.dry_run).then(|| Deed::of_account("backfill", subject))
    }
}

/// Which calls, by the time at which they began.
pub(crate) type Window = (Timestamp, Timestamp);

pub(crate) async fn run(database: &Database, settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let window = window(arguments.since, arguments.until, &settings.time_zone, Timestamp::now())?;
    let how = How { dry_run: arguments.dry_run, again: arguments.again, logs_too: true };
    let Some(mut run) = Run::begin(database, settings, window, how, &Who::default().name()).await? else {
        tell!("callbridge: another backfill is running");
        return Ok(ExitCode::FAILURE);
    };
    if run.from > window.0 {
        tell!("An earlier run was interrupted: resuming with the calls from {:.0}.", run.from);
    }
    if !run.has_broker {
        tell!("The broker does not answer: what is found is stored in the database until ingest can publish it.");
    }
    let stop = CancellationToken::new();
    let bar = progress_bar(window.0, window.1);
    let show = |walk: &Walk| {
        let reached = walk.reached();
        bar.set_position(u64::try_from(reached.duration_since(window.0).as_secs()).unwrap_or_default());
        bar.set_message(format!("{reached:.0}, {} calls, {} missing", walk.tally.listed, walk.tally.brought_in()));
    };
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
        stop.cancel();
        std::future::pending::<()>().await;
    };
    let ended = tokio::select! {
        ended = run.carry_out(&stop, show) => ended,
        () = interrupted => Ok(false),
    };
    bar.finish_and_clear();
    let tally = &run.walk.tally;
    if arguments.json {
        let is_complete = matches!(ended, Ok(true));
        say!("{}", serde_json::to_string_pretty(&report(tally, how, (run.from, window.1), is_complete))?);
    } else {
        say!("{}", summary(tally, how));
    }
    match ended {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => {
            tell!("Stopped; the same command resumes from here.");
            Ok(ExitCode::FAILURE)
        }
        Err(e) => Err(e.context("interrupted; the same command resumes from here")),
    }
}

/// A backfill that has begun. Its progress is in the database, where others see it, and ask it to stop.
pub(crate) struct Run {
    /// Holds the lock.
    client: Client,
    reconciler: Reconciler,
    links_down: CancellationToken,
    name: &'static str,
    /// Where it began: later than its window if an earlier run was interrupted.
    from: Timestamp,
    pub(crate) has_broker: bool,
    pub(crate) walk: Walk,
}

impl Run {
    /// `None`: another one is running.
    pub(crate) async fn begin(
        database: &Database,
        settings: &Settings,
        window: Window,
        how: How,
        by: &str,
    ) -> anyhow::Result<Option<Self>> {
        let Some(client) = database.lock(NAME, Duration::ZERO).await? else { return Ok(None) };
        let links_down = CancellationToken::new();
        let (reconciler, has_broker) = reconciler(database, settings, &links_down).await?;
        let name = if how.dry_run { COUNT } else { NAME };
        let now = client.now().await?;
        let interrupted = if how.dry_run || how.again { None } else { reconciliation::progress(&client, NAME).await? };
        let from = interrupted.and_then(|run| resume_from(&run, window, now)).unwrap_or(window.0);
        reconciliation::begin_for(&client, name, window, from, by).await?;
        let walk = Walk::new(from, window.1, how);
        Ok(Some(Self { client, reconciler, links_down, name, from, has_broker, walk }))
    }

    /// True if it came to the end, false if it was stopped. After a failure it can go on where it is.
    pub(crate) async fn carry_out(&mut self, stop: &CancellationToken, each: impl Fn(&Walk)) -> anyhow::Result<bool> {
        let ended = self.walk_on(stop, each).await;
        self.links_down.cancel();
        match &ended {
            Ok(true) => reconciliation::end(&self.client, self.name, self.walk.reached()).await?,
            Ok(false) => {}
            Err(e) => reconciliation::failed(&self.client, self.name, &with_causes(e.as_ref())).await?,
        }
        ended
    }

    async fn walk_on(&mut self, stop: &CancellationToken, each: impl Fn(&Walk)) -> anyhow::Result<bool> {
        loop {
            let more = tokio::select! {
                more = self.reconciler.step(&mut self.walk) => more?,
                () = stop.cancelled() => return Ok(false),
            };
            each(&self.walk);
            let tally = tallied(&self.walk.tally);
            let asked = reconciliation::keep_tally(&self.client, self.name, self.walk.reached(), &tally).await?;
            match more {
                false => return Ok(true),
                true if asked => return Ok(false),
                true => {}
            }
        }
    }
}

/// What was found, for whoever shows it.
fn tallied(tally: &Tally) -> serde_json::Value {
    let by: serde_json::Map<_, _> =
        tally.brought.iter().map(|(lack, n)| (lack.as_str().to_owned(), (*n).into())).collect();
    serde_json::json!({ "listed": tally.listed, "missing": tally.brought_in(), "missing_by": by, "open": tally.open })
}

/// A reconciler with its own connection to the broker, and whether that could be made.
async fn reconciler(
    database: &Database,
    settings: &Settings,
    links_down: &CancellationToken,
) -> anyhow::Result<(Reconciler, bool)> {
    let condition = Readiness::default().condition("broker");
    let link = Link::start(&settings.amqp_url, "callbridge backfill".into(), condition, links_down.clone());
    let has_broker = timeout(BROKER_TIMEOUT, link.connected()).await.is_ok();
    let publisher = Publisher::new(link, Names::new(settings.amqp_namespace.clone()), PUBLISH_TIMEOUT);
    let aircall =
        Aircall::new(&settings.aircall, database, Role::Guest("callbridge")).context("the client for Aircall")?;
    Ok((Reconciler::new(&settings.aircall, database.clone(), publisher, &aircall), has_broker))
}

/// Where a run over this window resumes, if an earlier run was interrupted recently, began at or before its start, and stopped inside it.
fn resume_from(run: &Progress, (since, until): (Timestamp, Timestamp), now: Timestamp) -> Option<Timestamp> {
    let fits = run.ended_at.is_none() && run.since <= since && (since..until).contains(&run.reached);
    (fits && now.duration_since(run.begun_at) < RESUME_WITHIN).then_some(run.reached)
}

pub(crate) fn window(since: When, until: Option<When>, zone: &TimeZone, now: Timestamp) -> Result<Window, Wrong> {
    let since = since.at(zone, now)?;
    let until = until.map_or(Ok(now), |until| until.at(zone, now))?.min(now);
    let earliest = earliest(now);
    if since < earliest {
        return Err(Wrong(format!("Aircall keeps calls for six months: --since cannot be before {earliest:.0}")));
    }
    if since >= until {
        return Err(Wrong("--since must be before --until, and before now".into()));
    }
    Ok((since, until))
}

/// Progress by time, because Aircall does not say how many calls remain.
fn progress_bar(since: Timestamp, until: Timestamp) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} % {msg}");
    let length = u64::try_from(until.duration_since(since).as_secs()).unwrap_or_default();
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The same for programs. Calls were looked at from `since` on, which is where an earlier run was interrupted if this one resumed it.
fn report(tally: &Tally, how: How, (since, until): (Timestamp, Timestamp), is_complete: bool) -> serde_json::Value {
    let by = &tallied(tally)["missing_by"];
    serde_json::json!({
        "since": since, "until": until, "dry_run": how.dry_run, "complete": is_complete, "listed": tally.listed,
        "missing": tally.brought_in(), "missing_by": by, "brought_in": if how.dry_run { 0 } else { tally.brought_in() },
        "open": tally.open,
    })
}

fn summary(tally: &Tally, how: How) -> String {
    let done = if how.dry_run { "missing" } else { "brought in" };
    let why = tally.brought.iter().map(|(lack, n)| format!("{n} by their {}", lack.as_str()));
    let why = why.collect::<Vec<_>>().join(", ");
    let why = if why.is_empty() { why } else { format!(" ({why})") };
    format!(
        "{} calls in Aircall's list, {} {done}{why}, {} too recent or still in progress",
        tally.listed,
        tally.brought_in(),
        tally.open
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_window() {
        let now: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let read = |since: &str, until: Option<&str>| {
            let (since, until) = (when(since).unwrap(), until.map(|until| when(until).unwrap()));
            window(since, until, &zone, now).map(|(since, until)| format!("{since} {until}")).map_err(|wrong| wrong.0)
        };
        for (since, until, expected) in [
            ("2026-11-01", None, "2026-10-31T23:00:00Z 2026-11-23T09:00:00Z"),
            ("2026-11-01T08:00", Some("2026-11-02"), "2026-11-01T07:00:00Z 2026-11-01T23:00:00Z"),
            ("2026-11-01T08:00:00Z", Some("2027-01-01"), "2026-11-01T08:00:00Z 2026-11-23T09:00:00Z"),
            ("36h", Some("1d"), "2026-11-21T21:00:00Z 2026-11-22T09:00:00Z"),
            ("6mo", None, "2026-05-23T09:00:00Z 2026-11-23T09:00:00Z"),
        ] {
            assert_eq!(read(since, until).as_deref(), Ok(expected), "{since} {until:?}");
        }
        for (since, until, problem) in [
            ("2026-05-23T08:59:59Z", None, "six months"),
            ("8mo", None, "six months"),
            ("2026-11-02", Some("2026-11-01"), "must be before"),
            ("2027-01-01", None, "must be before"),
        ] {
            assert!(read(since, until).is_err_and(|e| e.contains(problem)), "{since} {until:?}");
        }
    }

    #[test]
    fn only_a_recent_interrupted_run_over_the_same_window_is_resumed() {
        let at = |hour: i64| Timestamp::from_second(1_795_000_000 + hour * 3600).unwrap();
        let run = |since, reached| Progress {
            since: at(since),
            until: at(90),
            reached: at(reached),
            begun_at: at(100),
            next_since: None,
            ended_at: None,
            webhook_active: None,
        };
        for (run, window, now, expected) in [
            (run(10, 20), (10, 90), 101, Some(20)),
            (run(10, 20), (11, 90), 101, Some(20)),
            (run(10, 20), (9, 90), 101, None),
            (run(10, 20), (21, 90), 101, None),
            (run(10, 20), (10, 15), 101, None),
            (run(10, 20), (10, 90), 125, None),
        ] {
            let resumed = resume_from(&run, (at(window.0), at(window.1)), at(now));
            assert_eq!(resumed, expected.map(at), "{run:?} {window:?}");
        }
    }
}

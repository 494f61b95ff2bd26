//! `callbridge backfill`: what ingest does every `RECONCILE_EVERY`, for any window of the last six months.
//!
//! It runs ingest's own code. How far it has come is kept in the database after each page, so a run that was broken off goes
//! on there when it is started again within a day; and what was brought in once is not brought in again, so that one run too many
//! changes nothing. Calls become facts here, and logs by the workers, whenever these get to them.

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use base::{
    db::{Client, Database},
    health::Readiness,
    settings::Settings,
};
use broker::{
    amqp::{Link, Publisher},
    topology::Names,
};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ingest::reconcile::{How, Reconciler, Tally, Walk, earliest};
use jiff::{SignedDuration, Span, Timestamp, civil::DateTime, tz::TimeZone};
use ledger::reconciliation::{self, Progress};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use vendors::{aircall::Aircall, budget::Role};

pub(crate) const EXAMPLES: &str = "Examples:\n  callbridge backfill --since 7d --dry-run\n  \
    callbridge backfill --since 2026-11-01 --until 2026-11-15T12:00\n\n\
    A run that was broken off goes on where it was when it is started again. Calls that are known are left alone.";

const NAME: &str = "backfill";
/// Broken off so long ago, a run begins anew.
const GOES_ON_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How long the broker may take to answer at first; after that the inbox holds the facts.
const BROKER_PATIENCE: Duration = Duration::from_secs(5);
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Args)]
pub(crate) struct Arguments {
    /// From when on: a date, a date and time (in TIME_ZONE unless it has an offset), or how long ago, such as 36h, 7d, 2mo
    #[arg(long)]
    since: String,
    /// Until when, likewise; until now when absent. A date means its beginning
    #[arg(long)]
    until: Option<String>,
    /// Only tell how many calls are lacking
    #[arg(long)]
    dry_run: bool,
    /// Begin anew, and also bring in again what was brought in before and is still lacking
    #[arg(long)]
    again: bool,
}

pub(crate) async fn run(database: &Database, settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let window = match window(arguments, &settings.time_zone, Timestamp::now()) {
        Ok(window) => window,
        Err(problem) => {
            eprintln!("callbridge: {problem}");
            return Ok(ExitCode::from(2));
        }
    };
    let Some(client) = database.lock(NAME, Duration::ZERO).await? else {
        eprintln!("callbridge: another backfill is running");
        return Ok(ExitCode::FAILURE);
    };
    let links_down = CancellationToken::new();
    let reconciler = reconciler(database, settings, &links_down).await?;
    let how = How { dry_run: arguments.dry_run, again: arguments.again, logs_too: true };
    let broken_off = if how.dry_run || how.again { None } else { reconciliation::progress(&client, NAME).await? };
    let from = broken_off.and_then(|run| goes_on_at(&run, window, Timestamp::now())).unwrap_or(window.0);
    if from > window.0 {
        eprintln!("An earlier run was broken off: going on with the calls from {from:.0}.");
    }
    if !how.dry_run {
        reconciliation::begin(&client, NAME, window.0, window.1, from).await?;
    }
    let mut walk = Walk::new(from, window.1, how);
    let ended = tokio::select! {
        ended = follow(&reconciler, &client, window, &mut walk) => Some(ended),
        _ = tokio::signal::ctrl_c() => None,
    };
    links_down.cancel();
    println!("{}", summary(&walk.tally, how));
    match ended {
        Some(Ok(())) => Ok(ExitCode::SUCCESS),
        Some(Err(e)) => Err(e.context("broken off; the same command goes on from here")),
        None => {
            eprintln!("Stopped; the same command goes on from here.");
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn follow(
    reconciler: &Reconciler,
    client: &Client,
    (since, until): (Timestamp, Timestamp),
    walk: &mut Walk,
) -> anyhow::Result<()> {
    let bar = bar(since, until);
    loop {
        let more = reconciler.step(walk).await?;
        let reached = walk.reached();
        bar.set_position(u64::try_from(reached.duration_since(since).as_secs()).unwrap_or_default());
        bar.set_message(format!("{reached:.0}, {} calls, {} lacking", walk.tally.listed, walk.tally.brought_in()));
        if !more {
            break;
        }
        if !walk.how.dry_run {
            reconciliation::reach(client, NAME, reached).await?;
        }
    }
    bar.finish_and_clear();
    if !walk.how.dry_run {
        reconciliation::forget(client, NAME).await?;
    }
    Ok(())
}

/// With a link to the broker of its own.
async fn reconciler(
    database: &Database,
    settings: &Settings,
    links_down: &CancellationToken,
) -> anyhow::Result<Reconciler> {
    let condition = Readiness::default().condition("broker");
    let link = Link::start(&settings.amqp_url, "callbridge backfill".into(), condition, links_down.clone());
    if timeout(BROKER_PATIENCE, link.connected()).await.is_err() {
        eprintln!("The broker does not answer: what is found waits in the database until ingest can pass it on.");
    }
    let publisher = Publisher::new(link, Names::new(settings.amqp_namespace.clone()), PUBLISH_TIMEOUT);
    let aircall =
        Aircall::new(&settings.aircall, database, Role::Guest("callbridge")).context("the client for Aircall")?;
    Ok(Reconciler::new(&settings.aircall, database.clone(), publisher, &aircall))
}

/// Where a run over this window goes on after one that was broken off not long ago and had begun before.
fn goes_on_at(run: &Progress, (since, until): (Timestamp, Timestamp), now: Timestamp) -> Option<Timestamp> {
    let fits = run.since <= since && (since..until).contains(&run.reached);
    (fits && now.duration_since(run.begun_at) < GOES_ON_FOR).then_some(run.reached)
}

fn window(arguments: &Arguments, zone: &TimeZone, now: Timestamp) -> Result<(Timestamp, Timestamp), String> {
    let since = moment("--since", &arguments.since, zone, now)?;
    let until = arguments.until.as_ref().map_or(Ok(now), |text| moment("--until", text, zone, now))?.min(now);
    let earliest = earliest(now);
    if since < earliest {
        return Err(format!("Aircall keeps calls for six months: --since cannot be before {earliest:.0}"));
    }
    if since >= until {
        return Err("--since must be before --until, and before now".into());
    }
    Ok((since, until))
}

fn moment(name: &str, text: &str, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    if let Ok(at) = text.parse::<DateTime>().map_err(drop).and_then(|at| zone.to_timestamp(at).map_err(drop)) {
        return Ok(at);
    }
    // As Aircall counts its six months: `6mo` must not be an hour too much after a change of the clocks.
    let ago = text.parse::<Span>().ok().and_then(|span| now.to_zoned(TimeZone::UTC).checked_sub(span).ok());
    let wanted = "a date such as 2026-11-01, a date and time such as 2026-11-01T08:00, or how long ago, such as 7d";
    ago.map(|at| at.timestamp()).ok_or_else(|| format!("{name} must be {wanted}"))
}

/// By time, because Aircall does not tell how many calls are left.
fn bar(since: Timestamp, until: Timestamp) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} % {msg}");
    let length = u64::try_from(until.duration_since(since).as_secs()).unwrap_or_default();
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn summary(tally: &Tally, how: How) -> String {
    let done = if how.dry_run { "lacking" } else { "brought in" };
    let why = tally.brought.iter().map(|(lack, n)| format!("{n} by their {}", lack.as_str()));
    let why = why.collect::<Vec<_>>().join(", ");
    let why = if why.is_empty() { why } else { format!(" ({why})") };
    format!(
        "{} calls in Aircall's list, {} {done}{why}, {} too recent or still going on",
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
            let until = until.map(str::to_owned);
            let arguments = Arguments { since: since.into(), until, dry_run: false, again: false };
            window(&arguments, &zone, now).map(|(since, until)| format!("{since} {until}"))
        };
        for (since, until, expected) in [
            ("2026-11-01", None, "2026-10-31T23:00:00Z 2026-11-23T09:00:00Z"),
            ("2026-11-01T08:00", Some("2026-11-02"), "2026-11-01T07:00:00Z 2026-11-01T23:00:00Z"),
            ("2026-11-01T08:00:00Z", Some("2027-01-01"), "2026-11-01T08:00:00Z 2026-11-23T09:00:00Z"),
            ("7d", None, "2026-11-16T09:00:00Z 2026-11-23T09:00:00Z"),
            ("36h", Some("1d"), "2026-11-21T21:00:00Z 2026-11-22T09:00:00Z"),
            ("6mo", None, "2026-05-23T09:00:00Z 2026-11-23T09:00:00Z"),
        ] {
            assert_eq!(read(since, until).as_deref(), Ok(expected), "{since} {until:?}");
        }
        for (since, until, problem) in [
            ("2026-05-23T08:59:59Z", None, "six months"),
            ("8mo", None, "six months"),
            ("last week", None, "--since must be a date"),
            ("7d", Some("soon"), "--until must be a date"),
            ("2026-11-02", Some("2026-11-01"), "must be before"),
            ("2027-01-01", None, "must be before"),
        ] {
            assert!(read(since, until).is_err_and(|e| e.contains(problem)), "{since} {until:?}");
        }
    }

    #[test]
    fn goes_on_only_with_what_was_begun() {
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
            let goes_on = goes_on_at(&run, (at(window.0), at(window.1)), at(now));
            assert_eq!(goes_on, expected.map(at), "{run:?} {window:?}");
        }
    }
}

//! Computes the figures of reports from the calls of the ledger, every `REPORT_EVERY`, in one replica at a time.
//!
//! It is here because what is missed, and what became of it, is decided here ([`crate::missed`]): a report must not count otherwise than the list of
//! missed calls. It runs with rules and without. No call waits for it, and none is written twice for it: which days have changed late follows from
//! the timeline ([`ledger::reports::calls_changed`]).
//!
//! A turn computes the days that are [`due`], newest first: what people look at is there after moments, and the past is filled behind it. Each day is
//! read and stored on its own, so a turn that ends early has lost nothing.

mod day;
mod due;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use base::{
    db::{Client, Database},
    error::Result,
    ids::CallId,
    phone::E164,
    settings::Settings,
};
use jiff::{SignedDuration, Timestamp, civil::Date};
use ledger::{
    missed::{self, Attempt, Became, Seen},
    reports::{self, DayCall},
};
use tokio::time;

use crate::missed::attempt;
use due::Days;

/// For a month of missing days in a second or two, and so that others have the database in between.
const BETWEEN: Duration = Duration::from_millis(20);
/// Within so long, somebody has to have spoken with the caller.
const CALLED_BACK_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A call that began before the day can be answered in it.
const BEFORE: SignedDuration = SignedDuration::from_hours(1);

pub(crate) async fn run(database: Database, settings: Arc<Settings>) {
    loop {
        database.available().await;
        match turn(&database, &settings).await {
            Ok(days) if days > 2 => tracing::info!(days, "The figures of past days were computed for reports."),
            Ok(_) => {}
            Err(e) => tracing::warn!(error = %e, "The figures of reports could not be computed; it is tried again."),
        }
        time::sleep(settings.reports.every).await;
    }
}

/// How many days were computed; none while another replica does this.
async fn turn(database: &Database, settings: &Settings) -> Result<usize> {
    let Some(mut client) = database.lock("reports", Duration::ZERO).await? else { return Ok(0) };
    let zone = settings.time_zone.iana_name().unwrap_or("UTC");
    let mut days = Days {
        now: client.now().await?.to_zoned(settings.time_zone.clone()),
        retention: settings.retention,
        first_call: reports::first_call(&client).await?,
        keep_days: settings.reports.keep_days.into(),
        known: Vec::new(),
    };
    mark_changed(&client, &days, zone).await?;
    days.known = reports::days(&client).await?;
    let mut computed = 0;
    for day in days.due() {
        let begun = reports::begin(&client, day, zone).await?;
        let figures = match figures(&client, settings, day).await {
            Ok(Some(figures)) => figures,
            Ok(None) => continue,
            // What is odd about a day keeps no other from being computed.
            Err(e) => {
                tracing::warn!(%day, error = %e, "The figures of a day could not be computed; it is tried again.");
                continue;
            }
        };
        // If something of it has changed meanwhile, the next turn computes it.
        reports::store(&mut client, begun, &figures, day >= days.reach()).await?;
        computed += 1;
        time::sleep(BETWEEN).await;
    }
    reports::forget_before(&client, days.oldest(), days.reach()).await?;
    reports::refresh_tops(&client, days.now.date()).await?;
    Ok(computed)
}

/// Those of the last days are computed again in any case.
async fn mark_changed(client: &Client, days: &Days, zone: &str) -> Result<()> {
    let (from, last) = reports::search_begun(client).await?;
    let changed: Vec<Timestamp> = match days.begin_of(days.often_since()) {
        Some(before) => reports::calls_changed(client, (from, last), before).await?,
        None => Vec::new(),
    };
    let changed: BTreeSet<Date> = changed.into_iter().map(|at| days.day_of(at)).collect();
    let changed: Vec<Date> = changed.into_iter().filter(|day| *day >= days.oldest()).collect();
    reports::mark(client, &changed, zone).await?;
    reports::noted(client, last).await
}

async fn figures(client: &Client, settings: &Settings, day: Date) -> Result<Option<reports::Figures>> {
    let Some((from, until)) = reports::bounds(day, &settings.time_zone) else { return Ok(None) };
    let calls = reports::of_day(client, from, until).await?;
    let open = not_called_back(client, settings, &calls, (from, until)).await?;
    Ok(Some(day::figures(&calls, &open, &settings.time_zone)))
}

/// The missed calls of the day with whose caller nobody has spoken since, as the list of missed calls says it.
async fn not_called_back(
    client: &Client,
    settings: &Settings,
    calls: &[DayCall],
    (from, until): (Timestamp, Timestamp),
) -> Result<BTreeSet<CallId>> {
    let of_day: Vec<Attempt> = calls.iter().filter_map(|call| attempt(&call.seen, settings)).collect();
    let is_missed = |call: &&Attempt| !call.outbound && call.answered_at.is_none();
    let numbers: BTreeSet<E164> = of_day.iter().filter(is_missed).map(|call| call.number.clone()).collect();
    if numbers.is_empty() {
        return Ok(BTreeSet::new());
    }
    let digits: Vec<&str> = numbers.iter().map(E164::last_digits).collect();
    let others: Vec<Seen> = reports::with_numbers(client, &digits, from - BEFORE, until + CALLED_BACK_WITHIN).await?;
    let mut attempts: Vec<Attempt> = others.iter().filter_map(|seen| attempt(seen, settings)).collect();
    attempts.retain(|call| numbers.contains(&call.number));
    let open = missed::missed(attempts).into_iter().filter(|missed| missed.became == Became::Open);
    Ok(open.flat_map(|missed| missed.calls).collect())
}

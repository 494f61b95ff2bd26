//! The budget as a library, on a database of its own: many processes with constant demand, whose requests take no time.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use base::{
    db::{Database, Plans},
    health::Readiness,
    ids::Vendor,
};
use harness::Stack;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vendors::budget::{Budget, Lane, Limits, Role, Span};

type Instants = Arc<Mutex<Vec<Instant>>>;

/// A process's budget, with connections of its own.
async fn process(stack: &Stack, worker: &'static str, span: Span, limit: u32) -> Result<Budget> {
    let url = stack.database_url.clone().into();
    let database =
        Database::start(&url, 3, Plans::Once, Readiness::default().condition("database"), CancellationToken::new())?;
    database.available().await;
    let limits = Limits(vec![(span, NonZeroU32::new(limit).context("a limit")?)]);
    Ok(Budget::new(database, Role::Worker(worker), Vendor::Sellsy, limits))
}

/// Keeps this many requests waiting on a lane, and records when each was allowed.
fn hungry(work: &mut JoinSet<()>, budget: &Budget, lane: Lane, at_once: usize) -> Instants {
    let went = Instants::default();
    for _ in 0..at_once {
        let (budget, went) = (budget.clone(), went.clone());
        work.spawn(async move {
            loop {
                // Waiting too long returns an error that says so; this loop asks again.
                if budget.acquire(lane).await.is_ok()
                    && let Ok(mut went) = went.lock()
                {
                    went.push(Instant::now());
                }
            }
        });
    }
    went
}

fn most_within(mut went: Vec<Instant>, length: Duration) -> usize {
    went.sort_unstable();
    let within = |from: usize| went[from..].iter().take_while(|at| **at < went[from] + length).count();
    (0..went.len()).map(within).max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hungry_processes_share_a_second_and_none_starves() -> Result<()> {
    const LIMIT: u32 = 40;
    let stack = Stack::new("lanes").await?;
    let mut work = JoinSet::new();
    let mut loggers = Vec::new();
    for _ in 0..8 {
        let budget = process(&stack, "logger", Span::Second, LIMIT).await?;
        loggers.push(hungry(&mut work, &budget, Lane::Bulk, 8));
    }
    let insights = process(&stack, "insights", Span::Second, LIMIT).await?;
    let insights = hungry(&mut work, &insights, Lane::Bulk, 1);
    tokio::time::sleep(Duration::from_secs(12)).await;
    work.shutdown().await;
    let counts: Vec<usize> = loggers.iter().chain([&insights]).map(|went| went.lock().unwrap().len()).collect();
    let all: Vec<Instant> = loggers.iter().chain([&insights]).flat_map(|went| went.lock().unwrap().clone()).collect();
    let most = most_within(all, Duration::from_secs(1));
    assert!(most <= LIMIT as usize, "{most} in a second: {counts:?}");
    let total: usize = counts.iter().sum();
    // Nine processes; the one with a single waiting request gets about as much as the others.
    assert!(counts.iter().all(|count| *count * 9 * 3 >= total), "each has a third of an equal share: {counts:?}");
    assert!(total > 12 * 20, "most of what may be used is: {total}");
    stack.down().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_passes_the_backlog_and_the_directory_gets_its_turn() -> Result<()> {
    let stack = Stack::new("lanes").await?;
    let mut work = JoinSet::new();
    let mut bulk = Vec::new();
    for _ in 0..3 {
        let budget = process(&stack, "logger", Span::Minute, 600).await?;
        bulk.push(hungry(&mut work, &budget, Lane::Bulk, 8));
    }
    let resolver = process(&stack, "resolver", Span::Minute, 600).await?;
    let pages = hungry(&mut work, &resolver, Lane::Background, 1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut cards = Vec::new();
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let began = Instant::now();
        resolver.acquire(Lane::Interactive).await?;
        cards.push(began.elapsed());
    }
    work.shutdown().await;
    cards.sort_unstable();
    assert!(cards[28] < Duration::from_millis(500), "a card does not wait for logs: {cards:?}");
    let logs: usize = bulk.iter().map(|went| went.lock().unwrap().len()).sum();
    assert!(logs > 60, "ten a second for twelve seconds, less the cards: {logs}");
    // Only once in five seconds, because there is always work.
    let pages = pages.lock().unwrap().len();
    assert!((1..=6).contains(&pages), "{pages} pages");
    stack.down().await
}

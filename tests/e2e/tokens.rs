//! Sellsy's access token: one for all processes, fetched by whatever needs it most.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use base::{
    db::{Database, Plans},
    health::Readiness,
    settings,
};
use harness::{
    Stack,
    build::{When::Before, call, sellsy},
    eventually,
};
use reqwest::Method;
use tokio_util::sync::CancellationToken;
use vendors::{
    budget::{Lane, Role},
    sellsy::{Sellsy, wire::RecordKind},
};

use crate::{CLIENT, SOON};

const LOGIN: &str = "POST /oauth2/access-tokens";

#[tokio::test]
async fn all_processes_share_one_token_and_one_of_them_replaces_it() -> Result<()> {
    let (mut stack, mut workers) = Stack::running("one_token").await?;
    for worker in ["resolver", "logger"] {
        let another = stack.start(worker).await?;
        another.until_ready(SOON).await?;
        workers.push(another);
    }
    for tokens in 1..=3 {
        let mut calls = Vec::new();
        for _ in 0..12 {
            calls.push(stack.sandbox.play(&call(CLIENT)).await?);
        }
        for call in calls {
            stack.sandbox.logged(call, SOON).await?;
        }
        assert_eq!(stack.sandbox.count("sellsy", LOGIN).await?, tokens);
        stack.sandbox.control(Method::POST, "/sellsy/expire-tokens", None).await?;
    }
    drop(workers);
    stack.down().await
}

/// A process's client, with connections of its own.
async fn client(stack: &Stack) -> Result<Sellsy> {
    let url = stack.database_url.clone().into();
    let database =
        Database::start(&url, 3, Plans::Once, Readiness::default().condition("database"), CancellationToken::new())?;
    database.available().await;
    let value = |name: &str| stack.environment.get(name).cloned().with_context(|| name.to_owned());
    let settings = settings::Sellsy {
        api_url: value("SELLSY_API_URL")?,
        auth_url: value("SELLSY_AUTH_URL")?,
        client_id: value("SELLSY_CLIENT_ID")?.into(),
        client_secret: value("SELLSY_CLIENT_SECRET")?.into(),
        links: settings::Links::default(),
        default_owner_id: None,
        webhook_secret: None,
        requests_per_second: 50.try_into()?,
        requests_per_minute: 1000.try_into()?,
        requests_per_day: None,
    };
    Sellsy::new(&settings, &database, Role::Worker("resolver"))
}

#[tokio::test]
async fn a_ringing_call_does_not_wait_for_a_token_that_the_directory_wants() -> Result<()> {
    let stack = Stack::new("urgent_token").await?;
    let sellsy = client(&stack).await?;
    // The windows are stored with the first request.
    assert!(sellsy.limits().await.is_ok());
    stack.sandbox.control(Method::POST, "/sellsy/expire-tokens", None).await?;
    let sellsy = client(&stack).await?;
    let ledger = stack.ledger().await?;
    ledger.forget_token().await?;
    ledger.hold_sellsy(12.0).await?;
    let directory = sellsy.on(Lane::Background);
    let directory = tokio::spawn(async move { directory.staffs().await });
    let waits = || async { (ledger.sellsy_waiting().await.ok()? > 0).then_some(()) };
    eventually(SOON, waits).await.context("the directory waits for its token")?;
    let began = Instant::now();
    sellsy.on(Lane::Interactive).search("0639984107", &[RecordKind::Contact]).await?;
    assert!(began.elapsed() < Duration::from_secs(3), "a ringing call waited for {:?}", began.elapsed());
    assert!(!directory.await??.is_empty());
    assert_eq!(stack.sandbox.count("sellsy", LOGIN).await?, 2, "the directory uses the call's token");
    stack.down().await
}

/// How long another process then takes for a request of the directory, with the token that this needs.
async fn another_takes(stack: &Stack) -> Result<Duration> {
    let began = Instant::now();
    let staffs = client(stack).await?.on(Lane::Background).staffs().await?;
    assert!(!staffs.is_empty());
    Ok(began.elapsed())
}

#[tokio::test]
async fn a_process_that_dies_while_it_fetches_the_token_keeps_nobody_waiting() -> Result<()> {
    let mut stack = Stack::new("orphaned_token").await?;
    let ledger = stack.ledger().await?;
    stack.sandbox.set_faults([sellsy(LOGIN).hangs(Before).once()]).await?;
    let mut dies = stack.start("resolver").await?;
    stack.sandbox.struck(SOON).await?;
    dies.kill().await?;
    let in_flight = another_takes(&stack).await?;

    ledger.forget_token().await?;
    ledger.hold_sellsy(60.0).await?;
    let mut dies = stack.start("resolver").await?;
    let waits = || async { (ledger.sellsy_waiting().await.ok()? > 0).then_some(()) };
    eventually(SOON, waits).await.context("it waits for the budget")?;
    dies.kill().await?;
    ledger.hold_sellsy(0.0).await?;
    let before_it_was_sent = another_takes(&stack).await?;

    let longest = in_flight.max(before_it_was_sent);
    assert!(longest < Duration::from_secs(5), "in flight: {in_flight:?}, before it was sent: {before_it_was_sent:?}");
    stack.down().await
}

//! Broker, database or Sellsy becomes unavailable while calls arrive: nothing is lost, and work resumes on its own.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use base::{
    health::Readiness,
    ids::{CallId, Stage},
    trace::Traceparent,
};
use broker::{
    amqp::{Link, Publisher, depth},
    event::Event,
};
use futures_util::future::join_all;
use harness::{
    Line, Process, Relay, Stack, State, TOKEN, authority,
    build::{After, call, sellsy, webhook},
    eventually,
};
use lapin::types::FieldTable;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{CLIENT, SOON};

/// A stack whose workers reach broker and database through relays.
async fn relayed(what: &str) -> Result<(Stack, Vec<Process>, Relay, Relay)> {
    let mut stack = Stack::new(what).await?;
    let broker = Relay::to(&authority(&stack.amqp_url)?).await?;
    let database = Relay::to(&authority(&stack.database_url)?).await?;
    stack.environment.insert("AMQP_URL".into(), broker.instead_of(&stack.amqp_url)?);
    stack.environment.insert("DATABASE_URL".into(), database.instead_of(&stack.database_url)?);
    let workers = stack.start_all().await?;
    Ok((stack, workers, broker, database))
}

async fn ten_calls(stack: &Stack) -> Result<Vec<i64>> {
    let mut calls = Vec::new();
    for n in 0..10 {
        calls.push(stack.sandbox.play(&call(CLIENT).lasting(80 + n)).await?);
    }
    Ok(calls)
}

async fn all_logged_once(stack: &Stack, calls: &[i64]) -> Result<()> {
    for call in calls {
        stack.sandbox.logged(*call, Duration::from_secs(60)).await?;
    }
    for call in calls {
        assert_eq!(stack.sandbox.logs_of(*call).await?.len(), 1, "call {call}");
    }
    assert_eq!(stack.sandbox.phone_calls().await?.len(), calls.len());
    Ok(())
}

#[tokio::test]
async fn webhooks_wait_in_the_inbox_while_the_broker_is_unavailable() -> Result<()> {
    let (stack, workers, broker, _) = relayed("broker").await?;
    broker.cut();
    let calls = ten_calls(&stack).await?;
    stack.sandbox.delivered(SOON).await?;
    let failed = stack.sandbox.get("/aircall/deliveries").await?["failed_attempts"].clone();
    assert_eq!(failed, json!(0), "Aircall saw no failure");
    let waiting = stack.ledger().await?.inbox().await?;
    assert!(waiting >= 20, "created and ended of ten calls wait in the inbox, {waiting} do");
    let (ready, _) = workers[0].readiness().await?;
    assert!(ready, "ingest can still hold events, so it stays ready");
    let not_ready = || async { (!workers[1].readiness().await.ok()?.0).then_some(()) };
    eventually(SOON, not_ready).await.context("the resolver is not ready without a broker")?;
    broker.restore();
    all_logged_once(&stack, &calls).await?;
    stack.inbox_empty(SOON).await?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn work_waits_for_the_database_and_nothing_is_parked() -> Result<()> {
    let (stack, workers, _, database) = relayed("database").await?;
    database.cut();
    let calls = ten_calls(&stack).await?;
    stack.sandbox.delivered(SOON).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(stack.sandbox.phone_calls().await?.is_empty(), "no ledger, no log");
    database.restore();
    all_logged_once(&stack, &calls).await?;
    assert_eq!(stack.dead_letters().await?, []);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_call_in_flight_when_the_database_goes_down_is_written_as_soon_as_it_is_back() -> Result<()> {
    let (stack, workers, _, database) = relayed("in_flight").await?;
    stack.sandbox.set_faults([sellsy("GET /staffs").takes(Duration::from_secs(3))]).await?;
    let call = stack.sandbox.play(&call(CLIENT)).await?;
    let in_flight = || async { (stack.sandbox.count("sellsy", "GET /staffs").await.ok()? > 0).then_some(()) };
    eventually(SOON, in_flight).await.context("the logger handles the call")?;
    database.cut();
    tokio::time::sleep(Duration::from_secs(5)).await;
    database.restore();
    // The lease of the failed attempt lasts two minutes.
    stack.sandbox.logged(call, SOON).await?;
    assert_eq!(stack.ledger().await?.lines(Line::is_attempt).await?, 0, "an outage costs no attempt");
    assert_eq!(stack.sandbox.logs_of(call).await?.len(), 1);
    drop(workers);
    stack.down().await
}

/// The beginning of the method basic.consume (class 60, method 20) of AMQP 0-9-1.
const BASIC_CONSUME: &[u8] = &[0, 60, 0, 20];

#[tokio::test]
async fn a_consumer_that_the_broker_confirms_too_late_keeps_no_call_back() -> Result<()> {
    let mut stack = Stack::new("late_consumer").await?;
    let broker = Relay::to(&authority(&stack.amqp_url)?).await?;
    let direct = stack.environment.insert("AMQP_URL".into(), broker.instead_of(&stack.amqp_url)?);
    broker.stall_after(BASIC_CONSUME);
    let logger = stack.start("logger").await?;
    let stalled = || async { (broker.state() == State::Stalled).then_some(()) };
    eventually(SOON, stalled).await.context("the logger wants to consume")?;
    // Longer than the logger waits for an answer, and too short for the heartbeat to end the connection.
    tokio::time::sleep(Duration::from_secs(6)).await;
    broker.restore();
    logger.until_ready(SOON).await?;
    stack.environment.insert("AMQP_URL".into(), direct.context("AMQP_URL")?);
    let workers = [stack.start("ingest").await?, stack.start("resolver").await?];
    for worker in &workers {
        worker.until_ready(SOON).await?;
    }
    stack.sandbox.deliver_to(&workers[0].url).await?;
    let calls = ten_calls(&stack).await?;
    all_logged_once(&stack, &calls).await?;
    drop((logger, workers));
    stack.down().await
}

#[tokio::test]
async fn neither_broker_nor_database_is_a_503_and_aircall_sends_again() -> Result<()> {
    let (stack, workers, broker, database) = relayed("both").await?;
    broker.cut();
    database.cut();
    let calls = ten_calls(&stack).await?;
    let refused = || async {
        let failed = stack.sandbox.get("/aircall/deliveries").await.ok()?["failed_attempts"].as_u64()?;
        (failed > 0).then_some(())
    };
    eventually(SOON, refused).await.context("webhooks are refused")?;
    let not_ready = || async { workers[0].readiness().await.ok().filter(|(ready, _)| !ready) };
    eventually(SOON, not_ready).await.context("ingest can hold nothing and is not ready")?;
    broker.restore();
    database.restore();
    all_logged_once(&stack, &calls).await?;
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_log_whose_answer_never_came_is_adopted_and_not_written_twice() -> Result<()> {
    let (stack, workers) = Stack::running("unclear").await?;
    // Sellsy commits, and the connection ends before the answer.
    stack.sandbox.set_faults([sellsy("POST /phone-calls").breaks(After).once()]).await?;
    let call = stack.sandbox.play(&call(CLIENT)).await?;
    stack.sandbox.logged(call, SOON).await?;
    let ledger = stack.ledger().await?;
    // Sellsy is left alone for 40 s, in case it is still working on the first one.
    ledger.line_that(call, 2 * SOON, Line::is_adoption).await.context("the log is adopted")?;
    assert_eq!(ledger.lines(Line::is_adoption).await?, 1);
    assert_eq!(stack.sandbox.logs_of(call).await?.len(), 1);
    assert_eq!(stack.sandbox.count("sellsy", "POST /phone-calls").await?, 1);
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_fact_that_no_queue_takes_is_never_confirmed() -> Result<()> {
    let stack = Stack::new("unroutable").await?;
    let down = CancellationToken::new();
    let condition = Readiness::default().condition("broker");
    let link = Link::start(&stack.amqp_url.clone().into(), "facts".into(), condition, down.clone());
    link.connected().await.context("the broker")?;
    let publisher = Publisher::new(link, stack.names.clone(), SOON);
    publisher.prepare().await?;
    // Many at a time, without a pause, so that the broker confirms several together.
    let publisher = &publisher;
    let published = join_all((0..64).map(|n| async move {
        let mut wrong = 0;
        for m in 0..100 {
            let kind = if (n + m) % 3 == 0 { "nothing.binds" } else { "call.ended" };
            let confirmed = publisher.fact(kind, CallId(n), &json!({}), Traceparent::start()).await.is_ok();
            wrong += i32::from(confirmed != (kind == "call.ended"));
        }
        wrong
    }));
    let (began, wrong) = (Instant::now(), published.await.into_iter().sum::<i32>());
    println!("6,400 facts in {:.1?}", began.elapsed());
    assert_eq!(wrong, 0, "so many facts were confirmed though no queue took them, or the other way round");
    down.cancel();
    stack.down().await
}

#[tokio::test]
async fn a_binding_that_was_removed_is_declared_again_and_its_fact_gets_through() -> Result<()> {
    let mut stack = Stack::new("unbound").await?;
    let ingest = stack.start("ingest").await?;
    ingest.until_ready(SOON).await?;
    let body = webhook("call.ended", json!({ "id": 1 })).with_token(TOKEN);
    let send = async || -> Result<Value> {
        let request = reqwest::Client::new().post(format!("{}/webhooks/aircall", ingest.url)).json(&body);
        Ok(request.send().await?.json().await?)
    };
    // Until the broker is connected, it is the inbox that takes them, and until the database is connected, nothing does.
    let mut accepted = 0;
    loop {
        let answer = send().await?;
        accepted += u32::from(answer["accepted"] == true);
        if answer == json!({ "accepted": true }) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let connection = stack.broker().await?;
    let (queue, events) = (stack.names.work(Stage::Ended), stack.names.events());
    let channel = connection.create_channel().await?;
    channel
        .queue_unbind(queue.as_str().into(), events.as_str().into(), "call.ended".into(), FieldTable::default())
        .await?;
    let taken = || async { (send().await.ok()?["accepted"] == true).then_some(()) };
    eventually(SOON, taken).await.context("the inbox takes it, or the queue already")?;
    stack.inbox_empty(SOON).await?;
    assert_eq!(calls_in_queue(&stack).await?, accepted + 1);
    drop(ingest);
    stack.down().await
}

/// Ingest alone, with 300 webhooks in its inbox, and the relay to its broker, which is still cut.
async fn full_inbox(what: &str) -> Result<(Stack, Process, Relay)> {
    let mut stack = Stack::new(what).await?;
    let broker = Relay::to(&authority(&stack.amqp_url)?).await?;
    stack.environment.insert("AMQP_URL".into(), broker.instead_of(&stack.amqp_url)?);
    let ingest = stack.start("ingest").await?;
    ingest.until_ready(SOON).await?;
    broker.cut();
    let (client, url) = (reqwest::Client::new(), format!("{}/webhooks/aircall", ingest.url));
    for call in 1..=CALLS {
        let body = webhook("call.ended", json!({ "id": call, "comments": ["x".repeat(1000)] })).with_token(TOKEN);
        // 503 until the database is connected, as Aircall would see it.
        let accepted = || async { client.post(&url).json(&body).send().await.ok()?.error_for_status().ok() };
        eventually(SOON, accepted).await.context("a webhook is accepted")?;
    }
    assert_eq!(stack.ledger().await?.inbox().await?, i64::from(CALLS));
    Ok((stack, ingest, broker))
}

const CALLS: u32 = 300;

async fn calls_in_queue(stack: &Stack) -> Result<u32> {
    let (readiness, down) = (Readiness::default(), CancellationToken::new());
    let condition = readiness.condition("broker");
    let link = Link::start(&stack.amqp_url.clone().into(), "depth".into(), condition, down.clone());
    link.connected().await.context("the broker")?;
    let depths = depth::read_all(&link, &[stack.names.work(Stage::Ended)]).await?;
    down.cancel();
    Ok(depths[0].messages)
}

/// 40 kB a second: a hundred of these messages need four seconds.
#[tokio::test]
async fn the_inbox_is_emptied_into_a_slow_broker_without_beginning_again() -> Result<()> {
    let (stack, ingest, broker) = full_inbox("slow_broker").await?;
    broker.slow_down(40_000);
    broker.restore();
    stack.inbox_empty(2 * SOON).await?;
    let published = calls_in_queue(&stack).await?;
    println!("{published} messages for {CALLS} in the inbox");
    assert!((CALLS..CALLS + 30).contains(&published), "{published} messages for {CALLS}");
    drop(ingest);
    stack.down().await
}

#[tokio::test]
async fn a_message_in_the_inbox_that_no_queue_takes_holds_up_no_other() -> Result<()> {
    let (stack, ingest, broker) = full_inbox("no_queue").await?;
    let ledger = stack.ledger().await?;
    ledger.empty_inbox().await?;
    let event = |kind: &str| -> Result<String> {
        Ok(serde_json::to_string(&Event::with_payload(kind, CallId(1), &json!({}))?)?)
    };
    for _ in 0..120 {
        ledger.add_to_inbox("nothing.binds", &event("nothing.binds")?).await?;
    }
    ledger.add_to_inbox("call.ended", &event("call.ended")?).await?;
    broker.restore();
    let through =
        || async { (ledger.inbox().await.ok()? == 120 && calls_in_queue(&stack).await.ok()? == 1).then_some(()) };
    eventually(SOON, through).await.context("the message behind them gets through, they stay")?;
    drop(ingest);
    stack.down().await
}

#[tokio::test]
async fn an_error_of_one_channel_leaves_the_others_their_connection() -> Result<()> {
    let stack = Stack::new("channel").await?;
    let (readiness, down) = (Readiness::default(), CancellationToken::new());
    let condition = readiness.condition("broker");
    let link = Link::start(&stack.amqp_url.clone().into(), "channel".into(), condition, down.clone());
    let connection = link.connected().await.context("the broker")?;
    let missing = depth::read_all(&link, &["nothing".to_owned()]).await;
    assert!(missing.is_err_and(|e| e.to_string().contains("NOT_FOUND")), "the broker closes that channel");
    let lost = tokio::time::timeout(Duration::from_secs(2), link.lost(&connection)).await;
    assert!(lost.is_err() && readiness.missing().is_empty(), "{:?}", readiness.missing());
    down.cancel();
    stack.down().await
}

/// What happens to the database `of` a stack is done from another one.
async fn elsewhere(stack: &Stack, of: &str) -> Result<base::db::Client> {
    let url = stack.database_url.replacen(&format!("/{of}"), "/postgres", 1);
    let database = base::db::Database::unsupervised(&url.as_str().into(), 1)?;
    database.connect().await.context("the database postgres")
}

/// The lines of retries and dead letters.
async fn failures(stack: &Stack) -> Result<usize> {
    stack.ledger().await?.lines(|line| line.is("retried") || line.is("parked")).await
}

/// As after a failover: the connections end, and the server that answers is a standby.
#[tokio::test]
async fn a_database_that_takes_no_writes_is_unavailable() -> Result<()> {
    let (stack, workers, _, _) = relayed("standby").await?;
    let name =
        stack.database_url.rsplit('/').next().context("a name")?.split('?').next().unwrap_or_default().to_owned();
    let admin = elsewhere(&stack, &name).await?;
    let end = format!(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}' and pid <> pg_backend_pid()"
    );
    admin.batch_execute(&format!("alter database {name} set default_transaction_read_only = on; {end}")).await?;
    // Ingest can still hand over to the broker.
    for worker in &workers[1..] {
        let not_ready = || async { (!worker.readiness().await.ok()?.0).then_some(()) };
        eventually(SOON, not_ready).await.context("a worker is ready without a database that takes writes")?;
    }
    let (_, conditions) = workers[1].readiness().await?;
    assert!(conditions.to_string().contains("read"), "{conditions}");
    let calls = ten_calls(&stack).await?;
    stack.sandbox.delivered(SOON).await?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    admin.batch_execute(&format!("alter database {name} reset default_transaction_read_only")).await?;
    let back = Instant::now();
    all_logged_once(&stack, &calls).await?;
    assert!(back.elapsed() < Duration::from_secs(15), "logged {:?} after its return", back.elapsed());
    assert_eq!(failures(&stack).await?, 0, "nothing is counted or parked");
    stack.down().await
}

/// A session that was writing, and is told between two statements that it may not: the server was demoted without ending connections.
#[tokio::test]
async fn a_connection_that_became_read_only_leaves_the_pool() -> Result<()> {
    let stack = Stack::new("demoted").await?;
    let database = base::db::Database::unsupervised(&stack.database_url.as_str().into(), 1)?;
    let pid = async |client: &base::db::Client| {
        anyhow::Ok(client.query_one("select pg_backend_pid()", &[]).await?.get::<_, i32>(0))
    };
    let client = database.connect().await?;
    let first = pid(&client).await?;
    client.batch_execute("set default_transaction_read_only = on").await?;
    let refused = client.batch_execute("create table taken ()").await.map_err(base::error::Error::from);
    let remedy = refused.expect_err("a write").remedy;
    assert_eq!(remedy, base::error::Remedy::AwaitDatabase);
    drop(client);
    let mut client = database.connect().await?;
    assert_ne!(pid(&client).await?, first);
    let limit: String = client.query_one("show statement_timeout", &[]).await?.get(0);
    assert_eq!(limit, "15s");
    // Work that was given up in the middle of a transaction.
    let second = pid(&client).await?;
    drop(client.transaction().await?);
    drop(client);
    let mut client = database.connect().await?;
    let third = pid(&client).await?;
    assert_ne!(third, second);
    client.transaction().await?.rollback().await?;
    client.transaction().await?.commit().await?;
    drop(client);
    let client = database.connect().await?;
    assert_eq!(pid(&client).await?, third);
    client.batch_execute("create table taken ()").await?;
    // It is the only one. Whoever finds none free waits for it, and nobody else does.
    let busy = database.client().await.err().context("a second connection")?;
    assert!(matches!(busy.remedy, base::error::Remedy::Defer { .. }), "{busy:?}");
    stack.down().await
}

/// As if the server's processes hung: their connections are open, and no answer comes.
#[tokio::test]
async fn connections_that_hang_leave_the_pool() -> Result<()> {
    let (stack, _workers, _, database) = relayed("hung").await?;
    let before = ten_calls(&stack).await?;
    all_logged_once(&stack, &before).await?;
    database.freeze();
    let frozen = Instant::now();
    let mut calls = ten_calls(&stack).await?;
    calls.extend(before);
    all_logged_once(&stack, &calls).await?;
    // A probe notices after five seconds, and a statement after twenty.
    assert!(frozen.elapsed() < Duration::from_secs(45), "logged after {:?}", frozen.elapsed());
    assert_eq!(failures(&stack).await?, 0, "nothing is counted or parked");
    stack.down().await
}

/// The first accepts and is silent, as one that hangs or is cut off.
#[tokio::test]
async fn of_several_hosts_the_one_that_works_is_used() -> Result<()> {
    let mut stack = Stack::new("hosts").await?;
    for (name, url) in [("AMQP_URL", stack.amqp_url.clone()), ("DATABASE_URL", stack.database_url.clone())] {
        let works = authority(&url)?;
        let silent = Relay::to(&works).await?;
        silent.set(State::Stalled);
        let both = url.replacen(&works, &format!("{},{works}", silent.address), 1);
        stack.environment.insert(name.into(), both);
    }
    let _workers = stack.start_all().await?;
    let calls = ten_calls(&stack).await?;
    all_logged_once(&stack, &calls).await?;
    stack.down().await
}

/// PgBouncer in front of a stack's database, in this mode. It ends with the process.
async fn pooler(stack: &Stack, mode: &str) -> Result<(tokio::process::Child, String)> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let database = authority(&stack.database_url)?;
    let (host, database_port) = database.rsplit_once(':').context("a port")?;
    let url = reqwest::Url::parse(&stack.database_url)?;
    let user = url.username();
    let password = url.password().map(|password| format!(" password={password}")).unwrap_or_default();
    let config = format!(
        "[databases]\n* = host={host} port={database_port} user={user}{password}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = any\npool_mode = {mode}\ndefault_pool_size = 60\nserver_tls_sslmode = prefer\n\
         [users]\n"
    );
    let file = stack.logs.join(format!("pgbouncer-{mode}.ini"));
    std::fs::write(&file, config)?;
    let mut command = tokio::process::Command::new(crate::alarm::services(&["pgbouncer"]).await?);
    if std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        // It does not run as root.
        command.args(["-u", "nobody"]);
    }
    let child = command.arg(&file).kill_on_drop(true).spawn().context("PgBouncer")?;
    Ok((child, stack.database_url.replacen(&database, &format!("127.0.0.1:{port}"), 1)))
}

#[tokio::test]
#[ignore = "nightly: installs PgBouncer"]
async fn a_pooler_of_sessions_works_and_one_of_transactions_is_refused() -> Result<()> {
    let mut stack = Stack::new("pooler").await?;
    let (_sessions, url) = pooler(&stack, "session").await?;
    stack.environment.insert("DATABASE_URL".into(), url);
    let _workers = stack.start_all().await?;
    let calls = ten_calls(&stack).await?;
    all_logged_once(&stack, &calls).await?;
    let (_transactions, url) = pooler(&stack, "transaction").await?;
    stack.environment.insert("DATABASE_URL".into(), url);
    let refused = stack.start("resolver").await?;
    let says = || async {
        Some(refused.readiness().await.ok()?.1.to_string()).filter(|said| said.contains("pool_mode = session"))
    };
    eventually(SOON, says).await.with_context(|| format!("it is not refused: {}", refused.output()))?;
    stack.down().await
}

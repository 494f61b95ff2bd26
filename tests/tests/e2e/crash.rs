//! The logger is killed at every request that it makes and between them and the ledger, or the connection breaks there:
//! in the end there is exactly one log, and it is whole.
//!
//! Kill means SIGKILL while Sellsy keeps the logger waiting, before or after it has done the work. Then a new logger finds
//! what the dead one has left. What a dead logger holds up for two minutes is moved on in the ledger, which is how the time
//! passes here ([`Stack::time_passes`]).

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base::ids::Stage;
use serde_json::{Value, json};
use tests::{Process, Stack, eventually};

use crate::{CLIENT, SOON};

/// A request to Sellsy, and whether it never gets there or was carried out when the logger dies.
type Point = (&'static str, &'static str, &'static str);

const TOKEN: &str = "/oauth2/access-tokens";

/// Every request in the order in which a call needs them. After an unclear POST the record is searched for its log.
const PHONE_CALL: [Point; 14] = [
    ("POST", TOKEN, "before"),
    ("POST", TOKEN, "after"),
    ("GET", "/staffs", "before"),
    ("GET", "/staffs", "after"),
    ("POST", "/phone-calls", "before"),
    ("POST", "/phone-calls/search", "before"),
    ("POST", "/phone-calls/search", "after"),
    // Two unclear creations in a row: the first has made nothing, the second has made the log.
    ("POST", "/phone-calls", "after"),
    ("POST", "/phone-calls/search", "before"),
    ("POST", "/phone-calls/search", "after"),
    // It is adopted and written again at once.
    ("PUT", "/phone-calls/{id}", "before"),
    ("PUT", "/phone-calls/{id}", "after"),
    // Once more, in the life of an ordinary log.
    ("PUT", "/phone-calls/{id}", "before"),
    ("PUT", "/phone-calls/{id}", "after"),
];

const COMMENT: [Point; 10] = [
    ("POST", "/comments", "before"),
    ("POST", "/comments/search", "before"),
    ("POST", "/comments/search", "after"),
    ("POST", "/comments", "after"),
    ("POST", "/comments/search", "before"),
    ("POST", "/comments/search", "after"),
    ("PUT", "/comments/{id}", "before"),
    ("PUT", "/comments/{id}", "after"),
    ("PUT", "/comments/{id}", "before"),
    ("PUT", "/comments/{id}", "after"),
];

/// How many of the points above lie in the life of an ordinary log.
const ORDINARY: usize = 2;

fn at((method, path, when): Point, kind: &str) -> Value {
    json!({ "api": "sellsy", "method": method, "path": path, "times": 1, "do": { "kind": kind, "when": when } })
}

/// An answered call with a tag, resolved.
async fn played(stack: &Stack) -> Result<i64> {
    let call = json!({ "direction": "inbound", "raw_digits": CLIENT, "number_id": 1001, "user_id": 501, "answered": true,
                       "after": [{ "event": "call.tagged", "at_s": 40, "tags": ["soon."] }] });
    let id = stack.sandbox.play(&call).await?;
    let database = stack.database().await?;
    let resolved = || async {
        let sql = "select resolved_at is not null from calls where call_id = $1";
        database.query_opt(sql, &[&id]).await.ok()??.get::<_, bool>(0).then_some(id)
    };
    eventually(SOON, resolved).await.context("the call is resolved")
}

/// A stack with everything but a logger.
async fn without_logger(what: &str) -> Result<(Stack, Vec<Process>)> {
    let (stack, mut workers) = Stack::running(what).await?;
    workers.remove(2).kill().await?;
    Ok((stack, workers))
}

async fn nothing_is_parked(stack: &Stack) -> Result<()> {
    for stage in Stage::ALL {
        ensure!(stack.depth(&stack.names.dead(stage)).await? == 0, "{stage:?} has dead letters: {:?}", stack.logs);
    }
    Ok(())
}

/// Kills a logger at each point, one after the other, and checks that there is never a second log.
async fn die_at(stack: &mut Stack, call: i64, points: &[Point], always: &[Value]) -> Result<()> {
    for point in points {
        let faults: Vec<Value> = always.iter().cloned().chain([at(*point, "hang")]).collect();
        stack.sandbox.set_faults(&json!(faults)).await?;
        let mut logger = stack.start("logger").await?;
        // The message may have to come back from the second rung, which is half a minute.
        stack.sandbox.struck(3 * SOON).await.with_context(|| format!("{point:?}: {:?}", stack.logs))?;
        logger.kill().await?;
        let logs = stack.sandbox.logs_of(call).await?.len() + stack.sandbox.newest_comments(call).await?.len();
        ensure!(logs <= 1, "{logs} logs after {point:?}: {:?}", stack.logs);
        stack.time_passes().await?;
    }
    stack.sandbox.set_faults(&json!(always)).await
}

/// A tag comes when the log is there, to a logger that lives long enough to put it off.
async fn late_tag(stack: &mut Stack, call: i64) -> Result<()> {
    let mut logger = stack.start("logger").await?;
    let database = stack.database().await?;
    let adopted = || async {
        let sql = "select digest <> '' from calls where call_id = $1";
        database.query_one(sql, &[&call]).await.ok()?.get::<_, Option<bool>>(0)?.then_some(())
    };
    eventually(SOON, adopted).await.context("the adopted log is written again")?;
    stack.sandbox.tag(call, &mut Value::Null, "late.").await?;
    let put_off = || async {
        let sql = "select due_at is not null and lease_until is null from calls where call_id = $1";
        database.query_one(sql, &[&call]).await.ok()?.get::<_, bool>(0).then_some(())
    };
    eventually(SOON, put_off).await.context("the late tag is put off")?;
    stack.pauses_end().await?;
    logger.kill().await
}

#[tokio::test]
async fn a_logger_killed_at_any_request_leaves_one_whole_log() -> Result<()> {
    let (mut stack, workers) = without_logger("killed").await?;
    let id = played(&stack).await?;
    let (first, ordinary) = PHONE_CALL.split_at(PHONE_CALL.len() - ORDINARY);
    die_at(&mut stack, id, first, &[]).await?;
    late_tag(&mut stack, id).await?;
    die_at(&mut stack, id, ordinary, &[]).await?;
    let logger = stack.start("logger").await?;
    let whole = |log: &Value| log["description"].as_str().is_some_and(|text| text.contains("Tags : soon., late."));
    stack.sandbox.log_of(id, SOON, whole).await.with_context(|| format!("{:?}", stack.logs))?;
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 1);
    nothing_is_parked(&stack).await?;
    drop((workers, logger));
    stack.down().await
}

#[tokio::test]
async fn a_logger_killed_at_any_request_leaves_one_whole_comment() -> Result<()> {
    let (mut stack, workers) = without_logger("killed_comment").await?;
    stack.environment.insert("LOG_FALLBACK".into(), "comment".into());
    let refused =
        json!({ "api": "sellsy", "method": "POST", "path": "/phone-calls", "do": { "kind": "status", "status": 402 } });
    let id = played(&stack).await?;
    let (first, ordinary) = COMMENT.split_at(COMMENT.len() - ORDINARY);
    die_at(&mut stack, id, first, std::slice::from_ref(&refused)).await?;
    late_tag(&mut stack, id).await?;
    die_at(&mut stack, id, ordinary, std::slice::from_ref(&refused)).await?;
    let logger = stack.start("logger").await?;
    let whole = || async {
        let comments = stack.sandbox.newest_comments(id).await.ok()?;
        let text = comments.first()?["description"].as_str()?.to_owned();
        text.contains("Tags : soon., late.").then_some(comments.len())
    };
    assert_eq!(eventually(SOON, whole).await.with_context(|| format!("{:?}", stack.logs))?, 1);
    assert!(stack.sandbox.phone_calls().await?.is_empty());
    nothing_is_parked(&stack).await?;
    drop((workers, logger));
    stack.down().await
}

#[tokio::test]
async fn a_connection_that_breaks_at_any_request_leaves_one_whole_log() -> Result<()> {
    let (mut stack, workers) = without_logger("cut").await?;
    let faults: Vec<Value> = PHONE_CALL.iter().map(|point| at(*point, "cut")).collect();
    stack.sandbox.set_faults(&json!(faults)).await?;
    let id = played(&stack).await?;
    let logger = stack.start("logger").await?;
    // Each fault strikes once. One more tag brings the call back each time, sooner than the ladder would.
    let (mut call, mut tags) = (Value::Null, 0);
    let struck = async {
        while stack.sandbox.struck(Duration::from_millis(250)).await.is_err() {
            stack.pauses_end().await?;
            tags += 1;
            stack.sandbox.tag(id, &mut call, &format!("tag {tags}.")).await?;
        }
        Ok::<_, anyhow::Error>(())
    };
    tokio::time::timeout(4 * SOON, struck).await.with_context(|| format!("not all has struck: {:?}", stack.logs))??;
    let last = format!("tag {tags}.");
    let whole = |log: &Value| log["description"].as_str().is_some_and(|text| text.contains(&last));
    let written = async {
        while stack.sandbox.log_of(id, Duration::from_millis(250), whole).await.is_err() {
            stack.pauses_end().await?;
        }
        Ok::<_, anyhow::Error>(())
    };
    tokio::time::timeout(4 * SOON, written).await.with_context(|| format!("{:?}", stack.logs))??;
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 1);
    nothing_is_parked(&stack).await?;
    drop((workers, logger));
    stack.down().await
}

/// Whether the logger's last statement, by which the ledger gets to know that Sellsy has answered, is still carried out.
const LEDGER_KNOWS: [bool; 2] = [false, true];

#[tokio::test]
async fn a_logger_killed_before_or_after_the_ledger_knows_leaves_one_log() -> Result<()> {
    let (mut stack, workers) = without_logger("killed_ledger").await?;
    for (posts, ledger_knows) in (1..).zip(LEDGER_KNOWS) {
        let id = played(&stack).await?;
        let database = stack.database().await?;
        let slow = json!([{ "api": "sellsy", "method": "POST", "path": "/phone-calls", "times": 1, "do": { "kind": "latency", "ms": 5000 } }]);
        stack.sandbox.set_faults(&slow).await?;
        let mut logger = stack.start("logger").await?;
        stack.sandbox.struck(SOON).await?;
        database.batch_execute("begin").await?;
        database.query("select 1 from calls where call_id = $1 for update", &[&id]).await?;
        let waiting =
            "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        let waits = || async {
            let logged = stack.sandbox.logs_of(id).await.ok()?.len() == 1;
            let waits = !stack.database().await.ok()?.query(waiting, &[]).await.ok()?.is_empty();
            (logged && waits).then_some(())
        };
        eventually(SOON, waits).await.context("the logger waits for the ledger")?;
        if ledger_knows {
            // A process that stands still acks nothing.
            logger.signal("-STOP").await?;
            database.batch_execute("rollback").await?;
            let knows = || async {
                let sql = "select sellsy_id is not null from calls where call_id = $1";
                database.query_one(sql, &[&id]).await.ok()?.get::<_, bool>(0).then_some(())
            };
            eventually(SOON, knows).await.context("the ledger knows")?;
            logger.kill().await?;
        } else {
            logger.kill().await?;
            // Else the dead logger's statement would be carried out as soon as the lock is gone.
            let ended = database.query(&waiting.replace("pid from", "pg_terminate_backend(pid) from"), &[]).await?;
            assert!(!ended.is_empty(), "the logger waits for the ledger");
            database.batch_execute("rollback").await?;
        }
        stack.time_passes().await?;
        let mut logger = stack.start("logger").await?;
        let queue = stack.names.work(Stage::Logger);
        let at_rest = || async {
            let sql = "select sellsy_id is not null and intent_at is null and lease_until is null from calls where call_id = $1";
            let written = database.query_one(sql, &[&id]).await.ok()?.get::<_, bool>(0);
            (written && stack.depth(&queue).await.ok()? == 0).then_some(())
        };
        eventually(SOON, at_rest).await.with_context(|| format!("the call comes to rest: {:?}", stack.logs))?;
        assert_eq!(stack.sandbox.logs_of(id).await?.len(), 1);
        assert_eq!(stack.sandbox.count("sellsy", "POST /phone-calls").await?, posts);
        logger.kill().await?;
    }
    nothing_is_parked(&stack).await?;
    drop(workers);
    stack.down().await
}

//! What waits for the same statement is handled by one: each call gets its own values, and one that is locked or refused costs no other.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result, ensure};
use base::{
    db::{Client, Database, Plans},
    error::Code,
    ids::{CallId, Stage},
};
use futures_util::future::join_all;
use harness::{Stack, eventually};
use jiff::Timestamp;
use ledger::{
    calls::{self, Claiming, Decide, FirstSeen, Lease, Record, Snapshot, Take, TakenAndClaimed, Written},
    form::LogForm,
    resolution::Resolution,
    timeline::{self, Entry, What},
    together::Together,
};
use serde_json::json;
use tokio::time::timeout;
use vendors::aircall::wire::Call;

use crate::SOON;

const CALLS: std::ops::Range<i64> = 3_811_950_000..3_811_950_040;
const AT: &str = "2026-05-04T10:00:00Z";

/// A database with its tables, and a connection to look at it.
async fn ledger(stack: &mut Stack) -> Result<(Database, Client)> {
    let worker = stack.start("logger").await?;
    worker.until_ready(SOON).await?;
    drop(worker);
    Ok((Database::unsupervised(&stack.database_url.as_str().into(), 8)?, stack.connection().await?))
}

fn call(id: i64, more: &serde_json::Value) -> Result<Call> {
    let mut call = json!({
        "id": id, "direction": "inbound", "status": "initial", "raw_digits": "+33 6 39 98 41 07", "started_at": 1_777_888_000,
        "number": { "id": 1, "country": "FR" },
    });
    let (call_fields, more) = (call.as_object_mut().context("a map")?, more.as_object().context("a map")?.clone());
    call_fields.extend(more);
    Ok(serde_json::from_value(call)?)
}

/// Each call's own.
fn resolution(id: i64) -> Result<Resolution> {
    Ok(serde_json::from_value(json!({
        "source": "directory", "rule": "first_individual", "opportunity": null, "opportunity_rule": "none_open",
        "record": { "kind": "individual", "id": id + 1, "name": format!("Person {id}") }, "candidates": [],
    }))?)
}

async fn first_seen(all: &Together<FirstSeen>, id: i64) -> Result<Option<bool>> {
    let (call, at): (_, Timestamp) = (call(id, &json!({}))?, AT.parse()?);
    let view = Snapshot::new("call.created", at, &call);
    let lines = [Entry::new("cards", What::seen("call.created", at))];
    let first = calls::first_seen(all, CallId(id), &view, &resolution(id)?, (None, None), lines).await?;
    Ok(first.map(|first| first.claimed))
}

fn claiming() -> Claiming<'static> {
    let (lease, sent, form) = (Lease::fresh(), calls::Sent::AsRecorded, Some(LogForm::PhoneCall));
    Claiming { lease, ours: &[], sent, form, leaves: true }
}

async fn take(
    takes: &Together<Take>,
    id: i64,
    kind: &str,
    more: serde_json::Value,
) -> Result<TakenAndClaimed, base::error::Error> {
    let call = call(id, &more).map_err(|e| base::error::Error::park(Code::MessageMalformed, e.to_string()))?;
    let at = AT.parse::<Timestamp>().unwrap_or_default() + Duration::from_secs(60);
    let view = Snapshot::new(kind, at, &call);
    let claiming = claiming();
    let fresh = (kind == "call.ended").then_some(Duration::from_secs(3600));
    calls::take_in_and_claim(takes, Stage::Ended, CallId(id), &view, fresh, &claiming).await
}

/// A call's lease and row.
fn claimed(taken: TakenAndClaimed) -> Result<calls::CallRow> {
    match taken {
        TakenAndClaimed::Claimed { claimed: calls::Claimed::Ours(row), decided: Some(_) } => Ok(*row),
        other => anyhow::bail!("not decided and claimed: {other:?}"),
    }
}

#[tokio::test]
async fn each_call_gets_its_own_values_in_one_statement() -> Result<()> {
    let mut stack = Stack::new("together").await?;
    let (database, client) = ledger(&mut stack).await?;
    let (firsts, takes, records) =
        (Together::start(database.clone()), Together::start(database.clone()), Together::start(database.clone()));

    let first = join_all(CALLS.map(|id| first_seen(&firsts, id))).await;
    ensure!(first.iter().all(|first| matches!(first, Ok(Some(true)))), "{first:?}");
    let second = join_all(CALLS.map(|id| first_seen(&firsts, id))).await;
    ensure!(second.iter().all(|second| matches!(second, Ok(None))), "{second:?}");

    let lease = Lease::fresh();
    let ended = join_all(
        CALLS.map(|id| take(&takes, id, "call.ended", json!({ "ended_at": 1_777_888_100, "duration": id % 100 }))),
    )
    .await;
    let rows = ended.into_iter().map(|taken| claimed(taken?)).collect::<Result<Vec<_>>>()?;
    for (id, row) in CALLS.zip(&rows) {
        let calls::Decision::Final { resolution, .. } = &row.decision else { anyhow::bail!("{row:?}") };
        let record = resolution.record.as_ref().context("a record")?;
        let duration = row.snapshot.as_ref().and_then(|call| call.duration);
        ensure!(row.call_id.0 == id && record.id == id + 1 && duration == u64::try_from(id % 100).ok(), "{row:?}");
        ensure!(row.log == calls::Log::Intended(LogForm::PhoneCall), "{row:?}");
    }

    let written = CALLS.zip(&rows).map(|(id, row)| {
        let written =
            Written { form: LogForm::PhoneCall, sellsy_id: id + 2, digest: format!("digest {id}"), left: None };
        let log = timeline::SellsyLog::new(LogForm::PhoneCall, id + 2);
        calls::record_written(&records, row, written, [Entry::new("logger", What::LogUpdated(log))], lease, true)
    });
    for written in join_all(written).await {
        ensure!(written?.is_none(), "the row had changed");
    }
    let mut writes = BTreeSet::new();
    for id in CALLS {
        let sql = "select sellsy_id, written_at, snapshot->>'id', (select array_agg(what order by id) from timeline t where t.call_id = c.call_id)
                     from calls c where call_id = $1";
        let row = client.query_one(sql, &[&id]).await?;
        let (log, written_at): (i64, Timestamp) = (row.get(0), row.get(1));
        let (of, lines): (String, Vec<String>) = (row.get(2), row.get(3));
        ensure!(log == id + 2 && of == id.to_string(), "{log} {of} for {id}");
        ensure!(lines == ["call.created", "call.ended", "log_updated"], "{lines:?}");
        writes.insert(written_at);
    }
    // The first is sent at once, and all others while it runs.
    ensure!(writes.len() < 10, "{} statements for 40 calls", writes.len());
    stack.down().await
}

/// Calls that did not ring, as far as we know.
#[tokio::test]
async fn calls_without_a_card_are_decided_together() -> Result<()> {
    let mut stack = Stack::new("decide").await?;
    let (database, client) = ledger(&mut stack).await?;
    let (takes, decisions) = (Together::start(database.clone()), Together::<Decide>::start(database));
    let ended = CALLS.map(|id| take(&takes, id, "call.ended", json!({ "ended_at": 1_777_888_100 })));
    for taken in join_all(ended).await {
        ensure!(matches!(taken?, TakenAndClaimed::Undecided), "nobody was looked up");
    }
    let locked = CALLS.start + 20;
    client.batch_execute(&format!("begin; select from calls where call_id = {locked} for update")).await?;
    let decide = |id| {
        let decisions = decisions.clone();
        tokio::spawn(
            async move { Ok(calls::decide_and_claim(&decisions, CallId(id), resolution(id)?, &claiming()).await?) },
        )
    };
    let mut all: Vec<_> = CALLS.map(decide).collect();
    let blocked = all.remove(20);
    let others = timeout(Duration::from_secs(3), join_all(all)).await.context("the others wait for the locked call")?;
    let others = others.into_iter().collect::<Result<Result<Vec<_>>, _>>()??;
    ensure!(!blocked.is_finished(), "the call is locked");
    client.batch_execute("commit").await?;
    let blocked = timeout(Duration::from_secs(3), blocked).await???;
    for (id, decided) in CALLS.filter(|id| *id != locked).chain([locked]).zip(others.into_iter().chain([blocked])) {
        let (claimed, by) = decided.context("it was not decided")?;
        let calls::Claimed::Ours(row) = claimed else { anyhow::bail!("{claimed:?}") };
        let calls::Decision::Final { resolution, .. } = &row.decision else { anyhow::bail!("{row:?}") };
        let records = [resolution, &by.resolution].map(|by| by.record.as_ref().map(|record| record.id));
        ensure!(row.call_id.0 == id && records == [Some(id + 1); 2], "{row:?}");
        ensure!(row.log == calls::Log::Intended(LogForm::PhoneCall), "{row:?}");
    }
    let times = "select count(distinct resolved_at) from calls where sellsy_id is null";
    let times: i64 = client.query_one(times, &[]).await?.get(0);
    ensure!(times < 10, "{times} statements for 40 calls");
    for decided in join_all(CALLS.map(decide)).await {
        ensure!(decided??.is_none(), "it was decided before");
    }
    stack.down().await
}

/// Rows of `calls` that were read so far, by all connections that have ended.
async fn rows_read(client: &Client) -> Result<i64> {
    let sql = "select coalesce(seq_tup_read, 0) + (select sum(idx_tup_read)::bigint from pg_stat_user_indexes i where i.relname = 'calls')
                 from pg_stat_user_tables t where t.relname = 'calls'";
    Ok(client.query_one(sql, &[]).await?.get(0))
}

/// A worker's statements are planned once, which may be while its ledger is empty.
#[tokio::test]
async fn plans_of_an_empty_ledger_read_few_rows_of_a_large_one() -> Result<()> {
    const STORED: i64 = 20_000;
    let mut stack = Stack::new("plans").await?;
    let (_, client) = ledger(&mut stack).await?;
    let readiness = base::health::Readiness::default();
    let (condition, end) = (readiness.condition("database"), tokio_util::sync::CancellationToken::new());
    let database = Database::start(&stack.database_url.as_str().into(), 4, Plans::Once, condition, end.clone())?;
    database.available().await;
    let (firsts, takes, records) =
        (Together::start(database.clone()), Together::start(database.clone()), Together::start(database.clone()));
    let decisions = Together::<Decide>::start(database);
    let all = async |calls: std::ops::Range<i64>| -> Result<()> {
        for first in join_all(calls.clone().map(|id| first_seen(&firsts, id))).await {
            ensure!(first? == Some(true), "not the first");
        }
        let ended = calls.clone().map(|id| take(&takes, id, "call.ended", json!({ "ended_at": 1_777_888_100 })));
        let rows = join_all(ended).await.into_iter().map(|taken| claimed(taken?)).collect::<Result<Vec<_>>>()?;
        let written = calls.clone().zip(&rows).map(|(id, row)| {
            let written = Written { form: LogForm::PhoneCall, sellsy_id: id, digest: "digest".into(), left: None };
            calls::record_written(&records, row, written, [], Lease::fresh(), true)
        });
        for written in join_all(written).await {
            written?;
        }
        for id in calls {
            let decided = calls::decide_and_claim(&decisions, CallId(id), resolution(id)?, &claiming()).await?;
            ensure!(decided.is_none(), "it was decided before");
        }
        Ok(())
    };
    // Each text is planned: one of them for one call, and one for many.
    all(CALLS).await?;
    let many = format!(
        "insert into calls (call_id, snapshot, snapshot_at, snapshot_rank)
         select n, jsonb_build_object('id', n, 'raw_digits', '+33 6 39 98 41 07'), now(), 0 from generate_series(1, {STORED}) n"
    );
    client.batch_execute(&many).await?;
    client.batch_execute("select pg_stat_force_next_flush()").await?;
    for n in 1..=5 {
        all(CALLS.start + n * 100..CALLS.end + n * 100).await?;
    }
    end.cancel();
    drop((firsts, takes, records, decisions));
    // What a connection has read is known when it has ended.
    let ended = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'";
    let gone = || async { (client.query_one(ended, &[]).await.ok()?.get::<_, i64>(0) == 0).then_some(()) };
    eventually(SOON, gone).await.context("connections are still open")?;
    let read = rows_read(&client).await?;
    ensure!(read < STORED / 2, "{read} rows of {STORED} were read for 240 calls");
    stack.down().await
}

#[tokio::test]
async fn a_locked_or_refused_call_costs_no_other() -> Result<()> {
    let mut stack = Stack::new("locked").await?;
    let (database, client) = ledger(&mut stack).await?;
    let takes = Together::start(database.clone());
    let all = |kind: &'static str, more: serde_json::Value| {
        let takes = takes.clone();
        join_all(CALLS.map(move |id| {
            let (takes, more) = (takes.clone(), more.clone());
            tokio::spawn(async move { take(&takes, id, kind, more).await })
        }))
    };
    for taken in all("call.created", json!({})).await {
        taken??;
    }

    let locked = CALLS.start + 20;
    client.batch_execute(&format!("begin; select from calls where call_id = {locked} for update")).await?;
    let tagged = json!({ "tags": [{ "id": 1, "name": "Later" }] });
    let mut waits: Vec<_> = CALLS
        .map(|id| {
            let (takes, tagged) = (takes.clone(), tagged.clone());
            tokio::spawn(async move { take(&takes, id, "call.tagged", tagged).await })
        })
        .collect();
    let blocked = waits.remove(20);
    for taken in
        timeout(Duration::from_secs(3), join_all(waits)).await.context("the others wait for the locked call")?
    {
        taken??;
    }
    ensure!(!blocked.is_finished(), "the call is locked");
    // One that comes meanwhile does not wait either.
    let late = take(&takes, CALLS.end + 1, "call.tagged", tagged.clone());
    timeout(Duration::from_secs(3), late).await.context("what comes later waits for the locked call")??;
    client.batch_execute("commit").await?;
    timeout(Duration::from_secs(3), blocked).await???;
    let sql = "select count(*) from calls where snapshot->'tags'->0->>'name' = 'Later'";
    ensure!(client.query_one(sql, &[]).await?.get::<_, i64>(0) == 41, "not all have the tag");

    // PostgreSQL takes no such character.
    let records: Together<Record> = Together::start(database.clone());
    let mut waits = Vec::new();
    for id in CALLS {
        let row = calls::look(&client, CallId(id)).await?.context("the call")?;
        let digest = if id == CALLS.start + 7 { "No\0" } else { "Good" }.to_owned();
        let (records, written) =
            (records.clone(), Written { form: LogForm::PhoneCall, sellsy_id: id, digest, left: None });
        waits.push(tokio::spawn(async move {
            calls::record_written(&records, &row, written, [], Lease::fresh(), true).await
        }));
    }
    for (n, written) in join_all(waits).await.into_iter().enumerate() {
        match written? {
            Err(e) => ensure!(n == 7 && e.code == Code::DatabaseRejected, "{n}: {e}"),
            Ok(_) => ensure!(n != 7, "it was recorded"),
        }
    }
    let sql = "select count(*) from calls where sellsy_id = call_id";
    ensure!(client.query_one(sql, &[]).await?.get::<_, i64>(0) == 39, "not all others are recorded");

    // Twice the same call at the same moment.
    let (one, other) = tokio::join!(
        take(&takes, CALLS.start, "call.tagged", json!({ "tags": [{ "id": 3, "name": "One" }] })),
        take(&takes, CALLS.start, "call.tagged", json!({ "tags": [{ "id": 4, "name": "Other" }] })),
    );
    one?;
    other?;
    let sql = "select jsonb_array_length(snapshot->'tags') from calls where call_id = $1";
    let tags = || async { (client.query_one(sql, &[&CALLS.start]).await.ok()?.get::<_, i32>(0) == 3).then_some(()) };
    eventually(SOON, tags).await.context("a tag is missing")?;
    stack.down().await
}

//! Workers whose role may not change tables: another role migrates.

use anyhow::{Context, Result, ensure};
use harness::{Stack, WORKERS, build::call, eventually};

use crate::{CLIENT, SOON};

const RIGHTS: &str = include_str!("../../deploy/postgres/roles.sql");

#[tokio::test]
async fn workers_need_no_right_to_change_tables() -> Result<()> {
    let mut stack = Stack::new("roles").await?;
    let owner = stack.connection().await?;
    // Roles are the server's, which other tests use, too.
    let role = format!("{}_worker", stack.name);
    owner.batch_execute(&format!("create role {role} login")).await?;
    let owners_url = stack.database_url.clone();
    stack.environment.insert("DATABASE_URL".into(), owners_url.replacen("postgres@", &format!("{role}@"), 1));

    // A worker says what to do.
    let early = stack.start("logger").await?;
    let says = || async {
        let said = early.readiness().await.ok()?.1.to_string();
        Some(said).filter(|said| said.contains("callbridge migrate"))
    };
    eventually(SOON, says).await.context("it does not say what to do")?;

    let workers_url = stack.environment.insert("DATABASE_URL".into(), owners_url).context("it was set")?;
    let (plan, good) = stack.callbridge(&["migrate", "--plan"]).await?;
    ensure!(good && plan.contains("create table calls"), "{plan}");
    let (nothing, _) = stack.callbridge(&["migrate", "--plan"]).await?;
    ensure!(nothing == plan, "a plan changes nothing");
    let (applied, good) = stack.callbridge(&["migrate"]).await?;
    ensure!(good && applied.contains("Applied V1__ledger."), "{applied}");
    let checksum = "select checksum from refinery_schema_history where version = 1";
    let checksum: String = owner.query_one(checksum, &[]).await?.get(0);
    let (again, good) = stack.callbridge(&["migrate"]).await?;
    ensure!(good && again.contains("Nothing to do"), "{again}");
    // A text that is not the one that was applied is noticed, although the newest version is there.
    owner.batch_execute("update refinery_schema_history set checksum = '1' where version = 1").await?;
    let (other, good) = stack.callbridge(&["migrate"]).await?;
    ensure!(!good && other.contains("V1__ledger"), "{other}");
    let (plan, _) = stack.callbridge(&["migrate", "--plan"]).await?;
    let first = plan.contains("create table calls") && plan.contains("-- 1 to apply.");
    ensure!(first, "{plan}");
    let right = format!("update refinery_schema_history set checksum = '{checksum}' where version = 1");
    owner.batch_execute(&right).await?;
    owner.batch_execute(&RIGHTS.replace("callbridge_worker", &role)).await?;
    stack.environment.insert("DATABASE_URL".into(), workers_url);

    early.until_ready(SOON).await.context("it goes on by itself")?;
    let workers = stack.start_all().await?;
    ensure!(workers.len() == WORKERS.len(), "one of each");
    let id = stack.sandbox.play(&call(CLIENT)).await?;
    stack.sandbox.logged(id, SOON).await?;
    let (check, _) = stack.callbridge(&["check"]).await?;
    ensure!(!check.contains("42501") && check.contains("are applied"), "{check}");
    for command in [&["directory", "status"][..], &["forget", CLIENT, "--yes"], &["call", &id.to_string()], &["pins"]] {
        let (said, _) = stack.callbridge(command).await?;
        ensure!(!said.contains("42501") && !said.contains("permission"), "{command:?}: {said}");
    }
    drop((workers, early));
    owner.batch_execute(&format!("drop owned by {role}; drop role {role}")).await?;
    stack.down().await
}

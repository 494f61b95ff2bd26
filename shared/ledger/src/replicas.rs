//! The running processes: every few seconds each worker reports that it is alive and which conditions it lacks.
//!
//! The list is only for people who look at the console; nothing else depends on it. A process that ends removes itself
//! from the list. One that died stays in it for some minutes, with the time when it was last seen.

use std::collections::BTreeMap;

use base::{db::Client, error::Result};
use jiff::Timestamp;
use tokio_postgres::types::Json;
use uuid::Uuid;

/// What a process reports of itself.
#[derive(Clone, Debug)]
pub struct Replica {
    pub instance: Uuid,
    pub worker: String,
    pub host: String,
    pub pid: i32,
    pub version: String,
}

/// A process as it was last seen.
#[derive(Clone, Debug)]
pub struct Seen {
    pub replica: Replica,
    pub started_at: Timestamp,
    pub seen_at: Timestamp,
    /// Why it was not ready, by condition.
    pub missing: BTreeMap<String, String>,
    /// It has not reported for long enough to be considered dead.
    pub silent: bool,
}

impl Replica {
    pub fn of_this_process(worker: &str) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
        Self {
            instance: Uuid::now_v7(),
            worker: worker.into(),
            host: host.map_or_else(|| "unknown".into(), |host| host.trim().to_owned()),
            pid: i32::try_from(std::process::id()).unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION").into(),
        }
    }

    /// Reports that this process is alive; removes those that have been silent for minutes.
    pub async fn report(&self, client: &Client, missing: &BTreeMap<&str, String>) -> Result<()> {
        let sql = "with old as (delete from replicas where seen_at < now() - interval '5 min' and instance <> $1)
                   insert into replicas (instance, worker, host, pid, version, missing) values ($1, $2, $3, $4, $5, $6)
                   on conflict (instance) do update set missing = excluded.missing, seen_at = now()";
        let missing = Json(missing);
        client.execute(sql, &[&self.instance, &self.worker, &self.host, &self.pid, &self.version, &missing]).await?;
        Ok(())
    }

    pub async fn goodbye(&self, client: &Client) -> Result<()> {
        client.execute("delete from replicas where instance = $1", &[&self.instance]).await?;
        Ok(())
    }
}

/// All processes that were seen in the last minutes, by worker and start.
pub async fn seen(client: &Client) -> Result<Vec<Seen>> {
    let sql =
        "select instance, worker, host, pid, version, started_at, seen_at, missing, seen_at < now() - interval '30 s'
                 from replicas where seen_at > now() - interval '5 min'
                order by array_position(array['ingest', 'resolver', 'logger', 'insights', 'followups'], worker), started_at";
    let seen = |r: &tokio_postgres::Row| Seen {
        replica: Replica { instance: r.get(0), worker: r.get(1), host: r.get(2), pid: r.get(3), version: r.get(4) },
        started_at: r.get(5),
        seen_at: r.get(6),
        missing: r.get::<_, Json<BTreeMap<String, String>>>(7).0,
        silent: r.get(8),
    };
    Ok(client.query(sql, &[]).await?.iter().map(seen).collect())
}

//! What workers store beside the calls: the inbox, reconciliation, the version of the tables.

use anyhow::Result;

use super::Ledger;

impl Ledger {
    /// The number of facts that ingest has yet to publish to the broker.
    pub async fn inbox(&self) -> Result<i64> {
        self.value("select count(*) from inbox", &[]).await
    }

    /// Pretends that ingest stored this because it could not reach the broker.
    pub async fn add_to_inbox(&self, kind: &str, body: &str) -> Result<()> {
        self.run("insert into inbox (kind, trace, body) values ($1, 'x', $2)", &[&kind, &body.as_bytes()])
            .await
            .map(drop)
    }

    pub async fn empty_inbox(&self) -> Result<()> {
        self.run_all("delete from inbox").await
    }

    /// Pretends that reconciliation found Aircall's webhook disabled.
    pub async fn disable_webhook(&self) -> Result<()> {
        let sql = "insert into reconciliations (name, since, until, reached, webhook_active)
                   values ('recent', now(), now(), now(), false)
                       on conflict (name) do update set webhook_active = false";
        self.run_all(sql).await
    }

    pub async fn enable_webhook(&self) -> Result<()> {
        self.run_all("update reconciliations set webhook_active = true").await
    }

    /// Whether a backfill has handled anything yet.
    pub async fn backfill_is_under_way(&self) -> Result<bool> {
        let sql = "select count(*) > 0 from reconciliations where name = 'backfill' and reached > since";
        self.value(sql, &[]).await
    }

    /// Pretends that this many calls were erased long ago, and that some more are of the same age and are not.
    pub async fn fill_with_erased(&self, erased: i64, due: i64) -> Result<()> {
        let sql = "insert into calls (call_id, created_at, erased_at)
                   select 2000000000 + n, now() - interval '60 days' + make_interval(secs => n::float8), case when n <= $1::bigint then now() end
                     from generate_series(1, $1::bigint + $2::bigint) n";
        self.run_all("set statement_timeout = 0").await?;
        self.run(sql, &[&erased, &due]).await.map(drop)
    }

    /// The planner learns what is in the table of calls.
    pub async fn analyze_calls(&self) -> Result<()> {
        self.run_all("analyze calls").await
    }

    /// Pretends that a worker of a later version has migrated the tables.
    pub async fn migrate_further(&self) -> Result<()> {
        let newer = "insert into refinery_schema_history (version, name, applied_on, checksum)
                     values (9999, 'later', '2026-11-23T00:00:00Z', '1')";
        self.run_all(newer).await
    }

    /// Pretends that the last migration was not applied.
    pub async fn hide_last_migration(&self) -> Result<()> {
        let hide = "update refinery_schema_history set version = -version
                     where version = (select max(version) from refinery_schema_history)";
        self.run_all(hide).await
    }

    pub async fn show_all_migrations(&self) -> Result<()> {
        self.run_all("update refinery_schema_history set version = abs(version)").await
    }
}

//! The budget of requests.

use anyhow::Result;

use super::Ledger;

impl Ledger {
    /// How many requests to Sellsy a minute allows.
    pub async fn sellsy_minute(&self) -> Result<i32> {
        self.value("select max_requests from budget_windows where api = 'sellsy' and span = 'minute'", &[]).await
    }

    /// How many were taken in the last hours.
    pub async fn sellsy_spent(&self) -> Result<i64> {
        let sql = "select coalesce(sum(n), 0)::bigint from budget_spent where api = 'sellsy' and span = 'hour'";
        self.value(sql, &[]).await
    }

    /// As if so many had been taken in this hour.
    pub async fn spend_sellsy(&self, requests: i32) -> Result<()> {
        let sql = "insert into budget_spent values ('sellsy', 'hour', date_trunc('hour', now()), 1, $1)
                       on conflict (api, span, at, lane) do update set n = excluded.n";
        self.run(sql, &[&requests]).await.map(drop)
    }

    /// APIs that nobody asks for a while.
    pub async fn paused_apis(&self) -> Result<i64> {
        self.value("select count(*) from budgets where paused_until > now()", &[]).await
    }
}

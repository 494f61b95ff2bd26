//! The request budget.

use anyhow::Result;

use super::Ledger;

impl Ledger {
    /// The number of requests to Sellsy allowed per minute.
    pub async fn sellsy_minute(&self) -> Result<i32> {
        self.value("select max_requests from budget_windows where api = 'sellsy' and span = 'minute'", &[]).await
    }

    /// The number of requests taken in the last hours.
    pub async fn sellsy_spent(&self) -> Result<i64> {
        let sql = "select coalesce(sum(n), 0)::bigint from budget_spent where api = 'sellsy' and span = 'hour'";
        self.value(sql, &[]).await
    }

    /// Pretends that this many requests were taken in the current hour.
    pub async fn spend_sellsy(&self, requests: i32) -> Result<()> {
        let sql = "insert into budget_spent values ('sellsy', 'hour', date_trunc('hour', now()), 1, $1)
                       on conflict (api, span, at, lane) do update set n = excluded.n";
        self.run(sql, &[&requests]).await.map(drop)
    }

    /// No worker may send requests to Sellsy for this long, as after a 429. Requests that need not wait longer than their
    /// patience wait.
    pub async fn pause_sellsy(&self, seconds: f64) -> Result<()> {
        let sql = "update budgets set paused_until = now() + make_interval(secs => $1), paused_why = 'a test' where api = 'sellsy'";
        self.run(sql, &[&seconds]).await.map(drop)
    }

    /// For how many more seconds all workers are paused because of Sellsy.
    pub async fn sellsy_pause_s(&self) -> Result<f64> {
        let sql = "select extract(epoch from paused_until - now())::float8 from budgets where api = 'sellsy'";
        self.value(sql, &[]).await
    }

    /// Why logs and all that is less urgent are kept from Sellsy just now; empty if they are not.
    pub async fn sellsy_held(&self) -> Result<String> {
        let sql = "select coalesce((select held_why from budgets where api = 'sellsy' and held_until > now()), '')";
        self.value(sql, &[]).await
    }

    /// For so long, only ringing calls may send requests to Sellsy.
    pub async fn hold_sellsy(&self, seconds: f64) -> Result<()> {
        let sql = "update budgets set held_until = now() + make_interval(secs => $1), held_why = 'a test' where api = 'sellsy'";
        self.run(sql, &[&seconds]).await.map(drop)
    }

    /// How many requests wait for Sellsy, in all processes.
    pub async fn sellsy_waiting(&self) -> Result<i64> {
        let sql = "select coalesce(sum(waiting), 0)::bigint from budget_waiting where api = 'sellsy'
                                                                   and seen_at > now() - interval '5 s'";
        self.value(sql, &[]).await
    }

    /// The processes find no token in the database.
    pub async fn forget_token(&self) -> Result<()> {
        self.run("do $$ begin if to_regclass('tokens') is not null then delete from tokens; end if; end $$", &[])
            .await
            .map(drop)
    }

    /// The APIs that are paused: no worker sends requests to them for now.
    pub async fn paused_apis(&self) -> Result<i64> {
        self.value("select count(*) from budgets where paused_until > now()", &[]).await
    }
}

//! What the console searches calls by, in tables beside their rows.

use anyhow::Result;

use super::Ledger;

impl Ledger {
    /// All calls as the console finds them, in the order of their ids.
    pub async fn searched(&self) -> Result<Vec<String>> {
        let rows = self.rows("select s::text from console_calls s order by call_id", &[]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// The numbers of calls that are settled, that are open, and whether calls from before are still to be entered.
    pub async fn entered(&self) -> Result<(i64, i64, bool)> {
        let sql = "select (select count(*) from calls_searched), (select count(*) from calls_open), exists (select from calls_to_enter)";
        let rows = self.rows(sql, &[]).await?;
        let row = rows.first().ok_or_else(|| anyhow::anyhow!("a row"))?;
        Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
    }

    /// Pretends that all calls were left by a version before migration V30.
    pub async fn not_entered_yet(&self) -> Result<()> {
        let sql = "update calls c set started_at = s.started_at, state = s.state, agent = s.agent, record = s.record,
                          caller_backwards = s.caller_backwards
                     from console_calls s where s.call_id = c.call_id;
                   delete from calls_searched;
                   delete from calls_open;
                   insert into calls_to_enter (up_to) values (0) on conflict (only_row) do update set up_to = 0";
        self.run_all(sql).await
    }

    /// The time at which open calls are looked at has come, but not the time at which they are handed on.
    pub async fn open_calls_are_looked_at(&self) -> Result<()> {
        self.run_all("update calls_open set hand_on_at = now()").await
    }

    /// Whether each open call is looked at no later than it is handed on.
    pub async fn no_call_is_forgotten(&self) -> Result<bool> {
        let sql = "select not exists (select from calls c left join calls_open o using (call_id)
                                       where c.hand_on_at is not null and (o.hand_on_at <= c.hand_on_at) is not true)";
        self.value(sql, &[]).await
    }

    /// Whether the time at which some open call is looked at has passed.
    pub async fn any_is_looked_at(&self) -> Result<bool> {
        self.value("select exists (select from calls_open where hand_on_at <= now())", &[]).await
    }
}

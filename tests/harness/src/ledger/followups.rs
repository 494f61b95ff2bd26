//! What follows from calls.

use anyhow::Result;

use super::Ledger;

impl Ledger {
    /// Pretends that what is gathered is complete, and that requests whose outcome is unclear have ended.
    pub async fn followups_are_due(&self) -> Result<()> {
        self.run_all(
            "update followups set due_at = now(), intent_at = intent_at - interval '1 minute' where over is null",
        )
        .await
    }

    /// For [`Self::followups_as_kept`].
    pub async fn keep_followups(&self) -> Result<()> {
        self.run_all("create table followups_kept as table followups").await
    }

    /// As a standby that lacks what was written since they were kept.
    pub async fn followups_as_kept(&self) -> Result<()> {
        self.run_all("delete from followups").await?;
        self.run_all("insert into followups select * from followups_kept").await
    }

    /// As a ledger that was lost, and has taken over a moment ago.
    pub async fn lose_followups(&self) -> Result<()> {
        self.run_all("delete from followups").await?;
        self.run_all("update ledger_is set since = now()").await
    }

    /// The same, with the text messages.
    pub async fn lose_messages(&self) -> Result<()> {
        self.run_all("delete from messages").await?;
        self.lose_followups().await
    }

    /// Requests without an answer must have ended.
    pub async fn followup_leases_end(&self) -> Result<()> {
        self.run_all("update followups set lease_until = now() where lease_until is not null").await
    }

    /// Nothing of what was due is still to be looked at.
    pub async fn followups_rest(&self) -> Result<bool> {
        let sql = "select not exists (select from followups where over is null and (due_at is not null or lease is not null))";
        self.value(sql, &[]).await
    }

    /// How many text messages are stored with what they say.
    pub async fn messages(&self) -> Result<i64> {
        self.value("select count(*) from messages where body is not null or conversation is not null", &[]).await
    }

    /// Why each is over, or `open`; in the order of their keys.
    pub async fn followups(&self) -> Result<Vec<(String, String)>> {
        let rows = self.0.query("select key, coalesce(over, 'open') from followups order by key", &[]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }
}

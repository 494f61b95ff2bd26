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

    /// As a ledger that was lost, and has taken over a moment ago.
    pub async fn lose_followups(&self) -> Result<()> {
        self.run_all("delete from followups").await?;
        self.run_all("update ledger_is set since = now()").await
    }

    /// Why each is over, or `open`; in the order of their keys.
    pub async fn followups(&self) -> Result<Vec<(String, String)>> {
        let rows = self.0.query("select key, coalesce(over, 'open') from followups order by key", &[]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }
}

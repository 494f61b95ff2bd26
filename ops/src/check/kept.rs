//! The last result of the checks, as every console shows it.

use base::{
    db::{Client, readable},
    error::Result,
};
use jiff::Timestamp;

use super::Finding;

#[derive(Debug)]
pub(crate) struct Kept {
    /// Who asked for it last.
    pub(crate) by: String,
    /// It goes on.
    pub(crate) runs: bool,
    pub(crate) found_at: Option<Timestamp>,
    pub(crate) findings: Vec<Finding>,
}

/// No check lasts longer; a process that has died meanwhile does not keep others from asking.
const LASTS: &str = "interval '2 minutes'";

/// False if one goes on.
pub(crate) async fn begin(client: &Client, by: &str) -> Result<bool> {
    let sql = format!(
        "insert into last_check (asked_by) values ($1)
         on conflict (one) do update set asked_by = $1, begun_at = now(), ended_at = null
          where last_check.ended_at is not null or last_check.begun_at < now() - {LASTS}"
    );
    Ok(client.execute(&sql, &[&by]).await? == 1)
}

pub(crate) async fn end(client: &Client, findings: &[Finding]) -> Result<()> {
    let findings = serde_json::to_value(findings).unwrap_or_default();
    let sql = "update last_check set ended_at = now(), found_at = now(), findings = $1";
    client.execute(sql, &[&findings]).await?;
    Ok(())
}

pub(crate) async fn last(client: &Client) -> Result<Option<Kept>> {
    let sql =
        format!("select asked_by, ended_at is null and begun_at > now() - {LASTS}, found_at, findings from last_check");
    let row = client.query_opt(&sql, &[]).await?;
    Ok(row.map(|row| Kept {
        by: row.get(0),
        runs: row.get(1),
        found_at: row.get(2),
        // Of another version: it is as if there were none.
        findings: readable(&row, 3).unwrap_or_default(),
    }))
}

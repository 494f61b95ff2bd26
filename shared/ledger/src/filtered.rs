//! Calls on numbers that are not in `AIRCALL_NUMBER_IDS`: only their ids, so that their AI events are known to be for nobody.

use std::time::Duration;

use base::{db::Client, error::Result, ids::CallId};

/// Ingest writes it for an ignored webhook, insights after it has asked Aircall.
pub async fn note(client: &Client, call_id: CallId) -> Result<()> {
    let sql = "insert into filtered_calls (call_id) values ($1) on conflict do nothing";
    client.prepared_execute(sql, &[&call_id.0]).await?;
    Ok(())
}

pub async fn has(client: &Client, call_id: CallId) -> Result<bool> {
    let sql = "select from filtered_calls where call_id = $1";
    Ok(client.prepared_query_opt(sql, &[&call_id.0]).await?.is_some())
}

/// Deletes those that are older than `age`: no AI event comes that late.
pub async fn forget_old(client: &Client, age: Duration) -> Result<()> {
    let sql = "delete from filtered_calls where seen_at < now() - make_interval(secs => $1)";
    client.execute(sql, &[&age.as_secs_f64()]).await?;
    Ok(())
}

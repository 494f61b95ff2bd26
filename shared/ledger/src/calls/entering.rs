//! Calls from before migration V30 are entered into the tables beside their rows (docs/decisions/0024). Triggers enter all others.

use base::{db::Client, error::Result};

/// Whether there may be such calls.
pub async fn any_to_enter(client: &Client) -> Result<bool> {
    Ok(client.query_one("select exists (select from calls_to_enter)", &[]).await?.get(0))
}

/// Enters the next ones, up to `at_most`, and returns how many. Their rows are locked until the end of the statement.
pub async fn enter(client: &Client, at_most: i64) -> Result<i64> {
    let sql = "with batch as (select call_id, calls as call from calls
                             where call_id > (select up_to from calls_to_enter)
                             order by call_id limit $1 for no key update),
                    entered as (select call_id, calls_entered(call)::text as entered from batch),
                    last as (select max(call_id) as call_id, count(entered) as n from entered),
                    moved as (update calls_to_enter set up_to = last.call_id from last where n > 0)
               select n from last";
    Ok(client.query_one(sql, &[&at_most]).await?.get(0))
}

/// None is left: the console need not look for such calls any more.
pub async fn all_entered(client: &Client) -> Result<()> {
    Ok(client.batch_execute("delete from calls_to_enter; analyze calls_searched").await?)
}

//! The calls of a stretch of time, for programs that look at all of them.

use base::{db::Client, error::Result, ids::CallId};
use jiff::Timestamp;
use tokio_postgres::types::Json;
use vendors::aircall::wire::Number;

use super::row::{self, CallRow, ROW};

/// Calls of which the ledger has heard since then, in the order of their ids, after the call `last`.
pub async fn since(client: &Client, since: Timestamp, last: CallId, at_most: i64) -> Result<Vec<CallRow>> {
    let sql = format!(
        "select {ROW} from calls where call_id > $1 and created_at >= $2 and snapshot is not null order by call_id limit $3"
    );
    let rows = client.prepared_query(&sql, &[&last.0, &since, &at_most]).await?;
    Ok(rows.iter().map(|row| row::read(row, false)).collect())
}

/// The company's numbers that these calls were on.
pub async fn lines_since(client: &Client, since: Timestamp) -> Result<Vec<Number>> {
    let sql = "select distinct snapshot->'number' from calls where created_at >= $1 and jsonb_typeof(snapshot->'number') = 'object'";
    let rows = client.prepared_query(sql, &[&since]).await?;
    Ok(rows.iter().filter_map(|row| serde_json::from_value(row.get::<_, Json<_>>(0).0).ok()).collect())
}

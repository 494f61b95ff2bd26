//! The timeline of a call: what came in, who was found and why, each API request, what was written.
//!
//! It is read by people who ask "why was this call logged there?". Entries hold no phone number and no text of a
//! note or summary: those stand in the call's row, which retention and erasure clean.

use serde::Serialize;
use serde_json::{Map, Value};
use tokio_postgres::{Client, types::Json};

use crate::{error::Result, event::CallId};

#[derive(Clone, Debug)]
pub struct Entry {
    stage: &'static str,
    what: String,
    detail: Map<String, Value>,
}

impl Entry {
    pub fn new(stage: &'static str, what: impl Into<String>) -> Self {
        Self { stage, what: what.into(), detail: Map::new() }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        self.detail.insert(name.into(), value);
        self
    }
}

/// A line as it was stored.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    pub at: jiff::Timestamp,
    pub stage: String,
    pub what: String,
    pub detail: Value,
}

pub async fn add(client: &Client, call_id: CallId, entries: &[Entry]) -> Result<()> {
    let stages: Vec<&str> = entries.iter().map(|e| e.stage).collect();
    let whats: Vec<&str> = entries.iter().map(|e| e.what.as_str()).collect();
    let details: Vec<Json<&Map<String, Value>>> = entries.iter().map(|e| Json(&e.detail)).collect();
    let sql = "insert into timeline (call_id, stage, what, detail)
               select $1, * from unnest($2::text[], $3::text[], $4::jsonb[])";
    client.execute(sql, &[&call_id.0, &stages, &whats, &details]).await?;
    Ok(())
}

pub async fn of(client: &Client, call_id: CallId) -> Result<Vec<Line>> {
    let sql = "select at, stage, what, detail from timeline where call_id = $1 order by id";
    let rows = client.query(sql, &[&call_id.0]).await?;
    Ok(rows.iter().map(|r| Line { at: r.get(0), stage: r.get(1), what: r.get(2), detail: r.get(3) }).collect())
}

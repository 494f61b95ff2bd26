//! The timeline of a call: what came in, who was found and why, each API request, what was written.
//!
//! It is read by people who ask "why was this call logged there?". Entries hold no phone number and no text of a
//! note or summary: those stand in the call's row, which retention and erasure clean.

use std::time::Duration;

use base::{db::Client, error::Result, ids::CallId};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio_postgres::{Row, types::Json};
use vendors::sent::{self, Sent};

#[derive(Clone, Debug)]
pub struct Entry {
    stage: &'static str,
    what: String,
    detail: Map<String, Value>,
    /// How long ago it was when it is written down.
    age: Duration,
}

impl Entry {
    pub fn new(stage: &'static str, what: impl Into<String>) -> Self {
        Self { stage, what: what.into(), detail: Map::new(), age: Duration::ZERO }
    }

    fn ago(self, age: Duration) -> Self {
        Self { age, ..self }
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

/// Writes lines, as part of a statement whose first five parameters are the call and [`Lines::values`].
pub(super) const WRITE: &str = "insert into timeline (call_id, stage, what, detail, at)
               select $1::bigint, stage, what, detail, clock_timestamp() - make_interval(secs => age)
                 from unnest($2::text[], $3::text[], $4::jsonb[], $5::float8[]) with ordinality as t (stage, what, detail, age, n)
                order by n";

/// Stages, what, details, ages.
type Values<'a> = (Vec<&'a str>, Vec<&'a str>, Vec<Json<&'a Map<String, Value>>>, Vec<f64>);

/// Lines to be written, and before them the requests that the message in hand has caused so far; these wait for other lines if
/// they are not written after all.
pub(super) struct Lines {
    requests: Vec<Sent>,
    /// The requests' lines are the first of them.
    all: Vec<Entry>,
}

impl Lines {
    pub(super) fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        let requests = sent::take_requests();
        let all = requests.iter().map(requested).chain(entries).collect();
        Self { requests, all }
    }

    /// By the database's clock alone, because it is one and the workers have many: so ages, not times.
    pub(super) fn values(&self) -> Values<'_> {
        let all = &self.all;
        (
            all.iter().map(|e| e.stage).collect(),
            all.iter().map(|e| e.what.as_str()).collect(),
            all.iter().map(|e| Json(&e.detail)).collect(),
            all.iter().map(|e| e.age.as_secs_f64()).collect(),
        )
    }

    /// Takes leave of the lines: they are written, or their statement has failed.
    pub(super) fn after<T>(self, written: Result<T, tokio_postgres::Error>) -> Result<T> {
        if written.is_err() {
            sent::restore_requests(self.requests);
        }
        Ok(written?)
    }
}

/// An API request as a line: the endpoint with its ids left out, the status and how long it took.
fn requested(request: &Sent) -> Entry {
    let ms = u64::try_from(request.took.as_millis()).unwrap_or(u64::MAX);
    let mut entry =
        Entry::new(request.stage, "request").with("api", request.vendor.as_str()).with("request", request.endpoint);
    entry = match request.status {
        0 => entry.with("status", "no answer"),
        status => entry.with("status", status),
    };
    if request.times > 1 {
        entry = entry.with("times", request.times);
    }
    entry.with("ms", ms).ago(request.ended.elapsed())
}

/// Writes these lines, and before them the requests that the message in hand has caused so far.
pub async fn add(client: &Client, call_id: CallId, entries: impl IntoIterator<Item = Entry>) -> Result<()> {
    let lines = Lines::of(entries);
    if lines.all.is_empty() {
        return Ok(());
    }
    let (stages, whats, details, ages) = lines.values();
    let written = client.prepared_execute(WRITE, &[&call_id.0, &stages, &whats, &details, &ages]).await;
    lines.after(written).map(drop)
}

pub async fn of(client: &Client, call_id: CallId) -> Result<Vec<Line>> {
    let sql = "select at, stage, what, detail from timeline where call_id = $1 order by at, id";
    let rows = client.prepared_query(sql, &[&call_id.0]).await?;
    Ok(rows.iter().map(|r| Line { at: r.get(0), stage: r.get(1), what: r.get(2), detail: r.get(3) }).collect())
}

/// The last failures of all calls, newest first.
pub async fn failures(client: &Client, most: i64) -> Result<Vec<(CallId, Line)>> {
    let sql = "select call_id, at, stage, what, detail from timeline
                where what in ('parked', 'retried') order by id desc limit $1";
    let rows = client.prepared_query(sql, &[&most]).await?;
    let line = |r: &Row| Line { at: r.get(1), stage: r.get(2), what: r.get(3), detail: r.get(4) };
    Ok(rows.iter().map(|r| (CallId(r.get(0)), line(r))).collect())
}

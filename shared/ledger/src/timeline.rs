//! The timeline of a call: what came in, who was found and why, each API request, what was written.
//!
//! People read it to learn why a call was logged where it was. Entries hold no phone number and no text of a note or
//! summary: those are stored in the call's row, which retention and erasure clean.
//!
//! A line is a [`What`] with its details, a [`Reason`] among them; it becomes a sentence where it is shown. It is
//! stored under a key that never changes, so a sentence can be reworded at any time. A line of another version is shown
//! as it was written.
//!
//! A line that nothing waits for goes through [`Timeline`], which writes many with one statement. The others are written with the fact that they
//! report, or by [`add`].

use std::{sync::LazyLock, time::Duration};

use base::{
    db::Client,
    error::{Error, Result},
    ids::{CallId, Stage},
};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;
use tokio_postgres::{Row, types::ToSql};
use vendors::sent::{self, Sent};

use super::resolution::Resolution;

mod gathered;
mod legacy;
mod reason;
pub mod samples;
pub(super) mod stored;
mod what;

pub use gathered::Timeline;
pub use reason::Reason;
pub use what::{Answer, ApiRequest, CommentLine, DeadLetter, Decision, Failure, Seen, SellsyLog, TaskLine, View, What};

#[derive(Clone, Debug)]
pub struct Entry {
    stage: &'static str,
    pub(super) what: What,
    /// How old the line's event is when the line is written.
    age: Duration,
}

impl Entry {
    pub fn new(stage: &'static str, what: What) -> Self {
        Self { stage, what, age: Duration::ZERO }
    }

    fn ago(self, age: Duration) -> Self {
        Self { age, ..self }
    }
}

/// A line as it was stored.
#[derive(Clone, Debug)]
pub struct Line {
    pub at: Timestamp,
    pub stage: String,
    pub what: What,
}

/// For programs: the sentence, and beside it the key and the details that they compare.
impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            at: Timestamp,
            stage: &'a str,
            what: String,
            key: String,
            detail: Value,
        }
        let (key, detail) = self.what.columns();
        Shown { at: self.at, stage: &self.stage, what: self.what.to_string(), key, detail }.serialize(serializer)
    }
}

/// Lines as columns, for a statement whose first five parameters are the call and [`Lines::values`]. In the order of `n`.
pub(super) const LINES: &str = "$1::bigint, stage, what, detail, clock_timestamp() - make_interval(secs => age)
                 from unnest($2::text[], $3::text[], $4::jsonb[], $5::float8[]) with ordinality as t (stage, what, detail, age, n)";

/// Writes lines, as part of such a statement.
pub(super) static WRITE: LazyLock<String> =
    LazyLock::new(|| format!("insert into timeline (call_id, stage, what, detail, at) select {LINES} order by n"));

/// Writes lines of several calls if `condition`, as part of a statement whose second to sixth parameters are [`ManyLines::values`].
pub(super) fn write_many(condition: &str) -> String {
    format!(
        "insert into timeline (call_id, stage, what, detail, at)
         select id, stage, what, detail, clock_timestamp() - make_interval(secs => age)
           from unnest($2::bigint[], $3::text[], $4::text[], $5::jsonb[], $6::float8[]) with ordinality as t (id, stage, what, detail, age, n)
          where {condition} order by n"
    )
}

/// Stages, what, details, ages.
type Values<'a> = (Vec<&'a str>, Vec<String>, Vec<Value>, Vec<f64>);

/// Lines to be written, preceded by the requests that the current message has caused so far. If the statement fails,
/// those requests are kept and written with later lines.
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

    /// Ages instead of times: the database's one clock computes the times, because the workers have many clocks.
    pub(super) fn values(&self) -> Values<'_> {
        let all = &self.all;
        let (whats, details) = all.iter().map(|e| e.what.columns()).unzip();
        (all.iter().map(|e| e.stage).collect(), whats, details, all.iter().map(|e| e.age.as_secs_f64()).collect())
    }

    /// For a statement that writes those of several calls.
    pub(super) fn owned(&self) -> OwnLines {
        self.all.iter().map(|e| (e.stage, e.what.columns(), e.age)).collect()
    }

    /// The statement has not written them, and nobody will: the requests are kept and written with later lines.
    pub(super) fn unwritten(self) {
        sent::restore_requests(self.requests);
    }

    /// Ends the use of the lines: they are written, or their statement has failed.
    pub(super) fn after<T, E>(self, written: Result<T, E>) -> Result<T>
    where
        Error: From<E>,
    {
        if written.is_err() {
            sent::restore_requests(self.requests);
        }
        Ok(written?)
    }
}

/// Lines as columns, each with its stage and its age.
pub(super) type OwnLines = Vec<(&'static str, (String, Value), Duration)>;

/// The lines of several calls, as columns.
#[derive(Default)]
pub(super) struct ManyLines<'a> {
    calls: Vec<i64>,
    stages: Vec<&'a str>,
    whats: Vec<&'a str>,
    details: Vec<&'a Value>,
    ages: Vec<f64>,
}

impl<'a> ManyLines<'a> {
    pub(super) fn of(all: impl IntoIterator<Item = (CallId, &'a OwnLines)>) -> Self {
        let mut many = Self::default();
        for (call_id, lines) in all {
            for (stage, (what, detail), age) in lines {
                many.calls.push(call_id.0);
                many.stages.push(stage);
                many.whats.push(what);
                many.details.push(detail);
                many.ages.push(age.as_secs_f64());
            }
        }
        many
    }

    pub(super) fn values(&self) -> [&(dyn ToSql + Sync); 5] {
        [&self.calls, &self.stages, &self.whats, &self.details, &self.ages]
    }
}

/// An API request as a line: the endpoint with its ids left out, the status and how long it took.
fn requested(request: &Sent) -> Entry {
    let what = What::Request(ApiRequest {
        api: request.vendor,
        request: request.endpoint.into(),
        status: if request.status == 0 { Answer::None } else { Answer::Status(request.status) },
        times: (request.times > 1).then_some(request.times),
        ms: u64::try_from(request.took.as_millis()).unwrap_or(u64::MAX),
    });
    Entry::new(request.stage, what).ago(request.ended.elapsed())
}

/// The lines of a decision, written by the replica that made it.
pub fn decided(by: &Resolution, looked_up_at: Timestamp, card_shown: bool) -> Vec<Entry> {
    let no_card = (!card_shown && by.record.is_some()).then_some(What::NoCardShown {});
    let decision = Decision { looked_up_at: Some(looked_up_at), ..Decision::from(by) };
    let lines = no_card.into_iter().chain([What::Decided(decision)]);
    lines.map(|what| Entry::new(Stage::Resolver.as_str(), what)).collect()
}

/// Writes these lines, preceded by the requests that the current message has caused so far.
pub async fn add(client: &Client, call_id: CallId, entries: impl IntoIterator<Item = Entry>) -> Result<()> {
    let lines = Lines::of(entries);
    if lines.all.is_empty() {
        return Ok(());
    }
    let (stages, whats, details, ages) = lines.values();
    let written = client.prepared_execute(&WRITE, &[&call_id.0, &stages, &whats, &details, &ages]).await;
    lines.after(written).map(drop)
}

pub async fn of(client: &Client, call_id: CallId) -> Result<Vec<Line>> {
    let sql = "select at, stage, what, detail from timeline where call_id = $1 order by at, id";
    let rows = client.prepared_query(sql, &[&call_id.0]).await?;
    Ok(rows.iter().map(|r| line(r, 0)).collect())
}

/// The last failures of all calls, newest first. The condition is that of the index `timeline_failures`.
pub async fn failures(client: &Client, most: i64) -> Result<Vec<(CallId, Line)>> {
    let sql = "select call_id, at, stage, what, detail from timeline
                where what in ('parked', 'retried') order by id desc limit $1";
    let rows = client.prepared_query(sql, &[&most]).await?;
    Ok(rows.iter().map(|r| (CallId(r.get(0)), line(r, 1))).collect())
}

/// Reads the columns at, stage, what, detail.
fn line(row: &Row, first: usize) -> Line {
    let what = What::read(row.get(first + 2), row.get(first + 3));
    Line { at: row.get(first), stage: row.get(first + 1), what }
}

#[cfg(test)]
mod tests;

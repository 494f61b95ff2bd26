//! How far the phone directory is. The resolver reads it and keeps its tables; this is all that ingest knows of them.

use base::{
    db::Client,
    error::{Code, Result},
};
use jiff::{SignedDuration, Timestamp};

/// How far one kind of record is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) kind: String,
    /// All records were read once.
    pub(super) is_loaded: bool,
    /// All records are being read, again or for the first time; so many of them were.
    pub(super) is_passing: bool,
    pub(super) pass_rows: i64,
    /// How long ago that was which was read last.
    pub(super) unread_for: Option<SignedDuration>,
    /// The last turn has failed.
    pub(super) has_problem: bool,
    /// It has because Sellsy refuses the credential.
    pub(super) is_refused: bool,
}

pub(super) async fn progress(client: &Client) -> Result<Vec<Progress>> {
    let sql = "select kind, loaded_at is not null, pass_started_at is not null and pass_ended_at is null, pass_rows,
                      changes_until, problem is not null, coalesce(starts_with(problem, $1), false), now()
                 from directory_sync order by kind";
    let rows = client.prepared_query(sql, &[&Code::SellsyCredential.as_str()]).await?;
    let progress = |row: &tokio_postgres::Row| {
        let (changes_until, now): (Option<Timestamp>, Timestamp) = (row.get(4), row.get(7));
        Progress {
            kind: row.get(0),
            is_loaded: row.get(1),
            is_passing: row.get(2),
            pass_rows: row.get(3),
            unread_for: changes_until.map(|until| now.duration_since(until)),
            has_problem: row.get(5),
            is_refused: row.get(6),
        }
    };
    Ok(rows.iter().map(progress).collect())
}

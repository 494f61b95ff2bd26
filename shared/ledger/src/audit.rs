//! What people and their programs did by hand: who, when, of what, with what result.
//!
//! An act is written down before it begins, so that it stands here also if its process dies meanwhile: then it has no result.
//! Subjects and details hold ids, codes and masked numbers, never a name, a number or a text of a call.

use std::time::Duration;

use base::{db::Client, error::Result};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;

/// An act that begins.
#[derive(Clone, Debug)]
pub struct Act<'a> {
    pub who: &'a str,
    pub role: &'a str,
    /// `page`, `json` or `command`.
    pub way: &'a str,
    pub act: &'a str,
    pub subject: Value,
}

/// How an act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    Done,
    /// Not allowed, not possible, or not what was asked for; nothing was done.
    Refused,
    /// It was tried.
    Failed,
}

impl Ended {
    fn as_str(self) -> &'static str {
        match self {
            Ended::Done => "done",
            Ended::Refused => "refused",
            Ended::Failed => "failed",
        }
    }
}

/// An act as it was kept.
#[derive(Clone, Debug, Serialize)]
pub struct Kept {
    pub id: i64,
    pub at: Timestamp,
    pub who: String,
    pub role: String,
    pub way: String,
    pub act: String,
    pub subject: Value,
    /// `None`: it goes on, or its process ended before it was over.
    pub result: Option<String>,
    pub detail: Option<String>,
    pub ended_at: Option<Timestamp>,
}

/// Which acts are read; those before an id, newest first.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub who: Option<String>,
    pub act: Option<String>,
    pub before: Option<i64>,
    pub most: i64,
}

pub async fn begin(client: &Client, act: &Act<'_>) -> Result<i64> {
    let sql = "insert into audit (who, role, way, act, subject) values ($1, $2, $3, $4, $5) returning id";
    let row = client.query_one(sql, &[&act.who, &act.role, &act.way, &act.act, &act.subject]).await?;
    Ok(row.get(0))
}

/// The first end of an act counts.
pub async fn end(client: &Client, id: i64, ended: Ended, detail: Option<&str>) -> Result<()> {
    let sql = "update audit set result = $2, detail = $3, ended_at = now() where id = $1 and result is null";
    client.execute(sql, &[&id, &ended.as_str(), &detail]).await?;
    Ok(())
}

pub async fn read(client: &Client, wanted: &Wanted) -> Result<Vec<Kept>> {
    let sql = "select id, at, who, role, way, act, subject, result, detail, ended_at from audit
                where ($1::text is null or who = $1) and ($2::text is null or act = $2) and ($3::bigint is null or id < $3)
                order by id desc limit $4";
    let rows = client.query(sql, &[&wanted.who, &wanted.act, &wanted.before, &wanted.most]).await?;
    Ok(rows.iter().map(kept).collect())
}

fn kept(row: &Row) -> Kept {
    Kept {
        id: row.get(0),
        at: row.get(1),
        who: row.get(2),
        role: row.get(3),
        way: row.get(4),
        act: row.get(5),
        subject: row.get(6),
        result: row.get(7),
        detail: row.get(8),
        ended_at: row.get(9),
    }
}

/// Everybody who has done something, and everything that was done.
pub async fn names(client: &Client) -> Result<(Vec<String>, Vec<String>)> {
    let distinct = async |column: &str| -> Result<Vec<String>> {
        let sql = format!("select distinct {column} from audit order by 1 limit 500");
        Ok(client.query(&sql, &[]).await?.iter().map(|row| row.get(0)).collect())
    };
    Ok((distinct("who").await?, distinct("act").await?))
}

/// Deletes what is older than `age`.
pub async fn forget_old(client: &Client, age: Duration) -> Result<()> {
    let sql = "delete from audit where at < now() - make_interval(secs => $1)";
    client.execute(sql, &[&age.as_secs_f64()]).await?;
    Ok(())
}

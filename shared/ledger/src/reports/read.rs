//! Figures of several days, added up.

use std::{collections::BTreeMap, sync::LazyLock};

use base::{db::Client, error::Result};
use jiff::{Timestamp, civil::Date};
use serde::Serialize;
use tokio_postgres::Row;

use super::{Part, Sums};

static SUMMED: LazyLock<String> = LazyLock::new(|| {
    let sums: Vec<_> = Sums::NAMES.iter().map(|name| format!("sum({name})::bigint")).collect();
    sums.join(", ")
});

/// From column `first` on.
fn sums(row: &Row, first: usize) -> Sums {
    Sums::of((first..first + Sums::NAMES.len()).map(|at| row.get::<_, Option<i64>>(at).unwrap_or(0)))
}

/// Of a part by its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    pub key: String,
    pub sums: Sums,
}

/// Which of many keys: so many, those with the most calls, of at least so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Top {
    pub most: i64,
    pub least: i64,
}

/// What is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Summed {
    All,
    /// Calls by direction, missed ones, and talk time: a third of the work.
    Few,
}

const FEW: [&str; 4] = ["inbound", "missed", "outbound", "talked_s"];

/// From a day on, and before another. Those with the most calls come first.
pub async fn by_key(
    client: &Client,
    part: Part,
    (from, until): (Date, Date),
    top: Top,
    summed: Summed,
) -> Result<Vec<By>> {
    let sum = |name: &&str| match summed {
        Summed::Few if !FEW.contains(name) => "0::bigint".to_owned(),
        _ => format!("sum({name})::bigint"),
    };
    let sums_of: Vec<_> = Sums::NAMES.iter().map(sum).collect();
    let sql = format!(
        "select key, {} from report_figures where part = $1 and day >= $2 and day < $3 group by key
         having sum(inbound) + sum(outbound) >= $5 order by sum(inbound) + sum(outbound) desc, sum(talked_s) desc, key limit $4",
        sums_of.join(", ")
    );
    let rows = client.query(&sql, &[&part.as_str(), &from, &until, &top.most, &top.least]).await?;
    Ok(rows.iter().map(|row| By { key: row.get(0), sums: sums(row, 1) }).collect())
}

/// All calls of each day that has any.
pub async fn by_day(client: &Client, (from, until): (Date, Date)) -> Result<BTreeMap<Date, Sums>> {
    let sql = format!(
        "select day, {} from report_figures where part = 'all' and day >= $1 and day < $2 group by day",
        *SUMMED
    );
    let rows = client.query(&sql, &[&from, &until]).await?;
    Ok(rows.iter().map(|row| (row.get(0), sums(row, 1))).collect())
}

/// By the day of the week, Monday is 1, and the hour.
pub async fn by_weekday_and_hour(client: &Client, (from, until): (Date, Date)) -> Result<BTreeMap<(i8, i8), Sums>> {
    let sql = format!(
        "select extract(isodow from day)::int, key::int, {} from report_figures where part = 'hour' and day >= $1 and day < $2 group by 1, 2",
        *SUMMED
    );
    let small = |row: &Row, at: usize| i8::try_from(row.get::<_, i32>(at)).unwrap_or(0);
    let rows = client.query(&sql, &[&from, &until]).await?;
    Ok(rows.iter().map(|row| ((small(row, 0), small(row, 1)), sums(row, 2))).collect())
}

/// What these keys are called.
pub async fn names(client: &Client, part: Part, keys: &[&str]) -> Result<BTreeMap<String, String>> {
    let sql = "select key, name from report_names where part = $1 and key = any($2)";
    let rows = client.query(sql, &[&part.as_str(), &keys]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Whether each of these days was computed after its end.
pub async fn are_complete(client: &Client, (from, until): (Date, Date)) -> Result<bool> {
    let sql = "select count(*) = $2::date - $1::date from report_days
                where day >= $1 and day < $2 and computed_at >= (day + 1)::timestamp at time zone zone";
    Ok(client.query_one(sql, &[&from, &until]).await?.get(0))
}

/// How far the figures are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// All days from this one on are there. `None`: none is.
    pub since: Option<Date>,
    /// When the newest one was computed.
    pub computed_at: Option<Timestamp>,
    /// Days that are still to be computed, or again.
    pub to_compute: i64,
}

pub async fn progress(client: &Client) -> Result<Progress> {
    let sql = "with latest as (select max(day) filter (where computed_at is null) as gap from report_days)
               select min(day) filter (where computed_at is not null and day > coalesce(gap, '-infinity')), max(computed_at),
                      count(*) filter (where computed_at is null or changes <> known)
                 from report_days, latest";
    let row = client.query_one(sql, &[]).await?;
    Ok(Progress { since: row.get(0), computed_at: row.get(1), to_compute: row.get(2) })
}

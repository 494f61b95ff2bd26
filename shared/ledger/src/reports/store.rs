//! Which days are computed, and their figures.

use std::sync::LazyLock;

use base::{db::Client, error::Result};
use jiff::{Timestamp, civil::Date};
use tokio_postgres::types::ToSql;

use super::{Figures, Part, Sums, changed::forget_names};

/// A day as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownDay {
    pub day: Date,
    pub zone: String,
    pub computed_at: Option<Timestamp>,
    /// Something of it has changed since.
    pub has_changed: bool,
}

pub async fn days(client: &Client) -> Result<Vec<KnownDay>> {
    let sql = "select day, zone, computed_at, changes <> known from report_days order by day";
    let known = |row: &tokio_postgres::Row| KnownDay {
        day: row.get(0),
        zone: row.get(1),
        computed_at: row.get(2),
        has_changed: row.get(3),
    };
    Ok(client.query(sql, &[]).await?.iter().map(known).collect())
}

/// When the first call began that the ledger knows; of one that is not settled yet, when the ledger heard of it.
pub async fn first_call(client: &Client) -> Result<Option<Timestamp>> {
    let sql = "select least((select started_at from calls_searched order by started_at limit 1),
                            (select min(created_at) from calls_open join calls using (call_id)))";
    Ok(client.query_one(sql, &[]).await?.get(0))
}

/// A day is about to be computed: as the ledger is now, with the changes that are known.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    day: Date,
    at: Timestamp,
    changes: i32,
}

pub async fn begin(client: &Client, day: Date, zone: &str) -> Result<Begun> {
    let sql = "insert into report_days as d (day, zone) values ($1, $2)
               on conflict (day) do update set zone = excluded.zone returning changes, clock_timestamp()";
    let row = client.query_one(sql, &[&day, &zone]).await?;
    Ok(Begun { day, at: row.get(1), changes: row.get(0) })
}

/// Stores the figures, unless something of the day has changed since it was begun: then it is computed again. `may_shrink` is false of a day some of
/// whose calls may have been erased by their age: fewer calls than before are not stored.
pub async fn store(client: &mut Client, begun: Begun, figures: &Figures, may_shrink: bool) -> Result<bool> {
    static INSERT: LazyLock<String> = LazyLock::new(|| {
        let arrays: Vec<_> = (4..).take(Sums::NAMES.len()).map(|n| format!("${n}::int[]")).collect();
        format!(
            "insert into report_figures (day, part, key, {}) select $1, t.* from unnest($2::text[], $3::text[], {}) t",
            Sums::NAMES.join(", "),
            arrays.join(", ")
        )
    });
    let calls = figures.sums.get(&(Part::All, String::new())).map_or(0, Sums::calls);
    let calls = i32::try_from(calls).unwrap_or(i32::MAX);
    let transaction = client.transaction().await?;
    // Whoever erases calls of the day holds this row, or waits for it.
    let row = transaction
        .query_one(
            "select changes, calls, computed_at is not null from report_days where day = $1 for update",
            &[&begun.day],
        )
        .await?;
    if row.get::<_, i32>(0) != begun.changes {
        transaction.rollback().await?;
        return Ok(false);
    }
    let is_kept = !may_shrink && row.get::<_, bool>(2) && row.get::<_, i32>(1) > calls;
    let note = "update report_days set computed_at = $2, known = $3, calls = case when $5 then calls else $4 end where day = $1";
    transaction.execute(note, &[&begun.day, &begun.at, &begun.changes, &calls, &is_kept]).await?;
    if !is_kept {
        transaction.execute("delete from report_figures where day = $1", &[&begun.day]).await?;
        let parts: Vec<&str> = figures.sums.keys().map(|(part, _)| part.as_str()).collect();
        let keys: Vec<&str> = figures.sums.keys().map(|(_, key)| key.as_str()).collect();
        let mut columns = vec![Vec::with_capacity(keys.len()); Sums::NAMES.len()];
        for sums in figures.sums.values() {
            for (column, value) in columns.iter_mut().zip(sums.values()) {
                column.push(i32::try_from(value).unwrap_or(i32::MAX));
            }
        }
        let mut values: Vec<&(dyn ToSql + Sync)> = vec![&begun.day, &parts, &keys];
        values.extend(columns.iter().map(|column| column as &(dyn ToSql + Sync)));
        transaction.execute(INSERT.as_str(), &values).await?;
        let of = |get: fn(&((Part, String), String)) -> String| -> Vec<String> {
            figures.names.iter().map(|(of, name)| get(&(of.clone(), name.clone()))).collect()
        };
        let names = "insert into report_names as n (day, part, key, name)
                     select $1, t.* from unnest($2::text[], $3::text[], $4::text[]) t
                     on conflict (part, key) do update set name = excluded.name, day = excluded.day where n.day <= excluded.day";
        let (parts, keys) = (of(|((part, _), _)| part.as_str().to_owned()), of(|((_, key), _)| key.clone()));
        transaction.execute(names, &[&begun.day, &parts, &keys, &of(|(_, name)| name.clone())]).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

/// Deletes figures of days before `all`, and before `details` those that could lead to a person; then names that stand nowhere any more.
pub async fn forget_before(client: &Client, all: Date, details: Date) -> Result<()> {
    let old = "delete from report_figures where day < $1 or part = any($2) and day < $3";
    let removed = client.execute(old, &[&all, &Part::kept_as_calls(), &details]).await?;
    client.execute("delete from report_days where day < $1", &[&all]).await?;
    client.execute("delete from report_messages where week < $1", &[&all]).await?;
    if removed > 0 {
        forget_names(client).await?;
    }
    Ok(())
}

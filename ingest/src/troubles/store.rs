//! The table `troubles`.

use base::{db::Client, error::Result, settings::AlertKind};
use jiff::Timestamp;
use tokio_postgres::Row;

use super::{Look, State, Trouble};

/// Everything that was ever looked at.
pub(crate) async fn all(client: &Client) -> Result<Vec<Trouble>> {
    let sql = "select kind, subject, amount, since, seen_at, until from troubles order by kind, subject";
    Ok(client.prepared_query(sql, &[]).await?.iter().filter_map(trouble).collect())
}

/// Notes what a look has found. Two replicas that look at the same time take turns.
pub(crate) async fn note(client: &mut Client, looks: &[Look]) -> Result<()> {
    let now = client.now().await?;
    let transaction = client.transaction().await?;
    let kinds: Vec<&str> = looks.iter().map(|look| look.kind.as_str()).collect();
    let before = "select kind, subject, amount, since, seen_at, until from troubles
                   where kind = any($1) order by kind, subject for update";
    let before: Vec<Trouble> = transaction.query(before, &[&kinds]).await?.iter().filter_map(trouble).collect();
    let changed: Vec<Trouble> = looks.iter().filter_map(|look| change(look, &before, now)).collect();
    if changed.is_empty() {
        return Ok(transaction.commit().await?);
    }
    let kinds: Vec<&str> = changed.iter().map(|trouble| trouble.kind.as_str()).collect();
    let subjects: Vec<&str> = changed.iter().map(|trouble| trouble.subject.as_str()).collect();
    let amounts: Vec<i64> = changed.iter().map(|trouble| trouble.amount).collect();
    let times: Vec<Times> = changed.iter().map(|trouble| times(trouble.state)).collect();
    let since: Vec<_> = times.iter().map(|times| times.since).collect();
    let seen_at: Vec<_> = times.iter().map(|times| times.seen_at).collect();
    let until: Vec<_> = times.iter().map(|times| times.until).collect();
    let sql = "insert into troubles (kind, subject, amount, since, seen_at, until)
               select kind, subject, amount, since, seen_at, until
                 from unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[])
                      as new(kind, subject, amount, since, seen_at, until) order by 1, 2
               on conflict (kind, subject) do update
                  set amount = excluded.amount, since = excluded.since, seen_at = excluded.seen_at, until = excluded.until";
    transaction.execute(sql, &[&kinds, &subjects, &amounts, &since, &seen_at, &until]).await?;
    Ok(transaction.commit().await?)
}

/// What becomes of the row; `None` if it stays as it is.
fn change(look: &Look, before: &[Trouble], now: Timestamp) -> Option<Trouble> {
    let before = before.iter().find(|trouble| trouble.kind == look.kind && trouble.subject == look.subject);
    let state = before.map_or(State::Well, |trouble| trouble.state).after(look.is_wrong, look.patience, now);
    let after = Trouble { kind: look.kind, subject: look.subject.clone(), amount: look.amount, state };
    (before != Some(&after)).then_some(after)
}

#[derive(Default)]
struct Times {
    since: Option<Timestamp>,
    seen_at: Option<Timestamp>,
    until: Option<Timestamp>,
}

fn times(state: State) -> Times {
    match state {
        State::Well => Times::default(),
        State::Suspected { since, seen_at } => Times { since: Some(since), seen_at: Some(seen_at), until: None },
        State::Wrong { since } => Times { since: Some(since), ..Times::default() },
        State::Mended { since, until } => Times { since: Some(since), until: Some(until), seen_at: None },
    }
}

/// `None` for a kind that only a newer version knows.
fn trouble(row: &Row) -> Option<Trouble> {
    let state = match (row.get(3), row.get(4), row.get(5)) {
        (None, ..) => State::Well,
        (Some(since), _, Some(until)) => State::Mended { since, until },
        (Some(since), Some(seen_at), None) => State::Suspected { since, seen_at },
        (Some(since), None, None) => State::Wrong { since },
    };
    Some(Trouble { kind: AlertKind::parse(row.get(0))?, subject: row.get(1), amount: row.get(2), state })
}

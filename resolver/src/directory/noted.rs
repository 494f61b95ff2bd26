//! What Sellsy has reported as changed, until it is read.

use base::{db::Client, error::Result, ids::Kind};
use broker::event::RecordHint;
use jiff::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Record(RecordHint),
    /// Its id.
    Opportunity(i64),
}

impl Subject {
    /// What it is, and its id.
    pub(crate) fn key(self) -> (String, i64) {
        match self {
            Self::Record(RecordHint { kind, id }) => (kind.to_string(), id),
            Self::Opportunity(id) => ("opportunity".to_owned(), id),
        }
    }
}

/// Something that Sellsy has reported.
pub(crate) struct Noted {
    pub(crate) subject: Subject,
    at: Timestamp,
}

pub(crate) async fn note(client: &Client, subject: Subject) -> Result<()> {
    match subject {
        Subject::Record(RecordHint { kind, id }) => {
            let sql = "insert into directory_hints (kind, id) values ($1, $2)
                       on conflict (kind, id) do update set noted_at = greatest(now(), directory_hints.noted_at)";
            client.prepared_execute(sql, &[&kind.to_string(), &id]).await?;
        }
        Subject::Opportunity(id) => {
            let sql = "insert into opportunity_hints (id) values ($1)
                       on conflict (id) do update set noted_at = greatest(now(), opportunity_hints.noted_at)";
            client.prepared_execute(sql, &[&id]).await?;
        }
    }
    Ok(())
}

/// The first of what is noted.
pub(crate) async fn noted(client: &Client, at_most: usize) -> Result<Vec<Noted>> {
    let sql = "select kind, id, noted_at from directory_hints
               union all
               select null, id, noted_at from opportunity_hints
                order by noted_at limit $1";
    let rows = client.prepared_query(sql, &[&i64::try_from(at_most).unwrap_or(i64::MAX)]).await?;
    let noted = |row: &tokio_postgres::Row| {
        let (kind, id): (Option<&str>, i64) = (row.get(0), row.get(1));
        let subject = match kind {
            None => Subject::Opportunity(id),
            Some(kind) => Subject::Record(RecordHint { kind: Kind::parse(kind)?, id }),
        };
        Some(Noted { subject, at: row.get(2) })
    };
    Ok(rows.iter().filter_map(noted).collect())
}

/// It was read, unless it was reported again meanwhile.
pub(crate) async fn followed(client: &Client, noted: &Noted) -> Result<()> {
    match noted.subject {
        Subject::Record(RecordHint { kind, id }) => {
            let sql = "delete from directory_hints where kind = $1 and id = $2 and noted_at = $3";
            client.prepared_execute(sql, &[&kind.to_string(), &id, &noted.at]).await?;
        }
        Subject::Opportunity(id) => {
            let sql = "delete from opportunity_hints where id = $1 and noted_at = $2";
            client.prepared_execute(sql, &[&id, &noted.at]).await?;
        }
    }
    Ok(())
}

/// Requests a turn, and with it a pass of the opportunities if one is noted, and forgets all that is noted, in one statement: what is
/// noted meanwhile is kept. Returns how many there were. Not more than once a minute, because each turn reads again what the last one may
/// have missed.
pub(crate) async fn request_turn_instead(client: &Client) -> Result<i64> {
    let sql = "with turn as (update directory_sync set requested_at = now(), problem = null
                              where coalesce(requested_at, '-infinity') < now() - interval '1 min' returning 1),
                    records as (delete from directory_hints where exists (select from turn) returning 1),
                    opportunities as (delete from opportunity_hints where exists (select from turn) returning 1),
                    pass as (update opportunities_read set pass_requested_at = clock_timestamp()
                              where exists (select from opportunities))
               select (select count(*) from records) + (select count(*) from opportunities)";
    Ok(client.prepared_query_one(sql, &[]).await?.get(0))
}

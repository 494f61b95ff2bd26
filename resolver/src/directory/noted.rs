//! What Sellsy has reported as changed, until it is read.

use base::{db::Client, error::Result, ids::Kind};
use broker::event::RecordHint;
use jiff::Timestamp;

/// How an opportunity is stored among the kinds of records.
const OPPORTUNITY: &str = "opportunity";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Record(RecordHint),
    /// Its id.
    Opportunity(i64),
}

impl Subject {
    pub(crate) fn key(self) -> (String, i64) {
        match self {
            Self::Record(RecordHint { kind, id }) => (kind.to_string(), id),
            Self::Opportunity(id) => (OPPORTUNITY.to_owned(), id),
        }
    }

    /// `None` for a kind of a later version.
    fn read(kind: &str, id: i64) -> Option<Self> {
        match kind {
            OPPORTUNITY => Some(Self::Opportunity(id)),
            kind => Some(Self::Record(RecordHint { kind: Kind::parse(kind)?, id })),
        }
    }
}

/// Something that Sellsy has reported.
pub(crate) struct Noted {
    pub(crate) subject: Subject,
    at: Timestamp,
}

pub(crate) async fn note(client: &Client, subject: Subject) -> Result<()> {
    let sql = "insert into directory_hints (kind, id) values ($1, $2)
               on conflict (kind, id) do update set noted_at = greatest(now(), directory_hints.noted_at)";
    let (kind, id) = subject.key();
    client.prepared_execute(sql, &[&kind, &id]).await?;
    Ok(())
}

/// The first of what is noted.
pub(crate) async fn noted(client: &Client, at_most: usize) -> Result<Vec<Noted>> {
    let sql = "select kind, id, noted_at from directory_hints order by noted_at limit $1";
    let rows = client.prepared_query(sql, &[&i64::try_from(at_most).unwrap_or(i64::MAX)]).await?;
    let noted =
        |row: &tokio_postgres::Row| Some(Noted { subject: Subject::read(row.get(0), row.get(1))?, at: row.get(2) });
    Ok(rows.iter().filter_map(noted).collect())
}

/// It was read, unless it was reported again meanwhile.
pub(crate) async fn followed(client: &Client, noted: &Noted) -> Result<()> {
    let sql = "delete from directory_hints where kind = $1 and id = $2 and noted_at = $3";
    let (kind, id) = noted.subject.key();
    client.prepared_execute(sql, &[&kind, &id, &noted.at]).await?;
    Ok(())
}

/// Requests a turn, and with it a pass of the opportunities if one is noted, and forgets all that is noted, in one statement: what is
/// noted meanwhile is kept. Returns how many there were. Not more than once a minute, because each turn reads again what the last one may
/// have missed.
pub(crate) async fn request_turn_instead(client: &Client) -> Result<i64> {
    let sql = "with turn as (update directory_sync set requested_at = now(), problem = null
                              where coalesce(requested_at, '-infinity') < now() - interval '1 min' returning 1),
                    gone as (delete from directory_hints where exists (select from turn) returning kind),
                    opportunities as (update opportunities_read set pass_at = null
                                       where exists (select from gone where kind = $1))
               select count(*) from gone";
    Ok(client.prepared_query_one(sql, &[&OPPORTUNITY]).await?.get(0))
}

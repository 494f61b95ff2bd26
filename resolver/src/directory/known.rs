//! What is known of a number, read at once: most calls need no more of the directory. Look-ups that come together are one statement.

use std::sync::{
    LazyLock,
    atomic::{AtomicI64, Ordering},
};

use base::{
    db::{Client, Database, Failure},
    error::Result,
    ids::Kind,
    phone::{E164, Region},
    settings::Matching,
};
use jiff::Timestamp;
use ledger::{
    resolution::RecordRef,
    together::{Locked, Together, Values},
};
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};
use vendors::sellsy::wire::{Opportunity, RecordKind, Related};

use super::{
    opportunities::Stored,
    store::{COMPANIES_KEPT_S, Entry, entry},
};
use crate::pins::Pinned;

/// What is known of a number.
#[derive(Debug)]
pub struct Known {
    pub(crate) pin: Option<Pinned>,
    /// All records with this number that count for the line's country, in the order in which the rules prefer them.
    pub records: Vec<Entry>,
    /// The opportunities of the customer who most probably counts: the first record, or its first company.
    pub(crate) opportunities: Option<(Related, Stored)>,
}

/// A number, for a line in a country.
struct Wanted {
    nth: i64,
    number: E164,
    line: String,
    matching: Matching,
}

/// The directory's numbers; clones share its statement.
#[derive(Clone)]
pub struct Numbers(Together<Wanted>);

impl Numbers {
    pub fn of(database: Database) -> Self {
        Self(Together::start(database))
    }

    /// What is known of this number for a line in this country.
    pub async fn known(&self, number: &E164, line: Region, matching: Matching) -> Result<Known> {
        // Nothing is written, so one statement may ask twice for the same number.
        static NTH: AtomicI64 = AtomicI64::new(0);
        let nth = NTH.fetch_add(1, Ordering::Relaxed);
        let rows = self.0.rows(Wanted { nth, number: number.clone(), line: line.to_string(), matching }).await?;
        Ok(read(&rows))
    }
}

impl Values for Wanted {
    fn key(&self) -> i64 {
        self.nth
    }

    async fn run(client: &Client, all: &[Self], _: Locked) -> Result<Vec<Row>, Failure> {
        static SQL: LazyLock<String> = LazyLock::new(|| {
            let opportunities = |of: &str| {
                format!(
                    "select jsonb_agg(jsonb_build_object('id', id, 'name', name, 'status', status, 'created', created_at))
                       from directory_opportunities where {of}"
                )
            };
            // A guess whose opportunities are needed: the rules decide, and ask for others if it was wrong.
            let (individuals, companys) =
                (opportunities("individual_id = f.id"), opportunities("company_id = f.company_id"));
            format!(
                "select w.nth as of_key, k.*
                   from unnest($1::bigint[], $2::text[], $3::text[], $4::bool[], $5::bool[]) as w (nth, number, line, archived, newest_first)
                        cross join lateral (
                        with f as (
                            select r.kind, r.id, r.record, r.companies, r.companies_at + make_interval(secs => $6) as until, r.seen_at,
                                   case r.kind when 'company' then r.id when 'contact' then (r.companies->0->>'id')::bigint end as company_id,
                                   row_number() over (order by r.archived and not w.archived,
                                                               array_position(array['individual', 'company', 'contact'], r.kind),
                                                               case when w.newest_first then -r.id else r.id end) as n
                              from directory_numbers d join directory_records r using (kind, id)
                             where d.number = w.number and (d.only_for is null or d.only_for = w.line))
                        select f.record, f.companies, f.until, f.seen_at, now() as now, p.kind as pinned_kind, p.id as pinned_id, p.pinned_by, p.pinned_at,
                               read_at, extract(epoch from now() - read_at)::float8 as read_age, f.company_id,
                               case when f.n = 1 then case when f.kind = 'individual' then ({individuals}) else ({companys}) end end as open, f.n
                          from opportunities_read left join pins p on p.number = w.number left join f on true) k
                  order by w.nth, k.n"
            )
        });
        let nths: Vec<i64> = all.iter().map(|wanted| wanted.nth).collect();
        let numbers: Vec<&str> = all.iter().map(|wanted| wanted.number.as_str()).collect();
        let lines: Vec<&str> = all.iter().map(|wanted| &*wanted.line).collect();
        let archived: Vec<bool> = all.iter().map(|wanted| wanted.matching.archived).collect();
        let newest_first: Vec<bool> = all.iter().map(|wanted| wanted.matching.newest_first).collect();
        let values: [&(dyn ToSql + Sync); 6] = [&nths, &numbers, &lines, &archived, &newest_first, &COMPANIES_KEPT_S];
        client.prepared_query(&SQL, &values).await
    }
}

fn read(rows: &[Row]) -> Known {
    let first = rows.first();
    let records: Vec<Entry> = rows.iter().filter_map(entry).collect();
    let customer = records.first().and_then(|entry| match entry.record.kind {
        Kind::Individual => Some(Related { kind: RecordKind::Individual, id: entry.record.id }),
        Kind::Company | Kind::Contact => {
            Some(Related { kind: RecordKind::Company, id: first?.get::<_, Option<_>>("company_id")? })
        }
    });
    let opportunities = customer.zip(first).map(|(customer, row)| {
        let open: Option<Json<Vec<Opportunity>>> = row.get("open");
        let open = open.map(|Json(open)| open).unwrap_or_default();
        let stored = Stored::new(row.get("read_at"), row.get("read_age"), open, &customer);
        (customer, stored)
    });
    let pin = first.and_then(|row| {
        let kind = Kind::parse(row.get::<_, Option<_>>("pinned_kind")?)?;
        let (id, by, at): (i64, _, Timestamp) = (row.get("pinned_id"), row.get("pinned_by"), row.get("pinned_at"));
        Some(Pinned { record: RecordRef { kind, id }, by, at })
    });
    Known { pin, records, opportunities }
}

//! The calls that the figures of a day are made of, as far as they have to be known.

use base::{
    db::{self, Client},
    error::Result,
    ids::CallId,
};
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::{
    calls::with_number,
    insight::Sentiment,
    missed::{self, Seen},
    resolution::Opportunity,
};

/// A call of the day.
#[derive(Clone, Debug)]
pub struct DayCall {
    pub seen: Seen,
    pub opportunity: Option<Opportunity>,
    pub has_insights: bool,
    pub topics: Vec<String>,
    /// Of the AI, of each who took part.
    pub moods: Vec<Sentiment>,
    /// There was a call with this number before it.
    pub has_called_before: bool,
    /// Its caller was written down in Sellsy because of this call.
    pub made_its_record: bool,
}

/// Notes and names are not read: only whether there are any, and who the agent was.
const FIELDS: &str = "direction jsonb, status jsonb, started_at jsonb, answered_at jsonb, ended_at jsonb, raw_digits jsonb, voicemail jsonb, asset jsonb,
                      number jsonb, \"user\" jsonb, teams jsonb, tags jsonb";

/// Those that began in this time, in the order in which they did. Calls whose data were deleted are not among them.
pub async fn of_day(client: &Client, from: Timestamp, until: Timestamp) -> Result<Vec<DayCall>> {
    let sql = format!(
        "select c.call_id, jsonb_strip_nulls(to_jsonb(s) || jsonb_build_object('id', c.call_id,
                    'comments', case when jsonb_typeof(c.snapshot->'comments') = 'array' and c.snapshot->'comments' <> '[]' then jsonb_build_array(jsonb_build_object('id', 1)) end)),
                case when resolution is not null then jsonb_build_object('rule', r.rule, 'rule_key', r.rule_key, 'record', r.record) end,
                resolved_at is not null, nullif(r.opportunity, 'null'), c.insights <> '{{}}', c.insights->'topics'->'topics',
                c.insights->'sentiment'->'participants',
                exists (select from calls_searched e
                         where e.caller_backwards ~>=~ left(d.caller_backwards, 9) and e.caller_backwards ~<~ (left(d.caller_backwards, 9) || ':')
                           and e.started_at < d.started_at),
                exists (select from followups f where f.key = 'prospect:' || c.call_id and f.sellsy_id is not null)
           from (select call_id, started_at, caller_backwards from console_calls where started_at >= $1 and started_at < $2) d
           join calls c on c.call_id = d.call_id,
                lateral jsonb_to_record(c.snapshot) s({FIELDS}),
                lateral jsonb_to_record(coalesce(c.resolution, '{{}}')) r(rule jsonb, rule_key jsonb, record jsonb, opportunity jsonb)
          where c.snapshot is not null and c.erased_at is null order by d.started_at, c.call_id"
    );
    let one = |row: &Row| {
        Some(DayCall {
            seen: missed::one(row)?,
            opportunity: db::readable(row, 4),
            has_insights: row.get(5),
            topics: db::readable(row, 6).unwrap_or_default(),
            moods: db::readable(row, 7).unwrap_or_default(),
            has_called_before: row.get(8),
            made_its_record: row.get(9),
        })
    };
    Ok(client.query(&sql, &[&from, &until]).await?.iter().filter_map(one).collect())
}

/// The calls with any of the numbers that end in these digits, in no order.
pub async fn with_numbers(client: &Client, digits: &[&str], from: Timestamp, until: Timestamp) -> Result<Vec<Seen>> {
    let of_one = format!("{} and started_at >= $2 and started_at < $3", with_number("n.digits"));
    let sql = missed::select(&format!("select f.call_id from unnest($1::text[]) n(digits), lateral ({of_one}) f"));
    let mut seen: Vec<Seen> =
        client.query(&sql, &[&digits, &from, &until]).await?.iter().filter_map(missed::one).collect();
    seen.sort_by_key(|seen: &Seen| -> CallId { seen.call_id });
    Ok(seen)
}

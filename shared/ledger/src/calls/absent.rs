//! Calls that could have AI insights and have none.

use std::sync::LazyLock;

use base::{db::Client, error::Result, ids::CallId};

/// So many are asked for at once: each costs some requests.
const AT_ONCE: i64 = 30;
/// When the call ended.
const ENDED: &str =
    "case when jsonb_typeof(snapshot->'ended_at') = 'number' then to_timestamp((snapshot->>'ended_at')::float8) end";
/// Answered, and of a duration between these two (`$1`, `$2`).
const COULD_HAVE_SOME: &str = "erased_at is null and jsonb_typeof(snapshot->'answered_at') = 'number'
                    and case when jsonb_typeof(snapshot->'duration') = 'number' then (snapshot->>'duration')::float8 end > $1::float8
                    and (snapshot->>'duration')::float8 < $2::float8";

/// The same, and over for an hour.
fn eligible() -> String {
    format!("{COULD_HAVE_SOME} and {ENDED} < now() - interval '1 hour'")
}

/// Calls whose insights' webhooks may have been lost, with the kinds that they may have brought. If the ledger has just taken over from one of which it may
/// lack something: calls of the last hour before that, and of the minutes in which it was noticed; first those that ended closest to it, because insights come
/// within minutes. It may have taken over several times: for each call the closest time counts. And calls that Aircall's list has brought in within the last hours: what lost their webhooks, or what the ledger knew of them, may have lost
/// these, too. A call lacks what it does not have and other calls of its line had today; of action items it may lack one of several. Also if it waits for one:
/// that message may be lost as well.
pub async fn may_have_lost_insights(
    client: &Client,
    more_than_s: u32,
    less_than_s: u32,
) -> Result<Vec<(CallId, Vec<String>)>> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "with recent as materialized (
                 select c.call_id, erased_at, reconciled_at, snapshot, snapshot->'number'->>'id' as line,
                        array(select distinct split_part(key, ':', 1) from jsonb_object_keys(insights) key) as kinds
                   from (select call_id from console_calls where started_at > now() - interval '12 hours') s join calls c using (call_id)),
                  took_over as (select at from ledger_is, unnest(earlier || since) at where at > now() - interval '2 hours'),
                  had as (select line, array_agg(distinct kind order by kind) as kinds from recent, unnest(kinds) kind group by line)
             select call_id, lacking
               from recent c join had using (line)
               join lateral (select array(select kind from unnest(had.kinds) kind where kind = 'action_item' or kind <> all(c.kinds)) as lacking) l
                 on lacking <> '{{}}'
               left join lateral (select reconciled_at as at where reconciled_at > now() - interval '2 hours' and {ENDED} < now() - interval '5 minutes') brought on true
               join lateral (select at from (select at from took_over
                                              where {ENDED} between at - interval '1 hour' and least(at + interval '10 minutes', now() - interval '5 minutes')
                                             union all
                                             select brought.at where brought.at is not null) reasons
                              order by abs(extract(epoch from {ENDED} - at)) limit 1) lost (at) on true
              where {COULD_HAVE_SOME}
                and not exists (select from timeline t where t.call_id = c.call_id and t.what = 'insights_asked_for' and t.at > greatest(lost.at, brought.at))
              order by abs(extract(epoch from {ENDED} - lost.at)), call_id limit {AT_ONCE}"
        )
    });
    let has_reason = "select from ledger_is where since > now() - interval '2 hours'
                      union all
                      (select from console_calls s join calls c using (call_id)
                        where s.started_at > now() - interval '12 hours' and c.reconciled_at > now() - interval '2 hours' limit 1)
                      limit 1";
    if client.prepared_query_opt(has_reason, &[]).await?.is_none() {
        return Ok(Vec::new());
    }
    let rows = client.prepared_query(&SQL, &[&f64::from(more_than_s), &f64::from(less_than_s)]).await?;
    Ok(rows.iter().map(|row| (CallId(row.get(0)), row.get(1))).collect())
}

/// Notes on the timeline of each such call of the last twelve hours that no insight has come, once. Returns of how many.
pub async fn note_absent_insights(client: &Client, more_than_s: u32, less_than_s: u32) -> Result<u64> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "insert into timeline (call_id, stage, what, detail)
             select call_id, 'insights', 'no_insights_came', '{{}}'
               from (select call_id from console_calls
                      where started_at between now() - interval '12 hours' and now() - interval '1 hour') s
               join calls c using (call_id)
              where insights = '{{}}' and insights_awaited is null and {}
                and not exists (select from timeline t where t.call_id = c.call_id and t.what = 'no_insights_came')",
            eligible()
        )
    });
    Ok(client.prepared_execute(&SQL, &[&f64::from(more_than_s), &f64::from(less_than_s)]).await?)
}

/// A line of the company, and its last calls that could have insights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineInsights {
    pub line: String,
    pub calls: i64,
    pub with_insights: i64,
}

/// The last twenty such calls of each line in the last week.
pub async fn insights_by_line(client: &Client, more_than_s: u32, less_than_s: u32) -> Result<Vec<LineInsights>> {
    let sql = format!(
        "select line, count(*), count(*) filter (where has) from (
             select coalesce(snapshot->'number'->>'name', snapshot->'number'->>'digits', '?') as line, insights <> '{{}}' as has,
                    row_number() over (partition by snapshot->'number'->>'id' order by s.started_at desc) as n
               from (select call_id, started_at from console_calls
                      where started_at between now() - interval '7 days' and now() - interval '1 hour') s
               join calls using (call_id)
              where insights_awaited is null and {}) last
          where n <= 20 group by line order by line",
        eligible()
    );
    let rows = client.prepared_query(&sql, &[&f64::from(more_than_s), &f64::from(less_than_s)]).await?;
    let of =
        |row: &tokio_postgres::Row| LineInsights { line: row.get(0), calls: row.get(1), with_insights: row.get(2) };
    Ok(rows.iter().map(of).collect())
}

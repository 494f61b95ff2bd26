//! The figures of reports.

use anyhow::Result;

use super::Ledger;

impl Ledger {
    /// All rows of the figures of a part (`all`, `company` …), and what their keys are called.
    pub async fn report_rows(&self, part: &str) -> Result<Vec<String>> {
        let sql = "select f::text || coalesce(' ' || n.name, '') from report_figures f left join report_names n using (part, key)
                    where f.part = $1 order by f.day, f.key";
        self.rows(sql, &[&part]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// The names of all keys.
    pub async fn report_names(&self) -> Result<Vec<String>> {
        let rows =
            self.rows("select part || ' ' || key || ' ' || name from report_names order by part, key", &[]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// So many logged calls, evenly over so many days: on 20 lines, of 100 agents in 10 teams, of 20,000 companies with 30,000 opportunities, from
    /// 200,000 numbers; a fifth is missed, a quarter outbound, a third has insights with one of 300 topics.
    pub async fn fill_for_reports(&self, calls: i64, days: i64) -> Result<()> {
        let sql = "insert into calls (call_id, created_at, snapshot, snapshot_at, snapshot_rank, resolution, looked_up_at, resolved_at, insights,
                                      sellsy_id, digest, written_at, log_form, writes)
                   select 1000000000 + n, at,
                          jsonb_build_object('id', 1000000000 + n, 'status', 'done',
                              'direction', case when n % 4 = 0 then 'outbound' else 'inbound' end,
                              'started_at', s, 'answered_at', case when n % 5 > 0 then s + 3 + n % 70 end, 'ended_at', s + 90 + n % 300,
                              'duration', 90 + n % 300, 'raw_digits', '+336' || lpad((n * 7919 % 200000)::text, 8, '3'),
                              'number', jsonb_build_object('id', 1001 + n % 20, 'name', 'Ligne ' || n % 20, 'country', 'FR'),
                              'user', case when n % 5 > 0 then jsonb_build_object('id', 501 + n % 100, 'name', 'Agent ' || n % 100) end,
                              'teams', jsonb_build_array(jsonb_build_object('id', 701 + n % 10, 'name', 'Équipe ' || n % 10)),
                              'tags', case when n % 3 = 0 then jsonb_build_array(jsonb_build_object('id', 1, 'name', 'VIP')) else '[]' end),
                          at, 1,
                          jsonb_build_object('source', 'directory', 'rule', 'the only record with this number', 'rule_key', jsonb_build_object('key', 'only_record'),
                              'record', jsonb_build_object('kind', 'company', 'id', 3001 + n * 31 % 20000, 'name', 'Société ' || n * 31 % 20000),
                              'opportunity', jsonb_build_object('id', 6001 + n * 17 % 30000, 'name', 'Devis ' || n * 17 % 30000, 'status', 'open'),
                              'opportunity_rule', 'x', 'candidates', '[]'::jsonb),
                          at, at,
                          case when n % 3 > 0 then '{}'::jsonb else jsonb_build_object(
                              'topics', jsonb_build_object('kind', 'topics', 'at', at, 'topics', jsonb_build_array('sujet ' || n % 300)),
                              'sentiment', jsonb_build_object('kind', 'sentiment', 'at', at, 'participants',
                                  jsonb_build_array(jsonb_build_object('internal', false, 'value', (array['POSITIVE', 'NEUTRAL', 'NEGATIVE'])[1 + n % 7 % 3])))) end,
                          5000000 + n, 'x', at, 'phone_call', 1
                     from (select n, now() - make_interval(secs => n * $2::float8 * 86400 / $1::bigint) as at from generate_series(1, $1::bigint) n) i,
                          lateral (select extract(epoch from at)::bigint as s) t";
        self.run_all("set statement_timeout = 0").await?;
        self.run(sql, &[&calls, &(days as f64)]).await?;
        self.run_all("analyze calls; analyze calls_searched").await
    }

    /// How many days are computed, and how many rows of figures there are.
    pub async fn report_size(&self) -> Result<(i64, i64)> {
        let sql = "select (select count(*) from report_days where computed_at is not null), (select count(*) from report_figures)";
        let rows = self.rows(sql, &[]).await?;
        let row = rows.first().ok_or_else(|| anyhow::anyhow!("a row"))?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }
}

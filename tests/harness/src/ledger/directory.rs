//! The phone directory.

use anyhow::Result;

use super::Ledger;

impl Ledger {
    /// Whether all records of Sellsy have been read.
    pub async fn directory_is_loaded(&self) -> Result<bool> {
        self.value("select count(*) = 3 from directory_sync where loaded_at is not null", &[]).await
    }

    /// The number of records of a kind that the first load has read so far.
    pub async fn directory_progress(&self, kind: &str) -> Result<i64> {
        self.value("select coalesce(sum(pass_rows), 0)::bigint from directory_sync where kind = $1", &[&kind]).await
    }

    /// Whether a turn was requested, and has been made since.
    pub async fn directory_has_turned_on_request(&self) -> Result<bool> {
        self.value("select count(*) > 0 from directory_sync where turned_at > requested_at", &[]).await
    }

    /// Whether a turn was requested that no resolver has made yet.
    pub async fn directory_is_requested(&self) -> Result<bool> {
        let sql = "select count(*) > 0 from directory_sync where requested_at > coalesce(turned_at, '-infinity')";
        self.value(sql, &[]).await
    }

    /// Whether a pass is under way that began after it was requested.
    pub async fn directory_reads_on_request(&self, kind: &str) -> Result<bool> {
        let sql = "select count(*) > 0 from directory_sync
                    where kind = $1 and pass_ended_at is null and pass_started_at > pass_requested_at";
        self.value(sql, &[&kind]).await
    }

    /// Pretends that a resolver of an earlier version has begun and ended a pass of every kind, and found one record in each.
    pub async fn older_resolver_reads_everything(&self) -> Result<()> {
        let sql = "update directory_sync set pass_started_at = now(), pass_ended_at = now(), pass_cursor = null,
                          pass_rows = 1, pass_total = 1, problem = null, turned_at = now()";
        self.run_all(sql).await
    }

    /// Something if all opportunities have been read.
    pub async fn opportunities_known(&self) -> Result<Option<()>> {
        let known: bool =
            self.value("select read_at is not null and pass_at is not null from opportunities_read", &[]).await?;
        Ok(known.then_some(()))
    }

    /// Pretends that they were read so long ago.
    pub async fn opportunities_age(&self, seconds: i32) -> Result<()> {
        self.run("update opportunities_read set read_at = now() - make_interval(secs => $1::int)", &[&seconds])
            .await
            .map(drop)
    }

    pub async fn opportunities_of(&self, kind: &str, id: i64) -> Result<i64> {
        let sql = "select count(*) from directory_opportunities where case $1 when 'company' then company_id else individual_id end = $2";
        self.value(sql, &[&kind, &id]).await
    }

    /// Pretends that the companies of contacts were read so long ago.
    pub async fn companies_age(&self, seconds: i32) -> Result<()> {
        let sql = "update directory_records set companies_at = now() - make_interval(secs => $1::int) where companies_at is not null";
        self.run(sql, &[&seconds]).await.map(drop)
    }

    pub async fn directory_size(&self) -> Result<i64> {
        self.value("select count(*) from directory_records", &[]).await
    }

    pub async fn directory_size_of(&self, kind: &str) -> Result<i64> {
        self.value("select count(*) from directory_records where kind = $1", &[&kind]).await
    }

    /// The numbers of a record, separated by spaces.
    pub async fn numbers_of(&self, kind: &str, id: i64) -> Result<String> {
        let sql = "select coalesce(string_agg(number, ' ' order by number), '') from directory_numbers where kind = $1 and id = $2";
        self.value(sql, &[&kind, &id]).await
    }

    /// How many records have this number.
    pub async fn records_with(&self, number: &str) -> Result<i64> {
        self.value("select count(*) from directory_numbers where number = $1", &[&number]).await
    }

    pub async fn is_archived(&self, kind: &str, id: i64) -> Result<bool> {
        self.value("select archived from directory_records where kind = $1 and id = $2", &[&kind, &id]).await
    }

    /// Client, prospect or supplier.
    pub async fn relation_of(&self, kind: &str, id: i64) -> Result<Option<String>> {
        self.value("select record->>'relation' from directory_records where kind = $1 and id = $2", &[&kind, &id]).await
    }

    /// The number of phone numbers known to have no record.
    pub async fn misses(&self) -> Result<i64> {
        self.value("select count(*) from directory_misses", &[]).await
    }

    /// Pretends that a look-up of this number found nothing; the result is remembered for this many minutes.
    pub async fn add_miss(&self, number: &str, minutes: i32) -> Result<()> {
        let sql = "insert into directory_misses values ($1, now() + make_interval(mins => $2))
                       on conflict (number) do update set until = excluded.until";
        self.run(sql, &[&number, &minutes]).await.map(drop)
    }
}

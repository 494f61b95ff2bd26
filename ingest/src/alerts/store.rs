//! When each kind of alert was sent last, so that all replicas together send it once.

use base::{db::Client, error::Result};

/// True if the caller must send the alert. `level` is the number of parked messages; for the other kinds it is 1 for a problem
/// and 0 for none. An alert is due when the level has risen since the last alert, or when a day has passed and the level is
/// still above 0, but never within ten minutes of the last one. A level that falls is stored as well, so that an alert is due
/// when it rises again.
pub(super) async fn claim(client: &Client, kind: &str, level: i64) -> Result<bool> {
    let fallen = "update alerts set level = $2 where kind = $1 and level > $2";
    client.execute(fallen, &[&kind, &level]).await?;
    let sql = "insert into alerts as old (kind, level) select $1::text, $2::bigint where $2::bigint > 0
               on conflict (kind) do update set level = excluded.level, told_at = now()
                where old.told_at < now() - interval '10 min'
                  and (old.level < excluded.level or old.told_at < now() - interval '1 day')";
    Ok(client.execute(sql, &[&kind, &level]).await? == 1)
}

/// Gives a claim back after sending has failed: the next check of any replica tries again.
pub(super) async fn release(client: &Client, kind: &str) -> Result<()> {
    client.execute("update alerts set level = 0, told_at = '-infinity' where kind = $1", &[&kind]).await?;
    Ok(())
}

//! Which alert was told when, so that all replicas together tell each kind once.

use base::{db::Client, error::Result};

/// True for whoever has to tell: `level` (how many are parked; 1 for what is wrong and 0 for what is well) has risen since the
/// last time, or it was told a day ago and still is so; and not within ten minutes of the last time. What falls is remembered,
/// so that it is told when it rises again.
pub(super) async fn claim(client: &Client, kind: &str, level: i64) -> Result<bool> {
    let fallen = "update alerts set level = $2 where kind = $1 and level > $2";
    client.execute(fallen, &[&kind, &level]).await?;
    let sql = "insert into alerts as old (kind, level) select $1::text, $2::bigint where $2::bigint > 0
               on conflict (kind) do update set level = excluded.level, told_at = now()
                where old.told_at < now() - interval '10 min'
                  and (old.level < excluded.level or old.told_at < now() - interval '1 day')";
    Ok(client.execute(sql, &[&kind, &level]).await? == 1)
}

/// It could not be told: whoever comes next tries again.
pub(super) async fn take_back(client: &Client, kind: &str) -> Result<()> {
    client.execute("update alerts set level = 0, told_at = '-infinity' where kind = $1", &[&kind]).await?;
    Ok(())
}

//! What each receiver was told, and what it is to be told next: the table `alerts_told`.

use std::collections::BTreeMap;

use base::{
    db::Client,
    error::Result,
    settings::{AlertChannel, AlertKind},
};
use jiff::{SignedDuration, Timestamp};

use super::standing::Standing;

/// The shortest time between two messages that something is wrong.
const SPACING: SignedDuration = SignedDuration::from_mins(10);
/// So long after the last one, a message repeats that something is still wrong.
const REPEAT: SignedDuration = SignedDuration::from_hours(24);

/// What a receiver knows of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    messages: i64,
    level: i64,
    told_at: Option<Timestamp>,
    /// Since when something is wrong, as far as the receiver knows.
    since: Option<Timestamp>,
    /// Somebody is sending, or has failed a moment ago.
    is_taken: bool,
}

/// What a receiver is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Begun { level: i64, since: Timestamp },
    Over { since: Timestamp, until: Timestamp },
}

impl Told {
    /// It is told when something begins, when it gets worse, and once a day; and that it is over, if it was told that it had begun.
    pub(super) fn due(&self, standing: &Standing, now: Timestamp) -> Option<Due> {
        let passed = |since: SignedDuration| self.told_at.is_none_or(|told_at| now.duration_since(told_at) >= since);
        match *standing {
            _ if self.is_taken => None,
            Standing::Wrong { level, since } => {
                let is_due = level > self.level && passed(SPACING) || passed(REPEAT);
                is_due.then_some(Due::Begun { level, since })
            }
            Standing::Unknown | Standing::Ending => None,
            Standing::Well { until } => self.since.map(|since| Due::Over { since, until: until.unwrap_or(now) }),
        }
    }

    /// It has become less bad than the receiver knows: it is told when it gets worse again.
    pub(super) fn has_fallen_to(&self, standing: &Standing) -> Option<i64> {
        match *standing {
            Standing::Wrong { level, .. } if level < self.level => Some(level),
            _ => None,
        }
    }
}

pub(super) async fn all(client: &Client, receiver: AlertChannel) -> Result<BTreeMap<AlertKind, Told>> {
    let sql = "select kind, messages, level, told_at, since, coalesce(trying_until > now(), false)
                 from alerts_told where receiver = $1";
    let rows = client.prepared_query(sql, &[&receiver.as_str()]).await?;
    let told = |row: &tokio_postgres::Row| {
        let told = Told {
            messages: row.get(1),
            level: row.get(2),
            told_at: row.get(3),
            since: row.get(4),
            is_taken: row.get(5),
        };
        Some((AlertKind::parse(row.get(0))?, told))
    };
    Ok(rows.iter().filter_map(told).collect())
}

/// True if the caller is the one who sends the next message: for a minute, or until it says what became of it. A replica that read the row before
/// another one sent gets nothing, because there is a message more now.
pub(super) async fn claim(client: &Client, receiver: AlertChannel, kind: AlertKind, told: &Told) -> Result<bool> {
    let sql = "insert into alerts_told as old (receiver, kind, trying_until)
               select $1, $2, now() + interval '1 min'
               on conflict (receiver, kind) do update set trying_until = excluded.trying_until
                where old.messages = $3 and (old.trying_until is null or old.trying_until <= now())";
    Ok(client.prepared_execute(sql, &[&receiver.as_str(), &kind.as_str(), &told.messages]).await? == 1)
}

pub(super) async fn note_sent(client: &Client, receiver: AlertChannel, kind: AlertKind, due: Due) -> Result<()> {
    let sql = "update alerts_told
                  set messages = messages + 1, level = $3, since = $4::timestamptz, told_at = case when $4::timestamptz is null then told_at else now() end,
                      trying_until = null, failures = 0
                where receiver = $1 and kind = $2";
    let (level, since) = match due {
        Due::Begun { level, since } => (level, Some(since)),
        Due::Over { .. } => (0, None),
    };
    client.prepared_execute(sql, &[&receiver.as_str(), &kind.as_str(), &level, &since]).await?;
    Ok(())
}

/// Returns in how many seconds the next attempt is: in 5 s, 20 s, and so on up to a quarter of an hour.
pub(super) async fn note_failure(client: &Client, receiver: AlertChannel, kind: AlertKind) -> Result<f64> {
    let sql = "update alerts_told
                  set failures = failures + 1, trying_until = now() + make_interval(secs => least(5 * 4 ^ least(failures, 5), 900))
                where receiver = $1 and kind = $2
            returning extract(epoch from trying_until - now())::float8";
    let row = client.prepared_query_opt(sql, &[&receiver.as_str(), &kind.as_str()]).await?;
    Ok(row.map(|row| row.get(0)).unwrap_or_default())
}

pub(super) async fn note_fallen(client: &Client, receiver: AlertChannel, kind: AlertKind, level: i64) -> Result<()> {
    let sql = "update alerts_told set level = $3 where receiver = $1 and kind = $2 and level > $3";
    client.prepared_execute(sql, &[&receiver.as_str(), &kind.as_str(), &level]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_told_what_begins_gets_worse_lasts_or_ends() {
        let at = |minutes: i64| Timestamp::from_second(1_800_000_000 + 60 * minutes).unwrap();
        let nothing = Told::default();
        // Three since the beginning, told five minutes later.
        let told = Told { messages: 1, level: 3, told_at: Some(at(5)), since: Some(at(0)), is_taken: false };
        let was_over = Told { messages: 2, level: 0, since: None, ..told };
        let wrong = |level: i64| Standing::Wrong { level, since: at(0) };
        let (begun, well) =
            (|level: i64| Some(Due::Begun { level, since: at(0) }), Standing::Well { until: Some(at(30)) });
        for (told, standing, now, expected) in [
            (nothing, wrong(3), 5, begun(3)),
            (Told { is_taken: true, ..nothing }, wrong(3), 5, None),
            (nothing, Standing::Well { until: None }, 5, None),
            // It ended before the receiver could be told that it had begun.
            (nothing, well, 40, None),
            (told, wrong(3), 40, None),
            (told, wrong(4), 14, None),
            (told, wrong(4), 15, begun(4)),
            (told, wrong(2), 40, None),
            (told, wrong(2), 24 * 60 + 4, None),
            (told, wrong(2), 24 * 60 + 5, begun(2)),
            (told, Standing::Ending, 24 * 60 + 5, None),
            (told, well, 31, Some(Due::Over { since: at(0), until: at(30) })),
            // After an upgrade: the version before knew that it had begun.
            (told, Standing::Unknown, 31, None),
            (told, Standing::Well { until: None }, 31, Some(Due::Over { since: at(0), until: at(31) })),
            (Told { is_taken: true, ..told }, well, 31, None),
            (was_over, well, 31, None),
            // It begins again, but not within ten minutes.
            (was_over, wrong(1), 14, None),
            (was_over, wrong(1), 15, begun(1)),
        ] {
            assert_eq!(told.due(&standing, at(now)), expected, "{told:?} {standing:?} {now}");
        }
        for (standing, expected) in
            [(wrong(2), Some(2)), (wrong(3), None), (wrong(4), None), (Standing::Ending, None), (well, None)]
        {
            assert_eq!(told.has_fallen_to(&standing), expected, "{standing:?}");
        }
    }
}

//! Lets time pass in the ledger by moving stored times back: what waits becomes due, what is fresh becomes old.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use super::Ledger;
use crate::eventually;

impl Ledger {
    /// Moves the ledger by two minutes: leases run out, unclear creations have settled, deferred changes are due, and calls are handed
    /// on whose messages were lost. Only while nobody
    /// writes, or two would believe that they hold the lease of the same call.
    pub async fn time_passes(&self) -> Result<()> {
        let leases = "update calls set lease_until = lease_until - interval '2 minutes';
                      update tokens set claimed_until = claimed_until - interval '2 minutes'";
        self.run_all(leases).await?;
        let followups = "update followups set lease_until = lease_until - interval '2 minutes', intent_at = intent_at - interval '2 minutes',
                                due_at = due_at - interval '80 minutes' where over is null";
        self.run_all(followups).await?;
        self.messages_are_overdue().await?;
        self.pauses_end().await
    }

    /// The same except for the leases, so loggers may be running. Calls without a log no longer wait for the message of their
    /// decision.
    pub async fn pauses_end(&self) -> Result<()> {
        let decided_long_ago = "update calls set resolved_at = resolved_at - interval '10 minutes'
                                 where sellsy_id is null and resolved_at > now() - interval '5 minutes'";
        self.run_all(decided_long_ago).await?;
        let pauses =
            "update calls set intent_at = intent_at - interval '2 minutes', due_at = due_at - interval '2 minutes'
                       where intent_at is not null or due_at is not null";
        self.run_all(pauses).await
    }

    /// The time after which the ledger hands calls on whose messages were lost.
    pub async fn messages_are_overdue(&self) -> Result<()> {
        let overdue =
            "update calls set hand_on_at = hand_on_at - interval '2 hours', due_at = due_at - interval '2 hours'
                        where hand_on_at is not null";
        self.run_all(overdue).await
    }

    /// Only the time that changes of logs wait for (decision 0006), and what follows from calls.
    pub async fn gathering_ends(&self) -> Result<()> {
        let followups = "update followups set due_at = now()
                          where over is null and lease is null and due_at > now() and due_at < now() + interval '10 minutes'";
        self.run_all(followups).await?;
        self.run_all("update calls set due_at = due_at - interval '2 minutes' where due_at is not null").await
    }

    /// Pretends that the ledger was restored to its state of so many seconds ago, as far as it concerns what was written in Sellsy
    /// since. Only while nobody writes.
    pub async fn set_back(&self, seconds: u32) -> Result<()> {
        let sql = "update calls set sellsy_id = null, log_form = null, digest = null, writes = 0, written_at = null, intent_at = null,
                           hand_on_at = now() + interval '75 minutes'
                    where intent_at > now() - make_interval(secs => $1)
                       or call_id in (select call_id from timeline where what = 'logged' and at > now() - make_interval(secs => $1))";
        self.run(sql, &[&f64::from(seconds)]).await?;
        let followups = "with lost as (update followups f set sellsy_id = null, digest = null, stands = null, writing = null, intent_at = null, target = null,
                                           over = null, lease = null, lease_until = null, may_exist = true, due_at = now()
                                      where intent_at > now() - make_interval(secs => $1)
                                         or exists (select from timeline t where t.call_id = f.call_id and t.stage = 'followups' and t.at > now() - make_interval(secs => $1))
                                  returning key)
                         update messages set written_as = null where conversation in (select key from lost)";
        self.run(followups, &[&f64::from(seconds)]).await?;
        self.run_all("delete from logs_as_left where call_id in (select call_id from calls where sellsy_id is null)")
            .await
    }

    /// How many logs were made in the last so many seconds.
    pub async fn logged_since(&self, seconds: u32) -> Result<i64> {
        let sql = "select count(*) from timeline where what = 'logged' and at > now() - make_interval(secs => $1)";
        self.value(sql, &[&f64::from(seconds)]).await
    }

    /// The five minutes in which reconciliation leaves a call to the webhooks.
    pub async fn grace_ends(&self) -> Result<()> {
        self.run_all(
            "update calls set reconciled_at = reconciled_at - interval '10 minutes' where reconciled_at is not null",
        )
        .await?;
        let seen = "update calls set snapshot_at = least(snapshot_at, now() - interval '10 minutes') where snapshot_at is not null";
        self.run_all(seen).await
    }

    /// The pauses of alerts: between two of a kind, until something counts as wrong, and until it counts as over. What is wrong must still
    /// be seen to be wrong.
    pub async fn alerts_age(&self) -> Result<()> {
        let told = "update alerts_told set told_at = told_at - interval '11 min'";
        self.run_all(told).await?;
        self.suspicions_age(660).await?;
        self.run_all("update troubles set until = until - interval '61 s' where until is not null").await
    }

    /// Only the time for which something has been wrong.
    pub async fn suspicions_age(&self, seconds: i32) -> Result<()> {
        let sql =
            "update troubles set since = since - make_interval(secs => $1) where since is not null and until is null";
        self.run(sql, &[&f64::from(seconds)]).await.map(drop)
    }

    /// All processes were started long ago.
    pub async fn run_for_long(&self) -> Result<()> {
        self.run_all("update replicas set started_at = started_at - interval '1 hour'").await
    }

    /// A process of this worker was started just now.
    pub async fn just_started(&self, worker: &str) -> Result<()> {
        self.run("update replicas set started_at = now() where worker = $1", &[&worker]).await.map(drop)
    }

    /// The hour after which Sellsy is asked for the account's quotas again.
    pub async fn quotas_age(&self) -> Result<()> {
        self.run_all("update budgets set told_at = now() - interval '2 hours'").await
    }

    /// The time after its last heartbeat in which a process counts as alive.
    pub async fn replicas_age(&self, worker: &str) -> Result<()> {
        self.run("update replicas set seen_at = seen_at - interval '1 min' where worker = $1", &[&worker])
            .await
            .map(drop)
    }

    /// Makes the call this many days old.
    pub async fn call_ages(&self, call: i64, days: i32) -> Result<()> {
        let sql = "update calls set created_at = now() - make_interval(days => $2) where call_id = $1";
        self.run(sql, &[&call, &days]).await.map(drop)
    }

    /// Waits until reconciliation has completed one more turn.
    pub async fn reconciliation_turns(&self, within: Duration) -> Result<()> {
        let now = SystemTime::now();
        let ended = || async {
            let sql = "select count(*) > 0 from reconciliations where name = 'recent' and ended_at > $1";
            self.value::<bool>(sql, &[&now]).await.ok()?.then_some(())
        };
        eventually(within, ended).await.context("a turn")
    }
}

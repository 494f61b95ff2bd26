//! The access token that all processes share, in the table `tokens` (migration V20), and the claim to fetch one.
//!
//! One process at a time fetches. Its claim is a row, and beside it an advisory lock on a connection of its own: PostgreSQL releases
//! the lock when the process dies, and the next one that needs a token takes the claim over. The claim's time is for what a server
//! notices late, such as a machine without power. A more urgent lane takes it over while its holder still waits for the budget.
//!
//! A claim that is alive and has lost its lock is taken over as well: one whose connection broke, or one of an earlier version, which
//! has none. That costs a token more, and at worst a 401, which is answered with the newer token.

use std::time::Duration;

use base::{
    db::{Client, Database},
    error::{Code, Error, Result},
    ids::Vendor,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use uuid::Uuid;

use super::seal::Seal;
use crate::{api::LastCheck, budget::Lane};

/// From the claim until the request is sent; another process may claim after it.
const WAITS_S: f64 = 30.0;
/// Longer than a request takes.
const IN_FLIGHT_S: f64 = 25.0;
/// A lane before all others: nobody takes over a claim whose request is in flight.
const IN_FLIGHT_LANE: i32 = -1;

#[derive(Clone)]
pub(super) struct Token {
    pub(super) text: SecretString,
    pub(super) renew_at: Instant,
}

pub(super) struct SharedToken {
    pub(super) database: Database,
    pub(super) seal: Seal,
}

/// What a process may do that needs a token.
pub(super) enum Claim {
    Stored(Token),
    /// Another process, or another lane of this one, is fetching it.
    Busy,
    Ours(Box<Claimed>),
}

/// The claim to fetch a token, and the connection that has its lock.
pub(super) struct Claimed {
    pub(super) id: Uuid,
    _lock: Client,
}

impl SharedToken {
    /// The stored token, unless it is `refused`; otherwise the claim to fetch one.
    pub(super) async fn claim(&self, lane: Lane, refused: Option<&SecretString>) -> Result<Claim> {
        let client = self.database.client().await?;
        // Without a token the time is infinite, and not every version of PostgreSQL subtracts that.
        let sql = "select sealed, case when sealed is null then 0
                                       else extract(epoch from renew_at - clock_timestamp())::float8 end
                     from tokens where api = $1";
        let api = Vendor::Sellsy.as_str();
        let row = client.prepared_query_opt(sql, &[&api]).await?;
        let sealed: Option<Vec<u8>> = row.as_ref().and_then(|row| row.get(0));
        let fresh_s = row.map_or(0.0, |row| row.get::<_, f64>(1));
        let is_refused =
            |text: &SecretString| refused.is_some_and(|refused| refused.expose_secret() == text.expose_secret());
        let text = sealed.as_deref().filter(|_| fresh_s > 0.0).and_then(|sealed| self.seal.open(sealed));
        if let Some(text) = text.filter(|text| !is_refused(text)) {
            let fresh = Duration::try_from_secs_f64(fresh_s).unwrap_or_default();
            return Ok(Claim::Stored(Token { text, renew_at: Instant::now() + fresh }));
        }
        // Only if the stored token is still the one that was read. The lock is taken before anybody else sees the claim, and whoever
        // finds it free has it for this statement only.
        let sql = "with claim as (
                       insert into tokens as t (api, claimed_by, claimed_lane, claimed_until)
                       values ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
                       on conflict (api) do update
                          set claimed_by = excluded.claimed_by, claimed_lane = excluded.claimed_lane,
                              claimed_until = excluded.claimed_until
                        where t.sealed is not distinct from $5
                          and (t.claimed_until < clock_timestamp() or t.claimed_lane > excluded.claimed_lane
                               or pg_try_advisory_xact_lock(hashtext('callbridge token'), hashtext(t.claimed_by::text)))
                       returning claimed_by)
                   select pg_advisory_lock(hashtext('callbridge token'), hashtext(claimed_by::text)) from claim";
        let id = Uuid::now_v7();
        let claimed = client.prepared_execute(sql, &[&api, &id, &lane.index(), &WAITS_S, &sealed]).await?;
        Ok(if claimed == 1 { Claim::Ours(Box::new(Claimed { id, _lock: client.detach() })) } else { Claim::Busy })
    }

    /// Stores a token that was fetched, and ends the claim. Without a claim (an operator's check) it replaces any other.
    pub(super) async fn store(&self, text: &SecretString, life: Duration, claim: Option<Uuid>) -> Result<()> {
        let Some(sealed) = self.seal.seal(text) else { return Ok(()) };
        let sql = "insert into tokens as t (api, sealed, renew_at)
                   values ($1, $2, clock_timestamp() + make_interval(secs => $3))
                   on conflict (api) do update
                      set sealed = excluded.sealed, renew_at = excluded.renew_at, claimed_until = '-infinity'
                    where $4::uuid is null or t.claimed_by = $4";
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&Vendor::Sellsy.as_str(), &sealed, &life.as_secs_f64(), &claim];
        self.database.client().await?.prepared_execute(sql, &values).await?;
        Ok(())
    }

    /// Ends a claim without a token. If this fails, the claim ends with its time.
    pub(super) async fn release(&self, claim: Uuid) {
        let sql = "update tokens set claimed_until = '-infinity' where api = $1 and claimed_by = $2";
        if let Ok(client) = self.database.client().await {
            let _ = client.prepared_execute(sql, &[&Vendor::Sellsy.as_str(), &claim]).await;
        }
    }
}

/// The claim is still ours just before the request is sent; from then on nobody takes it over.
pub(super) struct StillOurs<'a> {
    pub(super) shared: &'a SharedToken,
    pub(super) claim: Uuid,
}

impl LastCheck for StillOurs<'_> {
    async fn check(&self) -> Result<(), Error> {
        let sql = "update tokens set claimed_lane = $3, claimed_until = clock_timestamp() + make_interval(secs => $4)
                    where api = $1 and claimed_by = $2";
        let client = self.shared.database.client().await?;
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&Vendor::Sellsy.as_str(), &self.claim, &IN_FLIGHT_LANE, &IN_FLIGHT_S];
        if client.prepared_execute(sql, &values).await? == 1 {
            return Ok(());
        }
        Err(Error::retry(Code::CallBusy, "another request fetches the token"))
    }
}

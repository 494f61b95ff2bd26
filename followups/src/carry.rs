//! Brings one row to what it should be: claims it, and leaves it to what knows its kind ([`crate::task`], [`crate::smart_tags`], [`crate::step`],
//! [`crate::prospect`], [`crate::conversation`]).
//!
//! What if the process dies at an await? Before a request nothing has happened. From the recorded intent until the ledger knows the answer, the
//! outcome of a request is unclear: when it has surely ended, what stands in Sellsy is looked at. The lease keeps a second replica out; the ledger
//! hands the row on again if nobody comes back.

use std::{sync::Arc, time::Duration};

use base::{
    db::Database,
    error::{Code, Error, Remedy, Result},
    ids::CallId,
    settings::Settings,
};
use broker::amqp::{Incoming, Outcome};
use jiff::Timestamp;
use ledger::{
    followups::{self, Became, Claimed, Followup, Key, Over, Task},
    timeline::Entry,
};
use logger::Owners;
use resolver::{LookUp, Newcomers};
use uuid::Uuid;
use vendors::{api::LastCheck, sellsy::Sellsy};

use crate::{
    about::{self, About},
    due::FollowupDue,
    labels::Labels,
    plan::SETTLES,
    steps::Steps,
};

pub(crate) const NAME: &str = "followups";
/// While somebody else holds the row, or has died with it.
pub(crate) const HELD: Duration = Duration::from_secs(30);
const NOT_STORED: Duration = Duration::from_secs(60);
const STORED_WITHIN: Duration = Duration::from_secs(3600);
/// Logs go first.
const CONTESTED: Duration = Duration::from_secs(30);
/// Requests in a row without a clear outcome. While Sellsy is unavailable none is sent, so it is this one that it cannot answer.
const MOST_UNCLEAR: i32 = 10;

pub(crate) struct Carry {
    pub(crate) database: Database,
    pub(crate) sellsy: Sellsy,
    pub(crate) owners: Owners,
    pub(crate) labels: Labels,
    pub(crate) steps: Steps,
    pub(crate) newcomers: Newcomers,
    pub(crate) look_up: LookUp,
    pub(crate) settings: Arc<Settings>,
}

/// What a message has brought, and the logger has not stored yet, perhaps because it is behind: again soon, until it must have been taken off.
pub(crate) fn not_stored(row: &Followup) -> Until {
    if row.age < STORED_WITHIN { Until::Again(NOT_STORED) } else { Until::Touched }
}

/// A request that has no answer may still be carried out.
pub(crate) fn settling(task: &Task) -> Option<Until> {
    match task {
        Task::Unclear { age } if *age < SETTLES => Some(Until::Again(SETTLES.saturating_sub(*age))),
        _ => None,
    }
}

/// A row that is ours for a while.
#[derive(Clone, Copy)]
pub(crate) struct Claim<'a> {
    pub(crate) key: &'a Key,
    pub(crate) lease: Uuid,
}

/// What ends the work on a row: it is over, something is to be done later, or there is nothing to do until something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    Over(Over),
    Again(Duration),
    Touched,
}

impl Carry {
    pub(crate) async fn handle(&self, message: &Incoming) -> Result<Outcome> {
        let FollowupDue { key } = message.event.payload()?;
        let Ok(key) = key.parse::<Key>() else {
            tracing::info!("A row of a newer version waits for a worker that knows it.");
            return Ok(Outcome::Done);
        };
        let lease = Uuid::now_v7();
        let row = match followups::claim(&self.database.client().await?, &key, lease).await? {
            Claimed::Ours(row) => *row,
            Claimed::Over => return Ok(Outcome::Done),
            Claimed::Held => {
                let remedy = Remedy::Defer { after: HELD };
                return Err(Error::new(Code::CallBusy, remedy, "another worker holds this row"));
            }
        };
        let carried = Box::pin(self.carry(row, Claim { key: &key, lease })).await;
        if let Err(e) = &carried {
            let client = self.database.client().await?;
            followups::give_back(&client, &key, lease, e.remedy == Remedy::Park).await?;
        }
        carried
    }

    async fn carry(&self, row: Followup, claim: Claim<'_>) -> Result<Outcome> {
        if self.sellsy.is_contested() {
            return self.release(claim, Until::Again(CONTESTED), None).await;
        }
        if row.unclear >= MOST_UNCLEAR {
            let message = format!("Sellsy has given no answer to this {} times in a row", row.unclear);
            return Err(Error::park(Code::SellsyUnavailable, message));
        }
        match claim.key {
            Key::Missed(_) | Key::ActionItem { .. } | Key::Tag { .. } => self.task(row, claim).await,
            Key::SmartTags { call, tag } => self.smart_tags(&row, claim, *call, tag).await,
            Key::Step { call, tag } => self.step(&row, claim, *call, tag).await,
            Key::Prospect(call) => self.prospect(row, claim, *call).await,
            Key::Messages { number, day } => self.conversation(&row, claim, number, *day).await,
        }
    }

    /// The call, and the time by the database. `None` if nothing is to follow from it.
    pub(crate) async fn about(&self, call: CallId) -> Result<Option<(About, Timestamp)>> {
        // Who holds a connection and waits for another may wait for itself: this one is given back at once.
        let client = self.database.client().await?;
        let Some(about) = about::call(&client, call).await? else { return Ok(None) };
        Ok(Some((about, client.now().await?)))
    }

    pub(crate) async fn record(&self, claim: Claim<'_>, became: &Became, line: Option<Entry>) -> Result<()> {
        let client = self.database.client().await?;
        if !followups::record(&client, claim.key, claim.lease, became, line).await? {
            tracing::warn!("The lease of a row ran out before its outcome was stored; its holder looks for it.");
        }
        Ok(())
    }

    pub(crate) async fn release(&self, claim: Claim<'_>, until: Until, line: Option<Entry>) -> Result<Outcome> {
        let (over, again_in) = match until {
            Until::Over(over) => (Some(over), None),
            Until::Again(after) => (None, Some(after)),
            Until::Touched => (None, None),
        };
        followups::release(&self.database.client().await?, claim.key, claim.lease, over, again_in, line).await?;
        Ok(Outcome::Done)
    }

    /// A change has no answer, and may still be carried out: until it must have ended, nobody may write what that would take back.
    pub(crate) async fn hold(&self, claim: Claim<'_>) -> Result<Outcome> {
        let held = async { followups::hold(&self.database.client().await?, claim.key, claim.lease, SETTLES).await };
        // The lease goes on, whatever becomes of this: given back, somebody else could write at once.
        if let Err(e) = held.await {
            tracing::warn!(error = %e, "That a change of Sellsy ended unclear could not be stored; its row stays reserved for two minutes.");
        }
        Ok(Outcome::Done)
    }

    pub(crate) fn before_write<'a>(&'a self, claim: Claim<'a>, became: Became) -> BeforeWrite<'a> {
        BeforeWrite { database: &self.database, claim, became }
    }
}

/// The last check before a request: the lease is still ours, and what may happen now is recorded.
pub(crate) struct BeforeWrite<'a> {
    database: &'a Database,
    claim: Claim<'a>,
    became: Became,
}

impl LastCheck for BeforeWrite<'_> {
    async fn check(&self) -> Result<()> {
        let client = self.database.client().await?;
        if followups::record(&client, self.claim.key, self.claim.lease, &self.became, []).await? {
            return Ok(());
        }
        Err(Error::retry(Code::CallBusy, "the lease ran out before Sellsy could be changed"))
    }
}

//! Which opportunities a customer has that are open or late.
//!
//! They are kept in the directory ([`table`]). Whoever needs them fresher than they are reads them for everybody: with up to a hundred in
//! the account, one request reads all of them; with more, two requests read what has changed since the last time. So calls cost one
//! or two requests a minute together, and none while nobody calls. Only if the directory cannot know them (more than a
//! hundred that no pass has read yet, far too many changes at once), Sellsy is asked for one customer.
//!
//! The database's clock counts; a reading counts from the moment before its request.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base::{
    db::{Client, Database},
    error::{Code, Error, Result},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::{sync::Mutex, time};
use vendors::{
    budget::Lane,
    sellsy::{
        Sellsy,
        wire::{Opportunity, Page, Related},
    },
};

use crate::{
    directory::opportunities::{self as table, Stored},
    rules::OPPORTUNITY_STATUSES,
};

/// How many rows a page of Sellsy has: so many opportunities are read with one request.
const PAGE: i64 = 100;
/// With more pages of changes than this, a pass is cheaper than a call that reads them all.
const PAGES_OF_CHANGES: usize = 3;
/// Sellsy's clock may differ from the database's by this.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);
/// Of one customer they are requested in order; the first that passes the check is chosen.
const OF_ONE: u32 = 5;
/// How long one process waits while another one reads.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long Sellsy is asked for each customer, after the directory was found unable to know them all.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(60);
/// A missing right is given by a person, some time.
const REFUSED_FOR: Duration = Duration::from_secs(3600);
/// An agent who has picked up does not look at a card any more.
const CARD_WAITS: Duration = Duration::from_secs(2);
/// A card may show what is this many times as old as what decides.
const CARD_FACTOR: u32 = 5;

/// What they are needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A card that comes late is worth less than one that is a little old.
    Card,
    Decision,
    /// Sellsy has just refused what was known: it is asked again, whatever is known.
    Doubt,
}

/// The opportunities of a customer.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) opportunities: Vec<Opportunity>,
    /// Until then they are fresh enough to decide.
    pub(crate) until: Timestamp,
}

#[derive(Clone)]
pub(crate) struct Opportunities {
    sellsy: Sellsy,
    database: Database,
    /// `OPPORTUNITIES_FRESH`
    fresh: Duration,
    /// Held by the one of this process that reads; and when the directory was last found unable to know them.
    reading: Arc<Mutex<Option<Instant>>>,
    /// When Sellsy last refused a pass, because a right is missing.
    pass_refused_at: Arc<Mutex<Option<Instant>>>,
}

impl Opportunities {
    pub(crate) fn new(sellsy: Sellsy, database: Database, fresh: Duration) -> Self {
        Self { sellsy, database, fresh, reading: Arc::default(), pass_refused_at: Arc::default() }
    }

    pub(crate) fn on(&self, lane: Lane) -> Self {
        Self { sellsy: self.sellsy.on(lane), ..self.clone() }
    }

    /// Those of a customer. `stored` is what the directory has, if that was read a moment ago.
    pub(crate) async fn of(&self, customer: &Related, need: Need, stored: Option<Stored>) -> Result<Known> {
        let at_most = match need {
            Need::Card => self.fresh * CARD_FACTOR,
            Need::Decision => self.fresh,
            Need::Doubt => return self.ask(customer).await,
        };
        let stored = match stored {
            Some(stored) => stored,
            None => table::of(&self.database.client().await?, customer).await?,
        };
        if stored.age.is_some_and(|age| age <= at_most) {
            return Ok(self.known(stored));
        }
        match need {
            Need::Card => self.in_time(customer, stored).await,
            Need::Decision | Need::Doubt => self.read(customer).await,
        }
    }

    /// What is stored is shown rather than nothing, if Sellsy does not answer in time.
    async fn in_time(&self, customer: &Related, stored: Stored) -> Result<Known> {
        let read = time::timeout(CARD_WAITS, self.read(customer)).await;
        let read = read.unwrap_or_else(|_| {
            Err(Error::retry(Code::SellsyUnavailable, "the opportunities did not come in time for the card"))
        });
        match read {
            Err(e) if stored.read_at.is_none() || matches!(e.code, Code::SellsyPlan | Code::SellsyForbidden) => Err(e),
            Err(_) => Ok(self.known(stored)),
            Ok(known) => Ok(known),
        }
    }

    async fn read(&self, customer: &Related) -> Result<Known> {
        if !self.bring_up_to_date().await? {
            return self.ask(customer).await;
        }
        let stored = table::of(&self.database.client().await?, customer).await?;
        // Somebody who was forgotten meanwhile has made all of them unknown.
        if stored.read_at.is_some() { Ok(self.known(stored)) } else { self.ask(customer).await }
    }

    fn known(&self, stored: Stored) -> Known {
        let until = stored.read_at.unwrap_or(Timestamp::MIN).saturating_add(self.fresh).unwrap_or(Timestamp::MIN);
        Known { opportunities: stored.opportunities, until }
    }

    /// Asks Sellsy for one customer.
    async fn ask(&self, customer: &Related) -> Result<Known> {
        let asked_at = self.database.client().await?.now().await?;
        let read = self.sellsy.opportunities(customer, &OPPORTUNITY_STATUSES, OF_ONE).await?;
        let mut client = self.database.client().await?;
        let transaction = client.transaction().await?;
        table::replace(&transaction, customer, &read).await?;
        transaction.commit().await?;
        let until = asked_at.saturating_add(self.fresh).unwrap_or(asked_at);
        Ok(Known { opportunities: read, until })
    }

    /// Reads what Sellsy knows now, unless somebody has just done it. False if the directory cannot know it.
    async fn bring_up_to_date(&self) -> Result<bool> {
        let mut unable_at = self.reading.lock().await;
        if unable_at.is_some_and(|at| at.elapsed() < TRY_AGAIN_AFTER) {
            return Ok(false);
        }
        let able = self.read_once().await?;
        *unable_at = (!able).then(Instant::now);
        Ok(able)
    }

    async fn read_once(&self) -> Result<bool> {
        if self.is_fresh(&self.database.client().await?).await? {
            return Ok(true);
        }
        let Some(mut client) = self.database.lock("opportunities", PATIENCE).await? else { return Ok(false) };
        if self.is_fresh(&client).await? {
            return Ok(true);
        }
        let state = table::state(&client).await?;
        match state.read_at.filter(|_| state.pass_at.is_some() && state.known > PAGE) {
            Some(read_at) => self.read_changes(&mut client, read_at).await,
            None => self.read_all(&mut client).await,
        }
    }

    async fn is_fresh(&self, client: &Client) -> Result<bool> {
        Ok(table::state(client).await?.age.is_some_and(|age| age <= self.fresh))
    }

    /// All that are open or late, if they fit on a page.
    async fn read_all(&self, client: &mut Client) -> Result<bool> {
        let began = client.now().await?;
        let page = self.sellsy.opportunities_page(&json!({ "statuses": OPPORTUNITY_STATUSES }), None).await?;
        if page.next_offset().is_some() || !is_complete(&page) {
            table::request_pass(client).await?;
            return Ok(false);
        }
        let transaction = client.transaction().await?;
        if table::note_read(&transaction, began).await? {
            table::put(&transaction, &page.data).await?;
            table::keep_only(&transaction, &page.data).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// What was made, or has another status, since then.
    async fn read_changes(&self, client: &mut Client, since: Timestamp) -> Result<bool> {
        let began = client.now().await?;
        let since = since.saturating_sub(MARGIN).unwrap_or(since).strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
        let mut changed = Vec::new();
        for filters in [
            json!({ "updated_status": { "start": since } }),
            json!({ "created": { "start": since }, "statuses": OPPORTUNITY_STATUSES }),
        ] {
            let (mut offset, mut pages) = (None::<String>, 0);
            loop {
                let page = self.sellsy.opportunities_page(&filters, offset.as_deref()).await?;
                offset = page.next_offset().map(ToString::to_string);
                changed.extend(page.data);
                pages += 1;
                if offset.is_none() {
                    break;
                }
                if pages == PAGES_OF_CHANGES {
                    table::request_pass(client).await?;
                    return Ok(false);
                }
            }
        }
        let transaction = client.transaction().await?;
        if table::note_read(&transaction, began).await? {
            table::put(&transaction, &changed).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Reads one again, which Sellsy has reported.
    pub(crate) async fn read_again(&self, id: i64) -> Result<()> {
        let read = self.sellsy.opportunity(id).await?;
        let mut client = self.database.client().await?;
        let transaction = client.transaction().await?;
        match read {
            Some(read) => table::put(&transaction, &[read]).await?,
            None => table::remove(&transaction, id).await?,
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Reads all of them, page by page, if that is due: once a day, because nothing reports that one was deleted, renamed or given to another
    /// customer.
    pub(crate) async fn pass_if_due(&self, client: &mut Client) -> Result<()> {
        let mut refused_at = self.pass_refused_at.lock().await;
        let refused = refused_at.is_some_and(|at| at.elapsed() < REFUSED_FOR);
        if refused || !table::state(client).await?.pass_is_due {
            return Ok(());
        }
        match self.pass(client).await {
            // Calls go on without opportunities, and say so.
            Err(e) if matches!(e.code, Code::SellsyPlan | Code::SellsyForbidden) => {
                tracing::info!(error = %e, "Opportunities cannot be read.");
                *refused_at = Some(Instant::now());
                Ok(())
            }
            read => read,
        }
    }

    async fn pass(&self, client: &mut Client) -> Result<()> {
        let began = client.now().await?;
        let (mut offset, mut rows, mut total) = (None::<String>, 0, None);
        loop {
            let filters = json!({ "statuses": OPPORTUNITY_STATUSES });
            let page = self.sellsy.opportunities_page(&filters, offset.as_deref()).await?;
            rows += page.data.len() as u64 + page.unreadable;
            total = page.pagination.total.or(total);
            let transaction = client.transaction().await?;
            table::put(&transaction, &page.data).await?;
            offset = page.next_offset().map(ToString::to_string);
            if offset.is_none() {
                if total.is_some_and(|total| rows < total) {
                    tracing::warn!(
                        rows,
                        total,
                        "Sellsy listed fewer opportunities than it counts; it is asked for each call."
                    );
                } else {
                    table::end_pass(&transaction, began).await?;
                }
            }
            transaction.commit().await?;
            if offset.is_none() {
                return Ok(());
            }
        }
    }
}

/// Sellsy has listed as many as it says there are. Without its word, an empty page is not believed.
fn is_complete(page: &Page<Opportunity>) -> bool {
    let rows = page.data.len() as u64 + page.unreadable;
    page.pagination.total.map_or(rows > 0, |total| rows >= total)
}

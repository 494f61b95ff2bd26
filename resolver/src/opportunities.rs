//! Which opportunities a customer has that are open or late.
//!
//! They are kept in the directory ([`table`]). Whoever needs them fresher than they are reads them for everybody: with up to a hundred in
//! the account, one request reads all of them; with more, two requests read what has another status or is new since the last time. So calls cost one
//! or two requests a minute together, and none while nobody calls. Only if the directory cannot know them (more than a
//! hundred that no pass has read yet, far too many changes at once), Sellsy is asked for one customer.
//!
//! The database's clock counts; a reading counts from the moment before its request.

use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use base::{
    db::{Client, Database},
    error::{Code, Error, Remedy, Result},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::{sync::Mutex, time};
use vendors::{
    budget::Lane,
    sellsy::{
        Order, Sellsy,
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
const OF_ONE: u32 = 100;
/// How long one waits while another one reads.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long Sellsy is asked for each customer, after the directory was found unable to know them all.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(60);
/// A missing right is given by a person, some time; a list that is shorter than Sellsy says stays so.
const REFUSED_FOR: Duration = Duration::from_secs(3600);
/// An agent who has picked up does not look at a card any more.
pub(crate) const CARD_WAITS: Duration = Duration::from_secs(2);
/// A card may show what is this many times as old as what decides.
const CARD_FACTOR: u32 = 5;

/// What they are needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A card that comes late is worth less than one that is a little old.
    Card,
    Decision,
    /// The same, if no request is needed for it.
    AtHand,
    /// Sellsy has just refused what was known: it is asked again, whatever is known.
    Doubt,
    /// Only whose number it is.
    Person,
}

/// The opportunities of a customer.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) opportunities: Vec<Opportunity>,
    /// Until then they are fresh enough to decide.
    pub(crate) until: Timestamp,
}

/// Whoever looks only at what is at hand leaves it to others to ask.
pub(crate) fn not_at_hand() -> Error {
    Error::retry(Code::CallBusy, "a request would be needed for that")
}

#[derive(Clone)]
pub(crate) struct Opportunities {
    sellsy: Sellsy,
    database: Database,
    /// `OPPORTUNITIES_FRESH`
    fresh: Duration,
    /// Held by the one of this process that reads.
    reading: Arc<Mutex<Readings>>,
    /// When a card last waited in vain.
    card_waited_at: Arc<std::sync::Mutex<Option<Instant>>>,
    /// When a pass last ended without effect.
    pass_failed_at: Arc<Mutex<Option<Instant>>>,
}

/// What the last reading of this process has shown.
#[derive(Default)]
struct Readings {
    /// When the directory was found unable to know them all.
    unable_at: Option<Instant>,
    /// When it failed, and why: who has waited for it fails with it, instead of trying again one after the other.
    failed: Option<(Instant, Error)>,
}

impl Opportunities {
    pub(crate) fn new(sellsy: Sellsy, database: Database, fresh: Duration) -> Self {
        let (reading, card_waited_at, pass_failed_at) = (Arc::default(), Arc::default(), Arc::default());
        Self { sellsy, database, fresh, reading, card_waited_at, pass_failed_at }
    }

    pub(crate) fn on(&self, lane: Lane) -> Self {
        Self { sellsy: self.sellsy.on(lane), ..self.clone() }
    }

    /// Those of a customer. `stored` is what the directory has, if that was read a moment ago.
    pub(crate) async fn of(&self, customer: &Related, need: Need, stored: Option<Stored>) -> Result<Known> {
        let at_most = match need {
            Need::Card => self.fresh * CARD_FACTOR,
            Need::Decision | Need::AtHand | Need::Person => self.fresh,
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
            Need::AtHand => Err(not_at_hand()),
            Need::Decision | Need::Doubt | Need::Person => self.read(customer).await,
        }
    }

    /// What is stored is shown rather than nothing, if Sellsy does not answer in time; for a while after that, no card waits.
    async fn in_time(&self, customer: &Related, stored: Stored) -> Result<Known> {
        let waited_at = || self.card_waited_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_slow = waited_at().is_some_and(|at| at.elapsed() < TRY_AGAIN_AFTER);
        if is_slow && stored.read_at.is_some() {
            return Ok(self.known(stored));
        }
        let read = time::timeout(CARD_WAITS, self.read(customer)).await.unwrap_or_else(|_| {
            *waited_at() = Some(Instant::now());
            Err(Error::retry(Code::SellsyUnavailable, "the opportunities did not come in time for the card"))
        });
        match read {
            Err(e) if stored.read_at.is_none() || is_missing_right(&e) => Err(e),
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
        let until = stored.read_at.and_then(|at| at.checked_add(self.fresh).ok());
        Known { opportunities: stored.opportunities, until: until.unwrap_or(Timestamp::UNIX_EPOCH) }
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
        let asked_at = Instant::now();
        let Ok(mut last) = time::timeout(PATIENCE, self.reading.lock()).await else { return Ok(false) };
        if last.unable_at.is_some_and(|at| at.elapsed() < TRY_AGAIN_AFTER) {
            return Ok(false);
        }
        if let Some((_, e)) = last.failed.as_ref().filter(|(at, _)| *at > asked_at) {
            return Err(e.clone());
        }
        let read = match self.read_once().await {
            // Sellsy answers, but not to this question: the one for a customer may be answered.
            Err(e) if matches!(e.remedy, Remedy::Park | Remedy::Retry { .. }) && !is_missing_right(&e) => {
                tracing::warn!(error = %e, "The list of opportunities cannot be read; Sellsy is asked for each customer.");
                Ok(false)
            }
            read => read,
        };
        last.unable_at = matches!(read, Ok(false)).then(Instant::now);
        last.failed = read.as_ref().err().map(|e| (Instant::now(), e.clone()));
        read
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
        let able = match state.read_at.filter(|_| state.pass_at.is_some() && state.known > PAGE) {
            Some(read_at) => self.read_changes(&mut client, read_at, state.newest).await?,
            None => self.read_all(&mut client).await?,
        };
        if !able {
            table::request_pass(&client).await?;
        }
        Ok(able)
    }

    async fn is_fresh(&self, client: &Client) -> Result<bool> {
        Ok(table::state(client).await?.age.is_some_and(|age| age <= self.fresh))
    }

    /// All that are open or late, if they fit on a page.
    async fn read_all(&self, client: &mut Client) -> Result<bool> {
        let began = client.now().await?;
        let page = self.page(&json!({ "statuses": OPPORTUNITY_STATUSES }), None, Order::Asc).await?;
        if !is_complete(rows(&page), page.pagination.total, page.next_offset().is_some()) {
            return Ok(false);
        }
        let transaction = client.transaction().await?;
        if table::note_read(&transaction, began, true, &page.data).await? {
            table::put(&transaction, &page.data).await?;
            table::keep_only(&transaction, &page.data).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// What has another status since then, and what was made since: of these the ids are greater than the greatest one that is known,
    /// whatever date they bear.
    async fn read_changes(&self, client: &mut Client, since: Timestamp, newest: i64) -> Result<bool> {
        let began = client.now().await?;
        let since = since.saturating_sub(MARGIN).unwrap_or(since).strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
        let changed = json!({ "updated_status": { "start": since } });
        let Some(mut changed) = self.pages(&changed, Order::Asc, |_| false).await? else { return Ok(false) };
        let open = json!({ "statuses": OPPORTUNITY_STATUSES });
        let is_known = |page: &[Opportunity]| page.iter().any(|opportunity| opportunity.id <= newest);
        let Some(made) = self.pages(&open, Order::Desc, is_known).await? else { return Ok(false) };
        changed.extend(made);
        let transaction = client.transaction().await?;
        if table::note_read(&transaction, began, false, &changed).await? {
            table::put(&transaction, &changed).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// The rows up to the page that is the last one that is wanted; `None` if there are too many pages, or fewer rows than Sellsy counts.
    async fn pages(
        &self,
        filters: &Value,
        order: Order,
        is_last: impl Fn(&[Opportunity]) -> bool,
    ) -> Result<Option<Vec<Opportunity>>> {
        let (mut offset, mut all, mut seen) = (None::<String>, Vec::new(), 0);
        for _ in 0..PAGES_OF_CHANGES {
            let page = self.page(filters, offset.as_deref(), order).await?;
            seen += rows(&page);
            offset = page.next_offset().map(ToString::to_string);
            let (total, is_last) = (page.pagination.total, is_last(&page.data));
            all.extend(page.data);
            if is_last {
                return Ok(Some(all));
            }
            match total {
                Some(total) if seen >= total => return Ok(Some(all)),
                None if offset.is_none() => return Ok(Some(all)),
                Some(_) if offset.is_none() => return Ok(None),
                Some(_) | None => {}
            }
        }
        Ok(None)
    }

    async fn page(&self, filters: &Value, offset: Option<&str>, order: Order) -> Result<Page<Opportunity>> {
        self.sellsy.opportunities_page(filters, offset, order).await
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
        let mut failed_at = self.pass_failed_at.lock().await;
        let failed = failed_at.is_some_and(|at| at.elapsed() < REFUSED_FOR);
        if failed || !table::state(client).await?.pass_is_due {
            return Ok(());
        }
        match self.pass(client).await {
            Ok(true) => return Ok(()),
            Ok(false) => {
                tracing::warn!("Sellsy lists fewer opportunities than it counts; it is asked for each customer.");
            }
            // Calls go on without opportunities, and say so.
            Err(e) if is_missing_right(&e) => tracing::info!(error = %e, "Opportunities cannot be read."),
            Err(e) => return Err(e),
        }
        *failed_at = Some(Instant::now());
        Ok(())
    }

    /// False if the list was not complete.
    async fn pass(&self, client: &mut Client) -> Result<bool> {
        let began = client.now().await?;
        let (mut offset, mut seen, mut total, mut newest) = (None::<String>, 0, None, 0);
        loop {
            let filters = json!({ "statuses": OPPORTUNITY_STATUSES });
            let page = self.page(&filters, offset.as_deref(), Order::Asc).await?;
            seen += rows(&page);
            total = page.pagination.total.or(total);
            newest = page.data.iter().map(|opportunity| opportunity.id).fold(newest, i64::max);
            offset = page.next_offset().map(ToString::to_string);
            let complete = is_complete(seen, total, offset.is_some());
            let transaction = client.transaction().await?;
            table::lock(&transaction).await?;
            table::put(&transaction, &page.data).await?;
            if complete {
                table::end_pass(&transaction, began, newest).await?;
            }
            transaction.commit().await?;
            if complete || offset.is_none() {
                return Ok(complete);
            }
        }
    }
}

fn rows(page: &Page<Opportunity>) -> u64 {
    page.data.len() as u64 + page.unreadable
}

/// Sellsy has listed as many as it says there are. Without its word, the last page says so, but an empty list is not believed.
fn is_complete(rows: u64, total: Option<u64>, goes_on: bool) -> bool {
    total.map_or(rows > 0 && !goes_on, |total| rows >= total)
}

fn is_missing_right(e: &Error) -> bool {
    matches!(e.code, Code::SellsyPlan | Code::SellsyForbidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_complete_if_sellsy_says_so() {
        for (rows, total, goes_on, expected) in [
            (0, Some(0), false, true),
            (40, Some(40), false, true),
            // A full page has an offset, whatever comes after it.
            (100, Some(100), true, true),
            (100, Some(101), true, false),
            (40, Some(41), false, false),
            (0, None, false, false),
            (40, None, false, true),
            (100, None, true, false),
        ] {
            assert_eq!(is_complete(rows, total, goes_on), expected, "{rows} of {total:?}");
        }
    }
}

//! Who owns a log: the staff member with the agent's e-mail, else the record's owner, else the configured one; the first
//! who can own something, as far as is known.
//!
//! Sellsy cannot be asked for a staff member by e-mail, so the list is fetched once and kept. An agent who is not on it
//! may have joined since: then the list is fetched again, but at most every ten minutes. While it is fetched, or if that
//! fails, the old list is used. The file of rules may name the staff of an agent whose address in Sellsy is another one.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex as StdMutex, PoisonError},
    time::Duration,
};

use base::{
    db::Database,
    error::{Code, Error, Remedy, Result},
    rules::{Rules, StaffRef},
};
use ledger::calls;
use tokio::{sync::Mutex, time::Instant};
use vendors::sellsy::{
    Sellsy,
    wire::{Staff, StaffStatus},
};

const KEEP: Duration = Duration::from_secs(3600);
const KEEP_IF_UNKNOWN: Duration = Duration::from_secs(600);
/// After a failure, and after a doubt: somebody may have left since the list was fetched.
const KEEP_IF_DOUBTED: Duration = Duration::from_secs(60);

pub struct Owners {
    sellsy: Sellsy,
    database: Database,
    default: Option<i64>,
    rules: Arc<Rules>,
    known: StdMutex<Known>,
    /// Held while the list is being fetched.
    fetching: Mutex<()>,
}

#[derive(Default)]
struct Known {
    list: Option<Arc<Staffs>>,
    /// When the list was fetched, or was to be.
    at: Option<Instant>,
    doubted: bool,
    /// The last failure, for those who waited for the first list.
    failed: Option<(Instant, Error)>,
    /// Owners whom Sellsy has refused.
    refused: HashMap<i64, Instant>,
}

/// The staff members who can own something.
#[derive(Debug, Default)]
struct Staffs {
    /// Their ids by e-mail in lower case.
    by_email: HashMap<String, i64>,
    /// Empty if the list cannot be read: then nobody is known to be unable.
    ids: HashSet<i64>,
}

impl Owners {
    pub fn new(sellsy: Sellsy, database: Database, default: Option<i64>, rules: Arc<Rules>) -> Self {
        let (known, fetching) = (StdMutex::default(), Mutex::default());
        Self { sellsy, database, default, rules, known, fetching }
    }

    pub async fn of(&self, agent_email: Option<&str>, record_owner: Option<i64>) -> Result<i64> {
        self.first_of(agent_email.and_then(|email| self.rules.agents.staff_of(email)), agent_email, record_owner).await
    }

    /// The same, with somebody who comes before the others. An agent's address counts if there is none.
    pub async fn first_of(
        &self,
        first: Option<&StaffRef>,
        agent_email: Option<&str>,
        record_owner: Option<i64>,
    ) -> Result<i64> {
        let (id, email) = match first {
            Some(StaffRef::Id(id)) => (Some(*id), None),
            Some(StaffRef::Email(email)) => (None, Some(email.clone())),
            None => (None, agent_email.map(str::to_lowercase)),
        };
        let staffs = self.staffs(email.as_deref()).await?;
        let agent = id.or_else(|| email.and_then(|email| staffs.by_email.get(&email).copied()));
        choose([agent, record_owner, self.default], &staffs.ids, |id| self.is_refused(id)).ok_or_else(|| {
            let message =
                "neither the agent's e-mail nor the record's owner names a Sellsy staff: set SELLSY_DEFAULT_OWNER_ID";
            Error::park(Code::SellsyNoOwner, message)
        })
    }

    /// Sellsy has refused a request; perhaps a staff member has left since the list was fetched.
    pub fn doubt(&self) {
        self.known(|known| known.doubted = true);
    }

    /// Sellsy has refused this owner.
    pub fn refused(&self, owner: i64) {
        self.known(|known| known.refused.insert(owner, Instant::now()));
    }

    pub fn is_refused(&self, owner: i64) -> bool {
        self.known(|known| known.refused.get(&owner).is_some_and(|at| at.elapsed() < KEEP))
    }

    /// For the card. A card without the owner's name is no reason to log nothing.
    async fn keep_names(&self, staffs: &[Staff]) {
        let names: Vec<_> = staffs.iter().map(|staff| (staff.id, full_name(staff))).collect();
        let kept = async { calls::keep_staffs(&self.database.client().await?, &names).await };
        if let Err(e) = kept.await {
            tracing::warn!(error = %e, "The names of Sellsy's staffs could not be kept; cards do not show owners.");
        }
    }

    fn known<T>(&self, of: impl FnOnce(&mut Known) -> T) -> T {
        of(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn staffs(&self, email: Option<&str>) -> Result<Arc<Staffs>> {
        let began = Instant::now();
        let (old, is_fresh) = self.known(|known| (known.list.clone(), known.is_fresh(email)));
        let _fetching = match &old {
            Some(old) if is_fresh => return Ok(old.clone()),
            // Somebody else is fetching it.
            Some(old) => match self.fetching.try_lock() {
                Ok(fetching) => fetching,
                Err(_) => return Ok(old.clone()),
            },
            None => self.fetching.lock().await,
        };
        // Somebody else has fetched the first list meanwhile, or failed to.
        if let (None, Some(list)) = (&old, self.known(|known| known.list.clone())) {
            return Ok(list);
        }
        if let Some((_, e)) = self.known(|known| known.failed.clone().filter(|(at, _)| *at > began)) {
            return Err(e);
        }
        let fetched = match self.sellsy.staffs().await {
            Ok(staffs) => {
                self.keep_names(&staffs).await;
                Ok(Staffs::of(staffs))
            }
            // Some plans and scopes hide the other staff members; then the record's owner is good enough.
            Err(e) if e.remedy == Remedy::Park && old.is_none() => {
                tracing::warn!(error = %e, "The staffs cannot be listed; logs go to the record's owner.");
                Ok(Staffs::default())
            }
            Err(e) => Err(e),
        };
        self.known(|known| known.take(fetched))
    }
}

/// First and last name, as far as they are known.
fn full_name(staff: &Staff) -> String {
    let names = [staff.firstname.as_deref(), staff.lastname.as_deref()];
    let names: Vec<_> = names.into_iter().flatten().map(str::trim).filter(|name| !name.is_empty()).collect();
    names.join(" ")
}

impl Known {
    fn is_fresh(&self, email: Option<&str>) -> bool {
        let is_unknown =
            email.is_some_and(|email| self.list.as_ref().is_none_or(|list| !list.by_email.contains_key(email)));
        let keep = match (self.doubted, is_unknown) {
            (true, _) => KEEP_IF_DOUBTED,
            (false, true) => KEEP_IF_UNKNOWN,
            (false, false) => KEEP,
        };
        self.at.is_some_and(|at| at.elapsed() < keep)
    }

    /// The new list, or the old one if it could not be fetched.
    fn take(&mut self, fetched: Result<Staffs>) -> Result<Arc<Staffs>> {
        self.at = Some(Instant::now());
        self.doubted = fetched.is_err();
        match (fetched, &self.list) {
            (Ok(staffs), _) => Ok(self.list.insert(Arc::new(staffs)).clone()),
            (Err(e), Some(old)) => {
                tracing::warn!(error = %e, "The staffs cannot be listed; the list that was fetched before is used.");
                Ok(old.clone())
            }
            (Err(e), None) => {
                self.failed = Some((Instant::now(), e.clone()));
                Err(e)
            }
        }
    }
}

impl Staffs {
    /// A blocked or deleted staff member can own nothing. Of two with one e-mail the first counts.
    fn of(staffs: Vec<Staff>) -> Self {
        let usable = staffs.into_iter().filter(|staff| staff.status.as_ref().is_none_or(|s| *s == StaffStatus::Ok));
        let mut able = Self::default();
        for staff in usable {
            able.ids.insert(staff.id);
            if let Some(email) = staff.email {
                able.by_email.entry(email.to_lowercase()).or_insert(staff.id);
            }
        }
        able
    }
}

/// The first in line who can own something, as far as is known. If there is none: somebody whom Sellsy has not refused,
/// although the list says no, and in the end the last in line. Sellsy decides.
fn choose(line: [Option<i64>; 3], able: &HashSet<i64>, refused: impl Fn(i64) -> bool) -> Option<i64> {
    let line = || line.into_iter().flatten();
    let mut untried = line().filter(|id| !refused(*id));
    let is_able = |id: &i64| able.is_empty() || able.contains(id);
    untried.clone().find(is_able).or_else(|| untried.next()).or_else(|| line().last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_list_is_better_than_none() {
        let staffs = |id| Staffs { by_email: [("agent@example.com".to_owned(), id)].into(), ids: [id].into() };
        let failure = || Error::retry(Code::SellsyUnavailable, "no answer");
        let mut known = Known::default();
        assert!(known.take(Err(failure())).is_err() && known.failed.is_some(), "there is no list yet");
        assert_eq!(known.take(Ok(staffs(1))).unwrap().ids, [1].into());
        assert!(known.is_fresh(Some("agent@example.com")) && known.is_fresh(Some("other@example.com")));
        known.doubted = true;
        known.at = Instant::now().checked_sub(KEEP_IF_DOUBTED);
        assert!(!known.is_fresh(Some("agent@example.com")));
        assert_eq!(known.take(Err(failure())).unwrap().ids, [1].into(), "the old one serves");
        assert!(known.is_fresh(Some("agent@example.com")), "and it is not asked for with each call");
        assert_eq!(known.take(Ok(staffs(2))).unwrap().ids, [2].into());
        assert!(!known.doubted);
    }

    #[test]
    fn the_next_in_line_owns_the_log_if_somebody_cannot() {
        let (agent, owner, default) = (Some(1), Some(2), Some(3));
        for (line, able, refused, expected) in [
            ([agent, owner, default], &[1, 2, 3][..], None, Some(1)),
            ([None, owner, default], &[1, 2, 3], None, Some(2)),
            // The record's owner was blocked, or has left.
            ([None, owner, default], &[1, 3], None, Some(3)),
            // Sellsy refuses somebody who is on the list.
            ([agent, owner, default], &[1, 2, 3], Some(1), Some(2)),
            // The list cannot be read.
            ([None, owner, default], &[], None, Some(2)),
            ([None, owner, default], &[], Some(2), Some(3)),
            // The one who is on the list was refused.
            ([None, owner, default], &[1, 3], Some(3), Some(2)),
            // There is nobody else.
            ([None, owner, None], &[1], None, Some(2)),
            ([None, None, default], &[1], Some(3), Some(3)),
            ([None, None, None], &[1], None, None),
        ] {
            let able = able.iter().copied().collect();
            assert_eq!(choose(line, &able, |id| Some(id) == refused), expected, "{line:?}, {able:?}, {refused:?}");
        }
    }
}

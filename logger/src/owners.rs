//! Who owns a log: the staff member with the agent's e-mail, else the record's owner, else the configured one.
//!
//! Sellsy cannot be asked for a staff member by e-mail, so the list is fetched once and kept. An agent who is not on it
//! may have joined since: then the list is fetched again, but at most every ten minutes.

use std::{collections::HashMap, time::Duration};

use base::error::{Code, Error, Remedy, Result};
use tokio::{sync::Mutex, time::Instant};
use vendors::sellsy::{
    Sellsy,
    wire::{Staff, StaffStatus},
};

const KEEP: Duration = Duration::from_secs(3600);
const KEEP_IF_UNKNOWN: Duration = Duration::from_secs(600);

pub(crate) struct Owners {
    sellsy: Sellsy,
    default: Option<i64>,
    staffs: Mutex<Option<(Instant, Emails)>>,
}

/// Ids of staff members who can own something, by e-mail in lower case.
type Emails = HashMap<String, i64>;

impl Owners {
    pub(crate) fn new(sellsy: Sellsy, default: Option<i64>) -> Self {
        Self { sellsy, default, staffs: Mutex::default() }
    }

    pub(crate) async fn of(&self, agent_email: Option<&str>, record_owner: Option<i64>) -> Result<i64> {
        let staff = match agent_email.map(str::to_lowercase) {
            Some(email) => self.staff(&email).await?,
            None => None,
        };
        staff.or(record_owner).or(self.default).ok_or_else(|| {
            let message =
                "neither the agent's e-mail nor the record's owner names a Sellsy staff: set SELLSY_DEFAULT_OWNER_ID";
            Error::park(Code::SellsyNoOwner, message)
        })
    }

    /// Drops the list after Sellsy has refused a request; perhaps a staff member has left since it was fetched.
    pub(crate) async fn forget(&self) {
        *self.staffs.lock().await = None;
    }

    async fn staff(&self, email: &str) -> Result<Option<i64>> {
        let mut kept = self.staffs.lock().await;
        if let Some((since, emails)) = kept.as_ref() {
            let found = emails.get(email).copied();
            let keep = if found.is_some() { KEEP } else { KEEP_IF_UNKNOWN };
            if since.elapsed() < keep {
                return Ok(found);
            }
        }
        let emails = match self.sellsy.staffs().await {
            Ok(staffs) => by_email(staffs),
            // Some plans and scopes hide the other staff members; then the record's owner is good enough.
            Err(e) if e.remedy == Remedy::Park => {
                tracing::warn!(error = %e, "The staffs cannot be listed; logs go to the record's owner.");
                Emails::new()
            }
            Err(e) => return Err(e),
        };
        let found = emails.get(email).copied();
        *kept = Some((Instant::now(), emails));
        Ok(found)
    }
}

/// A blocked or deleted staff member can own nothing. Of two with one e-mail the first counts.
fn by_email(staffs: Vec<Staff>) -> Emails {
    let mut emails = Emails::new();
    for staff in staffs {
        let usable = staff.status.as_ref().is_none_or(|status| *status == StaffStatus::Ok);
        if let Some(email) = staff.email.filter(|_| usable) {
            emails.entry(email.to_lowercase()).or_insert(staff.id);
        }
    }
    emails
}

//! The steps between reading the row and the end of the work on it.

use std::time::Instant;

use base::error::{Code, Error, Result};
use ledger::{
    calls::{self, CallRow, Log, Written},
    form::LogForm,
    timeline::{Entry, SellsyLog, What},
};
use vendors::sellsy::{WriteError, wire::PhoneCallCreate};

use super::{
    Work, Writer,
    claim::{BeforeWrite, LastRequest},
};
use crate::{
    plan::{self, Answer, Intent, Step},
    render::Ready,
};

impl Writer {
    pub(super) async fn render(&self, row: &CallRow, ready: &Ready<'_>) -> Result<PhoneCallCreate> {
        let agent = ready.call.user.as_ref().and_then(|user| user.email.as_deref());
        let owner_id = self.owners.of(agent, ready.record.owner_id).await?;
        self.renderer.render(row, ready, owner_id)
    }

    pub(super) async fn step(&self, work: Work<'_>, log: &PhoneCallCreate, step: Step) -> Result<Answer> {
        Ok(match step {
            Step::Find(forms) => Answer::Found(self.find(work.row, log, &forms).await),
            Step::Adopt { form, id } => {
                self.adopt(work, form, id).await?;
                Answer::Adopted { form, id }
            }
            Step::Create(form) => Answer::Created { form, answer: self.create(work, log, form).await },
            Step::Update(update) => {
                let check = self.before_write(work, update.form);
                let answer = self.forms.update(update.form, update.id, log, update.links, &check).await;
                remember(work, &answer);
                Answer::Updated { update, answer }
            }
        })
    }

    /// Our log on the record, if a creation whose outcome we never learned has made one.
    async fn find(&self, row: &CallRow, log: &PhoneCallCreate, forms: &[LogForm]) -> Result<Option<(LogForm, i64)>> {
        let Some(record) = log.related.first() else { return Ok(None) };
        for &form in forms {
            match self.forms.find(form, record, row.call_id, log).await {
                Ok(Some(id)) => return Ok(Some((form, id))),
                Ok(None) => {}
                Err(e) => {
                    self.doubt_owner(&e).await;
                    return Err(e);
                }
            }
        }
        Ok(None)
    }

    async fn adopt(&self, work: Work<'_>, form: LogForm, id: i64) -> Result<()> {
        let Work { claim, row, .. } = work;
        let log = SellsyLog::new(form, id);
        let found = match row.log {
            Log::Unclear { .. } => What::AdoptedUnclear(log),
            _ => What::AdoptedUnknown(log),
        };
        let line = Entry::new("logger", found);
        // Without a digest the log counts as not written.
        let written = Written { form, sellsy_id: id, digest: "" };
        calls::record_written(&self.database.client().await?, row, written, line, claim.lease, false).await?;
        Ok(())
    }

    async fn create(&self, work: Work<'_>, log: &PhoneCallCreate, form: LogForm) -> Result<i64, WriteError> {
        let answer = self.forms.create(form, log, &self.before_write(work, form)).await;
        remember(work, &answer);
        match &answer {
            Err(WriteError::Refused(e)) => self.doubt_owner(e).await,
            Err(WriteError::Missing) => self.owners.forget().await,
            Ok(_) | Err(WriteError::Unclear(_)) => {}
        }
        answer
    }

    fn before_write<'a>(&'a self, work: Work<'a>, form: LogForm) -> BeforeWrite<'a> {
        BeforeWrite { database: &self.database, claim: work.claim, row: work.row, form }
    }

    /// Sellsy may be rejecting the owner, if a staff member has left since the list was fetched.
    async fn doubt_owner(&self, e: &Error) {
        if e.code == Code::SellsyRejected {
            self.owners.forget().await;
        }
    }
}

/// The ledger learns it with the release of the lease.
fn remember<T>(work: Work<'_>, answer: &Result<T, WriteError>) {
    match plan::intent_after(work.row, answer) {
        Intent::Keep => {}
        Intent::Renew => work.claim.set(LastRequest::UnclearSince(Instant::now())),
        Intent::Withdraw => work.claim.set(LastRequest::Nothing),
    }
}
